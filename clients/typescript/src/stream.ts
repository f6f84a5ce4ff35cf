/** One stream, as the user sees it. */

import { ResetError, TidingsError } from "./errors.ts";
import { type FollowSettings, type Given } from "./hub.ts";
import { lossOf } from "./http.ts";
import { readPage } from "./page.ts";
import { isAt } from "./session/place.ts";
import type { Client } from "./connect.ts";
import { createView } from "./view.ts";
import type {
  From,
  Message,
  MessagesOptions,
  Offset,
  Page,
  Published,
  PublishOptions,
  StateOptions,
  StreamOptions,
  View,
} from "./types.ts";

export class StreamTarget<T> extends EventTarget {
  readonly name: string;
  client_: Client;
  options_: StreamOptions<T>;
  /** Who listens for messages; while there is somebody, the stream is followed. */
  listeners_ = new Map<unknown, AddEventListenerOptions>();
  following_?: AbortController | undefined;

  constructor(client: Client, name: string, options: StreamOptions<T>) {
    super();
    this.name = name;
    this.client_ = client;
    this.options_ = options;
  }

  get offset(): Offset | undefined {
    const place = this.client_.follow_(this.name)?.place_;
    return place && isAt(place) ? place : undefined;
  }

  get live(): boolean {
    return !!this.client_.follow_(this.name)?.told_;
  }

  async *messages({ from = "now", signal, buffer }: MessagesOptions = {}): AsyncGenerator<Message<T>, void> {
    let skipped;
    for await (const given of this.given_({ from_: from, signal_: signal ?? this.client_.signal_, buffer_: buffer })) {
      if ("skipped_" in given) skipped = given.skipped_;
      if (!("messages_" in given)) continue;
      for (const message of given.messages_) {
        yield (skipped ? { ...message, skipped } : message) as Message<T>;
        skipped = undefined;
      }
    }
  }

  /** What a follower is given, checked by the schema. */
  async *given_(settings: FollowSettings): AsyncGenerator<Given, void> {
    const { from_: from } = settings;
    if (typeof from == "string" && from != "now" && from != "beginning" && !isAt(from)) throw new TidingsError("invalid_offset", from);
    for await (const given of this.client_.hub_.follow_(this.name, { wait_: this.options_.wait, ...settings })) {
      if (this.options_.schema && "messages_" in given) {
        for (const [index, message] of given.messages_.entries()) {
          try {
            await this.check_([message]);
          } catch (error) {
            // What comes before it is good.
            yield { messages_: given.messages_.slice(0, index) };
            throw error;
          }
        }
      }
      yield given;
    }
  }

  async check_(messages: readonly { data: unknown }[]): Promise<void> {
    const schema = this.options_.schema?.["~standard"];
    if (!schema) return;
    for (const message of messages) {
      const result = await schema.validate(message.data);
      if (result.issues) throw new TidingsError("invalid_message", result.issues[0]!.message);
      message.data = result.value;
    }
  }

  async read({ from = "beginning", signal }: { from?: From; signal?: AbortSignal } = {}): Promise<Page<T>> {
    try {
      const page = await readPage(this.client_.http_, this.name, from, signal ?? this.client_.signal_);
      await this.check_(page.messages);
      return page as Page<T>;
    } catch (error) {
      signal?.throwIfAborted();
      throw error instanceof Error ? error : lossOf(error).error_;
    }
  }

  state<S>(options: StateOptions<T, S>): View<S> {
    const { client_: client } = this;
    return createView(
      {
        follow_: (settings) => this.given_(settings),
        isLive_: () => this.live,
        watch_: (changed) => {
          client.watchers_.add(changed);
          return () => client.watchers_.delete(changed);
        },
        clock_: client.clock_,
        timing_: client.timing_,
        random_: client.random_,
      },
      options,
    );
  }

  publish(data: T, options: PublishOptions = {}): Promise<Published> {
    return this.client_.publish_(this.name, data, options);
  }

  override addEventListener(type: string, listener: EventListenerOrEventListenerObject | null, options?: AddEventListenerOptions | boolean): void {
    super.addEventListener(type, listener, options);
    if (type != "message" || !listener) return;
    const settings = typeof options == "object" ? options : {};
    this.listeners_.set(listener, settings);
    settings.signal?.addEventListener("abort", () => this.forget_(listener));
    if (!this.following_) void this.dispatchAll_((this.following_ = new AbortController()).signal);
  }

  override removeEventListener(type: string, listener: EventListenerOrEventListenerObject | null, options?: EventListenerOptions | boolean): void {
    super.removeEventListener(type, listener, options);
    if (type == "message") this.forget_(listener);
  }

  forget_(listener: unknown): void {
    this.listeners_.delete(listener);
    if (this.listeners_.size) return;
    this.following_?.abort();
    this.following_ = undefined;
  }

  /** Follows for the listeners, over resets. */
  async dispatchAll_(signal: AbortSignal): Promise<void> {
    const dispatch = (type: string, detail: unknown) => super.dispatchEvent(new CustomEvent(type, { detail }));
    let from: From = "now";
    while (!signal.aborted) {
      try {
        for await (const given of this.given_({ from_: from, signal_: signal })) {
          if ("messages_" in given) {
            for (const message of given.messages_) {
              dispatch("message", message);
              for (const [listener, { once }] of this.listeners_) if (once) this.forget_(listener);
            }
          } else if ("live_" in given) dispatch("live", { offset: given.live_ });
          else if ("skipped_" in given) dispatch("skipped", given.skipped_);
          else dispatch("closed", { offset: given.closed_ });
        }
        return;
      } catch (error) {
        const isReset = error instanceof ResetError;
        dispatch(isReset ? "reset" : "error", error);
        if (!isReset) return;
        from = error.earliest ?? "beginning";
      }
    }
  }
}
