// The size of a tile decides which layer is received.

import { openChromium } from "../browsers.mjs";
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
  await receivesWidth(mira, 1280, 20_000);
  await mira.resize(360, 220);
  await receivesWidth(mira, 320, 20_000);
  await mira.resize(1500, 850);
  await receivesWidth(mira, 1280, 20_000);
  await mira.assertNoFaults();
  await sam.assertNoFaults();
}
