/** What runs in the browser: Vue over the server in memory. */

import { createApp, createSSRApp, defineComponent, h, nextTick, ref } from "vue";
import type { Component, Ref } from "vue";
import { connect } from "../../src/index.ts";
import { createServer } from "../../src/testing.ts";
import { tidingsPlugin, useMessages, usePublish, useStatus } from "../../src/vue.ts";
import { until } from "../ui/until.ts";
import { Sum } from "./components.ts";

const text = (selector: string) => document.querySelector(selector)?.textContent ?? "";
const items = () => [...document.querySelectorAll("#list li")].map((item) => item.textContent);

function begin() {
  const server = createServer();
  const client = connect(server.url, server.options);
  const show = (component: Component) => {
    const app = createApp(component).use(tidingsPlugin, client);
    app.mount("#root");
    return app;
  };
  return { server, client, show };
}

const List = defineComponent({
  props: { name: { type: String, required: true } },
  setup(props) {
    const { value } = useMessages<string>(() => props.name, { last: 2, limit: 3 });
    const status = useStatus();
    const publish = usePublish<string>(() => props.name);
    return () => [
      h(
        "ol",
        { id: "list" },
        value.value?.map(({ offset, data }) => h("li", { key: offset }, data)),
      ),
      h("p", { id: "state" }, status.value.state),
      h("button", { onClick: () => void publish("clicked") }, "publish"),
    ];
  },
});

const scenarios = {
  /** Messages that are stored, those that come, and those that one publishes oneself. */
  async messages() {
    const { server, show } = begin();
    for (const word of ["one", "two", "three"]) server.publish("words", word);
    const app = show({ render: () => h(List, { name: "words" }) });
    await server.clock.advance(1_000);
    await until("what is stored", () => items().length === 2);
    document.querySelector("button")?.click();
    server.publish("words", "four");
    await server.clock.advance(1_000);
    await until("what is new", () => items().length === 3 && items().includes("clicked"));
    const shown = { items: items(), state: text("#state"), open: server.connections("websocket") };
    app.unmount();
    await server.clock.advance(2_000);
    return { ...shown, after: server.connections() };
  },

  /** Another name: another value. */
  async anotherName() {
    const { server, show } = begin();
    server.publish("a", 1);
    server.publish("b", 10);
    const name: Ref<string> = ref("a");
    show({ render: () => h(Sum, { name: name.value }) });
    await server.clock.advance(1_000);
    await until("the first", () => text("#sum") === "1");
    name.value = "b";
    await nextTick();
    await server.clock.advance(3_000);
    await until("the second", () => text("#sum") === "10");
    server.publish("a", 100);
    server.publish("b", 5);
    await server.clock.advance(0);
    await until("the second goes on", () => text("#sum") === "15");
    return server.connections("websocket");
  },

  /** What the server rendered is shown, then what was published since. */
  async hydrate({ url, loaded }: { url: string; loaded: { value: number; offset: string } }) {
    const rendered = text("#sum");
    createSSRApp({ render: () => h(Sum, { name: "sum", loaded }) })
      .use(tidingsPlugin, connect(url))
      .mount("#root");
    const hydrated = text("#sum");
    await until("everything", () => text("#sum") === "1021");
    return { rendered, hydrated };
  },
};

Object.assign(globalThis, { scenarios });
export type Scenarios = typeof scenarios;
