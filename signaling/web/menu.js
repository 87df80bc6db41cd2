/** The one menu of the page: a popover above the button that opened it; arrows move, Escape returns the focus. */

import { html, render } from "./vendor/lit-html/lit-html.js";
import { icon } from "./icon.js";
import { t } from "./strings/en.js";

/** @typedef {{ kind: "title", text: string }} Title */
/** @typedef {{ kind: "choice" | "switch", text: string, on: boolean, run: () => void }} Choice */
/** @typedef {{ kind: "action", text: string, icon: string, key?: string, run: () => void }} Do */
/** @typedef {Title | Choice | Do} Item */

const MARGIN = 8;

/** @type {HTMLElement | null} */
let opener = null;
const menu = () => /** @type {HTMLElement} */ (document.getElementById("menu"));

/** Opens, or closes if this button had opened it. @param {HTMLElement} button @param {string} label @param {Item[]} items */
export function openMenu(button, label, items) {
  if (!menu().matches(":popover-open")) show(button, label, items);
  else menu().hidePopover();
}

/** Called once. */
export function prepareMenu() {
  const element = menu();
  element.addEventListener("keydown", move);
  addEventListener("resize", () => /** @type {HTMLElement | null} */ (document.querySelector(":popover-open"))?.hidePopover()); // what it stood beside is elsewhere
  element.addEventListener("toggle", (event) => {
    if (/** @type {ToggleEvent} */ (event).newState === "open") return;
    opener?.setAttribute("aria-expanded", "false");
    if (element.contains(document.activeElement) || document.activeElement === document.body) opener?.focus();
    opener = null;
  });
}

/** @param {HTMLElement} button @param {string} label @param {Item[]} items */
function show(button, label, items) {
  const element = menu();
  opener = button;
  button.setAttribute("aria-expanded", "true");
  element.setAttribute("role", "menu");
  element.setAttribute("aria-label", label);
  render(html`${items.map(line)}`, element);
  element.showPopover();
  placeBy(element, button);
  const first = element.querySelector('[aria-checked="true"]') ?? element.querySelector("button");
  /** @type {HTMLElement | null} */ (first)?.focus();
}

/** @param {Item} item */
function line(item) {
  if (item.kind === "title") return html`<p class="menu-title" role="presentation">${item.text}</p>`;
  const run = () => {
    menu().hidePopover();
    item.run();
  };
  if (item.kind === "action") return html`<button role="menuitem" @click=${run}>${icon(item.icon)}<span>${item.text}</span>${item.key ? html`<kbd aria-hidden="true">${item.key}</kbd>` : ""}</button>`;
  const role = item.kind === "choice" ? "menuitemradio" : "menuitemcheckbox";
  return html`<button role=${role} aria-checked=${item.on} @click=${run}><span class="tick">${item.on ? icon("check") : ""}</span><span dir="auto">${item.text}</span></button>`;
}

/** Above the button, or below where there is no room. @param {HTMLElement} element @param {HTMLElement} button */
export function placeBy(element, button) {
  const anchor = button.getBoundingClientRect();
  const { width, height } = element.getBoundingClientRect();
  const left = Math.min(Math.max(anchor.left + anchor.width / 2 - width / 2, MARGIN), innerWidth - width - MARGIN);
  const above = anchor.top - height - MARGIN;
  const top = above >= MARGIN ? above : Math.min(anchor.bottom + MARGIN, innerHeight - height - MARGIN);
  Object.assign(element.style, { left: `${Math.round(left)}px`, top: `${Math.round(Math.max(top, MARGIN))}px` });
}

/** @param {KeyboardEvent} event */
function move(event) {
  const buttons = [...menu().querySelectorAll("button")];
  const at = buttons.indexOf(/** @type {HTMLButtonElement} */ (document.activeElement));
  const to = { ArrowDown: at + 1, ArrowUp: at - 1, Home: 0, End: -1 }[event.key];
  if (event.key === "Tab") menu().hidePopover();
  if (to === undefined) return;
  buttons.at(to % buttons.length)?.focus();
  event.preventDefault();
}

/** Lines of a menu that chooses a device. @param {string} title @param {{ id: string, label: string }[]} devices @param {string} chosen @param {(id: string) => void} choose @returns {Item[]} */
export function deviceLines(title, devices, chosen, choose) {
  const known = devices.some((one) => one.id === chosen);
  return [
    { kind: "title", text: title },
    { kind: "choice", text: t.systemDefault, on: !known, run: () => choose("") },
    ...devices.map((one) => /** @type {Choice} */ ({ kind: "choice", text: one.label, on: one.id === chosen, run: () => choose(one.id) })),
  ];
}
