// One room: its messages in order, what is on its way to the server, and how far we have read.

import { follow } from "../follow.js";
import { newId } from "./person.js";

/** How much of the past is read on joining. */
const HISTORY = 50;

/** How many messages a room holds; older ones stay on the server. */
const MESSAGES_MAX = 500;

/** A room. An `EventTarget` that tells of each `change`. */
export class Room extends EventTarget {
  /** Those of the server, in the order of their offsets: `{ id, by, name, text, time, offset, isLive }`. */
  messages = [];
  /** Ours that were not seen in the stream yet: `{ id, by, name, text, time, state, why }`, where the state is `pending`, `sent` or `refused`. */
  outbox = [];
  /** Whether everything that was stored has arrived. */
  isReady = false;
  /** What ended or broke, in a sentence. */
  notice = "";
  /** The stream behind it. */
  stream;
  #person;
  #key;
  #read;
  #joined;

  constructor(tidings, name, person) {
    super();
    this.name = name;
    this.stream = tidings.stream(`examples/rooms/${name}`);
    this.#person = person;
    this.#key = `tidings-chat/read/${name}`;
    this.#read = localStorage.getItem(this.#key) ?? undefined;
    this.#joined = this.#read === undefined;
    // Another tab has read it.
    addEventListener("storage", (event) => event.key === this.#key && this.#moveRead(event.newValue));
  }

  /** The offset up to which we have read. */
  get read() {
    return this.#read;
  }

  /** How many messages of others came after the last that we have read. */
  get unread() {
    return this.messages.filter((message) => this.#isUnread(message)).length;
  }

  /**
   * Follows the room for ever. It begins where we have read to on the last visit: what comes is unread. On the first visit it begins with
   * the history. `onMessage` is told of each message, and whether it is live.
   */
  async follow(onMessage) {
    const take = (message, isLive) => {
      onMessage(message, isLive);
      this.#insert(message, isLive);
    };
    const caughtUp = (offset) => this.#onCaughtUp(offset);
    const reset = (error) => this.#onReset(error);
    try {
      await follow(this.stream, this.#read ?? { last: HISTORY }, { take, caughtUp, reset });
      this.notice = "This room is closed.";
    } catch (error) {
      this.notice = `This room can't be followed: ${error.message}`;
    }
    this.#changed();
  }

  /** Comes in for the first time: reads what was said before. */
  async join() {
    if (this.#joined) return;
    this.#joined = true;
    try {
      const { messages } = await this.stream.read({ from: { last: HISTORY } });
      for (const message of messages) this.#insert(message, false);
    } catch {
      // It will be read the next time that somebody comes in.
      this.#joined = false;
    }
  }

  /** Everything that is here has been read. */
  markRead() {
    const last = this.messages.at(-1);
    if (last === undefined || (this.#read !== undefined && last.offset <= this.#read)) return;
    this.#moveRead(last.offset);
    localStorage.setItem(this.#key, last.offset);
  }

  /** Sends a text; it stays in the outbox until it is seen in the stream. */
  send(text) {
    const { id: by, name } = this.#person;
    const message = { id: newId(), by, name, text, time: new Date().toISOString(), state: "pending" };
    this.outbox.push(message);
    this.#publish(message);
  }

  /** Tries again to send what was refused. */
  retry(message) {
    message.state = "pending";
    this.#publish(message);
  }

  /** Gives up what was refused. */
  discard(message) {
    this.outbox = this.outbox.filter((other) => other !== message);
    this.#changed();
  }

  async #publish(message) {
    this.#changed();
    const { id, by, name, text } = message;
    try {
      // Sent again until it is answered, stored once.
      await this.stream.publish({ id, by, name, text }, { key: id });
      message.state = "sent";
    } catch (error) {
      message.state = "refused";
      message.why = error.message;
    }
    this.#changed();
  }

  #insert({ offset, time, data }, isLive) {
    if (typeof data?.text !== "string" || this.messages.some((message) => message.offset === offset)) return;
    const message = { ...data, time, offset, isLive };
    // Within a stream, offsets sort as text.
    const at = this.messages.findLastIndex((other) => other.offset < offset) + 1;
    this.messages.splice(at, 0, message);
    this.messages.splice(0, this.messages.length - MESSAGES_MAX);
    this.outbox = this.outbox.filter((other) => other.id !== data.id);
    this.#changed();
  }

  #isUnread(message) {
    return this.#read !== undefined && this.#read < message.offset && message.by !== this.#person.id;
  }

  #onCaughtUp(offset) {
    this.isReady = true;
    // On the first visit all that was said before is past, not unread.
    if (this.#read === undefined) {
      this.#read = offset;
      localStorage.setItem(this.#key, offset);
    }
    this.#changed();
  }

  #onReset({ reason }) {
    this.notice = `Something was lost before this: ${reason}.`;
    this.messages = [];
    this.#read = undefined;
    this.#changed();
    return { last: HISTORY };
  }

  #moveRead(offset) {
    this.#read = offset ?? this.#read;
    this.#changed();
  }

  #changed() {
    this.dispatchEvent(new Event("change"));
  }
}
