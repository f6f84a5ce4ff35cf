import assert from "node:assert/strict";
import { test } from "node:test";
import { setTimeout as sleep } from "node:timers/promises";
import { createServer } from "../../src/testing.ts";
import { Server } from "../support/server.ts";
import { run } from "./script.ts";

test(
  "the server in memory answers a long script as the real one does, frame for frame",
  { timeout: 60_000 },
  async () => {
    const server = createServer();
    const inMemory = await run({ ...server, pass: (milliseconds) => server.clock.advance(milliseconds) });
    const real = await Server.start();
    try {
      assert.deepEqual(
        inMemory,
        await run({ url: real.url, fetch, WebSocket, pass: (milliseconds) => sleep(milliseconds) }),
      );
    } finally {
      await real.stop();
    }
  },
);
