/** One stream: its messages, what is kept of them, and who wants to know of new ones. Knows no transport. */

import { Problem } from "./problem.ts";
import type { Reset } from "./problem.ts";
import { isToken, token } from "./names.ts";
import type { Start } from "./names.ts";

/** How many keys of publishes a stream remembers, as the real server does. */
const KEYS_MAX = 1000;

/** How a stream's messages travel. */
export type Kind = "json" | "text" | "bytes";

/** What a stream is made with. */
export interface Config {
  contentType: string;
  durability: "disk" | "memory";
  /** Keeps that many messages at most. */
  retentionCount?: number;
}

/** A message as it stands in frames. */
export interface Stored {
  time: string;
  data: unknown;
  encoding?: "base64";
}

/** What a publish came to. */
export interface Published {
  offset: string;
  duplicate: boolean;
}

/** A stream from its creation to its deletion. */
export class StreamLog {
  /** Told after each change. */
  readonly followers = new Set<() => void>();
  readonly kind: Kind;
  closed = false;
  deleted = false;
  /** How many messages are gone at the beginning. */
  earliest = 0;
  readonly #messages: Stored[] = [];
  readonly #keys = new Map<string, { body: string; offset: string }>();

  constructor(
    readonly name: string,
    readonly incarnation: string,
    readonly config: Config,
  ) {
    this.kind = kindOf(config.contentType);
  }

  get tail(): number {
    return this.earliest + this.#messages.length;
  }

  offset(index: number): string {
    return token(this.incarnation, index);
  }

  message(index: number): Stored {
    return this.#messages[index - this.earliest] as Stored;
  }

  /** Stores messages, or finds that they are stored already: by the key, for the same messages. */
  publish(messages: Stored[], key: string | undefined): Published {
    const body =
      key === undefined ? "" : JSON.stringify(messages.map(({ data, encoding }) => [data, encoding]));
    const known = key === undefined ? undefined : this.#keys.get(key);
    if (known) {
      if (known.body !== body) throw keyReused();
      return { offset: known.offset, duplicate: true };
    }
    if (this.closed) throw this.closedProblem();
    this.#messages.push(...messages);
    const offset = this.offset(this.tail);
    if (key !== undefined) this.#remember(key, body, offset);
    if (this.config.retentionCount !== undefined) this.keep(this.config.retentionCount);
    this.#tell();
    return { offset, duplicate: false };
  }

  #remember(key: string, body: string, offset: string): void {
    this.#keys.set(key, { body, offset });
    const [oldest] = this.#keys.keys();
    if (this.#keys.size > KEYS_MAX && oldest !== undefined) this.#keys.delete(oldest);
  }

  /** Removes all but the last `count` messages. */
  keep(count: number): void {
    const gone = Math.max(0, this.#messages.length - count);
    this.#messages.splice(0, gone);
    this.earliest += gone;
  }

  close(): void {
    this.closed = true;
    this.#tell();
  }

  delete(): void {
    this.deleted = true;
    this.#tell();
  }

  #tell(): void {
    for (const follower of [...this.followers]) follower();
  }

  closedProblem(): Problem {
    const headers = { "Stream-Closed": "true", "Stream-Next-Offset": this.offset(this.tail) };
    return new Problem("stream_closed", "the stream takes no more messages; publish to another one", headers);
  }

  /** The index where a reader begins, or why it can't. */
  open(start: Start, isLost: (incarnation: string) => boolean): number | Reset {
    if (start === "beginning") return this.earliest;
    if (start === "now") return this.tail;
    if (!isToken(start)) return Math.max(this.tail - start.last, this.earliest);
    if (start.incarnation !== this.incarnation)
      return this.reset(isLost(start.incarnation) ? "lost" : "deleted");
    if (this.tail < start.index) return this.reset("ahead");
    if (start.index < this.earliest) return this.reset("trimmed");
    return start.index;
  }

  reset(reason: Reset["reason"]): Reset {
    const [earliest, tail] = this.deleted
      ? [null, null]
      : [this.offset(this.earliest), this.offset(this.tail)];
    return { reason, earliest, tail };
  }
}

/** What a content type says about the messages. */
function kindOf(contentType: string): Kind {
  const type = mediaType(contentType);
  if (type === "application/json") return "json";
  return type.startsWith("text/") ? "text" : "bytes";
}

/** A content type without its parameters, to compare. */
export function mediaType(contentType: string): string {
  return (contentType.split(";")[0] ?? "").trim().toLowerCase();
}

function keyReused(): Problem {
  const detail = "this `Idempotency-Key` was used with another body; take a new key for a new message";
  return new Problem("idempotency_conflict", detail);
}
