// Scenario 23: React's StrictMode mounts twice.

import assert from "node:assert/strict";
import { after, before } from "node:test";
import { build } from "esbuild";
import { Browser } from "../../../../conformance/foreign/chromium.mjs";
import { eventually, range } from "../../../../conformance/foreign/server.mjs";
import { measured, sceneTest } from "../scene.mjs";

const PATIENCE_MS = 30_000;
/** Less than the page's client keeps a stream that nobody uses. */
const AWAY_MS = 200;
const HTML = '<!doctype html><html lang="en"><link rel="icon" href="data:,"><body><script type="module" src="/strict_mode.js"></script>';

let browser;
let script;

before(async () => {
  browser = await Browser.launch();
  // Only React's development build mounts twice.
  const define = { "process.env.NODE_ENV": '"development"' };
  const entry = new URL("strict_mode.page.mjs", import.meta.url).pathname;
  const built = await build({ entryPoints: [entry], bundle: true, format: "esm", write: false, define, logLevel: "error" });
  script = built.outputFiles[0].text;
});

after(async () => {
  await browser?.close();
});

sceneTest("23: React's StrictMode mounts twice, and everything is taken away and mounted again: one connection, no error, no gap", { streams: ["a", "b"] }, async (scene, t) => {
  const { proxy, publisher } = scene;
  proxy.pages.set("/strict_mode.html", { type: "text/html", body: HTML });
  proxy.pages.set("/strict_mode.js", { type: "text/javascript", body: script });
  for (let count = 0; count < 3; count += 1) await publisher.publishOnce();
  scene.publish(20);

  const page = await browser.context.newPage();
  const errors = [];
  page.on("console", (message) => message.type() === "error" && errors.push(message.text()));
  page.on("pageerror", (error) => errors.push(String(error)));
  const began = performance.now();
  await page.goto(`${scene.url}/strict_mode.html`);
  const hasMore = (count) => page.evaluate((count) => globalThis.seen?.every((numbers) => numbers.length >= count), count);
  await eventually("all components have messages", PATIENCE_MS, () => hasMore(3)).finally(() => assert.deepEqual(errors, []));
  measured(t, "from opening the page to messages in all components", performance.now() - began);

  for (const round of range(1, 4)) {
    // In the last round it stays away for a moment.
    if (round === 3) await page.evaluate((away) => globalThis.clear(away), AWAY_MS);
    await page.evaluate((round) => globalThis.render(round), round);
    await eventually("all components have messages again", PATIENCE_MS, () => hasMore(3 + round));
  }
  await publisher.stop();
  const published = publisher.published.get("a");
  await eventually("all has come", PATIENCE_MS, () => hasMore(published));

  const { seen, mounts } = await page.evaluate(() => ({ seen: globalThis.seen, mounts: globalThis.mounts }));
  for (const numbers of seen) assert.deepEqual(numbers, range(0, published));
  assert.equal(mounts, 3 * 4 * 2, "StrictMode mounts each of three components twice, in four rounds");
  assert.equal(proxy.requests.websocket, 1, "one connection");
  assert.deepEqual(errors, []);
  t.diagnostic(`${proxy.requests.websocket} WebSocket and ${proxy.requests.poll} polls for ${mounts} mounts`);
});
