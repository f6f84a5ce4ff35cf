/** Following a real server, over each transport. */

import assert from "node:assert/strict";
import { setTimeout as sleep } from "node:timers/promises";
import { ResetError, type Message, type Tidings, type Transport } from "../src/index.ts";
import { connect } from "./support/client.ts";
import { eventually, type Server, serverTest } from "./support/server.ts";

const TRANSPORTS: (Transport | "auto")[] = ["poll", "long-poll", "sse", "websocket", "auto"];
const FAST = { pollInterval: 50 };

/** Takes messages until there are so many. */
async function take(
  tidings: Tidings,
  name: string,
  count: number,
  from: "beginning" | "now" = "beginning",
): Promise<Message[]> {
  const taken: Message[] = [];
  for await (const message of tidings.stream(name).messages({ from })) {
    taken.push(message);
    if (taken.length == count) break;
  }
  return taken;
}

for (const transport of TRANSPORTS) {
  serverTest(`${transport}: stored messages and new ones come once, in order`, async (server) => {
    await server.create("a");
    for (let n = 1; n <= 5; n += 1) await server.publish("a", n);
    const tidings = connect(server.url, { transport, ...FAST });
    const taking = take(tidings, "a", 10);
    await eventually("live", () => tidings.stream("a").live);
    for (let n = 6; n <= 10; n += 1) await server.publish("a", n);
    const taken = await taking;
    assert.deepEqual(
      taken.map((message) => message.data),
      [1, 2, 3, 4, 5, 6, 7, 8, 9, 10],
    );
    assert.equal(tidings.status.state, "live");
    if (transport != "auto") assert.equal(tidings.status.transport, transport);
    tidings.close();
    assert.equal(tidings.status.state, "closed");
  });
}

serverTest("the websocket takes over, and several streams share it", async (server) => {
  const names = ["a", "b", "c"];
  for (const name of names) await server.create(name);
  // However slow the machine is, nothing else is tried beside the websocket.
  const tidings = connect(server.url, { timing: { sseAfter: 60_000 } });
  const taking = names.map((name) => take(tidings, name, 3, "now"));
  await eventually(
    "a websocket",
    () => tidings.status.transport == "websocket" && names.every((name) => tidings.stream(name).live),
  );
  for (let n = 0; n < 3; n += 1) for (const name of names) await server.publish(name, name + n);
  const taken = await Promise.all(taking);
  assert.deepEqual(
    taken.map((messages) => messages.map(({ data }) => data)),
    [
      ["a0", "a1", "a2"],
      ["b0", "b1", "b2"],
      ["c0", "c1", "c2"],
    ],
  );
  for (const name of names) assert.equal((await server.followers(name)).websocket, 1);
  const { attempts } = tidings.explain();
  assert.deepEqual(
    attempts.map(({ transport }) => transport),
    ["poll", "websocket"],
  );
  assert.equal(attempts[0]!.cause, "replaced");
  tidings.close();
});

serverTest("a change of transport under load loses, doubles and reorders nothing", async (server) => {
  await server.create("a");
  const tidings = connect(server.url, FAST);
  const count = 400;
  const taking = take(tidings, "a", count);
  const publishing = (async () => {
    for (let n = 0; n < count; n += 1) {
      await server.publish("a", n);
      await sleep(3);
    }
  })();
  let isDone = false;
  const switching = (async () => {
    for (let n = 0; !isDone; n += 1) {
      tidings.use(TRANSPORTS[(n * 3) % TRANSPORTS.length]!);
      await sleep(60);
    }
  })();
  const taken = await taking;
  isDone = true;
  await Promise.all([publishing, switching]);
  assert.deepEqual(
    taken.map(({ data }) => data),
    Array.from({ length: count }, (_, n) => n),
  );
  tidings.close();
});

serverTest("a server that is killed and started again is followed on", async (server) => {
  await server.create("a");
  const tidings = connect(server.url, FAST);
  const taking = take(tidings, "a", 6);
  await server.publish("a", 1);
  await eventually("a websocket", () => tidings.status.transport == "websocket");
  await server.publish("a", 2);
  await server.restart();
  for (let n = 3; n <= 6; n += 1) await server.publish("a", n);
  assert.deepEqual(
    (await taking).map(({ data }) => data),
    [1, 2, 3, 4, 5, 6],
  );
  tidings.close();
});

serverTest("a stream that is deleted and made again resets its followers", async (server) => {
  await server.create("a");
  const offset = await server.publish("a", 1);
  await server.delete("a");
  await server.create("a");
  for (const transport of TRANSPORTS) {
    const tidings = connect(server.url, { transport, ...FAST });
    const following = (async () => {
      for await (const _ of tidings.stream("a").messages({ from: offset }))
        assert.fail("a message of another stream");
    })();
    await assert.rejects(
      following,
      (error) => error instanceof ResetError && error.reason == "deleted" && !!error.earliest,
    );
    tidings.close();
  }
});

serverTest(
  "a consumer that joins from the beginning gets everything, beside one that is live",
  async (server) => {
    await server.create("a");
    const tidings = connect(server.url);
    for (let n = 0; n < 50; n += 1) await server.publish("a", n);
    const live = take(tidings, "a", 20, "now");
    await eventually("live", () => tidings.stream("a").live);
    const all = take(tidings, "a", 70);
    for (let n = 50; n < 70; n += 1) await server.publish("a", n);
    assert.deepEqual(
      (await live).map(({ data }) => data),
      Array.from({ length: 20 }, (_, n) => n + 50),
    );
    assert.deepEqual(
      (await all).map(({ data }) => data),
      Array.from({ length: 70 }, (_, n) => n),
    );
    tidings.close();
  },
);

async function isQuiet(server: Server, name: string): Promise<boolean> {
  const { sse, websocket, "long-poll": longPoll } = await server.followers(name);
  return !sse && !websocket && !longPoll;
}

serverTest("a stream that is left and taken up again within the linger stays connected", async (server) => {
  await server.create("a");
  const tidings = connect(server.url, { linger: 200 });
  const stream = tidings.stream<number>("a");
  const seen: number[] = [];
  const listener = (event: CustomEvent<Message<number>>) => seen.push(event.detail.data);
  // As React's StrictMode does it.
  stream.addEventListener("message", listener);
  stream.removeEventListener("message", listener);
  stream.addEventListener("message", listener);
  await eventually("a websocket", () => tidings.status.transport == "websocket");
  await server.publish("a", 1);
  await eventually("a message", () => seen.length == 1);
  assert.equal(tidings.explain().attempts.filter(({ transport }) => transport == "websocket").length, 1);
  stream.removeEventListener("message", listener);
  await eventually("nobody follows", () => isQuiet(server, "a"));
  assert.equal(tidings.status.state, "idle");
  tidings.close();
});

serverTest("a missing stream is waited for, or told, also beside one who waits", async (server) => {
  const tidings = connect(server.url);
  const waiting = take(tidings, "a", 2, "now");
  const impatient = async () => {
    for await (const _ of tidings.stream("a", { wait: false }).messages()) assert.fail("a message");
  };
  await assert.rejects(impatient(), { code: "stream_not_found" });
  await assert.rejects(impatient(), { code: "stream_not_found" });
  await assert.rejects(tidings.stream("a").read(), { code: "stream_not_found" });
  await server.create("a");
  for (const n of [1, 2]) await server.publish("a", n);
  assert.deepEqual((await waiting).map(({ data }) => data), [1, 2]);
});

serverTest("a loop ends with its signal, and with the client", async (server) => {
  await server.create("a");
  const tidings = connect(server.url, { linger: 10 });
  const controller = new AbortController();
  const looping = (signal?: AbortSignal) =>
    (async () => {
      for await (const _ of tidings.stream("a").messages({ signal })) assert.fail("a message");
      return "ended";
    })();
  const first = looping(controller.signal);
  const others = [looping(), looping(new AbortController().signal)];
  await eventually("live", () => tidings.stream("a").live);
  controller.abort();
  assert.equal(await first, "ended");
  assert.equal(await looping(controller.signal), "ended");
  tidings.close();
  assert.deepEqual(await Promise.all(others), ["ended", "ended"]);
  assert.equal(await looping(), "ended");
});

serverTest("more than a hundred streams, over each transport", async (server) => {
  const names = Array.from({ length: 130 }, (_, n) => `s${n}`);
  await Promise.all(names.map((name) => server.create(name)));
  for (const transport of ["poll", "websocket", "auto"] as const) {
    const tidings = connect(server.url, { transport, ...FAST });
    const taking = names.map((name) => take(tidings, name, 2, "now"));
    await eventually("all live", () => names.every((name) => tidings.stream(name).live));
    for (const n of [1, 2]) await Promise.all(names.map((name) => server.publish(name, n)));
    for (const taken of await Promise.all(taking)) assert.deepEqual(taken.map(({ data }) => data), [1, 2]);
    tidings.close();
  }
});

serverTest("what comes while a consumer catches up, and is in its page too, is given once", async (server) => {
  await server.create("a");
  for (const n of [1, 2]) await server.publish("a", n);
  let open = () => {};
  let gate: Promise<void> | undefined;
  const tidings = connect(server.url, {
    async fetch(url, init) {
      await gate;
      return fetch(url, init);
    },
  });
  const live: unknown[] = [];
  tidings.stream("a").addEventListener("message", ({ detail }) => live.push(detail.data));
  await eventually("a websocket", () => tidings.status.transport == "websocket" && tidings.stream("a").live);
  gate = new Promise((resolve) => (open = resolve));
  const all = take(tidings, "a", 6);
  for (const n of [3, 4, 5]) await server.publish("a", n);
  await eventually("they were pushed", () => live.length == 3);
  open();
  await server.publish("a", 6);
  assert.deepEqual((await all).map(({ data }) => data), [1, 2, 3, 4, 5, 6]);
});

for (const transport of ["poll", "long-poll", "websocket", "auto"] as const) {
  serverTest(`${transport}: a wrong name or place ends its own loop, and no other`, async (server) => {
    await server.create("a");
    const tidings = connect(server.url, { transport, ...FAST });
    const taking = take(tidings, "a", 1);
    await eventually("live", () => tidings.stream("a").live);
    for (const name of ["", "/a", "a//b", "a/..", "a\0", "\ud800", "__ds/a", "ä".repeat(513), 7 as never])
      await assert.rejects(take(tidings, name, 1), { code: "invalid_name", retryable: false });
    for (const from of [null, 0, "", "-1", {}, { last: -1 }, { last: 0.5 }] as never[])
      await assert.rejects(take(tidings, "a", 1, from), { code: "invalid_offset", retryable: false });
    const errors: unknown[] = [];
    const wrong = tidings.stream("a//b");
    wrong.addEventListener("message", () => {});
    wrong.addEventListener("error", ({ detail: { code } }) => errors.push(code));
    await eventually("an error", () => errors.length);
    await server.publish("a", 1);
    assert.equal((await taking).length, 1);
    assert.deepEqual(errors, ["invalid_name"]);
  });
}

for (const transport of ["poll", "sse", "websocket"] as const) {
  serverTest(`${transport}: all who wait for a stream get its first message`, async (server) => {
    const tidings = connect(server.url, { transport, ...FAST });
    const taking = [];
    for (const from of ["now", "now", { last: 1 } as never, "beginning", "now"] as const) {
      taking.push(take(tidings, "a", 2, from));
      await sleep(150);
    }
    // Asked for only after the messages are stored, "now" would lie behind them.
    await eventually("it is known to be missing", () => tidings.explain().attempts.some(({ live }) => live));
    await server.create("a");
    for (const n of [1, 2]) await server.publish("a", n);
    for (const taken of await Promise.all(taking))
      assert.deepEqual(taken.map(({ data }) => data), [1, 2]);
  });
}

serverTest("an iterator is ended while it waits", async (server) => {
  await server.create("a");
  const tidings = connect(server.url, { linger: 0 });
  const iterator = tidings.stream("a").messages();
  const next = iterator.next();
  await eventually("live", () => tidings.stream("a").live);
  await iterator.return!();
  assert.deepEqual(await next, { done: true, value: undefined });
  await eventually("the end", () => !tidings.explain().streams.length);
});

serverTest("a listener that never listens follows nothing", async (server) => {
  const tidings = connect(server.url);
  const stream = tidings.stream("a");
  stream.addEventListener("message", () => {}, { signal: AbortSignal.abort() });
  stream.addEventListener("message", null);
  await sleep(100);
  assert.equal(tidings.status.state, "idle");
});
