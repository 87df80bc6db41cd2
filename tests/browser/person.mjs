// Somebody at a page: presses what has a name, and looks at what the browser says it received.

import { strict as assert } from "node:assert";
import { until } from "./deadline.mjs";
import { Recording } from "./recording.mjs";

/** @import { Browser, Page } from "./browsers.mjs" */

/**
 * What one receive m-line got.
 *
 * @typedef {object} Received
 * @property {string} mid
 * @property {string} participant whose it is; empty while nothing plays there
 * @property {string} source
 * @property {number} frames decoded
 * @property {number} width
 * @property {number} height
 * @property {number} freezes
 * @property {number} plis sent by this receiver
 * @property {number} energy of the sound
 * @property {number} packets
 * @property {number} samples of sound that were played
 * @property {number} concealed of them made up, silence not counted
 */

/** @typedef {{ rid: string, width: number, height: number, frames: number, active: boolean, plis: number }} Sent plis: that came from the server */

export class Person {
  #page;
  pressedAt = 0;

  /** @param {string} name @param {Page} page */
  constructor(name, page) {
    this.name = name;
    this.#page = page;
  }

  /**
   * Opens the page. `camera` is the size of the picture to send, `query` more of the address.
   *
   * @param {Browser} browser
   * @param {string} url
   * @param {string} name
   * @param {{ camera?: [number, number], query?: string, window?: { width: number, height: number } }} [options]
   */
  static async open(browser, url, name, { camera = [960, 540], query = "", window } = {}) {
    const page = await browser.page(window);
    await page.goto(`${url}/?width=${camera[0]}&height=${camera[1]}${query}`);
    return new Person(name, page);
  }

  /** Types into the one field whose label has these words. @param {string} label @param {string} text */
  async fill(label, text) {
    const count = await this.#page.evaluate(focusField, label);
    assert.equal(count, 1, `exactly one field is called “${label}”`);
    await this.#page.type(text);
  }

  /** Presses the one button whose name has these words. @param {string} name */
  async press(name) {
    const count = await until(`a button called “${name}”`, 5_000, () => this.#page.evaluate(pressButton, name));
    assert.equal(count, 1, `exactly one button is called “${name}”`);
  }

  /** @param {string} channel */
  async join(channel) {
    await this.fill("your name", this.name);
    await this.fill("channel", channel);
    await this.press("join");
    this.pressedAt = Date.now();
  }

  /** Whether a button of this name is there. @param {string} name */
  async hasButton(name) {
    return (await this.#page.evaluate(countButtons, name)) > 0;
  }

  /** What comes in, by m-line. @returns {Promise<Received[]>} */
  received() {
    return this.#page.evaluate(readReceived);
  }

  /** What goes out of the camera. @returns {Promise<Sent[]>} */
  sent() {
    return this.#page.evaluate(readSent);
  }

  /** Pictures of others. @param {string} [source] */
  async pictures(source = "camera") {
    return (await this.received()).filter((one) => one.source === source);
  }

  /** Voices of others. */
  async voices() {
    return (await this.received()).filter((one) => one.source === "microphone");
  }

  /** Names of everybody in the channel, self included. @returns {Promise<string[]>} */
  present() {
    return this.#page.evaluate(readPresent);
  }

  /** Notes from now on what is received, ten times a second, within the page: asking from outside takes longer. */
  record() {
    return this.#page.evaluate(startRecording);
  }

  /** A browser short of processor time shall send fewer pictures, and not smaller ones. */
  keepResolution() {
    return this.#page.evaluate(keepResolution);
  }

  /** What was noted so far. */
  async recording() {
    return new Recording(await this.#page.evaluate(readRecording));
  }

  /** Waits until what is noted reaches a time of the wall clock. @param {number} time milliseconds */
  async recordedUntil(time) {
    const left = Math.max(0, time - Date.now());
    await until(`${this.name}'s recording is long enough`, left + 5_000, async () => (await this.#page.evaluate(readRecorded)) >= time, RECORDED_LOOK_MS);
  }

  /** What a screen reader said last, of what can wait. */
  announced() {
    return this.#page.evaluate(() => document.getElementById("polite")?.textContent);
  }

  /** Over which protocol media comes and goes: "udp" or "tcp". @returns {Promise<string>} */
  way() {
    return this.#page.evaluate(readWay);
  }

  /** Who is in the channel: ids by name. @returns {Promise<Record<string, string>>} */
  ids() {
    return this.#page.evaluate(readIds);
  }

  /** Makes the window larger or smaller, and with it all tiles. @param {number} width @param {number} height */
  resize(width, height) {
    return this.#page.resize({ width, height });
  }

  reload() {
    return this.#page.reload();
  }

  close() {
    return this.#page.close();
  }

  /** Nothing went wrong in the page. */
  async assertNoFaults() {
    const faults = await this.#page.evaluate(readFaults);
    assert.equal(faults, 0, `${this.name}'s page counted faults`);
    assert.deepEqual(this.#page.errors, [], `${this.name}'s page had errors`);
  }

  /** Forgets errors so far: those that a test has provoked. */
  forgiveErrors() {
    this.#page.errors.length = 0;
  }

  /** Waits until `count` others are seen and heard. @param {number} count @param {number} deadlineMs */
  async meets(count, deadlineMs) {
    await until(`${this.name} sees ${count} and hears ${count}`, deadlineMs, async () => {
      const [pictures, voices] = [await this.pictures(), await this.voices()];
      return pictures.filter((one) => one.frames > 0).length >= count && voices.filter((one) => one.energy > 0).length >= count;
    }).catch(async (error) => {
      throw new Error(`${error.message}\n${JSON.stringify(await this.received(), null, 1)}`);
    });
  }

  /**
   * How long after pressing Join the first sound and the first picture came, in ms. Looks seldom: asking takes from the page
   * what it is measured by.
   *
   * @param {number} deadlineMs
   */
  async firsts(deadlineMs) {
    let [sound, picture] = [0, 0];
    const look = async () => {
      const first = await this.#page.evaluate(readFirsts);
      if (first.sound) sound ||= first.at - this.pressedAt;
      if (first.picture) picture ||= first.at - this.pressedAt;
      return sound && picture;
    };
    await until(`${this.name}'s first sound and picture`, deadlineMs, look, FIRSTS_LOOK_MS);
    return { sound, picture };
  }
}

/** A fifth of the least that anybody notices in waiting. */
const FIRSTS_LOOK_MS = 100;
const RECORDED_LOOK_MS = 500;

// What follows runs inside the page: each function stands alone.

/** @param {string} label */
function focusField(label) {
  const fields = [...document.querySelectorAll("label")].filter((one) => one.checkVisibility() && one.textContent?.toLowerCase().includes(label));
  const named = [...document.querySelectorAll("input[aria-label]")].filter((one) => one.checkVisibility() && one.getAttribute("aria-label")?.toLowerCase().includes(label));
  const controls = [...fields.map((one) => one.control), ...named];
  const field = /** @type {HTMLInputElement | null} */ (controls[0]);
  field?.focus();
  field?.select();
  return controls.length;
}

/** @param {string} name */
function pressButton(name) {
  const label = (/** @type {Element} */ one) => (one.getAttribute("aria-label") ?? one.textContent ?? "").toLowerCase();
  const buttons = [...document.querySelectorAll("button, [role=button]")].filter((one) => one.checkVisibility() && label(one).includes(name.toLowerCase()));
  const exact = buttons.filter((one) => label(one).trim() === name.toLowerCase());
  const chosen = exact.length > 0 ? exact : buttons;
  if (chosen.length === 1) /** @type {HTMLElement} */ (chosen[0]).click();
  return chosen.length;
}

/** @param {string} name */
function countButtons(name) {
  const label = (/** @type {Element} */ one) => (one.getAttribute("aria-label") ?? one.textContent ?? "").toLowerCase();
  return [...document.querySelectorAll("button")].filter((one) => one.checkVisibility() && label(one).includes(name.toLowerCase())).length;
}

async function readReceived() {
  const call = /** @type {any} */ (window).confab.call;
  const connection = /** @type {RTCPeerConnection | null} */ (call?.connection ?? null);
  if (!connection) return [];
  const report = await connection.getStats();
  const received = [];
  for (const stats of report.values()) {
    if (stats.type !== "inbound-rtp") continue;
    const assigned = call.slots.find((/** @type {any} */ slot) => slot.mid === stats.mid);
    received.push({
      mid: stats.mid,
      participant: assigned?.participant ?? "",
      source: assigned?.source ?? "",
      frames: stats.framesDecoded ?? 0,
      width: stats.frameWidth ?? 0,
      height: stats.frameHeight ?? 0,
      freezes: stats.freezeCount ?? 0,
      plis: stats.pliCount ?? 0,
      energy: stats.totalAudioEnergy ?? 0,
      packets: stats.packetsReceived ?? 0,
      samples: stats.totalSamplesReceived ?? 0,
      concealed: (stats.concealedSamples ?? 0) - (stats.silentConcealedSamples ?? 0),
    });
  }
  return received;
}

async function readWay() {
  const report = await /** @type {any} */ (window).confab.call?.connection?.getStats();
  const all = [...(report?.values() ?? [])];
  const transport = all.find((stats) => stats.type === "transport");
  const pair = all.find((stats) => stats.id === transport?.selectedCandidatePairId);
  return all.find((stats) => stats.id === pair?.localCandidateId)?.protocol ?? "";
}

async function readFirsts() {
  const report = await /** @type {any} */ (window).confab.call?.connection?.getStats();
  const incoming = [...(report?.values() ?? [])].filter((stats) => stats.type === "inbound-rtp");
  return {
    at: Date.now(),
    sound: incoming.some((stats) => stats.totalAudioEnergy > 0),
    picture: incoming.some((stats) => stats.framesDecoded > 0),
  };
}

async function keepResolution() {
  const connection = /** @type {RTCPeerConnection} */ (/** @type {any} */ (window).confab.call.connection);
  for (const sender of connection.getSenders().filter((one) => one.track?.kind === "video")) {
    const parameters = /** @type {any} */ (sender.getParameters());
    parameters.degradationPreference = "maintain-resolution";
    await sender.setParameters(parameters);
  }
}

function startRecording() {
  const page = /** @type {any} */ (window);
  page.recording = [];
  let busy = false;
  const look = async () => {
    const call = page.confab.call;
    if (busy || !call?.connection) return;
    busy = true;
    const receivers = call.receivers();
    const taken = await Promise.all(
      call.slots.map(async (/** @type {any} */ slot) => {
        const receiver = receivers.find((/** @type {any} */ one) => one.mid === slot.mid)?.receiver;
        const stats = [...((await receiver?.getStats())?.values() ?? [])].find((one) => one.type === "inbound-rtp");
        return {
          participant: slot.participant,
          source: slot.source,
          reason: slot.reason,
          height: stats?.frameHeight ?? 0,
          frames: stats?.framesDecoded ?? 0,
          freezes: stats?.freezeCount ?? 0,
          frozen: stats?.totalFreezesDuration ?? 0,
          plis: stats?.pliCount ?? 0,
          packets: stats?.packetsReceived ?? 0,
          bytes: stats?.bytesReceived ?? 0,
          again: stats?.retransmittedPacketsReceived ?? 0,
          lost: stats?.packetsLost ?? 0,
          samples: stats?.totalSamplesReceived ?? 0,
          concealed: (stats?.concealedSamples ?? 0) - (stats?.silentConcealedSamples ?? 0),
          delay: stats?.jitterBufferDelay ?? 0,
          left: stats?.jitterBufferEmittedCount ?? 0,
        };
      }),
    );
    page.recording.push({ at: Date.now(), taken });
    busy = false;
  };
  setInterval(look, 100);
}

function readRecording() {
  return /** @type {any} */ (window).recording;
}

function readRecorded() {
  return /** @type {any} */ (window).recording.at(-1)?.at ?? 0;
}

async function readSent() {
  const connection = /** @type {RTCPeerConnection | null} */ (/** @type {any} */ (window).confab.call?.connection ?? null);
  if (!connection) return [];
  const report = await connection.getStats();
  const sent = [];
  for (const stats of report.values()) {
    if (stats.type !== "outbound-rtp" || stats.kind !== "video") continue;
    sent.push({ rid: stats.rid ?? "", width: stats.frameWidth ?? 0, height: stats.frameHeight ?? 0, frames: stats.framesEncoded ?? 0, active: stats.active ?? true, plis: (stats.pliCount ?? 0) + (stats.firCount ?? 0) });
  }
  return sent;
}

function readPresent() {
  const call = /** @type {any} */ (window).confab.call;
  return call ? call.participants.map((/** @type {any} */ one) => one.name) : [];
}

function readIds() {
  const people = /** @type {any} */ (window).confab.call?.participants ?? [];
  return Object.fromEntries(people.map((/** @type {any} */ one) => [one.name, one.id]));
}

function readFaults() {
  return /** @type {any} */ (window).confab.faults;
}
