/** What all parts of a client share. */

import type { TidingsError } from "./errors.ts";
import { sleep } from "./time.ts";
import type { Clock, ConnectOptions, Timing } from "./types.ts";

export interface Context {
  options_: ConnectOptions;
  /** The address of the server, without a slash at its end. */
  base_: string;
  clock_: Clock;
  timing_: Timing;
  random_: () => number;
  /** Until the client is closed. */
  signal_: AbortSignal;
}

/** Calls with a signal that also ends when nothing was heard for too long; `heard` begins this anew. */
export const within = async <T>(
  { clock_: clock, timing_: timing }: Context,
  signal: AbortSignal,
  call: (signal: AbortSignal, heard: () => void) => Promise<T>,
): Promise<T> => {
  const controller = new AbortController();
  const abort = () => controller.abort();
  let timer: unknown;
  const heard = () => {
    clock.clearTimeout(timer);
    timer = clock.setTimeout(abort, timing.answerMax);
  };
  heard();
  signal.addEventListener("abort", abort);
  try {
    return await call(controller.signal, heard);
  } finally {
    clock.clearTimeout(timer);
    signal.removeEventListener("abort", abort);
  }
};

/** Waits after so many failures in a row: full jitter, and no less than the server says. */
export const backOff = ({ clock_: clock, timing_: timing, random_: random }: Context, tries: number, signal: AbortSignal, error?: TidingsError) =>
  sleep(
    clock,
    Math.max((error?.retryAfter_ ?? 0) * (1 + random() / 4), random() * Math.min(timing.backoffCap, timing.backoffBase * 2 ** tries)),
    signal,
  );
