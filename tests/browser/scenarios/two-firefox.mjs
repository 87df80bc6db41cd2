import { openFirefox } from "../browsers.mjs";
import { talk } from "./call.mjs";

/** @param {any} stage */
export async function play({ server, opened }) {
  const browser = await opened(openFirefox());
  await talk(server, [
    { browser, name: "Sam", camera: [1280, 720] },
    { browser, name: "Mira", camera: [960, 540] },
  ]);
}
