// Who numbers its messages can be checked: what one follower got of one publisher's messages in one stream. Runs in Node and in pages.

/** Numbers that may be missing at the same time. A follower that lost more than that is wrong enough. */
const MISSING_MAX = 100_000;

/** Takes numbers as they come; they should be 0, 1, 2, and so on. */
export class Sequence {
  next = 0;
  doubled = 0;
  reordered = 0;
  #missing = new Set();

  take(number) {
    if (number >= this.next) {
      for (let n = this.next; n < number && this.#missing.size < MISSING_MAX; n += 1) this.#missing.add(n);
      this.next = number + 1;
    } else if (this.#missing.delete(number)) {
      this.reordered += 1;
    } else {
      this.doubled += 1;
    }
  }

  /** How many of the numbers below `end` have not come. */
  lost(end) {
    return this.#missing.size + Math.max(0, end - this.next);
  }
}
