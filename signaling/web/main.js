/** The page: puts its parts together, and turns whatever nobody caught into words. */

import { version } from "./confab.js";
import { anew, showPrejoin } from "./prejoin.js";
import { showAfter } from "./after.js";
import { showDock } from "./dock.js";
import { showHeader } from "./header.js";
import { prepareMenu } from "./menu.js";
import { dismiss, notify, showNotices } from "./notices.js";
import * as own from "./own.js";
import { showLost, tellTracks } from "./session.js";
import { listenForKeys } from "./shortcuts.js";
import { fullScreenOf } from "./stage/full.js";
import { Stage } from "./stage/stage.js";
import { preferences } from "./state/preferences.js";
import * as store from "./state/store.js";
import { t } from "./strings/en.js";
import { effect } from "./vendor/signals-core/signals-core.module.js";

/** For tests and automation (docs/client.md): the call under way, and how many faults nobody caught. @type {{ call: import("./confab.js").Call | null, version: string, faults: number }} */
const confab = { call: null, version, faults: 0 };
/** @type {any} */ (window).confab = confab;

/** @param {string} id */
const byId = (id) => /** @type {HTMLElement} */ (document.getElementById(id));

/** @param {unknown} error */
function fault(error) {
  confab.faults += 1;
  const code = error instanceof Error ? error.name : "Unknown";
  notify({ id: "uncaught", icon: "info", text: t.somethingWrong, detail: t.code(error instanceof Error ? `${code}: ${error.message}` : code), close: true });
}
addEventListener("error", (event) => {
  // Told by browsers where a layout takes two turns; nothing is lost by it.
  if (!event.message?.startsWith("ResizeObserver")) fault(event.error);
});
addEventListener("unhandledrejection", (event) => fault(event.reason));

const playback = own.playback;
const chimes = new Audio();
byId("slots").append(chimes);
own.start(tellTracks, chimes);

showNotices(byId("notices"));
showPrejoin();
showHeader(byId("where"), byId("header-actions"));
showDock(byId("dock"));
showAfter(byId("after"), anew);
prepareMenu();
listenForKeys();
const stage = new Stage({ element: byId("stage"), parking: byId("slots"), playback, mirror: byId("preview") });
fullScreenOf(() => stage.focused());

effect(() => {
  const { theme } = preferences.value;
  if (theme === "system") delete document.documentElement.dataset.theme;
  else document.documentElement.dataset.theme = theme;
});
effect(() => {
  byId("room").hidden = store.view.value !== "channel";
});
effect(() => {
  confab.call = store.call.value;
  if (store.call.value) stage.play(store.call.value);
});
effect(() => {
  if (store.soundBlocked.value) notify({ id: "sound", icon: "voice", text: t.soundHeldBack, urgent: true, action: { label: t.turnOnSound, run: own.wakeSound } });
  else dismiss("sound");
});
addEventListener("pointerup", () => store.soundBlocked.peek() && own.wakeSound());

setInterval(() => {
  if (!store.call.peek()) return;
  store.seconds.value = Date.now();
  if (store.socket.peek().state === "waiting" && store.socket.peek().attempt > 1) showLost();
}, 1000);

/**
 * The meter of the preview, or the one in the mute button, moves while there is a microphone and the page is seen; by a timer, because
 * whatever asks for frames makes the browser draw the page sixty times a second. Not while the first pictures come in.
 */
const METER_MS = 80;
const METER_STEPS = { preview: 24, button: 8 };
const reduced = matchMedia("(prefers-reduced-motion: reduce)");
const bars = /** @type {HTMLCollectionOf<HTMLElement>} */ (document.getElementsByClassName("level-bar"));
let shown = "";
function meters() {
  if (document.hidden || store.microphone.peek() === null || (store.call.peek() && store.media.peek() !== "connected")) return;
  const steps = reduced.matches ? 5 : store.call.peek() ? METER_STEPS.button : METER_STEPS.preview;
  const level = own.microphone.muted ? 0 : (own.microphone.level() ?? 0);
  const scale = `scaleX(${Math.round(level * steps) / steps})`;
  if (scale === shown) return;
  shown = scale;
  for (const bar of bars) bar.style.transform = scale;
}
setInterval(meters, METER_MS);

/** @type {WakeLockSentinel | null} */
let lock = null;
async function stayAwake() {
  if (!store.call.peek() || document.hidden) return;
  lock = (await navigator.wakeLock?.request("screen").catch(() => null)) ?? null; // a courtesy that a battery may refuse
}
effect(() => {
  if (store.call.value) stayAwake();
  else lock?.release().catch(() => {});
});
document.addEventListener("visibilitychange", stayAwake);

if (typeof RTCPeerConnection === "undefined") notify({ id: "no-calls", icon: "unplugged", text: t.noCalls.title, detail: t.noCalls.text, urgent: true });
else own.openGranted();
