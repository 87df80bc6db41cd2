// 3 Mbit/s that lose 5 %, each packet by itself: pictures go on.

import { watchLossy } from "./audience.mjs";

export const link = { down: "lossy" };

/** @param {any} stage */
export async function play(stage) {
  await watchLossy(stage, 0.5);
}
