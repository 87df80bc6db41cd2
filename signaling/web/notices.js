/**
 * Notices a person sees, and announcements a screen reader speaks. Polite words come at most once in two seconds and arrivals
 * merge; who speaks is never announced.
 */

import { html, render } from "./vendor/lit-html/lit-html.js";
import { effect, signal } from "./vendor/signals-core/signals-core.module.js";
import { icon } from "./icon.js";
import { t } from "./strings/en.js";

/** @typedef {{ label: string, run: () => void }} Action */
/** @typedef {{ id: string, icon: string, text: string, detail?: string, urgent?: boolean, action?: Action, close?: boolean, ms?: number }} Notice `ms`: goes by itself after */

const POLITE_MS = 2000;
/** Above so many people, arrivals are silent. */
export const CROWD = 20;
const MOST = 4;

const notices = signal(/** @type {Notice[]} */ ([]));
/** @type {Map<string, ReturnType<typeof setTimeout>>} */
const timers = new Map();
/** @type {string[]} */
let waiting = [];
/**
 * What became of whom, for as long as it waits to be said.
 * @typedef {"in" | "out" | "paused" | "returned"} Turn
 * @type {Map<Turn, string[]>}
 */
const turns = new Map();
/** @type {ReturnType<typeof setTimeout> | undefined} */
let timer;
let saidAt = -Infinity;

/** Shows a notice, in place of one with the same id. @param {Notice} notice */
export function notify(notice) {
  const before = notices.peek();
  const known = before.some((one) => one.id === notice.id);
  notices.value = known ? before.map((one) => (one.id === notice.id ? notice : one)) : [...before, notice].slice(-MOST);
  clearTimeout(timers.get(notice.id));
  if (notice.ms) timers.set(notice.id, setTimeout(() => dismiss(notice.id), notice.ms));
  if (!known) notice.urgent ? alert(notice.text) : say(notice.text);
}

/** @param {string} id @returns {boolean} whether it was there */
export function dismiss(id) {
  const before = notices.peek();
  clearTimeout(timers.get(id));
  if (!before.some((one) => one.id === id)) return false;
  notices.value = before.filter((one) => one.id !== id);
  return true;
}

/** Says it when there is room. @param {string} text */
export function say(text) {
  if (waiting.at(-1) !== text) waiting.push(text);
  turn();
}

/** Says it now. @param {string} text */
export function alert(text) {
  put("urgent", text);
}

/** Somebody came or left. @param {"in" | "out"} way @param {string} name @param {number} present */
export function moved(way, name, present) {
  if (present <= CROWD) merge(way, name);
}

/** Somebody's picture was paused, or returned; what is undone before it is said is not said. @param {boolean} paused @param {string} name */
export function pictureChanged(paused, name) {
  const before = turns.get(paused ? "returned" : "paused") ?? [];
  const place = before.indexOf(name);
  if (place >= 0) before.splice(place, 1);
  else merge(paused ? "paused" : "returned", name);
}

/** @param {Turn} what @param {string} name */
function merge(what, name) {
  turns.set(what, [...(turns.get(what) ?? []), name]);
  turn();
}

function turn() {
  clearTimeout(timer);
  const wait = saidAt + POLITE_MS - performance.now();
  if (wait > 0) {
    timer = setTimeout(turn, wait);
    return;
  }
  const text = next();
  if (!text) return;
  saidAt = performance.now();
  put("polite", text);
  timer = setTimeout(turn, POLITE_MS);
}

/** @returns {string | undefined} */
function next() {
  if (waiting.length > 0) return waiting.shift();
  for (const [what, names] of turns) {
    turns.delete(what);
    if (names.length > 0) return t.turn[what](names);
  }
}

/** The same words twice are two messages. @param {"polite" | "urgent"} region @param {string} text */
function put(region, text) {
  const element = document.getElementById(region);
  if (element) element.textContent = element.textContent === text ? `${text}\u00a0` : text;
}

/** Each keeps its element, and with it the focus, as others come and go. @param {HTMLElement} root */
export function showNotices(root) {
  /** @type {Map<string, HTMLElement>} */
  const shown = new Map();
  effect(() => {
    const ids = new Set(notices.value.map((one) => one.id));
    for (const [id, element] of shown) {
      if (ids.has(id)) continue;
      element.remove();
      shown.delete(id);
    }
    for (const one of notices.value) {
      const element = shown.get(one.id) ?? root.appendChild(document.createElement("div"));
      shown.set(one.id, element);
      element.className = one.urgent ? "notice urgent" : "notice";
      render(words(one), element);
    }
  });
}

/** @param {Notice} notice */
function words({ id, icon: sign, text, detail, action, close }) {
  return html`${icon(sign)}
    <p>${text}${detail ? html`<small>${detail}</small>` : ""}</p>
    ${action ? html`<button class="plain" @click=${action.run}>${action.label}</button>` : ""}
    ${close ? html`<button class="quiet" aria-label=${t.close} @click=${() => dismiss(id)}>${icon("cross")}</button>` : ""}`;
}
