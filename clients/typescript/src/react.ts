/**
 * Hooks for React 18 and newer: a stream as state, for pages that are rendered in the browser, on the server, or both.
 *
 * ```tsx
 * const tidings = connect("https://updates.example.com");
 *
 * root.render(<TidingsProvider client={tidings}><Order id="42" /></TidingsProvider>);
 *
 * function Order({ id }: { id: string }) {
 *   const { value, state } = useStreamState(`orders/${id}`, { load: () => api.order(id), reduce: applyEvent });
 *   return <p>{value ? value.status : state}</p>;
 * }
 * ```
 *
 * Mounting twice (StrictMode), hot reload and quick changes between pages make no second connection: a stream that nobody uses is kept
 * for a second (`linger`).
 *
 * @module tidings/react
 */

import { createContext, createElement, useCallback, useContext, useMemo, useSyncExternalStore } from "react";
import type { ReactElement, ReactNode } from "react";
import type { TidingsError } from "./errors.ts";
import type {
  From,
  Loaded,
  Message,
  Offset,
  Published,
  PublishOptions,
  Status,
  StreamOptions,
  Tidings,
} from "./types.ts";

/**
 * The types of your streams, for all hooks: names may be template literals.
 *
 * ```ts
 * declare module "tidings/react" {
 *   interface Streams {
 *     [name: `orders/${string}`]: OrderEvent;
 *   }
 * }
 * ```
 */
// eslint-disable-next-line @typescript-eslint/no-empty-object-type
export interface Streams {}

type Known = string & keyof Streams;

/** A value that is kept up to date with a stream. The object is another one after each change, and the same until then. */
export interface StreamState<S> {
  readonly value: S | undefined;
  /** The offset up to which the value holds. */
  readonly offset: Offset | undefined;
  readonly state: "loading" | "live" | "catching-up" | "failed";
  /** Why it has failed, or why `load` is being tried again. */
  readonly error: TidingsError | undefined;
}

/** What a server has rendered a page with: a value, and the offset up to which it holds. */
export interface Rendered<S> {
  value: S;
  offset: Offset;
}

/** What {@link useStreamState} takes. Functions may be new ones on each render: the newest are used. */
export interface StreamStateOptions<T, S> extends StreamOptions<T> {
  /** Gives a value and the offset up to which it holds: at the start and after every reset. Absent: the stream is read from its beginning. */
  load?: (() => Promise<Loaded<S>> | Loaded<S>) | undefined;
  /** The value after one more message. It must not change the value that it is given. */
  reduce: (value: S, message: Message<T>) => S;
  /** The value before any message. */
  initial?: S | undefined;
  /** What the server rendered the page with: it is shown at once, and the stream is followed from that offset, so nothing falls in between. */
  loaded?: Rendered<S> | undefined;
}

/** What {@link useMessages} takes. It is looked at when the component is mounted, and when the name changes. */
export interface UseMessagesOptions<T> extends StreamOptions<T> {
  /** Begins with so many messages that are stored already. */
  last?: number | undefined;
  /** Begins there. Default `"now"`. */
  from?: From | undefined;
  /** Keeps at most so many, the newest (default 100). */
  limit?: number | undefined;
  /** What the server rendered the page with. */
  loaded?: Rendered<readonly Message<T>[]> | undefined;
}

interface InnerOptions<T, S> extends Omit<StreamStateOptions<T, S>, "load"> {
  /** `again`: something was loaded before. */
  load?: ((again: boolean) => Promise<Loaded<S>> | Loaded<S>) | undefined;
}

const Context = createContext<Tidings | undefined>(undefined);
const IDLE: Status = { state: "idle", since: 0 };

/** Gives the client to all hooks below it. */
export function TidingsProvider(props: { client: Tidings<any>; children?: ReactNode }): ReactElement {
  return createElement(Context.Provider, { value: props.client }, props.children);
}

/** The client of the nearest {@link TidingsProvider}. */
export function useTidings(): Tidings {
  const client = useContext(Context);
  if (!client) throw Error("put <TidingsProvider client={…}> around this component");
  return client;
}

/** What the client is doing. */
export function useStatus(): Status {
  const client = useTidings();
  const subscribe = useCallback(
    (changed: () => void) => {
      client.addEventListener("status", changed);
      return () => client.removeEventListener("status", changed);
    },
    [client],
  );
  return useSyncExternalStore(
    subscribe,
    () => client.status,
    () => IDLE,
  );
}

/** A function that publishes to a stream: stored once, however often the network makes it try. */
export function usePublish<N extends Known>(
  name: N,
): (data: Streams[N], options?: PublishOptions) => Promise<Published>;
export function usePublish<T = unknown>(
  name: string,
): (data: T, options?: PublishOptions) => Promise<Published>;
export function usePublish(name: string): (data: unknown, options?: PublishOptions) => Promise<Published> {
  const client = useTidings();
  return useCallback((data, options) => client.stream(name).publish(data, options), [client, name]);
}

/** The newest messages of a stream: those that are stored already, as far as they are asked for, and then each that comes. */
export function useMessages<N extends Known>(
  name: N,
  options?: UseMessagesOptions<Streams[N]>,
): StreamState<readonly Message<Streams[N]>[]>;
export function useMessages<T = unknown>(
  name: string,
  options?: UseMessagesOptions<T>,
): StreamState<readonly Message<T>[]>;
export function useMessages<T>(
  name: string,
  options: UseMessagesOptions<T> = {},
): StreamState<readonly Message<T>[]> {
  const { last, from = "now", limit = 100 } = options;
  return useView<T, readonly Message<T>[]>(name, {
    ...options,
    initial: [],
    load: (again) => ({ value: [], offset: last ? { last } : again ? "beginning" : from }),
    reduce: (messages, message) => [...messages, message].slice(-limit),
  });
}

/** A value that is kept up to date with a stream. */
export function useStreamState<S, N extends Known>(
  name: N,
  options: StreamStateOptions<Streams[N], S>,
): StreamState<S>;
export function useStreamState<S, T = unknown>(
  name: string,
  options: StreamStateOptions<T, S>,
): StreamState<S>;
export function useStreamState<S, T>(name: string, options: StreamStateOptions<T, S>): StreamState<S> {
  return useView(name, options);
}

function useView<T, S>(name: string, options: InnerOptions<T, S>): StreamState<S> {
  const client = useTidings();
  const store = useMemo(() => createStore(client, name, options), [client, name]);
  store.options_ = options;
  return useSyncExternalStore(store.subscribe_, store.read_, store.first_);
}

/** What a component shows of a stream. It follows while it is mounted, and goes on where it stood when it is mounted again. */
function createStore<T, S>(client: Tidings, name: string, options: InnerOptions<T, S>) {
  const { initial, loaded } = options;
  const first: StreamState<S> = {
    value: loaded ? loaded.value : initial,
    offset: loaded?.offset,
    state: "loading",
    error: undefined,
  };
  let current = first;
  const store = {
    options_: options,
    first_: () => first,
    read_: () => current,
    subscribe_(changed: () => void) {
      let { offset } = current;
      const view = client.stream<T>(name, options).state<S>({
        initial: current.value as S,
        load() {
          const place = offset;
          offset = undefined;
          if (place) return { value: current.value as S, offset: place };
          const { load, initial } = store.options_;
          return load ? load(!!current.offset) : { value: initial as S, offset: "beginning" };
        },
        reduce: (value, message) => store.options_.reduce(value, message),
      });
      const stop = view.subscribe(() => {
        // Until a new view has loaded, what was shown before stays true.
        current = {
          value: view.value,
          offset: view.offset ?? current.offset,
          state: view.state,
          error: view.error,
        };
        changed();
      });
      return () => {
        stop();
        view.close();
      };
    },
  };
  return store;
}
