/** The stage, or the tile in focus, on the full screen. */

/** @type {() => HTMLElement} */
let subject = () => document.documentElement;

/** @param {() => HTMLElement} what is shown */
export function fullScreenOf(what) {
  subject = what;
}

export function toggleFullScreen() {
  if (document.fullscreenElement) document.exitFullscreen().catch(() => {});
  else subject().requestFullscreen?.().catch(() => {}); // refused: nothing is lost
}
