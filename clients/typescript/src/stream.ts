/** One stream, as the user sees it. */

import type { Client } from "./connect.ts";
import { link } from "./context.ts";
import { ResetError } from "./errors.ts";
import { asError, readPage } from "./http.ts";
import { createReader, type Given } from "./reader.ts";
import { atOf } from "./session/place.ts";
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
import { createView } from "./view.ts";

type Listener = EventListenerOrEventListenerObject | null;

export class StreamTarget<T> extends EventTarget {
  /** Who listens for messages; while there is somebody, the stream is followed. */
  listeners_ = new Set<Listener>();
  following_?: AbortController | undefined;

  constructor(
    readonly client_: Client,
    readonly name: string,
    readonly options_: StreamOptions<T>,
  ) {
    super();
  }

  get offset(): Offset | undefined {
    return atOf(this.client_.follows_.get(this.name)?.place_);
  }

  get live(): boolean {
    return !!this.client_.follows_.get(this.name)?.told_;
  }

  messages({ signal, ...options }: MessagesOptions = {}): AsyncGenerator<Message<T>, void> {
    const controller = new AbortController();
    const abort = () => controller.abort();
    const iterator = this.iterate_(options, controller.signal, signal, abort);
    const end = iterator.return.bind(iterator);
    // A generator alone would wait for the message that it waits for.
    iterator.return = (value) => {
      abort();
      return end(value);
    };
    return iterator;
  }

  async *iterate_(
    { from = "now", buffer }: MessagesOptions,
    signal: AbortSignal,
    outer: AbortSignal | undefined,
    abort: () => void,
  ): AsyncGenerator<Message<T>, void> {
    let skipped: object | undefined;
    outer?.addEventListener("abort", abort);
    if (outer?.aborted) abort();
    try {
      for await (const given of this.follow_(from, signal, buffer)) {
        for (const { message_: message, type, ...frame } of given) {
          if (type == "skipped") skipped = frame;
          if (!message) continue;
          yield (skipped ? { ...message, skipped } : message) as Message<T>;
          skipped = undefined;
        }
      }
    } finally {
      outer?.removeEventListener("abort", abort);
    }
  }

  follow_(from: From, signal?: AbortSignal, buffer?: number): AsyncGenerator<Given[], void> {
    return this.client_.follow_(this.name, this.options_, from, signal, buffer);
  }

  async read({ from = "beginning", signal: outer }: { from?: From; signal?: AbortSignal } = {}): Promise<Page<T>> {
    const { name, client_: client } = this;
    const [signal, unlink] = link(client.context_, outer);
    const reader = createReader(name, from, { ...this.options_, wait: false });
    try {
      signal.throwIfAborted();
      const [frames, { upToDate_: upToDate }] = await readPage(client.context_, name, from, signal);
      const [given, error] = await reader.take_(frames);
      if (error) throw error;
      const messages = given.flatMap(({ message_: message }) => (message as Message<T>) ?? []);
      const closed = given.at(-1)?.type == "closed";
      return { messages, offset: reader.place_() as Offset, upToDate, closed };
    } catch (error) {
      signal.throwIfAborted();
      throw asError(error);
    } finally {
      unlink();
    }
  }

  state<S>(options: StateOptions<T, S>): View<S> {
    const source = {
      follow_: (from: From, signal: AbortSignal) => this.follow_(from, signal),
      isLive_: () => this.live,
      watchers_: this.client_.watchers_,
    };
    return createView(this.client_.context_, source, options);
  }

  publish(data: T, options?: PublishOptions): Promise<Published> {
    return this.client_.publish_(this.name, data, options);
  }

  override addEventListener(
    type: string,
    listener: Listener,
    options?: AddEventListenerOptions | boolean,
  ): void {
    super.addEventListener(type, listener, options);
    const { once, signal } = Object(options);
    if (type != "message" || !listener || signal?.aborted) return;
    const remove = () => this.removeEventListener(type, listener);
    this.listeners_.add(listener);
    signal?.addEventListener("abort", remove);
    if (once) super.addEventListener(type, remove, options);
    if (!this.following_) void this.dispatchAll_((this.following_ = new AbortController()).signal);
  }

  override removeEventListener(
    type: string,
    listener: Listener,
    options?: EventListenerOptions | boolean,
  ): void {
    super.removeEventListener(type, listener, options);
    if (type != "message" || !this.listeners_.delete(listener) || this.listeners_.size) return;
    this.following_?.abort();
    this.following_ = undefined;
  }

  /** Follows for the listeners, over resets. */
  async dispatchAll_(signal: AbortSignal): Promise<void> {
    const dispatch = (type: string, detail: unknown) => this.dispatchEvent(new CustomEvent(type, { detail }));
    for (let from: From | undefined = "now"; from;) {
      try {
        for await (const given of this.follow_(from, signal)) {
          for (const { message_: message, type, ...frame } of given)
            signal.aborted || dispatch(type, message ?? frame);
        }
        return;
      } catch (error) {
        const isReset = error instanceof ResetError;
        dispatch(isReset ? "reset" : "error", error);
        from = isReset ? (error.earliest ?? "beginning") : undefined;
      }
    }
  }
}
