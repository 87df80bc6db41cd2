/**
 * Plays tracks in elements that the page owns and hands over, one for each slot: on the chosen speaker, as loud as the
 * listener wants, silent while deafened, and tried again at the next press where the browser holds the sound back.
 */

export class Playback {
  /** @param {() => AudioContext | null} context */
  constructor(context) {
    this.context = context;
  }

  /** @type {Set<HTMLMediaElement>} */ #elements = new Set();
  /** Elements that are silent because their track is heard through a gain, at this volume. @type {Map<HTMLMediaElement, { source: AudioNode, gain: GainNode, volume: number }>} */ #gains = new Map();
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
    this.#endGain(element);
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
    for (const element of this.#elements) if (!(element instanceof HTMLVideoElement)) element.muted = deafened || this.#gains.has(element);
    for (const { gain, volume } of this.#gains.values()) gain.gain.value = deafened ? 0 : volume;
  }

  /** How loud one element is. Above 1, and where a browser lets no page set it, through a gain. @param {HTMLMediaElement} element @param {number} volume 0 to 2 */
  setVolume(element, volume) {
    element.volume = Math.min(volume, 1);
    if (volume === 1 || (volume < 1 && element.volume !== 1)) this.#endGain(element);
    else this.#gain(element, volume);
  }

  /** @param {HTMLMediaElement} element @param {number} volume */
  #gain(element, volume) {
    const context = this.context();
    const stream = element.srcObject;
    if (!context || !(stream instanceof MediaStream)) return;
    let made = this.#gains.get(element);
    if (!made) {
      const source = context.createMediaStreamSource(stream);
      const gain = context.createGain();
      source.connect(gain).connect(context.destination);
      made = { source, gain, volume };
      this.#gains.set(element, made);
    }
    made.volume = volume;
    made.gain.gain.value = this.#deafened ? 0 : volume;
    element.muted = true;
  }

  /** @param {HTMLMediaElement} element */
  #endGain(element) {
    const made = this.#gains.get(element);
    if (!made) return;
    this.#gains.delete(element);
    made.source.disconnect();
    made.gain.disconnect();
    element.muted = this.#deafened;
  }

  /** @param {string} id of the speaker, or nothing for the system's */
  setSpeaker(id) {
    this.#speaker = id;
    const context = /** @type {(AudioContext & { setSinkId?: (id: string) => Promise<void> }) | null} */ (this.context());
    context?.setSinkId?.(id).catch(() => {}); // as below
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
