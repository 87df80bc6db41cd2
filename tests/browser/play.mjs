// Plays one scenario: node tests/browser/play.mjs NAME [CODEC [firefox]]. `CONFAB` names the server's binary. A scenario that exports a `link`
// is played through a forwarder; what is sent is then in the codec (VP8 without), and watched in Firefox if told.

import { endBy } from "./deadline.mjs";
import { Forwarder, outerAddress } from "./forwarder.mjs";
import { Server } from "./server.mjs";

/** Longer than any scenario; shorter than patience. */
const LONGEST_MS = 150_000;

const [name, codec, watcher] = process.argv.slice(2);
endBy(LONGEST_MS);
const { play, link } = await import(`./scenarios/${name}.mjs`);
const outer = outerAddress(watcher === "firefox");
const server = await Server.start(link ? outer : "");
const forwarder = link ? await Forwarder.start(server, outer, link) : null;
/** @type {(() => Promise<unknown>)[]} */ const closers = [];

/** Remembers to close a browser. @template {{ close: () => Promise<unknown> }} T @param {Promise<T>} opening */
async function opened(opening) {
  const one = await opening;
  closers.push(() => one.close());
  return one;
}

try {
  await play({ server, opened, forwarder, codec, watcher });
  console.log(`${name}: as it should be`);
} catch (error) {
  console.error(error);
  console.error(`the server's log:\n${server.log}`);
  process.exitCode = 1;
} finally {
  await Promise.allSettled(closers.map((close) => close()));
  if (forwarder) console.log(`the forwarder: ${JSON.stringify(await forwarder.tally())}`);
  forwarder?.stop();
  const code = await server.stop();
  if (code !== 0 && code !== null) {
    console.error(`the server ended with ${code}`);
    process.exitCode = 1;
  }
}
process.exit();
