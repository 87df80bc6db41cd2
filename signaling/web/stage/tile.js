/**
 * One tile: a person's camera, or the screen somebody shares. It reads that person's signals and touches only itself; where it
 * stands, and which element plays its picture, the stage says.
 */

import { html, render } from "../vendor/lit-html/lit-html.js";
import { computed, effect, signal } from "../vendor/signals-core/signals-core.module.js";
import { face, hue, icon } from "../icon.js";
import { pictureChanged } from "../notices.js";
import { volumeOf } from "../state/preferences.js";
import { media, pinned, seconds, self } from "../state/store.js";
import { t } from "../strings/en.js";
import { openCard } from "./card.js";
import { look, why } from "./why.js";

/** @import { Person } from "../state/store.js" */
/** @import { Place } from "./layout.js" */

/** A picture that is later than this is worth a word. */
const WAITING_MS = 4000;
/** A camera without a frame for this long has stopped. */
const STALLED_MS = 1000;
/** A tile narrower than this has no room for more than a name. */
const SMALL = 150;
/** A picture that is softer than it could be for less long than this is no news. */
const SOFT_MS = 2000;

/** Words over a picture that does not come. @param {string} words @param {string} [note] @param {unknown} [sign] */
const veil = (words, note = "", sign = "") => html`<div class="veil">${sign}<p>${words}</p>${note && html`<small>${note}</small>`}</div>`;

export class Tile {
  /** @type {HTMLVideoElement | null} */ video = null;
  /** The picture has been seen since the slot began to carry it. */
  #shown = signal(false);
  #late = signal(false);
  #stalled = signal(false);
  /** Softer than it could be, for some time. */ #soft = signal(false);
  /** @type {ReturnType<typeof setTimeout> | undefined} */ #softening;
  /** Frames shown so far, and when that last changed. */ #frames = { count: 0, at: 0 };
  #place = "";
  /** @type {(() => void)[]} */ #ends = [];
  /** @type {ReturnType<typeof setTimeout> | undefined} */ #waiting;

  /** @param {Person} person @param {"camera" | "screen"} kind */
  constructor(person, kind) {
    this.person = person;
    this.kind = kind;
    this.id = kind === "screen" ? `${person.id}:screen` : person.id;
    this.own = person.id === self.peek();
    this.element = document.createElement("div");
    this.element.className = `tile ${kind}`;
    this.element.setAttribute("role", "group");
    this.element.tabIndex = -1;
    this.element.dataset.tile = this.id;
    this.picture = document.createElement("div");
    this.picture.className = "picture";
    this.over = document.createElement("div");
    this.over.className = "over";
    this.element.append(this.picture, this.over);
    this.element.addEventListener("dblclick", () => this.pin());
    this.element.addEventListener("contextmenu", (event) => {
      event.preventDefault();
      this.#more();
    });
    this.#watch();
  }

  /** @param {Place} place @param {boolean} moving whether it may be seen going there */
  put({ x, y, width, height }, moving) {
    const { style } = this.element;
    const place = `${x} ${y} ${width} ${height}`;
    if (place === this.#place) return;
    this.element.classList.toggle("moving", moving && this.#place !== "");
    this.#place = place;
    style.transform = `translate(${x}px, ${y}px)`;
    style.width = `${width}px`;
    style.height = `${height}px`;
    this.element.classList.toggle("small", width < SMALL);
  }

  /**
   * The element that plays this tile's picture, or none; it moves within one task, so it never stops. `fresh`: it is a new
   * picture, that is hidden until its first frame.
   * @param {HTMLVideoElement | null} video
   * @param {boolean} fresh
   * @param {() => boolean} [arrived] whether what the element shows is already this picture
   */
  show(video, fresh, arrived = () => true) {
    if (video && video.parentElement !== this.picture) this.picture.append(video);
    if (video === this.video && !fresh) return;
    this.video = video;
    this.#shown.value = false;
    if (video) this.#await(video, arrived);
  }

  /** Whether frames still come; asked now and then while the tile is seen. A shared screen may stand still. @param {number} now */
  look(now) {
    const count = this.video?.getVideoPlaybackQuality?.().totalVideoFrames ?? 0;
    if (count !== this.#frames.count || !this.#shown.peek()) this.#frames = { count, at: now };
    this.#stalled.value = this.kind === "camera" && !this.own && now - this.#frames.at > STALLED_MS;
  }

  /** Pins, or unpins. */
  pin() {
    pinned.value = pinned.peek() === this.id ? null : this.id;
  }

  #more() {
    const button = this.over.querySelector(".tile-more");
    if (button instanceof HTMLElement) openCard(button, this);
  }

  remove() {
    for (const end of this.#ends) end();
    clearTimeout(this.#waiting);
    clearTimeout(this.#softening);
    this.element.remove();
  }

  /** @param {HTMLVideoElement} video @param {() => boolean} arrived */
  #await(video, arrived) {
    const seen = () => {
      if (video !== this.video) return;
      if (arrived()) this.#shown.value = true;
      else this.#await(video, arrived);
    };
    if ("requestVideoFrameCallback" in video) video.requestVideoFrameCallback(seen);
    else if (/** @type {HTMLVideoElement} */ (video).readyState >= 2) seen();
    else /** @type {HTMLVideoElement} */ (video).addEventListener("loadeddata", seen, { once: true });
  }

  #watch() {
    const { person, kind } = this;
    const sends = computed(() => (kind === "screen" ? person.about.value.screen : person.about.value.camera));
    const arriving = computed(() => sends.value && !this.#shown.value);
    const hidden = computed(() => kind === "camera" && sends.value && person.hidden.value);
    const seen = computed(() => (sends.value && !hidden.value && this.#here ? look(this.slot) : null));
    const paused = computed(() => seen.value === "paused");
    const stalled = computed(() => sends.value && !hidden.value && !paused.value && this.#stalled.value && this.#here);
    const state = computed(() => ({ camera: sends.value, hidden: hidden.value, stalled: stalled.value, paused: paused.value, soft: this.#soft.value ? this.#why?.side ?? null : null }));
    let was = false;
    this.#ends.push(
      effect(() => {
        const before = was;
        was = paused.value;
        // A camera that was switched off is no picture that returned.
        if (was !== before && (was || (sends.peek() && !hidden.peek()))) pictureChanged(was, person.about.peek().name);
      }),
      effect(() => {
        clearTimeout(this.#waiting);
        this.#late.value = false;
        if (arriving.value) this.#waiting = setTimeout(() => (this.#late.value = true), WAITING_MS);
      }),
      effect(() => {
        clearTimeout(this.#softening);
        if (seen.value === "soft") this.#softening = setTimeout(() => (this.#soft.value = true), SOFT_MS);
        else this.#soft.value = false;
      }),
      effect(() => {
        const { classList } = this.element;
        classList.toggle("speaking", person.speaking.value && this.#here && kind === "camera");
        classList.toggle("off", !sends.value || hidden.value);
        classList.toggle("stalled", stalled.value);
        classList.toggle("paused", paused.value);
        classList.toggle("arriving", arriving.value);
        classList.toggle("lost", !this.#here);
        classList.toggle("pinned", pinned.value === this.id);
      }),
      effect(() => this.element.setAttribute("aria-label", this.#label(state.value))),
      effect(() => void render(this.#words({ ...state.value, arriving: arriving.value && !paused.value }), this.over)),
    );
  }

  /** Whether its person's connection stands. */
  get #here() {
    return this.person.lostAt.value === null;
  }

  get #name() {
    const { name } = this.person.about.value;
    return this.kind === "screen" ? t.screenOf(name) : this.own ? t.you(name) : name;
  }

  /** What carries this tile's picture. */
  get slot() {
    return this.own ? null : this.kind === "screen" ? this.person.screenSlot.value : this.person.cameraSlot.value;
  }

  /** Of its picture, in pixels. */
  get size() {
    return `${this.video?.videoWidth ?? 0} × ${this.video?.videoHeight ?? 0}`;
  }

  get #why() {
    const { slot } = this;
    return slot && why(slot, this.person.about.value.name, null, this.size);
  }

  /** @param {{ camera: boolean, hidden: boolean, stalled: boolean, paused: boolean, soft: string | null }} picture */
  #label(picture) {
    const { about, speaking } = this.person;
    const voice = this.kind === "camera";
    return t.tile({ name: this.#name, speaking: voice && speaking.value && this.#here, muted: voice && about.value.muted, ...picture, connected: this.#here, pinned: pinned.value === this.id });
  }

  /** @param {{ camera: boolean, arriving: boolean, hidden: boolean, stalled: boolean, paused: boolean, soft: string | null }} picture */
  #words({ camera, arriving, hidden, stalled, paused, soft }) {
    const { about, lostAt, speaking } = this.person;
    const { name, muted } = about.value;
    const voice = this.kind === "camera";
    const here = this.#here;
    const connected = media.value === "connected";
    const heard = voice && !this.own ? Math.round(volumeOf(name) * 100) : 100;
    return html`
      ${camera && !hidden ? "" : html`<div class=${`stand-in hue-${hue(name)}`}>${face(name)}</div>`}
      ${paused && connected ? veil(t.paused, this.#why?.sentence) : ""}
      ${here && stalled && connected ? veil(t.stalled(name)) : ""}
      ${here && arriving && !hidden && this.#late.value ? veil(t.waitingFor(name)) : ""}
      ${here ? "" : veil(t.reconnecting(name), t.seconds(Math.max(0, Math.round((seconds.value - (lostAt.value ?? 0)) / 1000))), icon("turning"))}
      <div class="tag">
        ${voice && muted ? html`<span class="tag-muted">${icon("mic-off")}</span>` : ""}
        ${voice && !muted && speaking.value && here ? html`<span class="wave" aria-hidden="true"><i></i><i></i><i></i><i></i></span>` : ""}
        ${arriving && here && !hidden && !(voice && (muted || speaking.value)) ? icon("turning") : ""}
        ${voice ? "" : icon("share")}
        <span class="tag-name" dir="auto">${this.#name}</span>
        ${hidden ? html`<span class="tag-note">${t.hiddenByYou}</span>` : heard === 100 ? "" : html`<span class="tag-note">${t.youHear(heard)}</span>`}
      </div>
      ${soft === null ? "" : html`<button class="tile-why" tabindex="-1" title=${this.#why?.sentence ?? ""} aria-label=${t.whySoft(this.#name)} @click=${() => this.#more()}>${t.soft}<span class="tile-side"> · ${soft}</span></button>`}
      <button class="tile-more" tabindex="-1" aria-label=${t.moreAbout(this.#name)} aria-haspopup="dialog" @click=${() => this.#more()} @dblclick=${(/** @type {Event} */ event) => event.stopPropagation()}>${icon(pinned.value === this.id ? "pin" : "more")}</button>`;
  }
}
