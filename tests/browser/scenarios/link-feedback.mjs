// The way back carries 50 kbit/s and loses a fifth: the picture is at most one size smaller than with a good one (720 lines).

import { strict as assert } from "node:assert";
import { attend, tell } from "./audience.mjs";

export const link = { down: "wide", back: "poor-back" };

/** Of the time, after the first seconds: moments in which a size changes are no failure. */
const SHARE = 0.95;

/** @param {any} stage */
export async function play(stage) {
  const { sam, mira } = await attend(stage, { muted: true });
  await mira.recordedUntil(mira.pressedAt + 40_000);
  const recording = await mira.recording();
  tell(stage.forwarder, recording);
  const settled = recording.between(mira.pressedAt + 10_000);
  const [high, middle] = [settled.share(720), settled.share(360)];
  console.log(`720 lines for ${(high * 100).toFixed(1)} % of the time, 360 for ${(middle * 100).toFixed(1)} %, ${settled.rate.toFixed(1)} pictures a second`);
  assert.ok(high + middle >= SHARE, "no more than one size smaller");
  await mira.assertNoFaults();
  await sam.assertNoFaults();
}
