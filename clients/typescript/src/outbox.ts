/**
 * Publishes that wait: one under way for each stream, in order, tried again until each is stored or refused. Every message
 * has a key, so that it is stored once however often it is sent.
 */

import { backOff, type Context, link, within } from "./context.ts";
import type { Driver } from "./driver.ts";
import { type ErrorCode, TidingsError } from "./errors.ts";
import { asError, request } from "./http.ts";
import { check, errorOf } from "./reader.ts";
import type { Published, PublishOptions } from "./types.ts";

/** What is larger goes by a request of its own: over a WebSocket it would hold up what follows, or end the connection. */
const FRAME_CHARACTERS_MAX = 65_536;

/** A publish as it was when it was asked for, whatever becomes of the value while it waits. */
interface Prepared {
  stream_: string;
  path_: string;
  body_: BodyInit;
  headers_: Record<string, string>;
  create_: boolean | undefined;
  isJson_: boolean;
}

/** What can't even be said is refused at once: tried again, it would fail again. */
const attempted = <T>(code: ErrorCode, call: () => T): T => {
  try {
    return call();
  } catch (error) {
    throw new TidingsError(code, String(error));
  }
};

const prepare = (stream: string, data: unknown, options: PublishOptions): Prepared => {
  const { contentType, key = randomKey(), create } = options;
  const headers = { "content-type": contentType ?? "application/json", "idempotency-key": key };
  check(stream, "now");
  // A string, bytes, or a `Blob`, of whatever realm: of all else `fetch` would make "[object Object]".
  const { slice, buffer, flat } = Object(data);
  if (contentType && (flat || !(slice || buffer)))
    throw new TidingsError("invalid_message", "no text, no bytes");
  attempted("invalid_header", () => new Headers(headers));
  return {
    stream_: stream,
    path_:
      "/v1/stream/" +
      stream.split("/").map(encodeURIComponent).join("/") +
      (create ? "?create=true" : ""),
    // An array is flattened by one level: so it is always one message.
    body_: contentType ? (data as BodyInit) : attempted("invalid_json", () => JSON.stringify([data])),
    headers_: headers,
    create_: create,
    isJson_: !contentType,
  };
};

export const createOutbox = (context: Context, driver: Driver) => {
  /** The end of the last publish of each stream. */
  const tails = new Map<string, Promise<unknown>>();
  let count = 0;

  const attempt = async (
    { stream_: stream, path_: path, body_: body, headers_: headers, create_: create, isJson_: isJson }: Prepared,
    signal: AbortSignal,
  ): Promise<Published> => {
    const answer =
      isJson &&
      (body as string).length < FRAME_CHARACTERS_MAX &&
      (await driver.publish_(
        { stream, data: JSON.parse(body as string)[0], key: headers["idempotency-key"], create },
        signal,
      ));
    if (answer) {
      if (answer.code) throw errorOf(answer);
      return { offset: answer.offset!, duplicate: !!answer.duplicate };
    }
    const response = await within(context, signal, (limited) =>
      request(context, path, body, limited, headers),
    );
    const offset = response.headers.get("stream-next-offset");
    if (!offset) throw new SyntaxError("no offset");
    return { offset, duplicate: response.headers.has("stream-duplicate") };
  };

  /** Tries until it is stored or refused, or given up. */
  const store = async (prepared: Prepared, signal: AbortSignal): Promise<Published> => {
    for (let tries = 0; ;) {
      signal.throwIfAborted();
      try {
        return await attempt(prepared, signal);
      } catch (thrown) {
        const error = asError(thrown);
        if (!error.retryable) throw error;
        await backOff(context, tries++, signal, error);
      }
    }
  };

  return async (stream: string, data: unknown = null, options: PublishOptions = {}): Promise<Published> => {
    if (count >= (context.options_.outbox ?? 1000)) throw new TidingsError("outbox_full", undefined, true);
    const prepared = prepare(stream, data, options);
    count++;
    const [signal, unlink] = link(context, options.signal);
    const stored = (tails.get(stream) ?? Promise.resolve()).then(() => store(prepared, signal));
    const ended = stored.catch(() => {});
    tails.set(stream, ended);
    // Given up, it does not wait for those before it.
    return new Promise((resolve, reject) => {
      signal.addEventListener("abort", () => reject(signal.reason));
      stored.then(resolve, reject);
      ended.then(() => {
        count--;
        unlink();
        if (tails.get(stream) == ended) tails.delete(stream);
      });
    });
  };
};

/** `crypto.randomUUID` is there on secure pages only. */
const randomKey = () => crypto.getRandomValues(new Uint32Array(4)).join("-");
