// A minute of 0.9 Mbit/s, between two sizes: the smaller one stays.

import { strict as assert } from "node:assert";
import { attend, tell } from "./audience.mjs";

export const link = { down: "steady" };

/** @param {any} stage */
export async function play(stage) {
  const { sam, mira } = await attend(stage);
  await mira.recordedUntil(mira.pressedAt + 65_000);
  const recording = await mira.recording();
  tell(stage.forwarder, recording);
  const settled = recording.between(mira.pressedAt + 5_000);
  console.log(`360 lines for ${(settled.share(360) * 100).toFixed(1)} % of the time, ${settled.changes} changes, ${recording.grown("camera", "freezes")} freezes`);
  assert.ok(settled.share(360) >= 0.85, "360 lines most of the time");
  assert.ok(settled.changes <= 4, `${settled.changes} changes`);
  assert.equal(recording.grown("camera", "freezes"), 0, "the picture froze");
  await mira.assertNoFaults();
  await sam.assertNoFaults();
}
