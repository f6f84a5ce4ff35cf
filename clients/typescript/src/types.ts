/**
 * The public types of the client: what a program that uses it can name.
 *
 * Words are those of the protocol: stream, message, offset, transport, reset.
 */

import type { ResetError, TidingsError } from "./errors.ts";

/** A place in one stream, between messages. Opaque; within one stream it sorts as text. */
export type Offset = string;

/** A way to read, from the simplest to the best. */
export type Transport = "poll" | "long-poll" | "sse" | "websocket";

/** Where a reader begins: after an offset, at the earliest message, at the tail, or so many messages before it. */
export type From = Offset | "beginning" | "now" | { last: number };

/** Names of streams and the types of their messages. Keys may be template literals: `` { [k: `orders/${string}`]: OrderEvent } ``. */
export type StreamTypes = object;

/** How a client is made. */
export interface ConnectOptions {
  /**
   * Who asks: a token, or a function that gives one, which is asked anew for each connection. It is sent as `Authorization: Bearer` with each
   * request, and in an `auth` frame when a WebSocket has opened.
   */
  token?: (string | (() => string | undefined | Promise<string | undefined>)) | undefined;
  /** One transport, or the client's own choice (default `"auto"`). */
  transport?: Transport | "auto" | undefined;
  /** Milliseconds between two polls. Default: what the server advises. */
  pollInterval?: number | undefined;
  /** Default: the global one. */
  fetch?: typeof fetch | undefined;
  /** Default: the global one; where there is none, the client does without. */
  WebSocket?: WebSocketConstructor | undefined;
  /** Share one connection between the tabs of a browser. Default: in pages of browsers that have Web Locks and BroadcastChannel. */
  tabs?: boolean | undefined;
  /** Milliseconds for which a stream that nobody uses any more is still followed (default 1000). */
  linger?: number | undefined;
  /** How many publishes may wait (default 1000). */
  outbox?: number | undefined;
  /** The numbers by which transports are chosen and tried again. */
  timing?: Partial<Timing> | undefined;
  /** For tests: time. */
  clock?: Clock | undefined;
  /** For tests: chance, from 0 to 1. */
  random?: (() => number) | undefined;
}

/** What the client needs of a WebSocket class. */
export type WebSocketConstructor = new (url: string, protocols?: string | string[]) => WebSocketLike;

/** What the client needs of a WebSocket. */
export interface WebSocketLike {
  onopen: ((event: never) => unknown) | null;
  onmessage: ((event: never) => unknown) | null;
  onclose: ((event: never) => unknown) | null;
  onerror: ((event: never) => unknown) | null;
  send(text: string): void;
  close(): void;
}

/** Time, as a test may make it up. */
export interface Clock {
  /** Milliseconds of the wall clock. */
  now(): number;
  setTimeout(call: () => void, ms: number): unknown;
  clearTimeout(timer: unknown): void;
}

/** Every number of the session, in milliseconds where nothing else is said. What each is for: `conformance/session/README.md`. */
export interface Timing {
  sseAfter: number;
  longPollAfter: number;
  dialMax: number;
  answerMax: number;
  hold: number;
  holdSlack: number;
  heldMin: number;
  pollIntervalDefault: number;
  bridgeInterval: number;
  hiddenPollInterval: number;
  shortLife: number;
  /** A count. */
  shortLives: number;
  bars: readonly number[];
  backoffBase: number;
  backoffCap: number;
  missingMax: number;
  probe: number;
  /** A count: streams in one question over HTTP. */
  streamsMax: number;
}

/** One message of a stream. */
export interface Message<T = unknown> {
  readonly stream: string;
  /** The place after this message: save it, and go on from it. */
  readonly offset: Offset;
  /** When it was stored, RFC 3339. */
  readonly time: string;
  /** A JSON value in a JSON stream, else text, or bytes that are not text. */
  readonly data: T;
  /** What lies before this message and was left out, because the operator's rules let a slow follower skip. */
  readonly skipped?: Skipped;
}

/** Messages that a follower was not sent because it stayed behind. They can be read from `from`, as long as they are kept. */
export interface Skipped {
  readonly from: Offset;
  readonly offset: Offset;
  readonly messages: number;
}

/** What a client is doing. */
export interface Status {
  readonly state: "idle" | "connecting" | "live" | "waiting" | "failed" | "closed";
  /** The transport that brings messages. */
  readonly transport?: Transport | undefined;
  /** Since when, in milliseconds of the wall clock. */
  readonly since: number;
  /** When the next try begins, while `waiting`. */
  readonly retryAt?: number | undefined;
  /** Why it has failed, or waits. */
  readonly error?: TidingsError | undefined;
  /** Whether another tab holds the connection. */
  readonly shared?: boolean | undefined;
}

/** One try of one transport. */
export interface Attempt {
  readonly id: number;
  readonly transport: Transport;
  /** Milliseconds of the wall clock. */
  readonly began: number;
  /** When the first byte came. */
  readonly firstByte?: number | undefined;
  /** When the first frame of the protocol came that speaks of a stream. */
  readonly live?: number | undefined;
  readonly ended?: number | undefined;
  /** How it ended, in words. */
  readonly cause?: string | undefined;
  /** The streams that it was asked for. */
  readonly streams: readonly string[];
}

/** What the client is doing, and why. */
export interface Explanation {
  readonly status: Status;
  /** What was asked for. */
  readonly via: Transport | "auto";
  readonly streams: readonly { readonly name: string; readonly offset?: Offset | undefined; readonly live: boolean }[];
  /** The last 50, in the order in which they began. */
  readonly attempts: readonly Attempt[];
  /** Transports that are not tried for now, and until when. */
  readonly barred: readonly { readonly transport: Transport; readonly until: number }[];
}

/** What a publish was answered. */
export interface Published {
  /** The place after the message; `null` for an old duplicate of which the server no longer knows it. */
  readonly offset: Offset | null;
  /** Whether it had been stored before. */
  readonly duplicate: boolean;
}

/** How a stream is published to. */
export interface PublishOptions {
  /** The identity of this message: the same key again is stored once. Default: a random one. */
  key?: string | undefined;
  /** Create the stream if it is missing. */
  create?: boolean | undefined;
  /** Of a stream that is not JSON; `data` is then a string, bytes (an `ArrayBuffer` or a view of one) or a `Blob`. */
  contentType?: string | undefined;
  signal?: AbortSignal | undefined;
}

/** How messages are iterated over. */
export interface MessagesOptions {
  /** Default `"now"`. */
  from?: From | undefined;
  signal?: AbortSignal | undefined;
  /** How many messages may wait for a slow loop (default 1000); beyond it they are read again from the server, when the loop comes to them. */
  buffer?: number | undefined;
}

/** One page of a stream. */
export interface Page<T = unknown> {
  readonly messages: readonly Message<T>[];
  /** Where to go on. */
  readonly offset: Offset;
  /** Whether that is the tail. */
  readonly upToDate: boolean;
  /** Whether nothing will ever follow. */
  readonly closed: boolean;
}

/** A value that is kept up to date. */
export interface StateOptions<T, S> {
  /** Gives a value and the offset up to which it holds. Runs at the start and after every reset. Absent: the stream is read from its beginning. */
  load?: (() => Promise<Loaded<S>> | Loaded<S>) | undefined;
  /** The value before any message, or before `load` has answered. */
  initial?: S | undefined;
  /** The value after one more message. It should not change the value that it is given. */
  reduce: (value: S, message: Message<T>) => S;
}

/** A value, and the offset up to which it holds; or another place from which messages are to be added to it. */
export interface Loaded<S> {
  value: S;
  offset: From;
}

/** A value that is kept up to date with a stream. */
export interface View<S> {
  readonly value: S | undefined;
  /** The offset up to which the value holds. */
  readonly offset: Offset | undefined;
  readonly state: "loading" | "live" | "catching-up" | "failed";
  /** Why it has failed; while it is loading, why `load` is being tried again. */
  readonly error: TidingsError | undefined;
  /** Calls back after each change. Gives a function that ends this. */
  subscribe(changed: () => void): () => void;
  /** Loads again. */
  refresh(): void;
  close(): void;
}

/** The events of a stream. */
export interface StreamEvents<T> {
  message: CustomEvent<Message<T>>;
  /** Everything that is stored was given. */
  live: CustomEvent<{ readonly offset: Offset }>;
  skipped: CustomEvent<Skipped>;
  /** The place can't be continued; it goes on from the earliest message that is kept. */
  reset: CustomEvent<ResetError>;
  /** Nothing will ever follow. */
  closed: CustomEvent<{ readonly offset: Offset }>;
  /** The stream can't be followed; it has ended. */
  error: CustomEvent<TidingsError>;
}

/** An `EventTarget` with typed events. */
export interface TypedEventTarget<Events> {
  dispatchEvent(event: Event): boolean;
  addEventListener<K extends keyof Events & string>(
    type: K,
    listener: ((event: Events[K]) => unknown) | { handleEvent(event: Events[K]): unknown } | null,
    options?: boolean | AddEventListenerOptions,
  ): void;
  removeEventListener<K extends keyof Events & string>(
    type: K,
    listener: ((event: Events[K]) => unknown) | { handleEvent(event: Events[K]): unknown } | null,
    options?: boolean | EventListenerOptions,
  ): void;
}

/** A stream, as a client sees it. While there is a `message` listener, it is followed, from now on. */
export interface Stream<T = unknown> extends TypedEventTarget<StreamEvents<T>> {
  readonly name: string;
  /** Where the following stands, if it is followed. */
  readonly offset: Offset | undefined;
  /** Whether everything that is stored has arrived. */
  readonly live: boolean;
  /** Follows. A reset throws a `ResetError`; the end of a closed stream ends the loop. */
  messages(options?: MessagesOptions): AsyncIterableIterator<Message<T>>;
  /** Reads one page, without following. */
  read(options?: { from?: From | undefined; signal?: AbortSignal | undefined }): Promise<Page<T>>;
  /** Keeps a value up to date. */
  state<S>(options: StateOptions<T, S>): View<S>;
  /** Stores one message: retried until it is stored or refused, and stored once. */
  publish(data: T, options?: PublishOptions): Promise<Published>;
}

/** How a stream is used. */
export interface StreamOptions<T> {
  /** Checks each message (Standard Schema); one that does not fit is an error `invalid_message`. */
  schema?: StandardSchema<T> | undefined;
  /** Whether to wait for a stream that does not exist yet (default), or to fail with `stream_not_found`. */
  wait?: boolean | undefined;
}

/** What the client uses of [Standard Schema](https://standardschema.dev), version 1. */
export interface StandardSchema<Output = unknown> {
  readonly "~standard": {
    readonly version: 1;
    readonly vendor: string;
    readonly validate: (value: unknown) => SchemaResult<Output> | Promise<SchemaResult<Output>>;
    readonly types?: { readonly input: unknown; readonly output: Output } | undefined;
  };
}

/** What a schema says of a value. */
export type SchemaResult<Output> =
  | { readonly value: Output; readonly issues?: undefined }
  | { readonly issues: readonly { readonly message: string }[] };

/** A client of one server. All its streams share one connection. */
export interface Tidings<Streams extends StreamTypes = Record<string, unknown>> extends TypedEventTarget<{
  status: CustomEvent<Status>;
}> {
  /** One stream. With a schema its messages have the type that the schema gives them, else that of `Streams`, or what is said on the spot. */
  stream<T>(name: string, options: StreamOptions<T> & { schema: StandardSchema<T> }): Stream<T>;
  stream<Name extends string & keyof Streams>(
    name: Name,
    options?: StreamOptions<Streams[Name]>,
  ): Stream<Streams[Name]>;
  stream<T = unknown>(name: string, options?: StreamOptions<T>): Stream<T>;
  readonly status: Status;
  /** What it is doing, and why. */
  explain(): Explanation;
  /** Forces a transport, or lets the client choose, while messages flow. */
  use(transport: Transport | "auto"): void;
  /** Ends everything. What waits to be published is refused with `closed`. */
  close(): void;
}
