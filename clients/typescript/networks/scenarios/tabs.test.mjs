// Scenario 21: eight tabs over HTTP/1.1, where a browser opens six connections to a host.

import assert from "node:assert/strict";
import { after, before } from "node:test";
import { Browser } from "../../../../conformance/foreign/chromium.mjs";
import { eventually } from "../../../../conformance/foreign/server.mjs";
import * as faults from "../faults.mjs";
import { measured, sceneTest, until } from "../scene.mjs";

const TABS = 8;
const BROWSER_CONNECTIONS_MAX = 6;
const OWN_REQUEST_MS_MAX = 1_000;
const SHARED_MS_MAX = 5_000;

let browser;

before(async () => {
  browser = await Browser.launch();
});

after(async () => {
  await browser?.close();
});

/** A request of the page's own, to the same host, past every cache; how long it took. */
function ownRequest(client) {
  return client.page.evaluate(async () => {
    const before = performance.now();
    const answer = await fetch(`/page.html?${Math.random()}`, { cache: "no-store" });
    await answer.text();
    return performance.now() - before;
  });
}

const isLive = ({ state }) => state === "live";

for (const [transport, refused] of [["websocket", []], ["sse", ["websocket"]], ["long-poll", ["websocket", "sse"]]]) {
  sceneTest(`21: eight tabs over HTTP/1.1 and ${transport}: all receive, and the page's own requests still work`, {}, async (scene, t) => {
    for (const kind of refused) scene.proxy.faults[kind] = faults.refuse();
    const clients = [];
    for (let count = 0; count < TABS; count += 1) clients.push(await scene.page(browser, { tabs: true }));
    await Promise.all(clients.map((client) => until(client, "it is live", isLive)));
    scene.publish();
    const times = [];
    for (const client of clients) times.push(await ownRequest(client));
    measured(t, "the slowest of the pages' own requests", Math.max(...times), OWN_REQUEST_MS_MAX);
    await Promise.all(clients.map((client) => until(client, "messages come", ({ received }) => received >= 20)));
    // Between two long polls there is none for a moment.
    await eventually("the tabs share one connection", SHARED_MS_MAX, () => scene.proxy.open(transport).length === 1);
    t.diagnostic(`1 × ${transport} open for ${TABS} tabs; at most ${scene.proxy.connections.openMax} connections`);
    if (transport !== "websocket") assert.ok(scene.proxy.connections.openMax <= BROWSER_CONNECTIONS_MAX);
    await closeTheLeader(scene, clients, t);
    await scene.nothingIsLost();
  });
}

/** The tab that holds the connection is closed; the others go on. */
async function closeTheLeader(scene, clients, t) {
  const snapshots = await Promise.all(clients.map((client) => client.snapshot()));
  const leaders = clients.filter((_, index) => !snapshots[index].shared);
  assert.equal(leaders.length, 1, "one tab leads");
  scene.clients = clients.filter((client) => client !== leaders[0]);
  await Promise.all(scene.clients.map((client) => client.forgetLateness()));
  const since = Date.now();
  await leaders[0].close();
  const published = scene.publisher.published.get("a");
  const hasGoneOn = ({ received }) => received > published + 5;
  await Promise.all(scene.clients.map((client) => until(client, "it goes on", hasGoneOn)));
  const latest = await Promise.all(scene.clients.map((client) => client.snapshot()));
  measured(t, "the leader closed, and all others went on after", Date.now() - since);
  measured(t, "the latest message came after", Math.max(...latest.map(({ lateness }) => lateness)), 3_000);
}

sceneTest("21: eight tabs that share nothing, over WebSockets: all receive, and the page's own requests still work", {}, async (scene, t) => {
  const clients = [];
  for (let count = 0; count < TABS; count += 1) clients.push(await scene.page(browser, { tabs: false }));
  await Promise.all(clients.map((client) => until(client, "it is live", isLive)));
  scene.publish();
  const times = [];
  for (const client of clients) times.push(await ownRequest(client));
  measured(t, "the slowest of the pages' own requests", Math.max(...times), OWN_REQUEST_MS_MAX);
  await Promise.all(clients.map((client) => until(client, "messages come", ({ received }) => received >= 20)));
  await scene.nothingIsLost();
});
