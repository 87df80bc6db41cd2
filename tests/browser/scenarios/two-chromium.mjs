import { openChromium } from "../browsers.mjs";
import { until } from "../deadline.mjs";
import { talk } from "./call.mjs";

/** @param {any} stage */
export async function play({ server, opened }) {
  const browser = await opened(openChromium());
  const [sam, mira] = await talk(server, [
    { browser, name: "Sam", camera: [1280, 720] },
    { browser, name: "Mira", camera: [960, 540] },
  ]);
  await mira.resize(1280, 800);
  await until("Mira receives Sam's highest layer", 20_000, async () => {
    // A browser that finds its processor busy makes all its layers smaller by a quarter, whenever it likes.
    const highest = Math.max(...(await sam.sent()).map((one) => one.width));
    const received = (await mira.pictures()).map((one) => one.width);
    return highest >= 960 && received.includes(highest);
  });
}
