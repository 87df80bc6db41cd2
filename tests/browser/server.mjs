// The real server, on ports of its own.

import { spawn } from "node:child_process";
import { createSocket } from "node:dgram";
import { once } from "node:events";
import { createServer } from "node:net";
import { until } from "./deadline.mjs";

/** Two people sit on two media threads, so that what they see and hear has crossed a relay. */
const SPREAD = ["--shards", "2", "--spread", "1"];

/** A TCP port that nobody uses just now. */
async function freePort() {
  const socket = createServer().listen(0, "127.0.0.1");
  await once(socket, "listening");
  const { port } = /** @type {import("node:net").AddressInfo} */ (socket.address());
  socket.close();
  await once(socket, "close");
  return port;
}

/** The first of two UDP ports that nobody uses just now, one for each media thread. @returns {Promise<number>} */
async function freeMediaPorts() {
  const first = createSocket("udp4").bind(0, "127.0.0.1");
  await once(first, "listening");
  const { port } = first.address();
  const second = createSocket("udp4").bind(port + 1, "127.0.0.1");
  const free = await Promise.race([once(second, "listening").then(() => true), once(second, "error").then(() => false)]);
  first.close();
  if (free) second.close();
  return free ? port : freeMediaPorts();
}

export class Server {
  /** @type {import("node:child_process").ChildProcess | null} */ #process = null;
  #log = "";
  #http = 0;
  #media = 0;
  #outer = "";

  /**
   * Starts the binary that `CONFAB` names, as without configuration but for the ports. `outer`: the address that clients are told in
   * place of its own, at the same ports.
   *
   * @param {string} [outer]
   */
  static async start(outer = "") {
    const server = new Server();
    server.#outer = outer;
    server.#http = await freePort();
    server.#media = await freeMediaPorts();
    await server.#run();
    return server;
  }

  get url() {
    return `http://127.0.0.1:${this.#http}`;
  }

  /** Its UDP ports, one for each media thread. */
  get mediaPorts() {
    return [this.#media, this.#media + 1];
  }

  /** What it has written. */
  get log() {
    return this.#log;
  }

  async #run() {
    const binary = process.env.CONFAB;
    if (!binary) throw new Error("CONFAB must name the server's binary");
    const behind = ["--media", `127.0.0.1:${this.#media}`, "--external", `127.0.0.1=${this.#outer}`];
    const media = this.#outer ? behind : ["--media-port", `${this.#media}`];
    const flags = ["--http", `127.0.0.1:${this.#http}`, ...media, ...SPREAD];
    const child = spawn(binary, flags, { stdio: ["ignore", "pipe", "pipe"] });
    this.#process = child;
    child.stdout.on("data", (data) => (this.#log += data));
    child.stderr.on("data", (data) => (this.#log += data));
    await until("the server answers", 10_000, async () => {
      if (child.exitCode !== null) throw new Error(`the server ended with ${child.exitCode}:\n${this.#log}`);
      return fetch(`${this.url}/healthz`).then((answer) => answer.ok, () => false);
    });
  }

  /** Ends it as an operator would. Gives its exit code. */
  async stop() {
    const child = this.#process;
    if (!child || child.exitCode !== null) return child?.exitCode ?? null;
    child.kill("SIGTERM");
    const [code] = await once(child, "exit");
    this.#process = null;
    return code;
  }

  /** Ends it and starts it again on the same ports. */
  async restart() {
    await this.stop();
    await this.#run();
  }
}
