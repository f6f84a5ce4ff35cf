// Scenario 18: proxies that cut idle connections. Their 30 and 60 s, and the heartbeat of 25 s, are made shorter here; `default_numbers.test.mjs` takes
// them as they are.

import assert from "node:assert/strict";
import { after, before } from "node:test";
import { setTimeout as sleep } from "node:timers/promises";
import { Browser } from "../../../../conformance/foreign/chromium.mjs";
import { measured, sceneTest, until, untilLiveOver } from "../scene.mjs";

const HEARTBEAT = ["--heartbeat", "1s"];
const QUIET_MS = 6_000;

let browser;

before(async () => {
  browser = await Browser.launch();
});

after(async () => {
  await browser?.close();
});

sceneTest("18: idle connections are cut after two heartbeats: no error in the console, nothing is cut, nothing lost", { flags: HEARTBEAT }, async (scene, t) => {
  scene.network.idleCut = 2_000;
  const timing = { hold: 1_000, holdSlack: 5_000 };
  const clients = [];
  for (const transport of ["websocket", "sse", "long-poll"]) clients.push(await scene.page(browser, { transport, timing }));
  for (const [client, transport] of [[clients[0], "websocket"], [clients[1], "sse"], [clients[2], "long-poll"]]) await untilLiveOver(client, transport);
  await sleep(QUIET_MS);
  const before = Date.now();
  await scene.publisher.publishOnce();
  for (const client of clients) {
    await until(client, "the message has come", ({ received }) => received === 1);
    const { lateness, statuses } = await client.snapshot();
    assert.ok(statuses.at(-1).at < before, "it was live all the time");
    measured(t, `after ${QUIET_MS} ms of quiet it came over ${statuses.at(-1).transport} after`, lateness, 1_000);
    assert.deepEqual(client.console, []);
  }
  assert.deepEqual([scene.proxy.requests.websocket, scene.proxy.requests.sse], [1, 1], "each was opened once");
  await scene.nothingIsLost();
});

sceneTest("18: idle connections are cut before a heartbeat comes: each is opened again, and nothing is lost", {}, async (scene, t) => {
  scene.network.idleCut = 700;
  const clients = ["websocket", "sse", "long-poll", "auto"].map((transport) => scene.node({ transport }));
  for (let round = 0; round < 6; round += 1) {
    await scene.publisher.publishOnce();
    await sleep(round % 2 === 0 ? 1_000 : 100);
  }
  assert.ok(scene.network.counts.idleCuts >= 4);
  t.diagnostic(`${scene.network.counts.idleCuts} connections were cut`);
  await scene.nothingIsLost();
});
