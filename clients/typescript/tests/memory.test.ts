/** A long run takes no more memory than a short one. */

import assert from "node:assert/strict";
import { setFlagsFromString } from "node:v8";
import { runInNewContext } from "node:vm";
import { connect } from "./support/client.ts";
import { eventually, serverTest } from "./support/server.ts";

setFlagsFromString("--expose-gc");
const collectGarbage = runInNewContext("gc") as () => void;

/** What is in use after a collection, in bytes. */
function used(): number {
  collectGarbage();
  return process.memoryUsage().heapUsed;
}

serverTest("60,000 messages, 300 publishes and 200 changes of transport leave nothing behind", async (server) => {
  await server.create("a");
  const tidings = connect(server.url, { pollInterval: 20 });
  let count = 0;
  tidings.stream("a").addEventListener("message", () => (count += 1));
  await eventually("live", () => tidings.stream("a").live);
  const batch = JSON.stringify(Array.from({ length: 1000 }, (_, n) => ({ n, text: "x".repeat(50) })));

  const run = async (rounds: number) => {
    for (let round = 0; round < rounds; round += 1) {
      const before = count;
      await fetch(`${server.url}/v1/stream/a`, { method: "POST", headers: { "Content-Type": "application/json" }, body: batch });
      for (let n = 0; n < 5; n += 1) await tidings.stream("a").publish(n);
      for (const transport of ["sse", "long-poll", "websocket", "auto"] as const) {
        tidings.use(transport);
        await new Promise((resolve) => setTimeout(resolve, 10));
      }
      await eventually("all of the round", () => count == before + 1005);
    }
  };

  await run(10);
  const before = used();
  await run(50);
  const grown = used() - before;
  assert.equal(count, 60_300);
  assert.ok(grown < 3_000_000, `grown by ${grown} bytes`);
});
