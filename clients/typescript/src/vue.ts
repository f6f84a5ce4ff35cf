/**
 * Composables for Vue 3.3 and newer: a stream as state.
 *
 * ```ts
 * createApp(App).use(tidingsPlugin, connect("https://updates.example.com")).mount("#app");
 *
 * // in a component
 * const { value: order, state } = useStreamState(() => `orders/${props.id}`, { load: () => api.order(props.id), reduce: applyEvent });
 * ```
 *
 * A stream is followed while a component is mounted that uses it; nothing is followed while a page is rendered on the server.
 *
 * @module tidings/vue
 */

import {
  getCurrentInstance,
  inject,
  onMounted,
  onScopeDispose,
  provide,
  shallowRef,
  toValue,
  watch,
} from "vue";
import type { App, InjectionKey, MaybeRefOrGetter, ShallowRef } from "vue";
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
 * The types of your streams, for all composables: names may be template literals.
 *
 * ```ts
 * declare module "tidings/vue" {
 *   interface Streams {
 *     [name: `orders/${string}`]: OrderEvent;
 *   }
 * }
 * ```
 */
// eslint-disable-next-line @typescript-eslint/no-empty-object-type
export interface Streams {}

type Known = string & keyof Streams;

/** A value that is kept up to date with a stream. */
export interface StreamState<S> {
  readonly value: Readonly<ShallowRef<S | undefined>>;
  /** The offset up to which the value holds. */
  readonly offset: Readonly<ShallowRef<Offset | undefined>>;
  readonly state: Readonly<ShallowRef<"loading" | "live" | "catching-up" | "failed">>;
  /** Why it has failed, or why `load` is being tried again. */
  readonly error: Readonly<ShallowRef<TidingsError | undefined>>;
}

/** What a server has rendered a page with: a value, and the offset up to which it holds. */
export interface Rendered<S> {
  value: S;
  offset: Offset;
}

/** What {@link useStreamState} takes. */
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

/** What {@link useMessages} takes. */
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

const KEY: InjectionKey<Tidings> = Symbol("tidings");

/** Gives the client to a whole application: `app.use(tidingsPlugin, client)`. */
export const tidingsPlugin = {
  install(app: App, client: Tidings<any>): void {
    app.provide(KEY, client);
  },
};

/** Gives the client to the components below this one. */
export function provideTidings(client: Tidings<any>): void {
  provide(KEY, client);
}

/** The client that was given. */
export function useTidings(): Tidings {
  const client = inject(KEY, undefined);
  if (!client) throw Error("use tidingsPlugin or provideTidings above this component");
  return client;
}

/** What the client is doing. */
export function useStatus(): Readonly<ShallowRef<Status>> {
  const client = useTidings();
  const status = shallowRef(client.status);
  const look = () => void (status.value = client.status);
  whileMounted(() => {
    look();
    client.addEventListener("status", look);
    return () => client.removeEventListener("status", look);
  });
  return status;
}

/** A function that publishes to a stream: stored once, however often the network makes it try. */
export function usePublish<N extends Known>(
  name: MaybeRefOrGetter<N>,
): (data: Streams[N], options?: PublishOptions) => Promise<Published>;
export function usePublish<T = unknown>(
  name: MaybeRefOrGetter<string>,
): (data: T, options?: PublishOptions) => Promise<Published>;
export function usePublish(
  name: MaybeRefOrGetter<string>,
): (data: unknown, options?: PublishOptions) => Promise<Published> {
  const client = useTidings();
  return (data, options) => client.stream(toValue(name)).publish(data, options);
}

/** The newest messages of a stream: those that are stored already, as far as they are asked for, and then each that comes. */
export function useMessages<N extends Known>(
  name: MaybeRefOrGetter<N>,
  options?: UseMessagesOptions<Streams[N]>,
): StreamState<readonly Message<Streams[N]>[]>;
export function useMessages<T = unknown>(
  name: MaybeRefOrGetter<string>,
  options?: UseMessagesOptions<T>,
): StreamState<readonly Message<T>[]>;
export function useMessages<T>(
  name: MaybeRefOrGetter<string>,
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
  name: MaybeRefOrGetter<N>,
  options: StreamStateOptions<Streams[N], S>,
): StreamState<S>;
export function useStreamState<S, T = unknown>(
  name: MaybeRefOrGetter<string>,
  options: StreamStateOptions<T, S>,
): StreamState<S>;
export function useStreamState<S, T>(
  name: MaybeRefOrGetter<string>,
  options: StreamStateOptions<T, S>,
): StreamState<S> {
  return useView(name, options);
}

function useView<T, S>(name: MaybeRefOrGetter<string>, options: InnerOptions<T, S>): StreamState<S> {
  const client = useTidings();
  const { initial, loaded, reduce } = options;
  const value = shallowRef(loaded ? loaded.value : initial);
  const offset = shallowRef<Offset | undefined>(loaded?.offset);
  const state = shallowRef<StreamState<S>["state"]["value"]>("loading");
  const error = shallowRef<TidingsError>();

  /** Follows one stream, from where it stands; gives what ends that. */
  function follow(stream: string): () => void {
    let place = offset.value;
    const view = client.stream<T>(stream, options).state<S>({
      initial: value.value as S,
      load() {
        const from = place;
        place = undefined;
        if (from) return { value: value.value as S, offset: from };
        return options.load ? options.load(!!offset.value) : { value: initial as S, offset: "beginning" };
      },
      reduce,
    });
    const stop = view.subscribe(() => {
      value.value = view.value;
      offset.value = view.offset ?? offset.value;
      state.value = view.state;
      error.value = view.error;
    });
    return () => {
      stop();
      view.close();
    };
  }

  whileMounted(() => {
    let stop = () => {};
    const end = watch(
      () => toValue(name),
      (stream, before) => {
        stop();
        if (before !== undefined) {
          value.value = initial;
          offset.value = error.value = undefined;
          state.value = "loading";
        }
        stop = follow(stream);
      },
      { immediate: true },
    );
    return () => {
      end();
      stop();
    };
  });
  return { value, offset, state, error };
}

/** Runs when the component is mounted, so never on a server, and ends with it; outside of components it runs at once and ends with its scope. */
function whileMounted(begin: () => () => void): void {
  let end = () => {};
  const run = () => void (end = begin());
  if (getCurrentInstance()) onMounted(run);
  else run();
  onScopeDispose(() => end());
}
