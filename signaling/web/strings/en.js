/** Every word of the page. No sentence is glued from parts: a sentence with a name in it is a function of that name. */

/** @import { Reason } from "../net/socket.js" */

const list = new Intl.ListFormat("en-GB", { type: "conjunction" });
const number = new Intl.NumberFormat("en");
/** @param {number} count @param {string} one @param {string} many */
const plural = (count, one, many) => `${number.format(count)} ${count === 1 ? one : many}`;
/** @param {string} name */
const possessive = (name) => `${name}’s`;

/** A rate, in two figures. @param {number} bitsPerSecond */
function rate(bitsPerSecond) {
  const [value, unit] = bitsPerSecond >= 950_000 ? [bitsPerSecond / 1e6, "Mbit/s"] : [bitsPerSecond / 1e3, "kbit/s"];
  return `${number.format(Number(value.toPrecision(2)))}\u00a0${unit}`;
}

/**
 * @typedef {{ name: string, room: number | null, short: number | null, size: string }} Shortage `room`: what the connection carries, `short`: what is missing for the next size, in bits per second, where known; `size`: what is shown, in pixels
 * @typedef {{ side: string | ((name: string) => string), sentence: (about: Shortage) => string }} WhyWords
 */

/** @param {Shortage} about */
function nextSize({ name, room, short }) {
  if (short === null) return `Your connection has no room for ${possessive(name)} next size. It returns by itself.`;
  if (room === null) return `${possessive(name)} next size needs ${rate(short)} more than your connection carries. It returns by itself.`;
  return `There is room for ${rate(room)}; ${possessive(name)} next size needs ${rate(short)} more. It returns by itself.`;
}

/** @param {Shortage} about */
function smallest({ room, short }) {
  if (room === null || short === null) return "Your connection has room for voices only.";
  return `There is room for ${rate(room)}; the smallest picture needs ${rate(short)} more.`;
}

/** @param {number} seconds */
export function clock(seconds) {
  const two = (/** @type {number} */ value) => String(Math.floor(value)).padStart(2, "0");
  const [hours, minutes] = [Math.floor(seconds / 3600), Math.floor(seconds / 60) % 60];
  return hours > 0 ? `${hours}:${two(minutes)}:${two(seconds % 60)}` : `${minutes}:${two(seconds % 60)}`;
}

/** @param {string[]} names @param {number} [most] */
function people(names, most = 3) {
  if (names.length <= most) return list.format(names);
  return list.format([...names.slice(0, most - 1), plural(names.length - most + 1, "other", "others")]);
}

/** For a channel that nobody has named: two plain words. */
export const PLACES = {
  first: ["kitchen", "garden", "window", "corner", "attic", "river", "harbour", "orchard", "evening", "morning", "winter", "summer", "paper", "copper", "maple", "olive"],
  second: ["table", "bench", "lamp", "stairs", "porch", "kettle", "teapot", "bridge", "letter", "basket", "blanket", "lantern", "piano", "shelf", "stove"],
};

/** Why a picture is not better, by reason; none where nothing is missing. @type {Record<Reason, WhyWords | null>} */
const why = {
  full: null,
  hidden: null,
  budget: { side: "your connection", sentence: nextSize },
  paused: { side: "your connection", sentence: smallest },
  starting: { side: "just connected", sentence: () => "Pictures sharpen while Confab learns what your connection carries." },
  chosen: { side: "your choice", sentence: () => "You chose to receive less." },
  server: { side: "Confab", sentence: () => "This server is at its limit. Its operator can see that too." },
  upload: { side: (name) => `${possessive(name)} upload`, sentence: ({ name }) => `${possessive(name)} connection carries no larger picture.` },
  busy: { side: (name) => `${possessive(name)} device`, sentence: ({ name }) => `${possessive(name)} device is busy and sends a smaller picture.` },
  source: { side: "the source", sentence: ({ size }) => `There is no larger picture than ${size}.` },
  loss: { side: "the way", sentence: ({ name }) => `Part of ${possessive(name)} picture was lost on the way; it is being sent again.` },
  relay: { side: "Confab", sentence: () => "The link between two servers is full." },
  codec: { side: "your browser", sentence: ({ name }) => `This browser can’t show the format that ${name} sends.` },
  keyframe: { side: "Confab", sentence: ({ name }) => `Waiting for a whole picture from ${name}.` },
};

export const t = {
  title: (/** @type {string} */ channel) => (channel ? `${channel} · confab` : "confab"),

  // Before coming in
  inside: (/** @type {string[]} */ names) => (names.length === 1 ? `${people(names)} is here` : `${people(names)} are here`),
  insideNobody: "Nobody is here yet",
  nameNeeded: "Type a name, so that others know who you are.",
  nameLong: "A name has at most 32 characters.",
  channelNeeded: "Type a name for the place, like kitchen-table.",
  channelWrong: "Use letters, digits, “-”, “_” and “.”, at most 64.",
  onlyYou: "Only you see this",
  weHear: "We hear you",
  muted: "You are muted",
  hearNothing: (/** @type {string} */ device) => `We hear nothing from ${device}`,
  testSound: "Test sound",
  turnOn: "Turn on camera and microphone",
  askTitle: "See and hear yourself first",
  askText: "The browser will ask once. Until you come in, only you see this.",
  asking: "The browser is asking. Choose “Allow” to be seen and heard.",
  cameraIsOff: "Your camera is off",
  justListen: "Just listen for now",
  tryAgain: "Try again",
  askAgain: "Ask again",
  systemDefault: "System default",
  defaultIs: (/** @type {string} */ label) => `System default – ${label}`,
  device: { microphone: "Microphone", camera: "Camera", speaker: "Speaker" },
  blocked: { microphone: "Microphone is blocked", camera: "Camera is blocked", speaker: "" },
  none: { microphone: "No microphone", camera: "No camera", speaker: "" },
  comeWith: {
    both: "You come in with camera and microphone.",
    microphone: "You come in with your voice, without a picture.",
    muted: "You come in muted.",
    asked: "The browser will ask for camera and microphone. You are let in meanwhile.",
    none: "You come in without a microphone. You can allow it later.",
  },

  // Troubles: what happened, whose side, one action
  trouble: {
    blocked: {
      title: (/** @type {string} */ device) => `The browser is keeping the ${device} from Confab`,
      text: (/** @type {string} */ device) => `It was blocked for this site, perhaps by accident. Others won’t ${device === "camera" ? "see" : "hear"} you until it is allowed. It takes two steps:`,
    },
    dismissed: { title: () => "You closed the question", text: (/** @type {string} */ device) => `Confab needs your answer to use the ${device}. You can come in without it, too.` },
    system: { title: (/** @type {string} */ device) => `The computer is keeping the ${device} from this browser`, text: (/** @type {string} */ device) => systemPath(device) },
    missing: { title: (/** @type {string} */ device) => `No ${device} found`, text: (/** @type {string} */ device) => `Plug one in: it will be noticed by itself. You can come in without a ${device}.` },
    busy: { title: (/** @type {string} */ device) => `Another program is using the ${device}`, text: () => "Close that program, then try again. You can come in meanwhile." },
    insecure: { title: () => "Browsers give microphones only to https pages", text: () => "Open this page with https://, or on this computer with http://localhost. Listening works here too." },
    unsupported: { title: () => "This browser gives no microphone to pages", text: () => "Listening works. To be heard, open this page in Firefox, Chrome, Edge or Safari." },
    failed: { title: (/** @type {string} */ device) => `The ${device} could not be opened`, text: () => "The browser did not say why. You can come in without it and try again." },
  },
  step2: "Click the marked sign, then switch on",
  noCalls: { title: "This browser can’t make calls", text: "Open this page in Firefox, Chrome, Edge or Safari: copy the address and paste it there." },
  code: (/** @type {string} */ code) => `Code ${code}`,

  // In the channel
  peopleAndTime: (/** @type {number} */ count, /** @type {number} */ seconds) => (count <= 1 ? `only you · ${clock(seconds)}` : `${number.format(count)} people · ${clock(seconds)}`),
  you: (/** @type {string} */ name) => `${name} (you)`,
  screenOf: (/** @type {string} */ name) => `${possessive(name)} screen`,
  others: (/** @type {number} */ count) => plural(count, "other", "others"),
  tile: (/** @type {{ name: string, speaking: boolean, muted: boolean, camera: boolean, hidden: boolean, stalled: boolean, paused: boolean, soft: string | null, connected: boolean, pinned: boolean }} */ is) =>
    [is.name, is.speaking && "speaking", is.muted && "muted", !is.camera && "camera off", is.hidden && "picture hidden by you", is.stalled && "picture stands still", is.paused && "picture paused", is.soft !== null && `picture soft because of ${is.soft}`, !is.connected && "reconnecting", is.pinned && "pinned"].filter(Boolean).join(", "),
  waitingFor: (/** @type {string} */ name) => `Waiting for ${possessive(name)} picture`,
  reconnecting: (/** @type {string} */ name) => `${name} is reconnecting`,
  seconds: (/** @type {number} */ seconds) => `${number.format(seconds)} s`,
  mute: "Mute", unmute: "Unmute", cameraOff: "Turn camera off", cameraOn: "Turn camera on",
  share: "Share screen", stopSharing: "Stop sharing screen", deafen: "Deafen", undeafen: "Undeafen", leave: "Leave", copyLink: "Copy link", more: "More", close: "Close",
  talking: "Talking: unmute for good", word: { talking: "Talking", camera: "Camera", cameraOff: "Camera off", cameraOn: "Camera on", share: "Share", stop: "Stop" },
  options: { microphone: "Microphone options", camera: "Camera options" },
  moreAbout: (/** @type {string} */ name) => `More about ${name}`, pin: "Pin", unpin: "Unpin", hidePicture: "Hide picture", showPicture: "Show picture",
  volume: "Volume for you", percent: (/** @type {number} */ value) => `${number.format(value)} %`, youHear: (/** @type {number} */ percent) => `you hear ${number.format(percent)} %`,
  hiddenByYou: "Hidden by you", stalled: (/** @type {string} */ name) => `${possessive(name)} picture stands still`,
  paused: "Picture paused, sound goes on", soft: "Soft", whySoft: (/** @type {string} */ name) => `Why is ${possessive(name)} picture soft?`,
  why,
  fullScreen: "Full screen", leaveFullScreen: "Leave full screen", shortcuts: "Keyboard shortcuts", sounds: "Soft sounds", singleKeys: "Single keys",
  theme: "Theme", themes: { system: "Like the system", dark: "Dark", light: "Light" },
  turnOnSound: "Turn on sound", soundHeldBack: "The browser is holding back the sound",
  keys: { m: "Mute or unmute", space: "Hold to talk while muted", v: "Camera on or off", s: "Share screen or stop", d: "Deafen or undeafen", l: "Copy link", f: "Full screen", enter: "Pin the tile that has the focus", card: "Volume and more for that tile", arrows: "Move among tiles", help: "Keyboard shortcuts" },
  singleKeysNote: "They act while no field has the focus.",

  // Alone
  alone: "You’re the only one here", aloneText: "Send this link. Whoever opens it types a name and is in.", copy: "Copy", copied: "Copied", link: "Link to here",
  checked: "Checked while you wait",
  check: {
    voice: (/** @type {number | null} */ lost) => (lost === null ? "Your voice reaches the server" : lost === 0 ? "Your voice reaches the server clearly (nothing lost in 10 s)" : `Your voice reaches the server (${number.format(lost)} packets lost in 10 s)`),
    voiceOff: "Your voice: nothing is sent while you are muted", voiceNone: "Your voice: no microphone yet", voiceWait: "Your voice: not known yet",
    picture: (/** @type {number} */ sizes, /** @type {number} */ width, /** @type {number} */ height) => `Your picture reaches it in ${sizes === 1 ? "one size" : `${["", "one", "two", "three"][sizes] ?? sizes} sizes`}, up to ${width}\u00a0×\u00a0${height}`,
    pictureOff: "Your picture: the camera is off", pictureWait: "Your picture: not known yet",
    path: (/** @type {string} */ protocol, /** @type {number} */ ms) => `The way there and back takes ${number.format(ms)} ms over ${protocol.toUpperCase()}`, pathWait: "The way to the server: not known yet",
  },

  // Notices and announcements
  turn: {
    in: (/** @type {string[]} */ names) => `${people(names, 2)} came in`,
    out: (/** @type {string[]} */ names) => `${people(names, 2)} left`,
    paused: (/** @type {string[]} */ names) => `${people(names, 2)}: picture paused`,
    returned: (/** @type {string[]} */ names) => `${people(names, 2)}: picture is back`,
  },
  youMuted: "You are muted", youUnmuted: "You are heard again", youDeafened: "You are deafened: you hear nobody, and nobody hears you", youUndeafened: "You hear again",
  talkingMuted: "You are muted. They can’t hear you.",
  shares: (/** @type {string} */ name) => `${name} shares a screen`, stopsSharing: (/** @type {string} */ name) => `${name} stopped sharing`,
  linkCopied: "Link copied", linkNotCopied: (/** @type {string} */ link) => `The browser did not let Confab copy. The link is ${link}`,
  deviceNow: (/** @type {string} */ gone, /** @type {string} */ now) => `${gone} is gone. Now on ${now}.`, deviceGone: (/** @type {string} */ gone) => `${gone} is gone.`, deviceBack: (/** @type {string} */ label) => `${label} is back and in use.`, change: "Change",
  comingBack: (/** @type {number} */ attempt, /** @type {number} */ seconds) => (seconds > 0 ? `Connection lost. Coming back, try ${attempt} in ${seconds} s` : `Connection lost. Coming back, try ${attempt} …`), now: "Now", back: "You are back",
  noAnswer: (/** @type {number} */ seconds) => (seconds > 0 ? `The server doesn’t answer. Trying again in ${seconds} s` : "The server doesn’t answer. Trying again …"),
  mediaInterrupted: "Sound and pictures stopped on the way. Looking for another one …", mediaBack: "Sound and pictures are back",
  mediaBlocked: "This network lets the page through, but not the sound. Firewalls often block UDP, which carries it.",
  withoutSound: "Sharing without sound. To share sound, choose a tab and tick its sound.", echo: "Sharing without sound: a whole screen’s sound would echo everybody’s voice.", sharing: "You are sharing your screen",
  serverFull: "This server is full. You come in as soon as there is a place.", channelFull: (/** @type {string} */ channel) => `${channel} is full. You come in as soon as there is a place.`,
  somethingWrong: "Something went wrong in Confab; the call goes on.", notConnected: "Sound and pictures could not be connected.",

  // After
  youLeft: (/** @type {string} */ channel) => `You left ${channel}`, comeBack: "Come back", newChannel: "New channel",
  elsewhere: "You came in on another device", elsewhereText: "One person, one tile: this page has stepped aside.", useHere: "Use this one here",
};

/** @param {string} device */
function systemPath(device) {
  const platform = globalThis.navigator?.platform ?? "";
  const thing = device === "camera" ? "Camera" : "Microphone";
  if (/mac/i.test(platform)) return `Open System Settings, Privacy & Security, ${thing}, and switch this browser on. Then start it anew.`;
  if (/win/i.test(platform)) return `Open Settings, Privacy & security, ${thing}, and let desktop apps use it.`;
  return `Allow this browser to use the ${device} in the system’s privacy settings, then try again.`;
}
