/** What is said over a WebSocket, in `tidings.v1`: the server's side. Knows frames, not sockets. */

import { ofData, parseJson } from "./message.ts";
import { checkName, parseStart } from "./names.ts";
import { Problem } from "./problem.ts";
import { openSource, take } from "./reader.ts";
import type { Frame, Source, Wanted } from "./reader.ts";
import type { World } from "./world.ts";
import { time } from "./world.ts";

const STREAMS_MAX = 1000;
const MESSAGE_BYTES_MAX = 8 << 20;
const HEARTBEAT_MS = 25_000;

/** One connection. */
export class Talk {
  readonly #subscriptions = new Map<string, { source: Source; unfollow: () => void }>();
  #timer: unknown;

  /** `send` sends a frame; `fail` breaks the connection. */
  constructor(
    readonly world: World,
    readonly send: (frame: Frame) => void,
    readonly fail: () => void,
  ) {}

  /** The first frame, and the stream that the address named, if it did. */
  begin(first?: Wanted): void {
    const seconds = HEARTBEAT_MS / 1000;
    this.#say({
      type: "hello",
      heartbeat: seconds,
      max_message_bytes: MESSAGE_BYTES_MAX,
      max_streams: STREAMS_MAX,
    });
    if (first) this.#subscribe(first);
  }

  /** The connection is over. */
  end(): void {
    this.world.clock.clearTimeout(this.#timer);
    for (const { unfollow } of this.#subscriptions.values()) unfollow();
    this.#subscriptions.clear();
  }

  drain(within: number): void {
    this.#say({ type: "drain", within });
  }

  hear(text: string): void {
    let message: Record<string, unknown> = {};
    try {
      message = parseMessage(text);
      this.#act(message);
    } catch (error) {
      if (!(error instanceof Problem)) throw error;
      const about: { id?: string; stream?: string } = {};
      if (typeof message.id === "string") about.id = message.id;
      if (typeof message.stream === "string") about.stream = message.stream;
      if (message.type === "subscribe" || message.type === "unsubscribe") delete about.id;
      this.#say(error.frame(about) as Frame);
    }
  }

  #act(message: Record<string, unknown>): void {
    switch (message.type) {
      case "subscribe": {
        const stream = checkName(required(message, "stream"));
        return this.#subscribe({ stream, start: parseStart(message.offset, message.last, "now") });
      }
      case "unsubscribe":
        return this.#unsubscribe(checkName(required(message, "stream")));
      case "publish":
        return this.#publish(message);
      case "auth":
        return void required(message, "token");
      case "ping":
        return this.#say({ type: "heartbeat" });
      default:
        throw invalid("`type` must be one of subscribe, unsubscribe, publish, auth, ping");
    }
  }

  #subscribe(wanted: Wanted): void {
    const { stream } = wanted;
    if (this.#subscriptions.has(stream)) {
      const detail = "this connection follows the stream already; unsubscribe first to begin elsewhere";
      throw new Problem("already_subscribed", detail);
    }
    if (STREAMS_MAX <= this.#subscriptions.size) {
      throw new Problem(
        "too_many_subscriptions",
        "this connection follows as many streams as it may; open another one",
      );
    }
    const source = openSource(this.world.store, wanted, true);
    const look = () => {
      for (const frame of take([source])) this.#say(frame);
      if (source.ended) this.#forget(stream);
    };
    this.#subscriptions.set(stream, { source, unfollow: source.follow(look) });
    look();
  }

  #unsubscribe(stream: string): void {
    if (!this.#subscriptions.has(stream)) {
      throw new Problem("not_subscribed", "this connection does not follow the stream");
    }
    this.#forget(stream);
    this.#say({ type: "unsubscribed", stream });
  }

  #forget(stream: string): void {
    this.#subscriptions.get(stream)?.unfollow();
    this.#subscriptions.delete(stream);
  }

  #publish(message: Record<string, unknown>): void {
    const id = required(message, "id");
    const stream = checkName(required(message, "stream"));
    if (!("data" in message)) throw invalid("`data` is missing");
    const { data, encoding, key, create, close } = message;
    if (key !== undefined && !/^[!-~]{1,255}$/.test(String(key))) {
      throw invalid("an idempotency key has 1 to 255 bytes of visible ASCII");
    }
    const published = this.world.store.publish(stream, {
      messages: ({ kind }) => [ofData(kind, data, encoding, time(this.world))],
      contentType: message.content_type as string | undefined,
      key: key as string | undefined,
      create: create === true,
      close: close === true,
    });
    if (this.world.losesResponse()) return this.fail();
    this.#say({ type: "published", id, stream, offset: published.offset, duplicate: published.duplicate });
  }

  #say(frame: Frame): void {
    this.world.clock.clearTimeout(this.#timer);
    this.#timer = this.world.clock.setTimeout(() => this.#say({ type: "heartbeat" }), HEARTBEAT_MS);
    this.send(frame);
  }
}

/** The members of a message; `null` counts as absent, but for `data`. */
function parseMessage(text: string): Record<string, unknown> {
  const value = parseJson(text);
  if (typeof value !== "object" || value === null || Array.isArray(value)) {
    throw invalid("a message is a JSON object that has no member twice");
  }
  return Object.fromEntries(Object.entries(value).filter(([member, it]) => it !== null || member === "data"));
}

function required(message: Record<string, unknown>, member: string): string {
  const value = message[member];
  if (value === undefined) throw invalid(`\`${member}\` is missing`);
  if (typeof value !== "string") throw invalid(`\`${member}\` must be a string`);
  return value;
}

function invalid(detail: string): Problem {
  return new Problem("invalid_frame", detail);
}
