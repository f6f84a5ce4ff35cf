// Makes the pictures of the documentation, `docs/images/console-*.png`, of the built binary in a real browser: `node screenshots.mjs`, after
// `cargo build --package tidings-cli` and `npm ci` in `conformance/foreign`.

import { stat, writeFile } from "node:fs/promises";
import { connect } from "node:net";
import { setTimeout as sleep } from "node:timers/promises";
import { launchChromium } from "../conformance/foreign/chromium.mjs";
import { Server } from "../conformance/foreign/server.mjs";
import { openPage, streamView } from "./tests/site.mjs";

const IMAGES = new URL("../docs/images/", import.meta.url);
const BYTES_MAX = 150_000;

/** For how long messages flow before the pictures are taken, in milliseconds. */
const GATHER = Number(process.env.GATHER ?? 60_000);

/** The streams that flow: a name, how many messages a second, and what they say. */
const STREAMS = [
  ["orders/eu", 40, (n) => ({ order: 10_000 + n, state: ["paid", "packed", "shipped"][n % 3] })],
  ["orders/us", 22, (n) => ({ order: 50_000 + n, state: ["paid", "packed", "shipped"][n % 3] })],
  ["sensors/hall-3", 12, (n) => ({ celsius: 20 + Math.sin(n / 20), humidity: 41 })],
  ["chat/lobby", 2, (n) => ({ by: ["ada", "grace", "lin"][n % 3], text: "The train goes into the tunnel." })],
  ["deploys", 0.2, (n) => ({ version: `1.${n}.0`, state: "done" })],
];

const server = await Server.start();
const browser = await launchChromium();
const sockets = [];
let isFlowing = true;
try {
  const flows = STREAMS.map(flow);
  await sleep(500);
  // Some who follow, and one who does not read.
  for (let n = 0; n < 60; n += 1) follow(STREAMS[n % STREAMS.length][0], n % 3 === 0 ? "long-poll" : "sse");
  follow("orders/eu", "sse").pause();
  const overview = await open({ viewport: { width: 1240, height: 900 } }, "");
  const phone = await open({ viewport: { width: 360, height: 900 }, colorScheme: "dark" }, streamView("orders/eu"));
  const stream = await open({ viewport: { width: 1240, height: 900 }, colorScheme: "dark" }, streamView("chat/lobby"));
  for (const name of ["SSE", "Long poll", "Poll"]) await stream.getByRole("button", { name, exact: true }).click();
  await sleep(GATHER);
  await save("console-overview.png", await overview.screenshot());
  await save("console-stream.png", await stream.screenshot());
  await save("console-phone.png", await phone.screenshot());
  isFlowing = false;
  await Promise.all(flows);
} finally {
  for (const socket of sockets) socket.destroy();
  await browser.close();
  await server.stop();
}

async function flow([name, rate, say]) {
  const headers = { "Content-Type": "application/json" };
  for (let n = 0; isFlowing; n += 1) {
    const filler = name === "orders/eu" ? { items: "x".repeat(2_000) } : {};
    const body = JSON.stringify([{ ...say(n), ...filler }]);
    await fetch(`${server.stream(name)}?create=true`, { method: "POST", headers, body });
    await sleep(Math.min(1_000 / rate, 2_000));
  }
}

function follow(name, live) {
  const socket = connect(server.port, "127.0.0.1");
  socket.on("data", () => {}).on("error", () => {});
  socket.write(`GET /v1/stream/${name}?offset=now&live=${live}&timeout=300 HTTP/1.1\r\nHost: t\r\n\r\n`);
  sockets.push(socket);
  return socket;
}

async function open(options, view) {
  return openPage(await browser.newContext(options), `${server.url}/console/${view}`);
}

async function save(name, picture) {
  const file = new URL(name, IMAGES);
  await writeFile(file, picture);
  const { size } = await stat(file);
  console.log(`${name}: ${size} bytes`);
  if (BYTES_MAX < size) throw new Error(`${name} is larger than ${BYTES_MAX} bytes`);
}
