// Somebody watches somebody else's 720p through a link: what such scenarios have in common.

import { strict as assert } from "node:assert";
import { spawn } from "node:child_process";
import { dirname, join } from "node:path";
import { openChromium, openFirefox } from "../browsers.mjs";
import { until } from "../deadline.mjs";
import { Person } from "../person.mjs";

/** @import { Forwarder } from "../forwarder.mjs" */
/** @import { Server } from "../server.mjs" */

/** Large enough for 720 lines of the one picture in it. */
export const LARGE = { width: 1600, height: 1000 };
export const CHANNEL = "orchard-bridge";
/** Who only sends draws little, so that two cores suffice. */
const SMALL = { width: 480, height: 360 };

/**
 * Sam sends 720p in three sizes; Mira, whose camera is off, joins behind the link.
 *
 * @param {{ server: Server, opened: <T extends { close: () => Promise<unknown> }>(opening: Promise<T>) => Promise<T>, forwarder: Forwarder, codec?: string, watcher?: string }} stage codec: that Sam sends, VP8 if not given; watcher: `firefox`, or Chromium
 * @param {{ muted?: boolean, window?: { width: number, height: number } }} [options] muted: Mira sends nothing but feedback
 */
export async function attend({ server, opened, forwarder, codec, watcher }, { muted = false, window = LARGE } = {}) {
  const query = codec ? `&codec=${codec}` : "";
  const browser = await opened(openChromium());
  const firefox = watcher === "firefox" ? await opened(openFirefox()) : null;
  const mira = await Person.open(firefox ?? browser, server.url, "Mira", { query, window });
  // Firefox opens nothing before it is asked.
  if (!firefox) await mira.press("turn camera off");
  if (!firefox && muted) await mira.press("mute");
  const sam = await Person.open(browser, server.url, "Sam", { camera: [1280, 720], query, window: SMALL });
  await publish(sam);
  await forwarder.begin();
  await mira.record();
  await mira.join(CHANNEL);
  if (firefox) await mira.press("turn camera off");
  return { sam, mira };
}

/**
 * Joins, until 720 lines have been sent for a second. A browser alone in a channel sends nothing after five seconds, and one that was
 * slow to begin, while others were starting, may not have come so far by then: it tries again.
 *
 * @param {Person} sam
 */
async function publish(sam) {
  for (let attempt = 1; ; attempt += 1) {
    await sam.join(CHANNEL);
    await until("Sam's camera is on", 10_000, async () => (await sam.sent()).some((one) => one.frames > 0));
    await sam.keepResolution();
    const settled = await until("Sam sends 720 lines, or none", 20_000, async () => {
      const sent = await sam.sent();
      const whole = sent.some((one) => one.height === 720 && one.frames >= 30);
      const rests = sent.every((one) => one.height === 0);
      return (whole || rests) && { whole, sent };
    });
    if (settled.whole) return;
    if (attempt === ATTEMPTS) throw new Error(`Sam never sent 720 lines\n${JSON.stringify(settled.sent)}`);
    await sam.reload();
  }
}

/** More are no bad luck. */
const ATTEMPTS = 3;

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
 * Native participants in the same channel, as a process that ends with its input. Its binary stands beside the server's.
 *
 * @param {Server} server
 * @param {string[]} flags
 */
export function startCrowd(server, flags) {
  const binary = join(dirname(process.env.CONFAB ?? ""), "crowd");
  return spawn(binary, ["--http", new URL(server.url).host, "--channel", CHANNEL, ...flags], { stdio: ["pipe", "pipe", "inherit"] });
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
