// Shows the four clients beside each other.

import { ServerClock } from "../server-clock.js";
import { follow as longPoll } from "./long-poll.js";
import { follow as poll } from "./poll.js";
import { follow as sse } from "./sse.js";
import { follow as webSocket } from "./websocket.js";

const SHOWN_MAX = 8;
const FOLLOW = { poll, "long-poll": longPoll, sse, websocket: webSocket };

const stream = new URLSearchParams(location.search).get("stream") ?? "examples/machine";
const name = stream.split("/").map(encodeURIComponent).join("/");
const url = new URL(`/v1/stream/${name}`, location.href).href;
const clock = new ServerClock();

// All begin at the same place: at the tail of now.
document.getElementById("stream").textContent = stream;
const head = await fetch(url, { method: "HEAD" }).catch(() => undefined);
const offset = head?.headers.get("Stream-Next-Offset") ?? "-1";
for (const column of document.querySelectorAll(".way")) show(column, FOLLOW[column.dataset.way]);

function show(column, follow) {
  const [figure, list] = [column.querySelector(".figure"), column.querySelector("ol")];
  let count = 0;
  const add = (text, kind) => {
    const line = document.createElement("li");
    line.textContent = text;
    line.className = kind;
    list.prepend(line);
    if (SHOWN_MAX < list.children.length) list.lastChild.remove();
  };
  void follow(url, {
    offset,
    onMessage: ({ time, data }) => {
      count += 1;
      figure.textContent = `${count} messages, the last one ${clock.lag(Date.parse(time), Date.now())} ms after it was stored`;
      add(JSON.stringify(data), "message");
    },
    onReset: ({ reason }) => add(`reset (${reason}): messages are missing`, "reset"),
  });
}
