// What becomes of one client's network in the course of time: one fault after the other, by chance.

import { setTimeout as sleep } from "node:timers/promises";
import * as faults from "../faults.mjs";
import { Network } from "../network.mjs";
import { FaultProxy } from "../proxy.mjs";

const TRANSPORTS = ["poll", "long-poll", "sse", "websocket"];

/** Each makes something of a network worse; what it changed holds until the sky clears. */
const EVENTS = {
  "everything is cut": ({ network }) => network.cutAll(),
  "another network": ({ network }) => network.goSilent(),
  "nobody is reached": ({ network }) => (network.dark = true),
  "slow": ({ network, random }) => (network.delay = random.between(10, 250)),
  "idle is cut": ({ network, random }) => (network.idleCut = random.between(200, 1_500)),
  "WebSockets are refused": ({ proxy }) => (proxy.faults.websocket = faults.refuse()),
  "WebSockets are swallowed": ({ proxy }) => (proxy.faults.websocket = faults.swallow),
  "WebSockets are swallowed after the greeting": ({ proxy }) => (proxy.faults.websocket = faults.swallowAfterHello),
  "WebSockets are killed": ({ proxy, random }) => (proxy.faults.websocket = faults.killAfter(random.between(10, 600))),
  "SSE is refused": ({ proxy }) => (proxy.faults.sse = faults.refuse()),
  "SSE is buffered": ({ proxy }) => (proxy.faults.sse = faults.bufferForEver),
  "SSE is killed": ({ proxy, random }) => (proxy.faults.sse = faults.killAfter(random.between(10, 600))),
  "long polls time out": ({ proxy, random }) => (proxy.faults["long-poll"] = faults.timeOutAfter(random.between(50, 500))),
  "answers to long polls are lost": ({ proxy }) => (proxy.faults["long-poll"] = faults.firstTimes(2, faults.loseAnswer)),
  "answers to polls are lost": ({ proxy }) => (proxy.faults.poll = faults.firstTimes(2, faults.loseAnswer)),
  "answers to publishes are lost": ({ proxy }) => (proxy.faults.publish = faults.firstTimes(2, faults.loseAnswer)),
  "publishes are refused": ({ proxy }) => (proxy.faults.publish = faults.refuse(503)),
  "another transport": ({ client, random }) => client.use(random.choose(TRANSPORTS)),
  "any transport": ({ client }) => client.use("auto"),
};

/** A network of one client, and what happens to it. */
export class Weather {
  /** How often each event was. */
  events = Object.fromEntries(Object.keys(EVENTS).map((name) => [name, 0]));
  #random;
  #stopped = new AbortController();

  static async open(port, random) {
    const weather = new Weather();
    weather.#random = random;
    weather.proxy = await FaultProxy.listen(port);
    weather.network = await Network.listen(weather.proxy.port);
    return weather;
  }

  get url() {
    return this.network.url;
  }

  /** Goes on until it is stopped: something happens, holds for a while, and mostly passes. */
  async blow(client) {
    const { network, proxy, events } = this;
    const random = this.#random;
    const { signal } = this.#stopped;
    while (!signal.aborted) {
      const name = random.choose(Object.keys(EVENTS));
      events[name] += 1;
      await EVENTS[name]({ network, proxy, client, random });
      await sleep(random.between(200, 2_500), undefined, { signal }).catch(() => {});
      if (random.next() < 0.7) this.clear();
    }
  }

  /** Nothing is wrong any more. */
  clear() {
    Object.assign(this.network, { dark: false, delay: 0, idleCut: undefined });
    for (const kind of Object.keys(this.proxy.faults)) this.proxy.faults[kind] = faults.pass;
  }

  stop() {
    this.#stopped.abort();
  }

  async close() {
    await this.network.close();
    await this.proxy.close();
  }
}
