// A shared screen beside a camera over 1.5 Mbit/s: the screen keeps its size, whatever becomes of the camera.

import { strict as assert } from "node:assert";
import { until } from "../deadline.mjs";
import { attend, tell } from "./audience.mjs";

export const link = { down: "screen" };

/** Longer than anything takes to settle. */
const SETTLED_MS = 8_000;
const WATCHED_MS = 30_000;

/** @param {any} stage */
export async function play(stage) {
  const { sam, mira } = await attend(stage);
  await mira.meets(1, 15_000);
  await sam.press("share screen");
  await until("Mira sees Sam's screen", 15_000, async () => (await mira.pictures("screen")).some((one) => one.frames > 0));
  const seenAt = Date.now();
  await mira.recordedUntil(seenAt + WATCHED_MS);
  const recording = await mira.recording();
  tell(stage.forwarder, recording);
  const heights = new Set(recording.between(seenAt + SETTLED_MS).of("screen").map((one) => one.height));
  const sent = Math.max(...(await sam.sent()).filter((one) => one.rid === "").map((one) => one.height));
  console.log(`the screen came with ${[...heights].join(", ")} lines of ${sent}, ${recording.between(seenAt + SETTLED_MS).grown("screen", "frames")} pictures of it`);
  assert.deepEqual([...heights], [sent], "the screen keeps its size");
  assert.ok(recording.between(seenAt + SETTLED_MS).grown("screen", "frames") > 0, "it moves");
  await mira.assertNoFaults();
  await sam.assertNoFaults();
}
