import { openChromium, openFirefox } from "../browsers.mjs";
import { talk } from "./call.mjs";

/** @param {any} stage */
export async function play({ server, opened }) {
  const [chromium, firefox] = [await opened(openChromium()), await opened(openFirefox())];
  await talk(server, [
    { browser: chromium, name: "Sam", camera: [1280, 720] },
    { browser: firefox, name: "Mira", camera: [960, 540] },
  ]);
}
