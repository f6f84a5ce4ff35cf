/** What every part of the server in memory shares. */

import type { InnerClock } from "./clock.ts";
import type { Network } from "./network.ts";
import type { Store } from "./store.ts";

/** The server's insides. */
export interface World {
  store: Store;
  clock: InnerClock;
  network: Network;
  /** What is asked to end when the server drains: each is told the window, in seconds. */
  draining: Set<(within: number) => void>;
  /** Whether the next publish loses its answer; asking takes the order away. */
  losesResponse(): boolean;
}

/** The made-up time as it stands in messages. */
export function time(world: World): string {
  return new Date(world.clock.now()).toISOString();
}
