/** All streams of the server in memory. */

import { checkName } from "./names.ts";
import { StreamLog, mediaType } from "./log.ts";
import type { Config, Published, Stored } from "./log.ts";
import { Problem, streamNotFound } from "./problem.ts";

/** What one publish brings. */
export interface Publish {
  messages: (log: { kind: StreamLog["kind"] }) => Stored[];
  contentType: string | undefined;
  key: string | undefined;
  create: boolean;
  close: boolean;
}

/** The streams that there are, by name. */
export class Store {
  readonly #streams = new Map<string, StreamLog>();
  readonly #lost = new Set<string>();

  /** `incarnation` draws the identity of a new stream. */
  constructor(readonly incarnation: () => string) {}

  get(name: string): StreamLog | undefined {
    return this.#streams.get(name);
  }

  find(name: string): StreamLog {
    const log = this.#streams.get(checkName(name));
    if (!log) throw streamNotFound();
    return log;
  }

  readonly isLost = (incarnation: string): boolean => this.#lost.has(incarnation);

  /** Makes a stream, unless the same one is there. */
  create(name: string, config: Config, closed = false): { log: StreamLog; created: boolean } {
    const there = this.#streams.get(checkName(name));
    if (there) {
      if (!same(there.config, config) || there.closed !== closed) throw conflict();
      return { log: there, created: false };
    }
    const log = new StreamLog(name, this.incarnation(), config);
    log.closed = closed;
    this.#streams.set(name, log);
    return { log, created: true };
  }

  /** Stores messages; makes the stream first where that is asked. */
  publish(name: string, publish: Publish): Published & { log: StreamLog } {
    let log = this.#streams.get(checkName(name));
    if (!log && !publish.create) throw streamNotFound();
    const contentType = publish.contentType ?? log?.config.contentType ?? "application/json";
    if (log && mediaType(log.config.contentType) !== mediaType(contentType)) {
      if (log.closed) throw log.closedProblem();
      throw new Problem(
        "content_type_mismatch",
        `send \`Content-Type: ${log.config.contentType}\`, which is the stream's`,
      );
    }
    // Read before the stream is made: a publish that is refused makes none.
    const shape = log ?? new StreamLog(name, "", { contentType, durability: "disk" });
    const messages = publish.messages(shape);
    log ??= this.create(name, shape.config).log;
    const published = log.publish(messages, publish.key);
    if (publish.close) log.close();
    return { ...published, log };
  }

  delete(name: string): void {
    const log = this.find(name);
    this.#streams.delete(name);
    log.delete();
  }

  /** A new process: what was only in memory is gone. */
  restart(): void {
    for (const [name, log] of this.#streams) {
      if (log.config.durability !== "memory") continue;
      this.#lost.add(log.incarnation);
      this.#streams.delete(name);
    }
  }
}

function same(one: Config, other: Config): boolean {
  return (
    mediaType(one.contentType) === mediaType(other.contentType) &&
    one.durability === other.durability &&
    one.retentionCount === other.retentionCount
  );
}

function conflict(): Problem {
  const detail = "the stream exists with another configuration; compare with HEAD, or delete it first";
  return new Problem("stream_conflict", detail);
}
