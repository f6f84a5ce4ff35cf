/**
 * Which transports are not tried for now: who plainly does not work here, or whose lives were short.
 *
 * Does not know what is tried, or why.
 */

import type { Timing, Transport } from "../types.ts";

interface Bar {
  /** Lives that ended soon, one after another. */
  shortLives_: number;
  /** How often it was barred since it last worked well. */
  count_: number;
  since_: number;
  /** 0 when it is not barred. */
  until_: number;
}

export type Bars = ReturnType<typeof createBars>;

export const createBars = (timing: Timing, random: () => number) => {
  const bars = new Map<Transport, Bar>();

  const of = (transport: Transport): Bar => {
    let bar = bars.get(transport);
    if (!bar) bars.set(transport, (bar = { shortLives_: 0, count_: 0, since_: 0, until_: 0 }));
    return bar;
  };

  /** It does not work. */
  const add = (transport: Transport, now: number) => {
    const bar = of(transport);
    const wait = timing.bars[Math.min(bar.count_++, timing.bars.length - 1)]!;
    bar.since_ = now;
    bar.until_ = now + wait * (0.75 + random() / 2);
    bar.shortLives_ = 0;
  };

  return {
    add_: add,

    /** It worked, but not for long. One that was barred before is on probation: one short life is enough. */
    addShortLife_(transport: Transport, now: number) {
      const bar = of(transport);
      if (++bar.shortLives_ >= timing.shortLives || bar.count_) add(transport, now);
    },

    /** It worked for long: whatever was before is forgotten. */
    forget_: (transport: Transport) => bars.delete(transport),

    /** While a page is hidden, bars that end are not tried. */
    isBarred_: (transport: Transport, now: number, hidden: boolean) => {
      const until = bars.get(transport)?.until_;
      return !!until && (hidden || now < until);
    },

    /** The server is away, last heard at `heard`: what failed since then says nothing about transports. */
    onServerAway_(heard: number) {
      for (const [transport, bar] of bars) {
        bar.shortLives_ = 0;
        if (heard <= bar.since_) bars.delete(transport);
      }
    },

    /** All may be tried now, on probation. */
    end_() {
      for (const bar of bars.values()) bar.until_ = 0;
    },

    /** As if nothing had ever failed. */
    clear_: () => bars.clear(),

    /** The transports that are barred, and until when. */
    list_: () => [...bars].filter(([, bar]) => bar.until_).map(([transport, bar]) => ({ transport, until: bar.until_ })),
  };
};
