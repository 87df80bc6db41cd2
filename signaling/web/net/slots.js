/**
 * The receive m-lines of one connection, and what plays in them. A slot is made once and never goes; whose track it carries
 * is only ever said by the server.
 */

import { preferCodecs } from "./codecs.js";

/** @import { Codec } from "./codecs.js" */
/** @import { Assignment, SlotCounts } from "./socket.js" */
/** @typedef {"audio" | "video"} Kind */
/** @typedef {{ mid: string, kind: Kind, track: MediaStreamTrack, receiver: RTCRtpReceiver }} Slot */

/**
 * What is another with `next` than it was with `before`: slots with another publication, and slots that fell silent.
 * @param {Assignment[]} before
 * @param {Assignment[]} next
 */
export function changes(before, next) {
  const was = new Map(before.map((one) => [one.mid, one.publication]));
  const is = new Set(next.map((one) => one.mid));
  return {
    begun: next.filter((one) => was.get(one.mid) !== one.publication),
    ended: before.filter((one) => !is.has(one.mid)),
  };
}

export class Slots {
  /** @type {Record<Kind, RTCRtpTransceiver[]>} */ #made = { audio: [], video: [] };

  /** @param {RTCPeerConnection} connection @param {Codec} codec offered first */
  constructor(connection, codec) {
    this.connection = connection;
    this.codec = codec;
  }

  /** Adds m-lines up to these numbers; whether any was missing, so that an offer is due. @param {SlotCounts} counts */
  grow(counts) {
    let grown = false;
    for (const kind of /** @type {Kind[]} */ (["audio", "video"])) {
      while (this.#made[kind].length < counts[kind]) {
        const transceiver = this.connection.addTransceiver(kind, { direction: "recvonly" });
        if (kind === "video") preferCodecs(transceiver, this.codec);
        this.#made[kind].push(transceiver);
        grown = true;
      }
    }
    return grown;
  }

  /** Those that an offer has given a mid, in order of their m-lines. @returns {Slot[]} */
  all() {
    return /** @type {Kind[]} */ (["audio", "video"]).flatMap((kind) =>
      this.#made[kind].flatMap((one) => (one.mid === null ? [] : [{ mid: one.mid, kind, track: one.receiver.track, receiver: one.receiver }])),
    );
  }
}
