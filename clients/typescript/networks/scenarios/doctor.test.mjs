// `tidings doctor --url` through nginx, HAProxy and Caddy: it says which transports get through, and which come late.

import assert from "node:assert/strict";
import { execFile } from "node:child_process";
import { mkdtemp, rm } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join, resolve } from "node:path";
import { test } from "node:test";
import { promisify } from "node:util";
import { Server } from "../../../../conformance/foreign/server.mjs";
import { Front } from "../fronts.mjs";

const BINARY = process.env.TIDINGS_BIN ?? resolve(import.meta.dirname, "../../../../target/debug/tidings");

/** nginx as it must not be: it gathers answers, also those that ask it not to. (Of HTTP/1.1 it passes on each chunk all the same.) */
const buffering = (block) =>
  block.replace("proxy_pass", "proxy_buffering on; proxy_ignore_headers X-Accel-Buffering; proxy_pass");

/** Which front, and what the doctor must say of each transport: `true` gets through, `false` does not, "late" comes late. */
const WAYS = [
  ["nginx", "recommended", (block) => block, { sse: true, websocket: true }],
  ["nginx", "first", buffering, { sse: false, websocket: false }],
  ["nginx", "first", (block) => block, { sse: true, websocket: false }],
  ["haproxy", "first", (block) => block, { sse: "late", websocket: true }],
  ["haproxy", "recommended", (block) => block, { sse: true, websocket: true }],
  ["caddy", "recommended", (block) => block, { sse: true, websocket: true }],
];

test("the doctor says what gets through each proxy", { concurrency: WAYS.length }, async (t) => {
  const server = await Server.start();
  try {
    await Promise.all(
      WAYS.map(([program, name, change, expected]) =>
        t.test(`${program}, ${name} settings${change === buffering ? ", with buffering" : ""}`, () =>
          through(server, program, name, change, expected),
        ),
      ),
    );
  } finally {
    await server.stop();
  }
});

async function through(server, program, name, change, expected) {
  const front = await Front.start(program, name, server.port, change);
  try {
    const found = await doctor(front.url);
    const told = JSON.stringify(found, undefined, 2);
    assert.ok(found.way && !isBad(found.way), told);
    // These get through everything; a held answer has a length by then.
    assert.ok(!isBad(found.poll) && !isBad(found["long poll"]), told);
    assert.equal(isBad(found.WebSocket), !expected.websocket, told);
    assert.equal(isBad(found.SSE), !expected.sse, told);
    if (expected.sse === "late") assert.match(found.SSE.found, /: late$/, told);
  } finally {
    await front.stop();
  }
}

function isBad({ verdict }) {
  return verdict === "bad";
}

/** What it found, by what it is about. */
async function doctor(url) {
  const cwd = await mkdtemp(join(tmpdir(), "tidings-doctor-"));
  const env = Object.fromEntries(Object.entries(process.env).filter(([name]) => !name.startsWith("TIDINGS_")));
  try {
    // It ends with 7 where anything is bad.
    const run = promisify(execFile)(BINARY, ["doctor", "--json", "--url", url], { cwd, env }).catch((error) => error);
    const { findings } = JSON.parse((await run).stdout);
    return Object.fromEntries(findings.map((finding) => [finding.about, finding]));
  } finally {
    await rm(cwd, { recursive: true, force: true });
  }
}
