// How old a message is, when the clock of the server and that of this page may differ.

/** Below this, in milliseconds, a difference is taken for the way of a message, above it for a clock that is wrong. */
const WAY_MAX = 1_000;

export class ServerClock {
  #least = Infinity;

  /** The milliseconds between the storing of a message, by the server's clock, and now, by ours. */
  lag(stored, now) {
    this.#least = Math.min(this.#least, now - stored);
    return Math.max(0, now - stored - this.difference);
  }

  /** By how much our clock is ahead of the server's: the least difference seen, where no message can have been so fast or so slow. */
  get difference() {
    return 0 <= this.#least && this.#least < WAY_MAX ? 0 : this.#least;
  }
}
