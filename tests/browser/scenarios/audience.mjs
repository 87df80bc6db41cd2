// Somebody watches somebody else's 720p through a link: what such scenarios have in common.

import { strict as assert } from "node:assert";
import { openChromium } from "../browsers.mjs";
import { until } from "../deadline.mjs";
import { Person } from "../person.mjs";

/** @import { Forwarder } from "../forwarder.mjs" */
/** @import { Server } from "../server.mjs" */

/** Large enough for 720 lines of the one picture in it. */
export const LARGE = { width: 1600, height: 1000 };
/** Who only sends draws little, so that two cores suffice. */
const SMALL = { width: 480, height: 360 };

/**
 * Sam sends 720p in three sizes; Mira, whose camera is off, joins behind the link.
 *
 * @param {{ server: Server, opened: <T extends { close: () => Promise<unknown> }>(opening: Promise<T>) => Promise<T>, forwarder: Forwarder, codec?: string }} stage codec: that Sam sends, VP8 if not given
 * @param {{ muted?: boolean, window?: { width: number, height: number } }} [options] muted: Mira sends nothing but feedback
 */
export async function attend({ server, opened, forwarder, codec }, { muted = false, window = LARGE } = {}) {
  const query = codec ? `&codec=${codec}` : "";
  const browser = await opened(openChromium());
  const mira = await Person.open(browser, server.url, "Mira", { query, window });
  await mira.press("turn camera off");
  if (muted) await mira.press("mute");
  const sam = await Person.open(browser, server.url, "Sam", { camera: [1280, 720], query, window: SMALL });
  await sam.join("orchard-bridge");
  await until("Sam's camera is on", 10_000, async () => (await sam.sent()).some((one) => one.frames > 0));
  await sam.keepResolution();
  await until("Sam sends 720 lines", 20_000, async () => (await sam.sent()).some((one) => one.height === 720 && one.frames >= 30), 200).catch(async (error) => {
    throw new Error(`${error.message}\n${JSON.stringify(await sam.sent())}`);
  });
  await forwarder.begin();
  await mira.record();
  await mira.join("orchard-bridge");
  return { sam, mira };
}

/**
 * Nothing is untold: the tally of the link, and the heights and reasons over time.
 *
 * @param {Forwarder} forwarder
 * @param {import("../recording.mjs").Recording} recording
 */
export function tell(forwarder, recording) {
  console.log(recording.told(forwarder.begunAt));
}

/**
 * Half a minute of a link that loses packets: at least 25 pictures a second, and no more than so many seconds frozen.
 *
 * @param {any} stage
 * @param {number} frozenMax
 */
export async function watchLossy(stage, frozenMax) {
  const { sam, mira } = await attend(stage);
  await mira.recordedUntil(mira.pressedAt + 33_000);
  const recording = await mira.recording();
  tell(stage.forwarder, recording);
  const rate = recording.between(mira.pressedAt + 3_000).rate;
  const frozen = recording.grown("camera", "frozen");
  console.log(`${rate.toFixed(1)} pictures a second, ${frozen.toFixed(2)} s frozen, ${recording.grown("camera", "lost")} packets lost`);
  assert.ok(rate >= 25, `${rate} pictures a second`);
  assert.ok(frozen <= frozenMax, `frozen for ${frozen} s`);
  await mira.assertNoFaults();
  await sam.assertNoFaults();
}
