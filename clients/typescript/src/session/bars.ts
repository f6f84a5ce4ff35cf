/**
 * Which transports are not tried for now: who plainly does not work here, or whose lives were short.
 *
 * Does not know what is tried, or why.
 */

import type { Timing, Transport } from "../types.ts";

interface Bar {
  transport: Transport;
  /** 0 when it is not barred. */
  until: number;
  since_: number;
  /** Lives that ended soon, one after another. */
  shortLives_: number;
  /** How often it was barred since it last worked well. */
  count_: number;
}

export type Bars = ReturnType<typeof createBars>;

export const createBars = (timing: Timing, random: () => number) => {
  let bars: Bar[] = [];

  /** Forgets what does not fulfil this. */
  const keep = (isKept: (bar: Bar) => boolean) => {
    bars = bars.filter(isKept);
  };

  /** It did not work: at once, or, when it is only a life that was short, for the last time. */
  const add = (transport: Transport, now: number, isShortLife?: boolean) => {
    let bar = bars.find((it) => it.transport == transport);
    if (!bar) bars.push((bar = { transport, until: 0, since_: 0, shortLives_: 0, count_: 0 }));
    // One that was barred before is on probation: one short life is enough.
    if (isShortLife && ++bar.shortLives_ < timing.shortLives && !bar.count_) return;
    const wait = timing.bars[Math.min(bar.count_++, timing.bars.length - 1)]!;
    bar.since_ = now;
    bar.until = now + wait * (0.75 + random() / 2);
    bar.shortLives_ = 0;
  };

  return {
    add_: add,

    /** It worked for long: whatever was before is forgotten. */
    forget_: (transport: Transport) => keep((bar) => bar.transport != transport),

    /** While a page is hidden, bars that end are not tried. */
    isBarred_: (transport: Transport, now: number, isHidden: boolean) =>
      bars.some((bar) => bar.transport == transport && bar.until && (isHidden || now < bar.until)),

    /** The server is away, last heard at `heard`: what failed since then says nothing about transports. */
    onServerAway_(heard: number) {
      keep((bar) => bar.since_ < heard);
      for (const bar of bars) bar.shortLives_ = 0;
    },

    /** All may be tried now, on probation. */
    end_() {
      for (const bar of bars) bar.until = 0;
    },

    /** As if nothing had ever failed. */
    clear_: () => keep(() => false),

    /** The transports that are barred, and until when. */
    list_: () => bars.flatMap(({ transport, until }) => (until ? [{ transport, until }] : [])),
  };
};
