/**
 * The microphone: one open track, a level to show, and a note when somebody talks into it while muted. Muting silences the
 * track and leaves the device open, so that unmuting is instant.
 */

import { open } from "./devices.js";

/** @import { Trouble } from "./devices.js" */

/** Root mean square above which it is a voice and not a room: about −42 dBFS. */
const VOICE = 0.008;
/** Samples (one each `LISTEN_MS`) of voice in a row that count as talking. */
const TALKING = 3;
const LISTEN_MS = 200;
const SCALE_DB = 54;

/** One for the page: browsers allow few. Made when first needed. @type {AudioContext | null} */
let context = null;
/** @returns {AudioContext | null} null where there is none */
export function audioContext() {
  if (!context && globalThis.AudioContext) context = new AudioContext({ latencyHint: "interactive" });
  return context;
}

/** Where a loudness stands on a meter, 0 to 1; linear in dB, as ears are. @param {number} rms */
export function meterLevel(rms) {
  return rms <= 0 ? 0 : Math.min(1, Math.max(0, 1 + (20 * Math.log10(rms) + 6) / SCALE_DB));
}

export class Microphone {
  /** @type {MediaStreamTrack | null} */ track = null;
  muted = false;
  /** Somebody talks while muted. */ onTalking = () => {};
  /** The device went away under us. */ onEnded = () => {};
  /** A voice, or silence, since the device was opened: in seconds of silence. */ silentSeconds = 0;
  /** @type {AnalyserNode | null} */ #analyser = null;
  /** @type {MediaStreamAudioSourceNode | null} */ #source = null;
  /** A second track of the same device, that stays loud while the first is muted. @type {MediaStreamTrack | null} */ #listening = null;
  /** @type {ReturnType<typeof setInterval> | undefined} */ #timer;
  #samples = new Float32Array(1024);
  #talked = 0;

  /** @param {string} [id] @param {boolean} [exact] @returns {Promise<Trouble | null>} */
  async start(id = "", exact = false) {
    const result = await open("microphone", id, exact);
    if (result.track) this.use(result.track);
    return result.trouble;
  }

  /** Takes a track that was opened elsewhere. @param {MediaStreamTrack} track */
  use(track) {
    this.stop();
    this.track = track;
    track.enabled = !this.muted;
    track.onended = () => track === this.track && this.onEnded();
    this.#meter(track);
  }

  stop() {
    clearInterval(this.#timer);
    this.#source?.disconnect();
    this.#listening?.stop();
    if (this.track) this.track.onended = null;
    this.track?.stop();
    this.track = this.#source = this.#analyser = this.#listening = null;
    this.silentSeconds = 0;
  }

  /** @param {boolean} muted */
  setMuted(muted) {
    this.muted = muted;
    if (this.track) this.track.enabled = !muted;
  }

  /** 0 to 1; null while the browser holds the meter back, which is not silence. */
  level() {
    if (!this.#analyser || this.#analyser.context.state !== "running") return null;
    return meterLevel(this.#loudness());
  }

  #loudness() {
    this.#analyser?.getFloatTimeDomainData(this.#samples);
    let sum = 0;
    for (const sample of this.#samples) sum += sample * sample;
    return Math.sqrt(sum / this.#samples.length);
  }

  /** @param {MediaStreamTrack} track */
  #meter(track) {
    const audio = audioContext();
    if (!audio) return;
    this.#listening = track.clone();
    this.#listening.enabled = true;
    this.#source = audio.createMediaStreamSource(new MediaStream([this.#listening]));
    this.#analyser = audio.createAnalyser();
    this.#analyser.fftSize = this.#samples.length;
    this.#source.connect(this.#analyser);
    this.#timer = setInterval(() => this.#listen(), LISTEN_MS);
  }

  #listen() {
    if (this.#analyser?.context.state !== "running") return;
    const loudness = this.#loudness();
    this.silentSeconds = loudness === 0 ? this.silentSeconds + LISTEN_MS / 1000 : 0;
    this.#talked = this.muted && loudness > VOICE ? this.#talked + 1 : 0;
    if (this.#talked === TALKING) this.onTalking();
  }
}
