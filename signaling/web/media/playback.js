/**
 * Plays tracks in elements that the page owns and hands over, one for each slot: on the chosen speaker, silent while
 * deafened, and tried again at the next press where the browser holds the sound back.
 */

export class Playback {
  /** @type {Set<HTMLMediaElement>} */ #elements = new Set();
  #speaker = "";
  #deafened = false;
  /** The browser holds the sound back (true), or no longer does. @type {(blocked: boolean) => void} */ onBlocked = () => {};

  /** Plays this track in this element, from now on. @param {HTMLMediaElement} element @param {MediaStreamTrack} track */
  attach(element, track) {
    this.#elements.add(element);
    element.muted = this.#deafened || element instanceof HTMLVideoElement;
    element.srcObject = new MediaStream([track]);
    this.#route(element);
    this.#play(element);
  }

  /** @param {HTMLMediaElement} element */
  detach(element) {
    this.#elements.delete(element);
    element.srcObject = null;
  }

  /** An element that was moved, or that a browser stopped. @param {HTMLMediaElement} element */
  keep(element) {
    if (element.paused && element.srcObject) this.#play(element);
  }

  /** After a press: everything that was held back. */
  resume() {
    for (const element of this.#elements) this.keep(element);
  }

  /** @param {boolean} deafened */
  setDeafened(deafened) {
    this.#deafened = deafened;
    for (const element of this.#elements) if (!(element instanceof HTMLVideoElement)) element.muted = deafened;
  }

  /** @param {string} id of the speaker, or nothing for the system's */
  setSpeaker(id) {
    this.#speaker = id;
    for (const element of this.#elements) this.#route(element);
  }

  /** @param {HTMLMediaElement} element */
  #route(element) {
    if (element instanceof HTMLVideoElement || !("setSinkId" in element) || element.sinkId === this.#speaker) return;
    element.setSinkId(this.#speaker).catch(() => {}); // gone: the system's own stays in use
  }

  /** @param {HTMLMediaElement} element */
  #play(element) {
    element.play().then(
      () => element instanceof HTMLVideoElement || this.onBlocked(false),
      (error) => error.name === "NotAllowedError" && !(element instanceof HTMLVideoElement) && this.onBlocked(true),
    );
  }
}

export const canChooseSpeaker = () => typeof HTMLMediaElement !== "undefined" && "setSinkId" in HTMLMediaElement.prototype;
