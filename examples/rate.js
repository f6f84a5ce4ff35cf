// How many things happened a second, over a moving window.

export class Rate {
  #window;
  #times = [];

  /** `window` in milliseconds. */
  constructor(window) {
    this.#window = window;
  }

  add(now) {
    this.#times.push(now);
    this.#forget(now);
  }

  perSecond(now) {
    this.#forget(now);
    return this.#times.length / (this.#window / 1_000);
  }

  #forget(now) {
    const kept = this.#times.findIndex((time) => now - this.#window < time);
    this.#times.splice(0, kept === -1 ? this.#times.length : kept);
  }
}
