// A bad network between the server and whoever comes after a word, as a process of its own.

import { strict as assert } from "node:assert";
import { spawn } from "node:child_process";
import { networkInterfaces } from "node:os";
import { dirname, join } from "node:path";
import { createInterface } from "node:readline";
import { fileURLToPath } from "node:url";

/** @import { Server } from "./server.mjs" */

/**
 * What the way is like: traces of `links`, by name. `back` is the way from the browser. `jitterMs` and `burst` are as the program has them.
 *
 * @typedef {{ down: string, back?: string, jitterMs?: number, burst?: number }} Link
 */

/**
 * What happened to shaped datagrams.
 *
 * @typedef {{ offered: number, queueFull: number, lost: number, queueMsMax: number }} Way
 * @typedef {{ flows: number, shaped: number, down: Way, up: Way, refused: number, unsent: number }} Tally
 */

/**
 * Where clients reach the server through it: another address of the same machine, at the same ports. Firefox sends nothing to loopback
 * addresses, and a machine may have no other.
 *
 * @param {boolean} firefox
 */
export function outerAddress(firefox) {
  const addresses = Object.values(networkInterfaces()).flatMap((each) => each ?? []);
  const outward = addresses.find((one) => one.family === "IPv4" && !one.internal)?.address;
  return (firefox && outward) || "127.0.0.2";
}

const LINKS = fileURLToPath(new URL("links/", import.meta.url));

export class Forwarder {
  #process;
  #lines;
  /** When it was told to begin: the zero of its traces. */
  begunAt = 0;

  /** @param {import("node:child_process").ChildProcessByStdio<import("node:stream").Writable, import("node:stream").Readable, null>} child */
  constructor(child) {
    this.#process = child;
    this.#lines = createInterface({ input: child.stdout })[Symbol.asyncIterator]();
  }

  /** In front of a server that announces the address `outer`. Its binary stands beside the server's. @param {Server} server @param {string} outer @param {Link} link */
  static async start(server, outer, { down, back = "back", jitterMs = 0, burst = 1 }) {
    const trace = (/** @type {string} */ name) => join(LINKS, `${name}.csv`);
    const doors = server.mediaPorts.flatMap((port) => ["--door", `${outer}:${port}=127.0.0.1:${port}`]);
    const flags = ["--down", trace(down), "--up", trace(back), "--jitter-ms", `${jitterMs}`, "--burst", `${burst}`];
    const binary = join(dirname(process.env.CONFAB ?? ""), "forwarder");
    const forwarder = new Forwarder(spawn(binary, [...doors, ...flags], { stdio: ["pipe", "pipe", "inherit"] }));
    await forwarder.tally();
    return forwarder;
  }

  /** From here on whoever comes is behind the link, whose time runs. */
  async begin() {
    const tally = await this.#say("begin");
    this.begunAt = Date.now();
    return tally;
  }

  /** What happened so far. */
  tally() {
    return this.#say("tally");
  }

  stop() {
    this.#process.stdin.end();
  }

  /** @param {string} word @returns {Promise<Tally>} */
  async #say(word) {
    this.#process.stdin.write(`${word}\n`);
    const { value, done } = await this.#lines.next();
    assert.ok(!done, "the forwarder runs; build it: cargo build -p tests --bin forwarder");
    return JSON.parse(value);
  }
}
