import { openFirefox } from "../browsers.mjs";
import { meet } from "./call.mjs";

/** @param {any} stage */
export async function play({ server, opened }) {
  const browser = await opened(openFirefox());
  const people = await meet(server, [
    { browser, name: "Sam", camera: [960, 540] },
    { browser, name: "Mira", camera: [960, 540] },
  ]);
  for (const person of people) await person.assertNoFaults();
}
