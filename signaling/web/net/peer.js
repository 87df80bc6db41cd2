/**
 * One RTCPeerConnection: m-lines in a fixed order, one offer at a time, and a watch over whether packets still come.
 * A peer never comes back from `lost`; its owner makes the next one with the same tracks.
 */

import { preferCodecs } from "./codecs.js";
import { cameraEncodings, fitEncodings, screenEncodings, wantEncodings } from "./encodings.js";
import { watchLimits } from "./limits.js";
import { Slots } from "./slots.js";
import { MediaWatch } from "./watch.js";

/** @import { Limit, Source, SlotCounts } from "./socket.js" */
/** @import { Codec } from "./codecs.js" */
/** @import { Size } from "./encodings.js" */

/**
 * `connecting`: never yet connected. `blocked`: the same, and no answer came within five seconds. `interrupted`: packets
 * stopped, a restart is under way. `lost`: given up; a new connection is needed.
 * @typedef {"connecting" | "blocked" | "connected" | "interrupted" | "lost"} MediaState
 */
/** @typedef {Record<Source, MediaStreamTrack | null>} Tracks */

/** What is sent, in the order of its m-lines. @type {readonly Source[]} */
export const SOURCES = ["microphone", "camera", "screen", "screen_sound"];

export class Peer {
  /** @type {Map<Source, RTCRtpTransceiver>} */ #senders = new Map();
  /** What others want of each; everything where nothing is told. @type {Map<Source, boolean[]>} */ #wanted = new Map();
  /** Changes of encodings, one after the other: two at once would undo each other. @type {Promise<void>} */ #shaping = Promise.resolve();
  #busy = false;
  #again = false;
  #closed = false;
  #watch;

  /**
   * @param {object} options
   * @param {Tracks} options.tracks what is sent from the start
   * @param {Codec} options.codec
   * @param {Size} options.cameraSize of the open camera, or as it will be asked for
   * @param {(sdp: string, tracks: { mid: string, source: Source }[]) => Promise<string>} options.offer resolves to the answer
   * @param {(state: MediaState) => void} options.onState
   * @param {() => void} options.onSlots the mids are known
   * @param {(mid: string, by: Limit) => unknown} options.onLimit what keeps an own picture small changed
   * @param {(error: unknown) => void} options.onError an offer that failed, or an answer that the browser refused
   */
  constructor({ tracks, codec, cameraSize, offer, onState, onSlots, onLimit, onError }) {
    this.offer = offer;
    this.onState = onState;
    this.onSlots = onSlots;
    this.onError = onError;
    /** @type {MediaState} */
    this.state = "connecting";
    this.connection = new RTCPeerConnection({ bundlePolicy: "max-bundle" });
    this.#addSenders(tracks, codec, cameraSize);
    this.slots = new Slots(this.connection, codec);
    this.limits = watchLimits([...this.#senders.values()], onLimit);
    this.#watch = new MediaWatch(this.connection, (verdict) => this.#judge(verdict));
  }

  /** Nothing was offered yet. */
  get fresh() {
    return !this.#busy && this.connection.localDescription === null;
  }

  /** @param {Source} source @param {MediaStreamTrack | null} track */
  async setTrack(source, track) {
    const transceiver = this.#senders.get(source);
    if (!transceiver || this.#closed) return;
    await transceiver.sender.replaceTrack(track);
    if (track) await this.#shape(source);
  }

  /** Sends these encodings of an m-line and no others. @param {string} mid @param {boolean[]} encodings */
  want(mid, encodings) {
    for (const [source, transceiver] of this.#senders) {
      if (transceiver.mid !== mid) continue;
      this.#wanted.set(source, encodings);
      this.#shape(source);
    }
  }

  /** Adds slots and offers them, if there are fewer. @param {SlotCounts} counts */
  grow(counts) {
    if (this.slots.grow(counts)) this.negotiate();
  }

  /** Offers, now or when the offer under way is answered. @param {{ restart?: boolean }} [how] restart: with new ICE credentials */
  async negotiate({ restart = false } = {}) {
    if (this.#closed) return;
    if (restart) this.connection.restartIce();
    this.#again = true;
    if (this.#busy) return;
    this.#busy = true;
    try {
      while (this.#again && !this.#closed) {
        this.#again = false;
        await this.#exchange();
      }
    } catch (error) {
      if (!this.#closed) this.onError(error);
    } finally {
      this.#busy = false;
    }
  }

  close() {
    this.#closed = true;
    this.#watch.stop();
    this.limits.stop();
    this.connection.close();
  }

  async #exchange() {
    await this.connection.setLocalDescription();
    const sdp = this.connection.localDescription?.sdp ?? "";
    const tracks = [...this.#senders].flatMap(([source, { mid }]) => (mid === null ? [] : [{ mid, source }]));
    const answer = await this.offer(sdp, tracks);
    if (this.#closed) return;
    await this.connection.setRemoteDescription({ type: "answer", sdp: answer });
    this.#watch.answered();
    this.onSlots();
  }

  /** @param {Tracks} tracks @param {Codec} codec @param {Size} cameraSize */
  #addSenders(tracks, codec, cameraSize) {
    const voice = new MediaStream();
    const screen = new MediaStream();
    for (const source of SOURCES) {
      const kind = source === "camera" || source === "screen" ? "video" : "audio";
      const stream = source === "screen" || source === "screen_sound" ? screen : voice;
      /** @type {RTCRtpTransceiverInit} */
      const init = { direction: "sendonly", streams: [stream] };
      if (source === "camera") init.sendEncodings = cameraEncodings(cameraSize, codec);
      if (source === "screen") init.sendEncodings = screenEncodings();
      const transceiver = this.connection.addTransceiver(tracks[source] ?? kind, init);
      if (kind === "video") preferCodecs(transceiver, codec);
      this.#senders.set(source, transceiver);
      if (source === "camera" && tracks.camera) this.#shape(source);
    }
  }

  /** Sends a picture in the sizes that it gives and that somebody wants. @param {Source} source */
  #shape(source) {
    this.#shaping = this.#shaping.then(async () => {
      const sender = this.#senders.get(source)?.sender;
      const track = sender?.track;
      if (this.#closed || !sender || track?.kind !== "video") return;
      const { width = 0, height = 0 } = track.getSettings();
      try {
        const parameters = sender.getParameters();
        if (source === "camera" && width > 0 && height > 0) fitEncodings(parameters.encodings, { width, height });
        else for (const encoding of parameters.encodings) encoding.active = true;
        wantEncodings(parameters.encodings, this.#wanted.get(source) ?? []);
        await sender.setParameters(parameters);
      } catch {
        // The sender stays as it was: larger or smaller than anybody needs, and still a picture.
      }
    });
    return this.#shaping;
  }

  /** @param {import("./watch.js").Verdict} verdict */
  #judge(verdict) {
    if (this.#closed || this.state === "lost") return;
    const before = this.state;
    if (verdict === "interrupted" && before === "interrupted") return;
    this.state = verdict;
    if (before !== verdict) this.onState(verdict);
    if (verdict === "interrupted") this.negotiate({ restart: true });
  }
}
