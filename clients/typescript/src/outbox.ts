/**
 * Publishes that wait: one under way for each stream, in order, tried again until each is stored or refused. Every message
 * has a key, so that it is stored once however often it is sent.
 */

import type { Driver } from "./driver.ts";
import { TidingsError } from "./errors.ts";
import { type Http, loss, lossOf, malformed } from "./http.ts";
import { errorOf } from "./page.ts";
import type { Frame } from "./session.ts";
import { sleep } from "./time.ts";
import type { Clock, Published, PublishOptions, Timing } from "./types.ts";

/** What is larger goes by a request of its own: over a WebSocket it would hold up what follows, or end the connection. */
const FRAME_CHARACTERS_MAX = 65_536;

export const createOutbox = (driver: Driver, http: Http, clock: Clock, timing: Timing, random: () => number, max: number) => {
  /** The last publish of each stream. */
  const tails = new Map<string, Promise<unknown>>();
  let count = 0;

  const post = async (stream: string, data: unknown, { create, contentType, key }: PublishOptions, signal: AbortSignal) => {
    const path = "/v1/stream/" + stream.split("/").map(encodeURIComponent).join("/") + (create ? "?create=true" : "");
    // An array is flattened by one level: so it is always one message.
    const body = contentType ? (data as BodyInit) : JSON.stringify([data ?? null]);
    const { headers } = await http.ask_(path, body, signal, {
      "content-type": contentType ?? "application/json",
      "idempotency-key": key!,
    });
    const offset = headers.get("stream-next-offset");
    if (!offset) throw malformed("no offset");
    return { offset, duplicate: headers.get("stream-duplicate") == "true" };
  };

  const answered = ({ type, offset, duplicate, ...error }: Frame): Published => {
    if (type == "published") return { offset: offset!, duplicate: duplicate as boolean };
    throw loss(error.retryable ? "busy" : "refused", errorOf({ type, ...error }));
  };

  /** One try. What fails is thrown as a `Loss`. */
  const attempt = async (stream: string, data: unknown, options: PublishOptions, signal: AbortSignal): Promise<Published> => {
    const frame = { stream, data: data ?? null, key: options.key, create: options.create };
    const isSmall = !options.contentType && JSON.stringify(data ?? null).length < FRAME_CHARACTERS_MAX;
    const answer = isSmall && (await driver.publish_(frame));
    return answer ? answered(answer) : post(stream, data, options, signal);
  };

  /** Tries until it is stored or refused, or given up. */
  const store = async (stream: string, data: unknown, options: PublishOptions, signal: AbortSignal): Promise<Published> => {
    for (let tries = 0; ; tries += 1) {
      driver.signal_.throwIfAborted();
      signal.throwIfAborted();
      try {
        return await attempt(stream, data, options, signal);
      } catch (error) {
        const { kind_: kind, retryAfter_: retryAfter = 0, error_ } = lossOf(error);
        if (kind == "refused") throw error_;
        const bound = Math.min(timing.backoffCap, timing.backoffBase * 2 ** tries);
        await sleep(clock, Math.max(retryAfter * (1 + random() / 4), random() * bound), signal);
      }
    }
  };

  return async (stream: string, data: unknown, options: PublishOptions): Promise<Published> => {
    if (count >= max) throw new TidingsError("outbox_full", undefined, true);
    count += 1;
    const signal = options.signal ?? driver.signal_;
    const keyed = { ...options, key: options.key ?? randomKey() };
    const stored = (tails.get(stream) ?? Promise.resolve()).then(() => store(stream, data, keyed, signal));
    const ended = stored.then(
      () => {},
      () => {},
    );
    tails.set(stream, ended);
    // Given up, it does not wait for those before it.
    const onAbort = new Promise<never>((_, reject) => {
      const abort = () => reject(signal.reason);
      signal.addEventListener("abort", abort);
      ended.then(() => {
        count -= 1;
        signal.removeEventListener("abort", abort);
        if (tails.get(stream) == ended) tails.delete(stream);
      });
    });
    return Promise.race([stored, onAbort]);
  };
};

/** `crypto.randomUUID` is there on secure pages only. */
const randomKey = () => Array.from(crypto.getRandomValues(new Uint32Array(4)), (word) => word.toString(36)).join("-");
