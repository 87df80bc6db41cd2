// 3 Mbit/s that lose 5 % in bursts of five: pictures go on.

import { watchLossy } from "./audience.mjs";

export const link = { down: "lossy", burst: 5 };

/** @param {any} stage */
export async function play(stage) {
  await watchLossy(stage, 1);
}
