/** A clock that a test moves by hand, and the only source of time of the server in memory. */

import type { Clock } from "../types.ts";

/** When the made-up time begins: a fixed day, so that what a test prints is the same each time. */
const BEGIN = Date.UTC(2026, 0, 1);

/** Turns of the event loop without anything new, after which everybody has said what there was to say. */
const QUIET_TURNS = 3;

/** Beyond that many turns or timers something goes round in a circle. */
const STEPS_MAX = 20_000;

/** A {@link Clock} that stands still until {@link advance} moves it. */
export interface TestClock extends Clock {
  /** Milliseconds since 1970, as of the made-up time. It begins at 2026-01-01T00:00:00Z. */
  now(): number;
  /** Runs a function when that much time has been made to pass. */
  setTimeout(run: () => void, milliseconds: number): unknown;
  /** Forgets what {@link setTimeout} was asked. */
  clearTimeout(handle: unknown): void;
  /**
   * Lets time pass: each timer that becomes due runs at its time, in order, and after each one everybody is given the turns
   * of the event loop that they need to answer. `advance(0)` lets no time pass but settles what is under way.
   */
  advance(milliseconds: number): Promise<void>;
}

/** What the server tells its clock beside. */
export interface InnerClock extends TestClock {
  /** Something happened that somebody may want to answer. */
  touch(): void;
}

interface Timer {
  at: number;
  run: () => void;
}

// Taken before a test may replace the timers of its runner by made-up ones.
const { setImmediate: realImmediate } = globalThis as { setImmediate?: (run: () => void) => unknown };

/** One turn of the real event loop. */
function turn(): Promise<void> {
  return new Promise((done) => {
    if (realImmediate) return void realImmediate(() => done());
    // Pages have no setImmediate, and make timers in timers wait for milliseconds.
    const { port1, port2 } = new MessageChannel();
    port1.onmessage = () => {
      port1.close();
      done();
    };
    port2.postMessage(0);
  });
}

/** Makes a clock. */
export function createClock(): InnerClock {
  const timers = new Map<number, Timer>();
  let now = BEGIN;
  let count = 0;
  let happened = 0;

  async function settle(): Promise<void> {
    let quiet = 0;
    for (let turns = 0; quiet < QUIET_TURNS; turns += 1) {
      if (turns > STEPS_MAX) throw new Error("it never comes to rest: something answers itself without end");
      const before = happened;
      await turn();
      quiet = before === happened ? quiet + 1 : 0;
    }
  }

  /** The timer that is due first, of several the one that was set first. */
  function next(until: number): [number, Timer] | undefined {
    let first: [number, Timer] | undefined;
    for (const entry of timers) {
      if (entry[1].at <= until && (!first || entry[1].at < first[1].at)) first = entry;
    }
    return first;
  }

  return {
    now: () => now,
    touch: () => {
      happened += 1;
    },
    setTimeout(run, milliseconds) {
      happened += 1;
      count += 1;
      timers.set(count, { at: now + Math.max(0, milliseconds || 0), run });
      return count;
    },
    clearTimeout(handle) {
      if (timers.delete(handle as number)) happened += 1;
    },
    async advance(milliseconds) {
      const end = now + milliseconds;
      await settle();
      for (let steps = 0; ; steps += 1) {
        const due = next(end);
        if (!due) break;
        if (steps > STEPS_MAX)
          throw new Error("too many timers in one advance: something asks again at once, without end");
        timers.delete(due[0]);
        now = due[1].at;
        due[1].run();
        await settle();
      }
      now = end;
    },
  };
}
