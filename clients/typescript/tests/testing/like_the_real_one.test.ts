import assert from "node:assert/strict";
import { test } from "node:test";
import { setTimeout as sleep } from "node:timers/promises";
import { createServer } from "../../src/testing.ts";
import { withRealServer } from "./real_server.ts";
import { run } from "./script.ts";

test("the server in memory answers a long script as the real one does, frame for frame", { timeout: 60_000 }, async () => {
  const server = createServer();
  const inMemory = await run({ ...server, pass: (milliseconds) => server.clock.advance(milliseconds) });
  await withRealServer(async (url) => {
    const real = await run({ url, fetch, WebSocket, pass: (milliseconds) => sleep(milliseconds) });
    assert.deepEqual(inMemory, real);
  });
});
