/**
 * Own devices, as the page has them: opened, chosen, lost and found again, and the sound that comes out. What changes here is
 * told to the call by `onTracks`.
 */

import { Camera } from "./media/camera.js";
import { listDevices, openBoth, permission, unusable, watchDevices, watchPermission } from "./media/devices.js";
import { audioContext, Microphone } from "./media/microphone.js";
import { Playback } from "./media/playback.js";
import { share } from "./media/screen.js";
import { Sounds } from "./media/sounds.js";
import { dismiss, notify, say } from "./notices.js";
import { prefer, preferences } from "./state/preferences.js";
import * as store from "./state/store.js";
import { batch } from "./vendor/signals-core/signals-core.module.js";
import { t } from "./strings/en.js";

/** @import { DeviceKind, Input, Trouble } from "./media/devices.js" */
/** @import { Sound } from "./media/sounds.js" */

export const microphone = new Microphone();
export const camera = new Camera();
export const playback = new Playback(audioContext);
const sounds = new Sounds(audioContext);

/** At most this often somebody is told that they talk while muted. */
const TALKING_MS = 60_000;
let toldAt = -Infinity;
let asked = false;
/** A device that vanished while it was used, and is taken back when it returns. @type {Partial<Record<DeviceKind, string>>} */
const lost = {};
/** The call is to be told. */
let onTracks = () => {};
/** Stops the shared screen and its sound. */
let stopShare = () => {};

/** @param {() => void} tracks @param {HTMLAudioElement} chimes where soft sounds come out */
export function start(tracks, chimes) {
  onTracks = tracks;
  const track = sounds.track();
  if (track) playback.attach(chimes, track);
  playback.setSpeaker(preferences.peek().speaker.id);
  playback.onBlocked = (blocked) => {
    if (store.call.peek() || !blocked) store.soundBlocked.value = blocked;
  };
  microphone.onTalking = talkingWhileMuted;
  microphone.onEnded = () => vanished("microphone");
  camera.onEnded = () => vanished("camera");
  watchDevices(() => refresh(true));
  for (const input of /** @type {Input[]} */ (["microphone", "camera"])) watchPermission(input, (state) => permissionChanged(input, state));
}

/** Before coming in: what may be opened without a question is opened. */
export async function openGranted() {
  const [mic, cam] = await Promise.all([permission("microphone"), permission("camera")]);
  const none = unusable("microphone");
  if (none) return trouble("microphone", none);
  if (mic === "denied") trouble("microphone", { kind: "blocked", device: "microphone", code: "NotAllowedError" });
  if (cam === "denied") trouble("camera", { kind: "blocked", device: "camera", code: "NotAllowedError" });
  if (mic === "granted" && cam === "granted" && preferences.peek().cameraOn) return ask();
  if (mic === "granted") await openMicrophone();
  if (cam === "granted" && preferences.peek().cameraOn) await openCamera();
}

/** Both with one question. */
export async function ask() {
  if (store.asking.peek()) return;
  asked = true;
  store.asking.value = true;
  const { microphone: mic, camera: cam } = await openBoth({ microphone: preferences.peek().microphone.id, camera: preferences.peek().camera.id });
  store.asking.value = false;
  if (mic.track) microphone.use(mic.track);
  if (cam.track) camera.use(cam.track);
  store.troubles.value = { microphone: mic.trouble, camera: cam.trouble };
  if (cam.track) prefer({ cameraOn: true });
  await settled();
}

/** Joining without having asked: the browser asks now, and nobody waits for it. */
export function askIfUnasked() {
  if (asked || store.asking.peek() || unusable("microphone")) return;
  if (store.microphone.peek() || store.camera.peek() || store.troubles.peek().microphone) return;
  if (preferences.peek().cameraOn) ask();
  else openMicrophone();
}

/** @param {boolean} [loudly] a failure is said; `id` of a device that must be it @param {string} [id] */
export async function openMicrophone(loudly = false, id = "") {
  asked = true;
  const problem = await microphone.start(id || preferences.peek().microphone.id, id !== "");
  trouble("microphone", problem);
  if (problem && loudly) sayTrouble(problem);
  await settled();
}

/** @param {boolean} [loudly] @param {string} [id] */
export async function openCamera(loudly = false, id = "") {
  const problem = await camera.start(id || preferences.peek().camera.id, id !== "");
  trouble("camera", problem);
  if (problem && loudly) sayTrouble(problem);
  if (!problem) prefer({ cameraOn: true });
  await settled();
}

export function toggleCamera() {
  if (!store.camera.peek()) return openCamera(true);
  camera.stop();
  prefer({ cameraOn: false });
  return settled();
}

export async function toggleShare() {
  if (store.screen.peek()) return stopShare();
  const shared = await share();
  const call = store.call.peek();
  if (!shared) return;
  stopShare = () => {
    shared.track.stop();
    shared.sound?.stop();
    store.screen.value = null;
    dismiss("sharing");
    store.call.peek()?.send("screen_sound", null);
    store.call.peek()?.send("screen", null);
  };
  if (!call) return stopShare();
  shared.track.onended = () => stopShare();
  store.screen.value = shared.track;
  call.send("screen_sound", shared.sound);
  call.send("screen", shared.track);
  const text = { shared: t.sharing, without_sound: t.withoutSound, echo: t.echo }[shared.verdict];
  notify({ id: "sharing", icon: "share", text, close: true, ms: shared.verdict === "shared" ? 4000 : 9000 });
}

/** A device chosen by a person, or nothing for the system's. @param {DeviceKind} kind @param {string} id */
export async function choose(kind, id) {
  const label = store.devices.peek()[kind].find((one) => one.id === id)?.label ?? "";
  prefer({ [kind]: { id, label } });
  delete lost[kind];
  if (kind === "speaker") playback.setSpeaker(id);
  else if (kind === "microphone") await openMicrophone(true, id);
  else if (store.camera.peek() || !store.call.peek()) await openCamera(true, id);
}

/** Label of the device in use; nothing if there is none. @param {Input} input */
export const labelInUse = (input) => (input === "microphone" ? microphone : camera).track?.label.replace(/^Default - /, "") ?? "";
/** The same, or the kind. @param {Input} input */
export const labelOf = (input) => labelInUse(input) || t.device[input];

/** A press happened: browsers let sound out now. */
export function wakeSound() {
  audioContext()?.resume().catch(() => {});
  playback.resume();
}

/** @param {Sound} sound */
export function chime(sound) {
  if (sound === "test" || (preferences.peek().sounds && !store.deafened.peek())) sounds.play(sound);
}

export async function testSound() {
  await audioContext()?.resume().catch(() => {});
  playback.resume();
  sounds.play("test");
}

/** After leaving no light stays on. */
export function closeAll() {
  if (store.screen.peek()) stopShare();
  microphone.stop();
  camera.stop();
  asked = false;
  batch(() => {
    store.muted.value = store.deafened.value = store.talking.value = false;
    microphone.setMuted(false);
    playback.setDeafened(false);
    publish();
  });
}

async function settled() {
  publish();
  await refresh(false);
}

function publish() {
  const changed = store.microphone.peek() !== microphone.track || store.camera.peek() !== camera.track;
  microphone.setMuted(store.silenced.peek());
  batch(() => {
    store.microphone.value = microphone.track;
    store.camera.value = camera.track;
  });
  if (changed) onTracks();
}

/** @param {Input} input @param {Trouble | null} problem */
function trouble(input, problem) {
  store.troubles.value = { ...store.troubles.peek(), [input]: problem };
}

/** In a channel, where the card of the pre-join view is not there to say it. @param {Trouble} problem */
function sayTrouble(problem) {
  if (!store.call.peek()) return;
  const retry = () => {
    dismiss(`trouble-${problem.device}`);
    if (problem.device === "microphone") openMicrophone(true);
    else openCamera(true);
  };
  const icon = problem.device === "microphone" ? "mic-off" : "camera-off";
  notify({ id: `trouble-${problem.device}`, icon, text: t.trouble[problem.kind].title(problem.device), detail: t.code(problem.code), action: { label: t.tryAgain, run: retry }, close: true });
}

/** @param {Input} input @param {string} state */
function permissionChanged(input, state) {
  if (state !== "granted" || !store.troubles.peek()[input] || store.asking.peek()) return;
  if (input === "microphone") openMicrophone();
  else if (!store.call.peek()) openCamera();
}

function talkingWhileMuted() {
  if (!store.call.peek() || performance.now() - toldAt < TALKING_MS) return;
  toldAt = performance.now();
  notify({ id: "talking", icon: "mic-off", text: t.talkingMuted, urgent: true, action: { label: t.unmute, run: () => document.getElementById("mute")?.click() }, ms: 8000 });
}

/** The used device went: the system's own is taken, and that is said. @param {Input} input */
async function vanished(input) {
  const device = input === "microphone" ? microphone : camera;
  const gone = device.track?.label || t.device[input];
  lost[input] = gone;
  device.stop();
  const problem = await device.start("");
  trouble(input, problem);
  const open = { label: t.change, run: () => (dismiss(`gone-${input}`), document.getElementById(`${input}-options`)?.click()) };
  notify({
    id: `gone-${input}`,
    icon: input === "microphone" ? "mic" : "camera",
    text: problem ? t.deviceGone(gone) : t.deviceNow(gone, labelOf(input)),
    ...(problem ? {} : { action: open }),
    close: true,
    ms: 12_000,
  });
  await settled();
}

/** @param {boolean} plugged something was plugged in or out */
async function refresh(plugged) {
  store.devices.value = await listDevices();
  if (!plugged) return;
  for (const kind of /** @type {DeviceKind[]} */ (["microphone", "camera", "speaker"])) await reconsider(kind);
}

/** A remembered device that returns is taken back; a missing one that is now there is used. @param {DeviceKind} kind */
async function reconsider(kind) {
  const there = store.devices.peek()[kind];
  if (kind === "speaker") {
    const { id, label } = preferences.peek().speaker;
    const present = id === "" || there.some((one) => one.id === id);
    playback.setSpeaker(present ? id : "");
    if (!present && !lost.speaker) notify({ id: "gone-speaker", icon: "headphones", text: t.deviceNow(label, t.systemDefault), close: true, ms: 8000 });
    lost.speaker = present ? "" : label;
    return;
  }
  const back = there.find((one) => one.label === lost[kind]);
  if (back && (kind === "microphone" ? microphone.track : camera.track)) {
    delete lost[kind];
    if (kind === "microphone") await openMicrophone(false, back.id);
    else await openCamera(false, back.id);
    say(t.deviceBack(back.label));
  } else if (kind === "microphone" && store.troubles.peek().microphone?.kind === "missing") {
    await openMicrophone();
  }
}
