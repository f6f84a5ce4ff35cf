/** What lies between the clients and the server: connections, how long things take on them, and what goes wrong. */

import type { Transport } from "../types.ts";
import type { InnerClock } from "./clock.ts";

/** One request that is being answered, or one WebSocket. */
export interface Line {
  readonly transport: Transport | undefined;
  /** Whether nothing passes any more, in either direction, though it looks open. */
  readonly dead: boolean;
  /** Runs when what is sent now has arrived; never, if the line breaks before. What was sent earlier arrives earlier. */
  send(arrived: () => void): void;
  /** It has come to its end. */
  end(): void;
}

interface OpenLine extends Line {
  dead: boolean;
  broken: () => void;
}

/** The network of one server. */
export class Network {
  delay = 0;
  /** Whether nothing passes at all, and nobody is told. */
  unplugged = false;
  readonly refused = new Set<Transport>();
  readonly swallowed = new Set<Transport>();
  readonly #open = new Set<OpenLine>();

  constructor(readonly clock: InnerClock) {}

  /** What is open by each transport: WebSockets, and requests that are being answered. */
  count(transport?: Transport): number {
    return [...this.#open].filter((line) => transport === undefined || line.transport === transport).length;
  }

  /** Opens a line; `broken` is called when it breaks. */
  open(transport: Transport | undefined, broken: () => void): Line {
    let last = 0;
    const line: OpenLine = {
      transport,
      dead: this.unplugged || (transport !== undefined && this.swallowed.has(transport)),
      broken,
      send: (arrived) => {
        if (line.dead || !this.#open.has(line)) return;
        const arrive = () => {
          if (!line.dead && this.#open.has(line)) arrived();
        };
        last = Math.max(last, this.clock.now() + this.delay);
        this.clock.touch();
        if (last === this.clock.now()) queueMicrotask(arrive);
        else this.clock.setTimeout(arrive, last - this.clock.now());
      },
      end: () => {
        this.clock.touch();
        this.#open.delete(line);
      },
    };
    this.#open.add(line);
    return line;
  }

  /** From now on nothing passes over a transport, over what is open neither, for good. */
  swallow(transports: readonly Transport[]): void {
    for (const transport of transports) this.swallowed.add(transport);
    for (const line of this.#open) {
      if (line.transport !== undefined && transports.includes(line.transport)) line.dead = true;
    }
  }

  /** From now on nothing passes over anything, over what is open neither, for good; and nobody is told. */
  unplug(): void {
    this.unplugged = true;
    for (const line of this.#open) line.dead = true;
  }

  /** Everything passes again, at once. */
  heal(): void {
    this.refused.clear();
    this.swallowed.clear();
    this.unplugged = false;
    this.delay = 0;
  }

  /** All that is open breaks, as when a cable is pulled. */
  drop(): void {
    const lines = [...this.#open];
    this.#open.clear();
    this.clock.touch();
    for (const line of lines) line.broken();
  }
}
