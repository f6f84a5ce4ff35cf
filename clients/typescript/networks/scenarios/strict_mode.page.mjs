// The page of strict_mode.test.mjs: real React, in StrictMode, which mounts everything twice.

import { createElement, StrictMode, useEffect } from "react";
import { createRoot } from "react-dom/client";
import { connect } from "../../dist/index.js";
import { TidingsProvider, useMessages } from "../../dist/react.js";

/** Streams of three components, two of which follow the same one. */
const NAMES = ["a", "a", "b"];

// The default of a second is short for a test on a busy machine.
const tidings = connect(location.origin, { tabs: false, linger: 5_000 });
globalThis.tidings = tidings;
globalThis.seen = NAMES.map(() => []);
globalThis.mounts = 0;

function Follower({ name, index }) {
  const { value: messages = [] } = useMessages(name, { from: "beginning", limit: 10_000 });
  globalThis.seen[index] = messages.map(({ data }) => data.n);
  useEffect(() => {
    globalThis.mounts += 1;
  }, []);
  return createElement("p", null, `${name}: ${messages.length}`);
}

const root = createRoot(document.body.appendChild(document.createElement("main")));

/** Takes everything away for a moment, as a change to another page of the program does. */
globalThis.clear = (away) => {
  root.render(null);
  globalThis.seen = NAMES.map(() => []);
  return new Promise((over) => setTimeout(over, away));
};

/** `round` is part of the key: another one makes React take everything away and put it there anew, as hot reload does. */
globalThis.render = (round) => {
  const followers = NAMES.map((name, index) => createElement(Follower, { name, index, key: `${round} ${index}` }));
  root.render(createElement(StrictMode, null, createElement(TidingsProvider, { client: tidings }, followers)));
};
globalThis.render(0);
