/** What the only one here sees beside the own picture: the link to send, and what is known to work. */

import { html, render } from "../vendor/lit-html/lit-html.js";
import { effect, signal } from "../vendor/signals-core/signals-core.module.js";
import { icon, mark } from "../icon.js";
import { copyLink, linkTo } from "../session.js";
import * as store from "../state/store.js";
import { t } from "../strings/en.js";

/** @import { Place } from "./layout.js" */
/** @typedef {{ known: boolean, text: string }} Check */

const EVERY_MS = 2000;
/** Loss is told over this long. */
const SPAN_MS = 10_000;
/** Beside each other where there is this much width, and it is what there is more of. */
const BESIDE = { width: 480, ratio: 1.1 };
/** On a stage lower than this the card keeps to what matters. */
const LOW = 460;
/** The card takes no more of the height than this; the rest is the own picture's. */
const MOST_BELOW = 0.62;

export class AloneCard {
  element = Object.assign(document.createElement("section"), { className: "alone", hidden: true });
  #checks = signal(/** @type {Check[]} */ ([]));
  #copied = signal(false);
  /** @type {ReturnType<typeof setInterval> | undefined} */ #timer;
  /** @type {{ at: number, lost: number }[]} */ #losses = [];

  constructor() {
    effect(() => void render(this.#card(), this.element));
  }

  /** @param {boolean} shown */
  show(shown) {
    if (shown === !this.element.hidden) return;
    this.element.hidden = !shown;
    clearInterval(this.#timer);
    this.#losses = [];
    if (!shown) return;
    this.#timer = setInterval(() => this.#check(), EVERY_MS);
    this.#check();
  }

  /** Stands at the right, or below; where the own tile then stands. @param {{ width: number, height: number, gap: number }} stage @returns {Place} */
  beside({ width, height, gap }) {
    const { style } = this.element;
    const beside = width >= Math.max(BESIDE.width, height * BESIDE.ratio);
    const own = beside ? Math.floor((width - gap) / 2) : width;
    this.element.classList.toggle("compact", !beside || height < LOW);
    Object.assign(style, beside ? { left: `${own + gap}px`, bottom: "0", width: `${width - own - gap}px`, height: `${height}px`, maxHeight: "" } : { left: "0", bottom: "0", width: `${width}px`, height: "auto" });
    if (beside) return { x: 0, y: 0, width: own, height };
    const below = Math.min(this.element.offsetHeight, Math.floor(height * MOST_BELOW));
    style.maxHeight = `${below}px`;
    return { x: 0, y: 0, width: own, height: height - below - gap };
  }

  #card() {
    const copy = async () => {
      this.#copied.value = await copyLink();
      setTimeout(() => (this.#copied.value = false), 2500);
    };
    return html`<div class="alone-card">
      ${mark()}
      <h2>${t.alone}</h2>
      <p>${t.aloneText}</p>
      <div class="copy-field"><input readonly aria-label=${t.link} .value=${linkTo(store.channel.value).replace(/^https?:\/\//, "")} @focus=${(/** @type {Event} */ event) => /** @type {HTMLInputElement} */ (event.target).select()} /><button class="primary" @click=${copy}>${icon(this.#copied.value ? "check" : "copy")}${this.#copied.value ? t.copied : t.copy}</button></div>
      <div class="checks">
        <h3>${t.checked}</h3>
        <ul>${this.#checks.value.map((one) => html`<li class=${one.known ? "known" : ""}>${icon(one.known ? "check" : "turning")}<span>${one.text}</span></li>`)}</ul>
      </div>
    </div>`;
  }

  async #check() {
    // What was true before the way was lost says nothing.
    const connection = store.media.peek() === "connected" ? store.call.peek()?.connection : null;
    const senders = connection?.getSenders() ?? [];
    const [voice, picture] = await Promise.all([0, 1].map((index) => senders[index]?.getStats().then((report) => [...report.values()]) ?? []));
    if (this.element.hidden) return;
    this.#checks.value = [this.#voice(voice ?? []), this.#picture(picture ?? []), this.#path([...(voice ?? []), ...(picture ?? [])])];
  }

  /** @param {any[]} stats @returns {Check} */
  #voice(stats) {
    if (!store.microphone.peek()) return { known: false, text: t.check.voiceNone };
    if (store.silenced.peek()) return { known: false, text: t.check.voiceOff };
    const sent = stats.find((one) => one.type === "outbound-rtp");
    const heard = stats.find((one) => one.type === "remote-inbound-rtp");
    if (!sent?.packetsSent || !heard) return { known: false, text: t.check.voiceWait };
    const now = performance.now();
    this.#losses = [...this.#losses.filter((one) => now - one.at <= SPAN_MS), { at: now, lost: heard.packetsLost ?? 0 }];
    const first = this.#losses[0];
    const spans = first !== undefined && now - first.at >= SPAN_MS - EVERY_MS;
    return { known: true, text: t.check.voice(spans ? Math.max(0, (heard.packetsLost ?? 0) - first.lost) : null) };
  }

  /** @param {any[]} stats @returns {Check} */
  #picture(stats) {
    if (!store.camera.peek()) return { known: false, text: t.check.pictureOff };
    const heard = new Set(stats.filter((one) => one.type === "remote-inbound-rtp").map((one) => one.ssrc));
    const sizes = stats.filter((one) => one.type === "outbound-rtp" && one.frameWidth > 0 && one.active !== false && heard.has(one.ssrc));
    const largest = sizes.sort((a, b) => b.frameWidth - a.frameWidth)[0];
    if (!largest) return { known: false, text: t.check.pictureWait };
    return { known: true, text: t.check.picture(sizes.length, largest.frameWidth, largest.frameHeight) };
  }

  /** @param {any[]} stats @returns {Check} */
  #path(stats) {
    const transport = stats.find((one) => one.type === "transport");
    const pair = stats.find((one) => one.type === "candidate-pair" && (one.id === transport?.selectedCandidatePairId || one.selected));
    const local = stats.find((one) => one.id === pair?.localCandidateId);
    if (!pair || typeof pair.currentRoundTripTime !== "number") return { known: false, text: t.check.pathWait };
    return { known: true, text: t.check.path(local?.protocol ?? "udp", Math.max(1, Math.round(pair.currentRoundTripTime * 1000))) };
  }
}
