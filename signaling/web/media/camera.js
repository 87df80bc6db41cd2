/** The camera: open while it is on, closed while it is off, so that its light tells the truth. */

import { open } from "./devices.js";

/** @import { Trouble } from "./devices.js" */

export class Camera {
  /** @type {MediaStreamTrack | null} */ track = null;
  /** The device went away under us. */ onEnded = () => {};

  /** @param {string} [id] @param {boolean} [exact] @returns {Promise<Trouble | null>} */
  async start(id = "", exact = false) {
    const result = await open("camera", id, exact);
    if (result.track) this.use(result.track);
    return result.trouble;
  }

  /** Takes a track that was opened elsewhere. @param {MediaStreamTrack} track */
  use(track) {
    this.stop();
    this.track = track;
    track.onended = () => track === this.track && this.onEnded();
  }

  stop() {
    if (this.track) this.track.onended = null;
    this.track?.stop();
    this.track = null;
  }
}
