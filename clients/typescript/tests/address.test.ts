/** What is wrong about an address or a place is said at once, and what is too much of an address is left out. */

import assert from "node:assert/strict";
import { test } from "node:test";
import { closeClients, connect } from "./support/client.ts";
import { serverTest } from "./support/server.ts";

test("an address that is not http: or https: is refused at once", () => {
  for (const url of ["localhost:4437", "ftp://localhost", "ws://localhost", "file:///streams", "nonsense"])
    assert.throws(() => connect(url), TypeError, url);
  closeClients();
});

serverTest("query and hash of the address are left out", async (server) => {
  const tidings = connect(`${server.url}/?a=1#b`);
  await tidings.stream("a").publish(1, { create: true });
  assert.deepEqual(await server.stored("a"), [1]);
});

test("an offset that is wrong is shown as it is", async () => {
  const stream = connect("http://127.0.0.1:1").stream("a");
  await assert.rejects(stream.read({ from: { last: -1 } }), {
    code: "invalid_offset",
    message: '{"last":-1}',
  });
  closeClients();
});
