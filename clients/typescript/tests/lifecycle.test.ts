/** Pages that are put aside and come back, networks that come back, and machines that sleep. */

import assert from "node:assert/strict";
import { after, before } from "node:test";
import type { Clock, ConnectOptions } from "../src/index.ts";
import { connect } from "./support/client.ts";
import { eventually, type Server, serverTest } from "./support/server.ts";

// Node has no page: a stand-in for what the client listens to.
const window = new EventTarget();
const document = Object.assign(new EventTarget(), { hidden: false });

before(() => {
  Object.assign(globalThis, {
    document,
    addEventListener: window.addEventListener.bind(window),
    removeEventListener: window.removeEventListener.bind(window),
  });
});

after(() => {
  Reflect.deleteProperty(globalThis, "document");
  Reflect.deleteProperty(globalThis, "addEventListener");
  Reflect.deleteProperty(globalThis, "removeEventListener");
});

async function follow(server: Server, clock?: Clock) {
  await server.create("a");
  const tidings = connect(server.url, { tabs: false, clock });
  const seen: unknown[] = [];
  tidings.stream("a").addEventListener("message", ({ detail }) => seen.push(detail.data));
  await eventually("a websocket", () => tidings.status.transport == "websocket");
  return { tidings, seen };
}

for (const [away, back, target] of [
  ["pagehide", "pageshow", window],
  ["freeze", "resume", document],
] as const) {
  serverTest(`${away} closes everything, ${back} goes on where it was`, async (server) => {
    const { tidings, seen } = await follow(server);
    await server.publish("a", 1);
    await eventually("one", () => seen.length == 1);
    target.dispatchEvent(new Event(away));
    await eventually("nobody follows", async () => (await server.followers("a")).websocket === 0);
    assert.equal(tidings.stream("a").live, false);
    await server.publish("a", 2);
    target.dispatchEvent(new Event(back));
    await eventually("two", () => seen.length == 2);
    await eventually("a websocket", () => tidings.status.transport == "websocket");
    assert.deepEqual(seen, [1, 2]);
  });
}

for (const [what, wake] of [
  ["the network comes back", () => window.dispatchEvent(new Event("online"))],
  [
    "the page becomes visible",
    () => {
      document.hidden = true;
      document.dispatchEvent(new Event("visibilitychange"));
      document.hidden = false;
      document.dispatchEvent(new Event("visibilitychange"));
    },
  ],
] as const) {
  serverTest(`when ${what} a websocket that answers stays`, async (server) => {
    await server.create("a");
    // Nothing that is started beside it is answered: else either may be the first.
    let isAwake = false;
    const { fetch, WebSocket } = globalThis;
    const tidings = connect(server.url, {
      tabs: false,
      timing: { probe: 30_000 },
      fetch: (input, init) => (isAwake ? new Promise<Response>(() => {}) : fetch(input, init)),
      WebSocket: class {
        constructor(url: string | URL, protocols?: string | string[]) {
          return isAwake ? Object.assign(new EventTarget(), { send() {}, close() {} }) : new WebSocket(url, protocols);
        }
      } as unknown as NonNullable<ConnectOptions["WebSocket"]>,
    });
    const seen: unknown[] = [];
    tidings.stream("a").addEventListener("message", ({ detail }) => seen.push(detail.data));
    await eventually("a websocket", () => tidings.status.transport == "websocket");
    const { length: before } = tidings.explain().attempts;
    isAwake = true;
    wake();
    await eventually("what was started beside it is closed", () => {
      const { attempts } = tidings.explain();
      return before < attempts.length && attempts.filter(({ ended }) => !ended).length == 1;
    });
    const stays = tidings.explain().attempts.find(({ ended }) => !ended)!;
    assert.equal(tidings.explain().attempts.indexOf(stays) < before, true);
    assert.equal(stays.transport, "websocket");
    await server.publish("a", 1);
    await eventually("one", () => seen.length == 1);
  });
}

serverTest("a jump of the wall clock is a sleep that has ended", async (server) => {
  let jump = 0;
  let looks = 0;
  const clock: Clock = {
    now: () => Date.now() + jump,
    setTimeout: (call, ms) =>
      setTimeout(() => {
        call();
        looks += 1;
      }, ms),
    clearTimeout: (timer) => clearTimeout(timer as NodeJS.Timeout),
  };
  const { tidings } = await follow(server, clock);
  jump = 600_000;
  await eventually("the connection was looked at", () => tidings.explain().attempts.length > 2, 8000);
  await eventually("one websocket is left", () => {
    const open = tidings.explain().attempts.filter(({ ended }) => !ended);
    return open.length == 1 && open[0]!.transport == "websocket" && tidings.stream("a").live;
  });
  // Set back, it goes on as if nothing had happened.
  const count = tidings.explain().attempts.length;
  jump = 0;
  looks = 0;
  await eventually("it has looked at the clock", () => looks > 0);
  assert.equal(tidings.explain().attempts.length, count);
});
