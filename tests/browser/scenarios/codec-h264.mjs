import { openChromium } from "../browsers.mjs";
import { talk } from "./call.mjs";

/** @param {any} stage */
export async function play({ server, opened }) {
  const browser = await opened(openChromium());
  await talk(
    server,
    ["Sam", "Mira"].map((name) => ({ browser, name, camera: [640, 360] })),
    { query: "&codec=H264" },
  );
}
