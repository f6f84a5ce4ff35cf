// The soak of two minutes that CI runs. `node soak.mjs` runs it for as long as one likes.

import assert from "node:assert/strict";
import { test } from "node:test";
import { report } from "./report.mjs";
import { soak } from "./run.mjs";

const MINUTES = 2;
const CLIENTS = 30;
const MESSAGES = 50_000;

test(`${CLIENTS} clients in random weather, ${MESSAGES} messages in ${MINUTES} minutes: 0 lost, 0 doubled, 0 reordered`, { timeout: 300_000 }, async (t) => {
  const seed = Number(process.env.TIDINGS_SOAK_SEED ?? Math.floor(Math.random() * 2 ** 32));
  t.diagnostic(`TIDINGS_SOAK_SEED=${seed}`);
  const counts = await soak({ minutes: MINUTES, clients: CLIENTS, messages: MESSAGES, seed });
  const { text, isRight } = report(counts, MESSAGES);
  for (const line of text.split("\n")) t.diagnostic(line);
  assert.ok(isRight, text);
});
