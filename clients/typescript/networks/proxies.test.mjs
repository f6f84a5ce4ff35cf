// The networks and proxies do what they say: seen by `fetch` and `WebSocket` themselves, against the real server.

import assert from "node:assert/strict";
import { test } from "node:test";
import { setTimeout as sleep } from "node:timers/promises";
import { createStream, eventually, publish, Server } from "../../../conformance/foreign/server.mjs";
import * as faults from "./faults.mjs";
import { Network } from "./network.mjs";
import { FaultProxy } from "./proxy.mjs";

const PATIENCE_MS = 20_000;
const READ = JSON.stringify({ type: "subscribe", stream: "a", offset: "-1" });

/** A server with a stream of one message, behind a network, behind a proxy. */
async function through(run) {
  const server = await Server.start();
  const network = await Network.listen(server.port);
  const proxy = await FaultProxy.listen(network.port);
  try {
    await createStream(server, "a");
    await publish(server, "a", { n: 1 });
    await run({ server, network, proxy, url: proxy.url });
  } finally {
    await proxy.close();
    await network.close();
    await server.stop();
  }
}

/** A WebSocket that subscribes, and what it hears. */
function open(url) {
  const heard = { frames: [], opened: false, closed: undefined, openedAt: undefined };
  const socket = new WebSocket(`${url.replace("http", "ws")}/v1/ws`, "tidings.v1");
  socket.onopen = () => {
    heard.openedAt = performance.now();
    socket.send(READ);
  };
  socket.onmessage = (event) => heard.frames.push(JSON.parse(event.data).type);
  socket.onclose = () => (heard.closed = performance.now());
  // A refused one is told by an error alone in Node 20.
  socket.onerror = () => (heard.closed ??= performance.now());
  return { socket, heard };
}

const isLive = ({ heard }) => heard.frames.includes("live");
const poll = (url) => fetch(`${url}/v1/stream/a?offset=-1`);

test("everything passes, and is counted by its kind", () =>
  through(async ({ proxy, network, url }) => {
    assert.deepEqual(await (await poll(url)).json(), [{ n: 1 }]);
    const sse = await fetch(`${url}/v1/stream/a?offset=-1&live=sse`);
    const { value } = await sse.body.getReader().read();
    assert.match(new TextDecoder().decode(value), /^retry:/);
    const follower = open(url);
    await eventually("it is live", PATIENCE_MS, () => isLive(follower));
    follower.socket.close();
    const body = { method: "POST", headers: { "Content-Type": "application/json" }, body: "{}" };
    assert.equal((await fetch(`${url}/v1/stream/a`, body)).status, 204);
    const { websocket, sse: events, poll: polls, publish: publishes } = proxy.requests;
    assert.deepEqual({ websocket, events, polls, publishes }, { websocket: 1, events: 1, polls: 1, publishes: 1 });
    assert.equal(network.counts.connections, 4, "each request has a connection of its own behind the proxy");
  }));

test("a request is refused, lost before its answer, and after it", () =>
  through(async ({ proxy, url, server }) => {
    proxy.faults.poll = faults.refuse(502);
    assert.equal((await poll(url)).status, 502);
    proxy.faults.publish = faults.firstTimes(1, faults.loseAnswer);
    const body = { method: "POST", headers: { "Content-Type": "application/json" }, body: '{"n":2}' };
    await assert.rejects(fetch(`${url}/v1/stream/a`, body));
    assert.deepEqual(await (await poll(server.url)).json(), [{ n: 1 }, { n: 2 }], "it was stored nevertheless");
    proxy.faults.publish = faults.reset;
    await assert.rejects(fetch(`${url}/v1/stream/a`, body));
    assert.equal((await (await poll(server.url)).json()).length, 2, "it has not reached the server");
  }));

test("a WebSocket opens and is swallowed, at once or after its greeting", () =>
  through(async ({ proxy, url }) => {
    for (const [fault, frames] of [[faults.swallow, []], [faults.swallowAfterHello, ["hello"]]]) {
      proxy.faults.websocket = fault;
      const { socket, heard } = open(url);
      await eventually("it has opened", PATIENCE_MS, () => heard.openedAt);
      await eventually("what passes has come", PATIENCE_MS, () => frames.length <= heard.frames.length);
      await sleep(300);
      assert.deepEqual(heard.frames, frames);
      assert.equal(heard.closed, undefined);
      socket.close();
    }
  }));

test("a WebSocket is refused, and another is killed a second after it began", () =>
  through(async ({ proxy, url }) => {
    proxy.faults.websocket = faults.refuse(403);
    const refused = open(url).heard;
    await eventually("it is closed", PATIENCE_MS, () => refused.closed);
    assert.equal(refused.openedAt, undefined);
    proxy.faults.websocket = faults.killAfter(1_000);
    const began = performance.now();
    const killed = open(url);
    await eventually("it is closed", PATIENCE_MS, () => killed.heard.closed);
    assert.ok(isLive(killed), "it was live");
    assert.ok(killed.heard.closed - began >= 999);
  }));

test("the head of an SSE response passes, and its body never", () =>
  through(async ({ proxy, url }) => {
    proxy.faults.sse = faults.bufferForEver;
    const answer = await fetch(`${url}/v1/stream/a?offset=-1&live=sse`);
    assert.equal(answer.headers.get("content-type"), "text/event-stream");
    const reader = answer.body.getReader();
    assert.equal(await Promise.race([reader.read(), sleep(300, "nothing")]), "nothing");
    await reader.cancel();
    await eventually("the server's side is closed too", PATIENCE_MS, () => proxy.open("sse").length === 0);
  }));

test("a long poll that takes its time is answered by the gateway", () =>
  through(async ({ proxy, url }) => {
    proxy.faults["long-poll"] = faults.timeOutAfter(100);
    assert.equal((await fetch(`${url}/v1/stream/a?offset=now&live=long-poll`)).status, 504);
    proxy.faults["long-poll"] = faults.timeOutAfter(PATIENCE_MS);
    assert.equal((await fetch(`${url}/v1/stream/a?offset=-1&live=long-poll`)).status, 200);
  }));

test("a network is slow, and cuts what is idle", () =>
  through(async ({ network, url }) => {
    network.delay = 100;
    const before = performance.now();
    await (await poll(url)).text();
    // A timer of Node.js counts whole milliseconds, so it may be early by a part of one.
    assert.ok(performance.now() - before >= 198, "there and back");
    network.delay = 0;
    network.idleCut = 300;
    const began = performance.now();
    const { heard } = open(url);
    await eventually("it is cut", PATIENCE_MS, () => heard.closed);
    assert.ok(heard.closed - began >= 299);
    assert.equal(network.counts.idleCuts, 1);
  }));

test("a network goes away without a word, and another is there", () =>
  through(async ({ server, network, url }) => {
    const follower = open(url);
    await eventually("it is live", PATIENCE_MS, () => isLive(follower));
    network.goSilent();
    await publish(server, "a", { n: 2 });
    await sleep(300);
    assert.deepEqual(follower.heard.frames.at(-1), "live", "nothing comes over what was open");
    assert.equal(follower.heard.closed, undefined);
    assert.equal((await (await poll(url)).json()).length, 2);
    network.dark = true;
    assert.equal(await Promise.race([poll(url), sleep(300, "nothing")]), "nothing");
  }));

test("requests go to two places in turn", () =>
  through(async ({ server }) => {
    const places = [await Network.listen(server.port), await Network.listen(server.port)];
    const proxy = await FaultProxy.listen(...places.map(({ port }) => port));
    for (let count = 0; count < 4; count += 1) await (await poll(proxy.url)).text();
    assert.deepEqual(places.map(({ counts }) => counts.connections), [2, 2]);
    await Promise.all([proxy.close(), ...places.map((place) => place.close())]);
  }));
