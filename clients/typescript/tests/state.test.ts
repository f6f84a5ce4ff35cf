/** Values that are kept up to date, over resets. */

import assert from "node:assert/strict";
import { setTimeout as sleep } from "node:timers/promises";
import { type Message, type View } from "../src/index.ts";
import { connect } from "./support/client.ts";
import { eventually, serverTest } from "./support/server.ts";

const sum = (value: number, { data }: Message<number>) => value + data;

serverTest("without a load, a state is what the whole stream adds up to", async (server) => {
  await server.create("a");
  for (const n of [1, 2, 3]) await server.publish("a", n);
  const tidings = connect(server.url);
  const view = tidings.stream<number>("a").state({ initial: 0, reduce: sum });
  assert.deepEqual([view.state, view.value], ["loading", 0]);
  await eventually("live", () => view.state == "live");
  assert.equal(view.value, 6);
  const values: (number | undefined)[] = [];
  const unsubscribe = view.subscribe(() => values.push(view.value));
  const offset = await server.publish("a", 4);
  await eventually("ten", () => view.value == 10);
  assert.equal(view.offset, offset);
  assert.deepEqual([...new Set(values)], [10]);
  unsubscribe();
  view.close();
  tidings.close();
});

serverTest(
  "a load runs at the start and after each reset, and is tried again when it fails",
  async (server) => {
    await server.create("a");
    let base = await server.publish("a", 5);
    let loads = 0;
    const load = async () => {
      loads += 1;
      if (loads == 1) throw new Error("not now");
      return { value: 100 * loads, offset: base };
    };
    const tidings = connect(server.url);
    const view = tidings.stream<number>("a").state({ load, reduce: sum });
    const errors: [string, string | undefined][] = [];
    view.subscribe(() => errors.push([view.state, view.error?.code]));
    await eventually("live", () => view.state == "live");
    assert.deepEqual([view.value, view.error, loads], [200, undefined, 2]);
    assert.deepEqual(errors[0], ["loading", "state_failed"]);
    await server.publish("a", 1);
    await eventually("one more", () => view.value == 201);

    // The stream is made again: what it was is gone.
    await server.delete("a");
    await server.create("a");
    base = await server.publish("a", 7);
    await eventually("loaded anew", () => view.value! >= 300 && view.state == "live");
    await server.publish("a", 2);
    await eventually("two more", () => view.value! % 100 == 2);
    tidings.close();
  },
);

serverTest("a state whose reduce throws has failed", async (server) => {
  await server.create("a");
  await server.publish("a", 1);
  const tidings = connect(server.url);
  const reduce = (): number => {
    throw new Error("cannot add");
  };
  const view: View<number> = tidings.stream<number>("a").state({ initial: 0, reduce });
  await eventually("failed", () => view.state == "failed");
  assert.deepEqual([view.error!.code, view.error!.message], ["state_failed", "Error: cannot add"]);
  tidings.close();
});

serverTest("a slow loop holds a bounded buffer, and misses nothing", async (server) => {
  await server.create("a");
  const tidings = connect(server.url);
  const seen: unknown[] = [];
  const other: unknown[] = [];
  tidings.stream("a").addEventListener("message", (event) => other.push(event.detail.data));
  await eventually("live", () => tidings.stream("a").live);
  const looping = (async () => {
    for await (const { data } of tidings.stream("a").messages({ buffer: 5 })) {
      seen.push(data);
      if (seen.length % 20 == 1) await sleep(100);
      if (seen.length == 100) return;
    }
  })();
  for (let n = 0; n < 100; n += 1) await server.publish("a", n);
  await looping;
  const all = Array.from({ length: 100 }, (_, n) => n);
  assert.deepEqual(seen, all);
  assert.deepEqual(other, all);
  tidings.close();
});

serverTest("a load that gives no offset fails: nothing is taken for now", async (server) => {
  await server.create("a");
  const tidings = connect(server.url);
  for (const offset of [undefined, null] as never[]) {
    const view = tidings.stream<number>("a").state({ load: () => ({ value: 0, offset }), reduce: sum });
    await eventually("a failure", () => view.state == "failed");
    assert.equal(view.error?.code, "invalid_offset");
  }
});

serverTest("a state of a closed stream is live, and one of a closed client has failed", async (server) => {
  await server.create("a");
  await server.create("b");
  await server.publish("a", 1);
  const tidings = connect(server.url);
  const options = { initial: 0, reduce: sum };
  const [view, other] = ["a", "b"].map((name) => tidings.stream<number>(name).state(options));
  await eventually("live", () => view!.state == "live" && other!.state == "live");
  await fetch(`${server.url}/v1/stream/a`, { method: "POST", headers: { "Stream-Closed": "true" } });
  await eventually("the end", () => !tidings.explain().streams.some(({ name }) => name == "a"));
  await sleep(100);
  const late = tidings.stream<number>("a").state(options);
  await eventually("what is stored", () => late.state == "live");
  assert.deepEqual([view!.state, view!.value, late.value], ["live", 1, 1]);
  tidings.close();
  await eventually("a failure", () => other!.state == "failed");
  assert.deepEqual([other!.error?.code, view!.state], ["closed", "live"]);
});

serverTest("a subscriber that throws harms neither the state nor the others", async (server) => {
  await server.create("a");
  const thrown: unknown[] = [];
  const before = process.listeners("uncaughtException");
  process.removeAllListeners("uncaughtException");
  process.on("uncaughtException", (error) => thrown.push(error));
  try {
    const tidings = connect(server.url);
    const view = tidings.stream<number>("a").state({ initial: 0, reduce: sum });
    const mistake = new Error("a mistake");
    let changes = 0;
    const unsubscribe = view.subscribe(() => {
      throw mistake;
    });
    view.subscribe(() => (changes += 1));
    await server.publish("a", 1);
    await eventually("the message", () => view.value == 1 && view.state == "live");
    assert.ok(changes > 0);
    unsubscribe();
    view.close();
    assert.ok(thrown.length > 0 && thrown.every((error) => error == mistake));
  } finally {
    process.removeAllListeners("uncaughtException");
    for (const listener of before) process.on("uncaughtException", listener);
  }
});
