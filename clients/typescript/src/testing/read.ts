/** `POST /v1/read`: many streams in one request, as a poll, a long poll or SSE. */

import type { Asked, Exchange } from "./exchange.ts";
import { parseJson } from "./message.ts";
import { checkName, parseStart } from "./names.ts";
import { Problem } from "./problem.ts";
import { openSource, take } from "./reader.ts";
import type { Frame, Source, Wanted } from "./reader.ts";
import type { World } from "./world.ts";

const STREAMS_MAX = 100;
const PAGE_BYTES = 1 << 20;
const TIMEOUT_MS = 30_000;
const TIMEOUT_MS_MAX = 120_000;
const HEARTBEAT_MS = 25_000;
const POLL_INTERVAL = { "Cache-Control": "no-store", "Stream-Poll-Interval": "1" };

/** Answers the request, now or later. */
export function readMany(asked: Asked, world: World, exchange: Exchange): void {
  checkLive(asked.url.searchParams.get("live"));
  const wanted = parseList(asked.body);
  if (asked.transport === "sse") return follow(wanted, world, exchange);
  const timeout = parseTimeout(asked.url.searchParams.get("timeout"));
  const sources = wanted.map((it) => openSource(world.store, it, false));
  const frames = page(sources);
  if (frames.length || asked.transport === "poll") return exchange.respond(answer(sources, frames));
  hold(sources, timeout, world, exchange);
}

/** Refuses a way to wait that there is not. */
export function checkLive(live: string | null): void {
  if (live === null || live === "long-poll" || live === "sse") return;
  throw invalid(`\`live=${live}\` is unknown: it is \`long-poll\` or \`sse\`; leave it out to poll`);
}

/** A long poll without anything to say yet. */
function hold(sources: Source[], timeout: number, world: World, exchange: Exchange): void {
  const nothing = () => exchange.respond(new Response(null, { status: 204, headers: upToDate(true) }));
  const look = () => {
    const frames = page(sources);
    if (!frames.length) return;
    leave();
    exchange.respond(answer(sources, frames));
  };
  const timer = world.clock.setTimeout(() => (leave(), nothing()), timeout);
  const drained = () => (leave(), nothing());
  const unfollow = sources.map((source) => source.follow(look));
  world.draining.add(drained);
  const leave = () => {
    world.clock.clearTimeout(timer);
    world.draining.delete(drained);
    for (const each of unfollow) each();
  };
  exchange.onOver(leave);
}

/** SSE: an answer that goes on until no stream is left. */
function follow(wanted: Wanted[], world: World, exchange: Exchange): void {
  const sources = wanted.map((it) => openSource(world.store, it, true));
  const events = exchange.begin({
    "Content-Type": "text/event-stream",
    "Cache-Control": "no-cache",
    "X-Accel-Buffering": "no",
  });
  let timer: unknown;
  const write = (text: string) => {
    world.clock.clearTimeout(timer);
    timer = world.clock.setTimeout(() => write(": heartbeat\n\n"), HEARTBEAT_MS);
    events.write(text);
  };
  const end = () => (leave(), events.end());
  const look = () => {
    for (const frame of take(sources)) write(`data:${JSON.stringify(frame)}\n\n`);
    if (sources.every((source) => source.ended)) end();
  };
  const drained = (within: number) => {
    write(`data:${JSON.stringify({ type: "drain", within })}\n\n`);
    end();
  };
  const unfollow = sources.map((source) => source.follow(look));
  world.draining.add(drained);
  const leave = () => {
    world.clock.clearTimeout(timer);
    world.draining.delete(drained);
    for (const each of unfollow) each();
  };
  exchange.onOver(leave);
  write("retry: 2000\n");
  look();
}

function page(sources: Source[]): Frame[] {
  return take(sources, Math.floor(PAGE_BYTES / sources.length));
}

function answer(sources: Source[], frames: Frame[]): Response {
  const headers = {
    "Content-Type": "application/json",
    ...upToDate(sources.every((source) => source.upToDate)),
  };
  return new Response(JSON.stringify(frames), { status: 200, headers });
}

function upToDate(is: boolean): Record<string, string> {
  return is ? { ...POLL_INTERVAL, "Stream-Up-To-Date": "true" } : POLL_INTERVAL;
}

/** The streams that the body lists. */
function parseList(body: Uint8Array): Wanted[] {
  const asked = parseJson(new TextDecoder().decode(body)) as { streams?: unknown } | null;
  const list = asked?.streams;
  if (!Array.isArray(list)) {
    throw invalid('the body is an object with a list `streams`, once: {"streams":[{"stream":"a"}]}');
  }
  if (!list.length) throw invalid("`streams` is empty: list at least one");
  if (STREAMS_MAX < list.length) {
    throw new Problem(
      "too_many_subscriptions",
      `one request reads at most ${STREAMS_MAX} streams (\`max_read_streams\`); send another`,
    );
  }
  const wanted = list.map(parseEntry);
  const names = wanted.map((it) => it.stream);
  const twice = names.find((name, at) => names.indexOf(name) < at);
  if (twice !== undefined) {
    throw new Problem(
      "already_subscribed",
      `\`${twice}\` is listed twice; one request reads a stream from one place`,
    );
  }
  return wanted;
}

function parseEntry(entry: unknown, at: number): Wanted {
  try {
    return parseWanted(entry);
  } catch (error) {
    throw error instanceof Problem ? invalid(`\`streams[${at}]\`: ${error.detail}`) : error;
  }
}

function parseWanted(entry: unknown): Wanted {
  if (typeof entry !== "object" || entry === null)
    throw invalid("a message is a JSON object that has no member twice");
  const { stream, offset, last } = entry as Record<string, unknown>;
  if (typeof stream !== "string") throw invalid("`stream` is missing");
  return { stream: checkName(stream), start: parseStart(offset ?? undefined, last ?? undefined, "now") };
}

/** How long a long poll is held, from the seconds that it asks for. */
export function parseTimeout(text: string | null): number {
  if (text === null) return TIMEOUT_MS;
  if (!/^[0-9]+(\.[0-9]+)?$/.test(text)) throw invalid("`timeout` is a number of seconds, such as 30 or 0.5");
  return Math.min(Number(text) * 1000, TIMEOUT_MS_MAX);
}

function invalid(detail: string): Problem {
  return new Problem("invalid_parameter", detail);
}
