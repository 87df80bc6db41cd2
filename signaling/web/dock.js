/** The dock: what a person does in a channel. Names say what a press does; letters are in shortcuts.js. */

import { html, render } from "./vendor/lit-html/lit-html.js";
import { computed, effect } from "./vendor/signals-core/signals-core.module.js";
import { icon } from "./icon.js";
import { deviceLines, openMenu } from "./menu.js";
import { canChooseSpeaker } from "./media/playback.js";
import { canShare } from "./media/screen.js";
import * as own from "./own.js";
import { copyLink, leave, toggleDeafen, toggleMute, toggleSounds } from "./session.js";
import { openShortcuts } from "./shortcuts.js";
import { prefer, preferences } from "./state/preferences.js";
import * as store from "./state/store.js";
import { toggleFullScreen } from "./stage/full.js";
import { t } from "./strings/en.js";

/** @import { Item } from "./menu.js" */
/** @typedef {{ id: string, icon: string, word: string, name: string, state?: string, run: (event: Event) => void }} Button */

const silent = computed(() => store.silenced.value || store.microphone.value === null);

/** @param {HTMLElement} root */
export function showDock(root) {
  effect(() => {
    if (store.view.value !== "channel") return render("", root), undefined;
    return void render(dock(), root);
  });
}

/** @param {Button} one */
const button = ({ id, icon: picture, word, name, state = "", run }) =>
  html`<button id=${id} class=${`control ${state}`} aria-label=${name} title=${name === word ? "" : name} @click=${run}>${icon(picture)}<span class="word">${word}</span>${id === "mute" ? html`<span class="level" aria-hidden="true"><i class="level-bar"></i></span>` : ""}</button>`;

/** @param {string} id @param {string} name @param {() => Item[]} lines */
const chevron = (id, name, lines) =>
  html`<button id=${id} class="chevron" aria-label=${name} aria-haspopup="menu" aria-expanded="false" @click=${(/** @type {Event} */ event) => openMenu(/** @type {HTMLElement} */ (event.currentTarget), name, lines())}>${icon("chevron")}</button>`;

function dock() {
  const off = silent.value;
  const talking = store.talking.value;
  const [word, name] = talking ? [t.word.talking, t.talking] : off ? [t.unmute, t.unmute] : [t.mute, t.mute];
  const camera = store.camera.value !== null;
  const sharing = store.screen.value !== null;
  const deaf = store.deafened.value;
  return html`<div class="dock">
    <div class=${off ? "split danger" : talking ? "split talking" : "split"}>
      ${button({ id: "mute", icon: off ? "mic-off" : "mic", word, name, run: toggleMute })} ${chevron("microphone-options", t.options.microphone, microphoneLines)}
    </div>
    <div class="split">
      ${button({ id: "camera", icon: camera ? "camera" : "camera-off", word: t.word.camera, name: camera ? t.cameraOff : t.cameraOn, run: () => own.toggleCamera() })} ${chevron("camera-options", t.options.camera, cameraLines)}
    </div>
    ${canShare() ? button({ id: "share", icon: "share", word: sharing ? t.word.stop : t.word.share, name: sharing ? t.stopSharing : t.share, state: sharing ? "on" : "", run: () => own.toggleShare() }) : ""}
    ${button({ id: "deafen", icon: deaf ? "headphones-off" : "headphones", word: deaf ? t.undeafen : t.deafen, name: deaf ? t.undeafen : t.deafen, state: deaf ? "danger" : "", run: toggleDeafen })}
    <button id="more" class="control" aria-haspopup="menu" aria-expanded="false" @click=${(/** @type {Event} */ event) => openMenu(/** @type {HTMLElement} */ (event.currentTarget), t.more, moreLines())}>${icon("more")}<span class="word">${t.more}</span></button>
    ${button({ id: "leave", icon: "leave", word: t.leave, name: t.leave, state: "leave", run: leave })}
  </div>`;
}

/** @returns {Item[]} */
function microphoneLines() {
  const { microphone, speaker } = preferences.peek();
  const devices = store.devices.peek();
  const lines = deviceLines(t.device.microphone, devices.microphone, microphone.id, (id) => own.choose("microphone", id));
  if (!canChooseSpeaker() || devices.speaker.length === 0) return lines;
  return [...lines, ...deviceLines(t.device.speaker, devices.speaker, speaker.id, (id) => own.choose("speaker", id)), { kind: "action", text: t.testSound, icon: "play", run: () => own.testSound() }];
}

/** @returns {Item[]} */
const cameraLines = () => deviceLines(t.device.camera, store.devices.peek().camera, preferences.peek().camera.id, (id) => own.choose("camera", id));

/** @returns {Item[]} */
function moreLines() {
  const { sounds, theme } = preferences.peek();
  const themes = /** @type {const} */ (["system", "dark", "light"]);
  const more = document.getElementById("more");
  const chevrons = document.getElementById("microphone-options")?.checkVisibility() ?? true;
  const opens = (/** @type {string} */ name, /** @type {() => Item[]} */ lines) => () => more && openMenu(more, name, lines());
  return [
    ...(chevrons ? [] : /** @type {Item[]} */ ([
      { kind: "action", text: t.options.microphone, icon: "mic", run: opens(t.options.microphone, microphoneLines) },
      { kind: "action", text: t.options.camera, icon: "camera", run: opens(t.options.camera, cameraLines) },
    ])),
    { kind: "action", text: t.copyLink, icon: "link", key: "L", run: copyLink },
    { kind: "action", text: document.fullscreenElement ? t.leaveFullScreen : t.fullScreen, icon: "full", key: "F", run: toggleFullScreen },
    { kind: "action", text: t.shortcuts, icon: "keyboard", key: "?", run: openShortcuts },
    { kind: "switch", text: t.sounds, on: sounds, run: toggleSounds },
    { kind: "title", text: t.theme },
    ...themes.map((one) => /** @type {Item} */ ({ kind: "choice", text: t.themes[one], on: theme === one, run: () => prefer({ theme: one }) })),
  ];
}
