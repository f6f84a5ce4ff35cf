import assert from "node:assert/strict";
import { test } from "node:test";
import { createServer } from "../../src/testing.ts";

test("timers run in the order of their times, each at its time, also those that others set", async () => {
  const { clock } = createServer();
  const begin = clock.now();
  const ran: [string, number][] = [];
  const note = (name: string) => ran.push([name, clock.now() - begin]);
  clock.setTimeout(() => note("late"), 300);
  clock.setTimeout(() => {
    note("early");
    clock.setTimeout(() => note("from early"), 50);
  }, 100);
  const never = clock.setTimeout(() => note("never"), 120);
  clock.clearTimeout(never);
  await clock.advance(200);
  assert.deepEqual(ran, [
    ["early", 100],
    ["from early", 150],
  ]);
  await clock.advance(100);
  assert.deepEqual(ran.at(-1), ["late", 300]);
});

test("after each timer everybody gets the turns that they need to answer", async () => {
  const { clock } = createServer();
  let waits = 0;
  const wait = () => new Promise<void>((done) => void clock.setTimeout(done, 10));
  void (async () => {
    for (;;) {
      await wait();
      await Promise.resolve();
      waits += 1;
    }
  })();
  await clock.advance(1_000);
  assert.equal(waits, 100);
});

test("what answers itself without end is told, in place of hanging", async () => {
  const { clock } = createServer();
  const again = () => void clock.setTimeout(again, 0);
  again();
  await assert.rejects(clock.advance(1), /without end/);
});
