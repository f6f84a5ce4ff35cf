/** A value that is kept up to date with a stream, over resets. */

import { ResetError, TidingsError } from "./errors.ts";
import type { FollowSettings, Given } from "./hub.ts";
import { isAt } from "./session/place.ts";
import { sleep } from "./time.ts";
import type { Clock, From, Message, Offset, StateOptions, Timing, View } from "./types.ts";

/** What a view needs of its stream. */
export interface ViewSource {
  follow_(settings: FollowSettings): AsyncGenerator<Given, void>;
  /** Whether the stream is live. */
  isLive_(): boolean;
  /** Calls back when the connection changes. Gives a function that ends this. */
  watch_(changed: () => void): () => void;
  clock_: Clock;
  timing_: Timing;
  random_: () => number;
}

export const createView = <T, S>(source: ViewSource, { load, initial, reduce }: StateOptions<T, S>): View<S> => {
  const listeners = new Set<() => void>();
  let value = initial;
  let offset: Offset | undefined;
  let phase: View<S>["state"] = "loading";
  let error: TidingsError | undefined;
  let controller: AbortController;

  const state = () => (phase == "live" && !source.isLive_() ? "catching-up" : phase);
  let toldState = state();

  const changed = () => {
    toldState = state();
    listeners.forEach((listener) => listener());
  };

  const failed = (reason: unknown) =>
    reason instanceof TidingsError ? reason : new TidingsError("state_failed", String(reason), true);

  /** Loads, and follows until the first error. */
  const runOnce = async (signal: AbortSignal, onLive: () => void) => {
    let from: From = "beginning";
    if (load) {
      const loaded = await load();
      if (signal.aborted) return;
      value = loaded.value;
      from = loaded.offset;
    } else {
      value = initial;
    }
    offset = typeof from == "string" && isAt(from) ? from : undefined;
    error = undefined;
    phase = "catching-up";
    changed();
    for await (const given of source.follow_({ from_: from, signal_: signal })) {
      if ("messages_" in given) {
        for (const message of given.messages_) {
          value = reduce(value as S, message as Message<T>);
          offset = message.offset;
        }
      } else if ("live_" in given) {
        phase = "live";
        offset = given.live_;
        onLive();
      }
      changed();
    }
  };

  const run = async (signal: AbortSignal) => {
    for (let tries = 0; !signal.aborted; tries += 1) {
      try {
        return await runOnce(signal, () => (tries = 0));
      } catch (reason) {
        if (signal.aborted) return;
        const isOver = !(reason instanceof ResetError) && phase != "loading";
        error = failed(reason);
        phase = isOver ? "failed" : "loading";
        changed();
        if (isOver) return;
        const { backoffBase, backoffCap } = source.timing_;
        if (tries || !(reason instanceof ResetError)) await sleep(source.clock_, source.random_() * Math.min(backoffCap, backoffBase * 2 ** tries), signal);
      }
    }
  };

  const refresh = () => {
    controller?.abort();
    controller = new AbortController();
    phase = "loading";
    void run(controller.signal);
  };

  refresh();
  const unwatch = source.watch_(() => state() != toldState && changed());

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
    close() {
      unwatch();
      controller.abort();
    },
  };
};
