// Six native publishers speak in turn, five seconds each, over 2.5 Mbit/s: whoever speaks has the best picture soon, and nobody goes black.

import { strict as assert } from "node:assert";
import { once } from "node:events";
import { createInterface } from "node:readline";
import { openChromium } from "../browsers.mjs";
import { Person } from "../person.mjs";
import { CHANNEL, LARGE, startCrowd } from "./audience.mjs";

export const link = { down: "table" };

const PUBLISHERS = 6;
/** Before the first turn that counts: everybody comes in, and the link is learnt. */
const SETTLED_MS = 12_000;
const WATCHED_MS = 45_000;
const BEST_MS = 1_500;
const TURN_MS = 5_000;
/** Nobody's picture stands still for so long. */
const BLACK_MS = 2_000;

/** @param {any} stage */
export async function play({ server, opened, forwarder }) {
  const browser = await opened(openChromium());
  const mira = await Person.open(browser, server.url, "Mira", { window: LARGE });
  await mira.press("turn camera off");
  const crowd = startCrowd(server, ["--people", `${PUBLISHERS}`, "--speakers", `${PUBLISHERS}`]);
  /** @type {{ at: number, name: string }[]} */ const turns = [];
  const lines = createInterface({ input: crowd.stdout });
  lines.on("line", (line) => {
    const { speaker } = JSON.parse(line);
    if (speaker) turns.push({ at: Date.now(), name: speaker });
  });
  try {
    await once(lines, "line");
    await forwarder.begin();
    await mira.record();
    await mira.join(CHANNEL);
    await mira.recordedUntil(mira.pressedAt + WATCHED_MS);
    const recording = await mira.recording();
    const ids = await mira.ids();
    judge({ recording, turns, ids, from: mira.pressedAt + SETTLED_MS, to: mira.pressedAt + WATCHED_MS });
    const { down } = await forwarder.tally();
    const dropped = down.queueFull / down.offered;
    console.log(`the link dropped ${(dropped * 100).toFixed(2)} %`);
    assert.ok(dropped <= 0.005, "the link dropped too much");
    await mira.assertNoFaults();
  } finally {
    crowd.stdin.end();
  }
}

/** @param {{ recording: import("../recording.mjs").Recording, turns: { at: number, name: string }[], ids: Record<string, string>, from: number, to: number }} seen */
function judge({ recording, turns, ids, from, to }) {
  const counted = turns.filter(({ at }) => at >= from && at + TURN_MS <= to);
  assert.ok(counted.length >= 4, "some turns are whole");
  const late = counted.map(({ at, name }) => {
    const best = recording.moments.find((moment) => moment.at >= at && isBest(moment.taken, ids[name]));
    return best ? best.at - at : Infinity;
  });
  console.log(`the speaker had the best picture after ${late.join(", ")} ms`);
  const people = Object.keys(ids).filter((name) => name.startsWith("Person"));
  const stood = people.map((name) => longestStand(recording.between(from, to).of("camera", ids[name])));
  console.log(`no picture for at most ${stood.join(", ")} ms`);
  assert.equal(people.length, PUBLISHERS, "everybody is there");
  for (const took of late) assert.ok(took <= BEST_MS, `the speaker had the best picture after ${took} ms`);
  for (const took of stood) assert.ok(took <= BLACK_MS, `somebody's picture stood still for ${took} ms`);
}

/** Whether nobody has a better picture than this one. @param {import("../recording.mjs").Taken[]} taken @param {string} participant */
function isBest(taken, participant) {
  const cameras = taken.filter((one) => one.source === "camera");
  const own = cameras.find((one) => one.participant === participant)?.height ?? 0;
  return own > 0 && cameras.every((one) => one.height <= own);
}

/** Longest time without another frame. @param {(import("../recording.mjs").Taken & { at: number })[]} seen */
function longestStand(seen) {
  let [longest, since] = [seen.length > 0 ? 0 : Infinity, seen[0]?.at ?? 0];
  for (const [place, one] of seen.entries()) {
    if (place > 0 && one.frames !== seen[place - 1].frames) since = one.at;
    longest = Math.max(longest, one.at - since);
  }
  return longest;
}
