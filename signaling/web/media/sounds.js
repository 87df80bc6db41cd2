/** Soft notes, two at a time: somebody comes in, goes, is muted. Made, not loaded; they come out as a track, like a voice. */

/** @typedef {"in" | "out" | "mute" | "unmute" | "test"} Sound */

/** Hertz, first note and second. A rising fifth is an arrival; the same falling, a leaving. @type {Record<Sound, [number, number]>} */
const NOTES = { in: [392, 587.33], out: [587.33, 392], mute: [440, 329.63], unmute: [329.63, 440], test: [523.25, 783.99] };
/** @type {Record<Sound, number>} */
const LOUDNESS = { in: 0.09, out: 0.08, mute: 0.05, unmute: 0.05, test: 0.16 };
const SECOND_NOTE_S = 0.11;
const LENGTH_S = 0.42;

export class Sounds {
  /** @type {MediaStreamAudioDestinationNode | null} */ #out = null;

  /** @param {() => AudioContext | null} context */
  constructor(context) {
    this.context = context;
  }

  /** What to play in an element of the page; null where the browser makes no sound of its own. */
  track() {
    const context = this.context();
    if (!context) return null;
    this.#out ??= context.createMediaStreamDestination();
    return this.#out.stream.getAudioTracks()[0] ?? null;
  }

  /** @param {Sound} sound */
  play(sound) {
    const context = this.context();
    if (!context || !this.#out || context.state !== "running") return;
    NOTES[sound].forEach((hertz, index) => {
      const start = context.currentTime + index * SECOND_NOTE_S;
      const note = context.createOscillator();
      const volume = context.createGain();
      note.frequency.value = hertz;
      volume.gain.setValueAtTime(0.0001, start);
      volume.gain.exponentialRampToValueAtTime(LOUDNESS[sound], start + 0.02);
      volume.gain.exponentialRampToValueAtTime(0.0001, start + LENGTH_S);
      note.connect(volume).connect(/** @type {AudioNode} */ (this.#out));
      note.start(start);
      note.stop(start + LENGTH_S);
    });
  }
}
