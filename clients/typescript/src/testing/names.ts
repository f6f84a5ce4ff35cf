/** Names and offsets as they stand in requests. */

import { Problem } from "./problem.ts";

const NAME_BYTES_MAX = 1024;
const TOKEN = /^([0-9a-f]{16})_([0-9]{16})$/;

/** Where a reader begins. */
export type Start = "beginning" | "now" | { last: number } | { incarnation: string; index: number };

/** Checks a decoded name. */
export function checkName(name: string): string {
  const bytes = new TextEncoder().encode(name).length;
  const segments = name.split("/");
  let wrong: string | undefined;
  if (name === "") wrong = "a stream name can't be empty";
  else if (bytes > NAME_BYTES_MAX)
    wrong = `a stream name has at most ${NAME_BYTES_MAX} bytes, this one has ${bytes}`;
  else if (/\p{Cc}/u.test(name))
    wrong = `a stream name can't hold a control character (byte ${name.search(/\p{Cc}/u)})`;
  else if (segments.includes(""))
    wrong = "a stream name can't hold an empty segment: no `//`, and no `/` at either end";
  else if (segments.includes(".") || segments.includes(".."))
    wrong = "a stream name can't hold a segment `.` or `..`";
  else if (segments[0] === "__ds") wrong = "stream names that begin with `__ds` are reserved by the protocol";
  if (wrong) throw new Problem("invalid_name", wrong);
  return name;
}

/** The token of a place. */
export function token(incarnation: string, index: number): string {
  return `${incarnation}_${String(index).padStart(16, "0")}`;
}

/** Reads where a reader begins; `other` is what it means when nothing is said. */
export function parseStart(offset: unknown, last: unknown, other: Start): Start {
  if (offset !== undefined && last !== undefined) throw invalidOffset("give `offset` or `last`, not both");
  if (last !== undefined) return parseLast(last);
  if (offset === undefined) return other;
  if (typeof offset !== "string") throw invalidOffset("`offset` must be a string");
  if (offset === "-1") return "beginning";
  if (offset === "now") return "now";
  const [, incarnation, index] = TOKEN.exec(offset) ?? [];
  if (!incarnation) throw invalidOffset("an offset is `-1`, `now`, or a token that this server gave");
  return { incarnation, index: Number(index) };
}

function parseLast(last: unknown): Start {
  const count = typeof last === "string" && /^[0-9]+$/.test(last) ? Number(last) : last;
  if (typeof count !== "number" || !Number.isInteger(count) || count < 0) {
    throw invalidOffset("`last` must be a whole number of messages");
  }
  return count === 0 ? "now" : { last: count };
}

/** Whether it names a place by a token: what a server answered before. */
export function isToken(start: Start): start is { incarnation: string; index: number } {
  return typeof start === "object" && "incarnation" in start;
}

function invalidOffset(detail: string): Problem {
  return new Problem("invalid_offset", detail);
}
