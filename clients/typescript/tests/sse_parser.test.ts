/** The parser of server-sent events: any chunking gives the same frames. */

import assert from "node:assert/strict";
import { test } from "node:test";
import { createSseParser } from "../src/transport/http.ts";

const FRAMES = [
  { type: "subscribed", stream: "a", offset: "x" },
  { type: "message", data: "line\nbreak, ü, 😀, data: not one" },
  { type: "live" },
];
const EVENTS = FRAMES.map((frame) => `data:${JSON.stringify(frame)}\n\n`);
const TEXT = `retry: 2000\n\n: heartbeat\n\n${EVENTS[0]}: data: a comment\n\n${EVENTS[1]}${EVENTS[2]}`;

function parse(pieces: string[]): unknown[] {
  const parser = createSseParser();
  return pieces.flatMap(parser);
}

test("any cut in two or three gives the same frames, with LF and with CRLF", () => {
  for (const text of [TEXT, TEXT.replaceAll("\n", "\r\n"), TEXT.replaceAll(/^data:/gm, "data: ")]) {
    for (let first = 0; first <= text.length; first += 1) {
      assert.deepEqual(parse([text.slice(0, first), text.slice(first)]), FRAMES, `cut at ${first}`);
      const second = (first * 7) % (text.length + 1);
      const [from, to] = [Math.min(first, second), Math.max(first, second)];
      assert.deepEqual(parse([text.slice(0, from), text.slice(from, to), text.slice(to)]), FRAMES);
    }
  }
});

test("one character at a time", () => {
  assert.deepEqual(parse([...TEXT]), FRAMES);
});

test("a frame is given when its line is whole, and not before", () => {
  const parser = createSseParser();
  assert.deepEqual(parser('data:{"type":"live"}'), []);
  assert.deepEqual(parser("\n"), [{ type: "live" }]);
});
