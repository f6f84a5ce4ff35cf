/**
 * A server in memory, for tests of programs that use `tidings`: the same answers as the real one, over all four transports, with a
 * clock that the test moves, and with everything that can go wrong on the way.
 *
 * ```ts
 * import { connect } from "tidings";
 * import { createServer } from "tidings/testing";
 *
 * const server = createServer();
 * const tidings = connect(server.url, server.options);
 * server.publish("orders/42", { status: "paid" });
 * server.drop();                      // every connection breaks
 * await server.clock.advance(1_000);  // a second later the client is back, and has missed nothing
 * ```
 *
 * @module tidings/testing
 */

import { createClock } from "./testing/clock.ts";
import type { TestClock } from "./testing/clock.ts";
import { exchange } from "./testing/exchange.ts";
import type { Asked, Exchange } from "./testing/exchange.ts";
import { serve } from "./testing/http.ts";
import type { Config, Published, Stored } from "./testing/log.ts";
import { toBase64 } from "./testing/message.ts";
import { Network } from "./testing/network.ts";
import { Problem } from "./testing/problem.ts";
import { createRandom } from "./testing/random.ts";
import { socketClass } from "./testing/socket.ts";
import { Store } from "./testing/store.ts";
import { time } from "./testing/world.ts";
import type { World } from "./testing/world.ts";
import type { ConnectOptions, Transport } from "./types.ts";

export type { TestClock } from "./testing/clock.ts";

/** What {@link createServer} takes. */
export interface ServerOptions {
  /** Where its chance begins: the same seed gives the same offsets and the same waits. Default 1. */
  seed?: number | undefined;
}

/** What {@link Server.create} makes a stream with. */
export interface StreamOptions {
  /** Default `application/json`. */
  contentType?: string | undefined;
  /** Streams in `memory` are lost when the server is restarted. Default `disk`. */
  durability?: "disk" | "memory" | undefined;
  /** Keeps at most that many messages. */
  retentionCount?: number | undefined;
}

/** A request that the server was asked, or a WebSocket that was opened. */
export interface AskedRequest {
  /** When, by the made-up clock. */
  at: number;
  method: string;
  /** Path and query. */
  path: string;
  /** By which transport something was read; absent for a publish and the like. */
  transport?: Transport | undefined;
  headers: Record<string, string>;
  /** The body as text; of a WebSocket, nothing. */
  body: string;
  /** What the client sent over a WebSocket. */
  frames: unknown[];
}

/** A server in memory. */
export interface Server {
  /** The address to connect to. */
  readonly url: string;
  /** For `connect(server.url, server.options)`: `fetch`, `WebSocket`, the clock, and chance that is the same each time. */
  readonly options: ConnectOptions &
    Required<Pick<ConnectOptions, "fetch" | "WebSocket" | "clock" | "random">>;
  readonly fetch: typeof fetch;
  readonly WebSocket: typeof WebSocket;
  readonly clock: TestClock;
  /** Everything that was asked since the beginning, in order. */
  readonly requests: AskedRequest[];
  /** How much is open now: WebSockets and requests without their whole answer. */
  connections(transport?: Transport): number;

  /** Makes a stream, unless it is there. */
  create(name: string, options?: StreamOptions): void;
  /** Stores one message, and makes the stream if it is missing. */
  publish(name: string, data: unknown): { offset: string };
  /** The messages that a stream keeps. */
  messages(name: string): unknown[];
  /** The stream takes no more messages. */
  close(name: string): void;
  /** The stream and its messages are gone. */
  delete(name: string): void;
  /** What happens to a stream that nobody has used for its time to live: it is gone, as by {@link Server.delete}. */
  expire(name: string): void;
  /** Retention removes all but the last `keep` messages. */
  trim(name: string, keep: number): void;

  /** All connections break at once. New ones can be made. */
  drop(): void;
  /** From now on each answer takes so many milliseconds. */
  delay(milliseconds: number): void;
  /** The next publish is stored, but its answer is lost, and with it the connection. */
  loseResponse(): void;
  /** The server process is killed and started again: connections break, and streams in memory are lost. */
  restart(): void;
  /** The server is about to end: it asks everybody to come back within so many seconds (default 10), and ends their connections. */
  drain(within?: number): void;
  /** From now on connections by these transports are refused, as a proxy does that does not know them. */
  refuse(...transports: Transport[]): void;
  /** From now on these transports open and then bring nothing, as behind a proxy that holds everything back; so do those that are open. */
  swallow(...transports: Transport[]): void;
  /** From now on nothing passes in either direction, and nobody is told, as when a cable is pulled. What is open stays dead for good. */
  unplug(): void;
  /** The network is well again: nothing is refused, swallowed, unplugged or delayed any more. */
  heal(): void;
}

const URL = "http://tidings.test";

/** Makes a server in memory. Nothing of it needs to be closed. */
export function createServer(options: ServerOptions = {}): Server {
  const random = createRandom(options.seed ?? 1);
  const clock = createClock();
  const network = new Network(clock);
  const requests: AskedRequest[] = [];
  let loses = false;
  const store = new Store(() => random.hex(16));
  const losesResponse = () => {
    const is = loses;
    loses = false;
    return is;
  };
  const world: World = { store, clock, network, draining: new Set(), losesResponse };
  const WebSocket = socketClass(world, ({ url, frames }) => {
    requests.push({
      at: clock.now(),
      method: "GET",
      path: url.pathname + url.search,
      transport: "websocket",
      headers: {},
      body: "",
      frames,
    });
  });
  const fetch = fetchFrom(world, requests);

  return {
    url: URL,
    options: { fetch, WebSocket, clock, random: random.next, tabs: false },
    fetch,
    WebSocket,
    clock,
    requests,
    connections: (transport) => network.count(transport),
    create: (name, stream = {}) => void store.create(name, configOf(stream)),
    publish: (name, data) => ({ offset: publish(world, name, data).offset }),
    messages: (name) => {
      const log = store.find(name);
      return Array.from({ length: log.tail - log.earliest }, (_, at) => log.message(log.earliest + at).data);
    },
    close: (name) => store.find(name).close(),
    delete: (name) => store.delete(name),
    expire: (name) => store.delete(name),
    trim: (name, keep) => store.find(name).keep(keep),
    drop: () => network.drop(),
    delay: (milliseconds) => void (network.delay = milliseconds),
    loseResponse: () => void (loses = true),
    restart: () => {
      network.drop();
      store.restart();
    },
    drain: (within = 10) => {
      for (const each of [...world.draining]) each(within);
    },
    refuse: (...transports) => transports.forEach((transport) => network.refused.add(transport)),
    swallow: (...transports) => network.swallow(transports),
    unplug: () => network.unplug(),
    heal: () => network.heal(),
  };
}

function configOf({
  contentType = "application/json",
  durability = "disk",
  retentionCount,
}: StreamOptions): Config {
  return { contentType, durability, ...(retentionCount === undefined ? {} : { retentionCount }) };
}

/** A message that the test publishes itself. */
function publish(world: World, name: string, data: unknown): Published {
  const isBytes = data instanceof Uint8Array;
  const stored: Stored = isBytes
    ? { time: time(world), data: toBase64(data), encoding: "base64" }
    : // What is changed after that is not what was published.
      { time: time(world), data: JSON.parse(JSON.stringify(data ?? null)) as unknown };
  const contentType =
    world.store.get(name)?.config.contentType ?? (isBytes ? "application/octet-stream" : "application/json");
  return world.store.publish(name, {
    messages: () => [stored],
    contentType,
    key: undefined,
    create: true,
    close: false,
  });
}

function fetchFrom(world: World, requests: AskedRequest[]): typeof fetch {
  return async (input, init) => {
    const request = new Request(input as string, init);
    const url = new globalThis.URL(request.url);
    const transport = transportOf(request.method, url);
    const entry: AskedRequest = {
      at: world.clock.now(),
      method: request.method,
      path: url.pathname + url.search,
      ...(transport ? { transport } : {}),
      headers: Object.fromEntries(request.headers),
      body: "",
      frames: [],
    };
    requests.push(entry);
    world.clock.touch();
    const body = new Uint8Array(await request.arrayBuffer());
    entry.body = new TextDecoder().decode(body);
    const asked: Asked = { method: request.method, url, transport, headers: request.headers, body };
    // The signal of a `Request` only follows that of the caller, and in Node.js no longer once it is collected.
    const signal = init?.signal ?? request.signal;
    return exchange(world.network, asked, signal, (answer) => serveSafely(asked, world, answer));
  };
}

function serveSafely(asked: Asked, world: World, answer: Exchange): void {
  if (asked.transport && world.network.refused.has(asked.transport)) {
    return answer.respond(
      new Response("a proxy does not allow this", { status: 403, headers: { "Content-Type": "text/html" } }),
    );
  }
  try {
    serve(asked, world, answer);
  } catch (error) {
    const problem = error instanceof Problem ? error : new Problem("internal", String(error));
    answer.respond(problem.response());
  }
}

/** By which transport a request reads, if it does. */
function transportOf(method: string, url: globalThis.URL): Transport | undefined {
  const reads = url.pathname === "/v1/read" ? "POST" : "GET";
  if (method !== reads) return undefined;
  const live = url.searchParams.get("live");
  return live === "sse" || live === "long-poll" ? live : "poll";
}
