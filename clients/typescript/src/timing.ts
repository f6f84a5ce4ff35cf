/** The numbers by which transports are chosen and tried again, in milliseconds. What each is for: `conformance/session/README.md`. */

import type { Timing } from "./types.ts";

export const defaultTiming: Timing = {
  sseAfter: 2500,
  longPollAfter: 3000,
  dialMax: 10_000,
  answerMax: 15_000,
  hold: 25_000,
  holdSlack: 10_000,
  heldMin: 1000,
  pollIntervalDefault: 2000,
  bridgeInterval: 1000,
  hiddenPollInterval: 30_000,
  shortLife: 10_000,
  shortLives: 3,
  bars: [30_000, 60_000, 120_000, 300_000, 600_000],
  backoffBase: 250,
  backoffCap: 15_000,
  missingMax: 2000,
  probe: 1000,
  streamsMax: 100,
};
