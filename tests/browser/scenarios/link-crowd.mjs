// Twenty native receivers join within a second beside one browser: the publisher is hardly asked for keyframes, the browser sees nothing.

import { strict as assert } from "node:assert";
import { once } from "node:events";
import { attend, startCrowd, tell } from "./audience.mjs";

export const link = { down: "unlimited" };

const PEOPLE = 20;
const BEFORE_MS = 8_000;
const AFTER_MS = 15_000;

/** @param {any} stage */
export async function play(stage) {
  const { sam, mira } = await attend(stage);
  await mira.recordedUntil(mira.pressedAt + BEFORE_MS);
  const before = await sam.sent();
  const arrivedAt = Date.now();
  const crowd = startCrowd(stage.server, ["--people", `${PEOPLE}`]);
  try {
    const [line] = await once(crowd.stdout, "data");
    const { joinedMs, connectedMs } = JSON.parse(String(line));
    await mira.recordedUntil(arrivedAt + AFTER_MS);
    const recording = await mira.recording();
    tell(stage.forwarder, recording);
    const asked = (await sam.sent()).map((one) => one.plis - (before.find((then) => then.rid === one.rid)?.plis ?? 0));
    const freezes = recording.between(arrivedAt - 1_000).grown("camera", "freezes");
    console.log(`${PEOPLE} joined in ${joinedMs} ms and were connected in ${connectedMs}; keyframes asked for: ${asked.join(", ")}; ${freezes} freezes`);
    assert.ok(joinedMs <= 1_000, "they joined within a second");
    for (const count of asked) assert.ok(count <= 3, `${count} keyframes of one size were asked for`);
    assert.equal(freezes, 0, "the browser's picture froze");
    await mira.assertNoFaults();
    await sam.assertNoFaults();
  } finally {
    crowd.stdin.end();
  }
}
