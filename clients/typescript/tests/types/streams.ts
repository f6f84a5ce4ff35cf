/** What the compiler accepts and what it refuses. Nothing here runs: `npm run typecheck` is the test. */

import * as v from "valibot";
import { connect } from "../../src/index.ts";
import type { Message, Stream, StandardSchema, Tidings, View } from "../../src/index.ts";
import { mount } from "../../src/devtools.ts";
import { TidingsProvider, useMessages, usePublish, useStreamState } from "../../src/react.ts";
import { createServer } from "../../src/testing.ts";
import { provideTidings, useMessages as useVueMessages } from "../../src/vue.ts";

/** Two types are the same. */
type Same<A, B> = (<T>() => T extends A ? 1 : 2) extends <T>() => T extends B ? 1 : 2 ? true : false;
declare function same<A, B>(yes: Same<A, B>): void;

interface OrderEvent {
  status: "paid" | "shipped";
}
interface Streams {
  [order: `orders/${string}`]: OrderEvent;
  announcements: { text: string };
}

declare const typed: Tidings<Streams>;
declare const untyped: Tidings;

export async function names(): Promise<void> {
  const order = typed.stream("orders/42");
  same<typeof order, Stream<OrderEvent>>(true);
  const announcements = typed.stream("announcements");
  same<typeof announcements, Stream<{ text: string }>>(true);
  for await (const message of order.messages()) same<typeof message, Message<OrderEvent>>(true);
  order.addEventListener("message", ({ detail }) => same<typeof detail, Message<OrderEvent>>(true));
  const view = order.state({
    initial: 0,
    reduce: (count, { data }) => count + (data.status === "paid" ? 1 : 0),
  });
  same<typeof view, View<number>>(true);

  await order.publish({ status: "shipped" });
  // @ts-expect-error no such status
  await order.publish({ status: "lost" });
  // @ts-expect-error that is what orders carry
  await typed.stream("announcements").publish({ status: "paid" });
  // @ts-expect-error no such event
  order.addEventListener("massage", () => {});

  // Names that nobody has declared carry anything, or what is said on the spot.
  const other = typed.stream("elsewhere");
  same<typeof other, Stream<unknown>>(true);
  const said = untyped.stream<{ n: number }>("elsewhere");
  same<typeof said, Stream<{ n: number }>>(true);
}

export function schemas(): void {
  const schema = v.object({ n: v.pipe(v.string(), v.transform(Number)) });
  const stream = untyped.stream("numbers", { schema });
  same<typeof stream, Stream<{ n: number }>>(true);
  const handmade: StandardSchema<boolean> = {
    "~standard": { version: 1, vendor: "mine", validate: (value) => ({ value: value === true }) },
  };
  const flags = untyped.stream("flags", { schema: handmade });
  same<typeof flags, Stream<boolean>>(true);
  // @ts-expect-error a schema is an object with "~standard"
  untyped.stream("numbers", { schema: { parse: Number } });
}

export function options(): void {
  connect("https://updates.example.com", { token: async () => "secret", transport: "sse" });
  connect(new URL("https://updates.example.com"), createServer().options);
  // @ts-expect-error there are four, and auto
  connect("https://updates.example.com", { transport: "carrier-pigeon" });
  // @ts-expect-error an offset, or one of the words
  void untyped.stream("a").read({ from: 7 });
}

declare module "../../src/react.ts" {
  interface Streams {
    [order: `orders/${string}`]: OrderEvent;
  }
}

export function hooks(id: string): void {
  const { value } = useMessages(`orders/${id}`, { last: 1 });
  same<typeof value, readonly Message<OrderEvent>[] | undefined>(true);
  const sum = useStreamState("numbers", {
    initial: 0,
    reduce: (before, message: Message<number>) => before + message.data,
  });
  same<typeof sum.value, number | undefined>(true);
  void usePublish("orders/42")({ status: "paid" });
  // @ts-expect-error no such status
  void usePublish("orders/42")({ status: "lost" });
  const vue = useVueMessages<string>(() => id);
  same<(typeof vue.value.value & object)[number]["data"], string>(true);
}

/** The client of an interface is a client for the provider too. */
export const provided = TidingsProvider({ client: typed });
export const unmount = mount(typed);
provideTidings(typed);
