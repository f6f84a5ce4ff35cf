import assert from "node:assert/strict";
import { test } from "node:test";
import { setTimeout as sleep } from "node:timers/promises";
import { createServer } from "../../src/testing.ts";
import { Server, eventually } from "../support/server.ts";
import { run } from "./script.ts";

test(
  "the server in memory answers a long script as the real one does, frame for frame",
  { timeout: 120_000 },
  async () => {
    const server = createServer();
    const inMemory = await run({
      ...server,
      pass: (milliseconds) => server.clock.advance(milliseconds),
      untilHeld: () => server.clock.advance(300),
      restart: async () => server.restart(),
      drain: async () => server.drain(),
    });
    const real = await Server.start();
    try {
      const answered = await run({
        url: real.url,
        fetch,
        WebSocket,
        pass: (milliseconds) => sleep(milliseconds),
        untilHeld: async (name) =>
          void (await eventually("it is held", async () => (await real.followers(name))["long-poll"])),
        restart: () => real.restart(),
        drain: () => real.askToEnd(),
      });
      const differs = answered.findIndex((line, at) => line !== inMemory[at]);
      const around = (lines: string[]) =>
        differs < 0 ? lines.length : lines.slice(Math.max(0, differs - 3), differs + 3);
      assert.deepEqual(around(inMemory), around(answered));
    } finally {
      await real.stop();
    }
  },
);
