// Waiting: for a condition, with a deadline, and never for time alone.

/** Between two looks at a condition: short against anything a person would notice. */
const LOOK_MS = 50;

/**
 * Waits until `condition` gives something true, and gives that.
 *
 * @template T
 * @param {string} what in words, for whoever reads the failure
 * @param {number} deadlineMs
 * @param {() => Promise<T> | T} condition
 * @param {number} [lookMs] between two looks
 * @returns {Promise<Exclude<T, false | null | undefined | 0 | "">>}
 */
export async function until(what, deadlineMs, condition, lookMs = LOOK_MS) {
  const end = Date.now() + deadlineMs;
  /** @type {unknown} */ let seen;
  for (;;) {
    seen = await condition();
    if (seen) return /** @type {any} */ (seen);
    if (Date.now() > end) throw new Error(`not within ${deadlineMs} ms: ${what}`);
    await new Promise((resolve) => setTimeout(resolve, lookMs));
  }
}

/** Ends the process when everything together takes too long. @param {number} deadlineMs */
export function endBy(deadlineMs) {
  setTimeout(() => {
    console.error(`not done within ${deadlineMs} ms`);
    process.exit(1);
  }, deadlineMs).unref();
}
