// The way from whoever sends becomes narrow: the watcher is told that it is theirs, as long as a larger picture is missing, and no longer.

import { strict as assert } from "node:assert";
import { openChromium } from "../browsers.mjs";
import { until } from "../deadline.mjs";
import { Person } from "../person.mjs";
import { CHANNEL, LARGE, tell } from "./audience.mjs";

export const link = { down: "wide", back: "upload" };

/** Of the trace. */
const NARROW_MS = 12_000;
const WIDE_MS = 40_000;
/** A browser takes some seconds to give up its largest size, asks itself every two, and the server tells at once. */
const TOLD_MS = 12_000;
/** Browsers come back slowly: libwebrtc grows by 8 % a second unless its probes find more. */
const BACK_MS = 45_000;

/** @param {any} stage */
export async function play({ server, opened, forwarder, codec }) {
  const query = codec ? `&codec=${codec}` : "";
  const browser = await opened(openChromium());
  const mira = await Person.open(browser, server.url, "Mira", { query, window: LARGE });
  await mira.press("turn camera off");
  await mira.join(CHANNEL);
  const sam = await Person.open(browser, server.url, "Sam", { camera: [1280, 720], query, window: { width: 480, height: 360 } });
  await forwarder.begin();
  await sam.join(CHANNEL);
  await mira.record();
  const { begunAt } = forwarder;
  const reasonsOf = async () => (await mira.recording()).of("camera");
  const narrow = begunAt + NARROW_MS;
  await until("Mira sees 720 lines", NARROW_MS, async () => (await reasonsOf()).some((one) => one.height === 720));
  const told = await until("Mira is told of Sam's upload", NARROW_MS + TOLD_MS, async () => (await reasonsOf()).find((one) => one.at >= narrow && one.reason === "upload"));
  await mira.recordedUntil(begunAt + WIDE_MS);
  const back = await until("Mira sees 720 lines again, and no reason against it", BACK_MS, async () =>
    (await reasonsOf()).find((one) => one.at >= begunAt + WIDE_MS && one.height === 720 && one.reason !== "upload"),
  );
  const recording = await mira.recording();
  tell(forwarder, recording);
  const without = recording.between(narrow + TOLD_MS, begunAt + WIDE_MS);
  const share = without.of("camera").filter((one) => one.reason === "upload").length / without.of("camera").length;
  console.log(`told ${told.at - narrow} ms after the drop, gone ${back.at - begunAt - WIDE_MS} ms after the return; meanwhile for ${(share * 100).toFixed(0)} % of the time, ${without.rate.toFixed(1)} pictures a second`);
  assert.ok(without.of("camera").every((one) => one.height < 720), "Sam's upload has no room for 720 lines");
  assert.ok(share >= 0.9, "the reason stands as long as the upload is narrow");
  assert.ok(!recording.between(begunAt, narrow).of("camera").some((one) => one.reason === "busy"), "nobody is blamed before");
  await mira.assertNoFaults();
  await sam.assertNoFaults();
}
