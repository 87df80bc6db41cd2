/**
 * Says whether packets still come on a connection, sooner than the browser does. One sender's statistics a second, which have those
 * of its way too; never those of the whole connection.
 */

/** @typedef {"connected" | "interrupted" | "lost" | "blocked"} Verdict */
/** @typedef {{ bytes: number, unanswered: number }} Sample bytes received; STUN requests that had no answer */

const SAMPLE_MS = 1000;
/** Without a byte for this long the way is suspected. */
const SILENCE_MS = 2000;
/** Silence alone is no proof (everybody may be muted): so many STUN requests must have gone unanswered in it. */
const UNANSWERED = 2;
/** A restart that has not helped within this is followed by a new connection. */
const GIVE_UP_MS = 10_000;
/** A first answer over UDP takes one round trip; after this the network drops it. */
const BLOCKED_MS = 5000;

/** Whether a way is dead, from a second of samples to the next. Pure; told the time in milliseconds. */
export class Silence {
  #bytes = -1;
  #since = 0;
  #unanswered = 0;

  /** @param {number} now @param {Sample} sample */
  add(now, { bytes, unanswered }) {
    if (bytes !== this.#bytes) {
      this.#bytes = bytes;
      this.#since = now;
      this.#unanswered = unanswered;
    }
    return now - this.#since >= SILENCE_MS && unanswered - this.#unanswered >= UNANSWERED;
  }
}

export class MediaWatch {
  #silence = new Silence();
  #ever = false;
  /** Packets stopped and have not yet come again. */ #down = false;
  #bytes = -1;
  /** @type {ReturnType<typeof setTimeout> | undefined} */ #deadline;
  /** @type {ReturnType<typeof setInterval> | undefined} */ #sampling;
  #stopped = false;

  /** @param {RTCPeerConnection} connection @param {(verdict: Verdict) => void} onVerdict */
  constructor(connection, onVerdict) {
    this.connection = connection;
    this.onVerdict = onVerdict;
    connection.addEventListener("connectionstatechange", () => this.#look());
    connection.addEventListener("iceconnectionstatechange", () => this.#look());
  }

  /** The first answer is there: from here on silence is the network's. */
  answered() {
    if (!this.#ever && this.#deadline === undefined) this.#deadline = setTimeout(() => this.onVerdict("blocked"), BLOCKED_MS);
  }

  stop() {
    this.#stopped = true;
    clearTimeout(this.#deadline);
    clearInterval(this.#sampling);
  }

  #look() {
    if (this.#stopped) return;
    const { connectionState, iceConnectionState } = this.connection;
    if (connectionState === "failed" || iceConnectionState === "failed") this.onVerdict("lost");
    else if (connectionState === "disconnected" || iceConnectionState === "disconnected") this.#interrupted();
    else if (connectionState === "connected") this.#connected();
  }

  #connected() {
    this.#ever = true;
    this.#down = false;
    this.#silence = new Silence();
    clearTimeout(this.#deadline);
    this.#sampling ??= setInterval(() => this.#sample(), SAMPLE_MS);
    this.onVerdict("connected");
  }

  #interrupted() {
    if (!this.#ever || this.#down) return;
    this.#down = true;
    clearTimeout(this.#deadline);
    this.#deadline = setTimeout(() => this.onVerdict("lost"), GIVE_UP_MS);
    this.onVerdict("interrupted");
  }

  async #sample() {
    const sender = this.connection.getSenders()[0];
    if (!sender || this.connection.connectionState !== "connected") return;
    const sample = read(await sender.getStats());
    if (!sample || this.#stopped) return;
    const silent = this.#silence.add(performance.now(), sample);
    const grown = sample.bytes !== this.#bytes;
    this.#bytes = sample.bytes;
    if (silent) this.#interrupted();
    else if (this.#down && grown) this.#connected();
  }
}

/** @param {RTCStatsReport} report @returns {Sample | null} null where the browser does not count STUN requests */
function read(report) {
  for (const one of report.values()) {
    if (one.type === "candidate-pair" && one.nominated && typeof one.requestsSent === "number") {
      return { bytes: one.bytesReceived + one.responsesReceived, unanswered: one.requestsSent - one.responsesReceived };
    }
  }
  return null;
}
