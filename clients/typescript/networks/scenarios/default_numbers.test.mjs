// Scenarios 15 and 18 with every number as it is by default. They mostly wait, so they wait together.

import assert from "node:assert/strict";
import { after, before, describe } from "node:test";
import { setTimeout as sleep } from "node:timers/promises";
import { Browser } from "../../../../conformance/foreign/chromium.mjs";
import * as faults from "../faults.mjs";
import { FRONTS, Front } from "../fronts.mjs";
import { measured, sceneTest, until, untilLiveOver } from "../scene.mjs";

const IDLE_CUT_MS = 30_000;
/** Longer than the time limits of nginx (60 s) and HAProxy (50 s in Debian) for a connection on which nothing moves. */
const QUIET_MS = 63_000;
const FIRST_BAR_MS_MAX = 30_000 * 1.25;
const FOLLOWERS = ["websocket", "sse", "long-poll"];

let browser;

before(async () => {
  browser = await Browser.launch();
});

after(async () => {
  await browser?.close();
});

describe("at default numbers", { concurrency: true }, () => {
  sceneTest("15: a WebSocket that was killed three times is tried again after the first bar, and stays", {}, async (scene, t) => {
    scene.proxy.faults.websocket = faults.firstTimes(3, faults.killAfter(300));
    scene.publish(500);
    const client = scene.node();
    await until(client, "it is down", ({ transport, state }) => transport === "sse" && state === "live");
    const since = Date.now();
    const live = await untilLiveOver(client, "websocket", since);
    measured(t, "live over the WebSocket again", live - since, FIRST_BAR_MS_MAX + 3_000);
    await scene.nothingIsLost();
  });

  sceneTest("18: idle connections are cut after 30 s, in a page: no error in the console, nothing is cut", {}, async (scene, t) => {
    scene.network.idleCut = IDLE_CUT_MS;
    const open = (transport) => scene.page(browser, { transport });
    await staysLive(scene, t, await Promise.all(FOLLOWERS.map(open)));
    for (const client of scene.clients) assert.deepEqual(client.console, []);
  });

  for (const [program, name, works] of FRONTS) {
    sceneTest(`18: ${program}, ${name} settings, and a minute of quiet: nothing is cut`, {}, async (scene, t) => {
      const front = await Front.start(program, name, scene.proxy.port);
      try {
        const transports = FOLLOWERS.filter((transport) => transport !== "websocket" || works.websocket);
        await staysLive(scene, t, transports.map((transport) => scene.node({ transport }, front.url)));
      } finally {
        await front.stop();
      }
    });
  }
});

/** All clients are live, stay so while nothing happens, and get the message that comes then. */
async function staysLive(scene, t, clients) {
  await Promise.all(clients.map((client) => until(client, "it is live", ({ state }) => state === "live")));
  const since = Date.now();
  await sleep(QUIET_MS);
  await scene.publisher.publishOnce();
  for (const client of clients) {
    const { lateness, statuses } = await until(client, "the message has come", ({ received }) => received === 1);
    assert.ok(statuses.at(-1).at <= since, "it was live all the time");
    measured(t, `${client.kind}, ${statuses.at(-1).transport}: the message came after`, lateness, 1_500);
  }
  await scene.nothingIsLost();
}
