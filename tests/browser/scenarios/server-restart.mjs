// The server is restarted during a call; the pages come back by themselves.

import { openChromium } from "../browsers.mjs";
import { Person } from "../person.mjs";
import { until } from "../deadline.mjs";

/** @param {any} stage */
export async function play({ server, opened }) {
  const browser = await opened(openChromium());
  const sam = await Person.open(browser, server.url, "Sam", { camera: [640, 360] });
  await sam.join("olive-kettle");
  const mira = await Person.open(browser, server.url, "Mira", { camera: [640, 360] });
  await mira.join("olive-kettle");
  await Promise.all([sam.meets(1, 15_000), mira.meets(1, 15_000)]);
  await server.restart();
  await until("both are in again", 20_000, async () => (await sam.present()).length === 2 && (await mira.present()).length === 2);
  await Promise.all([sam.meets(1, 20_000), mira.meets(1, 20_000)]);
  const frames = (await mira.pictures())[0].frames;
  await until("the picture goes on", 10_000, async () => (await mira.pictures())[0]?.frames > frames + 60);
  for (const person of [sam, mira]) {
    person.forgiveErrors(); // browsers report refused sockets in the console
    await person.assertNoFaults();
  }
}
