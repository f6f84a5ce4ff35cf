// Streams: by name page by page, or the busiest.

import { useState } from "preact/hooks";
import { useAsked } from "./asked.js";
import { byteRate, bytes, count, rate } from "./number.js";
import { StreamLink, Table, Trouble } from "./parts.jsx";
import { link } from "./route.js";
import { ask } from "./server.js";

const ROWS = 50;

/** How they are ordered, with the words for it. */
const ORDERS = { name: "Name", messages: "Most messages/s", bytes: "Most bytes/s", followers: "Most followers" };

const COLUMNS = [
  ["Stream", (row) => <StreamLink name={row.name} />],
  ["Messages/s", (row) => rate(row.rate.messages), "number"],
  ["Bytes/s", (row) => byteRate(row.rate.bytes), "number"],
  ["Messages", (row) => count(row.messages), "number"],
  ["Kept", (row) => bytes(row.bytes), "number"],
  ["Followers", (row) => count(followers(row)), "number"],
  ["Polls/min", (row) => count(row.followers.poll), "number"],
  ["", (row) => [row.durability === "memory" && "in memory", row.closed && "closed"].filter(Boolean).join(", ")],
];

/** Those that wait for what comes. */
export function followers(row) {
  return row.followers["long-poll"] + row.followers.sse + row.followers.websocket;
}

export function Streams() {
  const [prefix, setPrefix] = useState("");
  const [order, setOrder] = useState("name");
  const [pages, setPages] = useState([]);
  const after = pages.at(-1);
  const { value, error } = useAsked(JSON.stringify([prefix, order, after]), (ends) =>
    ask("streams", { prefix, order, limit: ROWS, after: order === "name" ? after : undefined }, ends),
  );
  const begin = (set) => (event) => {
    set(event.currentTarget.value);
    setPages([]);
  };
  return (
    <section>
      <h1>Streams</h1>
      <form
        class="bar"
        role="search"
        onSubmit={(event) => {
          event.preventDefault();
          if (prefix !== "") location.hash = link("stream", prefix);
        }}
      >
        <label>
          Name begins with
          <input type="search" id="search" value={prefix} onInput={begin(setPrefix)} autocomplete="off" spellcheck={false} />
        </label>
        <label>
          Order
          <select value={order} onChange={begin(setOrder)}>
            {Object.entries(ORDERS).map(([word, words]) => (
              <option key={word} value={word}>
                {words}
              </option>
            ))}
          </select>
        </label>
        <button>Open by this name</button>
      </form>
      <Trouble error={error} />
      {value && (
        <>
          <Table label="Streams" columns={COLUMNS} rows={value.streams} keyOf={(row) => row.name} empty={<Empty prefix={prefix} order={order} />} />
          {order === "name" && (
            <nav class="bar" aria-label="Pages">
              <button type="button" disabled={pages.length === 0} onClick={() => setPages(pages.slice(0, -1))}>
                Back
              </button>
              <button type="button" disabled={value.next === null} onClick={() => setPages([...pages, value.next])}>
                Next
              </button>
              <span>Page {pages.length + 1}</span>
            </nav>
          )}
        </>
      )}
    </section>
  );
}

function Empty({ prefix, order }) {
  if (order !== "name") return "None of the streams that somebody uses; look at them by name.";
  if (prefix !== "") return "No name begins so.";
  return (
    <>
      There are no streams yet. The first publish can make one:{" "}
      <code>curl -d '{"{"}"hello":"world"{"}"}' -H 'Content-Type: application/json' '{location.origin}/v1/stream/demo?create=true'</code>
    </>
  );
}
