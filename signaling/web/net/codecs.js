/** Which codecs an m-line offers, and in which order. */

/** @typedef {"VP8" | "H264" | "VP9" | "AV1"} Codec */

/**
 * What is offered of each codec. Every m-line lists all of it, and browsers know dozens of variants that no browser sends first:
 * half a dozen H264 profiles in a packetization mode that nobody uses, forward error correction that the server drops.
 * @type {Record<string, (parameters: string) => boolean>}
 */
const OFFERED = {
  "video/vp8": () => true,
  "video/h264": (parameters) => parameters.includes("packetization-mode=1"),
  "video/vp9": (parameters) => !/profile-id=[1-9]/.test(parameters),
  "video/av1": (parameters) => !/profile=[1-9]/.test(parameters),
  "video/rtx": () => true,
};

/**
 * What is offered, with `first` in front and the rest in the browser's own order.
 * @template {{ mimeType: string, sdpFmtpLine?: string }} C
 * @param {C[]} codecs
 * @param {Codec} first
 * @returns {C[]}
 */
export function codecOrder(codecs, first) {
  const mime = (/** @type {C} */ codec) => codec.mimeType.toLowerCase();
  const offered = codecs.filter((codec) => OFFERED[mime(codec)]?.(codec.sdpFmtpLine ?? ""));
  const chosen = offered.filter((codec) => mime(codec) === `video/${first}`.toLowerCase());
  return [...chosen, ...offered.filter((codec) => !chosen.includes(codec))];
}

/** What this browser knows, asked once: it takes milliseconds each time. @type {Map<typeof RTCRtpSender | typeof RTCRtpReceiver, RTCRtpCodec[]>} */
const known = new Map();

/** @param {typeof RTCRtpSender | typeof RTCRtpReceiver} side */
function codecsOf(side) {
  const codecs = known.get(side) ?? side.getCapabilities("video")?.codecs ?? [];
  known.set(side, codecs);
  return codecs;
}

/** @param {RTCRtpTransceiver} transceiver of a picture @param {Codec} first */
export function preferCodecs(transceiver, first) {
  const sides = transceiver.direction === "recvonly" ? [RTCRtpReceiver] : [RTCRtpSender, RTCRtpReceiver];
  for (const side of sides) {
    try {
      return transceiver.setCodecPreferences?.(codecOrder(codecsOf(side), first));
    } catch {
      // Browsers differ in whether the sender's or the receiver's list counts for an m-line that only sends.
    }
  }
}
