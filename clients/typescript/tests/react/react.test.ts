/** The hooks in a real browser, in StrictMode. */

import assert from "node:assert/strict";
import { after, before, test } from "node:test";
import { createElement as h } from "react";
import { renderToString } from "react-dom/server";
import { connect } from "../../src/index.ts";
import { Server } from "../support/server.ts";
import { Browser } from "../ui/browser.ts";
import { inPage as runInPage } from "../ui/in_page.ts";
import { App, List, State, Sum } from "./components.ts";
import type { Scenarios } from "./page.ts";

let browser: Browser;
before(async () => void (browser = await Browser.launch()));
after(() => browser.close());

/** Runs a scenario in a page of its own; it must not complain. */
const inPage = <Name extends keyof Scenarios>(name: Name, argument?: unknown, body?: string) =>
  runInPage<Scenarios, Name>(browser, "react/page.ts", name, argument, body);

test("StrictMode mounts twice: one connection, no error, each message once", async () => {
  const { items, dials, open, state } = await inPage("strictMode");
  assert.deepEqual(items, ["two", "three", "four"]);
  assert.equal(dials, 1);
  assert.equal(open, 1);
  assert.equal(state, "live by websocket");
});

test("a second after the last component is gone nothing is open", async () => {
  assert.deepEqual(await inPage("unmounted"), { before: 1, after: 0 });
});

test("a hidden part of a page lets go, and goes on without a hole when it is shown", async () => {
  assert.deepEqual(await inPage("hiddenAndShown"), { open: 0, items: ["seen", "missed"] });
});

test("another name is another value", async () => {
  assert.deepEqual(await inPage("anotherName"), ["0", "10", "15"]);
});

test("a reset loads again, once", async () => {
  assert.equal(await inPage("reset"), 1);
});

test("usePublish publishes", async () => {
  assert.deepEqual(await inPage("publish"), ["clicked"]);
});

test("rendering on a server connects to nothing", () => {
  const client = connect("http://127.0.0.1:9", {
    fetch: () => assert.fail("it asked"),
    WebSocket: undefined,
  });
  const html = renderToString(h(App, { client }, h(List, { name: "a" }), h(State), h(Sum, { name: "b" })));
  assert.match(html, /idle by nothing/);
  assert.deepEqual(client.explain().attempts, []);
});

test("from what the server rendered the page goes on without a hole", async () => {
  const server = await Server.start();
  try {
    await server.create("sum");
    for (const number of [1, 2, 3]) await server.publish("sum", number);
    const client = connect(server.url);
    const page = await client.stream<number>("sum").read({ from: "beginning" });
    client.close();
    const loaded = { value: page.messages.reduce((sum, { data }) => sum + data, 1000), offset: page.offset };
    const html = renderToString(h(App, { client }, h(Sum, { name: "sum", loaded })));
    // Published while the page is on its way.
    for (const number of [4, 5, 6]) await server.publish("sum", number);
    const { rendered, seen } = await inPage("hydrate", { url: server.url, loaded }, html);
    assert.equal(rendered, "1006");
    assert.deepEqual(seen, []);
  } finally {
    await server.stop();
  }
});
