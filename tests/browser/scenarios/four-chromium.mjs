import { openChromium } from "../browsers.mjs";
import { talk } from "./call.mjs";

/** @param {any} stage */
export async function play({ server, opened }) {
  const browser = await opened(openChromium());
  await talk(
    server,
    ["Sam", "Mira", "Jonas", "Ada"].map((name) => ({ browser, name, camera: [960, 540] })),
  );
}
