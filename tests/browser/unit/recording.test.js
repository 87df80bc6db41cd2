// What a recording says about what was received.

import { strict as assert } from "node:assert";
import { test } from "node:test";
import { Recording } from "../recording.mjs";

/** @param {number} at @param {Partial<import("../recording.mjs").Taken>} one */
function moment(at, one) {
  const nothing = { participant: "p", source: "camera", reason: "full", height: 0, frames: 0, freezes: 0, frozen: 0, plis: 0, packets: 0, bytes: 0, again: 0, lost: 0, samples: 0, concealed: 0, delay: 0, left: 0 };
  return { at, taken: [{ ...nothing, ...one }, { ...nothing, source: "microphone", samples: at * 48, concealed: at }] };
}

const recording = new Recording([
  moment(0, { height: 0, frames: 0 }),
  moment(100, { height: 180, frames: 3, delay: 1, left: 10 }),
  moment(200, { height: 720, frames: 6, delay: 1.2, left: 13 }),
  moment(300, { height: 720, frames: 6, freezes: 1, frozen: 0.4 }),
  moment(400, { height: 720, frames: 9, freezes: 1, frozen: 0.4, packets: 7 }),
]);

test("the first picture of a height counts from its moment, and one that stands still is none", () => {
  assert.equal(recording.untilHeight(50, 720), 150);
  assert.equal(recording.untilHeight(250, 720), 150, "at 300 it stood still");
  assert.equal(recording.untilHeight(0, 360), Infinity);
  assert.equal(recording.until(0, (one) => one.frames > 0), 100);
});

test("counts, shares and rates are of the part that is looked at", () => {
  assert.equal(recording.grown("camera", "freezes"), 1);
  assert.equal(recording.between(300).grown("camera", "freezes"), 0);
  assert.equal(recording.between(300).grown("camera", "packets"), 7);
  assert.equal(recording.between(100).share(720), 0.75);
  assert.equal(recording.changes, 1);
  assert.equal(recording.between(100, 200).rate, 30);
  assert.equal(recording.between(100, 200).concealed, 1 / 48);
  assert.equal(Math.round(recording.between(100, 200).delayMs), 67);
  assert.equal(recording.between(500).of("camera", "p").length, 0);
  assert.equal(recording.of("camera", "q").length, 0);
});

test("what is told has a line for each change", () => {
  assert.equal(recording.told(0).split("\n").length, 4, "three heights and a freeze");
});
