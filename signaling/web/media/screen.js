/** A shared screen, with its sound where that would not echo everybody. */

/** @typedef {"shared" | "without_sound" | "echo"} SoundVerdict `echo`: there was sound, and it was dropped */
/** @typedef {{ track: MediaStreamTrack, sound: MediaStreamTrack | null, verdict: SoundVerdict }} Shared */

/** Text stays sharp at fewer pictures a second; above 1080p nobody's tile shows more. */
const VIDEO = { width: { max: 1920 }, height: { max: 1080 }, frameRate: { ideal: 15, max: 30 } };

export const canShare = () => typeof navigator !== "undefined" && Boolean(navigator.mediaDevices?.getDisplayMedia);

/**
 * Whether shared sound may be sent: a whole screen's sound has everybody's voices in it, unless the browser took them out.
 * @param {{ displaySurface?: string }} video settings of the picture
 * @param {{ restrictOwnAudio?: boolean } | null} audio settings of the sound
 * @returns {SoundVerdict}
 */
export function soundVerdict(video, audio) {
  if (!audio) return "without_sound";
  return video.displaySurface === "monitor" && audio.restrictOwnAudio !== true ? "echo" : "shared";
}

/** Asks the browser; null if the person closed its question. @returns {Promise<Shared | null>} */
export async function share() {
  const options = {
    video: VIDEO,
    audio: { restrictOwnAudio: true, suppressLocalAudioPlayback: false, echoCancellation: false, noiseSuppression: false, autoGainControl: false },
    systemAudio: "include",
    windowAudio: "window",
    surfaceSwitching: "include",
    selfBrowserSurface: "exclude",
  };
  /** @type {MediaStream} */
  let stream;
  try {
    stream = await navigator.mediaDevices.getDisplayMedia(/** @type {DisplayMediaStreamOptions} */ (options));
  } catch (error) {
    if (error instanceof DOMException && (error.name === "NotAllowedError" || error.name === "AbortError")) return null;
    throw error;
  }
  const [track] = stream.getVideoTracks();
  const [sound] = stream.getAudioTracks();
  if (!track) return null;
  track.contentHint = "text";
  const verdict = soundVerdict(track.getSettings(), sound ? /** @type {object} */ (sound.getSettings()) : null);
  if (verdict === "echo") sound?.stop();
  if (sound && verdict === "shared") sound.contentHint = "music";
  return { track, sound: verdict === "shared" ? (sound ?? null) : null, verdict };
}
