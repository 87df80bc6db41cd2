/** An icon of the sprite, and a person's face where there is no picture. */

import { html } from "./vendor/lit-html/lit-html.js";

export const SPRITE = new URL("./icons.svg", import.meta.url).href;
/** Gradients there are in app.css. */
const HUES = 6;

/** @param {string} name of a symbol in icons.svg */
export const icon = (name) => html`<svg class=${name === "turning" ? "icon turning" : "icon"} aria-hidden="true"><use href=${`${SPRITE}#${name}`} /></svg>`;

export const mark = () =>
  html`<svg class="mark" viewBox="0 0 32 32" aria-hidden="true"><path d="M21.9 7.8A10.5 10.5 0 1 0 21.9 24.2" fill="none" stroke="currentColor" stroke-width="5" stroke-linecap="round" /><circle class="mark-dot" cx="25.8" cy="16" r="3.4" /></svg>`;

/** One or two letters: of the first word and, if there are more, of the last. @param {string} name */
export function initials(name) {
  const words = name.trim().split(/[\s_-]+/u).filter(Boolean);
  const first = (/** @type {string | undefined} */ word) => [...new Intl.Segmenter().segment(word ?? "")][0]?.segment ?? "";
  return (words.length > 1 ? first(words[0]) + first(words.at(-1)) : first(words[0])).toLocaleUpperCase();
}

/** FNV-1a, from a seed that gives the names in the design their colours there. */
const SEED = 7482;
const PRIME = 16_777_619;

/** The same name has the same colours everywhere. @param {string} name */
export function hue(name) {
  let hash = SEED;
  for (const character of name.normalize("NFC")) hash = Math.imul(hash ^ (character.codePointAt(0) ?? 0), PRIME) >>> 0;
  return ((hash ^ (hash >>> 15)) >>> 0) % HUES;
}

/** @param {string} name */
export const face = (name) => html`<span class=${`face hue-${hue(name)}`} aria-hidden="true">${initials(name)}</span>`;
