/** Why a picture looks as it does: whose side it is on, and in words. The server says the reason; nothing here is guessed. */

import { t } from "../strings/en.js";

/** @import { Assignment, Link, Reason } from "../net/socket.js" */

/** @typedef {{ side: string, sentence: string }} Why */
/** @typedef {"soft" | "paused" | null} Look `soft`: a larger size exists, could be seen and is not sent; `paused`: none is sent, though one could be seen */

/** Reasons for which no less comes than could be seen, or for a moment alone; for all others less does. @type {Reason[]} */
const NO_LESS = ["full", "starting", "hidden", "source", "loss"];

/**
 * What is to be seen of it.
 * @param {Assignment | null} slot
 * @returns {Look}
 */
export function look(slot) {
  if (!slot || NO_LESS.includes(slot.reason)) return null;
  if (slot.layer === undefined) return slot.reason === "keyframe" ? null : "paused";
  return slot.wanted !== undefined && slot.layer < slot.wanted ? "soft" : null;
}

/**
 * Words for a reason; none where nothing is missing.
 * @param {Assignment} slot
 * @param {string} name whose picture it is
 * @param {Link | null} link what is known of the way to here
 * @param {string} size what is shown, in pixels
 * @returns {Why | null}
 */
export function why(slot, name, link, size) {
  const words = t.why[slot.reason];
  if (!words) return null;
  const { side, sentence } = words;
  return { side: typeof side === "string" ? side : side(name), sentence: sentence({ name, room: link?.estimate ?? null, short: slot.short_by ?? null, size }) };
}
