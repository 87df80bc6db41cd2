// Each JSON block of docs/protocol.md is a message as confab.js understands it: the type checker decides.
import assert from "node:assert/strict";
import { execFileSync } from "node:child_process";
import { mkdtempSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { test } from "node:test";
import { fileURLToPath } from "node:url";

const here = (/** @type {string} */ path) => fileURLToPath(new URL(path, import.meta.url));
const protocol = readFileSync(here("../../../docs/protocol.md"), "utf8");

/** @param {string} heading */
function blocks(heading) {
  const section = protocol.split(/^## /m).find((part) => part.startsWith(heading)) ?? "";
  return [...section.matchAll(/```json\n([\s\S]*?)```/g)].map((match) => match[1] ?? "");
}

/** What the type checker says of these messages. @param {string} type @param {string[]} messages */
function checked(type, messages) {
  const folder = mkdtempSync(here("./.protocol-"));
  try {
    const lines = messages.map((message, index) => `const m${index}: ${type} = ${message}; void m${index};`);
    writeFileSync(join(folder, "messages.ts"), [`import type { ${type} } from "../../../../signaling/web/net/socket.js";`, ...lines].join("\n"));
    writeFileSync(join(folder, "tsconfig.json"), JSON.stringify({ extends: "../../tsconfig.json", include: ["messages.ts"] }));
    execFileSync(process.execPath, [here("../node_modules/typescript/bin/tsc"), "-p", folder], { encoding: "utf8" });
    return "";
  } catch (error) {
    return String(/** @type {{ stdout?: string }} */ (error).stdout ?? error);
  } finally {
    rmSync(folder, { recursive: true });
  }
}

test("every message a client sends is one that confab.js can send", () => {
  const messages = blocks("What a client sends");
  assert.ok(messages.length >= 7);
  assert.equal(checked("ClientMessage", messages), "");
});

test("every message the server sends is one that confab.js reads", () => {
  const messages = blocks("What the server sends");
  assert.ok(messages.length >= 11);
  assert.equal(checked("ServerMessage", messages), "");
});

test("a message that is not in the protocol is refused by the same check", () => {
  assert.notEqual(checked("ClientMessage", ['{ "op": "voice", "muted": "no" }']), "");
});
