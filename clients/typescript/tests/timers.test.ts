/** What is over leaves nothing behind that keeps a process alive. */

import assert from "node:assert/strict";
import { test } from "node:test";
import { connect } from "../src/index.ts";
import type { Clock } from "../src/index.ts";
import { createServer } from "../src/testing.ts";

/** A clock that knows how many timers are set. */
function counting(clock: Clock): Clock & { open: Set<unknown> } {
  const open = new Set<unknown>();
  return {
    open,
    now: () => clock.now(),
    setTimeout: (run, milliseconds) => {
      const timer = clock.setTimeout(() => {
        open.delete(timer);
        run();
      }, milliseconds);
      open.add(timer);
      return timer;
    },
    clearTimeout: (timer) => {
      open.delete(timer);
      clock.clearTimeout(timer);
    },
  };
}

test("publishes leave no timers behind, over requests and over the WebSocket", async () => {
  const server = createServer();
  const clock = counting(server.clock);
  const tidings = connect(server.url, { ...server.options, clock });
  server.create("a");
  const stream = tidings.stream<number>("a");
  const publish = async () => {
    const before = clock.open.size;
    const all = Array.from({ length: 50 }, (_, n) => stream.publish(n));
    await server.clock.advance(100);
    await Promise.all(all);
    return clock.open.size - before;
  };
  assert.equal(await publish(), 0);
  stream.addEventListener("message", () => {});
  await server.clock.advance(1_000);
  assert.equal(tidings.status.transport, "websocket");
  assert.equal(await publish(), 0);
});

test("a client that was closed has no timers", async () => {
  const server = createServer();
  const clock = counting(server.clock);
  const tidings = connect(server.url, { ...server.options, clock });
  server.create("a");
  tidings.stream("a").addEventListener("message", () => {});
  const view = tidings.stream<number>("a").state({ initial: 0, reduce: (sum) => sum + 1 });
  await server.clock.advance(1_000);
  await Promise.all([tidings.stream("a").publish(1), server.clock.advance(100)]);
  assert.equal(view.value, 1);
  tidings.close();
  // Those that nobody uses any more are kept for a moment.
  await server.clock.advance(1_500);
  assert.equal(clock.open.size, 0);
});
