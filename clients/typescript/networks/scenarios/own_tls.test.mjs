// The server's own TLS, without a proxy: the client in Node with the certificate of its authority, and Chromium, over each transport.

import assert from "node:assert/strict";
import { execFile } from "node:child_process";
import { mkdtemp, readFile, rm, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join, resolve } from "node:path";
import { after, before, test } from "node:test";
import { promisify } from "node:util";
import { Browser } from "../../../../conformance/foreign/chromium.mjs";
import { selfSigned } from "../../../../conformance/foreign/front.mjs";
import { createStream, freePort, publish, Server } from "../../../../conformance/foreign/server.mjs";

const NETWORKS = resolve(import.meta.dirname, "..");
const TRANSPORTS = ["poll", "long-poll", "sse", "websocket"];
const EXPECTED = [1, 2, 3];

let folder, server, url, certificate, browser;

before(async () => {
  folder = await mkdtemp(join(tmpdir(), "tidings-own-tls-"));
  const { key, cert } = await selfSigned();
  certificate = join(folder, "cert.pem");
  const keyFile = join(folder, "key.pem");
  await Promise.all([writeFile(certificate, cert), writeFile(keyFile, key)]);
  const listen = `127.0.0.1:${await freePort()}`;
  url = `https://${listen}`;
  const rules = join(folder, "tidings.toml");
  await writeFile(rules, '[[streams]]\nmatch = "over-*"\ncreate_on_publish = true\n');
  const flags = ["--config", rules, "--tls-listen", listen, "--tls-certificate-file", certificate, "--tls-key-file", keyFile];
  server = await Server.start({ flags });
  // It believes nobody by itself, so this is where the certificate is not looked at.
  browser = await Browser.launch({ ignoreHTTPSErrors: true });
});

after(async () => {
  await browser?.close();
  await server?.stop();
  await rm(folder, { recursive: true, force: true });
});

function node(transport, more) {
  const flags = ["--experimental-websocket", "--no-warnings", join(NETWORKS, "over_tls.mjs"), url, transport];
  const { NODE_OPTIONS: _, NODE_EXTRA_CA_CERTS: __, ...env } = process.env;
  return promisify(execFile)(process.execPath, flags, { env: { ...env, ...more }, timeout: 30_000 });
}

for (const transport of TRANSPORTS) {
  test(`in Node, over ${transport}`, { timeout: 60_000 }, async () => {
    const { stdout } = await node(transport, { NODE_EXTRA_CA_CERTS: certificate });
    const { received, used } = JSON.parse(stdout);
    assert.deepEqual([received, used], [EXPECTED, transport]);
  });

  test(`in Chromium, over ${transport}`, { timeout: 60_000 }, async () => {
    const page = await browser.context.newPage();
    await page.goto(`${url}/health/live`);
    const modules = await Promise.all(["dist/index.js", "networks/over_tls.mjs"].map((file) => readFile(join(NETWORKS, "..", file), "utf8")));
    const addresses = modules.map((text) => `data:text/javascript;base64,${Buffer.from(text).toString("base64")}`);
    const found = await page.evaluate(
      async ([[library, script], transport]) => {
        const [{ connect }, { exchange }] = await Promise.all([import(library), import(script)]);
        return exchange(connect, location.origin, transport);
      },
      [addresses, transport],
    );
    assert.deepEqual([found.received, found.used], [EXPECTED, transport]);
    await page.close();
  });
}

test("in Node, not without the certificate", { timeout: 60_000 }, async () => {
  // It comes back for ever, as to a server that is not there.
  const patience = AbortSignal.timeout(2_000);
  const flags = [join(NETWORKS, "over_tls.mjs"), url, "poll"];
  const run = promisify(execFile)(process.execPath, flags, { signal: patience, env: { PATH: process.env.PATH } });
  await assert.rejects(run, { name: "AbortError", stdout: "" });
});

test("a browser's own EventSource and WebSocket", { timeout: 60_000 }, async () => {
  await createStream(server, "a");
  await publish(server, "a", EXPECTED);
  const page = await browser.context.newPage();
  await page.goto(`${url}/health/live`);
  const found = await page.evaluate(async (count) => {
    const all = (source, listen) => {
      const received = [];
      return new Promise((done, failed) => {
        source.onerror = () => failed(new Error("it broke off"));
        listen((data) => received.push(...data) >= count && done(received));
      });
    };
    const path = "/v1/stream/a?offset=-1";
    const events = new EventSource(`${path}&live=sse`);
    const socket = new WebSocket(`wss://${location.host}${path}`);
    const found = await Promise.all([
      all(events, (take) => events.addEventListener("data", ({ data }) => take(JSON.parse(data)))),
      all(socket, (take) =>
        socket.addEventListener("message", ({ data }) => {
          const frame = JSON.parse(data);
          if (frame.type === "message") take([frame.data]);
        }),
      ),
    ]);
    events.close();
    socket.close();
    return found;
  }, EXPECTED.length);
  assert.deepEqual(found, [EXPECTED, EXPECTED]);
  await page.close();
});
