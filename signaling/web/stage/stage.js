/**
 * The stage: which tiles there are, where they stand, and which element plays in which tile. One media element for each slot,
 * made once, moved and never taken out of the document. What is shown, and how large, it tells the call.
 */

import { effect, signal } from "../vendor/signals-core/signals-core.module.js";
import { effectLater } from "../state/later.js";
import { volumeOf } from "../state/preferences.js";
import * as store from "../state/store.js";
import { pixels } from "../net/view.js";
import { t } from "../strings/en.js";
import { AloneCard } from "./alone.js";
import { bestGrid, capacity, focusPlaces, gridPlaces, PHONE, seen } from "./layout.js";
import { ScreenTabs } from "./tabs.js";
import { Tile } from "./tile.js";

/** @import { Call } from "../confab.js" */
/** @import { Assignment, SlotView } from "../net/socket.js" */
/** @import { Playback } from "../media/playback.js" */
/** @import { Place } from "./layout.js" */

/** A speaker off stage takes a place after this long. */
const OFF_STAGE_MS = 1500;
/** Between two looks at who speaks off stage, and at whether pictures still move. */
const LOOK_MS = 500;
/** Frames of a slot's former picture may still be on their way; after this it is shown whatever its source says. */
const STALE_MS = 1500;
const PRIORITY = { focus: 3, speaker: 2, other: 1 };

export class Stage {
  /** @type {Map<string, Tile>} */ #tiles = new Map();
  /** By mid. @type {Map<string, HTMLMediaElement>} */ #elements = new Map();
  /** Publication that each slot plays, by mid, and since when. @type {Map<string, { assignment: Assignment, at: number }>} */ #playing = new Map();
  #size = signal({ width: 0, height: 0 });
  /** Aspect of the focus' picture. */ #aspect = signal(16 / 9);
  /** Who speaks off stage, and since when. @type {{ id: string, at: number } | null} */ #candidate = null;
  #speakerOff = signal(/** @type {string | null} */ (null));
  /** @type {string[]} */ #seen = [];
  /** @type {ReturnType<typeof bestGrid> | null} */ #grid = null;
  #gridCount = 0;
  #moved = signal(0);
  /** The size that tiles stand in; in another one they do not move there, they are there. */ #arranged = { width: 0, height: 0 };
  /** Where each tile stands, by id. */ #places = signal(/** @type {Map<string, Place>} */ (new Map()));
  /** @type {Call | null} */ #call = null;
  #ownVideo;
  #others = Object.assign(document.createElement("div"), { className: "tile others", hidden: true });
  #alone = new AloneCard();
  #tabs = new ScreenTabs();

  /** @param {{ element: HTMLElement, parking: HTMLElement, playback: Playback, mirror: HTMLElement }} parts `parking`: where elements stay that no tile shows; `mirror`: the same for the own picture */
  constructor({ element, parking, playback, mirror }) {
    this.element = element;
    this.parking = parking;
    this.playback = playback;
    this.mirror = mirror;
    this.#ownVideo = /** @type {HTMLVideoElement} */ (mirror.querySelector("video"));
    element.append(this.#others, this.#alone.element, this.#tabs.element);
    element.addEventListener("keydown", (event) => this.#key(event));
    new ResizeObserver(([entry]) => {
      if (entry) this.#size.value = { width: Math.floor(entry.contentRect.width), height: Math.floor(entry.contentRect.height) };
    }).observe(element);
    effect(() => this.#showOwn(store.camera.value));
    effectLater(() => this.#arrange());
    effectLater(() => this.#tell(this.#places.value, this.#focusId()));
    effect(() => this.#adjustVolumes());
    setInterval(() => {
      this.#offStage();
      if (!document.hidden) for (const tile of this.#tiles.values()) if (!tile.element.hidden) tile.look(performance.now());
    }, LOOK_MS);
  }

  /** Plays a call, until the next one. @param {Call} call */
  play(call) {
    this.#call = call;
    call.on("connection", () => call === this.#call && this.#drop());
    call.on("slots", () => call === this.#call && this.#slots(call));
  }

  /** The tile in focus, for the full screen. */
  focused() {
    return this.#tiles.get(this.#focusId() ?? "")?.element ?? this.element;
  }

  /** A new connection: elements of the last one have nothing to play. */
  #drop() {
    for (const tile of this.#tiles.values()) if (!tile.own) tile.show(null, true);
    for (const element of this.#elements.values()) {
      this.playback.detach(element);
      element.remove();
    }
    this.#elements.clear();
    this.#playing.clear();
  }

  /** @param {Call} call */
  #slots(call) {
    for (const { mid, kind, track } of call.receivers()) {
      if (this.#elements.has(mid)) continue;
      const element = document.createElement(kind);
      element.dataset.mid = mid;
      element.autoplay = true;
      if (element instanceof HTMLVideoElement) {
        Object.assign(element, { muted: true, playsInline: true, disablePictureInPicture: true });
        element.addEventListener("resize", () => this.#resized(element));
      }
      this.#elements.set(mid, element);
      this.parking.append(element);
      this.playback.attach(element, track);
    }
    const now = performance.now();
    const next = new Map(call.slots.map((assignment) => [assignment.mid, assignment]));
    for (const mid of this.#playing.keys()) if (!next.has(mid)) this.#playing.delete(mid);
    for (const [mid, assignment] of next) {
      if (this.#playing.get(mid)?.assignment.publication !== assignment.publication) this.#playing.set(mid, { assignment, at: now });
    }
    this.#moved.value = this.#moved.peek() + 1;
  }

  /** Each voice as loud as the person is to be here, whichever slot carries it. */
  #adjustVolumes() {
    void this.#moved.value;
    for (const [mid, { assignment }] of this.#playing) {
      const element = this.#elements.get(mid);
      const name = store.persons.get(assignment.participant)?.about.value.name;
      if (element instanceof HTMLAudioElement && name !== undefined) this.playback.setVolume(element, volumeOf(name));
    }
  }

  /** @param {MediaStreamTrack | null} track */
  #showOwn(track) {
    this.#ownVideo.srcObject = track ? new MediaStream([track]) : null;
    if (track) this.#ownVideo.play().catch(() => {}); // its own frames say when it plays
    this.#moved.value = this.#moved.peek() + 1;
  }

  /** @param {HTMLVideoElement} video */
  #resized(video) {
    const tile = this.#tiles.get(this.#focusId() ?? "");
    if (tile?.video === video && video.videoHeight > 0) this.#aspect.value = video.videoWidth / video.videoHeight;
  }

  #focusId() {
    const pinned = store.pinned.value;
    if (pinned) return pinned;
    const shares = store.shares.value;
    const chosen = store.tab.value && shares.includes(store.tab.value) ? store.tab.value : shares.at(-1);
    return chosen ? `${chosen}:screen` : null;
  }

  /** Everything that changes who stands where ends here. */
  #arrange() {
    const { width, height } = this.#size.value;
    void this.#moved.value;
    const self = store.self.value;
    const people = [...store.order.value.filter((id) => id !== self), ...store.order.value.filter((id) => id === self)];
    const focus = this.#focusId();
    const screens = store.shares.value.map((id) => `${id}:screen`);
    const wanted = [...people, ...screens.filter((id) => id === focus || store.pinned.value !== null)];
    this.#keepTiles(wanted);
    for (const tile of this.#tiles.values()) this.#showIn(tile);
    this.#tabs.show(store.pinned.value === null && screens.length > 1 && focus !== null ? store.shares.value : [], focus);
    if (people.length === 0) this.#places.value = new Map();
    if (width === 0 || height === 0 || people.length === 0) return;
    const stage = { width, height, gap: width < PHONE ? 8 : 14 };
    const places = focus && this.#tiles.has(focus) ? this.#focusLayout(stage, wanted, focus) : this.#gridLayout(stage, wanted);
    this.#putAll(places, focus, this.#arranged === this.#size.value);
    this.#arranged = this.#size.value;
    this.#places.value = places;
  }

  /** @param {string[]} wanted ids of tiles, in order */
  #keepTiles(wanted) {
    for (const [id, tile] of this.#tiles) {
      const person = store.persons.get(tile.person.id);
      if (wanted.includes(id) && person === tile.person && tile.own === (tile.person.id === store.self.peek())) continue;
      if (tile.video) this.#park(tile.video);
      tile.remove();
      this.#tiles.delete(id);
    }
    for (const id of wanted) {
      const screen = id.endsWith(":screen");
      const person = store.persons.get(screen ? id.slice(0, -":screen".length) : id);
      if (this.#tiles.has(id) || !person) continue;
      const tile = new Tile(person, screen ? "screen" : "camera");
      this.#tiles.set(id, tile);
      const own = [...this.#tiles.values()].find((one) => one.own && one !== tile);
      this.element.insertBefore(tile.element, own?.element ?? this.#others);
    }
    if (![...this.#tiles.values()].some((tile) => tile.element.tabIndex === 0)) this.#tabStop(this.#tiles.values().next().value);
  }

  /** @param {Tile} tile */
  #showIn(tile) {
    if (tile.own && tile.kind === "camera") {
      const video = store.camera.value ? this.#ownVideo : null;
      if (!video && tile.video) this.#park(tile.video);
      return tile.show(video, tile.video !== video);
    }
    const mid = tile.kind === "screen" ? tile.person.screen.value : tile.person.camera.value;
    const element = mid === null ? undefined : this.#elements.get(mid);
    const video = element instanceof HTMLVideoElement ? element : null;
    const playing = mid === null ? undefined : this.#playing.get(mid);
    if (tile.video && tile.video !== video && tile.video.parentElement === tile.picture) this.#park(tile.video);
    const fresh = video !== null && video.dataset.publication !== String(playing?.assignment.publication);
    if (video) video.dataset.publication = String(playing?.assignment.publication);
    tile.show(video, fresh, () => this.#arrived(mid ?? "", playing?.assignment.publication ?? 0, playing?.at ?? 0));
    if (video) this.playback.keep(video);
  }

  /** Whether frames of this publication have come: each names it as its contributing source. @param {string} mid @param {number} publication @param {number} at since when the slot carries it */
  #arrived(mid, publication, at) {
    const receiver = this.#call?.receivers().find((slot) => slot.mid === mid)?.receiver;
    const sources = receiver?.getContributingSources?.() ?? [];
    return sources.some((one) => one.source === publication) || performance.now() - at > STALE_MS;
  }

  /** @param {HTMLVideoElement} video */
  #park(video) {
    if (video === this.#ownVideo) this.mirror.prepend(video);
    else this.parking.append(video);
    this.playback.keep(video);
  }

  /** @param {{ width: number, height: number, gap: number }} stage @param {string[]} ids @returns {Map<string, Place>} */
  #gridLayout(stage, ids) {
    this.#alone.show(store.alone.value);
    this.element.classList.toggle("only-one", store.alone.value);
    if (store.alone.value) return new Map([[ids[0] ?? "", this.#alone.beside(stage)]]);
    const room = capacity(stage, ids.length);
    this.#seen = seen(ids, ids.length > room ? room - 1 : room, this.#seen, (id) => store.persons.get(id)?.spokeAt ?? -Infinity, this.#speakerOff.value);
    const hidden = ids.length - this.#seen.length;
    const count = this.#seen.length + (hidden > 0 ? 1 : 0);
    this.#grid = bestGrid(stage, count, count === this.#gridCount ? this.#grid : null);
    this.#gridCount = count;
    return this.#withOthers(this.#seen, gridPlaces(stage, count, this.#grid), hidden);
  }

  /** @param {{ width: number, height: number, gap: number }} stage @param {string[]} ids @param {string} focus @returns {Map<string, Place>} */
  #focusLayout(stage, ids, focus) {
    this.#alone.show(false);
    const rest = ids.filter((id) => id !== focus);
    const layout = focusPlaces(stage, rest.length, this.#aspect.value);
    const room = layout.strip.length;
    this.#seen = seen(rest, rest.length > room ? room - 1 : room, this.#seen, (id) => store.persons.get(id)?.spokeAt ?? -Infinity, this.#speakerOff.value);
    const places = this.#withOthers(this.#seen, layout.strip, rest.length - this.#seen.length);
    return places.set(focus, layout.focus);
  }

  /** @param {string[]} ids @param {Place[]} places one more than ids, if others are hidden @param {number} hidden */
  #withOthers(ids, places, hidden) {
    const last = places.at(-1);
    this.#others.hidden = hidden === 0;
    if (hidden > 0 && last) {
      this.#others.textContent = t.others(hidden);
      Object.assign(this.#others.style, { transform: `translate(${last.x}px, ${last.y}px)`, width: `${last.width}px`, height: `${last.height}px` });
    }
    return new Map(ids.map((id, index) => [id, /** @type {Place} */ (places[index])]));
  }

  /** @param {Map<string, Place>} places @param {string | null} focus @param {boolean} moving whether tiles may be seen going there */
  #putAll(places, focus, moving) {
    if (places.size > 0 && !places.has(focus ?? "")) this.#aspect.value = 16 / 9;
    for (const [id, tile] of this.#tiles) {
      const place = places.get(id);
      tile.element.hidden = !place;
      tile.element.classList.toggle("focus", id === focus);
      if (place) tile.put(place, moving);
    }
  }

  /** Tells the call how large each slot is shown; a free slot is told the size that the next tile would have. @param {Map<string, Place>} places @param {string | null} focus */
  #tell(places, focus) {
    const ratio = globalThis.devicePixelRatio || 1;
    const usual = [...places].find(([id]) => id !== focus)?.[1] ?? { width: 640, height: 360 };
    /** @type {Map<string, SlotView>} */
    const views = new Map();
    for (const slot of this.#call?.receivers() ?? []) {
      if (slot.kind !== "video") continue;
      const place = this.#playing.has(slot.mid) ? { width: 0, height: 0 } : usual;
      views.set(slot.mid, { mid: slot.mid, width: pixels(place.width, ratio), height: pixels(place.height, ratio), priority: PRIORITY.other });
    }
    for (const [id, place] of places) {
      const tile = this.#tiles.get(id);
      const mid = tile?.kind === "screen" ? tile.person.screen.peek() : tile?.person.camera.peek();
      if (!tile || !mid || !views.has(mid) || (tile.kind === "camera" && tile.person.hidden.value)) continue;
      const priority = id === focus || tile.kind === "screen" ? PRIORITY.focus : tile.person.speaking.value ? PRIORITY.speaker : PRIORITY.other;
      views.set(mid, { mid, width: pixels(place.width, ratio), height: pixels(place.height, ratio), priority });
    }
    this.#call?.view([...views.values()]);
  }

  /** Somebody off stage who has been speaking for long enough takes a place. */
  #offStage() {
    if (this.#others.hidden) return;
    const speaking = [...store.persons.values()].find((one) => one.speaking.peek() && !this.#seen.includes(one.id));
    if (speaking?.id !== this.#candidate?.id) this.#candidate = speaking ? { id: speaking.id, at: performance.now() } : null;
    if (this.#candidate && performance.now() - this.#candidate.at >= OFF_STAGE_MS) this.#speakerOff.value = this.#candidate.id;
  }

  /** @param {Tile | undefined} tile */
  #tabStop(tile) {
    for (const one of this.#tiles.values()) one.element.tabIndex = one === tile ? 0 : -1;
  }

  /** Arrows move among tiles, Enter pins. @param {KeyboardEvent} event */
  #key(event) {
    const tiles = [...this.#tiles.values()].filter((one) => !one.element.hidden);
    const at = tiles.findIndex((one) => one.element === event.target);
    const current = tiles[at];
    if (!current) return;
    const steps = /** @type {Record<string, number>} */ ({ ArrowRight: 1, ArrowDown: 1, ArrowLeft: -1, ArrowUp: -1 });
    const step = steps[event.key];
    if (event.key === "Enter") current.pin();
    else if (step === undefined) return;
    else {
      const next = tiles[(at + step + tiles.length) % tiles.length];
      this.#tabStop(next);
      next?.element.focus();
    }
    event.preventDefault();
  }
}
