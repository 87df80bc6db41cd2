// A link that never fills, 40 ms there and back: the best picture soon, and nothing to complain of.

import { strict as assert } from "node:assert";
import { attend, tell } from "./audience.mjs";

export const link = { down: "unlimited" };

/** So long that one packet of sound which came too late, for want of processor time, is no more than half a thousandth. */
const WATCHED_MS = 43_000;

/** @param {any} stage */
export async function play(stage) {
  const { sam, mira } = await attend(stage);
  await mira.recordedUntil(mira.pressedAt + WATCHED_MS);
  const recording = await mira.recording();
  tell(stage.forwarder, recording);
  const first = recording.until(mira.pressedAt, (one) => one.frames > 0);
  const highest = recording.untilHeight(mira.pressedAt, 720);
  // A voice that begins has no buffer yet: what is concealed then is no hole.
  const concealed = recording.between(mira.pressedAt + 3_000).concealed;
  console.log(`first frame after ${first} ms, 720 lines after ${highest} ms, ${(concealed * 1_000).toFixed(2)} ‰ of the sound concealed`);
  assert.ok(first <= 1_000, `the first frame took ${first} ms`);
  assert.ok(highest <= 3_000, `720 lines took ${highest} ms`);
  assert.equal(recording.grown("camera", "freezes"), 0, "the picture froze");
  assert.equal(recording.grown("camera", "plis"), 0, "a keyframe was asked for");
  assert.ok(concealed <= 0.001, "the sound had holes");
  await mira.assertNoFaults();
  await sam.assertNoFaults();
}
