import assert from "node:assert/strict";
import { test } from "node:test";
import { createServer } from "../../src/testing.ts";
import type { Server } from "../../src/testing.ts";

const STREAMS = JSON.stringify({ streams: [{ stream: "a", offset: "-1" }] });

function read(server: Server, query = ""): Promise<Response> {
  return server.fetch(`${server.url}/v1/read${query}`, { method: "POST", body: STREAMS });
}

/** What happens to a WebSocket, as words. */
function dial(server: Server): { seen: string[]; socket: WebSocket } {
  const seen: string[] = [];
  const socket = new server.WebSocket(`${server.url}/v1/ws`);
  socket.onopen = () => seen.push("open");
  socket.onmessage = ({ data }) => seen.push((JSON.parse(String(data)) as { type: string }).type);
  socket.onerror = () => seen.push("error");
  socket.onclose = ({ code }) => seen.push(`close ${code}`);
  return { seen, socket };
}

test("drop breaks what is open, and nothing else", async () => {
  const server = createServer();
  server.publish("a", 1);
  const { seen } = dial(server);
  const stream = await read(server, "?live=sse");
  const held = assert.rejects(server.fetch(`${server.url}/v1/stream/a?offset=now&live=long-poll`), TypeError);
  await server.clock.advance(0);
  assert.equal(server.connections(), 3);
  server.drop();
  await server.clock.advance(0);
  await held;
  await assert.rejects(stream.text());
  assert.deepEqual(seen, ["open", "hello", "error", "close 1006"]);
  assert.equal(server.connections(), 0);
  assert.equal((await read(server)).status, 200);
});

test("delay holds each answer for so long, and keeps their order", async () => {
  const server = createServer();
  server.publish("a", 1);
  server.delay(100);
  let status = 0;
  void read(server).then((answer) => (status = answer.status));
  const { seen } = dial(server);
  await server.clock.advance(99);
  assert.deepEqual([status, seen], [0, []]);
  server.delay(0);
  await server.clock.advance(1);
  assert.equal(status, 200);
  assert.equal(seen[0], "open");
});

test("a lost response means: stored, not answered; the same key again is a duplicate", async () => {
  const server = createServer();
  server.create("a");
  const headers = { "Content-Type": "application/json", "Idempotency-Key": "k" };
  const publish = () => server.fetch(`${server.url}/v1/stream/a`, { method: "POST", headers, body: '"x"' });
  server.loseResponse();
  await assert.rejects(publish(), TypeError);
  assert.deepEqual(server.messages("a"), ["x"]);
  const again = await publish();
  assert.equal(again.headers.get("Stream-Duplicate"), "true");
  assert.deepEqual(server.messages("a"), ["x"]);
});

test("what a transport refuses or swallows is that transport's matter only", async () => {
  const server = createServer();
  server.publish("a", 1);
  server.refuse("websocket", "long-poll");
  server.swallow("sse");
  const { seen } = dial(server);
  assert.equal((await read(server, "?live=long-poll")).status, 403);
  let answered = false;
  void read(server, "?live=sse").then(() => (answered = true));
  assert.equal((await read(server)).status, 200);
  await server.clock.advance(60_000);
  assert.equal(answered, false);
  assert.deepEqual(seen, ["error", "close 1006"]);
  server.heal();
  const healed = dial(server);
  await server.clock.advance(0);
  assert.deepEqual(healed.seen, ["open", "hello"]);
});

test("a connection that is swallowed stays dead when the network is well again", async () => {
  const server = createServer();
  server.publish("a", 1);
  const { seen, socket } = dial(server);
  await server.clock.advance(0);
  server.swallow("websocket");
  socket.send(JSON.stringify({ type: "subscribe", stream: "a" }));
  server.heal();
  await server.clock.advance(60_000);
  assert.deepEqual(seen, ["open", "hello"]);
});

test("unplugged, nothing arrives, nothing is answered and nobody is told", async () => {
  const server = createServer();
  server.create("a");
  const before = dial(server);
  await server.clock.advance(0);
  server.unplug();
  const during = dial(server);
  const headers = { "Content-Type": "application/json" };
  let answered = false;
  void server
    .fetch(`${server.url}/v1/stream/a`, { method: "POST", headers, body: "1" })
    .then(() => (answered = true));
  server.publish("a", 2);
  await server.clock.advance(600_000);
  server.heal();
  await server.clock.advance(600_000);
  assert.deepEqual([before.seen, during.seen, answered], [["open", "hello"], [], false]);
  assert.deepEqual(server.messages("a"), [2]);
});

test("after a restart streams in memory are lost, others are not", async () => {
  const server = createServer();
  server.create("kept");
  server.create("memory", { durability: "memory" });
  const { offset } = server.publish("memory", 1);
  server.publish("kept", 1);
  server.restart();
  assert.deepEqual(server.messages("kept"), [1]);
  server.publish("memory", 2);
  const answer = await server.fetch(`${server.url}/v1/stream/memory?offset=${offset}`);
  assert.equal(answer.headers.get("Stream-Reset"), "lost");
});

test("trim, expire and drain are told to those who follow", async () => {
  const server = createServer();
  for (const value of [1, 2, 3]) server.publish("a", value);
  server.publish("b", 1);
  const { seen, socket } = dial(server);
  await server.clock.advance(0);
  socket.send(JSON.stringify({ type: "subscribe", stream: "b" }));
  await server.clock.advance(0);
  server.expire("b");
  await server.clock.advance(0);
  assert.equal(seen.at(-1), "reset");
  const [first] = (await (await read(server)).json()) as { offset: string }[];
  server.trim("a", 1);
  const answer = await server.fetch(`${server.url}/v1/stream/a?offset=${first?.offset}`);
  assert.equal(answer.headers.get("Stream-Reset"), "trimmed");
  server.drain(5);
  await server.clock.advance(0);
  assert.deepEqual(seen.slice(-2), ["drain", "close 1001"]);
});

test("an idle WebSocket hears a heartbeat every 25 seconds", async () => {
  const server = createServer();
  const { seen, socket } = dial(server);
  await server.clock.advance(60_000);
  assert.deepEqual(seen, ["open", "hello", "heartbeat", "heartbeat"]);
  socket.close();
  await server.clock.advance(60_000);
  assert.deepEqual(seen.slice(4), ["close 1005"]);
});

test("a request can be given up, and the server knows", async () => {
  const server = createServer();
  server.publish("a", 1);
  const giveUp = new AbortController();
  const held = server.fetch(`${server.url}/v1/stream/a?offset=now&live=long-poll`, { signal: giveUp.signal });
  await server.clock.advance(0);
  assert.equal(server.connections("long-poll"), 1);
  giveUp.abort();
  await assert.rejects(held, { name: "AbortError" });
  assert.equal(server.connections(), 0);
});

test("every request is kept for the test to look at", async () => {
  const server = createServer();
  await server.fetch(`${server.url}/v1/read`, {
    method: "POST",
    body: STREAMS,
    headers: { Authorization: "Bearer t" },
  });
  const { socket } = dial(server);
  await server.clock.advance(0);
  socket.send('{"type":"ping"}');
  const [poll, upgrade] = server.requests;
  assert.equal(poll?.transport, "poll");
  assert.equal(poll.body, STREAMS);
  assert.equal(poll.headers.authorization, "Bearer t");
  assert.deepEqual([upgrade?.path, upgrade?.frames], ["/v1/ws", [{ type: "ping" }]]);
});

test("a message that the test publishes is JSON, as it was then", () => {
  const server = createServer();
  const value = { n: 1, at: new Date(0) };
  server.publish("a", value);
  server.publish("a", undefined);
  value.n = 2;
  assert.deepEqual(server.messages("a"), [{ n: 1, at: "1970-01-01T00:00:00.000Z" }, null]);
  assert.throws(() => server.publish("a", 1n), TypeError);
});
