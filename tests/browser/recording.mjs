// What somebody received, ten times a second: from the browser's own statistics, and what is said about it. Pure.

/**
 * One receive m-line at one moment; counts are from its beginning.
 *
 * @typedef {object} Taken
 * @property {string} participant whose it is
 * @property {string} source
 * @property {string} reason why it is not more, in the server's words
 * @property {number} height of the last picture that was decoded
 * @property {number} frames
 * @property {number} freezes
 * @property {number} frozen seconds of them
 * @property {number} plis
 * @property {number} packets
 * @property {number} bytes of their payloads
 * @property {number} again packets of them that were sent again
 * @property {number} lost
 * @property {number} samples of sound
 * @property {number} concealed of them made up, silence not counted
 * @property {number} delay seconds in the jitter buffer, over all that left it
 * @property {number} left it: frames, or samples
 */

/** @typedef {{ at: number, taken: Taken[] }} Moment `at`: milliseconds, by the wall clock */

export class Recording {
  /** @param {Moment[]} moments */
  constructor(moments) {
    this.moments = moments;
  }

  /** Only what was between two times. @param {number} from @param {number} [to] */
  between(from, to = Infinity) {
    return new Recording(this.moments.filter(({ at }) => at >= from && at <= to));
  }

  /** Of each moment what one source of one participant gave; the first of that source, if nobody is named. @param {string} source @param {string} [participant] */
  of(source, participant) {
    return this.moments.flatMap(({ at, taken }) => {
      const one = taken.find((each) => each.source === source && (participant === undefined || each.participant === participant));
      return one ? [{ at, ...one }] : [];
    });
  }

  /** Milliseconds from `start` to the first picture for which this holds; Infinity for never. @param {number} start @param {(one: Taken) => boolean} holds @param {string} [source] */
  until(start, holds, source = "camera") {
    const first = this.of(source).find((one) => one.at >= start && holds(one));
    return first ? first.at - start : Infinity;
  }

  /** Milliseconds from `start` to the first picture since then that is so high: one that stands still is none. @param {number} start @param {number} height */
  untilHeight(start, height) {
    const before = this.of("camera").findLast((one) => one.at <= start)?.frames ?? 0;
    return this.until(start, (one) => one.frames > before && one.height === height);
  }

  /** By how much a count has grown. @param {string} source @param {"frames" | "freezes" | "frozen" | "plis" | "packets" | "lost" | "samples" | "concealed"} count */
  grown(source, count) {
    const all = this.of(source);
    return all.length > 1 ? all[all.length - 1][count] - all[0][count] : 0;
  }

  /** Pictures a second. */
  get rate() {
    const all = this.of("camera");
    return (this.grown("camera", "frames") * 1_000) / (all[all.length - 1].at - all[0].at);
  }

  /** Of the sound, the share that was made up. */
  get concealed() {
    return this.grown("microphone", "concealed") / this.grown("microphone", "samples");
  }

  /** How long a picture was in the jitter buffer, in the mean. */
  get delayMs() {
    const all = this.of("camera");
    const [first, last] = [all[0], all[all.length - 1]];
    return ((last.delay - first.delay) * 1_000) / (last.left - first.left);
  }

  /** The share of time with pictures so high. @param {number} height */
  share(height) {
    const all = this.of("camera");
    return all.filter((one) => one.height === height).length / all.length;
  }

  /** How often the height changed. */
  get changes() {
    const all = this.of("camera").filter((one) => one.height > 0);
    return all.filter((one, place) => place > 0 && one.height !== all[place - 1].height).length;
  }

  /** A line for each change of height or reason and each freeze, for whoever reads a failure; times since `start`. @param {number} start */
  told(start) {
    const all = this.of("camera");
    const lines = [];
    for (const [place, one] of all.entries()) {
      const before = all[place - 1];
      if (before && before.height === one.height && before.reason === one.reason && before.freezes === one.freezes && before.plis === one.plis) continue;
      lines.push(`${((one.at - start) / 1_000).toFixed(1)} s: ${one.height} lines, ${one.reason}, ${one.frames} frames, frozen ${one.frozen.toFixed(2)} s, ${one.plis} keyframe requests`);
    }
    return lines.join("\n");
  }
}
