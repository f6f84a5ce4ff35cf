// One stream by one transport, with a client of its own: what comes, and what becomes of it.

import { signal } from "@preact/signals";
import { connect } from "tidings";
import { base, token } from "./server.js";
import { messageText } from "./text.js";

/** How many messages a tail shows; those before them are dropped. */
export const MESSAGES_MAX = 100;

/** How long new messages are gathered before they are shown, in milliseconds: a stream may be faster than any screen. */
const GATHER = 150;

/** How long it waits before it asks again where the client has given up, in milliseconds. */
const AGAIN_AFTER = 2_000;

/** A tail that runs until `stop`. */
export class Tail {
  /** The newest messages: `{ offset, time, text, left }`, the oldest first. */
  messages = signal([]);
  /** What the client does, and the last thing that is to be told. */
  status = signal({ state: "connecting" });
  note = signal("");
  /** How many have come. */
  received = signal(0);
  #client;
  #fresh = [];
  #dropped = 0;
  #ends = new AbortController();
  #timer;

  constructor(name, transport) {
    this.#client = connect(base, { transport, tabs: false, token: () => token.value || undefined });
    this.#client.addEventListener("status", () => (this.status.value = this.#client.status));
    this.#timer = setInterval(() => this.#show(), GATHER);
    this.#run(this.#client.stream(name));
  }

  stop() {
    this.#ends.abort();
    clearInterval(this.#timer);
    this.#client.close();
  }

  async #run(stream) {
    let from = { last: 20 };
    while (!this.#ends.signal.aborted) {
      try {
        for await (const message of stream.messages({ from, signal: this.#ends.signal, buffer: MESSAGES_MAX })) {
          from = message.offset;
          this.#take(message);
        }
        this.note.value = "The stream is closed: nothing will follow.";
        return;
      } catch (error) {
        if (this.#ends.signal.aborted) return;
        if (error.code === "reset") {
          this.note.value = `Reset (${error.reason}): it goes on at the earliest message.`;
          from = "beginning";
        } else {
          this.note.value = error.message;
          if (!error.retryable) return;
          await new Promise((resolve) => setTimeout(resolve, AGAIN_AFTER));
        }
      }
    }
  }

  #take({ offset, time, data, skipped }) {
    if (skipped) this.note.value = `${skipped.messages} messages were skipped.`;
    this.#fresh.push({ offset, time, data });
    this.#dropped += 1;
    if (MESSAGES_MAX < this.#fresh.length) this.#fresh.shift();
  }

  #show() {
    if (this.#fresh.length === 0) return;
    const fresh = this.#fresh.map(({ offset, time, data }) => ({ offset, time, ...messageText(data) }));
    this.received.value += this.#dropped;
    this.messages.value = [...this.messages.value, ...fresh].slice(-MESSAGES_MAX);
    [this.#fresh, this.#dropped] = [[], 0];
  }
}
