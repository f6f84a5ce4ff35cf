/** A reader of one stream: what comes next for it, as frames. The same for all transports. */

import type { StreamLog } from "./log.ts";
import { isToken } from "./names.ts";
import type { Start } from "./names.ts";
import { Problem } from "./problem.ts";
import type { Reset } from "./problem.ts";
import type { Store } from "./store.ts";

/** One frame of `tidings.v1`, before it is text. */
export type Frame = Record<string, unknown> & { type: string };

/** Where frames about one stream come from. */
export interface Source {
  readonly stream: string;
  /** Whether nothing comes any more. */
  readonly ended: boolean;
  /** Whether everything that is stored was taken. */
  readonly upToDate: boolean;
  /** What is said first: where it begins, or why it can't. */
  begin(): Frame[];
  /** The messages that come next: at most so many bytes of them, but always one. */
  page(bytesMax?: number): Frame[];
  /** What is said at the tail. */
  tail(): Frame[];
  /** Calls `changed` after each change of the stream, until the function that it gives is called. */
  follow(changed: () => void): () => void;
}

/** Everything that several sources have to say, in the order in which the real server says it. */
export function take(sources: Source[], bytesMax?: number): Frame[] {
  const begin = sources.flatMap((source) => source.begin());
  const pages = sources.flatMap((source) => source.page(bytesMax));
  return [...begin, ...pages, ...sources.flatMap((source) => source.tail())];
}

/** What a reader is asked for. */
export interface Wanted {
  stream: string;
  start: Start;
}

/** Opens a reader, or a source that only says why there is none. `greets`: its first frame says where it begins, however it was asked. */
export function openSource(store: Store, wanted: Wanted, greets: boolean): Source {
  const { stream } = wanted;
  try {
    const log = store.find(stream);
    const opened = log.open(wanted.start, store.isLost);
    if (typeof opened === "object") return oneFrame(stream, { type: "reset", stream, ...opened });
    return new Reader(log, opened, greets || !isToken(wanted.start));
  } catch (error) {
    if (!(error instanceof Problem)) throw error;
    return oneFrame(stream, error.frame({ stream }) as Frame);
  }
}

function oneFrame(stream: string, frame: Frame): Source {
  const frames = [frame];
  const nothing = () => [];
  return {
    stream,
    ended: true,
    upToDate: true,
    begin: () => frames.splice(0),
    page: nothing,
    tail: nothing,
    follow: () => () => {},
  };
}

/** Stands at a place of a stream, and takes what lies after it. */
class Reader implements Source {
  ended = false;
  /** Whether it was told that it has everything. */
  #live = false;
  #greets: boolean;
  /** Whether it is told nothing until there is something new: it asks for a place that it was given. */
  #quiet: boolean;
  #next: number;
  readonly #log: StreamLog;

  constructor(log: StreamLog, next: number, greets: boolean) {
    this.#log = log;
    this.#next = next;
    this.#greets = greets;
    this.#quiet = !greets;
  }

  get stream(): string {
    return this.#log.name;
  }

  get upToDate(): boolean {
    return this.ended || this.#next === this.#log.tail;
  }

  follow(changed: () => void): () => void {
    this.#log.followers.add(changed);
    return () => void this.#log.followers.delete(changed);
  }

  begin(): Frame[] {
    const frames = this.#greets ? [this.#at("subscribed")] : [];
    this.#greets = false;
    return frames;
  }

  page(bytesMax = Infinity): Frame[] {
    const log = this.#log;
    if (this.ended) return [];
    if (log.deleted) return [this.#reset("deleted")];
    if (this.#next < log.earliest) return [this.#reset("trimmed")];
    const frames: Frame[] = [];
    let bytes = 0;
    while (this.#next < log.tail) {
      const message = log.message(this.#next);
      bytes += JSON.stringify(message.data).length;
      if (bytesMax < bytes && frames.length) break;
      this.#next += 1;
      this.#quiet = false;
      frames.push({ ...this.#at("message"), ...message });
    }
    return frames;
  }

  tail(): Frame[] {
    if (this.ended || !this.upToDate) return [];
    const frames = this.#live || this.#quiet ? [] : [this.#at("live")];
    this.#live ||= frames.length > 0;
    return this.#log.closed ? [...frames, this.#end(this.#at("closed"))] : frames;
  }

  #reset(reason: Reset["reason"]): Frame {
    return this.#end({ type: "reset", stream: this.stream, ...this.#log.reset(reason) });
  }

  #end(frame: Frame): Frame {
    this.ended = true;
    return frame;
  }

  #at(type: string): Frame {
    return { type, stream: this.stream, offset: this.#log.offset(this.#next) };
  }
}
