// A shared screen reaches the other beside the camera, and goes away again.

import { until } from "../deadline.mjs";
import { openChromium } from "../browsers.mjs";
import { Person } from "../person.mjs";

/** @param {any} stage */
export async function play({ server, opened }) {
  const browser = await opened(openChromium());
  const sam = await Person.open(browser, server.url, "Sam", { camera: [640, 360] });
  await sam.join("garden-bench");
  const mira = await Person.open(browser, server.url, "Mira", { camera: [640, 360] });
  await mira.join("garden-bench");
  await mira.meets(1, 15_000);
  await sam.press("share screen");
  await until("Mira sees Sam's screen", 15_000, async () => (await mira.pictures("screen")).some((one) => one.frames > 0));
  const camera = (await mira.pictures())[0].frames;
  await until("Sam's camera goes on beside it", 10_000, async () => (await mira.pictures()).some((one) => one.frames > camera + 30));
  await sam.press("stop sharing screen");
  await until("the screen is gone", 10_000, async () => (await mira.pictures("screen")).length === 0);
  await mira.assertNoFaults();
  await sam.assertNoFaults();
}
