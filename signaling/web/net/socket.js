/**
 * The WebSocket to the server: opened, kept open, opened again. It knows when the next try is due and says so; what the
 * messages mean is its owner's business.
 */

/** @typedef {"microphone" | "camera" | "screen" | "screen_sound"} Source */
/** @typedef {{ id: string, name: string, muted: boolean, deafened: boolean, camera: boolean, screen: boolean, silenced?: boolean, connected: boolean, metadata?: object }} Participant */
/** @typedef {{ publish: ("sound" | "picture" | "screen")[], subscribe: boolean, moderate: boolean, expires_ms?: number }} Grant what one may do */
/** @typedef {{ mid: string, publication: number, participant: string, source: Source, reason: Reason, layer?: number, wanted?: number, short_by?: number }} Assignment what plays in the slot `mid`, in which of its sizes (0: the smallest), and why it is not more */
/** @typedef {"full" | "budget" | "paused" | "starting" | "chosen" | "hidden" | "server" | "codec" | "upload" | "busy" | "source" | "loss" | "relay" | "keyframe"} Reason */
/** @typedef {{ estimate: number, used: number, wanted: number, loss_permille: number, round_trip_ms?: number }} Link what the way from the server carries, in bits per second */
/** @typedef {"bandwidth" | "cpu" | null} Limit what keeps an own picture smaller than it would be */
/** @typedef {{ participant: string, level: number }} Speaker level in −dBov: 0 is loudest, 127 silence */
/** @typedef {{ mid: string, width: number, height: number, priority: number }} SlotView device pixels; 0 × 0 if not shown */
/** @typedef {{ audio: number, video: number }} SlotCounts */

/**
 * What a client sends (docs/protocol.md).
 * @typedef {{ op: "join", channel: string, name: string, resume: string | null, token?: string | null }
 *   | { op: "offer", id: number, sdp: string, tracks: { mid: string, source: Source }[] }
 *   | { op: "voice", muted: boolean, deafened: boolean, camera: boolean, screen: boolean }
 *   | { op: "view", slots: SlotView[] }
 *   | { op: "prefer", mode: "automatic" | "save_data" | "sound_only", budget: number | null }
 *   | { op: "limited", mid: string, by: Limit }
 *   | { op: "watch", link: boolean }
 *   | { op: "renew", token: string }
 *   | { op: "silence", participant: string, silenced: boolean }
 *   | { op: "remove", participant: string }
 *   | { op: "pong", id: number }
 *   | { op: "leave" }} ClientMessage
 */

/**
 * What the server sends (docs/protocol.md).
 * @typedef {{ op: "welcome", participant: string, resume: string, leave_url: string, channel: string, resumed: boolean,
 *       slots: SlotCounts, heartbeat_ms: number, grant: Grant, participants: Participant[], assigned: Assignment[] }} Welcome
 * @typedef {{ op: "error", code: string, fault: "peer" | "operator" | "confab", message: string, id?: number }} ServerError
 * @typedef {{ op: "bye", code: string, message: string }} Bye
 * @typedef {Welcome | ServerError | Bye
 *   | { op: "present", participants: Participant[] }
 *   | { op: "answer", id: number, sdp: string }
 *   | { op: "joined", participant: Participant }
 *   | { op: "changed", participant: Participant }
 *   | { op: "left", participant: string, reason: "left" | "lost" | "removed" | "server" }
 *   | { op: "slots", slots: Assignment[] }
 *   | { op: "slots_needed", audio: number, video: number }
 *   | { op: "grant", grant: Grant }
 *   | { op: "wanted", mid: string, encodings: boolean[] }
 *   | { op: "speakers", speakers: Speaker[] }
 *   | ({ op: "link" } & Link)
 *   | { op: "ping", id: number }} ServerMessage
 */

/**
 * `connecting`: a try is under way. `open`: the server has welcomed us. `waiting`: the next try is at `retryAt`
 * (milliseconds of `Date.now()`). `closed`: nothing more will be tried.
 * @typedef {{ state: "connecting" | "open" | "waiting" | "closed", attempt: number, retryAt: number }} SocketState
 */

/** Seconds before each try; the last repeats. A server that restarts is back within one or two, and a thousand clients must not come at once. */
const RETRY_SECONDS = [0.3, 1, 2, 4, 8];
const RETRY_SPREAD = 0.3;
/** A try that has brought no `welcome` within this is given up: browsers themselves wait for minutes. */
const TRY_MS = 8000;
/** Until a `welcome` says otherwise; as docs/protocol.md has it. */
const HEARTBEAT_MS = 10_000;
/** Heartbeats without a word after which the socket counts as lost. */
const HEARTBEATS_MISSED = 2;

/**
 * How long to wait before a try, in milliseconds.
 * @param {number} attempt 1 for the first try after a loss
 * @param {number} chance 0 to 1
 */
export function retryDelay(attempt, chance) {
  const last = RETRY_SECONDS.length - 1;
  const seconds = RETRY_SECONDS[Math.min(Math.max(attempt - 1, 0), last)] ?? 8;
  return Math.round(seconds * 1000 * (1 + RETRY_SPREAD * (2 * chance - 1)));
}

export class Socket {
  /** @type {WebSocket | null} */ #socket = null;
  #attempt = 0;
  /** @type {ReturnType<typeof setTimeout> | undefined} */ #retry;
  /** @type {ReturnType<typeof setTimeout> | undefined} */ #silence;
  #heartbeat = HEARTBEAT_MS;
  /** Who is there, as far as a `welcome` that is coming has not told. @type {Participant[]} */
  #present = [];
  #closed = false;
  #online = () => this.now();

  /**
   * @param {object} options
   * @param {string} options.url
   * @param {() => ClientMessage} options.hello the first message of each socket
   * @param {(message: ServerMessage) => void} options.onMessage
   * @param {(state: SocketState) => void} options.onState
   */
  constructor({ url, hello, onMessage, onState }) {
    this.url = url;
    this.hello = hello;
    this.onMessage = onMessage;
    this.onState = onState;
    /** @type {SocketState} */
    this.state = { state: "connecting", attempt: 0, retryAt: 0 };
    globalThis.addEventListener?.("online", this.#online);
  }

  open() {
    clearTimeout(this.#retry);
    this.#drop();
    this.#closed = false;
    this.#become("connecting", 0);
    const socket = new WebSocket(this.url);
    this.#socket = socket;
    this.#listen(TRY_MS);
    socket.onopen = () => socket === this.#socket && socket.send(JSON.stringify(this.hello()));
    socket.onmessage = (event) => socket === this.#socket && this.#hear(event.data);
    socket.onclose = () => socket === this.#socket && this.#lost();
  }

  /** Sends if the socket is open. What is lost otherwise is state, and state is sent again in full after each `welcome`. @param {ClientMessage} message */
  send(message) {
    if (this.#socket?.readyState === WebSocket.OPEN) this.#socket.send(JSON.stringify(message));
  }

  /** Tries at once, if a try is due later. */
  now() {
    if (!this.#closed && this.state.state === "waiting") this.open();
  }

  close() {
    this.#closed = true;
    globalThis.removeEventListener?.("online", this.#online);
    clearTimeout(this.#retry);
    this.#drop();
    this.#become("closed", 0);
  }

  /** @param {unknown} data */
  #hear(data) {
    this.#listen(this.#heartbeat * HEARTBEATS_MISSED);
    /** @type {ServerMessage} */
    let message;
    try {
      message = JSON.parse(String(data));
    } catch {
      return;
    }
    if (message.op === "ping") return this.send({ op: "pong", id: message.id });
    if (message.op === "present") {
      this.#present.push(...message.participants);
      return;
    }
    if (message.op === "welcome") {
      message.participants.unshift(...this.#present);
      this.#present = [];
      this.#heartbeat = message.heartbeat_ms;
      this.#listen(this.#heartbeat * HEARTBEATS_MISSED);
      this.#attempt = 0;
      this.#become("open", 0);
    }
    this.onMessage(message);
  }

  /** Takes the socket for lost if nothing more is heard for this long. @param {number} ms */
  #listen(ms) {
    clearTimeout(this.#silence);
    this.#silence = setTimeout(() => this.#lost(), ms);
  }

  #lost() {
    this.#drop();
    if (this.#closed) return;
    this.#attempt += 1;
    const delay = retryDelay(this.#attempt, Math.random());
    clearTimeout(this.#retry);
    this.#retry = setTimeout(() => this.open(), delay);
    this.#become("waiting", Date.now() + delay);
  }

  #drop() {
    clearTimeout(this.#silence);
    this.#present = [];
    const socket = this.#socket;
    this.#socket = null;
    if (socket) socket.onopen = socket.onmessage = socket.onclose = null;
    socket?.close();
  }

  /** @param {SocketState["state"]} state @param {number} retryAt */
  #become(state, retryAt) {
    this.state = { state, attempt: this.#attempt, retryAt };
    this.onState(this.state);
  }
}
