// The pages as such: they open without a complaint, fit a phone, and can be used without a mouse.

import assert from "node:assert/strict";
import { execFile } from "node:child_process";
import { join } from "node:path";
import { test } from "node:test";
import { promisify } from "node:util";
import { PATIENCE, Site, comeIn, texts } from "./site.mjs";

const site = Site.forTests();
const PHONE = { viewport: { width: 360, height: 640 }, deviceScaleFactor: 2, hasTouch: true, isMobile: true };

test("the client that the pages load is the one of this repository", async () => {
  await promisify(execFile)(process.execPath, [join(import.meta.dirname, "../bundle.mjs"), "--check"]);
});

for (const scheme of ["light", "dark"]) {
  test(`all pages open without a complaint, and all words stand out from what is behind them, ${scheme}`, async (t) => {
    const index = await site.open(t, "/examples/", { colorScheme: scheme });
    await index.getByRole("link", { name: "Open the chat" }).waitFor();
    const chat = await site.person(t, "Ada", { colorScheme: scheme });
    await chat.locator('.connection-status[data-state="live"]').waitFor({ timeout: PATIENCE });
    await site.say("lobby", `read me in ${scheme}`, "Grace");
    await chat.getByText(`read me in ${scheme}`).waitFor({ timeout: PATIENCE });
    const live = await site.open(t, "/examples/live-data/", { colorScheme: scheme });
    await live.waitForFunction(() => document.getElementById("cpu").textContent.endsWith("%"), null, { timeout: PATIENCE });
    await live.waitForFunction(() => 1 < globalThis.liveData.charts.cpu.frames, null, { timeout: PATIENCE });
    for (const page of [index, chat, live]) {
      assert.deepEqual(page.complaints, [], page.url());
      assert.deepEqual(await page.evaluate(faintWords), [], page.url());
    }
  });
}

test("a page may load nothing from elsewhere, and nothing inline", async (t) => {
  const page = await site.open(t, "/examples/chat/");
  await page.evaluate(() => {
    const script = document.createElement("script");
    script.textContent = "globalThis.wasRun = true";
    document.body.append(script);
  });
  assert.equal(await page.evaluate(() => globalThis.wasRun), undefined);
  assert.ok(page.complaints.some((complaint) => complaint.startsWith("policy: script-src")), page.complaints.join());
});

test("nothing is wider than a phone", async (t) => {
  const index = await site.open(t, "/examples/", PHONE);
  const chat = await site.person(t, "A name of twenty-four ch", PHONE);
  await site.say("lobby", "w".repeat(300), "somebody with a long name");
  await chat.getByText("w".repeat(300)).waitFor({ timeout: PATIENCE });
  const live = await site.open(t, "/examples/live-data/", PHONE);
  await live.waitForFunction(() => document.getElementById("cpu").textContent.endsWith("%"), null, { timeout: PATIENCE });
  for (const page of [chat, live]) await page.getByRole("button", { name: "Explain" }).click();
  for (const page of [index, chat, live]) {
    const wide = await page.evaluate(() => {
      const out = [...document.querySelectorAll("body *")].filter((element) => {
        const scrolls = element.closest(".rooms, .explanation, .visually-hidden, canvas, dialog:not([open])");
        return !scrolls && innerWidth < element.getBoundingClientRect().right - 0.5;
      });
      return { page: document.documentElement.scrollWidth, out: out.map((element) => element.outerHTML.slice(0, 80)) };
    });
    assert.deepEqual(wide, { page: 360, out: [] }, page.url());
  }
});

test("the chat can be used by keyboard alone", async (t) => {
  const page = await site.open(t, "/examples/chat/");
  const press = (...keys) => keys.reduce((done, key) => done.then(() => page.keyboard.press(key)), Promise.resolve());
  const focused = () => page.evaluate(() => document.activeElement.id || document.activeElement.getAttribute("value") || document.activeElement.textContent);
  await page.keyboard.type("Keys");
  await press("Enter");
  await page.locator('#log[aria-busy="false"]').waitFor({ timeout: PATIENCE });
  await page.keyboard.type("typed, not clicked");
  await press("Enter");
  await page.getByText("typed, not clicked").waitFor({ timeout: PATIENCE });
  assert.equal(await focused(), "text");

  // From the top of the page by Tab: the link past it all, the head, the switch as one stop, the rooms, the list, the field.
  await page.reload();
  await page.locator('#log[aria-busy="false"]').waitFor({ timeout: PATIENCE });
  const stops = [];
  for (let count = 0; count < 20 && stops.at(-1) !== "text"; count += 1) {
    await press("Tab");
    stops.push(await focused());
    const outline = await page.evaluate(() => {
      const shown = document.activeElement.matches(".switch input") ? document.activeElement.nextElementSibling : document.activeElement;
      return getComputedStyle(shown).outlineStyle;
    });
    assert.notEqual(outline, "none", `${stops.at(-1)} shows its focus`);
  }
  assert.equal(stops[0], "To the message box");
  const order = ["auto", "Explain", "log", "text"].map((stop) => stops.indexOf(stop));
  assert.ok(order.every((at, index) => 0 <= at && (index === 0 || order[index - 1] < at)), stops.join(" > "));

  // The switch moves by arrows.
  await page.locator('.switch input[value="auto"]').focus();
  await press("ArrowRight", "ArrowRight");
  await page.locator('.connection-status[data-transport="sse"]').waitFor({ timeout: PATIENCE });
  // A room opens by Enter.
  await page.locator("#rooms a", { hasText: "coffee" }).focus();
  await press("Enter");
  await page.getByRole("heading", { name: "#coffee" }).waitFor({ timeout: PATIENCE });
  // The first link leads to the field, over everything else.
  await page.locator(".skip").focus();
  await press("Enter");
  assert.equal(await focused(), "text");
  assert.deepEqual(page.complaints, []);
});

test("everything has a name, and new messages are read aloud", async (t) => {
  const chat = await site.open(t, "/examples/chat/");
  await comeIn(chat, "Ada");
  await chat.locator('#log[aria-live="polite"]').waitFor({ timeout: PATIENCE });
  assert.equal(await chat.locator("#log").getAttribute("role"), "log");
  const live = await site.open(t, "/examples/live-data/");
  for (const page of [chat, live]) {
    const nameless = await page.evaluate(() =>
      [...document.querySelectorAll("a, button, input, textarea, canvas, [tabindex='0']")]
        .filter((element) => {
          const labels = [...(element.labels ?? [])].map((label) => label.textContent).join("");
          const by = document.getElementById(element.getAttribute("aria-labelledby"))?.textContent ?? "";
          const image = element.querySelector("img")?.alt ?? "";
          const name = (element.getAttribute("aria-label") ?? "") + labels + by + image + element.textContent;
          return name.trim() === "" && !element.hidden;
        })
        .map((element) => element.outerHTML),
    );
    assert.deepEqual(nameless, [], page.url());
  }
  assert.deepEqual(await texts(chat).then((all) => all.filter((text) => text === "")), []);
});

/** In the page: texts whose contrast is below that of WCAG 2, level AA, for small text. */
function faintWords() {
  const LEAST = 4.5;
  const canvas = document.createElement("canvas");
  canvas.width = canvas.height = 1;
  const context = canvas.getContext("2d", { willReadFrequently: true });
  const paint = (colors) => {
    context.clearRect(0, 0, 1, 1);
    for (const color of colors) {
      context.fillStyle = color;
      context.fillRect(0, 0, 1, 1);
    }
    return [...context.getImageData(0, 0, 1, 1).data].slice(0, 3);
  };
  const luminance = (color) => {
    const [red, green, blue] = color.map((part) => part / 255).map((part) => (part <= 0.03928 ? part / 12.92 : ((part + 0.055) / 1.055) ** 2.4));
    return 0.2126 * red + 0.7152 * green + 0.0722 * blue;
  };
  const found = [];
  for (const element of document.querySelectorAll("body *")) {
    const hasWords = [...element.childNodes].some((node) => node.nodeType === Node.TEXT_NODE && node.textContent.trim() !== "");
    if (!hasWords || !element.checkVisibility() || element.closest(".visually-hidden, .skip, noscript, script")) continue;
    const backgrounds = [];
    for (let at = element; at; at = at.parentElement) backgrounds.unshift(getComputedStyle(at).backgroundColor);
    const [one, two] = [paint(backgrounds), paint([...backgrounds, getComputedStyle(element).color])].map(luminance).sort((a, b) => b - a);
    const contrast = (one + 0.05) / (two + 0.05);
    if (contrast < LEAST) found.push(`${element.textContent.trim().slice(0, 30)}: ${contrast.toFixed(2)}`);
  }
  return found;
}
