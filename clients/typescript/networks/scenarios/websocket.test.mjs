// Scenarios 15 and 16: WebSockets that open, and are killed or swallowed.

import assert from "node:assert/strict";
import { after, before } from "node:test";
import { Browser } from "../../../../conformance/foreign/chromium.mjs";
import * as faults from "../faults.mjs";
import { measured, sceneTest, until, untilLiveOver } from "../scene.mjs";

const FALL_BACK_MS_MAX = 5_000;
const LIFE_MS = 300;

let browser;

before(async () => {
  browser = await Browser.launch();
});

after(async () => {
  await browser?.close();
});

sceneTest("15: killed after 300 ms again and again: it follows over SSE within 5 s", {}, async (scene, t) => {
  scene.proxy.faults.websocket = faults.killAfter(LIFE_MS);
  scene.publish();
  const client = scene.node();
  const isDown = ({ state, transport }) => state === "live" && transport === "sse" && scene.proxy.requests.websocket >= 3;
  const { began, statuses } = await until(client, "it has gone down to SSE", isDown);
  measured(t, "live over SSE", statuses.at(-1).at - began, FALL_BACK_MS_MAX);
  assert.equal(scene.proxy.requests.websocket, 3, "three short lives are enough to bar it");
  await scene.nothingIsLost();
});

sceneTest("15: killed after 300 ms ten times, then not: it comes back to the WebSocket by itself", {}, async (scene, t) => {
  scene.proxy.faults.websocket = faults.firstTimes(10, faults.killAfter(LIFE_MS));
  scene.publish();
  const client = scene.node({ timing: { bars: [300, 400] } });
  const stays = ({ state, transport, statuses }) =>
    state === "live" && transport === "websocket" && scene.proxy.requests.websocket === 11 && Date.now() - statuses.at(-1).at > 2 * LIFE_MS;
  const { began, statuses, lateness } = await until(client, "the eleventh stays", stays);
  measured(t, "ten were killed, and the eleventh was live", statuses.at(-1).at - began);
  measured(t, "the latest message came after", lateness, 2_000);
  await scene.nothingIsLost();
});

for (const [what, fault] of [["every frame", faults.swallow], ["every frame after the greeting", faults.swallowAfterHello]]) {
  sceneTest(`16: opens and ${what} is swallowed: it follows over SSE within 5 s, in Node and in Chromium`, {}, async (scene, t) => {
    scene.proxy.faults.websocket = fault;
    scene.publish();
    for (const client of [scene.node(), await scene.page(browser)]) {
      const live = await untilLiveOver(client, "sse");
      const { began, lateness } = await client.snapshot();
      measured(t, `${client.kind}: live over SSE`, live - began, FALL_BACK_MS_MAX);
      measured(t, `${client.kind}: the latest message came after`, lateness, 3_000);
    }
    await scene.nothingIsLost();
  });
}

sceneTest("16: swallowed in the middle of its life: found by silence, and what was missed comes over SSE", { flags: ["--heartbeat", "1s"] }, async (scene, t) => {
  scene.publish();
  const client = scene.node();
  await untilLiveOver(client, "websocket");
  scene.proxy.faults.websocket = faults.swallow;
  scene.network.goSilent();
  const since = Date.now();
  const live = await untilLiveOver(client, "sse", since);
  measured(t, "live over SSE, 2.5 heartbeats of 1 s included", live - since, 2_500 + FALL_BACK_MS_MAX);
  await scene.nothingIsLost();
});
