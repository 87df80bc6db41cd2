// What the page decides without a page: names, words, sound, and the files it is made of.
import assert from "node:assert/strict";
import { createHash } from "node:crypto";
import { readdirSync, readFileSync, statSync } from "node:fs";
import { test } from "node:test";
import { troubleKind } from "../../../signaling/web/media/devices.js";
import { meterLevel } from "../../../signaling/web/media/microphone.js";
import { soundVerdict } from "../../../signaling/web/media/screen.js";
import { effectLater } from "../../../signaling/web/state/later.js";
import { preferences, setVolume, volumeOf } from "../../../signaling/web/state/preferences.js";
import { look, why } from "../../../signaling/web/stage/why.js";
import { clock, t } from "../../../signaling/web/strings/en.js";
import { signal } from "../../../signaling/web/vendor/signals-core/signals-core.module.js";

/** @import { Reason } from "../../../signaling/web/net/socket.js" */

const WEB = new URL("../../../signaling/web/", import.meta.url);
const text = (/** @type {string} */ path) => readFileSync(new URL(path, WEB), "utf8");

/** Every served file, by its path. */
function served() {
  return readdirSync(WEB, { recursive: true, encoding: "utf8" }).filter((path) => /\.(html|css|js|svg|woff2)$/.test(path) && statSync(new URL(path, WEB)).isFile());
}

test("each refusal of a browser has a kind, and each kind has words", () => {
  assert.equal(troubleKind("NotAllowedError", "Permission denied", "denied"), "blocked");
  assert.equal(troubleKind("NotAllowedError", "Permission dismissed", "prompt"), "dismissed");
  assert.equal(troubleKind("NotAllowedError", "Permission denied by system", "prompt"), "system");
  assert.equal(troubleKind("NotFoundError", "", "granted"), "missing");
  assert.equal(troubleKind("NotReadableError", "", "granted"), "busy");
  assert.equal(troubleKind("TypeError", "", "granted"), "failed");
  for (const [kind, words] of Object.entries(t.trouble)) {
    assert.ok(words.title("microphone").length > 10, kind);
    assert.ok(words.text("camera").length > 10, kind);
  }
});

test("a whole screen's sound is shared only if the browser took the page's own sound out of it", () => {
  assert.equal(soundVerdict({ displaySurface: "browser" }, null), "without_sound");
  assert.equal(soundVerdict({ displaySurface: "browser" }, {}), "shared");
  assert.equal(soundVerdict({ displaySurface: "monitor" }, {}), "echo");
  assert.equal(soundVerdict({ displaySurface: "monitor" }, { restrictOwnAudio: true }), "shared");
});

test("the meter is empty in silence, full at a shout, and linear in dB between", () => {
  assert.equal(meterLevel(0), 0);
  assert.equal(meterLevel(1), 1);
  const [low, middle, high] = [0.01, 0.03162, 0.1].map(meterLevel);
  assert.ok(low && middle && high && Math.abs(middle - low - (high - middle)) < 0.01);
});

test("somebody's volume is kept by name, whatever the name, and forgotten when it is the usual one", () => {
  for (const name of ["Mira", "constructor", "__proto__", "toString"]) {
    assert.equal(volumeOf(name), 1, name);
    setVolume(name, 0.4);
    assert.equal(volumeOf(name), 0.4, name);
    setVolume(name, 1);
    assert.equal(volumeOf(name), 1, name);
  }
  assert.equal(Object.keys(preferences.peek().volumes).length, 0);
  for (let index = 0; index < 300; index += 1) setVolume(`guest ${index}`, 2);
  assert.ok(Object.keys(preferences.peek().volumes).length <= 200);
  assert.equal(volumeOf("guest 299"), 2);
});

test("what draws later draws once for many changes, in another task, and again after the next", (context) => {
  context.mock.timers.enable({ apis: ["setTimeout"] });
  const [a, b] = [signal(0), signal(0)];
  /** @type {number[]} */ const drawn = [];
  effectLater(() => void drawn.push(a.value * 10 + b.value));
  a.value = 1;
  b.value = 2;
  assert.deepEqual(drawn, [0]);
  context.mock.timers.tick(1);
  assert.deepEqual(drawn, [0, 12]);
  b.value = 3;
  context.mock.timers.tick(1);
  assert.deepEqual(drawn, [0, 12, 13]);
});

test("times and lists read as people write them", () => {
  assert.equal(clock(1458), "24:18");
  assert.equal(clock(3723), "1:02:03");
  assert.equal(t.turn.in(["Mira", "Jonas", "Ada", "Tom"]), "Mira and 3 others came in");
  assert.equal(t.inside(["Mira", "Jonas", "Ada"]), "Mira, Jonas and Ada are here");
});

test("what becomes of people and pictures within two seconds is said together, and what is undone is not said", async (context) => {
  /** @type {string[]} */ const said = [];
  const polite = { set textContent(/** @type {string} */ words) { said.push(words); } };
  const page = { getElementById: (/** @type {string} */ id) => (id === "polite" ? polite : null), createTreeWalker: () => null, createComment: () => null };
  Object.assign(globalThis, { document: page });
  let now = 0;
  context.mock.timers.enable({ apis: ["setTimeout"] });
  context.mock.method(performance, "now", () => now);
  const pass = () => {
    now += 2_000;
    context.mock.timers.tick(2_000);
  };
  const { moved, pictureChanged } = await import("../../../signaling/web/notices.js");
  pictureChanged(true, "Mira");
  assert.deepEqual(said.splice(0), ["Mira: picture paused"]);
  for (const name of ["Jonas", "Ada", "Tom", "Kim"]) pictureChanged(true, name);
  moved("in", "Ben", 4);
  pictureChanged(false, "Ada");
  pictureChanged(false, "Mira");
  assert.deepEqual(said, []);
  pass();
  assert.deepEqual(said.splice(0), ["Jonas and 2 others: picture paused"]);
  pass();
  pass();
  assert.deepEqual(said.splice(0), ["Ben came in", "Mira: picture is back"]);
  pass();
  assert.deepEqual(said, []);
});

test("before joining one label has “your name”, one “channel”, one button “join”", () => {
  const html = text("index.html");
  const labels = [...html.matchAll(/<label[^>]*>([^<]*)<|aria-label="([^"]*)"|<button[^>]*>([^<]*)</g)].map((match) => (match[1] ?? match[2] ?? match[3] ?? "").toLowerCase());
  for (const word of ["your name", "channel", "join"]) assert.equal(labels.filter((label) => label.includes(word)).length, 1, word);
  const shown = [t.turnOn, t.testSound, t.justListen, t.tryAgain, t.askAgain, t.mute, t.unmute, t.cameraOff, t.cameraOn, t.close, ...Object.values(t.device)];
  for (const label of shown) assert.doesNotMatch(label, /your name|channel|join/i);
});

test("no inline script, style or handler: the page runs under default-src 'self'", () => {
  const html = text("index.html");
  assert.doesNotMatch(html, /<script(?![^>]*\bsrc=)|<style|\sstyle=|\son[a-z]+=/i);
  for (const path of served().filter((one) => one.endsWith(".js") && !one.startsWith("vendor/"))) assert.doesNotMatch(text(path), /\bstyle="|innerHTML|\beval\(|new Function/, path);
});

test("every icon that is named is in the sprite", () => {
  const sprite = text("icons.svg");
  const known = new Set([...sprite.matchAll(/<symbol id="([^"]+)"/g)].map((match) => match[1]));
  for (const path of served().filter((one) => one.endsWith(".js") && !one.startsWith("vendor/"))) {
    for (const [, name] of text(path).matchAll(/\bicon(?:\(|: )"([a-z-]+)"/g)) assert.ok(known.has(name), `${name} in ${path}`);
  }
});

test("every module is announced in the HTML, so that none waits for another's import", () => {
  const announced = [...text("index.html").matchAll(/rel="modulepreload" href="\/assets\/([^"]+)"/g)].map((match) => match[1]);
  assert.deepEqual(announced.sort(), served().filter((path) => path.endsWith(".js") && path !== "main.js").sort());
});

test("what others wrote is unchanged", () => {
  const list = text("vendor/VENDOR.md").matchAll(/^([0-9a-f]{64}) {2}(\S+)$/gm);
  let count = 0;
  for (const [, sum, path = ""] of list) {
    count += 1;
    assert.equal(createHash("sha256").update(readFileSync(new URL(path, WEB))).digest("hex"), sum, path);
  }
  assert.equal(count, 8);
});

test("each reason of the protocol has words, or is none for which anything is missing", () => {
  const protocol = readFileSync(new URL("../../../docs/protocol.md", import.meta.url), "utf8");
  const table = protocol.split("| reason | means |")[1]?.split("\n\n")[0] ?? "";
  const reasons = [...table.matchAll(/^\| ([a-z]+) \|/gm)].map((match) => match[1] ?? "");
  assert.ok(reasons.length >= 9);
  assert.deepEqual(Object.keys(t.why).sort(), reasons.sort());
  for (const reason of /** @type {Reason[]} */ (reasons)) {
    const slot = { mid: "4", publication: 1, participant: "p4", source: /** @type {const} */ ("camera"), reason, layer: 0, wanted: 2 };
    const words = why(slot, "Mira", null, "640 × 360");
    assert.equal(words === null, reason === "full" || reason === "hidden", reason);
    assert.ok(words === null || (words.side && words.sentence.endsWith(".")), reason);
  }
});

test("what is short is told in figures, as far as they are known", () => {
  const slot = { mid: "4", publication: 1, participant: "p4", source: /** @type {const} */ ("camera"), reason: /** @type {const} */ ("budget"), layer: 1, wanted: 2, short_by: 1_340_000 };
  const link = { estimate: 620_000, used: 500_000, wanted: 2_000_000, loss_permille: 0 };
  assert.equal(why(slot, "Mira", link, "")?.sentence, "There is room for 620\u00a0kbit/s; Mira’s next size needs 1.3\u00a0Mbit/s more. It returns by itself.");
  assert.equal(why(slot, "Mira", null, "")?.sentence, "Mira’s next size needs 1.3\u00a0Mbit/s more than your connection carries. It returns by itself.");
  assert.equal(why({ ...slot, reason: "paused" }, "Mira", null, "")?.sentence, "Your connection has room for voices only.");
});

test("whose side it is on is named with whoever it is", () => {
  // As a server with links to others would send it: no server has any yet.
  const recorded = JSON.parse('{ "op": "slots", "slots": [{ "mid": "4", "publication": 1, "participant": "p4", "source": "camera", "reason": "relay", "layer": 0, "wanted": 2 }] }');
  const [slot] = recorded.slots;
  const words = (/** @type {Reason} */ reason) => Object.values(why({ ...slot, reason }, "Mira", null, "640 × 360") ?? {});
  assert.deepEqual(Object.values(why(slot, "Mira", null, "") ?? {}), ["Confab", "The link between two servers is full."]);
  assert.deepEqual(words("upload"), ["Mira’s upload", "Mira’s connection carries no larger picture."]);
  assert.deepEqual(words("busy"), ["Mira’s device", "Mira’s device is busy and sends a smaller picture."]);
  assert.deepEqual(words("source"), ["the source", "There is no larger picture than 640 × 360."]);
  assert.deepEqual(words("loss"), ["the way", "Part of Mira’s picture was lost on the way; it is being sent again."]);
});

test("a picture is soft where a larger one could be seen, and paused where one could be and none comes", () => {
  const slot = { mid: "4", publication: 1, participant: "p4", source: /** @type {const} */ ("camera") };
  assert.equal(look(null), null);
  assert.equal(look({ ...slot, reason: "full", layer: 2, wanted: 2 }), null);
  assert.equal(look({ ...slot, reason: "budget", layer: 0, wanted: 2 }), "soft");
  assert.equal(look({ ...slot, reason: "budget", layer: 2, wanted: 2 }), null, "frames are missing, not sharpness");
  assert.equal(look({ ...slot, reason: "paused", wanted: 2 }), "paused");
  assert.equal(look({ ...slot, reason: "server", wanted: 2 }), "paused");
  assert.equal(look({ ...slot, reason: "starting", layer: 0, wanted: 2 }), null, "nobody knows yet");
  assert.equal(look({ ...slot, reason: "hidden" }), null);
  for (const reason of /** @type {const} */ (["upload", "busy", "relay"])) assert.equal(look({ ...slot, reason, layer: 1, wanted: 2 }), "soft", reason);
  for (const reason of /** @type {const} */ (["source", "loss"])) assert.equal(look({ ...slot, reason, layer: 1, wanted: 2 }), null, reason);
  assert.equal(look({ ...slot, reason: "keyframe" }), null, "the tile waits, and says so itself");
});
