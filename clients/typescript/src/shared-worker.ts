/**
 * One connection for all pages of a site, held by a `SharedWorker`. Without it tabs share a connection too, held by one of them; a worker
 * is no page, so nothing has to move when pages come and go.
 *
 * ```ts
 * // worker.js
 * import { serveTabs } from "tidings/shared-worker";
 * serveTabs();
 * ```
 * ```ts
 * // in each page
 * import { connect } from "tidings";
 * import { throughWorker } from "tidings/shared-worker";
 *
 * const worker = new SharedWorker(new URL("./worker.js", import.meta.url), { type: "module" });
 * const tidings = connect("https://updates.example.com", throughWorker(worker));
 * ```
 * Where there is no `SharedWorker`, leave the options out.
 *
 * @module tidings/shared-worker
 */

import { connect } from "./connect.ts";
import type { Client } from "./connect.ts";
import type { Context } from "./context.ts";
import { openPort, serve } from "./tabs.ts";
import type { Port, Service } from "./tabs.ts";
import { systemClock } from "./time.ts";
import type { ConnectOptions, WebSocketConstructor } from "./types.ts";

/** Milliseconds after which a page that says nothing is gone. It says something every few seconds, every minute while it is hidden. */
const SILENCE_MAX = 180_000;

/** What a page sends with the port over which it wants to be served. */
interface Knock {
  /** The address of the server. */
  url: string;
}

/** Options of `connect` in a page whose WebSocket is that of the worker. Beside it, what is read by a plain request is read by the page itself. */
export function throughWorker(worker: SharedWorker): Pick<ConnectOptions, "WebSocket" | "tabs"> {
  const open = function (address: string) {
    const { port1, port2 } = new MessageChannel();
    const url = address.replace(/^ws/, "http").replace(/\/v1\/ws$/, "");
    const context = { clock_: systemClock } as Context;
    const socket = openPort(context, port1, () => socket.onclose?.({ type: "silent" } as never));
    const { onmessage } = port1;
    port1.onmessage = (event) => {
      // The worker says hello: it is open.
      port1.onmessage = onmessage;
      socket.onopen?.(event as never);
      onmessage?.call(port1, event);
    };
    worker.port.postMessage({ url } satisfies Knock, [port2]);
    return socket;
  };
  return { WebSocket: open as unknown as WebSocketConstructor, tabs: false };
}

/**
 * Call it in the script of a `SharedWorker`: it serves every page that asks. `options` are those of `connect`; who asks is said by the
 * pages: the newest token that one of them has sent is that of the worker's connection.
 */
export function serveTabs(options: ConnectOptions = {}): void {
  const services = new Map<string, { service: Service; token?: string | undefined }>();

  const serviceOf = (url: string) => {
    let found = services.get(url);
    if (!found) {
      const made = (found = {} as { service: Service; token?: string | undefined });
      const tidings = connect(url, { token: () => made.token, ...options, tabs: false });
      const { client_: client } = tidings.stream("any") as unknown as { client_: Client };
      made.service = { follow_: client.follow_, publish_: client.publish_ };
      services.set(url, found);
    }
    return found;
  };

  const welcome = (port: Port, { url }: Knock) => {
    const found = serviceOf(url);
    const end = serve(port, found.service);
    const { onmessage } = port;
    let timer: ReturnType<typeof setTimeout>;
    port.onmessage = (event) => {
      clearTimeout(timer);
      timer = setTimeout(end, SILENCE_MAX);
      const frame = JSON.parse((event.data as string) || "{}") as { type?: string; token?: string };
      if (frame.type === "auth") found.token = frame.token;
      else onmessage?.call(port, event);
      if (frame.type) return;
      // It has left.
      clearTimeout(timer);
      end();
    };
  };

  globalThis.addEventListener("connect", (event) => {
    const [door] = (event as MessageEvent).ports;
    if (door) door.onmessage = ({ data, ports: [port] }) => port && welcome(port, data as Knock);
  });
}
