/** Drawing that waits until whatever changed is told: a task of its own, however much changes before it. */

import { effect } from "../vendor/signals-core/signals-core.module.js";

/** Runs now, and again in a later task after any signal that it read has changed. @param {() => void} run */
export function effectLater(run) {
  let first = true;
  const end = effect(() => {
    if (first) run();
    else setTimeout(() => (end(), effectLater(run)));
    first = false;
  });
}
