/** Single keys, while no field has the focus, and the sheet that lists them. They can be switched off (WCAG 2.1.4). */

import { html, render } from "./vendor/lit-html/lit-html.js";
import { icon } from "./icon.js";
import { canShare } from "./media/screen.js";
import * as own from "./own.js";
import { copyLink, holdToTalk, toggleDeafen, toggleMute } from "./session.js";
import { prefer, preferences } from "./state/preferences.js";
import { view } from "./state/store.js";
import { toggleFullScreen } from "./stage/full.js";
import { t } from "./strings/en.js";

/** @type {Record<string, () => unknown>} */
const KEYS = {
  m: toggleMute,
  v: () => own.toggleCamera(),
  s: () => canShare() && own.toggleShare(),
  d: toggleDeafen,
  l: copyLink,
  f: toggleFullScreen,
  "?": openShortcuts,
};

export function listenForKeys() {
  addEventListener("keydown", (event) => {
    if (!mayAct(event)) return;
    if (event.code === "Space") return hold(event);
    const run = event.repeat ? undefined : KEYS[event.key.toLowerCase()];
    if (!run) return;
    event.preventDefault();
    run();
  });
  addEventListener("keyup", (event) => event.code === "Space" && holdToTalk(false));
  addEventListener("blur", () => holdToTalk(false));
  document.addEventListener("visibilitychange", () => document.hidden && holdToTalk(false));
}

/** @param {KeyboardEvent} event */
function mayAct(event) {
  if (view.peek() !== "channel" || !preferences.peek().singleKeys || event.ctrlKey || event.metaKey || event.altKey) return false;
  if (document.querySelector("dialog[open], :popover-open")) return false;
  return !(event.target instanceof Element && event.target.closest("input, textarea, select, [contenteditable]"));
}

/** Space is the focused button's first. @param {KeyboardEvent} event */
function hold(event) {
  if (event.target instanceof Element && event.target.closest("button, a")) return;
  event.preventDefault();
  if (!event.repeat) holdToTalk(true);
}

export function openShortcuts() {
  const dialog = /** @type {HTMLDialogElement} */ (document.getElementById("shortcuts"));
  const rows = /** @type {const} */ ([["M", t.keys.m], ["Space", t.keys.space], ["V", t.keys.v], ...(canShare() ? [["S", t.keys.s]] : []), ["D", t.keys.d], ["L", t.keys.l], ["F", t.keys.f], ["←  →", t.keys.arrows], ["Enter", t.keys.enter], ["Shift F10", t.keys.card], ["?", t.keys.help]]);
  const single = (/** @type {Event} */ event) => prefer({ singleKeys: /** @type {HTMLInputElement} */ (event.target).checked });
  dialog.setAttribute("aria-labelledby", "shortcuts-title");
  render(
    html`<div class="dialog-head"><h2 id="shortcuts-title">${t.shortcuts}</h2><button class="quiet" aria-label=${t.close} @click=${() => dialog.close()}>${icon("cross")}</button></div>
      <dl>${rows.map(([key, text]) => html`<div><dt>${text}</dt><dd><kbd>${key}</kbd></dd></div>`)}</dl>
      <label class="switch"><input type="checkbox" .checked=${preferences.peek().singleKeys} @change=${single} /><span><b>${t.singleKeys}</b><small>${t.singleKeysNote}</small></span></label>`,
    dialog,
  );
  dialog.showModal();
}
