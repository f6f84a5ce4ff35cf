/** The overlay in a real browser, by keyboard. */

import assert from "node:assert/strict";
import { after, before, test } from "node:test";
import type { Page } from "playwright-core";
import { Browser } from "../ui/browser.ts";

let browser: Browser;
before(async () => void (browser = await Browser.launch()));
after(() => browser.close());

// Where the pictures go, for somebody who wants to look at them.
const { PICTURES } = process.env;

async function withOverlay(use: (page: Page) => Promise<void>): Promise<void> {
  const { page, complaints, close } = await browser.open("devtools/page.ts");
  try {
    await use(page);
    assert.deepEqual(complaints, []);
  } finally {
    await close();
  }
}

/**
 * The texts of these elements, once the first is that. They are drawn anew all the time: what is replaced between the look for
 * it and the look at it has no layout any more, so its text lacks what stands between the parts.
 */
async function textsOf(page: Page, selector: string, first: RegExp): Promise<string[]> {
  const end = performance.now() + 5000;
  for (;;) {
    const texts = await page.locator(selector).allInnerTexts();
    if (first.test(texts[0] ?? "")) return texts;
    if (end < performance.now()) assert.match(texts[0] ?? "", first);
  }
}

test("by keyboard: it unfolds, tells what is going on, forces a transport, and folds up", () =>
  withOverlay(async (page) => {
    const pill = page.getByRole("button");
    await pill.filter({ hasText: "websocket" }).waitFor();
    assert.equal(await pill.getAttribute("aria-expanded"), "false");

    await page.keyboard.press("Tab");
    await page.keyboard.press("Enter");
    await page.getByRole("status").filter({ hasText: "live by websocket" }).waitFor();
    const rows = await textsOf(page, "tbody tr", /^orders\/42\t\w{4}…0{5}1\t/);
    assert.equal(rows.length, 3);
    assert.match(rows[2] ?? "", /^<img/);
    if (PICTURES) await page.screenshot({ path: `${PICTURES}/devtools-light.png` });

    await page.keyboard.press("Tab");
    assert.equal(await page.getByRole("radio", { name: "auto" }).isChecked(), true);
    for (let presses = 0; presses < 3; presses += 1) await page.keyboard.press("ArrowRight");
    await page.getByRole("status").filter({ hasText: "live by sse" }).waitFor();
    assert.equal(
      await page.evaluate(
        () => (globalThis as never as { tidings: { explain(): { via: string } } }).tidings.explain().via,
      ),
      "sse",
    );
    assert.equal(await page.getByRole("radio", { name: "sse" }).isChecked(), true);
    await textsOf(page, "li", /^sse\s+live in \d+ ms, open/);

    await page.keyboard.press("Escape");
    assert.equal(await page.locator("section").isVisible(), false);
    assert.equal(
      await pill.evaluate((button) => (button.getRootNode() as ShadowRoot).activeElement === button),
      true,
    );
  }));

test("it is dark where the system is, and fits a phone", () =>
  withOverlay(async (page) => {
    await page.emulateMedia({ colorScheme: "dark" });
    await page.setViewportSize({ width: 360, height: 640 });
    await page.getByRole("button").click();
    await page.locator("tbody tr").first().waitFor();
    const box = await page.locator("section").boundingBox();
    assert.ok(box && 0 <= box.x && box.x + box.width <= 360, JSON.stringify(box));
    const paper = await page.locator("section").evaluate((panel) => getComputedStyle(panel).backgroundColor);
    assert.equal(paper, "rgb(22, 24, 29)");
    await page.evaluate(() => {
      const { server } = globalThis as never as { server: { swallow(name: string): void; drop(): void } };
      server.swallow("websocket");
      server.drop();
    });
    await page.waitForFunction(
      () =>
        (globalThis as never as { tidings: { status: { transport: string } } }).tidings.status.transport ===
        "sse",
    );
    await page.getByRole("status").filter({ hasText: "live by sse" }).waitFor();
    if (PICTURES) await page.screenshot({ path: `${PICTURES}/devtools-dark.png` });
  }));

test("unmounted it leaves nothing behind", () =>
  withOverlay(async (page) => {
    await page.getByRole("button").waitFor();
    await page.evaluate(() => (globalThis as never as { unmount(): void }).unmount());
    assert.equal(await page.locator("tidings-devtools").count(), 0);
  }));
