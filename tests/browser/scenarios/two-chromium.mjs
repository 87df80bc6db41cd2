import { strict as assert } from "node:assert";
import { openChromium } from "../browsers.mjs";
import { receivesWidth, talk } from "./call.mjs";

/** @param {any} stage */
export async function play({ server, opened }) {
  const browser = await opened(openChromium());
  const [sam, mira] = await talk(server, [
    { browser, name: "Sam", camera: [1280, 720] },
    { browser, name: "Mira", camera: [960, 540] },
  ]);
  await mira.resize(1280, 800);
  // A browser that finds its processor busy makes all its layers smaller by a quarter.
  const highest = Math.max(...(await sam.sent()).map((one) => one.width));
  assert.ok(highest >= 960, `Sam sends ${highest} pixels in width`);
  await receivesWidth(mira, "of the highest layer", 20_000, (width) => width >= highest);
}
