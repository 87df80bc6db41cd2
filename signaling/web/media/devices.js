/**
 * Which microphones, cameras and speakers there are, whether they may be used, and what it means when they cannot.
 * Every refusal becomes a `Trouble` with a kind that the page has words for.
 */

/** @typedef {"microphone" | "camera"} Input */
/** @typedef {Input | "speaker"} DeviceKind */
/** @typedef {{ id: string, label: string }} Device */
/** @typedef {Record<DeviceKind, Device[]>} Devices */
/** @typedef {"granted" | "denied" | "prompt" | "unknown"} Permission */
/**
 * `blocked`: the browser says no for this site. `dismissed`: the question was closed. `system`: the computer says no.
 * `missing`: no such device. `busy`: another program has it. `insecure`, `unsupported`: no page like this may, or can.
 * @typedef {{ kind: "blocked" | "dismissed" | "system" | "missing" | "busy" | "insecure" | "unsupported" | "failed", device: Input, code: string }} Trouble
 */
/** @typedef {{ track: MediaStreamTrack, trouble: null } | { track: null, trouble: Trouble }} Opened */

/** A talking head wants no more, and most cameras give it without scaling. `?width=960&height=540` in the address asks for another. */
export const CAMERA_SIZE = wantedSize(globalThis.location?.search ?? "") ?? { width: 1280, height: 720 };
const FRAME_RATE = 30;
const NAMES = /** @type {const} */ ({ audioinput: "microphone", videoinput: "camera", audiooutput: "speaker" });

/** @param {string} search of the page's address */
function wantedSize(search) {
  const wanted = new URLSearchParams(search);
  const [width, height] = [Number(wanted.get("width")), Number(wanted.get("height"))];
  return width > 0 && height > 0 ? { width, height } : null;
}

/** @param {Input} input @returns {Promise<Permission>} */
export async function permission(input) {
  try {
    const status = await navigator.permissions.query({ name: /** @type {PermissionName} */ (input) });
    return status.state;
  } catch {
    return "unknown";
  }
}

/** Calls when the person changes the permission in the browser's own settings. @param {Input} input @param {(state: Permission) => void} changed */
export async function watchPermission(input, changed) {
  try {
    const status = await navigator.permissions.query({ name: /** @type {PermissionName} */ (input) });
    status.addEventListener("change", () => changed(status.state));
  } catch {
    // This browser does not tell; "Try again" remains.
  }
}

/** Devices with labels, which browsers give only after permission: none without. @returns {Promise<Devices>} */
export async function listDevices() {
  /** @type {Devices} */
  const devices = { microphone: [], camera: [], speaker: [] };
  const all = (await navigator.mediaDevices?.enumerateDevices?.().catch(() => [])) ?? [];
  for (const { kind, deviceId, label } of all) {
    if (deviceId && label && deviceId !== "default" && deviceId !== "communications") devices[NAMES[kind]].push({ id: deviceId, label });
  }
  return devices;
}

/** @param {() => void} changed */
export function watchDevices(changed) {
  navigator.mediaDevices?.addEventListener?.("devicechange", changed);
}

/** @param {Input} input @param {string} id of the device, or nothing for the system's choice @param {boolean} exact @returns {MediaTrackConstraints} */
function constraints(input, id, exact) {
  /** @type {MediaTrackConstraints} */
  const device = id ? { deviceId: exact ? { exact: id } : { ideal: id } } : {};
  if (input === "microphone") return { ...device, echoCancellation: true, noiseSuppression: true, autoGainControl: true };
  return { ...device, width: { ideal: CAMERA_SIZE.width }, height: { ideal: CAMERA_SIZE.height }, frameRate: { ideal: FRAME_RATE } };
}

/**
 * Opens one device.
 * @param {Input} input
 * @param {string} [id]
 * @param {boolean} [exact] fail rather than take another one
 * @returns {Promise<Opened>}
 */
export async function open(input, id = "", exact = false) {
  const none = unusable(input);
  if (none) return { track: null, trouble: none };
  try {
    const key = input === "microphone" ? "audio" : "video";
    const stream = await navigator.mediaDevices.getUserMedia({ [key]: constraints(input, id, exact) });
    return opened(stream, input);
  } catch (error) {
    return { track: null, trouble: await trouble(error, input) };
  }
}

/**
 * Opens both with one question; where that fails, each alone, so that a missing camera never costs the microphone. Somebody
 * who closed the question is not asked twice more.
 * @param {{ microphone: string, camera: string }} ids
 * @returns {Promise<Record<Input, Opened>>}
 */
export async function openBoth(ids) {
  const none = unusable("microphone");
  if (none) return { microphone: { track: null, trouble: none }, camera: { track: null, trouble: { ...none, device: "camera" } } };
  try {
    const stream = await navigator.mediaDevices.getUserMedia({
      audio: constraints("microphone", ids.microphone, false),
      video: constraints("camera", ids.camera, false),
    });
    return { microphone: opened(stream, "microphone"), camera: opened(stream, "camera") };
  } catch (error) {
    return { microphone: await alone("microphone", ids.microphone, error), camera: await alone("camera", ids.camera, error) };
  }
}

/** @param {Input} input @param {string} id @param {unknown} why both failed @returns {Promise<Opened>} */
async function alone(input, id, why) {
  const refused = why instanceof DOMException && why.name === "NotAllowedError";
  const other = input === "microphone" ? "camera" : "microphone";
  if (refused && (await permission(input)) !== "granted" && (await permission(other)) !== "denied") {
    return { track: null, trouble: await trouble(why, input) };
  }
  return open(input, id);
}

/** @param {MediaStream} stream @param {Input} input @returns {Opened} */
function opened(stream, input) {
  const [track] = input === "microphone" ? stream.getAudioTracks() : stream.getVideoTracks();
  if (!track) return { track: null, trouble: { kind: "missing", device: input, code: "NoTrack" } };
  if (input === "camera") track.contentHint = "motion";
  return { track, trouble: null };
}

/** What forbids devices from the start. @param {Input} input @returns {Trouble | null} */
export function unusable(input) {
  if (globalThis.isSecureContext === false) return { kind: "insecure", device: input, code: "InsecureContext" };
  if (!navigator.mediaDevices?.getUserMedia) return { kind: "unsupported", device: input, code: "NoMediaDevices" };
  return null;
}

/** @param {unknown} error @param {Input} device @returns {Promise<Trouble>} */
async function trouble(error, device) {
  const code = error instanceof Error || error instanceof DOMException ? error.name : "Unknown";
  const message = error instanceof Error || error instanceof DOMException ? error.message : "";
  return { kind: troubleKind(code, message, await permission(device)), device, code };
}

/** @param {string} code the error's name @param {string} message @param {Permission} state @returns {Trouble["kind"]} */
export function troubleKind(code, message, state) {
  switch (code) {
    case "NotAllowedError":
    case "SecurityError":
      if (/system/i.test(message)) return "system";
      return state === "prompt" ? "dismissed" : "blocked";
    case "NotFoundError":
    case "OverconstrainedError":
      return "missing";
    case "NotReadableError":
    case "AbortError":
      return "busy";
    default:
      return "failed";
  }
}
