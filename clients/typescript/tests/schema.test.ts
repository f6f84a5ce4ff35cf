/** Messages that are checked by a schema, over a library that speaks Standard Schema. */

import assert from "node:assert/strict";
import { test } from "node:test";
import * as v from "valibot";
import { connect } from "../src/index.ts";
import { createServer } from "../src/testing.ts";

const Reading = v.object({ celsius: v.pipe(v.string(), v.transform(Number)) });

function begin() {
  const server = createServer();
  const tidings = connect(server.url, server.options);
  return { server, stream: tidings.stream("readings", { schema: Reading }) };
}

test("a schema checks each message, and gives its data the form that the schema says", async () => {
  const { server, stream } = begin();
  server.publish("readings", { celsius: "21.5" });
  const page = await stream.read();
  assert.deepEqual(
    page.messages.map(({ data }) => data),
    [{ celsius: 21.5 }],
  );
});

test("a message that does not fit ends a loop with `invalid_message`; those before it were given", async () => {
  const { server, stream } = begin();
  server.publish("readings", { celsius: "1" });
  const seen: number[] = [];
  const following = (async () => {
    for await (const { data } of stream.messages({ from: "beginning" })) seen.push(data.celsius);
  })();
  const failed = assert.rejects(following, { code: "invalid_message", retryable: false });
  await server.clock.advance(1_000);
  server.publish("readings", { celsius: 2 });
  await server.clock.advance(1_000);
  await failed;
  assert.deepEqual(seen, [1]);
});

test("a message that does not fit fails a view, which keeps its value", async () => {
  const { server, stream } = begin();
  server.publish("readings", { celsius: "1" });
  const view = stream.state({ initial: 0, reduce: (sum, { data }) => sum + data.celsius });
  await server.clock.advance(1_000);
  server.publish("readings", { fahrenheit: "2" });
  await server.clock.advance(1_000);
  assert.deepEqual([view.state, view.value, view.error?.code], ["failed", 1, "invalid_message"]);
});

test("a message that does not fit is an error event for listeners", async () => {
  const { server, stream } = begin();
  server.create("readings");
  const seen: unknown[] = [];
  stream.addEventListener("message", ({ detail }) => seen.push(detail.data.celsius));
  stream.addEventListener("error", ({ detail }) => seen.push(detail.code));
  await server.clock.advance(1_000);
  server.publish("readings", { celsius: "3" });
  server.publish("readings", {});
  await server.clock.advance(1_000);
  assert.deepEqual(seen, [3, "invalid_message"]);
});

test("what one schema makes of a message is seen by nobody else", async () => {
  const server = createServer();
  const tidings = connect(server.url, server.options);
  server.create("readings");
  const seen: Record<string, unknown> = {};
  const { signal } = new AbortController();
  const listen = (who: string, schema?: typeof Reading) =>
    tidings
      .stream<unknown>("readings", schema && { schema })
      .addEventListener("message", ({ detail }) => (seen[who] = detail.data), { signal });
  listen("one", Reading);
  listen("none");
  listen("other", Reading);
  await server.clock.advance(1_000);
  server.publish("readings", { celsius: "3" });
  await server.clock.advance(1_000);
  assert.deepEqual(seen, { one: { celsius: 3 }, none: { celsius: "3" }, other: { celsius: 3 } });
});

test("of a page, the messages before one that does not fit are given", async () => {
  const { server, stream } = begin();
  server.publish("readings", { celsius: "1" });
  server.publish("readings", { celsius: 2 });
  const seen: number[] = [];
  const following = (async () => {
    for await (const { data } of stream.messages({ from: "beginning" })) seen.push(data.celsius);
  })();
  const failed = assert.rejects(following, { code: "invalid_message" });
  await server.clock.advance(1_000);
  await failed;
  assert.deepEqual(seen, [1]);
});
