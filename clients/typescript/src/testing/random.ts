/** Chance that is the same each time: a 32-bit generator of the mulberry kind, which is enough for tests. */

/** A source of chance. */
export interface Random {
  /** At least 0, below 1. */
  next: () => number;
  /** So many hex digits. */
  hex(digits: number): string;
}

/** Begins at a seed. */
export function createRandom(seed: number): Random {
  let state = seed >>> 0;
  const next = () => {
    state = (state + 0x6d2b79f5) >>> 0;
    let mixed = state;
    mixed = Math.imul(mixed ^ (mixed >>> 15), mixed | 1);
    mixed ^= mixed + Math.imul(mixed ^ (mixed >>> 7), mixed | 61);
    return ((mixed ^ (mixed >>> 14)) >>> 0) / 2 ** 32;
  };
  return {
    next,
    hex: (digits) => Array.from({ length: digits }, () => Math.floor(next() * 16).toString(16)).join(""),
  };
}
