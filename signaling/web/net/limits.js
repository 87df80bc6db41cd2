/** What keeps own pictures smaller than they would be, as the browser says: asked now and then, told on change. */

/** @import { Limit } from "./socket.js" */

/** As often as somebody would look again; what the browser says swings no faster. */
const LOOK_MS = 2000;
/** @type {("bandwidth" | "cpu")[]} */
const WORST = ["bandwidth", "cpu"];

/** What limits a sender, of whose encodings one may be limited and another not. @param {Iterable<{ qualityLimitationReason?: string }>} stats @returns {Limit} */
export function limit(stats) {
  const reasons = [...stats].map((one) => one.qualityLimitationReason);
  return WORST.find((one) => reasons.includes(one)) ?? null;
}

/**
 * `look`: asks now. `again`: the server may have missed what was told last.
 * @param {Iterable<RTCRtpTransceiver>} senders
 * @param {(mid: string, by: Limit) => unknown} tell
 */
export function watchLimits(senders, tell) {
  /** @type {Map<string, Limit>} */ const told = new Map();
  const look = async () => {
    for (const { mid, sender, receiver } of senders) {
      if (mid === null || receiver.track.kind === "audio") continue;
      // Nothing limits a picture that is not sent.
      const by = sender.track ? limit((await sender.getStats()).values()) : null;
      if (by === told.get(mid)) continue;
      told.set(mid, by);
      tell(mid, by);
    }
  };
  // A connection that has just ended has no statistics.
  const timer = setInterval(() => look().catch(() => {}), LOOK_MS);
  return { look, again: () => told.clear(), stop: () => clearInterval(timer) };
}
