// Nothing comes through for two seconds: the picture is back within one, and no later than it was before.

import { strict as assert } from "node:assert";
import { attend, tell } from "./audience.mjs";

export const link = { down: "blackout", back: "blackout" };

/** Of the trace. */
const [DARK_MS, LIGHT_MS] = [15_000, 17_000];
/** By which a picture may be later in its buffer than before: a frame and a half. */
const LATER_MS = 50;

/** @param {any} stage */
export async function play(stage) {
  const { sam, mira } = await attend(stage);
  const { begunAt } = stage.forwarder;
  await mira.recordedUntil(begunAt + LIGHT_MS + 15_000);
  const recording = await mira.recording();
  tell(stage.forwarder, recording);
  const dark = recording.between(begunAt + DARK_MS + 500, begunAt + LIGHT_MS).of("camera");
  const back = recording.until(begunAt + LIGHT_MS, (one) => one.frames > dark[dark.length - 1].frames);
  const before = recording.between(begunAt + 5_000, begunAt + DARK_MS).delayMs;
  const after = recording.between(begunAt + LIGHT_MS + 10_000).delayMs;
  console.log(`the picture is back after ${back} ms; in the buffer for ${before.toFixed(0)} ms before, ${after.toFixed(0)} ms ten seconds later`);
  assert.equal(dark[0].frames, dark[dark.length - 1].frames, "it was dark");
  assert.ok(back <= 1_000, `the picture came back after ${back} ms`);
  assert.ok(after <= before + LATER_MS, "the delay has grown");
  await mira.assertNoFaults();
  await sam.assertNoFaults();
}
