/** The composables in a real browser. */

import assert from "node:assert/strict";
import { after, before, test } from "node:test";
import { createSSRApp, h } from "vue";
import { renderToString } from "vue/server-renderer";
import { connect } from "../../src/index.ts";
import { tidingsPlugin } from "../../src/vue.ts";
import { Server } from "../support/server.ts";
import { Browser } from "../ui/browser.ts";
import { inPage } from "../ui/in_page.ts";
import { Sum } from "./components.ts";
import type { Scenarios } from "./page.ts";

const PAGE = "vue/page.ts";
let browser: Browser;
before(async () => void (browser = await Browser.launch()));
after(() => browser.close());

test("messages are shown as they come, by one connection, which ends with the last component", async () => {
  const { items, state, open, after } = await inPage<Scenarios, "messages">(browser, PAGE, "messages");
  assert.deepEqual(items.sort(), ["clicked", "four", "three"]);
  assert.deepEqual([state, open, after], ["live", 1, 0]);
});

test("another name is another value", async () => {
  assert.equal(await inPage<Scenarios, "anotherName">(browser, PAGE, "anotherName"), 1);
});

test("from what the server rendered the page goes on without a hole, and the server connects to nothing", async () => {
  const server = await Server.start();
  try {
    await server.create("sum");
    for (const number of [1, 2, 3]) await server.publish("sum", number);
    const client = connect(server.url);
    const page = await client.stream<number>("sum").read({ from: "beginning" });
    const loaded = { value: page.messages.reduce((sum, { data }) => sum + data, 1000), offset: page.offset };
    const html = await renderToString(
      createSSRApp({ render: () => h(Sum, { name: "sum", loaded }) }).use(tidingsPlugin, client),
    );
    assert.deepEqual(client.explain().attempts, []);
    client.close();
    // Published while the page is on its way.
    for (const number of [4, 5, 6]) await server.publish("sum", number);
    const seen = await inPage<Scenarios, "hydrate">(
      browser,
      PAGE,
      "hydrate",
      { url: server.url, loaded },
      html,
    );
    assert.deepEqual(seen, { rendered: "1006", hydrated: "1006" });
  } finally {
    await server.stop();
  }
});
