/** Runs a case of `conformance/session/cases` against the session: what goes in, and what must come out. */

import assert from "node:assert/strict";
import { TidingsError, type ErrorCode } from "../../src/errors.ts";
import { createSession, type Action, type Frame, type Loss, type Question, type Session, type SessionEvent } from "../../src/session.ts";
import { defaultTiming } from "../../src/timing.ts";
import type { From, Timing } from "../../src/types.ts";

/** One case, as it stands in the file. */
export interface Case {
  name: string;
  options?: Record<string, unknown>;
  steps: Record<string, unknown>[];
}

type Json = any;

export function runCase({ name, options = {}, steps }: Case): void {
  const script = new Script(options);
  steps.forEach((step, index) => {
    const [[verb, value]] = Object.entries(step) as [[string, Json]];
    try {
      script.take(verb, value);
    } catch (error) {
      (error as Error).message = `${name}, step ${index + 1} (${JSON.stringify(step)}): ${(error as Error).message}`;
      throw error;
    }
  });
}

/** A session and its made-up clock. */
class Script {
  private readonly session: Session;
  private now = 0;
  private actions: Json[] = [];
  private events: Json[] = [];

  constructor({ via = "auto", random = 0.5, poll_interval, ...times }: Record<string, Json>) {
    const timing = { ...defaultTiming } as unknown as Record<string, unknown>;
    for (const [key, value] of Object.entries(times)) {
      const camel = key.replace(/_(.)/g, (_, letter: string) => letter.toUpperCase());
      assert.ok(camel in timing, `no such option: ${key}`);
      timing[camel] = value;
    }
    this.session = createSession({
      via_: via,
      pollInterval_: poll_interval,
      timing_: timing as unknown as Timing,
      random_: () => random,
    });
  }

  take(verb: string, value: Json): void {
    // Streams that are wanted together are asked for together.
    if (verb != "want" && verb != "drop") this.passUntil(this.now);
    const { session } = this;
    switch (verb) {
      case "want":
        return session.want_(value.stream, from(value.from), value.wait ?? false);
      case "drop":
        return session.drop_(value);
      case "at":
        assert.ok(value >= this.now, "time goes back");
        return this.passUntil(value);
      case "hear":
        return this.hear(value[0], value[1]);
      case "hidden":
        return session.hide_(this.now, value);
      case "wake":
        return session.wake_(this.now);
      case "pause":
      case "resume":
        return session.pause_(this.now, verb == "pause");
      case "via":
        return session.via_(this.now, value);
      case "actions":
        this.collect();
        return assert.deepEqual(this.actions.splice(0), value);
      case "events":
        this.collect();
        return assert.deepEqual(this.events.splice(0), value);
      case "status":
        return assert.equal(session.status_(), value);
      default:
        assert.fail(`no such step: ${verb}`);
    }
  }

  private passUntil(until: number): void {
    for (let turns = 0; this.session.next_() <= until; turns += 1) {
      assert.ok(turns < 1000, "the session does not rest");
      this.now = Math.max(this.now, this.session.next_());
      this.session.turn_(this.now);
    }
    this.now = until;
  }

  private hear(id: number, heard: Json): void {
    const { session, now } = this;
    if (heard.lost) session.lose_(now, id, loss(heard));
    else if (heard.hello) session.hear_(now, id, [{ type: "hello", heartbeat: heard.hello / 1000 }]);
    else if (heard.page) {
      const page = { upToDate_: heard.page.up_to_date as boolean, interval_: heard.page.interval };
      session.hear_(now, id, heard.frames.map(frame), page);
    } else session.hear_(now, id, heard.frames?.map(frame));
  }

  private collect(): void {
    this.actions.push(...this.session.actions_().map(action));
    for (const event of this.session.events_()) {
      const told = eventOf(event);
      const last = this.events.at(-1);
      // Given one after another, they were given together.
      if (told[0] == "messages" && last?.[0] == "messages" && last[1] == told[1]) last.push(...told.slice(2));
      else this.events.push(told);
    }
  }
}

const INCARNATION = "000000000000aaaa";
const OTHER_INCARNATION = "000000000000bbbb";

function offset(written: Json): Json {
  if (written === null || written === undefined) return null;
  const isOther = String(written).startsWith("x");
  const index = String(written).replace("x", "");
  return (isOther ? OTHER_INCARNATION : INCARNATION) + "_" + index.padStart(16, "0");
}

function writtenOffset(place: Json): Json {
  const [incarnation, index] = String(place).split("_") as [string, string];
  return incarnation == OTHER_INCARNATION ? `x${Number(index)}` : Number(index);
}

function from(written: Json): From {
  if (written === -1) return "beginning";
  if (written === "now" || typeof written == "object") return written;
  return offset(written);
}

function writtenFrom(place: From): Json {
  if (place == "beginning") return -1;
  if (place == "now" || typeof place == "object") return place;
  return writtenOffset(place);
}

function frame([type, stream, ...rest]: Json[]): Frame {
  switch (type) {
    case "message":
      return { type, stream, offset: offset(rest[0]), time: "", data: null };
    case "skipped":
      return { type, stream, from: offset(rest[0]), offset: offset(rest[1]), messages: rest[1] - rest[0] };
    case "reset":
      return { type, stream, reason: rest[0], earliest: offset(rest[1]), tail: offset(rest[2]) };
    case "error":
      return { type, stream, code: rest[0], message: "", retryable: rest[1] ?? false };
    case "drain":
      return { type, within: stream / 1000 };
    case "heartbeat":
      return { type };
    case "unsubscribed":
      return { type, stream };
    case "subscribed":
    case "live":
    case "closed":
      return { type, stream, offset: offset(rest[0]) };
    default:
      return assert.fail(`no such frame: ${type}`);
  }
}

function loss({ lost, retry_after, code }: Json): Loss {
  const error = code && new TidingsError(code as ErrorCode);
  return { kind_: lost, retryAfter_: retry_after, error_: error };
}

function question(asked: Question): Json {
  return Object.fromEntries(asked.map(([stream, place]) => [stream, writtenFrom(place)]));
}

function action(done: Action): Json {
  switch (done.do_) {
    case "open":
    case "ask": {
      const { transport } = done.attempt_;
      const first = done.do_ == "open" ? [done.id_, transport] : [done.id_];
      return { [done.do_]: transport == "websocket" ? first : [...first, question(done.question_)] };
    }
    case "send": {
      const { type, stream, offset: place, last } = done.frame_;
      if (type == "ping") return { ping: done.id_ };
      if (type == "unsubscribe") return { unsubscribe: [done.id_, stream] };
      return { subscribe: [done.id_, stream, last === undefined ? writtenFrom(place == "-1" ? "beginning" : place!) : { last }] };
    }
    case "close":
      return { close: done.id_ };
  }
}

function eventOf(event: SessionEvent): Json[] {
  const { stream_: stream } = event;
  switch (event.type_) {
    case "messages":
      return ["messages", stream, ...event.frames_.map((it) => writtenOffset(it.offset))];
    case "failed":
      return ["failed", stream, event.error_.code];
    case "missing":
      return ["missing", stream];
    case "skipped":
      return ["skipped", stream, writtenOffset(event.frame_.from), writtenOffset(event.frame_.offset)];
    case "reset":
      return ["reset", stream, event.frame_.reason];
    default:
      return [event.type_, stream, writtenOffset(event.frame_.offset)];
  }
}
