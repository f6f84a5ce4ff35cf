/** What runs in the browser: React in StrictMode over the server in memory, or over a real one. */

import { Activity, StrictMode, createElement as h } from "react";
import type { ReactElement } from "react";
import { createRoot, hydrateRoot } from "react-dom/client";
import { connect } from "../../src/index.ts";
import { createServer } from "../../src/testing.ts";
import { until } from "../ui/until.ts";
import { App, Button, List, State, Sum } from "./components.ts";

const root = document.getElementById("root") as HTMLElement;
const text = (selector: string) => document.querySelector(selector)?.textContent ?? "";
const items = () => [...document.querySelectorAll("#list li")].map((item) => item.textContent);

function begin() {
  const server = createServer();
  const client = connect(server.url, server.options);
  const react = createRoot(root);
  const show = (...children: ReactElement[]) =>
    react.render(h(StrictMode, null, h(App, { client }, ...(children as [ReactElement]))));
  const dials = () => server.requests.filter(({ transport }) => transport === "websocket").length;
  return { server, client, react, show, dials };
}

const scenarios = {
  /** Mounted twice, as StrictMode does: one connection, and each message once. */
  async strictMode() {
    const { server, show, dials } = begin();
    for (const word of ["one", "two", "three"]) server.publish("words", word);
    show(h(List, { name: "words", last: 2 }), h(State));
    await until("the effects ran", () => server.requests.length);
    await server.clock.advance(1_000);
    await until("what is stored", () => items().length === 2);
    server.publish("words", "four");
    await server.clock.advance(0);
    await until("what is new", () => items().length === 3);
    return { items: items(), dials: dials(), open: server.connections("websocket"), state: text("#state") };
  },

  /** Nobody uses it any more: nothing is open after a second. */
  async unmounted() {
    const { server, show, react } = begin();
    server.publish("words", "one");
    show(h(List, { name: "words" }));
    await until("the effects ran", () => server.requests.length);
    await server.clock.advance(1_000);
    const before = server.connections("websocket");
    react.render(null);
    await until("it is gone", () => !document.getElementById("list"));
    await server.clock.advance(2_000);
    return { before, after: server.connections() };
  },

  /** A hidden part of the page goes on where it stood. */
  async hiddenAndShown() {
    const { server, client, react } = begin();
    server.publish("words", "before it was mounted");
    const show = (mode: "visible" | "hidden") =>
      react.render(
        h(StrictMode, null, h(App, { client }, h(Activity, { mode, children: h(List, { name: "words" }) }))),
      );
    show("visible");
    await until("the effects ran", () => server.requests.length);
    await server.clock.advance(1_000);
    server.publish("words", "seen");
    await server.clock.advance(0);
    await until("it shows", () => items().length === 1);
    show("hidden");
    await until(
      "it is hidden",
      () => getComputedStyle(document.getElementById("list") as HTMLElement).display === "none",
    );
    await new Promise((done) => setTimeout(done, 50));
    await server.clock.advance(5_000);
    const open = server.connections();
    server.publish("words", "missed");
    show("visible");
    await until("it is back", () => server.connections() || server.requests.length > 2);
    await server.clock.advance(1_000);
    await until("both", () => items().length === 2);
    return { open, items: items() };
  },

  /** Another name: another value, without the old one in between. */
  async anotherName() {
    const { server, show } = begin();
    server.publish("a", 1);
    server.publish("b", 10);
    show(h(Sum, { name: "a" }));
    await until("the effects ran", () => server.requests.length);
    await server.clock.advance(1_000);
    await until("the first", () => text("#sum") === "1");
    const seen: string[] = [];
    new MutationObserver(() => seen.push(text("#sum"))).observe(
      document.getElementById("sum") as HTMLElement,
      { childList: true, characterData: true, subtree: true },
    );
    show(h(Sum, { name: "b" }));
    await until("it let go", () => seen.length);
    await server.clock.advance(3_000);
    await until("the second", () => text("#sum") === "10");
    server.publish("a", 100);
    server.publish("b", 5);
    await server.clock.advance(0);
    await until("the second goes on", () => text("#sum") === "15");
    return seen;
  },

  /** After a reset it is loaded again. */
  async reset() {
    const { server, show } = begin();
    server.publish("a", 1);
    let loads = 0;
    const load = async () => {
      loads += 1;
      const head = await server.fetch(`${server.url}/v1/stream/a`, { method: "HEAD" });
      return { value: loads * 1000, offset: head.headers.get("Stream-Next-Offset") ?? "" };
    };
    show(h(Sum, { name: "a", load }));
    await until("the effects ran", () => server.requests.length);
    await server.clock.advance(1_000);
    server.publish("a", 1);
    await server.clock.advance(0);
    await until("one more", () => text("#sum").endsWith("001"));
    const before = loads;
    server.delete("a");
    server.publish("a", 7);
    await server.clock.advance(5_000);
    await until("loaded again", () => loads > before);
    server.publish("a", 5);
    await server.clock.advance(1_000);
    await until("and went on", () => text("#sum") === String(loads * 1000 + 5));
    return loads - before;
  },

  /** A click publishes, and the message comes back. */
  async publish() {
    const { server, show } = begin();
    server.create("clicks");
    show(h(Button, { name: "clicks" }), h(List, { name: "clicks" }));
    await until("the effects ran", () => server.requests.length);
    await server.clock.advance(1_000);
    document.querySelector("button")?.click();
    await server.clock.advance(1_000);
    await until("it came back", () => items().length);
    return items();
  },

  /** What the server rendered is shown, then what was published since. */
  async hydrate({ url, loaded }: { url: string; loaded: { value: number; offset: string } }) {
    const rendered = text("#sum");
    const client = connect(url);
    const seen: string[] = [];
    hydrateRoot(root, h(StrictMode, null, h(App, { client }, h(Sum, { name: "sum", loaded }))), {
      onRecoverableError: (error) => seen.push(String(error)),
    });
    await until("everything", () => text("#sum") === "1021");
    return { rendered, seen };
  },
};

Object.assign(globalThis, { scenarios });
export type Scenarios = typeof scenarios;
