/** Which codecs an m-line offers, and in which order. */

/** @typedef {"VP8" | "H264" | "VP9" | "AV1"} Codec */

/**
 * What is offered, by type and parameters. Every m-line lists all of it, and browsers know dozens of variants that no browser
 * sends first: half a dozen H264 profiles in a packetization mode that nobody uses, forward error correction that the server drops.
 */
const OFFERED = /^video\/(rtx|vp8|h264 .*packetization-mode=1|vp9 (?!.*profile-id=[1-9])|av1 (?!.*profile=[1-9]))/i;

/**
 * What is offered, with `first` in front and the rest in the browser's own order.
 * @template {{ mimeType: string, sdpFmtpLine?: string }} C
 * @param {C[]} codecs
 * @param {Codec} first
 * @returns {C[]}
 */
export function codecOrder(codecs, first) {
  const isFirst = (/** @type {C} */ codec) => Number(codec.mimeType === `video/${first}`);
  return codecs.filter((codec) => OFFERED.test(`${codec.mimeType} ${codec.sdpFmtpLine ?? ""}`)).sort((a, b) => isFirst(b) - isFirst(a));
}

/** What this browser knows, asked once: it takes milliseconds each time. @type {RTCRtpCodec[][]} */
let known = [];

/** @param {RTCRtpTransceiver} transceiver of a picture @param {Codec} first */
export function preferCodecs(transceiver, first) {
  if (!known[0]) known = [RTCRtpReceiver, RTCRtpSender].map((side) => side.getCapabilities("video")?.codecs ?? []);
  for (const codecs of known) {
    try {
      return transceiver.setCodecPreferences?.(codecOrder(codecs, first));
    } catch {
      // Browsers differ in whether the receiver's or the sender's list counts for an m-line that only sends.
    }
  }
}
