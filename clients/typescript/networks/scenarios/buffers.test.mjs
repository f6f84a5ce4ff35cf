// Scenario 17: proxies that keep back what is to come at once.

import assert from "node:assert/strict";
import { after, before } from "node:test";
import { Browser } from "../../../../conformance/foreign/chromium.mjs";
import * as faults from "../faults.mjs";
import { measured, sceneTest, until, untilLiveOver } from "../scene.mjs";

const FALL_BACK_MS_MAX = 5_000;

let browser;

before(async () => {
  browser = await Browser.launch();
});

after(async () => {
  await browser?.close();
});

sceneTest("17: the head of the SSE passes and its body is buffered for ever: long polls within 5 s, in Node and in Chromium", {}, async (scene, t) => {
  Object.assign(scene.proxy.faults, { websocket: faults.refuse(), sse: faults.bufferForEver });
  scene.publish();
  for (const client of [scene.node(), await scene.page(browser)]) {
    const live = await untilLiveOver(client, "long-poll");
    const { began, lateness } = await client.snapshot();
    measured(t, `${client.kind}: live over long polls`, live - began, FALL_BACK_MS_MAX);
    measured(t, `${client.kind}: the latest message came after`, lateness, 3_000);
  }
  await scene.nothingIsLost();
});

sceneTest("16 and 17 at once: messages come by polls meanwhile", {}, async (scene, t) => {
  Object.assign(scene.proxy.faults, { websocket: faults.swallow, sse: faults.bufferForEver });
  scene.publish();
  const client = scene.node();
  const live = await untilLiveOver(client, "long-poll");
  const { began, lateness } = await client.snapshot();
  measured(t, "live over long polls", live - began, FALL_BACK_MS_MAX + 2_500);
  measured(t, "the latest message came after", lateness, 3_000);
  await scene.nothingIsLost();
});

sceneTest("a gateway that gives up on long polls too: what is left is polling", {}, async (scene, t) => {
  Object.assign(scene.proxy.faults, {
    websocket: faults.refuse(),
    sse: faults.bufferForEver,
    "long-poll": faults.timeOutAfter(200),
  });
  // One message now and then: a held question is not answered before the gateway gives up.
  scene.publish(1_500);
  const client = scene.node();
  const { began } = await until(client, "it polls and follows", ({ received }) => received >= 5);
  measured(t, "five messages, one every 1.5 s", Date.now() - began);
  const { lateness } = await client.snapshot();
  measured(t, "the latest message came after", lateness, 4_000);
  assert.ok(scene.proxy.requests.poll >= 3);
  await scene.nothingIsLost();
});
