/** What keeps own pictures smaller than they would be, as the browser says: asked now and then, told on change. */

/** @import { Limit } from "./socket.js" */

/** As often as somebody would look again; what the browser says swings no faster. */
const LOOK_MS = 2000;

/** Of a connection that has just ended. @type {Map<string, {}>} */
const NOTHING = new Map();

/** What limits a sender, of whose encodings one may be limited and another not. @param {Iterable<{ qualityLimitationReason?: string }>} stats @returns {Limit} */
export function limit(stats) {
  const reasons = new Set([...stats].map((one) => one.qualityLimitationReason));
  return reasons.has("bandwidth") ? "bandwidth" : reasons.has("cpu") ? "cpu" : null;
}

export class Limits {
  /** @type {Map<string, Limit | undefined>} */ #told = new Map();
  #timer = setInterval(() => this.look(), LOOK_MS);

  /** @param {Iterable<RTCRtpTransceiver>} senders @param {(mid: string, by: Limit) => unknown} tell */
  constructor(senders, tell) {
    this.senders = senders;
    this.tell = tell;
  }

  async look() {
    for (const { mid, sender } of this.senders) {
      // Nothing limits a picture that is not sent.
      const by = mid !== null && sender.track?.kind === "video" ? limit((await sender.getStats().catch(() => NOTHING)).values()) : null;
      if (mid === null || by === (this.#told.has(mid) ? this.#told.get(mid) : null)) continue;
      this.#told.set(mid, by);
      this.tell(mid, by);
    }
  }

  /** The server may have missed what was told last. */
  again() {
    for (const mid of this.#told.keys()) this.#told.set(mid, undefined);
  }

  stop() {
    clearInterval(this.#timer);
  }
}
