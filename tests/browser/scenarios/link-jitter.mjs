// 5 Mbit/s with 30 ms of jitter: the picture that there is without (720 lines), soon, and it stays.

import { strict as assert } from "node:assert";
import { attend, tell } from "./audience.mjs";

export const link = { down: "wide", jitterMs: 30 };

/** @param {any} stage */
export async function play(stage) {
  const { sam, mira } = await attend(stage);
  await mira.recordedUntil(mira.pressedAt + 30_000);
  const recording = await mira.recording();
  tell(stage.forwarder, recording);
  const settled = recording.between(mira.pressedAt + 5_000);
  console.log(`720 lines for ${(settled.share(720) * 100).toFixed(1)} % of the time after 5 s, ${settled.changes} changes`);
  assert.equal(settled.share(720), 1, "the same picture as without jitter");
  assert.equal(settled.changes, 0, "it stays");
  await mira.assertNoFaults();
  await sam.assertNoFaults();
}
