/**
 * confab.js: a voice channel in a browser, as a library. No elements, no page: it takes tracks and hands out tracks.
 *
 *     const call = join({ url: "wss://confab.example/v1/socket", channel: "kitchen-table", name: "Sam" });
 *     call.addEventListener("slots", () => { for (const slot of call.slots) audio.srcObject = new MediaStream([call.track(slot.mid)]); });
 *     call.send("microphone", track);
 *
 * Described in docs/client.md; the messages in docs/protocol.md.
 */

import { Peer, SOURCES } from "./net/peer.js";
import { changes } from "./net/slots.js";
import { Socket } from "./net/socket.js";
import { ViewSender } from "./net/view.js";

/** @import { Assignment, Bye, Link, Participant, ServerError, ServerMessage, SlotCounts, SlotView, SocketState, Source, Speaker, Welcome } from "./net/socket.js" */
/** @import { Codec } from "./net/codecs.js" */
/** @import { Size } from "./net/encodings.js" */
/** @import { MediaState, Tracks } from "./net/peer.js" */

export const version = "0.1.0";

/**
 * @typedef {object} JoinOptions
 * @property {string} url of the socket: `wss://host/v1/socket`
 * @property {string} channel
 * @property {string} name
 * @property {Codec} [codec] offered first for what is sent; VP8 if not given
 * @property {Partial<Tracks>} [tracks] what is sent from the start; more, and others, by `send`
 * @property {Size} [cameraSize] the size that the camera will be asked for, if it is not open yet; 1280 × 720 if not given
 * @property {boolean} [muted]
 * @property {boolean} [deafened]
 */

/**
 * What a call says, by the name of its event; the value is the event's `detail`.
 * @typedef {object} CallEvents
 * @property {Welcome} welcome the whole state: at first, and after each return
 * @property {Participant} joined
 * @property {Participant} changed
 * @property {{ participant: Participant, reason: string }} left
 * @property {{ begun: Assignment[], ended: Assignment[] }} slots other publications play in other slots; `call.slots` has them all
 * @property {Speaker[]} speakers
 * @property {Link} link once `watch(true)` was called
 * @property {SocketState} socket
 * @property {MediaState} media
 * @property {RTCPeerConnection} connection a new connection: all tracks of the last one have ended
 * @property {ServerError} refused joining was refused; `channel_full` and `server_full` are tried again
 * @property {{ code: string, fault: string, message: string }} fault something failed that no retry repairs
 * @property {Bye} bye the server ended this call, and coming back by itself would be wrong
 */

/** Between two tries to get into a full channel: soon enough for whoever waits, seldom enough for the server. */
const FULL_RETRY_MS = 5000;
/** Between two new connections: a network that refuses the first refuses the next. */
const RENEW_SPACING_MS = 3000;
/** An answer takes a round trip; a server that owes one for this long is asked again. */
const ANSWER_MS = 10_000;
/** After these words of the server only a person can decide to come back. */
const FINAL_BYES = new Set(["replaced", "left"]);

/** @type {Tracks} */
const NO_TRACKS = { microphone: null, camera: null, screen: null, screen_sound: null };

/** Comes into a channel. Returns at once; what happens is told by events. @param {JoinOptions} options */
export function join(options) {
  const call = new Call(options);
  call.open();
  return call;
}

export class Call extends EventTarget {
  /** Own id, once welcomed. */
  participant = "";
  /** Everybody in the channel, self included, in order of arrival. @type {Participant[]} */ participants = [];
  /** What plays in which slot. @type {Assignment[]} */ slots = [];
  /** Who is heard, loudest first. @type {Speaker[]} */ speakers = [];
  /** What the way from the server carries, once that was asked for and is known. @type {Link | null} */ link = null;
  muted;
  deafened;
  #watches = false;
  #options;
  #codec;
  #tracks;
  #socket;
  #view;
  /** @type {Peer | null} */ #peer = null;
  /** @type {SlotCounts} */ #counts = { audio: 0, video: 0 };
  /** @type {string | null} */ #resume = null;
  #leaveUrl = "";
  #offers = 0;
  /** @type {Map<number, { resolve: (sdp: string) => void, reject: (error: unknown) => void }>} */ #pending = new Map();
  /** @type {ReturnType<typeof setTimeout> | undefined} */ #later;
  #renewedAt = -Infinity;
  #pageHide = () => this.#beacon();
  #pageShow = (/** @type {PageTransitionEvent} */ event) => event.persisted && this.#reopen();

  /** @param {JoinOptions} options */
  constructor(options) {
    super();
    this.#options = options;
    this.#codec = options.codec ?? "VP8";
    this.#tracks = { ...NO_TRACKS, ...options.tracks };
    this.channel = options.channel;
    this.name = options.name;
    this.muted = options.muted ?? false;
    this.deafened = options.deafened ?? false;
    this.#socket = new Socket({
      url: options.url,
      hello: () => ({ op: "join", channel: this.channel, name: this.name, resume: this.#resume }),
      onMessage: (message) => this.#receive(message),
      onState: (state) => this.#socketState(state),
    });
    this.#view = new ViewSender((slots) => this.#sendViews(slots));
  }

  /** To be told what the way from the server carries, or no longer. @param {boolean} on */
  watch(on) {
    this.#watches = on;
    if (this.socket.state === "open") this.#socket.send({ op: "watch", link: on });
  }

  open() {
    globalThis.addEventListener?.("pagehide", this.#pageHide);
    globalThis.addEventListener?.("pageshow", this.#pageShow);
    this.#socket.open();
    this.#prepare();
  }

  /** The RTCPeerConnection in use, for statistics. */
  get connection() {
    return this.#peer?.connection ?? null;
  }

  /** @returns {SocketState} */
  get socket() {
    return this.#socket.state;
  }

  /** @returns {MediaState} */
  get media() {
    return this.#peer?.state ?? "connecting";
  }

  /** The slots of the present connection, with their tracks. */
  receivers() {
    return this.#peer?.slots.all() ?? [];
  }

  /** The track of a slot. @param {string} mid */
  track(mid) {
    return this.receivers().find((slot) => slot.mid === mid)?.track ?? null;
  }

  /** Sends this track, or nothing, as that source. Never a new offer. @param {Source} source @param {MediaStreamTrack | null} track */
  async send(source, track) {
    this.#tracks[source] = track;
    this.#sendVoice();
    try {
      await this.#peer?.setTrack(source, track);
    } catch (error) {
      this.#fault("track", error);
    }
  }

  /** Tells that own voice is off (on). The track is the caller's to silence: it should be silent before this is told. @param {boolean} muted */
  setMuted(muted) {
    this.muted = muted;
    this.#sendVoice();
  }

  /** Tells that nothing is to be heard (again). @param {boolean} deafened */
  setDeafened(deafened) {
    this.deafened = deafened;
    this.#sendVoice();
  }

  /** How large each slot is shown, all of them; those not named are not shown. @param {SlotView[]} views */
  view(views) {
    this.#view.want(views);
  }

  /** @param {"automatic" | "save_data" | "sound_only"} mode @param {number | null} budget bits a second */
  prefer(mode, budget = null) {
    this.#socket.send({ op: "prefer", mode, budget });
  }

  /** Tries the socket now, if a try is due later, and a new connection, if there is none that works. */
  now() {
    this.#socket.now();
    if (this.media !== "connected") this.#renew();
  }

  /** Goes, for good. */
  leave() {
    this.#socket.send({ op: "leave" });
    this.#close();
  }

  #close() {
    globalThis.removeEventListener?.("pagehide", this.#pageHide);
    globalThis.removeEventListener?.("pageshow", this.#pageShow);
    clearTimeout(this.#later);
    this.#rejectPending("closed");
    this.#view.close();
    this.#socket.close();
    this.#peer?.close();
    this.#peer = null;
  }

  #beacon() {
    if (this.#leaveUrl) navigator.sendBeacon?.(new URL(this.#leaveUrl, this.#options.url.replace(/^ws/, "http")));
  }

  /** Back from the browser's page cache: the beacon has ended this participant. */
  #reopen() {
    this.#resume = null;
    this.#socket.open();
  }

  /** @param {ServerMessage} message */
  #receive(message) {
    switch (message.op) {
      case "welcome":
        return this.#welcome(message);
      case "answer":
        return this.#settle(message.id, (offer) => offer.resolve(message.sdp));
      case "joined":
        this.participants = [...this.participants.filter((one) => one.id !== message.participant.id), message.participant];
        return this.#emit("joined", message.participant);
      case "changed":
        this.participants = this.participants.map((one) => (one.id === message.participant.id ? message.participant : one));
        return this.#emit("changed", message.participant);
      case "left":
        return this.#left(message.participant, message.reason);
      case "slots":
        return this.#assign(message.slots);
      case "slots_needed":
        return this.#grow(message);
      case "wanted":
        return this.#peer?.want(message.mid, message.encodings);
      case "speakers":
        this.speakers = message.speakers;
        return this.#emit("speakers", message.speakers);
      case "link":
        this.link = message;
        return this.#emit("link", message);
      case "bye":
        return this.#bye(message);
      case "error":
        return this.#error(message);
      case "present": // part of the `welcome` behind it, to which the socket adds it
      case "ping": // answered by the socket
    }
  }

  /** @param {Welcome} welcome */
  #welcome(welcome) {
    clearTimeout(this.#later);
    const goesOn = welcome.resumed && this.#peer !== null && this.#peer.state !== "lost";
    this.participant = welcome.participant;
    this.participants = welcome.participants;
    this.#resume = welcome.resume;
    this.#leaveUrl = welcome.leave_url;
    this.#counts = { audio: Math.max(welcome.slots.audio, this.#counts.audio), video: Math.max(welcome.slots.video, this.#counts.video) };
    this.#sendVoice();
    if (this.#watches) this.watch(true);
    if (goesOn && this.#peer) {
      const peer = this.#peer;
      peer.slots.grow(this.#counts);
      peer.limits.again();
      peer.negotiate({ restart: peer.state !== "connected" });
    } else {
      this.#renewedAt = -Infinity;
      this.#renew();
    }
    // Told last: whoever listens draws a page, and the offer should not wait for that.
    this.#emit("welcome", welcome);
    this.#assign(welcome.assigned);
  }

  /** A new connection with the same tracks. */
  #renew() {
    clearTimeout(this.#later);
    if (this.socket.state !== "open") return; // `welcome` comes here again
    const wait = this.#renewedAt + RENEW_SPACING_MS - performance.now();
    if (wait > 0) {
      this.#later = setTimeout(() => this.#renew(), wait);
      return;
    }
    this.#renewedAt = performance.now();
    const peer = this.#peer?.fresh ? this.#peer : this.#prepare();
    peer.slots.grow(this.#counts);
    peer.negotiate();
    this.#assign([]);
    this.#emit("connection", peer.connection);
    this.#emit("media", peer.state);
  }

  /** The next connection: before the first `welcome`, since browsers take as long to make it as a socket takes to open. */
  #prepare() {
    this.#peer?.close();
    const settings = this.#tracks.camera?.getSettings();
    const cameraSize = settings?.width && settings.height ? { width: settings.width, height: settings.height } : (this.#options.cameraSize ?? { width: 1280, height: 720 });
    /** @type {Peer} */
    const peer = new Peer({
      tracks: this.#tracks,
      codec: this.#codec,
      cameraSize,
      offer: (sdp, tracks) => this.#offer(sdp, tracks),
      onState: (state) => peer === this.#peer && this.#mediaState(state),
      onSlots: () => peer === this.#peer && this.#slotsKnown(),
      onLimit: (mid, by) => peer === this.#peer && this.#socket.send({ op: "limited", mid, by }),
      onError: (error) => peer === this.#peer && this.#offerFailed(error),
    });
    this.#peer = peer;
    return peer;
  }

  /** @param {MediaState} state */
  #mediaState(state) {
    this.#emit("media", state);
    if (state === "lost") this.#renew();
  }

  #slotsKnown() {
    this.#view.again();
    this.#emit("slots", { begun: this.slots, ended: [] });
  }

  /** @param {string} sdp @param {{ mid: string, source: Source }[]} tracks @returns {Promise<string>} */
  #offer(sdp, tracks) {
    const id = (this.#offers += 1);
    return new Promise((resolve, reject) => {
      const timer = setTimeout(() => this.#settle(id, (offer) => offer.reject(new OfferError("no_answer", "the server owes an answer"))), ANSWER_MS);
      const settled = () => clearTimeout(timer);
      this.#pending.set(id, { resolve: (answer) => (settled(), resolve(answer)), reject: (error) => (settled(), reject(error)) });
      if (this.socket.state === "open") this.#socket.send({ op: "offer", id, sdp, tracks });
      else this.#settle(id, (offer) => offer.reject(new OfferError("socket", "the socket is lost")));
    });
  }

  /** @param {number} id @param {(offer: { resolve: (sdp: string) => void, reject: (error: unknown) => void }) => void} how */
  #settle(id, how) {
    const offer = this.#pending.get(id);
    this.#pending.delete(id);
    if (offer) how(offer);
  }

  /** @param {string} code */
  #rejectPending(code) {
    for (const id of [...this.#pending.keys()]) this.#settle(id, (offer) => offer.reject(new OfferError(code, "the socket is lost")));
  }

  /** @param {unknown} error */
  #offerFailed(error) {
    if (error instanceof OfferError && (error.code === "socket" || error.code === "closed")) return; // `welcome` offers again
    if (error instanceof OfferError && error.code === "no_answer") return this.#renew();
    this.#fault(error instanceof OfferError ? error.code : "negotiation", error);
  }

  /** @param {Assignment[]} slots */
  #assign(slots) {
    const change = changes(this.slots, slots);
    this.slots = slots;
    this.#emit("slots", change);
  }

  /** @param {SlotCounts} needed */
  #grow({ audio, video }) {
    this.#counts = { audio: Math.max(audio, this.#counts.audio), video: Math.max(video, this.#counts.video) };
    this.#peer?.grow(this.#counts);
  }

  /** @param {string} id @param {string} reason */
  #left(id, reason) {
    const participant = this.participants.find((one) => one.id === id);
    this.participants = this.participants.filter((one) => one.id !== id);
    if (participant) this.#emit("left", { participant, reason });
  }

  /** @param {Bye} bye */
  #bye(bye) {
    if (!FINAL_BYES.has(bye.code)) return; // the socket closes and comes back by itself
    this.#close();
    this.#emit("bye", bye);
  }

  /** @param {ServerError} error */
  #error(error) {
    if (error.id !== undefined) return this.#settle(error.id, (offer) => offer.reject(new OfferError(error.code, error.message)));
    if (error.code === "channel_full" || error.code === "server_full") {
      this.#later = setTimeout(() => this.#socket.send(this.#socket.hello()), FULL_RETRY_MS);
      return this.#emit("refused", error);
    }
    if (error.code === "bad_name" || error.code === "bad_channel") {
      this.#close();
      return this.#emit("refused", error);
    }
    if (error.code === "media_lost") return this.#renew();
    this.#emit("fault", error);
  }

  #sendVoice() {
    const { camera, screen } = this.#tracks;
    this.#socket.send({ op: "voice", muted: this.muted, deafened: this.deafened, camera: camera !== null, screen: screen !== null });
  }

  /** @param {SlotView[]} slots whether the server can know these slots */
  #sendViews(slots) {
    if (this.socket.state !== "open" || this.receivers().length === 0) return false;
    this.#socket.send({ op: "view", slots });
    return true;
  }

  /** @param {SocketState} state */
  #socketState(state) {
    if (state.state === "waiting") this.#rejectPending("socket");
    this.#emit("socket", state);
  }

  /** @param {string} code @param {unknown} error */
  #fault(code, error) {
    this.#emit("fault", { code, fault: "confab", message: error instanceof Error ? error.message : String(error) });
  }

  /** @template {keyof CallEvents} K @param {K} type @param {CallEvents[K]} detail */
  #emit(type, detail) {
    this.dispatchEvent(new CustomEvent(type, { detail }));
  }

  /** `addEventListener` with the detail typed and unwrapped. @template {keyof CallEvents} K @param {K} type @param {(detail: CallEvents[K]) => void} listener */
  on(type, listener) {
    this.addEventListener(type, (event) => listener(/** @type {CustomEvent} */ (event).detail));
  }
}

class OfferError extends Error {
  /** @param {string} code @param {string} message */
  constructor(code, message) {
    super(message);
    this.code = code;
  }
}

export { SOURCES };
