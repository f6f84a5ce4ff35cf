/** Time, as the client sees it. */

import type { Clock } from "./types.ts";

export const systemClock: Clock = {
  now: () => Date.now(),
  setTimeout: (call, ms) => setTimeout(call, ms),
  clearTimeout: (timer) => clearTimeout(timer as number),
};

/** The wall clock, but never set back: it jumps ahead over a sleep of the machine, which is what a client has to notice. */
export const createNow = (clock: Clock) => {
  let last = clock.now();
  let ahead = 0;
  return () => {
    const wall = clock.now();
    if (wall < last) ahead += last - wall;
    last = wall;
    return wall + ahead;
  };
};

/** Ends after so many milliseconds, or when it is given up. */
export const sleep = (clock: Clock, ms: number, signal: AbortSignal): Promise<void> =>
  new Promise((resolve) => {
    if (signal.aborted) return resolve();
    const done = () => {
      clock.clearTimeout(timer);
      signal.removeEventListener("abort", done);
      resolve();
    };
    const timer = clock.setTimeout(done, ms);
    signal.addEventListener("abort", done);
  });
