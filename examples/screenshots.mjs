// Makes the pictures of the README, `docs/images/example-*.png`, of the built binary in a real browser: `node examples/screenshots.mjs`, after
// `cargo build --package tidings-cli` and `npm ci` in `conformance/foreign`. With the report of a comparison, as `tidings compare --report`
// writes it, only that of the report: `node examples/screenshots.mjs tidings-compare.html`.

import { stat, writeFile } from "node:fs/promises";
import { setTimeout as sleep } from "node:timers/promises";
import { pathToFileURL } from "node:url";
import { launchChromium } from "../conformance/foreign/chromium.mjs";
import { Server } from "../conformance/foreign/server.mjs";
import { comeIn, force, openPage, send } from "./tests/site.mjs";

const IMAGES = new URL("../docs/images/", import.meta.url);
const BYTES_MAX = 200_000;

/** For how long the figures are gathered before the picture of the charts is taken, in milliseconds. */
const GATHER = Number(process.env.GATHER ?? 100_000);

/** What they say, by turns. */
const TALK = [
  ["Ada", "Morning! The train goes into the tunnel in a minute."],
  ["Grace", "Then this will be a good test."],
  ["Grace", "I'll keep on writing while you are away."],
  ["Ada", "Back. Everything you wrote is here, once and in order."],
  ["Grace", "My network swallows WebSockets, so I'm on SSE. I had not noticed."],
  ["Ada", "Neither had I. Coffee?"],
];

const [report] = process.argv.slice(2);
const browser = await launchChromium();
const server = report ? undefined : await Server.start({ flags: ["--examples"] });
try {
  if (report) await takeReport(pathToFileURL(report));
  else await takeExamples();
} finally {
  await browser.close();
  await server?.stop();
}

async function takeExamples() {
  const gathering = sleep(GATHER);
  await takeChat();
  await gathering;
  await takeLiveData();
}

/** What it says, and beside it in the dark its first chart. */
async function takeReport(url) {
  const says = await browser.newPage({ viewport: { width: 740, height: 590 } });
  await says.goto(url.href);
  const shows = await browser.newPage({ viewport: { width: 640, height: 590 }, colorScheme: "dark" });
  await shows.goto(url.href);
  await shows.evaluate(() => scrollTo(0, (document.querySelector("#map") ?? document.querySelector("#latency")).offsetTop - 24));
  await save("compare-report.png", await beside(await Promise.all([says, shows].map((page) => page.screenshot())), 590));
}

/** Two people: one before a desk, one with a phone in the dark. */
async function takeChat() {
  const desk = await openPage(
    await browser.newContext({ viewport: { width: 1020, height: 660 } }),
    `${server.url}/examples/chat/`,
  );
  const phone = await openPage(
    await browser.newContext({ viewport: { width: 360, height: 660 }, colorScheme: "dark" }),
    `${server.url}/examples/chat/`,
  );
  await comeIn(desk, "Ada");
  await comeIn(phone, "Grace");
  await force(phone, "sse");
  const pages = { Ada: desk, Grace: phone };
  for (const [name, text] of TALK) {
    await send(pages[name], text);
    await Promise.all([desk, phone].map((page) => page.getByText(text, { exact: true }).waitFor()));
  }
  for (const room of ["coffee", "coffee", "music"]) await sayIn(room);
  await desk.locator("#rooms .unread", { hasText: "2" }).waitFor();
  // The pages show their figures twice a second.
  await sleep(1_500);
  const pictures = await Promise.all([desk, phone].map((page) => page.screenshot()));
  await save("example-chat.png", await beside(pictures, 660));
}

/** The charts under a load, and the strip that explains what the client did. */
async function takeLiveData() {
  const context = await browser.newContext({ viewport: { width: 1280, height: 1010 } });
  const page = await openPage(context, `${server.url}/examples/live-data/`);
  await page.getByRole("button", { name: "Start" }).click();
  for (const transport of ["sse", "long-poll", "auto"]) {
    await force(page, transport);
    await sleep(2_000);
  }
  await page.getByRole("button", { name: "Explain" }).click();
  await sleep(6_000);
  await save("example-live-data.png", await page.screenshot());
}

async function sayIn(room) {
  const headers = { "Content-Type": "application/json" };
  const body = JSON.stringify({ by: "x", name: "Lin", text: "Anybody?" });
  await fetch(server.stream(`examples/rooms/${room}`), { method: "POST", headers, body });
}

/** One picture of several of that height, side by side. */
async function beside(pictures, height) {
  const page = await browser.newPage({ viewport: { width: 1444, height: height + 40 } });
  const images = pictures.map((picture) => `<img src="data:image/png;base64,${picture.toString("base64")}">`);
  await page.setContent(`<style>
    body { display: flex; gap: 20px; margin: 0; padding: 20px 22px; background: #cfd5e2; }
    img { border-radius: 10px; box-shadow: 0 4px 16px rgb(16 24 40 / 25%); }
  </style>${images.join("")}`);
  await page.waitForFunction(() => [...document.images].every((image) => image.complete));
  const picture = await page.screenshot();
  await page.close();
  return picture;
}

async function save(name, picture) {
  const file = new URL(name, IMAGES);
  await writeFile(file, picture);
  const { size } = await stat(file);
  console.log(`${name}: ${size} bytes`);
  if (BYTES_MAX < size) throw new Error(`${name} is larger than ${BYTES_MAX} bytes`);
}
