/** A client: one session, and all that share it. */

import type { Context } from "./context.ts";
import { createDriver } from "./driver.ts";
import { TidingsError } from "./errors.ts";
import { createHub } from "./hub.ts";
import { createOutbox } from "./outbox.ts";
import { createTabs } from "./tabs.ts";
import { StreamTarget } from "./stream.ts";
import { systemClock } from "./time.ts";
import { defaultTiming } from "./timing.ts";
import type { ConnectOptions, StreamOptions, StreamTypes, Tidings, WebSocketConstructor } from "./types.ts";

/** @internal */
export type Client = ReturnType<typeof createClient>;

const createClient = (context: Context, onStatus: () => void) => {
  const watchers = new Set([onStatus]);
  const { push_: push, follow_: follow } = createHub(context, () => driver);
  // Node.js has one of its own from version 22 on.
  const WebSocket: WebSocketConstructor | undefined =
    context.options_.WebSocket ?? (globalThis.WebSocket as never);
  const openWebSocket = () => {
    if (!WebSocket) throw new TidingsError("invalid_parameter", "inject a WebSocket, or use Node.js 22");
    return new WebSocket(context.base_.replace("http", "ws") + "/v1/ws", "tidings.v1");
  };
  const { tabs = !!globalThis.document && !!globalThis.BroadcastChannel && !!navigator.locks } =
    context.options_;
  const shared = tabs
    ? createTabs(
        context,
        { follow_: follow, publish_: (...publish) => client.publish_(...publish) },
        openWebSocket,
      )
    : undefined;
  const onChange = () => {
    for (const changed of watchers) changed();
  };
  const driver = createDriver(context, shared?.open_ ?? openWebSocket, shared, push, onChange, !WebSocket);
  const client = {
    context_: context,
    driver_: driver,
    follows_: driver.follows_,
    follow_: follow,
    watchers_: watchers,
    publish_: createOutbox(context, driver),
  };
  return client;
};

/** A client of the server at `url`. Nothing is connected until a stream is followed; all streams share one connection. */
export const connect = <Streams extends StreamTypes = Record<string, unknown>>(
  url: string | URL,
  options: ConnectOptions = {},
): Tidings<Streams> => {
  const controller = new AbortController();
  const { origin, pathname } = new URL(url, globalThis.location?.href);
  if (!/^http/.test(origin)) throw new TypeError("no http: " + url);
  const closers = new Set<() => void>();
  const target = new EventTarget() as EventTarget & Tidings<Streams>;
  const client = createClient(
    {
      options_: options,
      base_: origin + pathname.replace(/\/$/, ""),
      clock_: options.clock ?? systemClock,
      timing_: { ...defaultTiming, ...options.timing },
      random_: options.random ?? Math.random,
      signal_: controller.signal,
      closers_: closers,
    },
    () => target.dispatchEvent(new CustomEvent("status", { detail: target.status })),
  );
  const { driver_: driver } = client;
  Object.defineProperty(target, "status", { get: driver.status_ });
  return Object.assign(target, {
    stream: (name: string, streamOptions: StreamOptions<any> = {}) =>
      new StreamTarget<any>(client, name, streamOptions),
    explain: driver.explain_,
    use: driver.use_,
    close() {
      controller.abort(new TidingsError("closed"));
      for (const call of closers) call();
    },
  });
};
