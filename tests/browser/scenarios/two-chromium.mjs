import { openChromium } from "../browsers.mjs";
import { receivesWidth, talk } from "./call.mjs";

/** @param {any} stage */
export async function play({ server, opened }) {
  const browser = await opened(openChromium());
  const [, mira] = await talk(server, [
    { browser, name: "Sam", camera: [1280, 720] },
    { browser, name: "Mira", camera: [960, 540], window: { width: 1280, height: 800 } },
  ]);
  await receivesWidth(mira, "of the highest layer", 20_000, (width) => width === 1280);
}
