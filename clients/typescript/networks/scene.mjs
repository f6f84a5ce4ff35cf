// The stage of a test: the real server, a proxy and a network before it, a publisher, and clients that follow it through both.

import assert from "node:assert/strict";
import { readFile } from "node:fs/promises";
import { resolve } from "node:path";
import { test } from "node:test";
import { createStream, eventually, Server } from "../../../conformance/foreign/server.mjs";
import { NodeClient, PageClient } from "./clients.mjs";
import { Network } from "./network.mjs";
import { FaultProxy } from "./proxy.mjs";
import { Publisher } from "./publisher.mjs";

/** A machine that is busy with other things is waited for; what a test claims is measured apart from this. */
const PATIENCE_MS = 45_000;
const TEST_MS_MAX = 120_000;
/** How often a test is run whose time was not within its bound: a machine that does much else may be late once, a client that is slow is so each time. */
const TRIES_MAX = 3;
const ROUND_MS = 50;
const PAGE_FILES = {
  "/page.html": ["page.html", "text/html"],
  "/tidings.js": ["../dist/index.js", "text/javascript"],
  "/following.mjs": ["following.mjs", "text/javascript"],
  "/sequence.mjs": ["sequence.mjs", "text/javascript"],
};

/** client → network → proxy → places → server. A place is one of the ports behind the proxy. */
export class Scene {
  clients = [];
  /** What clients have published: stream and publisher → how many. */
  publishedByClients = new Map();

  static async open({ flags = [], streams = ["a"], places = 1, keepAlive = true } = {}) {
    const scene = new Scene();
    scene.streams = streams;
    scene.server = await Server.start({ flags });
    for (const name of streams) await createStream(scene.server, name);
    scene.places = await Promise.all(Array.from({ length: places }, () => Network.listen(scene.server.port)));
    scene.proxy = await FaultProxy.listen(...scene.places.map(({ port }) => port));
    scene.proxy.keepAlive = keepAlive;
    scene.network = await Network.listen(scene.proxy.port);
    scene.url = scene.network.url;
    for (const [path, [file, type]] of Object.entries(PAGE_FILES)) await scene.serve(path, file, type);
    scene.publisher = new Publisher(scene.server, streams);
    return scene;
  }

  /** Serves a file beside this one to pages, of the same origin as the server. */
  async serve(path, file, type) {
    this.proxy.pages.set(path, { type, body: await readFile(resolve(import.meta.dirname, file)) });
  }

  /** A client in this process that follows all streams. */
  node(options, url = this.url) {
    const client = new NodeClient(url, this.streams, options);
    this.clients.push(client);
    return client;
  }

  /** A client in a page. */
  async page(browser, options, prepare) {
    const client = await PageClient.open(browser, this.url, this.streams, options, prepare);
    this.clients.push(client);
    return client;
  }

  /** Publishes a round of messages every so often, until the end. */
  publish(milliseconds = ROUND_MS) {
    this.publisher.start(milliseconds);
  }

  /** Publishes a message through a client, which numbers its own. */
  async publishBy(client, name, by) {
    const key = `${name} ${by}`;
    const n = this.publishedByClients.get(key) ?? 0;
    this.publishedByClients.set(key, n + 1);
    return client.publish(name, { by, n, at: Date.now() });
  }

  /** Ends the publishing and asks that every client has got everything, once and in order. */
  async nothingIsLost() {
    await this.publisher.stop();
    const published = new Map(this.publishedByClients);
    for (const [name, count] of this.publisher.published) published.set(`${name} publisher`, count);
    const total = [...published.values()].reduce((sum, count) => sum + count, 0);
    for (const client of this.clients) {
      await until(client, "all has come", ({ received }) => received >= total).catch(() => {}); // What is lost is counted below.
      const { sequences, errors } = await client.snapshot();
      assert.deepEqual(errors, []);
      for (const [key, count] of published) {
        const { next = 0, missing = 0, doubled = 0, reordered = 0 } = sequences[key] ?? {};
        const found = { next, missing, doubled, reordered };
        assert.deepEqual(found, { next: count, missing: 0, doubled: 0, reordered: 0 }, `${client.kind}: ${key}`);
      }
    }
    return total;
  }

  async close() {
    for (const client of this.clients) await client.close().catch(() => {}); // A page may be gone already.
    await this.publisher.stop().catch(() => {}); // `nothingIsLost` has told.
    await this.network.close();
    await this.proxy.close();
    await Promise.all(this.places.map((place) => place.close()));
    await this.server.stop();
  }
}

/** What a test measured is not within the bound. */
class TooLate extends assert.AssertionError {}

/** A test on a stage of its own; when it fails, what each client did is shown. When it was only too late, it is tried again. */
export function sceneTest(claim, options, run) {
  test(claim, { timeout: TRIES_MAX * TEST_MS_MAX }, async (t) => {
    for (let tries = 1; ; tries += 1) {
      try {
        return await onStage(t, options, run);
      } catch (error) {
        if (!(error instanceof TooLate) || tries === TRIES_MAX) throw error;
        t.diagnostic(`too late: try ${tries + 1} of ${TRIES_MAX}`);
      }
    }
  });
}

async function onStage(t, options, run) {
  const scene = await Scene.open(options);
  try {
    await run(scene, t);
  } catch (error) {
    for (const client of scene.clients) t.diagnostic(await explained(client));
    throw error;
  } finally {
    await scene.close();
  }
}

async function explained(client) {
  const explanation = await client.explain().catch((error) => `no explanation: ${error}`);
  return `${client.kind}: ${JSON.stringify(explanation, null, 1)}`;
}

/** Waits until a snapshot of the client is as asked, and gives it. */
export function until(client, what, isSo, millisecondsMax = PATIENCE_MS) {
  return eventually(what, millisecondsMax, async () => {
    const snapshot = await client.snapshot();
    return isSo(snapshot) && snapshot;
  });
}

/** Waits until the client is live over this transport, and gives the time at which it said so first since `since`. */
export async function untilLiveOver(client, transport, since = 0) {
  const isIt = (status) => status.state === "live" && status.transport === transport && status.at >= since;
  const { statuses } = await until(client, `live over ${transport}`, (now) => {
    return now.state === "live" && now.transport === transport && now.statuses.some(isIt);
  });
  return statuses.find(isIt).at;
}

/** Tells a measured time, and asks that it is within the bound, where there is one. */
export function measured(t, what, milliseconds, millisecondsMax) {
  const bound = millisecondsMax === undefined ? "" : ` (at most ${millisecondsMax.toLocaleString("en")})`;
  t.diagnostic(`${what}: ${Math.round(milliseconds).toLocaleString("en")} ms${bound}`);
  if (millisecondsMax < milliseconds) throw new TooLate({ message: `${what}: ${milliseconds} ms${bound}` });
}
