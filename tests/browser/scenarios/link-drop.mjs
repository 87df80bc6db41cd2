// 5 Mbit/s, 0.9 after 20 s, 5 again after 40 s: the picture gives way soon, and comes back soon.

import { strict as assert } from "node:assert";
import { attend, tell } from "./audience.mjs";

export const link = { down: "drop" };

/** Of the trace. */
const [DROP_MS, RETURN_MS] = [20_000, 40_000];

/** @param {any} stage */
export async function play(stage) {
  const { sam, mira } = await attend(stage);
  const { begunAt } = stage.forwarder;
  await mira.recordedUntil(begunAt + RETURN_MS + 12_000);
  const recording = await mira.recording();
  tell(stage.forwarder, recording);
  const down = recording.untilHeight(begunAt + DROP_MS, 360);
  const up = recording.untilHeight(begunAt + RETURN_MS, 720);
  const frozen = recording.grown("camera", "frozen");
  console.log(`360 lines ${down} ms after the drop, 720 lines ${up} ms after the return, ${frozen.toFixed(2)} s frozen`);
  assert.ok(down <= 2_000, `360 lines came ${down} ms after the drop`);
  assert.ok(up <= 8_000, `720 lines came ${up} ms after the return`);
  assert.ok(frozen <= 0.5, `frozen for ${frozen} s`);
  await mira.assertNoFaults();
  await sam.assertNoFaults();
}
