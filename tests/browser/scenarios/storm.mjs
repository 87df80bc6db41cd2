// Two people talk while ten thousand datagrams a second come from a thousand addresses that nobody let in.

import { strict as assert } from "node:assert";
import { spawn } from "node:child_process";
import { fileURLToPath } from "node:url";
import { openChromium } from "../browsers.mjs";
import { until } from "../deadline.mjs";
import { talk } from "./call.mjs";

/** Samples that each hears after they have talked a while: ten seconds. */
const LISTENED = 10 * 48_000;
/** Of a voice, in thousandths. */
const CONCEALED_MAX = 1;

/** @param {any} stage */
export async function play({ server, opened }) {
  const script = fileURLToPath(new URL("../storm.mjs", import.meta.url));
  const storm = spawn("node", [script, ...server.mediaPorts.map(String)], { stdio: ["ignore", "pipe", "inherit"] });
  let told = { sent: 0, answered: 0 };
  storm.stdout.on("data", (data) => (told = JSON.parse(String(data).trim().split("\n").at(-1) ?? "")));
  try {
    await until("it storms", 10_000, async () => told.sent > 0);
    const browser = await opened(openChromium());
    const began = { ...told, at: Date.now() };
    const people = await talk(server, [
      { browser, name: "Sam", camera: [480, 270] },
      { browser, name: "Mira", camera: [480, 270] },
    ]);
    const rate = ((told.sent - began.sent) * 1_000) / (Date.now() - began.at);
    console.log(`${Math.round(rate)} datagrams a second from strangers, ${told.answered} answers`);
    assert.ok(rate > 9_000, "it stormed all the time");
    assert.equal(told.answered, 0, "no stranger is answered: none named a participant");
    // A voice that begins has no buffer yet: what is concealed then is no hole.
    const before = await Promise.all(people.map((person) => person.voices()));
    await until("they have listened on", 20_000, async () => {
      const now = await Promise.all(people.map((person) => person.voices()));
      return now.every((voices, place) => voices.every((voice, slot) => voice.samples >= before[place][slot].samples + LISTENED));
    });
    for (const [place, person] of people.entries()) {
      for (const voice of await person.voices()) {
        const then = before[place].find((one) => one.mid === voice.mid);
        assert.ok(then && voice.samples > then.samples);
        const thousandths = ((voice.concealed - then.concealed) * 1_000) / (voice.samples - then.samples);
        console.log(`${person.name}: ${thousandths.toFixed(2)} ‰ of the sound concealed`);
        assert.ok(thousandths <= CONCEALED_MAX, `${person.name} heard holes`);
      }
    }
  } finally {
    storm.kill();
  }
}
