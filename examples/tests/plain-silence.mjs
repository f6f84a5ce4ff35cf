// The plain clients on a network that goes silent: connections stay open and say nothing more, as when a laptop changes its network. Each client
// notices by itself and comes back, within a time of its own. Takes over a minute, so it is no part of `cargo xtask test`:
// node --test tests/plain-silence.mjs
//
// Not in a browser: it keeps several idle connections to a host, which are as dead, and tries one after the other. That is not up to a client.

import assert from "node:assert/strict";
import { test } from "node:test";
import { Network } from "../../clients/typescript/networks/network.mjs";
import { ProcessFollower, WAYS, environment } from "./plain-followers.mjs";
import { PATIENCE, Site, createStream, eventually } from "./site.mjs";

const SILENCE_MAX = 110_000;

const site = Site.forTests();

test("each notices that its connection is dead, and misses nothing", { timeout: 3 * SILENCE_MAX }, async (t) => {
  await createStream(site.server, "silence");
  const network = await Network.listen(site.server.port);
  t.after(() => network.close());
  const url = `${network.url}/v1/stream/silence`;
  const followers = await startAll(t, url);
  await site.publish("silence", 1);
  await eventually("each follows", PATIENCE, () => followers.every(({ messages }) => messages.length === 1));

  network.goSilent();
  const began = performance.now();
  await site.publish("silence", 2);
  const isBack = ({ messages }) => 1 < messages.length;
  for (const follower of followers) {
    void eventually(follower.name, SILENCE_MAX, () => isBack(follower)).then(
      () => t.diagnostic(`${follower.name} is back after ${Math.round((performance.now() - began) / 1_000)} s`),
      () => {},
    );
  }
  await eventually("each is back", SILENCE_MAX, () => followers.every(isBack)).catch(() => {});
  for (const { name, messages } of followers) assert.deepEqual(messages.map(({ data }) => data), [1, 2], name);
});

async function startAll(t, url) {
  const env = await environment();
  const followers = [];
  t.after(() => followers.forEach((follower) => follower.kill()));
  for (const way of WAYS) {
    followers.push(ProcessFollower.inNode(way, url, "-1", env));
    followers.push(ProcessFollower.inShell(way, url, "-1", env));
  }
  return followers;
}
