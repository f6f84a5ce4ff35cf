/** A tab that follows one stream, and keeps what it is given. */

import { connect } from "../../src/index.ts";
import { throughWorker } from "../../src/shared-worker.ts";

let sockets = 0;
globalThis.WebSocket = class extends WebSocket {
  constructor(url: string | URL, protocols?: string | string[]) {
    super(url, protocols);
    sockets += 1;
  }
};

const query = new URLSearchParams(location.search);
const options = query.has("worker") ? throughWorker(new SharedWorker("/worker.js")) : {};
const tidings = connect(query.get("url") ?? "", {
  ...options,
  token: query.get("token") ?? undefined,
  timing: { backoffBase: 50 },
});
const stream = tidings.stream<number>("a");
const got: number[] = [];

void (async () => {
  for await (const { data } of stream.messages({ from: "beginning" })) got.push(data);
})();

const tab = {
  got,
  sockets: () => sockets,
  status: () => tidings.status,
  explain: () => tidings.explain(),
  publish: (value: number) => stream.publish(value),
};

Object.assign(globalThis, { tab });
export type TabUnderTest = typeof tab;
