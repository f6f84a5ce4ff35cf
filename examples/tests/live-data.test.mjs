// The charts: they keep up at 100 messages a second, whichever transport brings them.

import assert from "node:assert/strict";
import { test } from "node:test";
import { setTimeout as sleep } from "node:timers/promises";
import { PATIENCE, Site, eventually, force } from "./site.mjs";

const site = Site.forTests();

/** How long the load is looked at, in milliseconds. */
const LOOK = 5_000;

/** What the page knows of the load. */
const look = (page) =>
  page.evaluate(() => {
    const { load, charts } = globalThis.liveData;
    return { ...load.totals, refusal: load.refusal, waiting: load.waiting, lag: load.thereAndBack, frames: charts.load.frames };
  });

test("a hundred messages a second are published, come back, and are drawn", async (t) => {
  const page = await site.open(t, "/examples/live-data/");
  await page.locator('.connection-status[data-transport="websocket"]').waitFor({ timeout: PATIENCE });
  await page.getByRole("button", { name: "Start" }).click();
  await eventually("it comes back", PATIENCE, async () => 0 < (await look(page)).received);
  const first = await look(page);
  const lags = [];
  for (const end = performance.now() + LOOK; performance.now() < end; await sleep(100)) lags.push((await look(page)).lag);
  const last = await look(page);
  await page.getByRole("button", { name: "Stop" }).click();
  const seconds = LOOK / 1_000;
  const rate = (name) => (last[name] - first[name]) / seconds;
  const median = (values) => [...values].sort((a, b) => a - b)[Math.floor(values.length / 2)];
  const [early, late] = [lags.slice(0, lags.length / 2), lags.slice(lags.length / 2)].map(median);
  t.diagnostic(
    `${rate("published").toFixed(0)} published, ${rate("received").toFixed(0)} received, ${rate("frames").toFixed(0)} frames a second; ` +
      `there and back ${early.toFixed(1)} ms at first, ${late.toFixed(1)} ms later`,
  );
  // Bounds for a machine that does much else at the same time; at rest it is 100, 100, 60 and 2 ms.
  assert.ok(50 < rate("published"), `${rate("published")} published a second`);
  assert.ok(Math.abs(rate("published") - rate("received")) < 20, "what is published comes back");
  assert.ok(10 < rate("frames"), `${rate("frames")} frames a second`);
  assert.ok(late < 1_500, `there and back takes ${late} ms`);
  // All of them, once they are through.
  await eventually("nothing waits", PATIENCE, async () => {
    const now = await look(page);
    return now.waiting === 0 && now.published === now.received;
  });
  assert.deepEqual(page.complaints, []);
});

test("figures and load go on while the switch moves", async (t) => {
  const page = await site.open(t, "/examples/live-data/");
  await page.locator('.connection-status[data-state="live"]').waitFor({ timeout: PATIENCE });
  await page.getByRole("button", { name: "Start" }).click();
  for (const transport of ["sse", "long-poll", "poll", "websocket"]) {
    await force(page, transport);
    const { received } = await look(page);
    await eventually(`it goes on over ${transport}`, PATIENCE, async () => received + 50 < (await look(page)).received);
  }
  await page.getByRole("button", { name: "Stop" }).click();
  await eventually("nothing was lost or doubled", PATIENCE, async () => {
    const now = await look(page);
    return now.waiting === 0 && now.published === now.received;
  });
  assert.equal((await look(page)).refusal, "");
  assert.equal(await page.evaluate(() => globalThis.liveData.load.isInOrder), true);
  // What the strip says.
  await page.getByRole("button", { name: "Explain" }).click();
  const explanation = page.locator("#explanation");
  await explanation.getByText("Long poll").first().waitFor({ timeout: PATIENCE });
  assert.match(await explanation.textContent(), /examples\/machine/);
  assert.deepEqual(page.complaints, []);
});
