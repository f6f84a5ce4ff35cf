// The strip at the head of both programs: which transport is in use, a switch that forces one while messages flow, and figures.

import { Rate } from "./rate.js";
import { ServerClock } from "./server-clock.js";

/** What the switch offers, with the words for it. */
const TRANSPORTS = {
  auto: "Auto",
  websocket: "WebSocket",
  sse: "SSE",
  "long-poll": "Long poll",
  poll: "Poll",
};

const STATES = {
  idle: "Idle",
  connecting: "Connecting…",
  waiting: "Waiting",
  failed: "Failed",
  closed: "Closed",
};

/** How often the figures are shown anew, in milliseconds. */
const EVERY = 500;

/** How many of the newest attempts are listed. */
const ATTEMPTS_MAX = 12;

/** Builds the strip inside `parent` for a client. */
export class Connection {
  /** The stream whose offset is shown. */
  stream;
  #tidings;
  #lag;
  #rate = new Rate(5_000);
  #clock = new ServerClock();

  constructor(parent, tidings) {
    this.#tidings = tidings;
    this.status = make("p", { className: "connection-status", role: "status" });
    this.figures = Object.fromEntries(["Offset", "Messages/s", "Lag"].map((name) => [name, make("dd", {}, "–")]));
    parent.append(this.status, this.#makeSwitch(), this.#makeFigures(), ...this.#makeExplanation());
    tidings.addEventListener("status", () => this.#show());
    setInterval(() => this.#show(), EVERY);
    this.#show();
  }

  /** A message has arrived. When it is a live one: how many milliseconds after it was stored. */
  saw(message, isLive) {
    this.#rate.add(performance.now());
    if (!isLive) return undefined;
    this.#lag = this.#clock.lag(Date.parse(message.time), Date.now());
    return this.#lag;
  }

  #makeSwitch() {
    const fieldset = make("fieldset", { className: "switch" }, make("legend", { className: "visually-hidden" }, "Transport"));
    for (const [value, words] of Object.entries(TRANSPORTS)) {
      const input = make("input", { type: "radio", name: "transport", value, checked: value === "auto" });
      // A browser that comes back to the page would put back the choice, and not the transport.
      input.autocomplete = "off";
      input.addEventListener("change", () => this.#tidings.use(value));
      fieldset.append(make("label", {}, input, make("span", {}, words)));
    }
    return fieldset;
  }

  #makeFigures() {
    const pairs = Object.entries(this.figures).map(([name, dd]) => make("div", {}, make("dt", {}, name), dd));
    return make("dl", { className: "connection-figures" }, ...pairs);
  }

  #makeExplanation() {
    this.explanation = make("div", { className: "explanation", id: "explanation", tabIndex: 0, hidden: true });
    this.explanation.setAttribute("role", "region");
    this.explanation.setAttribute("aria-label", "What the client is doing, and why");
    const button = make("button", { type: "button", className: "explain" }, "Explain");
    button.setAttribute("aria-controls", "explanation");
    button.setAttribute("aria-expanded", "false");
    button.addEventListener("click", () => {
      this.explanation.hidden = !this.explanation.hidden;
      button.setAttribute("aria-expanded", String(!this.explanation.hidden));
      this.#show();
    });
    return [button, this.explanation];
  }

  #show() {
    const status = this.#tidings.status;
    setText(this.status, words(status));
    // Not a part of the text, which is read aloud whenever it changes.
    this.status.dataset.again = again(status);
    this.status.title = status.error?.message ?? "";
    this.status.dataset.state = status.state;
    this.status.dataset.transport = status.transport ?? "";
    const offset = this.stream?.offset ?? "";
    setText(this.figures.Offset, short(offset));
    this.figures.Offset.title = offset;
    setText(this.figures["Messages/s"], this.#rate.perSecond(performance.now()).toFixed(1));
    setText(this.figures.Lag, this.#lag === undefined ? "–" : `${Math.round(this.#lag)} ms`);
    if (!this.explanation.hidden) this.#explain();
  }

  #explain() {
    const { attempts, streams, barred } = this.#tidings.explain();
    const now = Date.now();
    const rows = attempts.slice(-ATTEMPTS_MAX).reverse().map((attempt) => [
      TRANSPORTS[attempt.transport] ?? attempt.transport,
      ago(now - attempt.began),
      after(attempt.firstByte, attempt.began),
      after(attempt.live, attempt.began),
      attempt.ended === undefined ? "open" : `${attempt.cause ?? "ended"}, after ${span(attempt.ended - attempt.began)}`,
    ]);
    const bars = barred.map(({ transport, until }) => make("p", {}, `${TRANSPORTS[transport]} is left out for ${span(until - now)}.`));
    const heard = streams.map(({ name, offset, live }) => [name, make("code", {}, offset ?? "–"), live ? "live" : "catching up"]);
    this.explanation.replaceChildren(
      section("Attempts, the newest first", table(["Transport", "Began", "First byte", "Live after", "How it went"], rows), ...bars),
      section("Streams over this one connection", table(["Stream", "Offset", "State"], heard)),
    );
  }
}

/** An element with properties and children. */
export function make(name, properties = {}, ...children) {
  const element = Object.assign(document.createElement(name), properties);
  element.append(...children);
  return element;
}

/** Changes a text only when it is another one, so that nobody is told twice. */
export function setText(element, text) {
  if (element.textContent !== text) element.textContent = text;
}

/** A status in a word or three. */
function words({ state, transport, shared }) {
  return state === "live" ? `${TRANSPORTS[transport] ?? "Live"}${shared ? " of another tab" : ""}` : STATES[state];
}

/** When it is tried again, while it waits. */
function again({ state, retryAt = 0 }) {
  const seconds = Math.ceil((retryAt - Date.now()) / 1_000);
  return state === "waiting" && 0 < seconds ? `again in ${seconds} s` : "";
}

function section(title, ...children) {
  return make("section", {}, make("h2", {}, title), ...children);
}

function table(heads, rows) {
  const head = make("tr", {}, ...heads.map((text) => make("th", { scope: "col" }, text)));
  const body = rows.map((cells) => make("tr", {}, ...cells.map((cell) => make("td", {}, cell))));
  return make("table", {}, make("thead", {}, head), make("tbody", {}, ...body));
}

/** The end of an offset; the whole is a token that nobody has to read. */
function short(offset) {
  return offset === "" ? "–" : `…${offset.slice(-6)}`;
}

function ago(ms) {
  return ms < 1_000 ? "now" : `${span(ms)} ago`;
}

function after(time, began) {
  return time === undefined ? "–" : span(time - began);
}

function span(ms) {
  if (ms < 1_000) return `${Math.max(0, Math.round(ms))} ms`;
  if (ms < 90_000) return `${(ms / 1_000).toFixed(ms < 10_000 ? 1 : 0)} s`;
  return `${Math.round(ms / 60_000)} min`;
}
