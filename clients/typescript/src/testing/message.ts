/** Bodies and `data` members as messages, and back. */

import type { Kind, Stored, StreamLog } from "./log.ts";
import { Problem } from "./problem.ts";

const MESSAGE_BYTES_MAX = 8 << 20;
const BATCH_MESSAGES_MAX = 10_000;

/** The messages in the body of a `POST` or `PUT`. A JSON array is several. */
export function ofBody(kind: Kind, body: Uint8Array, time: string): Stored[] {
  if (kind !== "json") return [ofBytes(kind, body, time)];
  const value = parseJson(new TextDecoder().decode(body));
  const values: unknown[] = Array.isArray(value) ? value : [value];
  if (BATCH_MESSAGES_MAX < values.length) {
    throw new Problem(
      "too_large",
      `publish at most ${BATCH_MESSAGES_MAX} messages at a time (\`max_batch_messages\`)`,
    );
  }
  return values.map((data) => ({ time, data: checkSize(data) }));
}

/** The one message in a `publish` frame. */
export function ofData(kind: Kind, data: unknown, encoding: unknown, time: string): Stored {
  if (encoding !== undefined && encoding !== "base64")
    throw invalid("`encoding` must be `base64`, or be left out");
  if (encoding && typeof data !== "string") throw invalid("with `encoding`, `data` must be a string");
  if (kind === "json") {
    if (encoding) throw invalid("a JSON stream takes the JSON value itself as `data`; leave out `encoding`");
    return { time, data: checkSize(data) };
  }
  if (typeof data !== "string")
    throw invalid("this stream is not JSON: `data` must be a string of whole characters");
  if (data === "") throw new Problem("empty_body", "a message can't be empty");
  return ofBytes(kind, encoding ? fromBase64(data) : new TextEncoder().encode(data), time);
}

/** The message as bytes, as the body of an answer without envelopes has it. */
export function toBytes(log: StreamLog, stored: Stored): Uint8Array {
  if (stored.encoding) return fromBase64(stored.data as string);
  return new TextEncoder().encode(
    log.kind === "json" ? JSON.stringify(stored.data) : (stored.data as string),
  );
}

export function parseJson(text: string): unknown {
  try {
    return JSON.parse(text) as unknown;
  } catch {
    throw new Problem("invalid_json", "the body is not JSON");
  }
}

function ofBytes(kind: Kind, bytes: Uint8Array, time: string): Stored {
  if (MESSAGE_BYTES_MAX < bytes.length) throw tooLarge();
  if (kind === "text") {
    try {
      return { time, data: new TextDecoder("utf-8", { fatal: true, ignoreBOM: true }).decode(bytes) };
    } catch {
      // Text that is no UTF-8 travels as bytes do.
    }
  }
  return { time, data: toBase64(bytes), encoding: "base64" };
}

/** Bytes as they travel in frames. */
export function toBase64(bytes: Uint8Array): string {
  return btoa(Array.from(bytes, (byte) => String.fromCharCode(byte)).join(""));
}

function fromBase64(text: string): Uint8Array {
  try {
    return Uint8Array.from(atob(text), (char) => char.charCodeAt(0));
  } catch {
    throw invalid("`data` must be standard base64 with padding");
  }
}

function checkSize(data: unknown): unknown {
  if (MESSAGE_BYTES_MAX < JSON.stringify(data).length) throw tooLarge();
  return data;
}

function tooLarge(): Problem {
  return new Problem("too_large", `a message has at most ${MESSAGE_BYTES_MAX} bytes (\`max_message_bytes\`)`);
}

function invalid(detail: string): Problem {
  return new Problem("invalid_frame", detail);
}
