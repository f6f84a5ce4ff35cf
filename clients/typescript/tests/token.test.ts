/** The token: asked anew for each connection, and sent with everything. */

import assert from "node:assert/strict";
import type { WebSocketConstructor } from "../src/index.ts";
import { connect } from "./support/client.ts";
import { eventually, serverTest } from "./support/server.ts";

serverTest("a token goes with each request, and first of all over a websocket", async (server) => {
  await server.create("a");
  let asked = 0;
  const bearers: (string | undefined)[] = [];
  const sent: { type: string; token?: string }[] = [];
  const spyFetch: typeof fetch = (url, init) => {
    bearers.push((init!.headers as Record<string, string>).authorization);
    return fetch(url, init);
  };
  class SpySocket extends WebSocket {
    override send(text: string): void {
      sent.push(JSON.parse(text));
      super.send(text);
    }
  }
  const tidings = connect(server.url, {
    token: async () => `t${(asked += 1)}`,
    fetch: spyFetch,
    WebSocket: SpySocket as unknown as WebSocketConstructor,
  });
  tidings.stream("a").addEventListener("message", () => {});
  await eventually("a websocket", () => tidings.status.transport == "websocket");
  assert.equal(sent[0]!.type, "auth");
  assert.match(sent[0]!.token!, /^t\d$/);
  assert.equal(sent[1]!.type, "subscribe");
  await tidings.stream("a").read();
  assert.ok(bearers.length >= 2 && bearers.every((bearer) => /^Bearer t\d$/.test(bearer!)), String(bearers));
  assert.equal(new Set([...bearers, sent[0]!.token]).size, asked);
});
