/** A client: one session, and all that share it. */

import { createDriver } from "./driver.ts";
import { createHttp } from "./http.ts";
import { createHub } from "./hub.ts";
import { createOutbox } from "./outbox.ts";
import { StreamTarget } from "./stream.ts";
import { systemClock } from "./time.ts";
import { defaultTiming } from "./timing.ts";
import type { ConnectOptions, StreamTypes, Tidings, WebSocketConstructor } from "./types.ts";

/** @internal */
export type Client = ReturnType<typeof createClient>;

const createClient = (url: string | URL, options: ConnectOptions, onStatus: () => void) => {
  const { clock = systemClock, random = Math.random, linger = 1000, outbox = 1000 } = options;
  const timing = { ...defaultTiming, ...options.timing };
  const base = String(new URL(url, globalThis.location?.href)).replace(/\/+$/, "");
  const http = createHttp(base, options);
  const watchers = new Set<() => void>([onStatus]);
  const hub = createHub(() => driver, http, clock, timing, random, linger);
  const openWebSocket = () => new (options.WebSocket ?? (WebSocket as unknown as WebSocketConstructor))(base.replace(/^http/, "ws") + "/v1/ws", "tidings.v1");
  const driver = createDriver(http, options, clock, timing, openWebSocket, hub.onEvent_, () =>
    watchers.forEach((changed) => changed()),
  );
  return {
    clock_: clock,
    random_: random,
    timing_: timing,
    http_: http,
    hub_: hub,
    driver_: driver,
    signal_: driver.signal_,
    watchers_: watchers,
    publish_: createOutbox(driver, http, clock, timing, random, outbox),
    follow_: (name: string) => driver.session_.follows_.get(name),
  };
};

/**
 * A client of the server at `url`. Nothing is connected until a stream is followed; all streams share one connection.
 */
export const connect = <Streams extends StreamTypes = Record<string, unknown>>(url: string | URL, options: ConnectOptions = {}): Tidings<Streams> => {
  const target = new EventTarget() as unknown as Tidings<Streams>;
  const client = createClient(url, options, () => target.dispatchEvent(new CustomEvent("status", { detail: driver.status_() })));
  const driver = client.driver_;
  return Object.defineProperties(target, Object.getOwnPropertyDescriptors({
    stream: (name: string, streamOptions = {}) => new StreamTarget(client, name, streamOptions),
    get status() {
      return driver.status_();
    },
    explain: driver.explain_,
    use: driver.use_,
    close: driver.close_,
  })) as Tidings<Streams>;
};
