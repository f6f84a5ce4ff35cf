// What an administrator sees of a server whose memory runs short, and of its recovery.

import assert from "node:assert/strict";
import { connect as connectSocket } from "node:net";
import { test } from "node:test";
import { PATIENCE, Site } from "./site.mjs";

const flags = ["--memory-budget-bytes", "64MiB", "--request-memory-bytes", "200MiB", "--request-timeout", "2m"];
const site = Site.forTests({ flags: [...flags, "--tail-cache-bytes", "1MiB"] });

/** A request whose body stays one byte short of this is in the server's memory for as long as its connection is open. */
const BODY_BYTES = 2 << 20;

test("the ladder is shown as it is gone up and down", async (t) => {
  const sockets = [];
  const letGo = () => sockets.forEach((socket) => socket.destroy());
  t.after(letGo);
  const page = await site.open(t, "");
  const health = page.getByRole("region", { name: "Health" });
  await health.getByText("nothing is held back").waitFor({ timeout: PATIENCE });
  await health.getByText("of 64 MiB").waitFor({ timeout: PATIENCE });
  const refuses = health.getByText("new followers are refused");
  for (let n = 0; n < 40 && !(await refuses.isVisible()); n += 1) {
    sockets.push(hold(site.server.port));
    if (20 < n) await refuses.waitFor({ timeout: 500 }).catch(() => {});
  }
  await refuses.waitFor({ timeout: PATIENCE });
  letGo();
  await health.getByText("nothing is held back").waitFor({ timeout: PATIENCE });
  assert.deepEqual(page.complaints, []);
});

function hold(port) {
  const socket = connectSocket(port, "127.0.0.1").on("error", () => {});
  const head = `POST /v1/stream/a HTTP/1.1\r\nHost: t\r\nContent-Type: text/plain\r\nContent-Length: ${BODY_BYTES}\r\n\r\n`;
  socket.write(head + "x".repeat(BODY_BYTES - 1));
  return socket;
}
