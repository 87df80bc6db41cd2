// Expected values: docs/protocol.md, and the rules of the page's design (retry times, view messages, encodings by size).
import assert from "node:assert/strict";
import { test } from "node:test";
import { codecOrder } from "../../../signaling/web/net/codecs.js";
import { cameraEncodings, fitEncodings, layerCount, wantEncodings } from "../../../signaling/web/net/encodings.js";
import { limit, watchLimits } from "../../../signaling/web/net/limits.js";
import { changes } from "../../../signaling/web/net/slots.js";
import { retryDelay, Socket } from "../../../signaling/web/net/socket.js";
import { pixels, ViewHints } from "../../../signaling/web/net/view.js";
import { Silence } from "../../../signaling/web/net/watch.js";

test("a lost socket is tried at 0.3, 1, 2, 4, 8, 8 … seconds, 30 % around", () => {
  const middle = [1, 2, 3, 4, 5, 6, 99].map((attempt) => retryDelay(attempt, 0.5));
  assert.deepEqual(middle, [300, 1000, 2000, 4000, 8000, 8000, 8000]);
  assert.equal(retryDelay(2, 0), 700);
  assert.equal(retryDelay(2, 1), 1300);
});

test("sizes are asked for in steps of 16, at twice the CSS size at most", () => {
  assert.equal(pixels(100, 1), 112);
  assert.equal(pixels(160, 1), 160);
  assert.equal(pixels(160, 3), 320);
  assert.equal(pixels(0, 2), 0);
});

const view = (/** @type {number} */ width, mid = "5", priority = 1) => ({ mid, width, height: (width * 9) / 16, priority });

test("a larger picture is asked for at once, a smaller one after half a second of quiet", () => {
  const hints = new ViewHints();
  hints.want(0, [view(640)]);
  assert.deepEqual(hints.due(0).send, [view(640)]);
  hints.want(1000, [view(1280)]);
  assert.deepEqual(hints.due(1000).send, [view(1280)]);
  hints.want(2000, [view(320)]);
  assert.deepEqual(hints.due(2000), { send: [], next: 2500 });
  hints.want(2400, [view(160)]);
  assert.deepEqual(hints.due(2500), { send: [], next: 2900 });
  assert.deepEqual(hints.due(2900).send, [view(160)]);
});

test("never more than five messages a second", () => {
  const hints = new ViewHints();
  const sent = [];
  for (let now = 0; now < 1000; now += 10) {
    hints.want(now, [view(160 + 16 * now)]);
    if (hints.due(now).send.length > 0) sent.push(now);
  }
  assert.equal(sent.length, 5);
});

test("only what changed is told, and a slot that is no longer named is 0 × 0", () => {
  const hints = new ViewHints();
  hints.want(0, [view(640, "5"), view(640, "6")]);
  hints.due(0);
  hints.want(1000, [view(640, "5")]);
  assert.deepEqual(hints.due(1500).send, [{ mid: "6", width: 0, height: 0, priority: 1 }]);
});

test("a tab hidden for five seconds asks for nothing, and asks first on return", () => {
  const hints = new ViewHints();
  hints.want(0, [view(640)]);
  hints.due(0);
  hints.hide(1000, true);
  assert.deepEqual(hints.due(1000), { send: [], next: 6000 });
  assert.deepEqual(hints.due(6000).send, [{ mid: "5", width: 0, height: 0, priority: 1 }]);
  hints.hide(9000, false);
  assert.deepEqual(hints.due(9000).send, [view(640)]);
});

test("after a return everything is told again", () => {
  const hints = new ViewHints();
  hints.want(0, [view(640)]);
  hints.due(0);
  hints.forget();
  assert.deepEqual(hints.due(1000).send, [view(640)]);
});

test("a camera is sent in three sizes from 960 × 540, two from 480 × 270, else one; portrait counts as turned", () => {
  assert.deepEqual([[1280, 720], [960, 540], [959, 540], [640, 480], [480, 270], [320, 240], [720, 1280]].map(([width = 0, height = 0]) => layerCount({ width, height })), [3, 3, 2, 2, 2, 1, 3]);
});

test("encodings go from low to high, with the scales of the protocol", () => {
  const scales = (/** @type {RTCRtpEncodingParameters[]} */ list) => list.map(({ rid, scaleResolutionDownBy }) => [rid, scaleResolutionDownBy]);
  assert.deepEqual(scales(cameraEncodings({ width: 1280, height: 720 }, "VP8")), [["l", 4], ["m", 2], ["h", 1]]);
  assert.deepEqual(scales(cameraEncodings({ width: 640, height: 360 }, "H264")), [["l", 2], ["h", 1]]);
  const inside = ([[1280, 720], [640, 360], [320, 180]]).map(([width = 0, height = 0]) => cameraEncodings({ width, height }, "AV1").map((one) => one.scalabilityMode));
  assert.deepEqual(inside, [["L3T3_KEY"], ["L2T3_KEY"], ["L1T3"]], "layers of one encoding, by the names of WebRTC SVC");
});

test("a smaller camera than planned switches the lowest encodings off, and the rest keep halving", () => {
  const fitted = fitEncodings(cameraEncodings({ width: 1280, height: 720 }, "VP8"), { width: 640, height: 360 });
  assert.deepEqual(fitted.map((one) => [one.active, one.scaleResolutionDownBy]), [[false, 4], [true, 2], [true, 1]]);
  const again = fitEncodings(fitted, { width: 1280, height: 720 });
  assert.deepEqual(again.map((one) => one.active), [true, true, true]);
  const layered = fitEncodings(cameraEncodings({ width: 1280, height: 720 }, "VP9"), { width: 640, height: 360 });
  assert.deepEqual(layered.map((one) => [one.active, one.scalabilityMode]), [[true, "L2T3_KEY"]]);
});

test("an encoding that nobody wants is off, and one that the camera is too small for stays off", () => {
  const made = () => cameraEncodings({ width: 1280, height: 720 }, "VP8");
  const active = (/** @type {RTCRtpEncodingParameters[]} */ encodings) => encodings.map((one) => one.active);
  assert.deepEqual(active(wantEncodings(made(), [true, false, true])), [true, false, true]);
  assert.deepEqual(active(wantEncodings(made(), [])), [true, true, true]);
  const small = fitEncodings(made(), { width: 640, height: 360 });
  assert.deepEqual(active(wantEncodings(small, [true, true, false])), [false, true, false]);
});

test("the chosen codec comes first; what no browser sends first is not offered", () => {
  // As Chromium lists them.
  const codecs = [
    { mimeType: "video/VP8" },
    { mimeType: "video/rtx" },
    { mimeType: "video/VP9", sdpFmtpLine: "profile-id=0" },
    { mimeType: "video/VP9", sdpFmtpLine: "profile-id=2" },
    { mimeType: "video/H264", sdpFmtpLine: "level-asymmetry-allowed=1;packetization-mode=1;profile-level-id=42e01f" },
    { mimeType: "video/H264", sdpFmtpLine: "level-asymmetry-allowed=1;packetization-mode=0;profile-level-id=42e01f" },
    { mimeType: "video/AV1", sdpFmtpLine: "level-idx=5;profile=0;tier=0" },
    { mimeType: "video/AV1", sdpFmtpLine: "level-idx=5;profile=1;tier=0" },
    { mimeType: "video/red" },
    { mimeType: "video/ulpfec" },
  ];
  assert.deepEqual(codecOrder(codecs, "H264"), [codecs[4], codecs[0], codecs[1], codecs[2], codecs[6]]);
});

test("slots: what begins and what ends", () => {
  /** @param {string} mid @param {number} publication */
  const slot = (mid, publication) => /** @type {const} */ ({ mid, publication, participant: "p", source: "camera", reason: "full" });
  const { begun, ended } = changes([slot("4", 1), slot("5", 2)], [slot("4", 1), slot("6", 2), slot("7", 3)]);
  assert.deepEqual(begun.map((one) => one.mid), ["6", "7"]);
  assert.deepEqual(ended.map((one) => one.mid), ["5"]);
});

test("silence alone is no proof of a dead way: unanswered STUN requests are", () => {
  const quiet = new Silence();
  for (let second = 0; second < 60; second += 1) assert.equal(quiet.add(second * 1000, { bytes: 500, unanswered: 0 }), false);
  const dead = new Silence();
  assert.equal(dead.add(0, { bytes: 500, unanswered: 1 }), false);
  assert.equal(dead.add(1000, { bytes: 500, unanswered: 3 }), false, "not yet two seconds");
  assert.equal(dead.add(2000, { bytes: 500, unanswered: 5 }), true);
});

test("a welcome has everybody whom the server named before it", () => {
  /** @type {any[]} */ const heard = [];
  /** @type {any} */ let browser = null;
  const before = globalThis.WebSocket;
  globalThis.WebSocket = /** @type {any} */ (
    class {
      constructor() {
        browser = this;
      }
      close() {}
    }
  );
  const socket = new Socket({ url: "ws://x", hello: () => ({ op: "leave" }), onMessage: (message) => heard.push(message), onState: () => {} });
  const tell = (/** @type {object} */ message) => browser.onmessage({ data: JSON.stringify(message) });
  const welcome = (/** @type {object[]} */ participants) => ({ op: "welcome", heartbeat_ms: 10_000, participants });
  try {
    socket.open();
    tell({ op: "present", participants: [{ id: "p1" }, { id: "p2" }] });
    tell({ op: "present", participants: [{ id: "p3" }] });
    tell(welcome([{ id: "p4" }]));
    // One that is lost half way tells nobody twice.
    tell({ op: "present", participants: [{ id: "p1" }] });
    socket.open();
    tell(welcome([{ id: "p5" }]));
  } finally {
    socket.close();
    globalThis.WebSocket = before;
  }
  assert.deepEqual(heard.map((message) => message.participants.map((/** @type {any} */ one) => one.id)), [["p1", "p2", "p3", "p4"], ["p5"]]);
});

test("what limits a picture is told on change, the worst of its encodings, and again to a server that may have missed it", async () => {
  assert.equal(limit([{ qualityLimitationReason: "none" }, {}]), null);
  assert.equal(limit([{ qualityLimitationReason: "cpu" }, { qualityLimitationReason: "bandwidth" }]), "bandwidth");
  assert.equal(limit([{ qualityLimitationReason: "cpu" }, { qualityLimitationReason: "other" }]), "cpu");
  let reason = "none";
  const sends = (/** @type {string | null} */ mid, /** @type {string} */ kind, /** @type {{} | null} */ track) =>
    /** @type {any} */ ({ mid, receiver: { track: { kind } }, sender: { track, getStats: async () => new Map([["1", { qualityLimitationReason: reason }]]) } });
  /** @type {[string, string | null][]} */ const told = [];
  const limits = watchLimits([sends("0", "audio", {}), sends("1", "video", {}), sends("2", "video", null), sends(null, "video", {})], (mid, by) => told.push([mid, by]));
  const look = async () => (await limits.look(), told.splice(0));
  assert.deepEqual(await look(), [["1", null], ["2", null]]);
  reason = "bandwidth";
  assert.deepEqual(await look(), [["1", "bandwidth"]]);
  assert.deepEqual(await look(), []);
  limits.again();
  assert.deepEqual(await look(), [["1", "bandwidth"], ["2", null]]);
  reason = "none";
  assert.deepEqual(await look(), [["1", null]]);
  limits.stop();
});
