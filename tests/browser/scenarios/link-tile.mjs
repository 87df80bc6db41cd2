// A small tile, a large one, a hidden one: the picture follows within 1.5 s, over 40 ms there and back.

import { strict as assert } from "node:assert";
import { attend, LARGE, tell } from "./audience.mjs";

export const link = { down: "unlimited" };

/** Two tiles of less than 180 lines each. */
const NARROW = { width: 240, height: 320 };
const FOLLOWS_MS = 1_500;
/** The page tells of smaller views once they have rested for half a second. */
const TOLD_MS = 500;
/** Longer than anything follows. */
const SETTLED_MS = 5_000;

/** @param {any} stage */
export async function play(stage) {
  const { sam, mira } = await attend(stage, { window: NARROW });
  await mira.recordedUntil(mira.pressedAt + 8_000);
  const enlargedAt = Date.now();
  await mira.resize(LARGE.width, LARGE.height);
  await mira.recordedUntil(enlargedAt + SETTLED_MS);
  const reducedAt = Date.now();
  await mira.resize(NARROW.width, NARROW.height);
  await mira.recordedUntil(reducedAt + SETTLED_MS);
  const enlargedAgainAt = Date.now();
  await mira.resize(LARGE.width, LARGE.height);
  await mira.recordedUntil(enlargedAgainAt + SETTLED_MS);
  await mira.press("more about Sam");
  const hiddenAt = Date.now();
  await mira.press("hide picture");
  await mira.recordedUntil(hiddenAt + SETTLED_MS);
  const recording = await mira.recording();
  tell(stage.forwarder, recording);
  assert.equal(recording.between(mira.pressedAt + 3_000, enlargedAt).share(180), 1, "a small tile has the smallest picture");
  const larger = [enlargedAt, enlargedAgainAt].map((at) => recording.untilHeight(at, 720));
  const smaller = recording.untilHeight(reducedAt, 180);
  const late = recording.between(hiddenAt + TOLD_MS + 1_000).grown("camera", "packets");
  console.log(`720 lines after ${larger.join(" and ")} ms, 180 after ${smaller} ms, ${late} packets while hidden`);
  for (const took of [...larger, smaller]) assert.ok(took <= FOLLOWS_MS, `it followed after ${took} ms`);
  assert.equal(recording.grown("camera", "freezes"), 0, "the picture froze");
  assert.equal(late, 0, "packets of a hidden picture");
  await mira.assertNoFaults();
  await sam.assertNoFaults();
}
