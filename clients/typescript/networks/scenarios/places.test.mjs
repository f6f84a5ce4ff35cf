// Scenario 20: every request of one client goes to another place.

import assert from "node:assert/strict";
import { setTimeout as sleep } from "node:timers/promises";
import { measured, sceneTest } from "../scene.mjs";

const TRANSPORTS = ["poll", "long-poll", "sse", "websocket"];
const STREAMS = ["a", "b", "c"];
const STAY_MS = 700;

sceneTest(
  "20: two workers and two ports in turn, request by request, over every transport: nothing notices",
  { flags: ["--workers", "2"], streams: STREAMS, places: 2 },
  async (scene, t) => {
    scene.publish(20);
    const forced = TRANSPORTS.map((transport) => scene.node({ transport, pollInterval: 100 }));
    const changing = scene.node({ pollInterval: 100 });
    for (const transport of [...TRANSPORTS, "auto", ...[...TRANSPORTS].reverse()]) {
      await changing.use(transport);
      const publishes = [changing, forced[0]].map((client, index) => scene.publishBy(client, "a", `client ${index}`));
      await Promise.all(publishes);
      await sleep(STAY_MS);
    }
    const [here, there] = scene.places.map(({ counts }) => counts.connections);
    t.diagnostic(`${here} requests came to one place and ${there} to the other`);
    assert.ok(Math.abs(here - there) <= 1);
    const { lateness } = await changing.snapshot();
    measured(t, "the latest message came after", lateness, 3_000);
    await scene.nothingIsLost();
  },
);
