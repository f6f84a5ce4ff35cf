/**
 * Publishes that wait: one under way for each stream, in order, tried again until each is stored or refused. Every message
 * has a key, so that it is stored once however often it is sent.
 */

import { backOff, type Context, within } from "./context.ts";
import type { Driver } from "./driver.ts";
import { TidingsError } from "./errors.ts";
import { asError, request } from "./http.ts";
import { errorOf } from "./reader.ts";
import type { Published, PublishOptions } from "./types.ts";

/** What is larger goes by a request of its own: over a WebSocket it would hold up what follows, or end the connection. */
const FRAME_CHARACTERS_MAX = 65_536;

export const createOutbox = (context: Context, driver: Driver) => {
  /** The end of the last publish of each stream. */
  const tails = new Map<string, Promise<unknown>>();
  let count = 0;

  const attempt = async (stream: string, data: unknown, options: PublishOptions, signal: AbortSignal): Promise<Published> => {
    const { contentType, key, create } = options;
    // An array is flattened by one level: so it is always one message.
    const body = contentType ? (data as BodyInit) : JSON.stringify([data]);
    const answer =
      !contentType && (body as string).length < FRAME_CHARACTERS_MAX && (await driver.publish_({ stream, data, key, create }, signal));
    if (answer) {
      if (answer.code) throw errorOf(answer);
      return { offset: answer.offset!, duplicate: !!answer.duplicate };
    }
    const path = "/v1/stream/" + stream.split("/").map(encodeURIComponent).join("/") + (create ? "?create=true" : "");
    const headers = { "content-type": contentType ?? "application/json", "idempotency-key": key! };
    const response = await within(context, signal, (limited) => request(context, path, body, limited, headers));
    const offset = response.headers.get("stream-next-offset");
    if (!offset) throw new SyntaxError("no offset");
    return { offset, duplicate: response.headers.has("stream-duplicate") };
  };

  /** Tries until it is stored or refused, or given up. */
  const store = async (stream: string, data: unknown, options: PublishOptions, signal: AbortSignal): Promise<Published> => {
    for (let tries = 0; ; ) {
      context.signal_.throwIfAborted();
      signal.throwIfAborted();
      try {
        return await attempt(stream, data, options, signal);
      } catch (thrown) {
        const error = asError(thrown);
        if (!error.retryable) throw error;
        await backOff(context, tries++, signal, error);
      }
    }
  };

  return async (stream: string, data: unknown = null, options: PublishOptions = {}): Promise<Published> => {
    if (count >= (context.options_.outbox ?? 1000)) throw new TidingsError("outbox_full", undefined, true);
    count++;
    const { signal = context.signal_, key = randomKey() } = options;
    const stored = (tails.get(stream) ?? Promise.resolve()).then(() => store(stream, data, { ...options, key }, signal));
    const ended = stored.catch(() => {});
    tails.set(stream, ended);
    // Given up, it does not wait for those before it.
    return new Promise((resolve, reject) => {
      const abort = () => reject(signal.reason);
      signal.addEventListener("abort", abort);
      stored.then(resolve, reject);
      ended.then(() => {
        count--;
        signal.removeEventListener("abort", abort);
        if (tails.get(stream) == ended) tails.delete(stream);
      });
    });
  };
};

/** `crypto.randomUUID` is there on secure pages only. */
const randomKey = () => crypto.getRandomValues(new Uint32Array(4)).join("-");
