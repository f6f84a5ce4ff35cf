/** Runs a case of `conformance/session/cases` against the session: what goes in, and what must come out. */

import assert from "node:assert/strict";
import { TidingsError, type ErrorCode } from "../../src/errors.ts";
import { createSession, type Session } from "../../src/session.ts";
import type { Attempt } from "../../src/session/attempt.ts";
import type { Frame, Question } from "../../src/session/words.ts";
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
      (error as Error).message =
        `${name}, step ${index + 1} (${JSON.stringify(step)}): ${(error as Error).message}`;
      throw error;
    }
  });
}

/** What the clock shows when a case begins. */
const BEGIN = 1_000_000;

/** A session and its made-up clock. */
class Script {
  private readonly session: Session;
  private readonly attempts = new Map<number, Attempt>();
  private now = BEGIN;
  private actions: Json[] = [];
  private events: Json[] = [];

  constructor({ via = "auto", random = 0.5, poll_interval, ...times }: Record<string, Json>) {
    const timing = { ...defaultTiming } as unknown as Record<string, unknown>;
    for (const [key, value] of Object.entries(times)) {
      const camel = key.replace(/_(.)/g, (_, letter: string) => letter.toUpperCase());
      assert.ok(camel in timing, `no such option: ${key}`);
      timing[camel] = value;
    }
    this.session = createSession(via, poll_interval, timing as unknown as Timing, () => random, {
      ask_: (attempt, asked) => this.onAsk(attempt, asked),
      send_: ({ id }, frame) => this.actions.push(sent(id, frame as Frame)),
      close_: ({ id }) => this.actions.push({ close: id }),
      tell_: (frame) => this.onTold(eventOf(frame)),
    });
    this.session.turn_(BEGIN);
  }

  private onAsk(attempt: Attempt, asked: Question): void {
    const { id, transport } = attempt;
    const asking = transport == "websocket" ? [] : [question(asked)];
    this.actions.push(
      this.attempts.has(id) ? { ask: [id, ...asking] } : { open: [id, transport, ...asking] },
    );
    this.attempts.set(id, attempt);
  }

  private onTold(event: Json[]): void {
    const last = this.events.at(-1);
    // Given one after another, they were given together.
    if (event[0] == "messages" && last?.[0] == "messages" && last[1] == event[1])
      last.push(...event.slice(2));
    else this.events.push(event);
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
        assert.ok(BEGIN + value >= this.now, "time goes back");
        return this.passUntil(BEGIN + value);
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
        return assert.deepEqual(this.actions.splice(0), value);
      case "events":
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
    const attempt = this.attempts.get(id);
    assert.ok(attempt, `attempt ${id} was not opened`);
    if (heard.lost) session.lose_(now, attempt, loss(heard));
    else if (heard.hello) session.hear_(now, attempt, [{ type: "hello", heartbeat: heard.hello / 1000 }]);
    else if (heard.page) {
      const page = { upToDate_: heard.page.up_to_date as boolean, interval_: heard.page.interval ?? 0 };
      session.hear_(now, attempt, heard.frames.map(frame), page);
    } else session.hear_(now, attempt, heard.frames?.map(frame));
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
      return {
        type,
        stream,
        code: rest[0],
        message: "",
        retryable: rest[1] ?? false,
        ...(rest[2] && { retry_after: rest[2] / 1000 }),
      };
    case "return":
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

function loss({ lost, retry_after, code }: Json): TidingsError {
  const codes: Record<string, ErrorCode> = { refused: "forbidden", busy: "too_busy" };
  const error = new TidingsError(code ?? codes[lost] ?? lost, "", lost != "refused");
  error.retryAfter_ = retry_after;
  return error;
}

function question(asked: Question): Json {
  return Object.fromEntries(asked.map(([stream, place]) => [stream, writtenFrom(place)]));
}

function sent(id: number, { type, stream, offset: place, last }: Frame): Json {
  if (type == "ping") return { ping: id };
  if (type == "unsubscribe") return { unsubscribe: [id, stream] };
  return {
    subscribe: [
      id,
      stream,
      last === undefined ? writtenFrom(place == "-1" ? "beginning" : place!) : { last },
    ],
  };
}

function eventOf({ type, stream, offset: place, from, code, reason }: Frame): Json[] {
  switch (type) {
    case "message":
      return ["messages", stream, writtenOffset(place)];
    case "failed":
      return ["failed", stream, code];
    case "error":
      return ["missing", stream];
    case "skipped":
      return ["skipped", stream, writtenOffset(from), writtenOffset(place)];
    case "reset":
      return ["reset", stream, reason];
    default:
      return [type, stream, writtenOffset(place)];
  }
}
