/**
 * How large each slot is shown, told to the server as seldom as does no harm: larger at once, smaller after half a second of
 * quiet, at most five messages a second, nothing at all from a tab that has been hidden for five seconds.
 *
 * `ViewHints` decides and is told the time; `ViewSender` has the timer.
 */

/** @import { SlotView } from "./socket.js" */

/** Sizes are rounded up to this many pixels, so that a resize by a pixel is no message. */
const STEP = 16;
/** More pixels than twice the CSS size show no more on any screen a person looks at from a chair. */
const RATIO_MAX = 2;
const QUIET_MS = 500;
/** Five a second. */
const SPACING_MS = 200;
const HIDDEN_MS = 5000;

/** Device pixels to ask for. @param {number} css @param {number} ratio of device to CSS pixels */
export function pixels(css, ratio) {
  return Math.ceil((Math.max(css, 0) * Math.min(ratio, RATIO_MAX)) / STEP) * STEP;
}

/** @param {SlotView | undefined} one */
const area = (one) => (one ? one.width * one.height : 0);
/** @param {SlotView} a @param {SlotView | undefined} b */
const same = (a, b) => b !== undefined && a.width === b.width && a.height === b.height && a.priority === b.priority;

export class ViewHints {
  /** @type {Map<string, SlotView>} */ #wanted = new Map();
  /** @type {Map<string, SlotView>} */ #told = new Map();
  #changedAt = -Infinity;
  #sentAt = -Infinity;
  /** Since when the tab is hidden; null while it is seen. @type {number | null} */ #hiddenAt = null;

  /** What is shown, all of it: a slot that is not named is not shown. @param {number} now milliseconds @param {SlotView[]} views */
  want(now, views) {
    const next = new Map(views.map((view) => [view.mid, view]));
    for (const mid of this.#wanted.keys()) {
      if (!next.has(mid)) next.set(mid, { mid, width: 0, height: 0, priority: 1 });
    }
    const changed = [...next.values()].some((view) => !same(view, this.#wanted.get(view.mid)));
    this.#wanted = next;
    if (changed) this.#changedAt = now;
  }

  /** @param {number} now @param {boolean} hidden */
  hide(now, hidden) {
    this.#hiddenAt = hidden ? (this.#hiddenAt ?? now) : null;
  }

  /** The server knows nothing of us (again). */
  forget() {
    this.#told.clear();
  }

  /**
   * What to send now, and when to ask again (milliseconds of the same clock; null: not before something changes).
   * @param {number} now
   * @returns {{ send: SlotView[], next: number | null }}
   */
  due(now) {
    const dark = this.#hiddenAt !== null && now - this.#hiddenAt >= HIDDEN_MS;
    const wake = this.#hiddenAt !== null && !dark ? this.#hiddenAt + HIDDEN_MS : null;
    const views = [...this.#wanted.values()].map((view) => (dark ? { ...view, width: 0, height: 0 } : view));
    const open = views.filter((view) => !same(view, this.#told.get(view.mid)));
    if (open.length === 0) return { send: [], next: wake };
    const urgent = dark || open.some((view) => !this.#told.has(view.mid) || area(view) > area(this.#told.get(view.mid)));
    const at = Math.max(this.#sentAt + SPACING_MS, urgent ? now : this.#changedAt + QUIET_MS);
    if (at > now) return { send: [], next: wake === null ? at : Math.min(at, wake) };
    for (const view of open) this.#told.set(view.mid, view);
    this.#sentAt = now;
    return { send: open, next: wake };
  }
}

export class ViewSender {
  #hints = new ViewHints();
  /** @type {ReturnType<typeof setTimeout> | undefined} */ #timer;
  #visibility = () => {
    this.#hints.hide(performance.now(), document.visibilityState === "hidden");
    this.#turn();
  };

  /** @param {(slots: SlotView[]) => boolean} send whether it could be sent */
  constructor(send) {
    this.send = send;
    globalThis.document?.addEventListener("visibilitychange", this.#visibility);
  }

  /** @param {SlotView[]} views */
  want(views) {
    this.#hints.want(performance.now(), views);
    this.#turn();
  }

  /** Tells everything again: after a `welcome`, and after an answer that made slots. */
  again() {
    this.#hints.forget();
    this.#turn();
  }

  close() {
    clearTimeout(this.#timer);
    globalThis.document?.removeEventListener("visibilitychange", this.#visibility);
  }

  #turn() {
    clearTimeout(this.#timer);
    const { send, next } = this.#hints.due(performance.now());
    if (send.length > 0 && !this.send(send)) this.#hints.forget();
    else if (next !== null) this.#timer = setTimeout(() => this.#turn(), Math.max(0, next - performance.now()));
  }
}
