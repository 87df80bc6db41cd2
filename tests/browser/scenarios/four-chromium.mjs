import { openChromium } from "../browsers.mjs";
import { talk } from "./call.mjs";

/** Four cameras of 30 frames a second in three sizes each, and sixteen pictures to draw, are more than two cores can do. */
const FPS = 15;

/** @param {any} stage */
export async function play({ server, opened }) {
  const browser = await opened(openChromium({ fps: FPS }));
  await talk(
    server,
    ["Sam", "Mira", "Jonas", "Ada"].map((name) => ({ browser, name, camera: [960, 540] })),
  );
}
