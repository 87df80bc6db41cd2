/**
 * What is known, as signals: a change touches only what shows it. No DOM. Written by `session.js`, the devices and the page's
 * controls; read by everything that draws.
 */

import { batch, computed, signal } from "../vendor/signals-core/signals-core.module.js";

/** @import { Call } from "../confab.js" */
/** @import { Assignment, Link, Participant, SocketState, Speaker } from "../net/socket.js" */
/** @import { MediaState } from "../net/peer.js" */
/** @import { Devices, Trouble } from "../media/devices.js" */
/** @import { Signal } from "../vendor/signals-core/signals-core.module.js" */

/** @typedef {"prejoin" | "channel" | "left" | "elsewhere"} View */
/**
 * One person: what the server says, who speaks, and which slots carry the pictures.
 * @typedef {{ id: string, about: Signal<Participant>, speaking: Signal<boolean>, camera: Signal<string | null>, screen: Signal<string | null>,
 *   cameraSlot: Signal<Assignment | null>, screenSlot: Signal<Assignment | null>,
 *   lostAt: Signal<number | null>, hidden: Signal<boolean>, spokeAt: number }} Person `hidden`: the picture, by oneself
 */

/** A ring that goes out sooner than this flickers between words. */
const SPEAKING_HOLD_MS = 600;

export const view = signal(/** @type {View} */ ("prejoin"));
export const channel = signal("");
export const name = signal("");
export const joining = signal(false);
export const self = signal("");
/** Ids in order of arrival. */
export const order = signal(/** @type {string[]} */ ([]));
/** @type {Map<string, Person>} */
export const persons = new Map();
export const socket = signal(/** @type {SocketState} */ ({ state: "connecting", attempt: 0, retryAt: 0 }));
export const media = signal(/** @type {MediaState} */ ("connecting"));
export const welcomed = signal(false);
export const since = signal(0);

export const muted = signal(false);
export const deafened = signal(false);
/** Heard although muted, while a key is held. */
export const talking = signal(false);
/** Nobody is to hear this person. */
export const silenced = computed(() => (muted.value && !talking.value) || deafened.value);
/** Own tracks, as far as they are open. */
export const microphone = signal(/** @type {MediaStreamTrack | null} */ (null));
export const camera = signal(/** @type {MediaStreamTrack | null} */ (null));
export const screen = signal(/** @type {MediaStreamTrack | null} */ (null));
export const troubles = signal(/** @type {{ microphone: Trouble | null, camera: Trouble | null }} */ ({ microphone: null, camera: null }));
export const asking = signal(false);
export const devices = signal(/** @type {Devices} */ ({ microphone: [], camera: [], speaker: [] }));
export const soundBlocked = signal(false);

/** Tile that the person pinned: `p4` or `p4:screen`. */
export const pinned = signal(/** @type {string | null} */ (null));
/** Which of several shared screens is looked at. */
export const tab = signal(/** @type {string | null} */ (null));
/** Persons whose screen is shared, in order. */
export const shares = signal(/** @type {string[]} */ ([]));
export const alone = computed(() => welcomed.value && order.value.length <= 1);

/** @type {Map<string, ReturnType<typeof setTimeout>>} */
const rings = new Map();

/** The whole state, in place of the former one. @param {Participant[]} participants @param {string} own */
export function replaceAll(participants, own) {
  batch(() => {
    self.value = own;
    const present = new Set(participants.map((one) => one.id));
    for (const id of [...persons.keys()]) if (!present.has(id)) forget(id);
    for (const one of participants) put(one);
    order.value = participants.map((one) => one.id);
    countShares();
  });
}

/** Somebody came in, or is another than before. @param {Participant} participant */
export function put(participant) {
  const known = persons.get(participant.id);
  const lostAt = participant.connected ? null : (known?.lostAt.peek() ?? Date.now());
  if (known) {
    known.about.value = participant;
    known.lostAt.value = lostAt;
    if (participant.muted) silence(known);
  } else {
    persons.set(participant.id, {
      id: participant.id,
      about: signal(participant),
      speaking: signal(false),
      camera: signal(null),
      screen: signal(null),
      cameraSlot: signal(null),
      screenSlot: signal(null),
      lostAt: signal(lostAt),
      hidden: signal(false),
      spokeAt: -Infinity,
    });
  }
  if (!order.peek().includes(participant.id)) order.value = [...order.peek(), participant.id];
  countShares();
}

/** @param {string} id */
export function remove(id) {
  batch(() => {
    forget(id);
    order.value = order.peek().filter((one) => one !== id);
    countShares();
  });
}

/** @param {string} id */
function forget(id) {
  clearTimeout(rings.get(id));
  rings.delete(id);
  persons.delete(id);
  if (pinned.peek() === id || pinned.peek() === `${id}:screen`) pinned.value = null;
}

/** @param {Assignment[]} slots */
export function assign(slots) {
  batch(() => {
    for (const person of persons.values()) {
      const of = (/** @type {string} */ source) => slots.find((slot) => slot.participant === person.id && slot.source === source) ?? null;
      person.cameraSlot.value = of("camera");
      person.screenSlot.value = of("screen");
      person.camera.value = person.cameraSlot.peek()?.mid ?? null;
      person.screen.value = person.screenSlot.peek()?.mid ?? null;
    }
  });
}

/** @param {Speaker[]} speakers */
export function hear(speakers) {
  const now = performance.now();
  const heard = new Set(speakers.map((one) => one.participant));
  for (const person of persons.values()) {
    if (heard.has(person.id) && !person.about.peek().muted) {
      clearTimeout(rings.get(person.id));
      rings.delete(person.id);
      person.speaking.value = true;
      person.spokeAt = now;
    } else if (person.speaking.peek() && !rings.has(person.id)) {
      rings.set(person.id, setTimeout(() => silence(person), SPEAKING_HOLD_MS));
    }
  }
}

/** @param {Person} person */
function silence(person) {
  clearTimeout(rings.get(person.id));
  rings.delete(person.id);
  person.speaking.value = false;
}

function countShares() {
  const next = order.peek().filter((id) => id !== self.peek() && persons.get(id)?.about.peek().screen);
  if (next.join() !== shares.peek().join()) shares.value = next;
}

/** Nothing of the last channel stays. */
export function reset() {
  batch(() => {
    for (const id of [...persons.keys()]) forget(id);
    order.value = [];
    shares.value = [];
    pinned.value = tab.value = null;
    welcomed.value = joining.value = soundBlocked.value = false;
    self.value = "";
  });
}

/** The call, while there is one. */
export const call = signal(/** @type {Call | null} */ (null));

/** What the way from the server carries, while somebody looks at it. */
export const link = signal(/** @type {Link | null} */ (null));

/** Why the server would not let us in: a code at a field of the card. */
export const refusal = signal("");
/** The time in milliseconds, once a second while in a channel. */
export const seconds = signal(Date.now());
