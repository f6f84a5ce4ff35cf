// A hundred messages a second, published by this page through its client.

import { Rate } from "../rate.js";

/** Messages a second. */
const WANTED = 100;

/** How often it is looked whether some are due, in milliseconds. */
const TICK = 10;

/** How many may be on their way; beyond it, those that are due are left out, and the figures say so. */
const WAITING_MAX = 200;

/** How many are made up for at once: a page that was in the background does not catch up with minutes. */
const BURST_MAX = 25;

export class Load {
  /** How many are on their way. */
  waiting = 0;
  /** All of ours that were stored, and that came back. */
  totals = { published: 0, received: 0 };
  /** Whether each of ours has followed on the one before it. */
  isInOrder = true;
  #stream;
  #me;
  #published = new Rate(2_000);
  #received = new Rate(2_000);
  #timer;
  #n = 0;
  #seen = 0;
  /** What the last publish was refused with, if it was. */
  refusal = "";
  /** Milliseconds from publishing to seeing a message, of the newest of ours. */
  thereAndBack;

  constructor(stream, me) {
    this.#stream = stream;
    this.#me = me;
  }

  get isOn() {
    return this.#timer !== undefined;
  }

  /** Published and received a second. */
  rates(now) {
    return { published: this.#published.perSecond(now), received: this.#received.perSecond(now) };
  }

  start() {
    let next = performance.now();
    this.#timer = setInterval(() => {
      const now = performance.now();
      const due = Math.floor((now - next) / (1_000 / WANTED));
      next += (due * 1_000) / WANTED;
      for (let count = 0; count < Math.min(due, BURST_MAX); count += 1) this.#publish(now);
    }, TICK);
  }

  stop() {
    clearInterval(this.#timer);
    this.#timer = undefined;
  }

  /** A message of the stream, of ours or of another page. */
  take({ data }) {
    const now = performance.now();
    this.#received.add(now);
    if (data.by !== this.#me) return;
    this.totals.received += 1;
    this.thereAndBack = now - data.at;
    this.isInOrder &&= data.n === this.#seen + 1;
    this.#seen = data.n;
  }

  async #publish(now) {
    if (WAITING_MAX <= this.waiting) return;
    this.waiting += 1;
    this.#n += 1;
    try {
      await this.#stream.publish({ by: this.#me, n: this.#n, at: now, value: signal(this.#n) });
      this.refusal = "";
      this.totals.published += 1;
      this.#published.add(performance.now());
    } catch (error) {
      this.refusal = error.message;
    } finally {
      this.waiting -= 1;
    }
  }
}

/** A slow wave, a fast one, and noise. */
function signal(n) {
  const seconds = n / WANTED;
  return 50 + 28 * Math.sin(seconds * 1.1) + 11 * Math.sin(seconds * 6.3) + 6 * (Math.random() - 0.5);
}
