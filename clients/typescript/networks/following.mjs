// A client that follows numbered messages, and what became of them. Runs in Node and in pages alike.

import { Sequence } from "./sequence.mjs";

const STATUSES_MAX = 1_000;

/** Follows some streams with one client from the beginning on, and keeps count. */
export class Following {
  received = 0;
  errors = [];
  /** How many came while the client was live over which transport; `none` while it was not. */
  byTransport = {};
  /** The last statuses that the client told: `{ state, transport, at }`. */
  statuses = [];
  /** The longest time between a publish and its arrival, since it was last asked for. */
  lateness = 0;
  #sequences = new Map();
  #offsets = new Map();
  #stop = new AbortController();

  constructor(tidings, names) {
    this.tidings = tidings;
    this.began = Date.now();
    tidings.addEventListener("status", () => this.#onStatus());
    this.done = Promise.all(names.map((name) => this.#follow(name)));
  }

  /** All in one, as plain data: a page hands it to the test. */
  snapshot() {
    const { began, received, errors, statuses, lateness, byTransport, tidings } = this;
    const counts = [...this.#sequences].map(([key, sequence]) => [key, { ...sequence, missing: sequence.lost(sequence.next) }]);
    const { state, transport, shared } = tidings.status;
    return {
      began,
      received,
      errors,
      statuses,
      lateness,
      byTransport,
      sequences: Object.fromEntries(counts),
      state,
      transport,
      shared,
    };
  }

  /** How much is wrong up to now. */
  get wrong() {
    const sequences = [...this.#sequences.values()];
    return this.errors.length + sequences.reduce((sum, one) => sum + one.lost(one.next) + one.doubled + one.reordered, 0);
  }

  forgetLateness() {
    this.lateness = 0;
  }

  async stop() {
    this.#stop.abort();
    await this.done;
  }

  async #follow(name) {
    const { signal } = this.#stop;
    try {
      for await (const message of this.tidings.stream(name).messages({ from: "beginning", signal })) this.#take(name, message);
    } catch (error) {
      if (!signal.aborted) this.errors.push(`${name}: ${error.code ?? ""} ${error.message}`);
    }
  }

  #take(name, { offset, data }) {
    this.received += 1;
    const { state, transport } = this.tidings.status;
    const over = state === "live" ? transport : "none";
    this.byTransport[over] = (this.byTransport[over] ?? 0) + 1;
    this.lateness = Math.max(this.lateness, Date.now() - data.at);
    const key = `${name} ${data.by}`;
    let sequence = this.#sequences.get(key);
    if (sequence === undefined) this.#sequences.set(key, (sequence = new Sequence()));
    sequence.take(data.n);
    const before = this.#offsets.get(name);
    if (before !== undefined && !follows(before, offset)) this.errors.push(`${name}: ${offset} came after ${before}`);
    this.#offsets.set(name, offset);
  }

  #onStatus() {
    const { state, transport, shared } = this.tidings.status;
    this.statuses.push({ state, transport, shared, at: Date.now() });
    if (STATUSES_MAX < this.statuses.length) this.statuses.shift();
  }
}

/** Whether one offset is that of the message right after the other. A client takes offsets for opaque; a test may know what they are. */
function follows(before, after) {
  const [[incarnation, count], [incarnationAfter, countAfter]] = [before.split("_"), after.split("_")];
  return incarnation === incarnationAfter && Number(countAfter) === Number(count) + 1;
}
