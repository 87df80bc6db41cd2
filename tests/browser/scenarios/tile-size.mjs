// The size of a tile decides which layer is received, and what nobody receives is not sent.

import { openChromium } from "../browsers.mjs";
import { until } from "../deadline.mjs";
import { Person } from "../person.mjs";
import { receivesWidth } from "./call.mjs";

/** @param {any} stage */
export async function play({ server, opened }) {
  const browser = await opened(openChromium());
  const sam = await Person.open(browser, server.url, "Sam", { camera: [1280, 720] });
  await sam.join("attic-lamp");
  const mira = await Person.open(browser, server.url, "Mira", { camera: [640, 360], window: { width: 1600, height: 1000 } });
  await mira.join("attic-lamp");
  await mira.meets(1, 15_000);
  const wide = await receivesWidth(mira, "of a large layer", 20_000, (width) => width >= 640);
  await mira.resize(340, 420);
  const narrow = await receivesWidth(mira, "of a smaller layer", 20_000, (width) => width <= wide / 2);
  await until("Sam's largest size is off", 15_000, async () => (await sam.sent()).some((one) => one.rid === "h" && !one.active));
  await mira.resize(1600, 1000);
  await receivesWidth(mira, "of a larger layer again", 20_000, (width) => width >= narrow * 2);
  await mira.assertNoFaults();
  await sam.assertNoFaults();
}
