// Two Chromiums on a network that lets no UDP through (`without_udp`, which plays this, takes care of that): they meet, see and hear each
// other over TCP, as soon and as smoothly as over UDP.

import { strict as assert } from "node:assert";
import { createSocket } from "node:dgram";
import { openChromium } from "../browsers.mjs";
import { talk } from "./call.mjs";

/** @param {any} stage */
export async function play({ server, opened }) {
  await assertNoUdp();
  const browser = await opened(openChromium());
  const people = await talk(server, [
    { browser, name: "Sam", camera: [1280, 720] },
    { browser, name: "Mira", camera: [960, 540] },
  ]);
  for (const person of people) assert.equal(await person.way(), "tcp", `${person.name}'s way`);
}

/** Otherwise nothing would be shown. */
async function assertNoUdp() {
  const socket = createSocket("udp4");
  const error = await new Promise((done) => socket.send("x", 9, "127.0.0.1", done));
  assert.match(`${error}`, /EINVAL/, "UDP has no way");
  socket.close();
}
