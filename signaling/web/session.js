/**
 * The person at this page, in a channel: comes in, goes, mutes, shows. Each control calls one function here; each function
 * changes what is known first (so that a press shows at once) and tells the call after.
 */

import { join } from "./confab.js";
import * as own from "./own.js";
import { alert, CROWD, dismiss, moved, notify, say } from "./notices.js";
import { prefer, preferences } from "./state/preferences.js";
import * as store from "./state/store.js";
import { batch } from "./vendor/signals-core/signals-core.module.js";
import { CAMERA_SIZE } from "./media/devices.js";
import { t } from "./strings/en.js";

/** @import { Call } from "./confab.js" */
/** @import { Codec } from "./net/codecs.js" */
/** @import { Bye, Participant, ServerError, SocketState } from "./net/socket.js" */
/** @import { MediaState } from "./net/peer.js" */

/** Connection trouble shorter than this is not worth a word. */
const PATIENCE_MS = 700;
/** After the key that was held to talk is let go: the end of a word is still on its way through the microphone. */
const TAIL_MS = 200;

let mutedBefore = false;
/** @type {ReturnType<typeof setTimeout> | undefined} */
let patience;
/** @type {ReturnType<typeof setTimeout> | undefined} */
let tail;

/** @param {string} channel */
export const linkTo = (channel) => `${location.origin}/c/${encodeURIComponent(channel)}`;

function socketUrl() {
  return `${location.protocol === "https:" ? "wss:" : "ws:"}//${location.host}/v1/socket`;
}

/** `?codec=H264` in the address: which codec is offered first, for comparing them. */
function codec() {
  const wanted = new URLSearchParams(location.search).get("codec")?.toUpperCase();
  return /** @type {Codec | undefined} */ (["VP8", "H264", "VP9", "AV1"].find((one) => one === wanted));
}

/** Joins. Waits for nothing: devices follow when the browser gives them. @param {string} name @param {string} channel */
export function comeIn(name, channel) {
  store.call.peek()?.leave();
  store.reset();
  own.wakeSound();
  batch(() => {
    store.name.value = name;
    store.channel.value = channel;
    store.joining.value = true;
  });
  prefer({ name });
  const call = join({
    url: socketUrl(),
    channel,
    name,
    codec: codec(),
    cameraSize: CAMERA_SIZE,
    tracks: { microphone: store.microphone.peek(), camera: store.camera.peek() },
    muted: silent(),
    deafened: store.deafened.peek(),
  });
  listen(call);
  store.call.value = call;
  own.askIfUnasked();
}

/** Nothing of ours is heard: muted, or without a microphone. */
const silent = () => store.silenced.peek() || store.microphone.peek() === null;

/** Own tracks changed: the call learns it. */
export function tellTracks() {
  const call = store.call.peek();
  if (!call) return;
  call.muted = silent();
  call.send("microphone", store.microphone.peek());
  call.send("camera", store.camera.peek());
}

/** @param {Call} call */
function listen(call) {
  // The call negotiates first, the page draws after.
  call.on("welcome", ({ channel }) => setTimeout(() => store.call.peek() === call && welcomed(call, channel)));
  call.on("joined", (one) => arrived(one));
  call.on("changed", (one) => changed(one));
  call.on("left", ({ participant }) => departed(participant));
  call.on("slots", () => store.assign(call.slots));
  call.on("speakers", (speakers) => store.hear(speakers));
  call.on("link", (link) => (store.link.value = link));
  call.on("socket", (state) => socketChanged(state));
  call.on("media", (state) => mediaChanged(state));
  call.on("refused", (error) => refused(error));
  call.on("fault", ({ code }) => faulty(code));
  call.on("bye", (bye) => dismissed(bye));
}

/** @param {Call} call @param {string} channel as the server spells it */
function welcomed(call, channel) {
  const first = !store.welcomed.peek();
  const here = store.self.peek() === call.participant;
  dismiss("full");
  batch(() => {
    store.replaceAll(call.participants, call.participant);
    store.assign(call.slots);
    store.channel.value = channel;
    store.welcomed.value = true;
    store.joining.value = false;
    store.view.value = "channel";
    if (first) store.since.value = Date.now();
  });
  if (first) history.replaceState(null, "", `/c/${encodeURIComponent(channel)}${location.search}`);
  else if (!here) say(t.back);
}

/** @param {Participant} participant */
function arrived(participant) {
  store.put(participant);
  const present = store.order.peek().length;
  moved("in", participant.name, present);
  if (present <= CROWD) own.chime("in");
}

/** @param {Participant} participant */
function departed(participant) {
  const present = store.order.peek().length;
  store.remove(participant.id);
  moved("out", participant.name, present);
  if (present <= CROWD) own.chime("out");
}

/** @param {Participant} participant */
function changed(participant) {
  const before = store.persons.get(participant.id)?.about.peek();
  store.put(participant);
  if (!before || participant.id === store.self.peek() || before.screen === participant.screen) return;
  say(participant.screen ? t.shares(participant.name) : t.stopsSharing(participant.name));
}

/** @param {SocketState} state */
function socketChanged(state) {
  store.socket.value = state;
  if (state.state !== "open") holdToTalk(false);
  clearTimeout(patience);
  if (state.state === "open" && dismiss("socket") && store.welcomed.peek()) alert(t.back);
  if (state.state === "waiting" || (state.state === "connecting" && state.attempt > 0)) {
    if (state.attempt > 1) showLost();
    else patience = setTimeout(showLost, PATIENCE_MS);
  }
}

/** Says that the socket is away, and when the next try is; called once a second while it is. */
export function showLost() {
  const { state, attempt, retryAt } = store.socket.peek();
  if (!store.call.peek() || (state !== "waiting" && state !== "connecting")) return;
  const seconds = state === "waiting" ? Math.max(0, Math.ceil((retryAt - Date.now()) / 1000)) : 0;
  const text = store.welcomed.peek() ? t.comingBack(attempt, seconds) : t.noAnswer(seconds);
  notify({ id: "socket", icon: "turning", text, urgent: true, action: { label: t.now, run: () => store.call.peek()?.now() } });
}

/** @param {MediaState} state */
function mediaChanged(state) {
  store.media.value = state;
  if (state === "connected") {
    dismiss("blocked");
    dismiss("fault");
    if (dismiss("media")) say(t.mediaBack);
  } else if (state === "interrupted") {
    notify({ id: "media", icon: "turning", text: t.mediaInterrupted, urgent: true });
  } else if (state === "blocked") {
    notify({ id: "blocked", icon: "unplugged", text: t.mediaBlocked, detail: t.code("UDP"), urgent: true, action: { label: t.tryAgain, run: () => store.call.peek()?.now() } });
  }
}

/** @param {string} code */
function faulty(code) {
  const again = { label: t.tryAgain, run: () => (dismiss("fault"), store.call.peek()?.now()) };
  const carried = store.media.peek() === "connected";
  notify({ id: "fault", icon: "info", text: carried ? t.somethingWrong : t.notConnected, detail: t.code(code), close: true, ...(carried ? { ms: 12_000 } : { action: again }) });
}

/** @param {ServerError} error */
function refused(error) {
  if (error.code === "channel_full" || error.code === "server_full") {
    const text = error.code === "server_full" ? t.serverFull : t.channelFull(store.channel.peek());
    return notify({ id: "full", icon: "people", text, action: { label: t.leave, run: leave } });
  }
  store.joining.value = false;
  store.call.value = null;
  store.refusal.value = error.code;
}

/** @param {Bye} bye */
function dismissed(bye) {
  end(bye.code === "replaced" ? "elsewhere" : "left");
}

export function leave() {
  const call = store.call.peek();
  if (!call) return;
  const inside = store.welcomed.peek();
  if (inside) own.chime("out");
  call.leave();
  end(inside ? "left" : "prejoin");
}

/** @param {"left" | "elsewhere" | "prejoin"} view */
function end(view) {
  clearTimeout(patience);
  for (const id of ["socket", "media", "blocked", "fault", "full", "sharing", "talking"]) dismiss(id);
  store.call.value = null;
  own.closeAll();
  batch(() => {
    store.reset();
    store.view.value = view;
  });
}

export function toggleMute() {
  if (store.microphone.peek() === null) return own.openMicrophone(true);
  setMuted(!(store.muted.peek() || store.deafened.peek()));
}

/** @param {boolean} muted */
export function setMuted(muted) {
  batch(() => {
    store.muted.value = muted;
    if (!muted) store.deafened.value = false;
  });
  applySound();
  dismiss("talking");
  own.chime(muted ? "mute" : "unmute");
  say(muted ? t.youMuted : t.youUnmuted);
}

/** Heard while the key is held, if muted. @param {boolean} held */
export function holdToTalk(held) {
  clearTimeout(tail);
  if (held && (!store.muted.peek() || store.deafened.peek() || !store.microphone.peek())) return;
  const apply = () => {
    if (store.talking.peek() === held) return;
    store.talking.value = held;
    applySound();
  };
  if (held) apply();
  else tail = setTimeout(apply, TAIL_MS);
}

export function toggleDeafen() {
  const deafened = !store.deafened.peek();
  batch(() => {
    if (deafened) mutedBefore = store.muted.peek();
    store.deafened.value = deafened;
    store.muted.value = deafened || mutedBefore;
  });
  applySound();
  say(deafened ? t.youDeafened : t.youUndeafened);
}

/** Silent here first, then told. */
function applySound() {
  own.microphone.setMuted(store.silenced.peek());
  own.playback.setDeafened(store.deafened.peek());
  const call = store.call.peek();
  if (!call) return;
  call.muted = silent();
  call.setDeafened(store.deafened.peek());
}

export async function copyLink() {
  const link = linkTo(store.channel.peek());
  try {
    await navigator.clipboard.writeText(link);
    notify({ id: "copied", icon: "check", text: t.linkCopied, ms: 2500 });
    return true;
  } catch {
    notify({ id: "copied", icon: "link", text: t.linkNotCopied(link), close: true });
    return false;
  }
}

export function toggleSounds() {
  prefer({ sounds: !preferences.peek().sounds });
}
