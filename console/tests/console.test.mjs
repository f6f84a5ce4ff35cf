// The console as somebody sees it who runs the server, in Chromium: against a server without rules, with followers that are behind.
//
// `node --test tests/*.test.mjs`; with `SCREENSHOTS=FOLDER` it leaves pictures there.

import assert from "node:assert/strict";
import { execFile } from "node:child_process";
import { connect as connectSocket } from "node:net";
import { join } from "node:path";
import { test } from "node:test";
import { promisify } from "node:util";
import { faintWords, overlaps, tooWide } from "./looks.mjs";
import { PATIENCE, PHONE, Site, eventually, streamView } from "./site.mjs";

const CONTRAST_MIN = 4.5;

/** Names and messages of somebody who means no good. */
const IMAGE = '<img src=x onerror="alert(1)">';
const HOSTILE = `evil/${IMAGE}"'\u202Egnp.exe`;

const site = Site.forTests({}, async (site) => {
  await site.create("orders/42", { "Stream-Retention-Count": "1000", "Stream-Retention-Age": "86400" });
  await site.create(HOSTILE);
  for (let n = 0; n < 30; n += 1) await site.publish("orders/42", JSON.stringify({ order: 42, n }));
  for (const message of [IMAGE, "\u0000\u0007\u001b[31m", "\u202Edesrever\u2066", { "</script><script>alert(2)</script>": IMAGE }]) {
    await site.publish(HOSTILE, JSON.stringify([message]));
  }
});

test("what is in the binary is what the sources build", async () => {
  await promisify(execFile)(process.execPath, [join(import.meta.dirname, "../check.mjs")]);
});

/** The views, each with what is there once it has been filled. */
const VIEWS = [
  ["", (page) => page.getByRole("status").getByText("Well").waitFor({ timeout: PATIENCE })],
  ["#/streams", (page) => page.getByRole("link", { name: "orders/42" }).waitFor({ timeout: PATIENCE })],
  ["#/connections", (page) => page.getByRole("region", { name: "Connections" }).waitFor({ timeout: PATIENCE })],
  [streamView("orders/42"), (page) => page.locator(".tail li").nth(19).waitFor({ timeout: PATIENCE })],
  [streamView(HOSTILE), (page) => page.locator(".tail li").nth(3).waitFor({ timeout: PATIENCE })],
  [streamView("missing"), (page) => page.getByText("There is no stream of this name").waitFor({ timeout: PATIENCE })],
];

for (const [look, options] of [
  ["light", {}],
  ["dark", { colorScheme: "dark" }],
  ["phone", { ...PHONE, colorScheme: "dark" }],
]) {
  test(`every view is readable, complains of nothing and loads nothing from elsewhere: ${look}`, async (t) => {
    const page = await site.open(t, "", options);
    for (const [view, filled] of VIEWS) {
      await page.goto(`${site.server.url}/console/${view}`);
      await filled(page);
      if (process.env.SCREENSHOTS) {
        const index = VIEWS.findIndex(([one]) => one === view);
        await page.screenshot({ path: join(process.env.SCREENSHOTS, `${look}-${index}.png`), fullPage: true });
      }
      const faint = await page.evaluate(faintWords, CONTRAST_MIN);
      const [covered, wide] = [await page.evaluate(overlaps), await page.evaluate(tooWide)];
      assert.deepEqual({ faint, covered, wide }, { faint: [], covered: [], wide: [] }, view);
    }
    // The browser says of every 404 that there was one; the view says it in words.
    assert.deepEqual(page.complaints.filter((one) => !one.includes("status of 404")), []);
    const elsewhere = page.asked.filter((url) => !url.replace("ws:", "http:").startsWith(site.server.url));
    assert.deepEqual(elsewhere, []);
  });
}

test("names and messages are shown, and never run", async (t) => {
  const page = await site.open(t, streamView(HOSTILE));
  await page.locator(".tail li").nth(3).waitFor({ timeout: PATIENCE });
  assert.equal(await page.locator("h1").textContent(), `evil/${IMAGE}"'⟨202E⟩gnp.exe`);
  const messages = await page.locator(".tail .message").allTextContents();
  assert.deepEqual(messages, [
    IMAGE,
    "⟨0000⟩⟨0007⟩⟨001B⟩[31m",
    "⟨202E⟩desrever⟨2066⟩",
    JSON.stringify({ "</script><script>alert(2)</script>": IMAGE }),
  ]);
  await page.goto(`${site.server.url}/console/#/streams`);
  await page.getByRole("link", { name: "evil/" }).waitFor({ timeout: PATIENCE });
  assert.equal(await page.locator("main img, main script").count(), 0);
  assert.deepEqual(page.complaints, []);
  // A script that somebody got into the page after all.
  await page.evaluate(() => {
    const script = document.createElement("script");
    script.textContent = "globalThis.wasRun = true";
    document.body.append(script);
  });
  assert.equal(await page.evaluate(() => globalThis.wasRun), undefined);
  await eventually("the policy complains", PATIENCE, () => page.complaints.some((one) => one.startsWith("policy: script-src")));
});

test("a message may be huge, or no text at all", async (t) => {
  await site.create("large/json");
  await site.publish("large/json", JSON.stringify(["x".repeat(500_000)]));
  const page = await site.open(t, streamView("large/json"));
  await page.getByRole("button", { name: "65,136 more" }).click();
  await page.getByText("more, which the console does not keep").waitFor({ timeout: PATIENCE });
  assert.equal((await page.locator(".tail .message").textContent()).length, 65_536);
  await site.create("large/bytes", { "Content-Type": "application/octet-stream" });
  await site.publish("large/bytes", new Uint8Array([0xff, 0, 1, 0xfe]), "application/octet-stream");
  await page.goto(`${site.server.url}/console/${streamView("large/bytes")}`);
  await page.getByText("4 bytes: ff 00 01 fe").waitFor({ timeout: PATIENCE });
});

test("one stream is followed by all four transports side by side, and published to", async (t) => {
  await site.create("side/by/side");
  const page = await site.open(t, streamView("side/by/side"));
  for (const name of ["SSE", "Long poll", "Poll"]) await page.getByRole("button", { name, exact: true }).click();
  for (const transport of ["websocket", "sse", "long-poll", "poll"]) {
    await page.locator(`.tail[data-transport="${transport}"][data-state="live"]`).waitFor({ timeout: PATIENCE });
  }
  await page.getByLabel("One message").fill('{"by": "hand"}');
  await page.keyboard.press("Control+Enter");
  await page.getByText("Stored; the next offset is").waitFor({ timeout: PATIENCE });
  for (const transport of ["websocket", "sse", "long-poll", "poll"]) {
    await page.locator(`.tail[data-transport="${transport}"] .message`, { hasText: '{"by":"hand"}' }).waitFor({ timeout: PATIENCE });
  }
  await page.getByLabel("One message").fill("{by: hand}");
  await page.getByRole("button", { name: "Publish" }).click();
  await page.getByText("This is not JSON").waitFor({ timeout: PATIENCE });
  await page.getByRole("region", { name: "Lag of the followers" }).getByText("nothing").waitFor({ timeout: PATIENCE });
  assert.deepEqual(page.complaints, []);
});

test("somebody at night sees who is behind, and by how much", async (t) => {
  await site.create("busy");
  const stalled = connectSocket(site.server.port, "127.0.0.1");
  t.after(() => stalled.destroy());
  stalled.pause();
  stalled.write("GET /v1/stream/busy?offset=now&live=sse HTTP/1.1\r\nHost: t\r\n\r\n");
  const page = await site.open(t, "");
  await page.getByText("Nobody: every connection takes what it is sent.").waitFor({ timeout: PATIENCE });
  await eventually("it follows", PATIENCE, async () => {
    const answer = await fetch(`${site.server.url}/v1/admin/followers?stream=busy`);
    return (await answer.json()).looked_at === 1;
  });
  const batch = JSON.stringify(Array.from({ length: 16 }, () => "x".repeat(32_000)));
  for (let n = 0; n < 16; n += 1) await site.publish("busy", batch);
  const behind = page.getByRole("region", { name: "Connections that are behind" });
  await behind.getByRole("link", { name: "busy" }).waitFor({ timeout: PATIENCE });
  await page.getByRole("region", { name: "Who publishes" }).getByRole("link", { name: "busy" }).waitFor({ timeout: PATIENCE });
  await behind.getByRole("link", { name: "busy" }).click();
  await page.getByRole("heading", { name: "The furthest behind" }).waitFor({ timeout: PATIENCE });
  const lag = page.getByRole("region", { name: "The furthest behind" }).locator("tbody tr").first().locator("td").nth(4);
  assert.ok(10 < Number((await lag.textContent()).replace(",", "")));
});

test("the console is used by keyboard alone", async (t) => {
  const page = await site.open(t, "#/streams");
  await page.getByRole("link", { name: "orders/42" }).waitFor({ timeout: PATIENCE });
  await page.keyboard.press("Tab");
  assert.equal(await page.evaluate(() => document.activeElement.textContent), "To the view");
  await page.keyboard.press("Enter");
  assert.equal(await page.evaluate(() => document.activeElement.id), "main");
  await page.keyboard.press("Tab");
  await page.keyboard.type("orders/");
  await page.getByRole("link", { name: "evil/" }).waitFor({ state: "detached", timeout: PATIENCE });
  // While the server is asked there is no list.
  await page.getByRole("link", { name: "orders/42" }).waitFor({ timeout: PATIENCE });
  const seen = [];
  for (let n = 0; n < 10 && seen.at(-1) !== "orders/42"; n += 1) {
    await page.keyboard.press("Tab");
    const { text, outline } = await page.evaluate(() => {
      const style = getComputedStyle(document.activeElement);
      return { text: document.activeElement.textContent, outline: style.outlineStyle };
    });
    assert.notEqual(outline, "none", text);
    seen.push(text);
  }
  assert.equal(seen.at(-1), "orders/42", seen.join(" > "));
  await page.keyboard.press("Enter");
  await page.getByRole("heading", { name: "orders/42" }).waitFor({ timeout: PATIENCE });
  await page.getByRole("button", { name: "SSE", exact: true }).focus();
  await page.keyboard.press("Space");
  await page.locator('.tail[data-transport="sse"] li').first().waitFor({ timeout: PATIENCE });
  const nameless = await page.evaluate(() =>
    [...document.querySelectorAll("a, button, input, select, textarea, ol[tabindex], [role=region]")]
      .filter((one) => ((one.getAttribute("aria-label") ?? "") + [...(one.labels ?? [])].map((label) => label.textContent).join("") + one.textContent).trim() === "")
      .map((one) => one.outerHTML),
  );
  assert.deepEqual(nameless, []);
});
