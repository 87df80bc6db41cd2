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
 * @property {Record<string, number>} volumes how loud somebody is for oneself, by name: 0 to 2; not there for 1
 */

const KEY = "confab";
const NONE = { id: "", label: "" };
/** @type {Preferences} */
const FIRST = { name: "", microphone: NONE, camera: NONE, speaker: NONE, cameraOn: true, sounds: true, singleKeys: true, theme: "system", volumes: {} };
/** Names that are remembered; the longest unused is forgotten first. */
const VOLUMES_MAX = 200;

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

/** How loud this person is here: 1 unless somebody turned them up or down. @param {string} name */
export function volumeOf(name) {
  const { volumes } = preferences.value;
  return Object.hasOwn(volumes, name) ? (volumes[name] ?? 1) : 1; // a name may be "constructor"
}

/** @param {string} name @param {number} volume 0 to 2 */
export function setVolume(name, volume) {
  const { [name]: _, ...others } = preferences.peek().volumes;
  const kept = Object.entries(others).slice(1 - VOLUMES_MAX);
  prefer({ volumes: Object.fromEntries(volume === 1 ? kept : [...kept, [name, volume]]) });
}
