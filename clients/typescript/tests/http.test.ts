/** Answers that are not ours: what is tried again, and what is told. */

import assert from "node:assert/strict";
import { once } from "node:events";
import { createServer, type RequestListener } from "node:http";
import { test } from "node:test";
import { closeAtEnd, closeClients, connect } from "./support/client.ts";

/** A server that is not tidings. */
async function foreign(answer: RequestListener): Promise<string> {
  const server = createServer(answer).listen(0, "127.0.0.1");
  await once(server, "listening");
  closeAtEnd({ close: () => (server.closeAllConnections(), server.close()) });
  return `http://127.0.0.1:${(server.address() as { port: number }).port}/base/`;
}

const timing = { backoffBase: 5, backoffCap: 10, shortLives: 1, longPollAfter: 10, sseAfter: 10 };

test("a page that is not ours fails what follows it, and says so", async () => {
  const url = await foreign((_, response) =>
    response.writeHead(404, { "Content-Type": "text/html" }).end("<html>"),
  );
  const tidings = connect(url, { timing });
  const following = (async () => {
    for await (const _ of tidings.stream("a").messages()) assert.fail("a message");
  })();
  await assert.rejects(following, { code: "malformed", message: "HTTP 404" });
  assert.equal(tidings.status.state, "failed");
  assert.equal(tidings.status.error!.code, "malformed");
  await assert.rejects(tidings.stream("a").publish(1), { code: "malformed", status: 404, retryable: false });
  await assert.rejects(tidings.stream("a").read(), { code: "malformed" });
  closeClients();
});

test("a captive portal is waited out", async () => {
  let asked = 0;
  const paths = new Set<string>();
  const url = await foreign((request, response) => {
    asked += 1;
    paths.add(request.url!);
    if (asked < 4) return response.writeHead(200, { "Content-Type": "text/html" }).end("<html>log in</html>");
    return response.writeHead(204, { "Stream-Next-Offset": "0000000000000001_0000000000000001" }).end();
  });
  const published = await connect(url, { timing }).stream("a b/ü").publish(1);
  assert.deepEqual(published, { offset: "0000000000000001_0000000000000001", duplicate: false });
  assert.equal(asked, 4);
  assert.deepEqual([...paths], ["/base/v1/stream/a%20b/%C3%BC"]);
  closeClients();
});

test("`Retry-After` is obeyed by publishes", async () => {
  const times: number[] = [];
  const url = await foreign((_, response) => {
    times.push(performance.now());
    if (times.length == 1) return response.writeHead(503, { "Retry-After": "1" }).end();
    return response.writeHead(204, { "Stream-Next-Offset": "x" }).end();
  });
  await connect(url, { timing }).stream("a").publish(1);
  assert.ok(times[1]! - times[0]! >= 990, String(times));
  closeClients();
});

test("a token that is refused is asked for again", async () => {
  let tokens = 0;
  const url = await foreign((request, response) => {
    const isGood = request.headers.authorization == "Bearer 3";
    response.writeHead(isGood ? 204 : 401, isGood ? { "Stream-Next-Offset": "x" } : {}).end();
  });
  await connect(url, { timing, token: () => String((tokens += 1)) })
    .stream("a")
    .publish(1);
  assert.equal(tokens, 3);
  closeClients();
});

test("a `Retry-After` that is a date makes no storm", async () => {
  let asked = 0;
  const url = await foreign((_, response) => {
    asked += 1;
    response.writeHead(503, { "Retry-After": "Wed, 25 Nov 2026 08:00:00 GMT" }).end();
  });
  // Without chance the waits are 100, 200, 400 ms.
  const slow = { ...timing, backoffBase: 100, backoffCap: 10_000 };
  const tidings = connect(url, { timing: slow, random: () => 1 });
  tidings.stream("a").publish(1).catch(() => {});
  await new Promise((done) => setTimeout(done, 500));
  assert.ok(asked <= 4, String(asked));
  closeClients();
});

test("a page is not read for a signal that is aborted, or a client that is closed", async () => {
  let asked = 0;
  const url = await foreign((_, response) => {
    asked += 1;
    response.writeHead(200, { "Content-Type": "application/json" }).end("[]");
  });
  const tidings = connect(url, { timing });
  const reason = new Error("enough");
  await assert.rejects(tidings.stream("a").read({ signal: AbortSignal.abort(reason) }), reason);
  tidings.close();
  await assert.rejects(tidings.stream("a").read(), { code: "closed" });
  assert.equal(asked, 0);
  closeClients();
});
