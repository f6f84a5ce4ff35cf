// nginx, HAProxy and Caddy with the settings of the guide: each transport forced, and the one that a client chooses.

import assert from "node:assert/strict";
import { after } from "node:test";
import { setTimeout as sleep } from "node:timers/promises";
import { FRONTS, Front } from "../fronts.mjs";
import { measured, sceneTest, until } from "../scene.mjs";

const STREAMS = Array.from({ length: 20 }, (_, index) => `stream-${index}`);
const TRANSPORTS = ["poll", "long-poll", "sse", "websocket"];
/** What does not get through is refused at once; this is long enough to be sure of it. */
const REFUSED_MS = 1_500;
const AT_ONCE_MS_MAX = 150;
const rows = [];

for (const [program, name, works] of FRONTS) {
  sceneTest(`${program}, ${name} settings: 20 streams are followed and published to over every transport that gets through`, { streams: STREAMS }, async (scene, t) => {
    const front = await Front.start(program, name, scene.proxy.port);
    const row = {};
    try {
      for (const transport of TRANSPORTS) row[transport] = await over(transport, scene, t, front, works);
      row.chosen = await chosen(scene, front);
      assert.equal(row.chosen, works.chosen);
      await scene.nothingIsLost();
    } finally {
      rows.push([front.name, row]);
      await front.stop();
    }
  });
}

after(() => console.table(Object.fromEntries(rows)));

/** One client over one transport: how late a message comes, or that it does not get through. */
async function over(transport, scene, t, front, works) {
  const client = scene.node({ transport, pollInterval: 200 }, front.url);
  if (transport === "websocket" && !works.websocket) {
    await assert.rejects(until(client, "it is live", ({ state }) => state === "live", REFUSED_MS));
    scene.clients.pop();
    await client.close();
    return "refused";
  }
  await publishesAndFollows(scene, client);
  const lateness = await latenessOfOne(scene, client);
  // HAProxy keeps a message of SSE for 200 ms, unless it is told not to.
  if (front.isRecommended && transport !== "poll") measured(t, `${transport}: a message came after`, lateness, AT_ONCE_MS_MAX);
  return `${lateness} ms`;
}

/** How late one message comes when nothing else moves: the middle one of three tries. */
async function latenessOfOne(scene, client) {
  const times = [];
  for (let count = 0; count < 3; count += 1) {
    await sleep(250);
    await client.forgetLateness();
    await scene.publishBy(client, STREAMS[0], "client");
    await until(client, "it has come", ({ received }) => received >= total(scene));
    times.push((await client.snapshot()).lateness);
  }
  return times.sort((one, other) => one - other)[1];
}

async function chosen(scene, front) {
  const client = scene.node({}, front.url);
  await publishesAndFollows(scene, client);
  const { transport } = await until(client, "it is live", ({ state, statuses }) => state === "live" && Date.now() - statuses.at(-1).at > 500);
  return transport;
}

/** The client has what was there; then it and others publish to each stream. */
async function publishesAndFollows(scene, client) {
  const before = total(scene);
  await until(client, "it has what is stored", ({ received, state }) => received >= before && (state === "live"));
  await client.forgetLateness();
  await scene.publisher.publishOnce();
  await Promise.all(STREAMS.map((name) => scene.publishBy(client, name, "client")));
  await until(client, "all has come", ({ received }) => received >= total(scene));
}

function total(scene) {
  const counts = [...scene.publisher.published.values(), ...scene.publishedByClients.values()];
  return counts.reduce((sum, count) => sum + count, 0);
}
