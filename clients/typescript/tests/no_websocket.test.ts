/** Where there is no WebSocket, as in Node.js before version 22. */

import assert from "node:assert/strict";
import { closeClients, connect } from "./support/client.ts";
import { eventually, serverTest } from "./support/server.ts";

Reflect.deleteProperty(globalThis, "WebSocket");

serverTest("it goes by SSE, and tries no WebSocket", async (server) => {
  await server.create("a");
  const tidings = connect(server.url);
  tidings.stream("a").addEventListener("message", () => {});
  await eventually("SSE", () => tidings.status.transport == "sse");
  const tried = new Set(tidings.explain().attempts.map(({ transport }) => transport));
  assert.deepEqual([...tried].sort(), ["poll", "sse"]);
  assert.deepEqual(tidings.explain().barred, []);
});

serverTest("one that is asked for fails, and says what to do", async (server) => {
  await server.create("a");
  const tidings = connect(server.url, { transport: "websocket" });
  const first = tidings.stream("a").messages().next();
  await assert.rejects(first, { code: "invalid_parameter", message: /inject a WebSocket.*Node\.js 22/ });
  assert.equal(tidings.status.error!.code, "invalid_parameter");
  closeClients();
});

serverTest("a wrong path is told as such", async (server) => {
  const tidings = connect(`${server.url}/wrong`);
  await assert.rejects(tidings.stream("a").messages().next(), { code: "not_found" });
  assert.equal(tidings.status.error!.code, "not_found");
  for (const { cause } of tidings.explain().attempts) assert.doesNotMatch(cause!, /WebSocket/);
});
