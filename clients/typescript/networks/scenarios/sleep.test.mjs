// Scenario 22: the machine sleeps for ten minutes and wakes on another network.

import assert from "node:assert/strict";
import { spawn } from "node:child_process";
import { once } from "node:events";
import { resolve } from "node:path";
import { after, before } from "node:test";
import { setTimeout as sleep } from "node:timers/promises";
import { Browser } from "../../../../conformance/foreign/chromium.mjs";
import { eventually, range } from "../../../../conformance/foreign/server.mjs";
import { measured, sceneTest, until, untilLiveOver } from "../scene.mjs";

const WAKE_MS_MAX = 2_000;
const PATIENCE_MS = 45_000;
const TEN_MINUTES_MS = 600_000;
/** A process that stood still for so long has slept. */
const STOPPED_MS = 16_000;
/** A browser closes its idle connections when the system tells it of another network. Nobody tells it here; so there are none. */
const NO_IDLE_CONNECTIONS = { keepAlive: false };
const SLEEPER = resolve(import.meta.dirname, "../sleeper.mjs");

let browser;

before(async () => {
  browser = await Browser.launch();
});

after(async () => {
  await browser?.close();
});

/** A clock of the page's own, which can jump; until then it goes as the real one does. */
const withClock = (page) => page.clock.install();

/**
 * A page that is live over `transport` sleeps: nothing comes or goes, its clock stands still, and messages are published meanwhile. Then it wakes: ten
 * minutes have passed, old connections are dead without a word, new ones get through.
 */
async function sleepAndWake(scene, t, transport, wake) {
  const client = await scene.page(browser, { transport }, withClock);
  await untilLiveOver(client, transport === "auto" ? "websocket" : transport);
  await scene.publisher.publishOnce();
  await until(client, "the first message has come", ({ received }) => received === 1);
  scene.network.goSilent();
  for (let count = 0; count < 5; count += 1) await scene.publisher.publishOnce();
  const woke = performance.now();
  await wake(client.page);
  await until(client, "what was missed has come", ({ received }) => received === 6);
  measured(t, `${transport}: what was missed came`, performance.now() - woke, WAKE_MS_MAX);
  await until(client, "it is live", ({ state }) => state === "live");
  await scene.publisher.publishOnce();
  await until(client, "the next message has come", ({ received }) => received === 7);
  measured(t, `${transport}: a new message came`, performance.now() - woke, WAKE_MS_MAX);
  await scene.nothingIsLost();
}

for (const transport of ["auto", "websocket", "sse", "long-poll"]) {
  sceneTest(`22: ten minutes of sleep and another network, told by the clock alone (${transport}): live within 2 s`, NO_IDLE_CONNECTIONS, (scene, t) =>
    sleepAndWake(scene, t, transport, (page) => page.clock.fastForward(TEN_MINUTES_MS)),
  );
}

sceneTest("22: another network, told by the browser's `online` alone: live within 2 s", NO_IDLE_CONNECTIONS, (scene, t) =>
  sleepAndWake(scene, t, "auto", async () => {
    await browser.context.setOffline(true);
    await browser.context.setOffline(false);
  }),
);

sceneTest("22: a process that is really stopped, and wakes on another network: live within 2 s", NO_IDLE_CONNECTIONS, async (scene, t) => {
  const child = spawn(process.execPath, [SLEEPER, scene.url, scene.streams[0]], { stdio: ["ignore", "pipe", "inherit"] });
  try {
    const lines = [];
    child.stdout.setEncoding("utf8").on("data", (text) => lines.push(...text.trim().split("\n")));
    await eventually("it is live over the WebSocket", PATIENCE_MS, () => lines.includes("websocket"));
    await scene.publisher.publishOnce();
    await comes(lines, 0);
    child.kill("SIGSTOP");
    scene.network.goSilent();
    await scene.publisher.publishOnce();
    await sleep(STOPPED_MS);
    const woke = performance.now();
    child.kill("SIGCONT");
    await comes(lines, 1);
    measured(t, "what was missed came", performance.now() - woke, WAKE_MS_MAX);
    await scene.publisher.publishOnce();
    await comes(lines, 2);
    measured(t, "a new message came", performance.now() - woke, WAKE_MS_MAX);
  } finally {
    const ended = once(child, "exit");
    child.kill("SIGKILL");
    await ended;
  }
});

/** Waits until the process has printed this number, right after the one before it. */
async function comes(lines, number) {
  const numbers = () => lines.map(Number).filter((line) => !Number.isNaN(line));
  await eventually(`message ${number}`, PATIENCE_MS, () => number < numbers().length);
  assert.deepEqual(numbers(), range(0, number + 1));
}
