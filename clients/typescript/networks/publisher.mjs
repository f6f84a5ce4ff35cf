// Publishes numbered messages straight to the server, past all faults.

import { setTimeout as sleep } from "node:timers/promises";

/** Publishes to some streams in turn. */
export class Publisher {
  /** How many it has published to each stream. */
  published = new Map();
  #server;
  #by;
  #running;
  #stopped = false;

  constructor(server, names, by = "publisher") {
    this.#server = server;
    this.#by = by;
    for (const name of names) this.published.set(name, 0);
  }

  /** Publishes the next message to each stream. */
  async publishOnce() {
    await Promise.all([...this.published.keys()].map((name) => this.#publish(name)));
  }

  /** Goes on, one round every `milliseconds`, until it is stopped. */
  start(milliseconds) {
    this.#running = (async () => {
      while (!this.#stopped) {
        await this.publishOnce();
        await sleep(milliseconds);
      }
    })();
    this.#running.catch(() => {}); // `stop` tells.
    return this;
  }

  async stop() {
    this.#stopped = true;
    await this.#running;
  }

  async #publish(name) {
    const n = this.published.get(name);
    const body = JSON.stringify({ by: this.#by, n, at: Date.now() });
    const answer = await fetch(this.#server.stream(name), { method: "POST", headers: { "Content-Type": "application/json" }, body });
    if (answer.status !== 204) throw new Error(`publishing to ${name}: ${answer.status} ${await answer.text()}`);
    this.published.set(name, n + 1);
  }
}
