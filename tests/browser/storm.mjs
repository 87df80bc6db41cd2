// Datagrams that nobody asked for, from everywhere, in a process of their own: node tests/browser/storm.mjs PORT [PORT …]. Sends
// until it is killed; says each second how many it has sent.

import { createSocket } from "node:dgram";
import { once } from "node:events";

const ports = process.argv.slice(2).map(Number);
/** Addresses that they come from. */
const SOURCES = 1_000;
/** Together 10,000 a second. */
const [AT_ONCE, PAUSE_MS] = [50, 5];
/** What each begins with: noise, STUN, a DTLS handshake record, RTP, RTCP, a TURN channel. */
const BEGINNINGS = [[], [0x00, 0x01, 0x00, 0x00, 0x21, 0x12, 0xa4, 0x42], [0x16, 0xfe, 0xfd], [0x90, 0x60], [0x81, 0xc9], [0x40]].map((bytes) => Buffer.from(bytes));

const sockets = Array.from({ length: SOURCES }, () => createSocket("udp4").bind(0, "127.0.0.1"));
await Promise.all(sockets.map((socket) => once(socket, "listening")));
let sent = 0;
let answered = 0;
for (const socket of sockets) socket.on("message", () => (answered += 1));

/** Repeats itself after 64 datagrams of each kind: to be drawn one by one they would need a core of their own. */
const noise = Array.from({ length: 64 }, (_, place) => {
  const bytes = Buffer.alloc((place * 21) % 1_400);
  for (let at = 0; at < bytes.length; at += 1) bytes[at] = (at * 167 + place * 59) & 0xff;
  return bytes;
});

const start = Date.now();
setInterval(() => {
  const due = Math.floor((Date.now() - start) / PAUSE_MS) * AT_ONCE;
  for (; sent < due; sent += 1) {
    const beginning = BEGINNINGS[sent % BEGINNINGS.length];
    const datagram = Buffer.concat([beginning, noise[sent % noise.length]]);
    sockets[sent % SOURCES].send(datagram, ports[sent % ports.length], "127.0.0.1");
  }
}, PAUSE_MS);
setInterval(() => console.log(JSON.stringify({ sent, answered })), 1_000);
