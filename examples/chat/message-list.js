// The messages of a room on the page. What is there stays there: a reader of the screen hears only what is new.

import { make, setText } from "../connection.js";

/** Messages of one person within this time, in milliseconds, stand under one name. */
const TOGETHER = 5 * 60_000;

/** How far from its end, in pixels, the list still counts as being at its end. */
const END_SLACK = 40;

const DAY = new Intl.DateTimeFormat(undefined, { weekday: "long", day: "numeric", month: "long" });
const TIME = new Intl.DateTimeFormat(undefined, { hour: "2-digit", minute: "2-digit" });

const STATES = { pending: "Sending…", sent: "Sent", refused: "Not sent" };

export class MessageList {
  #log;
  #newer;
  #room;
  #person;
  #elements = new Map();
  #newFrom;
  #missed = 0;

  /** `log` is the list, `newer` the button that leads to its end. */
  constructor(log, newer, person) {
    this.#log = log;
    this.#newer = newer;
    this.#person = person;
    log.addEventListener("scroll", () => this.#onScroll(), { passive: true });
    newer.addEventListener("click", () => this.toEnd());
    // A list that becomes lower, as on a phone whose keyboard opens, stays at its end.
    new ResizeObserver(() => this.#isFollowing && this.toEnd()).observe(log);
  }

  #isFollowing = true;

  /** Whether the newest message can be seen. */
  get isAtEnd() {
    return this.#log.scrollHeight - this.#log.scrollTop - this.#log.clientHeight < END_SLACK;
  }

  /** Shows another room; what is unread in it stands below a line. */
  open(room) {
    this.#room = room;
    this.#newFrom = room.read;
    this.#missed = 0;
    this.#elements.clear();
    this.#log.replaceChildren();
    this.#log.setAttribute("aria-live", "off");
    this.show();
    this.toEnd();
  }

  /** Shows what has changed. */
  show() {
    const items = this.#items();
    const isNew = (item) => item.message?.isLive && !this.#elements.has(item.key) && item.message.by !== this.#person.id;
    if (!this.#isFollowing) this.#missed += items.filter(isNew).length;
    this.#place(items);
    this.#log.setAttribute("aria-busy", String(!this.#room.isReady));
    if (this.#isFollowing) this.toEnd();
    this.#showNewer();
    // From now on what is added is read aloud.
    if (this.#room.isReady) requestAnimationFrame(() => this.#log.setAttribute("aria-live", "polite"));
  }

  toEnd() {
    this.#log.scrollTop = this.#log.scrollHeight;
    this.#isFollowing = true;
    this.#missed = 0;
    this.#showNewer();
  }

  #onScroll() {
    this.#isFollowing = this.isAtEnd;
    if (this.#isFollowing) {
      this.#missed = 0;
      this.#log.dispatchEvent(new Event("end"));
    }
    this.#showNewer();
  }

  #showNewer() {
    this.#newer.hidden = this.#isFollowing;
    const count = this.#missed === 0 ? "" : `${this.#missed} new `;
    setText(this.#newer, `${count}${count ? "" : "To the newest "}↓`);
  }

  /** What stands in the list, from top to bottom. */
  #items() {
    const items = [];
    let day = "";
    let before;
    let isLineDrawn = false;
    for (const message of [...this.#room.messages, ...this.#room.outbox]) {
      const messageDay = new Date(message.time).toDateString();
      if (messageDay !== day) items.push({ key: messageDay, day: message.time });
      const isNew = this.#newFrom !== undefined && this.#newFrom < message.offset && message.by !== this.#person.id;
      if (isNew && !isLineDrawn) {
        items.push({ key: "new", isNewLine: true });
        isLineDrawn = true;
        before = undefined;
      }
      const isFirst =
        day !== messageDay || before?.by !== message.by || TOGETHER < Date.parse(message.time) - Date.parse(before.time);
      items.push({ key: message.id ?? message.offset, message, isFirst });
      day = messageDay;
      before = message;
    }
    if (items.length === 0 && this.#room.isReady) items.push({ key: "empty", empty: this.#room.name });
    if (this.#room.notice) items.push({ key: this.#room.notice, notice: this.#room.notice });
    return items;
  }

  #place(items) {
    const kept = new Map();
    let at = this.#log.firstChild;
    for (const item of items) {
      const key = kept.has(item.key) ? `${item.key} ${item.message?.offset}` : item.key;
      const element = this.#elements.get(key) ?? this.#make(item);
      if (item.message) this.#update(element, item);
      kept.set(key, element);
      if (element === at) at = at.nextSibling;
      else this.#log.insertBefore(element, at);
    }
    for (const [key, element] of this.#elements) if (kept.get(key) !== element) element.remove();
    this.#elements = kept;
  }

  #make({ day, isNewLine, empty, notice, message }) {
    if (day !== undefined) return make("p", { className: "line" }, make("span", {}, DAY.format(new Date(day))));
    if (isNewLine) return make("p", { className: "line new" }, make("span", {}, "New"));
    if (empty !== undefined) return make("p", { className: "empty" }, `Nobody has said anything in #${empty} yet. Begin.`);
    if (notice !== undefined) return make("p", { className: "notice" }, notice);
    const name = String(message.name ?? "?");
    const face = make("span", { className: "face" }, initials(name));
    face.setAttribute("aria-hidden", "true");
    face.style.setProperty("--hue", hue(String(message.by)));
    const time = make("time", { dateTime: message.time }, TIME.format(new Date(message.time)));
    return make(
      "article",
      { className: "message" },
      face,
      make("p", { className: "from" }, make("b", {}, name), " ", time),
      make("p", { className: "text" }, message.text),
      make("p", { className: "state" }),
    );
  }

  #update(element, { message, isFirst }) {
    const isMine = message.by === this.#person.id;
    // Of ours, what came back from the server is stored.
    const state = isMine ? (message.state ?? "sent") : "";
    element.classList.toggle("mine", isMine);
    element.classList.toggle("first", isFirst);
    if (element.dataset.state === state) return;
    element.dataset.state = state;
    const told = element.querySelector(".state");
    told.replaceChildren(STATES[state] ?? "");
    if (state !== "refused") return;
    const button = (words, act) => make("button", { type: "button", className: "link", onclick: act }, words);
    told.append(
      `: ${message.why} `,
      button("Try again", () => this.#room.retry(message)),
      " ",
      button("Discard", () => this.#room.discard(message)),
    );
  }
}

/** At most two letters that stand for a name. */
export function initials(name) {
  const words = name.trim().split(/\s+/).slice(0, 2);
  return words.map((word) => [...word][0] ?? "").join("").toUpperCase();
}

/** A colour for a person, as an angle; always the same for the same id. */
export function hue(id) {
  let sum = 0;
  for (const character of id) sum = (sum * 31 + character.codePointAt(0)) % 360;
  return String(sum);
}
