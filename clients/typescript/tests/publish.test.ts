/** Publishing to a real server: stored once, in order, whatever the connections do. */

import assert from "node:assert/strict";
import { createServer, connect as connectSocket, type Socket } from "node:net";
import { once } from "node:events";
import { setTimeout as sleep } from "node:timers/promises";
import { TidingsError } from "../src/index.ts";
import { closeAtEnd, connect } from "./support/client.ts";
import { eventually, serverTest } from "./support/server.ts";

const WORDS = { n: 1, text: "ä", list: [1, [2]], nothing: null };

for (const isFollowing of [false, true]) {
  serverTest(
    `a publish is stored as one message, over ${isFollowing ? "the live websocket" : "a request"}`,
    async (server) => {
      await server.create("a");
      const tidings = connect(server.url);
      const stream = tidings.stream("a");
      if (isFollowing) {
        stream.addEventListener("message", () => {});
        await eventually("a websocket", () => tidings.status.transport == "websocket");
      }
      const values = [WORDS, [1, 2], [], "text", 7, null, undefined, { data: "x".repeat(100_000) }];
      for (const value of values) {
        const { offset, duplicate } = await stream.publish(value);
        assert.match(offset!, /^[0-9a-f]{16}_\d{16}$/);
        assert.equal(duplicate, false);
      }
      assert.deepEqual(
        await server.stored("a"),
        values.map((value) => value ?? null),
      );
      tidings.close();
    },
  );

  serverTest(
    `what the server refuses is told, over ${isFollowing ? "the live websocket" : "a request"}`,
    async (server) => {
      await server.create("a");
      const tidings = connect(server.url);
      if (isFollowing) {
        tidings.stream("a").addEventListener("message", () => {});
        await eventually("a websocket", () => tidings.status.transport == "websocket");
      }
      await assert.rejects(tidings.stream("missing").publish(1), {
        code: "stream_not_found",
        retryable: false,
      });
      assert.equal((await tidings.stream("missing").publish(1, { create: true })).duplicate, false);
      const first = await tidings.stream("a").publish([1], { key: "k" });
      assert.deepEqual(await tidings.stream("a").publish([1], { key: "k" }), { ...first, duplicate: true });
      await assert.rejects(tidings.stream("a").publish(2, { key: "k" }), { code: "idempotency_conflict" });
      assert.deepEqual(await server.stored("a"), [[1]]);
      tidings.close();
    },
  );
}

serverTest("text and bytes are published with their content type, and come back", async (server) => {
  const tidings = connect(server.url);
  const bytes = new Uint8Array([0, 255, 1]);
  await server.create("text", { "Content-Type": "text/plain" });
  await server.create("bytes", { "Content-Type": "application/octet-stream" });
  await tidings.stream("text").publish("héllo", { contentType: "text/plain" });
  await tidings.stream("bytes").publish(bytes, { contentType: "application/octet-stream" });
  const text = await tidings.stream("text").read();
  assert.deepEqual(
    text.messages.map(({ data }) => data),
    ["héllo"],
  );
  assert.equal(text.upToDate, true);
  for await (const message of tidings.stream("bytes").messages({ from: "beginning" })) {
    assert.deepEqual(message.data, bytes);
    break;
  }
  tidings.close();
});

serverTest("bytes of each kind are published with a content type", async (server) => {
  const stream = connect(server.url).stream<unknown>("text");
  await server.create("text", { "Content-Type": "text/plain" });
  const bytes = new TextEncoder().encode("a");
  for (const body of ["a", bytes, bytes.buffer, new DataView(bytes.buffer), Buffer.from("a"), new Blob(["a"])])
    await stream.publish(body, { contentType: "text/plain" });
  const { messages } = await stream.read();
  assert.deepEqual(messages.map(({ data }) => data), Array(6).fill("a"));
});

serverTest("a full outbox refuses, an abort gives up, and closing ends what waits", async (server) => {
  await server.create("a");
  await server.kill9();
  const tidings = connect(server.url, { outbox: 3 });
  const stream = tidings.stream("a");
  const controller = new AbortController();
  const first = stream.publish(1);
  const second = stream.publish(2, { signal: controller.signal });
  const third = stream.publish(3);
  await assert.rejects(stream.publish(4), { code: "outbox_full", retryable: true });
  controller.abort(new Error("no longer"));
  await assert.rejects(second, /no longer/);
  await server.restart();
  await Promise.all([first, third]);
  assert.deepEqual(await server.stored("a"), [1, 3]);
  await server.kill9();
  const fourth = stream.publish(4);
  await sleep(20);
  tidings.close();
  await assert.rejects(
    fourth,
    (error) => error instanceof TidingsError && error.code == "closed" && error.docs.endsWith("#closed"),
  );
});

/** Passes bytes on, and breaks every connection some time after it was opened, or right when its answer begins. */
async function flappingProxy(port: number): Promise<{ url: string; close: () => void; cuts: number }> {
  const sockets = new Set<Socket>();
  let count = 0;
  const server = createServer((client) => {
    const upstream = connectSocket(port, "127.0.0.1");
    const cut = () => {
      proxy.cuts += 1;
      client.destroy();
      upstream.destroy();
    };
    const mode = (count += 1) % 3;
    for (const socket of [client, upstream]) {
      sockets.add(socket);
      socket.on("error", () => {});
      socket.on("close", () => {
        sockets.delete(socket);
        client.destroy();
        upstream.destroy();
      });
    }
    client.pipe(upstream);
    if (mode == 0) upstream.on("data", cut);
    else upstream.pipe(client);
    setTimeout(cut, mode == 1 ? 40 : 150);
  }).listen(0, "127.0.0.1");
  await once(server, "listening");
  const proxy = {
    url: `http://127.0.0.1:${(server.address() as { port: number }).port}`,
    cuts: 0,
    close() {
      server.close();
      for (const socket of sockets) socket.destroy();
    },
  };
  closeAtEnd(proxy);
  return proxy;
}

serverTest("over connections that flap every message is stored once, in order", async (server) => {
  await server.create("a");
  const proxy = await flappingProxy(server.port);
  const tidings = connect(proxy.url, { timing: { backoffCap: 50 } });
  tidings.stream("a").addEventListener("message", () => {});
  const publishing = [];
  // Until enough of them were cut.
  for (let n = 0; n < 150 || proxy.cuts < 20; n += 1) {
    publishing.push(tidings.stream("a").publish(n));
    await sleep(5);
  }
  const offsets = (await Promise.all(publishing)).map(({ offset }) => offset!);
  assert.deepEqual(
    await server.stored("a"),
    publishing.map((_, n) => n),
  );
  assert.deepEqual(offsets, [...offsets].sort());
  tidings.close();
  proxy.close();
});

serverTest("what can't be sent is refused at once, and holds up nothing", async (server) => {
  const tidings = connect(server.url);
  const stream = tidings.stream<unknown>("a");
  const circular: { self?: unknown } = {};
  circular.self = circular;
  const refused = [
    [stream.publish(1n), "invalid_json"],
    [stream.publish(circular), "invalid_json"],
    [stream.publish(1, { key: "schl\u00fcssel\u20ac" }), "invalid_header"],
    [stream.publish("a", { contentType: "text\n/plain" }), "invalid_header"],
    ...[{ n: 1 }, ["a"], 7, null, new Map()].map(
      (value) => [stream.publish(value, { contentType: "text/plain" }), "invalid_message"] as const,
    ),
    [tidings.stream("\ud800").publish(1), "invalid_name"],
    // `fetch` would make another address of it.
    [tidings.stream("../read").publish(1), "invalid_name"],
  ] as const;
  for (const [published, code] of refused) await assert.rejects(published, { code, retryable: false });
  assert.equal((await stream.publish(1, { create: true })).duplicate, false);
});

serverTest("a value that is changed while it waits is stored as it was", async (server) => {
  const tidings = connect(server.url);
  const stream = tidings.stream("a");
  const value = { n: 1 };
  const published = stream.publish(value, { create: true });
  value.n = 2;
  await published;
  assert.deepEqual(await server.stored("a"), [{ n: 1 }]);
});
