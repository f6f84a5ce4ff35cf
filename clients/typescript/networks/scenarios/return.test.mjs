// Scenario 19: after a fall back the better transport comes back without a reload.

import { after, before } from "node:test";
import { Browser } from "../../../../conformance/foreign/chromium.mjs";
import * as faults from "../faults.mjs";
import { measured, sceneTest, until, untilLiveOver } from "../scene.mjs";

let browser;

before(async () => {
  browser = await Browser.launch();
});

after(async () => {
  await browser?.close();
});

sceneTest("19: from polling over long polls and SSE back to the WebSocket, as the network gets better", {}, async (scene, t) => {
  const { faults: now } = scene.proxy;
  Object.assign(now, { websocket: faults.refuse(), sse: faults.refuse(), "long-poll": faults.refuse() });
  scene.publish();
  const client = scene.node({ timing: { bars: [500, 600] } });
  await until(client, "polls bring messages", ({ received }) => received > 0);
  for (const transport of ["long-poll", "sse", "websocket"]) {
    const since = Date.now();
    now[transport] = faults.pass;
    const live = await untilLiveOver(client, transport, since);
    measured(t, `back to ${transport}, with bars of 0.5 s,`, live - since);
  }
  await scene.nothingIsLost();
});

sceneTest("19: in a page, at once when the browser says that the network is there again", {}, async (scene, t) => {
  scene.proxy.faults.websocket = faults.refuse();
  scene.publish();
  const client = await scene.page(browser);
  await untilLiveOver(client, "sse");
  scene.proxy.faults.websocket = faults.pass;
  // The bars are those of every client, 30 s: what ends them is the event.
  await browser.context.setOffline(true);
  await browser.context.setOffline(false);
  const since = Date.now();
  const live = await untilLiveOver(client, "websocket", since);
  measured(t, "live over the WebSocket", live - since, 2_000);
  await scene.nothingIsLost();
});
