/** What one can do about a person: how loud they are for oneself, pin them, hide their picture. One popover for all tiles. */

import { html, nothing, render } from "../vendor/lit-html/lit-html.js";
import { effect } from "../vendor/signals-core/signals-core.module.js";
import { face, icon } from "../icon.js";
import { placeBy } from "../menu.js";
import { setVolume, volumeOf } from "../state/preferences.js";
import { call, link, pinned } from "../state/store.js";
import { t } from "../strings/en.js";
import { why } from "./why.js";

/** @import { Assignment } from "../net/socket.js" */
/** @import { Person } from "../state/store.js" */
/** @typedef {{ id: string, person: Person, own: boolean, kind: "camera" | "screen", element: HTMLElement, slot: Assignment | null, size: string }} Subject */

const card = () => /** @type {HTMLElement} */ (document.getElementById("person"));

/** Ends what the open card does. */
let end = () => {};

/** Opens beside the button; what had the focus has it again afterwards. @param {HTMLElement} button @param {Subject} subject */
export function openCard(button, subject) {
  const element = card();
  const before = document.activeElement;
  end();
  call.peek()?.watch(true);
  end = effect(() => draw(subject));
  element.ontoggle = (event) => {
    if (/** @type {ToggleEvent} */ (event).newState !== "closed") return;
    end();
    call.peek()?.watch(false);
    link.value = null;
    const focused = element.contains(document.activeElement) || document.activeElement === document.body;
    if (focused && before instanceof HTMLElement) before.focus();
  };
  element.setAttribute("role", "dialog");
  element.setAttribute("aria-label", subject.person.about.peek().name);
  element.showPopover();
  placeBy(element, button);
  /** @type {HTMLElement | null} */ (element.querySelector("input, button"))?.focus();
}

/** @param {Subject} subject */
function draw(subject) {
  const { person, own, kind } = subject;
  const { name } = person.about.peek();
  const reason = subject.slot && !person.hidden.value ? why(subject.slot, name, link.value, subject.size) : null;
  const isPinned = pinned.peek() === subject.id;
  const hidden = person.hidden.peek();
  const pin = () => {
    pinned.value = isPinned ? null : subject.id;
    card().hidePopover();
  };
  const hide = () => {
    person.hidden.value = !hidden;
    card().hidePopover();
  };
  render(
    html`<div class="person-head">${face(name)}<b dir="auto">${name}</b></div>
      ${reason ? html`<p class="person-why"><b>${reason.side}</b>${reason.sentence}</p>` : nothing}
      ${own ? nothing : volume(name, () => draw(subject))}
      <div class="person-row">
        <button class="plain" @click=${pin}>${icon("pin")}${isPinned ? t.unpin : t.pin}</button>
        ${kind === "camera" ? html`<button class="plain" @click=${hide}>${hidden ? t.showPicture : t.hidePicture}</button>` : nothing}
      </div>`,
    card(),
  );
}

/** @param {string} name @param {() => void} changed */
function volume(name, changed) {
  const percent = Math.round(volumeOf(name) * 100);
  const set = (/** @type {Event} */ event) => {
    setVolume(name, Number(/** @type {HTMLInputElement} */ (event.target).value) / 100);
    changed();
  };
  return html`<label class="volume"><span>${t.volume}</span><output>${t.percent(percent)}</output><input type="range" min="0" max="200" step="5" .value=${String(percent)} @input=${set} /></label>`;
}
