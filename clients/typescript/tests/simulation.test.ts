/**
 * The whole client over the server in memory, with a made-up clock: random faults and changes of transport from one seed, and at the
 * end every follower has every message once, in order, and every publish is stored once.
 */

import assert from "node:assert/strict";
import { test } from "node:test";
import { connect } from "../src/index.ts";
import type { From, Tidings, Transport, View } from "../src/index.ts";
import { createServer } from "../src/testing.ts";
import type { Server } from "../src/testing.ts";
import { createRandom } from "../src/testing/random.ts";

const SEEDS = Number(process.env.TIDINGS_CLIENT_SEEDS ?? 100);
const FIRST_SEED = Number(process.env.TIDINGS_CLIENT_FIRST_SEED ?? 1);
const STEPS = 60;
const NAMES = ["a", "b", "c"];
const TRANSPORTS: Transport[] = ["poll", "long-poll", "sse", "websocket"];
/** Longer than the longest bar and the longest backoff together. */
const HEALING_MS = 20 * 60_000;

class Run {
  readonly server: Server;
  readonly tidings: Tidings;
  readonly got: Record<string, number[]> = { a: [], b: [], c: [] };
  readonly summed: Record<string, { value?: number }> = {};
  readonly published: Record<string, number> = { a: 0, b: 0, c: 0 };
  readonly sent: Promise<unknown>[] = [];
  readonly sentValues: number[] = [];
  readonly log: string[] = [];
  /** A number that a database holds, with the offset up to which it counts: every message of `ledger` adds to it. */
  readonly database: { value: number; offset: From } = { value: 0, offset: "beginning" };
  readonly ledger: View<number>;
  loads = 0;
  readonly #random: ReturnType<typeof createRandom>;

  constructor(seed: number) {
    this.#random = createRandom(seed * 7919);
    this.server = createServer({ seed });
    this.tidings = connect(this.server.url, this.server.options);
    for (const name of [...NAMES, "sent"]) this.server.create(name);
    this.server.create("ledger", { durability: "memory" });
    this.book();
    this.ledger = this.tidings.stream<number>("ledger").state<number>({
      load: () => this.load(),
      reduce: (sum, { data }) => sum + data,
    });
  }

  async load(): Promise<{ value: number; offset: From }> {
    this.loads += 1;
    await new Promise<void>((done) => void this.server.clock.setTimeout(done, this.below(500)));
    if (this.below(5) === 0) throw new Error("the database is busy");
    return { ...this.database };
  }

  /** Adds to the ledger. */
  book(): void {
    const amount = 1 + this.below(9);
    this.database.value += amount;
    this.database.offset = this.server.publish("ledger", amount).offset;
  }

  /** The ledger's messages are gone, what they added up to is not. */
  lose(forget: () => void): void {
    this.book();
    forget();
    // So that the number in the database has an offset of the new stream.
    this.book();
  }

  below(limit: number): number {
    return Math.floor(this.#random.next() * limit);
  }

  pick<T>(choices: readonly T[]): T {
    return choices[this.below(choices.length)] as T;
  }

  /** Follows a stream by a loop, and keeps what comes. */
  follow(name: string): void {
    void (async () => {
      for await (const { data } of this.tidings
        .stream<number>(name)
        .messages({ from: "beginning", buffer: 5 })) {
        this.got[name]?.push(data);
        // Now and then it is slow.
        if (this.below(10) === 0)
          await new Promise<void>((done) => void this.server.clock.setTimeout(done, 700));
      }
    })();
    const view = this.tidings
      .stream<number>(name)
      .state({ initial: 0, reduce: (sum, { data }) => sum + data });
    this.summed[name] = view as { value?: number };
  }

  publish(): void {
    const name = this.pick(NAMES);
    this.published[name] = (this.published[name] ?? 0) + 1;
    this.server.publish(name, this.published[name]);
  }

  send(): void {
    const value = this.sentValues.length + 1;
    this.sentValues.push(value);
    this.sent.push(this.tidings.stream<number>("sent").publish(value));
  }

  readonly #actions: [string, number, () => void][] = [
    ["publish", 12, () => this.publish()],
    ["send", 4, () => this.send()],
    ["drop", 3, () => this.server.drop()],
    ["delay", 2, () => this.server.delay(this.pick([0, 20, 300, 2_000]))],
    ["loseResponse", 2, () => this.server.loseResponse()],
    ["restart", 1, () => this.lose(() => this.server.restart())],
    ["book", 6, () => this.book()],
    ["forget", 1, () => this.lose(() => this.server.expire("ledger"))],
    ["trim", 1, () => (this.book(), this.server.trim("ledger", this.below(2)))],
    ["drain", 1, () => this.server.drain(this.pick([1, 10]))],
    ["refuse", 1, () => this.server.refuse(this.pick(TRANSPORTS.slice(1)))],
    ["swallow", 2, () => this.server.swallow(this.pick(TRANSPORTS))],
    ["unplug", 1, () => this.server.unplug()],
    ["heal", 3, () => this.server.heal()],
    ["use", 3, () => this.tidings.use(this.pick([...TRANSPORTS, "auto", "auto"]))],
  ];

  act(): void {
    const total = this.#actions.reduce((sum, [, weight]) => sum + weight, 0);
    let at = this.below(total);
    for (const [name, weight, run] of this.#actions) {
      at -= weight;
      if (at >= 0) continue;
      this.log.push(name);
      run();
      return;
    }
  }

  async whole(): Promise<void> {
    for (const name of NAMES) this.follow(name);
    for (let step = 0; step < STEPS; step += 1) {
      this.act();
      await this.server.clock.advance(this.pick([0, 1, 50, 300, 3_000, 40_000]));
    }
    this.server.heal();
    this.tidings.use("auto");
    this.book();
    await this.server.clock.advance(HEALING_MS);
    this.check();
    this.tidings.close();
    await this.server.clock.advance(0);
    assert.equal(this.server.connections(), 0);
  }

  check(): void {
    for (const name of NAMES) {
      const all = Array.from({ length: this.published[name] ?? 0 }, (_, at) => at + 1);
      assert.deepEqual(this.got[name], all, `stream ${name}`);
      assert.equal(
        this.summed[name]?.value,
        all.reduce((sum, value) => sum + value, 0),
        `sum of ${name}`,
      );
    }
    assert.deepEqual(this.server.messages("sent"), this.sentValues, "what was published");
    assert.deepEqual([this.ledger.state, this.ledger.value], ["live", this.database.value], "the ledger");
    assert.deepEqual([this.tidings.status.state, this.tidings.status.transport], ["live", "websocket"]);
  }
}

test(
  `${SEEDS} random lives of a client: nothing lost, doubled or reordered`,
  { timeout: 600_000 },
  async (t) => {
    for (let seed = FIRST_SEED; seed < FIRST_SEED + SEEDS; seed += 1) {
      const run = new Run(seed);
      try {
        await run.whole();
      } catch (error) {
        t.diagnostic(`seed ${seed}: ${run.log.join(" ")}\n${JSON.stringify(run.tidings.explain(), null, 1)}`);
        throw error;
      }
    }
  },
);
