// The soak of two minutes that CI runs: the command that runs it for hours, with small numbers.

import assert from "node:assert/strict";
import { execFile } from "node:child_process";
import { resolve } from "node:path";
import { test } from "node:test";

const SOAK = resolve(import.meta.dirname, "soak.mjs");
const MINUTES = 2;
const CLIENTS = 30;
const MESSAGES = 50_000;

test(`${CLIENTS} clients in random weather, ${MESSAGES} messages in ${MINUTES} minutes: 0 lost, 0 doubled, 0 reordered`, { timeout: 300_000 }, async (t) => {
  const numbers = ["--minutes", MINUTES, "--clients", CLIENTS, "--messages", MESSAGES];
  const seed = process.env.TIDINGS_SOAK_SEED === undefined ? [] : ["--seed", process.env.TIDINGS_SOAK_SEED];
  const { error, printed } = await run([...numbers, ...seed]);
  for (const line of printed.trim().split("\n")) t.diagnostic(line);
  assert.equal(error, null);
});

function run(flags) {
  return new Promise((settle) => {
    execFile(process.execPath, [SOAK, ...flags.map(String)], { timeout: 280_000 }, (error, out, err) => settle({ error, printed: out + err }));
  });
}
