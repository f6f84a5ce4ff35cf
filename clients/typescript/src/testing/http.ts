/** Requests to `/v1/stream/{name}`: create, publish, close, delete, head, and reading one stream. */

import type { Asked, Exchange } from "./exchange.ts";
import { mediaType } from "./log.ts";
import type { StreamLog } from "./log.ts";
import { ofBody, toBytes } from "./message.ts";
import { checkName, parseStart } from "./names.ts";
import { Problem, notFound } from "./problem.ts";
import { checkLive, parseTimeout, readMany } from "./read.ts";
import type { World } from "./world.ts";
import { time } from "./world.ts";

const ROOT = "/v1/stream/";
const LIMIT_MAX = 10_000;

/** Answers a request; what it throws is a {@link Problem}. */
export function serve(asked: Asked, world: World, exchange: Exchange): void {
  const { pathname } = asked.url;
  if (pathname === "/v1/read") {
    if (asked.method !== "POST") throw methodNotAllowed("POST, OPTIONS");
    return readMany(asked, world, exchange);
  }
  if (pathname === "/v1/ws")
    throw new Problem("upgrade_required", "open this path as a WebSocket (RFC 6455, version 13)");
  if (!pathname.startsWith(ROOT)) throw notFound();
  const name = decodeName(pathname.slice(ROOT.length));
  if (asked.method === "GET") return readOne(name, asked, world, exchange);
  const operation = OPERATIONS[asked.method];
  if (!operation) throw methodNotAllowed("GET, HEAD, PUT, POST, DELETE, OPTIONS");
  try {
    const response = operation(name, asked, world);
    if (response) exchange.respond(response);
  } catch (error) {
    if (asked.method !== "HEAD" || !(error instanceof Problem)) throw error;
    const { status, headers } = error.response();
    exchange.respond(new Response(null, { status, headers }));
  }
}

/** The name in a path. */
export function decodeName(encoded: string): string {
  try {
    return checkName(decodeURIComponent(encoded));
  } catch (error) {
    if (error instanceof Problem) throw error;
    throw new Problem("invalid_name", "`%` must be followed by two hex digits, and the bytes must be UTF-8");
  }
}

type Operation = (name: string, asked: Asked, world: World) => Response | undefined;

const OPERATIONS: Partial<Record<string, Operation>> = {
  PUT: create,
  POST: publish,
  DELETE: (name, _asked, world) => {
    world.store.delete(name);
    return new Response(null, { status: 204 });
  },
  HEAD: head,
};

function create(name: string, asked: Asked, world: World): Response {
  const { headers } = asked;
  const contentType = headers.get("Content-Type") || "application/octet-stream";
  const count = headers.get("Stream-Retention-Count");
  if (count !== null && !/^[1-9][0-9]*$/.test(count))
    throw invalidHeader("`Stream-Retention-Count` is a positive whole number");
  const durability = headers.get("Stream-Durability") ?? "disk";
  if (durability !== "disk" && durability !== "memory")
    throw invalidHeader("`Stream-Durability` is `disk` or `memory`");
  const config = {
    contentType,
    durability,
    ...(count === null ? {} : { retentionCount: Number(count) }),
  } as const;
  const closes = headers.get("Stream-Closed")?.toLowerCase() === "true";
  const { log, created } = world.store.create(name, config, closes);
  if (created && asked.body.length) {
    const messages = ofBody(log.kind, asked.body, time(world));
    log.closed = false;
    if (messages.length) log.publish(messages, undefined);
    log.closed = closes;
  }
  return new Response(null, {
    status: created ? 201 : 200,
    headers: {
      "Content-Type": log.config.contentType,
      ...place(log),
      ...(created ? { Location: `http://${asked.url.host}${asked.url.pathname}` } : {}),
    },
  });
}

function publish(name: string, asked: Asked, world: World): Response | undefined {
  const { headers, body, url } = asked;
  const key = headers.get("Idempotency-Key") ?? undefined;
  if (key !== undefined && !/^[!-~]{1,255}$/.test(key)) {
    throw invalidHeader("an idempotency key has 1 to 255 bytes of visible ASCII");
  }
  const closes = headers.get("Stream-Closed")?.toLowerCase() === "true";
  if (!body.length) return close(name, closes, world);
  const log = world.store.get(name);
  const contentType = headers.get("Content-Type") ?? undefined;
  const creates = url.searchParams.get("create") === "true";
  if (log?.closed && key === undefined) throw log.closedProblem();
  if (log || creates) checkContentType(contentType, !log);
  const messages = (to: { kind: StreamLog["kind"] }) => {
    const parsed = ofBody(to.kind, body, time(world));
    if (!parsed.length) throw new Problem("empty_body", "an empty array holds no message to publish");
    return parsed;
  };
  const published = world.store.publish(name, { messages, contentType, key, create: creates, close: closes });
  if (world.losesResponse()) return void world.network.drop();
  return new Response(null, {
    status: 204,
    headers: {
      "Stream-Next-Offset": published.offset,
      ...(closes ? { "Stream-Closed": "true" } : {}),
      ...(published.duplicate ? { "Stream-Duplicate": "true" } : {}),
    },
  });
}

function checkContentType(contentType: string | undefined, creates: boolean): void {
  if (contentType === undefined) {
    throw new Problem("content_type_required", "send the stream's `Content-Type`, such as application/json");
  }
  if (creates && mediaType(contentType) === "application/x-www-form-urlencoded") {
    const detail = "say what the messages are: curl -H 'Content-Type: application/json' --data-binary …";
    throw new Problem("content_type_refused", detail);
  }
}

function close(name: string, closes: boolean, world: World): Response {
  const log = world.store.find(name);
  if (!closes) throw new Problem("empty_body", "send a message, or `Stream-Closed: true` to close");
  log.close();
  return new Response(null, { status: 204, headers: place(log) });
}

function head(name: string, _asked: Asked, world: World): Response {
  const log = world.store.find(name);
  const { contentType, durability, retentionCount } = log.config;
  return new Response(null, {
    status: 200,
    headers: {
      "Content-Type": contentType,
      ...place(log),
      "Stream-Earliest-Offset": log.offset(log.earliest),
      "Stream-Durability": durability,
      "Cache-Control": "no-store",
      ...(retentionCount === undefined ? {} : { "Stream-Retention-Count": String(retentionCount) }),
    },
  });
}

/** The headers that say where a stream ends. */
function place(log: StreamLog): Record<string, string> {
  return { "Stream-Next-Offset": log.offset(log.tail), ...(log.closed ? { "Stream-Closed": "true" } : {}) };
}

/** `GET` of one stream, as a poll or a long poll. */
function readOne(name: string, asked: Asked, world: World, exchange: Exchange): void {
  const query = asked.url.searchParams;
  checkLive(query.get("live"));
  const start = parseStart(query.get("offset") ?? undefined, query.get("last") ?? undefined, "beginning");
  const limit = parseLimit(query.get("limit"));
  const timeout = parseTimeout(query.get("timeout"));
  if (asked.transport === "sse") {
    throw new Problem(
      "invalid_parameter",
      "the server in memory has SSE at /v1/read only, which is what the client uses",
    );
  }
  const log = world.store.find(name);
  const opened = log.open(start, world.store.isLost);
  if (typeof opened === "object") throw reset(opened);
  const page = () => respondPage(log, opened, limit, query.get("envelope") === "true");
  if (asked.transport === "poll" || opened < log.tail || log.closed) return exchange.respond(page());
  const nothing = () =>
    exchange.respond(new Response(null, { status: 204, headers: offsets(log, log.tail) }));
  const changed = () => {
    leave();
    if (log.deleted) exchange.respond(reset(log.reset("deleted")).response());
    else exchange.respond(page());
  };
  const drained = () => (leave(), nothing());
  const timer = world.clock.setTimeout(drained, timeout);
  log.followers.add(changed);
  world.draining.add(drained);
  const leave = () => {
    world.clock.clearTimeout(timer);
    log.followers.delete(changed);
    world.draining.delete(drained);
  };
  exchange.onOver(leave);
}

function respondPage(log: StreamLog, from: number, limit: number, envelopes: boolean): Response {
  const end = Math.min(log.tail, from + limit);
  const headers = offsets(log, end);
  if (from === end && log.closed) return new Response(null, { status: 204, headers });
  const indexes = Array.from({ length: end - from }, (_, at) => from + at);
  if (envelopes) {
    const body = indexes.map((index) => ({ offset: log.offset(index + 1), ...log.message(index) }));
    return new Response(JSON.stringify(body), {
      status: 200,
      headers: { ...headers, "Content-Type": "application/json" },
    });
  }
  const parts = indexes.map((index) => toBytes(log, log.message(index)));
  const body =
    log.kind === "json"
      ? JSON.stringify(indexes.map((index) => log.message(index).data))
      : new Blob(parts as BlobPart[]);
  return new Response(body, { status: 200, headers: { ...headers, "Content-Type": log.config.contentType } });
}

function offsets(log: StreamLog, end: number): Record<string, string> {
  const isTail = end === log.tail;
  return {
    "Stream-Next-Offset": log.offset(end),
    "Stream-Earliest-Offset": log.offset(log.earliest),
    "Stream-Poll-Interval": "1",
    ...(isTail ? { "Stream-Up-To-Date": "true" } : {}),
    ...(isTail && log.closed ? { "Stream-Closed": "true" } : {}),
  };
}

function reset(why: ReturnType<StreamLog["reset"]>): Problem {
  const detail =
    why.tail === null
      ? "the stream is gone; begin again when there is a new one"
      : "begin again at `earliest` to read what is kept, or at `tail` for what is new";
  const headers: Record<string, string> = { "Stream-Reset": why.reason };
  if (why.earliest !== null) headers["Stream-Earliest-Offset"] = why.earliest;
  if (why.tail !== null) headers["Stream-Next-Offset"] = why.tail;
  return new Problem("reset", detail, headers, why);
}

function parseLimit(text: string | null): number {
  if (text === null) return Infinity;
  const limit = /^[0-9]+$/.test(text) ? Number(text) : 0;
  if (1 <= limit && limit <= LIMIT_MAX) return limit;
  throw new Problem("invalid_parameter", `\`limit\` is a whole number from 1 to ${LIMIT_MAX}`);
}

function invalidHeader(detail: string): Problem {
  return new Problem("invalid_header", detail);
}

function methodNotAllowed(methods: string): Problem {
  return new Problem("method_not_allowed", "use one of the methods that `Allow` lists", { Allow: methods });
}
