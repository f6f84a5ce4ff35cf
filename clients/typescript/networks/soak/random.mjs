// Chance from a seed: the same seed makes the same choices (when they are made is up to the machine).

/** A generator of 32 bits of state (mulberry32): good enough to choose faults by. */
export class Random {
  #state;

  constructor(seed) {
    this.#state = seed >>> 0;
  }

  /** From 0 to 1. */
  next() {
    this.#state = (this.#state + 0x6d2b79f5) >>> 0;
    let mixed = this.#state;
    mixed = Math.imul(mixed ^ (mixed >>> 15), mixed | 1);
    mixed ^= mixed + Math.imul(mixed ^ (mixed >>> 7), mixed | 61);
    return ((mixed ^ (mixed >>> 14)) >>> 0) / 2 ** 32;
  }

  between(least, most) {
    return least + this.next() * (most - least);
  }

  choose(list) {
    return list[Math.floor(this.next() * list.length)];
  }

  /** A generator of its own for somebody else. */
  fork() {
    return new Random(Math.floor(this.next() * 2 ** 32));
  }
}
