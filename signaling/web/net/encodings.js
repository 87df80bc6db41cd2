/** Which encodings a camera is sent in, by its size and codec. Pure. */

/** @import { Codec } from "./codecs.js" */
/** @typedef {{ width: number, height: number }} Size */

/** Bits a second that each size gets at most: what libwebrtc gives 320 × 180, 640 × 360 and 1280 × 720 of a talking head. */
const LOW = 150_000;
const MIDDLE = 500_000;
const HIGH = 1_500_000;
/** A screen at 1080p: text stays sharp at few frames a second. */
const SCREEN = 2_500_000;

/** From these on (long × short side) three, and two, sizes are worth their bits; a portrait camera counts as if turned. */
const THREE = { long: 960, short: 540 };
const TWO = { long: 480, short: 270 };

/** How many sizes a camera of this size is sent in. @param {Size} size */
export function layerCount({ width, height }) {
  const long = Math.max(width, height);
  const short = Math.min(width, height);
  if (long >= THREE.long && short >= THREE.short) return 3;
  return long >= TWO.long && short >= TWO.short ? 2 : 1;
}

/**
 * The encodings of a camera, low to high. VP9 and AV1 are sent in one, with as many sizes inside of it, each in three rates, which
 * the server tells apart: a browser that is not asked for them makes none, and then a narrow link gets no picture at all. A size begins
 * with a keyframe of its own, and between those none needs another.
 * @param {Size} size
 * @param {Codec} codec
 * @returns {(RTCRtpEncodingParameters & { scalabilityMode?: string })[]}
 */
export function cameraEncodings(size, codec) {
  const count = layerCount(size);
  const maxBitrate = count === 1 ? MIDDLE : HIGH;
  if (codec === "VP9" || codec === "AV1") return [{ maxBitrate, scalabilityMode: scalability(count) }];
  if (count === 1) return [{ maxBitrate }];
  if (count === 2) {
    return [
      { rid: "l", scaleResolutionDownBy: 2, maxBitrate: LOW },
      { rid: "h", scaleResolutionDownBy: 1, maxBitrate: MIDDLE },
    ];
  }
  return [
    { rid: "l", scaleResolutionDownBy: 4, maxBitrate: LOW },
    { rid: "m", scaleResolutionDownBy: 2, maxBitrate: MIDDLE },
    { rid: "h", scaleResolutionDownBy: 1, maxBitrate: HIGH },
  ];
}

/** So many sizes in one encoding, by the names of WebRTC's Scalable Video Coding. @param {number} count */
const scalability = (count) => (count === 1 ? "L1T3" : `L${count}T3_KEY`);

/** @returns {RTCRtpEncodingParameters[]} */
export function screenEncodings() {
  return [{ maxBitrate: SCREEN }];
}

/**
 * Switches off what nobody wants. Those that the camera is too small for stay off.
 * @param {RTCRtpEncodingParameters[]} encodings as the sender has them, low to high
 * @param {boolean[]} wanted of each; those not named are
 */
export function wantEncodings(encodings, wanted) {
  encodings.forEach((encoding, index) => {
    encoding.active = encoding.active !== false && (wanted[index] ?? true);
  });
  return encodings;
}

/**
 * The number of encodings is fixed when the m-line is made, often before the camera is open: what the camera then turns out
 * to give switches the lowest ones off (a quarter of 640 × 360 shows nobody), and gives the highest the bits of its size.
 * @param {(RTCRtpEncodingParameters & { scalabilityMode?: string })[]} encodings as the sender has them, low to high
 * @param {Size} size
 */
export function fitEncodings(encodings, size) {
  const count = layerCount(size);
  const wanted = Math.min(count, encodings.length);
  encodings.forEach((encoding, index) => {
    const below = encodings.length - 1 - index;
    encoding.active = below < wanted;
    encoding.scaleResolutionDownBy = 2 ** below;
  });
  const highest = encodings.at(-1);
  if (!highest) return encodings;
  highest.maxBitrate = count === 3 ? HIGH : MIDDLE;
  if (highest.scalabilityMode) highest.scalabilityMode = scalability(count);
  return encodings;
}
