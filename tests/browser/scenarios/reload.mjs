// Somebody reloads the page and comes in again; nobody lingers as a ghost.

import { until } from "../deadline.mjs";
import { openChromium } from "../browsers.mjs";
import { Person } from "../person.mjs";

/** @param {any} stage */
export async function play({ server, opened }) {
  const browser = await opened(openChromium());
  const sam = await Person.open(browser, server.url, "Sam", { camera: [640, 360] });
  await sam.join("harbour-porch");
  const mira = await Person.open(browser, server.url, "Mira", { camera: [640, 360] });
  await mira.join("harbour-porch");
  await Promise.all([sam.meets(1, 15_000), mira.meets(1, 15_000)]);
  await mira.reload();
  await until("Sam is alone", 10_000, async () => (await sam.present()).length === 1);
  await mira.join("harbour-porch");
  await Promise.all([sam.meets(1, 15_000), mira.meets(1, 15_000)]);
  await until("both are there, and nobody else", 5_000, async () => (await sam.present()).sort().join() === "Mira,Sam");
  await sam.press("leave");
  await until("Mira is alone", 10_000, async () => (await mira.present()).length === 1);
  await until("Sam may come back", 5_000, () => sam.hasButton("come back"));
  await sam.press("come back");
  await Promise.all([sam.meets(1, 15_000), mira.meets(1, 15_000)]);
  await mira.assertNoFaults();
  await sam.assertNoFaults();
}
