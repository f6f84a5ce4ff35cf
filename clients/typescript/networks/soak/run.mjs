// The soak: many clients, each behind a network of its own to which one thing after the other happens, while the server is restarted; they follow and
// publish, and everything is counted.

import { once } from "node:events";
import { setTimeout as sleep } from "node:timers/promises";
import { createStream, eventually, range, Server } from "../../../../conformance/foreign/server.mjs";
import { NodeClient } from "../clients.mjs";
import { Random } from "./random.mjs";
import { Steady } from "./steady.mjs";
import { Weather } from "./weather.mjs";

const STREAMS = range(0, 10).map((index) => `soak/${index}`);
const STREAMS_FOLLOWED = 3;
/** What part of all messages the clients publish, through their bad networks. */
const SHARE_OF_CLIENTS = 0.2;
/** Publishes of one client that wait for their answers. */
const WAITING_MAX = 40;
const PACE_MS = 100;
/** How often the server is ended, by SIGTERM and `kill -9` in turn. */
const RESTART_MS = 40_000;
const SETTLE_MS_MAX = 90_000;
const FLAGS = ["--heartbeat", "1s", "--drain-window", "1s", "--drain-timeout", "3s"];
/** So much happens in two minutes that no client ever waits for the numbers it has by default. Every third has them nevertheless. */
const HASTY = {
  sseAfter: 300,
  longPollAfter: 400,
  dialMax: 1_500,
  answerMax: 2_000,
  hold: 2_000,
  holdSlack: 1_000,
  heldMin: 200,
  pollIntervalDefault: 500,
  bridgeInterval: 200,
  shortLife: 1_000,
  bars: [500, 1_000, 2_000, 4_000],
  backoffCap: 1_000,
};

/** Runs for so many minutes; `tell` hears how it goes, ten times a second. Gives what was counted. */
export async function soak({ minutes, clients: count, messages, seed, tell = () => {} }) {
  const soak = new Soak(minutes * 60_000, messages, new Random(seed));
  try {
    await soak.open(count);
    await soak.run(tell);
    await soak.settle(tell);
    return await soak.counts();
  } finally {
    await soak.close();
  }
}

class Soak {
  #clients = [];
  #steady = [];
  /** Publisher and stream → how many it has given to its client or to the server. */
  #published = new Map();
  #restarts = 0;
  #errors = [];

  constructor(duration, messages, random) {
    Object.assign(this, { duration, messages, random });
  }

  async open(count) {
    this.server = await Server.start({ flags: FLAGS });
    for (const name of STREAMS) await createStream(this.server, name);
    for (const index of range(0, count)) {
      const weather = await Weather.open(this.server.port, this.random.fork());
      const names = range(0, STREAMS_FOLLOWED).map((step) => STREAMS[(index + step * step) % STREAMS.length]);
      const options = index % 3 === 0 ? {} : { timing: HASTY, pollInterval: 300 };
      const client = new NodeClient(weather.url, names, options);
      this.#clients.push({ client, weather, names, by: `client-${index}`, waiting: 0 });
    }
    this.#steady = STREAMS.map((name) => new Steady(this.server, name));
  }

  async run(tell) {
    this.began = performance.now();
    const weathers = this.#clients.map(({ weather, client }) => weather.blow(client));
    const restarts = this.#restart();
    while (this.#progress() < 1) {
      this.#publish();
      tell(this.#now("runs"));
      await sleep(PACE_MS);
    }
    this.#publish();
    for (const { weather } of this.#clients) weather.stop();
    await Promise.all([...weathers, restarts]);
  }

  /** All networks are well; whoever has missed something gets it now. */
  async settle(tell) {
    for (const { weather, client } of this.#clients) {
      weather.clear();
      await client.use("auto");
    }
    const all = () => this.#clients.every((follower) => follower.waiting === 0) && this.#steady.every((steady) => steady.waiting === 0);
    const everywhere = () => this.#clients.every(({ client, names }) => client.following.received >= this.#expected(names));
    await eventually("all is published and received", SETTLE_MS_MAX, () => {
      tell(this.#now("settles"));
      return all() && everywhere();
    }).catch((error) => this.#errors.push(String(error)));
  }

  /** What was lost, doubled and reordered, of how much. */
  async counts() {
    const counts = { published: sum(this.#published.values()), delivered: 0, lost: 0, doubled: 0, reordered: 0, stored: await this.#stored() };
    const byTransport = {};
    const events = {};
    for (const { client, weather, names, by } of this.#clients) {
      const snapshot = client.following.snapshot();
      counts.delivered += snapshot.received;
      this.#errors.push(...snapshot.errors.map((error) => `${by}: ${error}`));
      for (const [key, published] of this.#published) {
        if (!names.includes(key.split(" ")[0])) continue;
        const { next = 0, missing = 0, doubled = 0, reordered = 0 } = snapshot.sequences[key] ?? {};
        counts.lost += missing + published - next;
        counts.doubled += doubled;
        counts.reordered += reordered;
      }
      add(byTransport, snapshot.byTransport);
      add(events, weather.events);
    }
    return { ...counts, byTransport, events, restarts: this.#restarts, errors: this.#errors };
  }

  async close() {
    for (const { client, weather } of this.#clients) {
      weather.stop();
      await client.close();
      await weather.close();
    }
    await this.server?.stop();
  }

  /** What part of the time has passed, from 0 to 1. */
  #progress() {
    return Math.min(1, (performance.now() - this.began) / this.duration);
  }

  /** Publishes as many as are due by now: some through the clients, the rest straight to the server. */
  #publish() {
    const due = this.messages * this.#progress();
    const byClients = Math.floor((due * SHARE_OF_CLIENTS) / this.#clients.length);
    for (const follower of this.#clients) {
      for (let burst = 0; burst < 5 && this.#count(follower) < byClients && follower.waiting < WAITING_MAX; burst += 1) this.#publishBy(follower);
    }
    const left = Math.floor(due) - sum(this.#published.values());
    for (const [index, steady] of this.#steady.entries()) {
      const share = Math.floor(left / STREAMS.length) + (index < left % STREAMS.length ? 1 : 0);
      if (0 < share) this.#published.set(`${steady.name} ${steady.by}`, steady.publish(share));
    }
  }

  #count({ names, by }) {
    return this.#published.get(`${names[0]} ${by}`) ?? 0;
  }

  #publishBy(follower) {
    const { client, names, by } = follower;
    const n = this.#count(follower);
    this.#published.set(`${names[0]} ${by}`, n + 1);
    follower.waiting += 1;
    client
      .publish(names[0], { by, n, at: Date.now() })
      .catch((error) => this.#errors.push(`${by} could not publish ${n}: ${error.code} ${error.message}`))
      .finally(() => (follower.waiting -= 1));
  }

  async #restart() {
    let next = RESTART_MS;
    while (next < this.duration) {
      const left = this.began + next - performance.now();
      await sleep(Math.max(0, left));
      if (this.#restarts % 2 === 0) this.server.askToEnd();
      await eventually("the server has ended", 10_000, () => this.#restarts % 2 === 1 || isDown(this.server));
      await this.server.restart();
      this.#restarts += 1;
      next += RESTART_MS;
    }
  }

  /** How many messages the server holds. */
  async #stored() {
    const answer = await fetch(`${this.server.url}/v1/streams?prefix=soak/`);
    return sum((await answer.json()).streams.map(({ messages }) => messages));
  }

  #expected(names) {
    return sum([...this.#published].filter(([key]) => names.includes(key.split(" ")[0])).map(([, count]) => count));
  }

  #now(phase) {
    const over = {};
    let [delivered, wrong] = [0, 0];
    for (const { client } of this.#clients) {
      const { state, transport } = client.tidings.status;
      const name = state === "live" ? transport : "none";
      over[name] = (over[name] ?? 0) + 1;
      delivered += client.following.received;
      wrong += client.following.wrong;
    }
    return { phase, progress: this.#progress(), published: sum(this.#published.values()), delivered, wrong, over, restarts: this.#restarts };
  }
}

async function isDown(server) {
  const answer = await fetch(`${server.url}/health/live`).catch(() => undefined);
  return answer === undefined;
}

function sum(numbers) {
  let total = 0;
  for (const number of numbers) total += number;
  return total;
}

function add(total, counts) {
  for (const [name, count] of Object.entries(counts)) total[name] = (total[name] ?? 0) + count;
}
