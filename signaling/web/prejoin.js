/**
 * Before coming in: the card is in the HTML and works as text; this attaches Join, the preview, the pickers and who is inside.
 * Join waits for nothing that stands here.
 */

import { html, nothing, render } from "./vendor/lit-html/lit-html.js";
import { effect, signal } from "./vendor/signals-core/signals-core.module.js";
import { face, icon } from "./icon.js";
import { unusable } from "./media/devices.js";
import { canChooseSpeaker } from "./media/playback.js";
import * as own from "./own.js";
import { comeIn, setMuted } from "./session.js";
import { preferences } from "./state/preferences.js";
import * as store from "./state/store.js";
import { PLACES, t } from "./strings/en.js";
import { troubleCard } from "./trouble.js";

/** @import { DeviceKind } from "./media/devices.js" */

const TYPING_MS = 400;
/** Digital silence from an open microphone is a fault, and no quiet room, after this. */
const SILENT_S = 5;
const FACES = 3;

const inside = signal(/** @type {string[] | null} */ (null));
/** The person chose to listen: the card about the microphone steps aside. */
const listening = signal(false);
const silentDevice = signal(false);

/** @param {string} id */
const byId = (id) => /** @type {HTMLElement} */ (document.getElementById(id));
/** @param {string} id */
const input = (id) => /** @type {HTMLInputElement} */ (document.getElementById(id));

/** What may be a channel: spaces become hyphens, so that a sentence can be typed. @param {string} text */
export const channelFrom = (text) => text.trim().replace(/\s+/g, "-").toLowerCase();
/** @param {string} channel */
export const channelFits = (channel) => /^[\p{L}\p{M}\p{N}\-_.]{1,64}$/u.test(channel);
/** Two plain words. @param {() => number} chance 0 to 1 */
export function suggestion(chance) {
  const pick = (/** @type {string[]} */ words) => words[Math.floor(chance() * words.length)] ?? "";
  return `${pick(PLACES.first)}-${pick(PLACES.second)}`;
}

/** The channel that the address names. */
function fromAddress() {
  const match = /^\/c\/([^/]+)/.exec(location.pathname);
  try {
    return match ? decodeURIComponent(match[1] ?? "") : "";
  } catch {
    return "";
  }
}

export function showPrejoin() {
  if (!input("name").value) input("name").value = preferences.peek().name;
  if (!input("channel").value) input("channel").value = fromAddress() || suggestion(Math.random);
  byId("join-form").addEventListener("submit", (event) => {
    event.preventDefault();
    submit();
  });
  watchChannel();
  effect(() => {
    const shown = store.view.value === "prejoin";
    byId("prejoin").hidden = !shown;
    byId("join").setAttribute("aria-busy", String(store.joining.value));
  });
  effect(() => void render(whoIsInside(), byId("inside")));
  effect(() => void render(html`${pickers()}`, byId("pickers")));
  effect(() => void render(comingWith(), byId("come-with")));
  effect(showMirror);
  effect(() => refused(store.refusal.value));
  setInterval(() => (silentDevice.value = own.microphone.silentSeconds >= SILENT_S && !own.microphone.muted), 1000);
}

/** Another channel than the last. */
export function anew() {
  history.replaceState(null, "", "/");
  input("channel").value = suggestion(Math.random);
  store.view.value = "prejoin";
  own.openGranted();
  ask();
}

function submit() {
  const name = input("name").value.trim();
  const channel = channelFrom(input("channel").value);
  const nameProblem = name === "" ? t.nameNeeded : [...name].length > 32 ? t.nameLong : "";
  const channelProblem = channel === "" ? t.channelNeeded : channelFits(channel) ? "" : t.channelWrong;
  fieldError("name", nameProblem);
  fieldError("channel", channelProblem);
  if (nameProblem) return input("name").focus();
  if (channelProblem) return input("channel").focus();
  input("channel").value = channel;
  comeIn(name, channel);
}

/** @param {string} id @param {string} text nothing for none */
function fieldError(id, text) {
  const field = input(id);
  const line = byId(`${id}-error`);
  line.textContent = text;
  line.hidden = text === "";
  field.setAttribute("aria-invalid", String(text !== ""));
  if (text) field.setAttribute("aria-describedby", line.id);
  else field.removeAttribute("aria-describedby");
}

/** The server has other bounds than ours for what was typed. @param {string} code */
function refused(code) {
  if (code === "bad_name") fieldError("name", t.nameLong);
  if (code === "bad_channel") fieldError("channel", t.channelWrong);
}

function watchChannel() {
  /** @type {ReturnType<typeof setTimeout> | undefined} */
  let timer;
  for (const id of ["name", "channel"]) {
    input(id).addEventListener("input", () => {
      fieldError(id, "");
      clearTimeout(timer);
      if (id === "channel") timer = setTimeout(ask, TYPING_MS);
    });
  }
  ask();
}

/** Who is inside, from the server; if it does not say, nothing is shown. */
async function ask() {
  const channel = channelFrom(input("channel").value);
  inside.value = null;
  if (!channelFits(channel)) return;
  try {
    const answer = await fetch(`/v1/channels/${encodeURIComponent(channel)}`);
    if (!answer.ok) return;
    const { participants } = await answer.json();
    if (channel === channelFrom(input("channel").value)) inside.value = participants.map((/** @type {{ name: string }} */ one) => one.name);
  } catch {
    // Joining will say that the server does not answer.
  }
}

function whoIsInside() {
  const names = inside.value;
  if (names === null) return html`<span class="inside-text">&nbsp;</span>`;
  if (names.length === 0) return html`<span class="inside-text">${t.insideNobody}</span>`;
  return html`<span class="faces">${names.slice(0, FACES).map(face)}</span><span class="inside-text">${t.inside(names)}</span>`;
}

function pickers() {
  const icons = /** @type {const} */ ({ microphone: "mic", camera: "camera", speaker: "headphones" });
  const kinds = /** @type {DeviceKind[]} */ (["microphone", "camera", "speaker"]);
  if (unusable("microphone")) return nothing;
  return kinds.map((kind) => {
    const devices = store.devices.value[kind];
    void [store.microphone.value, store.camera.value];
    if (kind === "speaker" && (!canChooseSpeaker() || devices.length === 0)) return nothing;
    const trouble = kind === "speaker" ? null : store.troubles.value[kind];
    if (trouble && (trouble.kind === "blocked" || trouble.kind === "system")) return html`<p class="picker blocked">${icon(`${icons[kind]}-off`)}<span>${t.blocked[kind]}</span></p>`;
    const chosen = preferences.value[kind].id;
    const choose = (/** @type {Event} */ event) => own.choose(kind, /** @type {HTMLSelectElement} */ (event.target).value);
    const used = kind === "speaker" || chosen !== "" ? "" : own.labelInUse(kind);
    const first = trouble?.kind === "missing" ? t.none[kind] : used ? t.defaultIs(used) : t.systemDefault;
    return html`<div class="picker">${icon(icons[kind])}<select aria-label=${t.device[kind]} @change=${choose}>
      <option value="" ?selected=${!devices.some((one) => one.id === chosen)}>${first}</option>
      ${devices.map((one) => html`<option value=${one.id} ?selected=${one.id === chosen}>${one.label}</option>`)}
    </select>${icon("chevron")}</div>`;
  });
}

function comingWith() {
  const { microphone: trouble } = store.troubles.value;
  if (trouble) return html`${icon("mic-off")}<span>${t.comeWith.none}</span>`;
  if (store.microphone.value === null) return html`${icon("info")}<span>${t.comeWith.asked}</span>`;
  if (store.muted.value) return html`${icon("mic-off")}<span>${t.comeWith.muted}</span>`;
  return html`${icon("check")}<span>${store.camera.value ? t.comeWith.both : t.comeWith.microphone}</span>`;
}

/** The preview, or why there is none. Its element is the stage's, which takes it into the own tile. */
function showMirror() {
  if (store.view.value !== "prejoin") return;
  const { microphone: mic, camera: cam } = store.troubles.value;
  const card = mic && !listening.value ? mic : null;
  const track = store.camera.value;
  byId("preview").hidden = card !== null;
  byId("preview").classList.toggle("live", track !== null);
  render(card ? troubleCard(card, { again: tryAgain, listen: () => (listening.value = true) }) : "", byId("trouble"));
  render(words(track !== null, cam !== null), byId("preview-words"));
  render(card ? "" : meter(), byId("meter-row"));
}

function tryAgain() {
  listening.value = false;
  own.ask();
}

/** @param {boolean} live @param {boolean} cameraTrouble */
function words(live, cameraTrouble) {
  const open = store.microphone.value !== null;
  const { camera } = store.troubles.value;
  if (store.asking.value) return html`<div class="preview-note">${icon("turning")}<p>${t.asking}</p></div>`;
  if (!open && !live && !listening.value) {
    return html`<div class="preview-note"><h2>${t.askTitle}</h2><p>${t.askText}</p><button class="plain strong" @click=${own.ask}>${icon("camera")}${t.turnOn}</button></div>`;
  }
  const muted = store.muted.value;
  return html`${live ? html`<span class="pill only-you">${icon("info")}${t.onlyYou}</span>` : html`<div class="preview-note">${icon("camera-off")}<p>${cameraTrouble && camera ? t.trouble[camera.kind].title("camera") : t.cameraIsOff}</p></div>`}
    <div class="preview-controls">
      ${open ? html`<button class=${muted ? "pill danger" : "pill"} @click=${() => setMuted(!muted)}>${icon(muted ? "mic-off" : "mic")}${muted ? t.unmute : t.mute}</button>` : ""}
      <button class="pill" aria-label=${live ? t.cameraOff : t.cameraOn} @click=${own.toggleCamera}>${icon(live ? "camera" : "camera-off")}${live ? t.word.cameraOff : t.word.cameraOn}</button>
    </div>`;
}

function meter() {
  if (store.microphone.value === null) return html``;
  const text = store.muted.value ? t.muted : silentDevice.value ? t.hearNothing(own.labelOf("microphone")) : t.weHear;
  return html`<span class="meter-text">${text}</span><span class="meter" aria-hidden="true"><i class="level-bar"></i></span><button class="plain" @click=${own.testSound}>${icon("play")}${t.testSound}</button>`;
}
