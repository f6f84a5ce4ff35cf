// The report as a reader sees it, in Chromium: light, dark, printed, on a phone, by keyboard. Needs `npm ci` in `conformance/foreign`.
//
// `node --test report.test.mjs`; with `SCREENSHOTS=FOLDER` it leaves pictures there.

import assert from "node:assert/strict";
import { execFile } from "node:child_process";
import { mkdtemp, readdir, rm } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { after, before, test } from "node:test";
import { fileURLToPath } from "node:url";
import { promisify } from "node:util";
import { launchChromium } from "../../../conformance/foreign/chromium.mjs";
import { contrasts, outside, overlaps } from "./report/looks.mjs";

const ROOT = fileURLToPath(new URL("../../../", import.meta.url));
const CONTRAST_MIN = 4.5;
/** Which report is looked at in which views: the troubled one has everything that the plain one has. */
const REPORTS = [
  ["troubled", ["light", "dark", "phone", "paper"]],
  ["sweep", ["light", "dark", "phone", "paper"]],
  ["elsewhere", ["light"]],
];
/** What an A4 page with margins of 15 mm leaves, in CSS pixels. */
const PAPER_WIDTH = 680;

const VIEWS = {
  light: { width: 1000 },
  dark: { width: 1000, colorScheme: "dark" },
  phone: { width: 360 },
  paper: { width: PAPER_WIDTH, colorScheme: "dark", media: "print" },
};

let browser;
let folder;

before(async () => {
  folder = await mkdtemp(join(tmpdir(), "tidings-report-"));
  const [launched] = await Promise.all([launchChromium(), writeSamples()]);
  browser = launched;
});

/** By the example `samples`, where it is built already (`TIDINGS_SAMPLES`), else by cargo. */
function writeSamples() {
  const built = process.env.TIDINGS_SAMPLES;
  const example = ["run", "--quiet", "--package", "tidings-compare", "--example", "samples", "--", folder];
  return built ? promisify(execFile)(built, [folder]) : promisify(execFile)("cargo", example, { cwd: ROOT });
}

after(async () => {
  await browser?.close();
  await rm(folder, { recursive: true, force: true });
});

/** A page that goes from file to file and from view to view; `complaints` are what the browser says, `asked` what it asks for. */
async function newPage(t) {
  const context = await browser.newContext();
  t.after(() => context.close());
  const page = await context.newPage();
  page.complaints = [];
  page.asked = [];
  page.on("console", (message) => page.complaints.push(message.text()));
  page.on("pageerror", (error) => page.complaints.push(error.message));
  page.on("request", (request) => page.asked.push(request.url()));
  return page;
}

/** Opens a file in a view. The window is as high as the page, so that all of it can be looked at. */
async function show(page, file, view) {
  const { width, colorScheme = "light", media = "screen" } = VIEWS[view];
  await page.emulateMedia({ colorScheme, media });
  await page.setViewportSize({ width, height: 800 });
  await page.goto(`file://${join(folder, file)}`);
  const height = await page.evaluate(() => document.documentElement.scrollHeight);
  await page.setViewportSize({ width, height });
  const pictures = process.env.SCREENSHOTS;
  if (pictures && file.endsWith(".html")) await page.screenshot({ path: join(pictures, `${file}-${view}.png`) });
}

/** What is wrong with how a page looks. */
async function wrongs(page, view) {
  const faint = (await page.evaluate(contrasts)).filter(({ ratio }) => ratio < CONTRAST_MIN);
  const width = await page.evaluate(() => document.documentElement.scrollWidth);
  return {
    faint,
    covered: await page.evaluate(overlaps),
    outside: await page.evaluate(outside),
    wider: Math.max(0, width - VIEWS[view].width),
  };
}

const NOTHING = { faint: [], covered: [], outside: [], wider: 0 };

test("a report is readable in every view, complains of nothing and asks for nothing", async (t) => {
  const page = await newPage(t);
  for (const [report, views] of REPORTS) {
    for (const view of views) {
      await show(page, `${report}.html`, view);
      assert.deepEqual(await wrongs(page, view), NOTHING, `${report}, ${view}`);
    }
  }
  assert.deepEqual(page.complaints, []);
  const others = page.asked.filter((url) => !url.startsWith(`file://${folder}`) && !url.startsWith("data:"));
  assert.deepEqual(others, []);
});

test("a report is dark where the reader's system is, and black on white on paper", async (t) => {
  const page = await newPage(t);
  const grounds = {};
  for (const view of Object.keys(VIEWS)) {
    await show(page, "plain.html", view);
    grounds[view] = await page.evaluate(() => getComputedStyle(document.documentElement).backgroundColor);
  }
  const white = "rgb(255, 255, 255)";
  assert.deepEqual(grounds, { light: white, dark: "rgb(20, 23, 28)", phone: white, paper: white });
});

test("a report has names for those who do not see it, and its charts as tables", async (t) => {
  const page = await newPage(t);
  await show(page, "troubled.html", "light");
  const figures = await page.locator("figure", { has: page.locator("svg") }).all();
  assert.equal(figures.length, 10);
  for (const figure of figures) {
    const heading = await figure.locator("h3").textContent();
    assert.equal(await figure.getByRole("img", { name: heading }).count(), 1, heading);
    await figure.getByText("The same as a table").click();
    assert.ok(0 < (await figure.locator("details tbody tr").count()), heading);
    assert.ok(await figure.locator("details table").isVisible(), heading);
  }
  const levels = await page.locator("h1, h2, h3").evaluateAll((all) => all.map((one) => Number(one.tagName[1])));
  levels.forEach((level, index) => assert.ok(level <= (levels[index - 1] ?? 0) + 1, `heading ${index} of level ${level}`));
});

test("a report is used by keyboard: to the figures, along a chart, into its table", async (t) => {
  const page = await newPage(t);
  await show(page, "plain.html", "phone");
  await page.keyboard.press("Tab");
  assert.equal(await page.evaluate(() => document.activeElement.className), "skip");
  await page.locator("#latency .scroll").first().focus();
  await page.keyboard.press("ArrowRight");
  await page.waitForFunction(() => 0 < document.querySelector("#latency .scroll").scrollLeft);
  await page.keyboard.press("Tab");
  await page.keyboard.press("Enter");
  assert.equal(await page.locator("#latency details").getAttribute("open"), "");
});

test("each chart is a picture of its own, in light and dark", async (t) => {
  const files = (await readdir(folder)).filter((file) => /^(troubled|sweep)-.*\.svg$/.test(file));
  assert.equal(files.length, 12);
  const page = await newPage(t);
  for (const view of ["light", "dark"]) {
    for (const file of files) {
      await show(page, file, view);
      // What is not well-formed is shown as a page that says so.
      assert.equal(await page.evaluate(() => document.documentElement.tagName), "svg", file);
      assert.deepEqual({ ...(await wrongs(page, view)), wider: 0 }, NOTHING, `${file}, ${view}`);
    }
  }
  assert.deepEqual(page.complaints, []);
});
