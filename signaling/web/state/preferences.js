/** What the page remembers of a person, in this browser only. */

import { signal } from "../vendor/signals-core/signals-core.module.js";

/** @typedef {{ id: string, label: string }} Remembered */
/**
 * @typedef {object} Preferences
 * @property {string} name
 * @property {Remembered} microphone
 * @property {Remembered} camera
 * @property {Remembered} speaker
 * @property {boolean} cameraOn
 * @property {boolean} sounds
 * @property {boolean} singleKeys
 * @property {"system" | "dark" | "light"} theme
 */

const KEY = "confab";
const NONE = { id: "", label: "" };
/** @type {Preferences} */
const FIRST = { name: "", microphone: NONE, camera: NONE, speaker: NONE, cameraOn: true, sounds: true, singleKeys: true, theme: "system" };

/** @returns {Preferences} */
function read() {
  try {
    return { ...FIRST, ...JSON.parse(localStorage.getItem(KEY) ?? "{}") };
  } catch {
    return FIRST; // storage is forbidden here, or holds something else
  }
}

export const preferences = signal(read());

/** @param {Partial<Preferences>} change */
export function prefer(change) {
  preferences.value = { ...preferences.peek(), ...change };
  try {
    localStorage.setItem(KEY, JSON.stringify(preferences.peek()));
  } catch {
    // Forbidden: remembered until the page closes.
  }
}
