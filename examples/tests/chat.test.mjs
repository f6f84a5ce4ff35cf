// The chat between pages: over every transport, after a pause, with and without the server.

import assert from "node:assert/strict";
import { describe, test } from "node:test";
import { PATIENCE, Site, comeIn, createStream, eventually, force, openPage, send, texts } from "./site.mjs";

const TRANSPORTS = ["websocket", "sse", "long-poll", "poll"];

/** How much the third one says at most: a page holds 500 messages of a room. */
const FLOW_MAX = 400;

const site = Site.forTests();

// Each in a room of its own, so that nobody waits for the one who has to fall silent.
describe("with a server that runs", { concurrency: true }, () => {
  test("two people talk over all transports, and the switch moves while messages flow", async (t) => {
    const ada = await site.person(t, "Ada");
    const grace = await site.person(t, "Grace");
    const said = [];
    let isFlowing = true;
    // A third one never stops.
    const flow = (async () => {
      for (let n = 0; isFlowing && n < FLOW_MAX; n += 1) {
        await site.say("lobby", `flow ${n}`);
        said.push(`flow ${n}`);
        await new Promise((resolve) => setTimeout(resolve, 40));
      }
    })();
    // Each has another transport at each time, so that all pairs but equal ones meet.
    for (const [index, transport] of TRANSPORTS.entries()) {
      const other = TRANSPORTS[(index + 1) % TRANSPORTS.length];
      await Promise.all([force(ada, transport), force(grace, other)]);
      for (const n of [1, 2]) {
        await send(ada, `Ada over ${transport} ${n}`);
        await send(grace, `Grace over ${other} ${n}`);
        said.push(`Ada over ${transport} ${n}`, `Grace over ${other} ${n}`);
      }
      await grace.getByText(`Ada over ${transport} 2`, { exact: true }).waitFor({ timeout: PATIENCE });
      await ada.getByText(`Grace over ${other} 2`, { exact: true }).waitFor({ timeout: PATIENCE });
    }
    await Promise.all([force(ada, "auto"), force(grace, "auto")]);
    isFlowing = false;
    await flow;
    const stored = await fetch(`${site.server.stream("examples/rooms/lobby")}?offset=-1`).then((answer) => answer.json());
    const expected = stored.map((message) => message.text);
    assert.deepEqual([...expected].sort(), [...said].sort(), "each was stored once");
    for (const page of [ada, grace]) {
      await eventually("all is shown", PATIENCE, async () => expected.length <= (await texts(page)).length);
      assert.deepEqual(await texts(page), expected);
      assert.deepEqual(page.complaints, []);
    }
  });

  test("what came since the last visit is unread, by a saved offset", async (t) => {
    const context = await site.browser.newContext();
    t.after(() => context.close());
    const url = `${site.server.url}/examples/chat/`;
    let page = await openPage(context, `${url}#help`);
    await comeIn(page, "Ada");
    await site.say("help", "read");
    await page.getByText("read", { exact: true }).waitFor({ timeout: PATIENCE });
    const read = await fetch(site.server.stream("examples/rooms/help"), { method: "HEAD" });
    const isSaved = (offset) => localStorage.getItem("tidings-chat/read/help") === offset;
    await page.waitForFunction(isSaved, read.headers.get("stream-next-offset"), { timeout: PATIENCE });
    await page.close();
    for (const n of [1, 2, 3]) await site.say("help", `unread ${n}`);

    page = await openPage(context, `${url}#coffee`);
    const help = page.locator("#rooms a", { hasText: "help" });
    await help.locator(".unread", { hasText: /^3$/ }).waitFor({ timeout: PATIENCE });
    assert.equal(await help.getAttribute("aria-label"), "help, 3 unread");
    // The title counts all rooms.
    await page.waitForFunction(() => /^\(\d+\) #coffee/.test(document.title), null, { timeout: PATIENCE });
    await help.click();
    await page.getByText("unread 3").waitFor({ timeout: PATIENCE });
    // What was read stands above the line, what was not below it.
    await page.getByText("read", { exact: true }).waitFor({ timeout: PATIENCE });
    const shown = await page.locator("#log .line.new, #log .text").allTextContents();
    assert.deepEqual(shown, ["read", "New", "unread 1", "unread 2", "unread 3"]);
    await eventually("the count is gone", PATIENCE, async () => (await help.locator(".unread").textContent()) === "");

    await page.reload();
    await page.getByText("unread 3").waitFor({ timeout: PATIENCE });
    await page.locator('#log[aria-live="polite"]').waitFor({ timeout: PATIENCE });
    assert.equal(await help.locator(".unread").textContent(), "");
    assert.equal(await page.locator("#log .line.new").count(), 0);
    assert.deepEqual(page.complaints, []);
  });

  test("who is there is shown, and who falls silent is gone", async (t) => {
    const ada = await site.person(t, "Ada", { room: "music" });
    const grace = await site.person(t, "Grace", { room: "music" });
    const names = () => ada.locator("#people .name").allTextContents();
    const becomes = (what, expected, ms = PATIENCE) =>
      eventually(what, ms, async () => JSON.stringify(await names()) === JSON.stringify(expected));
    await becomes("both are there", ["Ada", "Grace"]);
    // Who closes the page says so. Without a word Grace would count as there for seven seconds and a half at least: her last was at most
    // five seconds ago.
    await grace.close();
    await becomes("Grace has left", ["Ada"], 6_000);
    // Somebody who says once that they are here, and nothing more.
    const began = performance.now();
    await site.publish("examples/presence/music", { id: "silent", name: "Silent", here: true });
    await becomes("another is there", ["Ada", "Silent"]);
    await becomes("the silent one is gone", ["Ada"]);
    const seconds = (performance.now() - began) / 1_000;
    assert.ok(10 < seconds, `gone after ${seconds} s, and heartbeats come every 5 s`);
    assert.match(await ada.locator("#room-people").textContent(), /^1 here: you$/);
    assert.deepEqual(ada.complaints, []);
  });

  test("two tabs of one browser are two people, and what one has read is read in the other", async (t) => {
    await createStream(site.server, "examples/rooms/tabs");
    const context = await site.browser.newContext();
    t.after(() => context.close());
    const one = await openPage(context, `${site.server.url}/examples/chat/#tabs`);
    await comeIn(one, "Ada");
    const two = await openPage(context, `${site.server.url}/examples/chat/#tabs`);
    // The name is that of the browser, and can be changed.
    await two.getByRole("button", { name: "Change your name: Ada" }).click();
    await comeIn(two, "Grace");
    // One connection serves both.
    await two.locator(".connection-status", { hasText: "of another tab" }).waitFor({ timeout: PATIENCE });
    await send(one, "from the one");
    await two.getByText("from the one").waitFor({ timeout: PATIENCE });
    await send(two, "from the other");
    await one.getByText("from the other").waitFor({ timeout: PATIENCE });
    await one.locator("#people .name", { hasText: "Grace" }).waitFor({ timeout: PATIENCE });
    // While one looks elsewhere, the other reads.
    await one.locator("#rooms a", { hasText: "lobby" }).click();
    await site.say("tabs", "to both");
    await two.getByText("to both").waitFor({ timeout: PATIENCE });
    const unread = one.locator("#rooms a", { hasText: "tabs" }).locator(".unread");
    await eventually("it is read in both", PATIENCE, async () => (await unread.textContent()) === "");
    // The one that holds the connection goes.
    await one.close();
    await two.locator(".connection-status", { hasText: /^WebSocket$/ }).waitFor({ timeout: PATIENCE });
    await site.say("tabs", "to the one that stays");
    await two.getByText("to the one that stays").waitFor({ timeout: PATIENCE });
    assert.deepEqual(await texts(two), ["from the one", "from the other", "to both", "to the one that stays"]);
    assert.deepEqual(two.complaints, []);
  });

  test("what others write is text, whatever it looks like", async (t) => {
    // A room that somebody made: it has no stream yet that says who is there.
    await createStream(site.server, "examples/rooms/garden");
    const ada = await site.person(t, "Ada", { room: "garden" });
    await ada.locator("#people .name", { hasText: "Ada" }).waitFor({ timeout: PATIENCE });
    const presence = await fetch(site.server.stream("examples/presence/garden"), { method: "HEAD" });
    assert.equal(presence.headers.get("stream-retention-count"), "500", "it does not grow for ever");
    const text = "<img src=x onerror=alert(1)><b>bold</b>";
    await site.say("garden", text, "<i>Mallory</i>");
    for (const odd of ["a string", 7, null, { text: 5 }, { text: "no name" }, { id: {}, by: [], name: 3, text: "odd members" }]) {
      await site.publish("examples/rooms/garden", odd === null ? [null] : odd);
      await site.publish("examples/presence/garden", odd === null ? [null] : odd);
    }
    await site.say("garden", "the last");
    await ada.getByText("the last", { exact: true }).waitFor({ timeout: PATIENCE });
    assert.deepEqual((await texts(ada)).slice(-4), [text, "no name", "odd members", "the last"]);
    assert.equal(await ada.locator("#log img, #log .text b, #log i").count(), 0);
    assert.deepEqual(ada.complaints, []);
  });
});

test("a page that comes over plain HTTP from another machine works too", async (t) => {
  const context = await site.browser.newContext();
  t.after(() => context.close());
  const page = await openPage(context, `${site.elsewhere}/examples/chat/#music`);
  assert.equal(await page.evaluate(() => isSecureContext), false);
  await comeIn(page, "Far");
  await send(page, "from afar");
  await page.locator('.message[data-state="sent"]', { hasText: "from afar" }).waitFor({ timeout: PATIENCE });
  await page.locator("#people .name", { hasText: "Far" }).waitFor({ timeout: PATIENCE });
  await force(page, "sse");
  assert.deepEqual(page.complaints, []);
});

test("what is sent while the server is away waits, and is stored once", async (t) => {
  const ada = await site.person(t, "Ada", { room: "coffee" });
  await send(ada, "before");
  await ada.locator('.message[data-state="sent"]').waitFor({ timeout: PATIENCE });
  await site.server.kill9();
  await send(ada, "meanwhile");
  await ada.locator('.message[data-state="pending"]', { hasText: "meanwhile" }).waitFor({ timeout: PATIENCE });
  assert.match(await ada.locator(".message", { hasText: "meanwhile" }).textContent(), /Sending…$/);
  await site.server.restart();
  await ada.locator('.message[data-state="sent"]', { hasText: "meanwhile" }).waitFor({ timeout: PATIENCE });
  await send(ada, "after");
  await ada.locator('.message[data-state="sent"]', { hasText: "after" }).waitFor({ timeout: PATIENCE });
  assert.deepEqual(await texts(ada), ["before", "meanwhile", "after"]);
  const stored = await fetch(`${site.server.stream("examples/rooms/coffee")}?offset=-1`).then((answer) => answer.json());
  assert.deepEqual(stored.map((message) => message.text), ["before", "meanwhile", "after"]);
  // The streams of those who are there live in memory: they begin anew, whoever makes them first, and we are there again.
  await ada.locator("#people .name", { hasText: "Ada" }).waitFor({ timeout: PATIENCE });
  const presence = await fetch(site.server.stream("examples/presence/coffee"), { method: "HEAD" });
  assert.equal(presence.headers.get("stream-durability"), "memory");
});
