// Who is in a room, with nothing but a stream: whoever is there says so every few seconds, and is gone when it has not for a while.

import { follow } from "../follow.js";

/** How often we say that we are here, in milliseconds. */
const HEARTBEAT = 5_000;

/** How long somebody counts as here who says nothing. */
const GONE_AFTER = 2.5 * HEARTBEAT;

/** How many of the latest words are read on coming in: as many as a full room says in `GONE_AFTER`. */
const LAST = 100;

const JSON_TYPE = { "Content-Type": "application/json" };

/** The people of one room. An `EventTarget` that tells of each `change`. */
export class Presence extends EventTarget {
  #stream;
  #url;
  #person;
  #people = new Map();
  #here;
  #isSaying = false;

  constructor(tidings, room, person) {
    super();
    this.#stream = tidings.stream(`examples/presence/${room}`);
    this.#url = `/v1/stream/examples/presence/${encodeURIComponent(room)}`;
    this.#person = person;
  }

  /** Names and ids of those who are here, oneself too, by name. */
  get people() {
    return [...this.#people].map(([id, { name }]) => ({ id, name })).sort((a, b) => a.name.localeCompare(b.name));
  }

  /** Follows the room for ever; `onMessage` is told of each message, and whether it is live. */
  async follow(onMessage) {
    setInterval(() => this.#forget(), 1_000);
    const take = (message, isLive) => {
      onMessage(message, isLive);
      this.#take(message, isLive);
    };
    // The server was started anew, and with it everybody says again that they are here.
    const reset = () => {
      this.#people.clear();
      return { last: LAST };
    };
    await follow(this.#stream, { last: LAST }, { take, reset });
  }

  /** We are here from now on. */
  enter() {
    clearInterval(this.#here);
    this.#here = setInterval(() => this.say(), HEARTBEAT);
    this.say();
  }

  /** Not any more. A page that is closed has no time for a connection: it leaves a note that the browser delivers. */
  leave() {
    if (this.#here === undefined) return;
    clearInterval(this.#here);
    this.#here = undefined;
    const body = JSON.stringify({ id: this.#person.id, name: this.#person.name, here: false });
    fetch(this.#url, { method: "POST", headers: JSON_TYPE, body, keepalive: true }).catch(() => {});
  }

  /** Says that we are here. While the last word is still on its way there is no need for another one. */
  async say() {
    if (this.#isSaying || this.#here === undefined) return;
    this.#isSaying = true;
    const { id, name } = this.#person;
    try {
      await this.#stream.publish({ id, name, here: true });
    } catch (error) {
      if (error.code === "stream_not_found") return this.#create();
    }
    this.#isSaying = false;
  }

  /** Makes the stream of a room that somebody has made, as the server makes those of its own: it may make this one too, at the same time. */
  async #create() {
    const headers = { ...JSON_TYPE, "Stream-Durability": "memory", "Stream-Retention-Count": "500" };
    const made = await fetch(this.#url, { method: "PUT", headers }).catch(() => undefined);
    this.#isSaying = false;
    if (made?.ok) this.say();
  }

  #take({ data, time }, isLive) {
    if (typeof data?.id !== "string" || typeof data.name !== "string") return;
    // What was stored before we came is as old as it says, if the clocks agree; what comes now is new whatever they say.
    const seen = isLive ? Date.now() : Math.min(Date.now(), Date.parse(time));
    if (data.here && Date.now() - seen < GONE_AFTER) this.#people.set(data.id, { name: data.name.slice(0, 40), seen });
    else this.#people.delete(data.id);
    this.dispatchEvent(new Event("change"));
  }

  #forget() {
    const gone = [...this.#people].filter(([, { seen }]) => GONE_AFTER < Date.now() - seen);
    for (const [id] of gone) this.#people.delete(id);
    if (0 < gone.length) this.dispatchEvent(new Event("change"));
  }
}
