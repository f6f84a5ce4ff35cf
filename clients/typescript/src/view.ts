/** A value that is kept up to date with a stream, over resets. */

import { backOff, type Context } from "./context.ts";
import { ResetError, TidingsError } from "./errors.ts";
import type { Given } from "./reader.ts";
import { atOf } from "./session/place.ts";
import type { From, Message, Offset, StateOptions, View } from "./types.ts";

/** What a view needs of its stream. */
export interface ViewSource {
  follow_(from: From, signal: AbortSignal): AsyncGenerator<Given[], void>;
  isLive_(): boolean;
  /** Who is called back when the connection changes. */
  watchers_: Set<() => void>;
}

export const createView = <T, S>(
  context: Context,
  { follow_: follow, isLive_: isLive, watchers_: watchers }: ViewSource,
  { load, initial, reduce }: StateOptions<T, S>,
): View<S> => {
  const listeners = new Set<() => void>();
  let value = initial;
  let offset: Offset | undefined;
  let phase: View<S>["state"] = "loading";
  let error: TidingsError | undefined;
  let controller: AbortController | undefined;
  let toldState: View<S>["state"];

  let isClosed: boolean;

  /** Of a closed stream nothing more is expected. */
  const state = () => (phase == "live" && !isClosed && !isLive() ? "catching-up" : phase);

  const changed = () => {
    toldState = state();
    for (const listener of listeners) {
      try {
        listener();
      } catch (error) {
        // As an `EventTarget` does: it is told, and nobody else suffers from it.
        queueMicrotask(() => {
          throw error;
        });
      }
    }
  };

  const onStatus = () => state() == toldState || changed();

  /** Loads, and follows, over resets, until the signal or an error of the stream. */
  const run = async (signal: AbortSignal) => {
    for (let tries = 0; !signal.aborted;) {
      try {
        phase = "loading";
        const loaded = (await load?.()) ?? { value: initial, offset: "beginning" };
        if (signal.aborted) return;
        value = loaded.value;
        offset = atOf(loaded.offset);
        error = undefined;
        phase = "catching-up";
        changed();
        for await (const given of follow(loaded.offset, signal)) {
          for (const { type, message_: message, offset: reached } of given) {
            if (message) value = reduce(value as S, message as Message<T>);
            isClosed = type == "closed";
            if (type == "live" || isClosed) {
              phase = "live";
              tries = 0;
            }
            offset = reached;
          }
          changed();
        }
        // Else it was the client that was closed.
        context.signal_.throwIfAborted();
        return;
      } catch (thrown) {
        if (signal.aborted) return;
        const isReset = thrown instanceof ResetError;
        error =
          thrown instanceof TidingsError ? thrown : new TidingsError("state_failed", String(thrown), true);
        // What can't be loaded may be loaded later.
        const isOver = !isReset && phase != "loading";
        phase = isOver ? "failed" : "loading";
        changed();
        if (isOver) return;
        if (!isReset || tries) await backOff(context, tries, signal);
        tries++;
      }
    }
  };

  const close = () => {
    controller?.abort();
    watchers.delete(onStatus);
  };

  const refresh = () => {
    close();
    watchers.add(onStatus);
    void run((controller = new AbortController()).signal);
  };

  refresh();
  return {
    get value() {
      return value;
    },
    get offset() {
      return offset;
    },
    get state() {
      return state();
    },
    get error() {
      return error;
    },
    subscribe(listener) {
      listeners.add(listener);
      return () => listeners.delete(listener);
    },
    refresh,
    close,
  };
};
