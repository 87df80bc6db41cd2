// Several people talk for a while; everybody must see and hear everybody, without a hitch.

import { strict as assert } from "node:assert";
import { until } from "../deadline.mjs";
import { Person } from "../person.mjs";

/** @import { Browser } from "../browsers.mjs" */
/** @import { Server } from "../server.mjs" */

/** 20 s at 30 frames a second, less a sixth: two cores encode and decode everything here. */
const FRAMES = 500;
/** A picture of 20 s comes within this, or not. */
const FRAMES_MS = 60_000;
/** A bound for machines on which everything shares two cores; the aim is half of it. */
const FIRST_SOUND_MS = 2_000;
const FIRST_PICTURE_MS = 3_000;
/** Something that comes this late is told as late, not as missing. */
const LATE_MS = 15_000;

/** Without a graphics card pictures are drawn by the cores that encode them: a small window leaves them time to. */
const WINDOW = { width: 480, height: 360 };

/**
 * Lets people in, until everybody sees and hears everybody.
 *
 * @param {Server} server
 * @param {{ browser: Browser, name: string, camera: [number, number] }[]} seats
 * @param {{ query?: string }} [options]
 */
export async function meet(server, seats, { query = "" } = {}) {
  /** @type {Person[]} */ const people = [];
  for (const { browser, name, camera } of seats) {
    const person = await Person.open(browser, server.url, name, { camera, query, window: WINDOW });
    await person.join("kitchen-table");
    if (people.length > 0) {
      const { sound, picture } = await person.firsts(LATE_MS);
      console.log(`${name} (${browser.name}): first sound after ${sound} ms, first picture after ${picture} ms`);
      assert.ok(sound <= FIRST_SOUND_MS, `${name}'s first sound took ${sound} ms`);
      assert.ok(picture <= FIRST_PICTURE_MS, `${name}'s first picture took ${picture} ms`);
    }
    people.push(person);
    // Nobody comes in while the last one is still being let in.
    for (const one of people) await one.meets(people.length - 1, 15_000);
  }
  return people;
}

/**
 * As `meet`, and then everybody watches everybody.
 *
 * @type {typeof meet}
 */
export async function talk(server, seats, options) {
  const people = await meet(server, seats, options);
  const before = await begun(people);
  await Promise.all(people.map((person) => watches(person, seats.length - 1))).catch(async (error) => {
    const sent = await Promise.all(people.map(async (person) => `${person.name} sent ${JSON.stringify(await person.sent())}`));
    throw new Error([error.message, ...sent].join("\n"));
  });
  await assertSmooth(people, before);
  for (const person of people) await person.assertNoFaults();
  return people;
}

/** A second of each picture has been decoded: what was counted until then is forgiven. @param {Person[]} people */
async function begun(people) {
  return Promise.all(
    people.map((person) =>
      until(`${person.name} sees the first second`, 15_000, async () => {
        const pictures = await person.pictures();
        return pictures.every((one) => one.frames >= 30) && pictures;
      }),
    ),
  );
}

/** @param {Person} person @param {number} count */
async function watches(person, count) {
  /** @type {import("../person.mjs").Received[]} */ let before = [];
  await until(`${person.name} decodes ${FRAMES} frames of ${count}`, FRAMES_MS, async () => {
    const pictures = await person.pictures();
    tellHitches(person, before, pictures);
    before = pictures;
    return pictures.filter((one) => one.frames >= FRAMES).length >= count;
  }).catch(async (error) => {
    throw new Error(`${error.message}\n${JSON.stringify(await person.received(), null, 1)}`);
  });
}

/**
 * Says at which frame something went wrong, and what changed in that moment: a failure of a long call is not seen twice.
 *
 * @param {Person} person
 * @param {import("../person.mjs").Received[]} before
 * @param {import("../person.mjs").Received[]} pictures
 */
function tellHitches(person, before, pictures) {
  for (const now of pictures) {
    const then = before.find((one) => one.mid === now.mid);
    if (!then || (then.freezes === now.freezes && then.plis === now.plis && then.width === now.width)) continue;
    const [from, to] = [then, now].map((one) => `frame ${one.frames}: ${one.width}×${one.height}, ${one.freezes} freezes, ${one.plis} keyframe requests`);
    console.log(`${person.name}, after ${Date.now() - person.pressedAt} ms: ${from} → ${to}`);
  }
}

/** @param {Person[]} people @param {import("../person.mjs").Received[][]} before */
async function assertSmooth(people, before) {
  for (const [place, person] of people.entries()) {
    for (const now of await person.pictures()) {
      const then = before[place].find((one) => one.mid === now.mid);
      if (!then) continue;
      console.log(`${person.name} received ${now.width}×${now.height}, ${now.frames} frames, ${now.freezes} freezes, ${now.plis} keyframe requests`);
      assert.equal(now.freezes - then.freezes, 0, `${person.name}'s picture froze`);
      assert.equal(now.plis - then.plis, 0, `${person.name} asked for keyframes`);
    }
  }
}

/**
 * Waits until somebody receives a picture whose width is right, and gives it.
 *
 * @param {Person} person
 * @param {string} what
 * @param {number} deadlineMs
 * @param {(width: number) => boolean} isRight
 */
export async function receivesWidth(person, what, deadlineMs, isRight) {
  return until(`${person.name} receives a picture ${what}`, deadlineMs, async () => {
    const pictures = await person.pictures();
    return pictures.map((one) => one.width).find((width) => width > 0 && isRight(width));
  }).catch(async (error) => {
    throw new Error(`${error.message}\n${JSON.stringify(await person.pictures(), null, 1)}`);
  });
}
