// A publisher that no weather reaches: many messages at once, straight to the server, repeated under their key until they are stored.

import { randomUUID } from "node:crypto";
import { setTimeout as sleep } from "node:timers/promises";

const BATCH_MAX = 200;
const RETRY_MS = 50;

/** Publishes to one stream. */
export class Steady {
  by = "steady";
  /** Messages that are not stored yet. */
  waiting = 0;
  #next = 0;
  #running = false;

  constructor(server, name) {
    Object.assign(this, { server, name });
  }

  /** So many more are to be published; how many that makes in all. */
  publish(count) {
    this.waiting += count;
    if (!this.#running) this.#run();
    return this.#next + this.waiting;
  }

  async #run() {
    this.#running = true;
    while (0 < this.waiting) {
      const count = Math.min(this.waiting, BATCH_MAX);
      const batch = Array.from({ length: count }, (_, index) => ({ by: this.by, n: this.#next + index, at: Date.now() }));
      await this.#store(JSON.stringify(batch));
      this.#next += count;
      this.waiting -= count;
    }
    this.#running = false;
  }

  async #store(body) {
    const headers = { "Content-Type": "application/json", "Idempotency-Key": randomUUID() };
    for (;;) {
      const answer = await fetch(this.server.stream(this.name), { method: "POST", headers, body }).catch(() => undefined);
      if (answer?.status === 204) return;
      // The server is being restarted.
      await sleep(RETRY_MS);
    }
  }
}
