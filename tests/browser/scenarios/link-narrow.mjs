// 0.25 Mbit/s carry the smallest picture, 0.1 none: then it is paused, the page is told why, and the sound goes on.

import { strict as assert } from "node:assert";
import { attend, tell } from "./audience.mjs";

export const link = { down: "narrow" };

/** Of the trace. */
const DROP_MS = 20_000;
/** Longer than anything takes to settle. */
const SETTLED_MS = 8_000;

/** @param {any} stage */
export async function play(stage) {
  const { sam, mira } = await attend(stage);
  const { begunAt } = stage.forwarder;
  await mira.recordedUntil(begunAt + DROP_MS + 20_000);
  const recording = await mira.recording();
  tell(stage.forwarder, recording);
  const wide = recording.between(begunAt + SETTLED_MS, begunAt + DROP_MS);
  const paused = recording.between(begunAt + DROP_MS + SETTLED_MS);
  const concealed = [wide, paused].map((part) => part.concealed);
  const lost = recording.grown("microphone", "lost");
  console.log(`${wide.rate.toFixed(1)} pictures a second at 0.25 Mbit/s, ${paused.grown("camera", "packets")} packets of them at 0.1, ${lost} packets of sound lost`);
  console.log(`of the sound ${concealed.map((share) => `${(share * 1_000).toFixed(2)} ‰`).join(", then ")} concealed`);
  assert.equal(wide.share(180), 1, "180 lines");
  assert.ok(wide.rate >= 25, "they play");
  assert.equal(paused.grown("camera", "packets"), 0, "the picture is paused");
  assert.ok(paused.of("camera").every((one) => one.reason === "paused"), "the page is told why");
  for (const share of concealed) assert.ok(share <= 0.001, "the sound is whole");
  await mira.assertNoFaults();
  await sam.assertNoFaults();
}
