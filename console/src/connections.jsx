// Who is connected, page by page.

import { useState } from "preact/hooks";
import { useAsked } from "./asked.js";
import { bytes, count, span } from "./number.js";
import { Name, StreamLink, Table, Trouble } from "./parts.jsx";
import { ask } from "./server.js";

const ROWS = 50;

const COLUMNS = [
  ["Address", (row) => row.address ?? "–"],
  ["Who", (row) => (row.subject === null ? "–" : <Name text={row.subject} />)],
  ["Way", (row) => row.transport ?? (row.state === "open" ? "request" : row.state)],
  ["Streams", (row) => <Streams row={row} />],
  ["Lag", (row) => (row.streams.length === 0 ? "–" : count(Math.max(...row.streams.map((stream) => stream.lag)))), "number"],
  ["Unsent", (row) => (row.queued_bytes === 0 ? "0" : bytes(row.queued_bytes)), "number"],
  ["Since", (row) => span(row.age), "number"],
  ["Silent", (row) => span(row.silent), "number"],
];

function Streams({ row }) {
  if (row.stream_count === 0) return "–";
  const more = row.stream_count - 1;
  return (
    <>
      <StreamLink name={row.streams[0].name} />
      {0 < more && <small> and {count(more)} more</small>}
    </>
  );
}

export function ConnectionTable({ label, rows, empty }) {
  return <Table label={label} columns={COLUMNS} rows={rows} keyOf={(row) => row.id} empty={empty} />;
}

export function Connections() {
  // The `next` of each page before this one, so that one can go back.
  const [pages, setPages] = useState([]);
  const [behind, setBehind] = useState(false);
  const after = pages.at(-1);
  const { value, error } = useAsked(`connections ${behind} ${after}`, (ends) =>
    ask("connections", { limit: ROWS, after, behind: behind || undefined }, ends),
  );
  return (
    <section>
      <h1>Connections</h1>
      <div class="bar">
        <label class="check">
          <input
            type="checkbox"
            checked={behind}
            onChange={(event) => {
              setBehind(event.currentTarget.checked);
              setPages([]);
            }}
          />
          Only those that do not take what they are sent
        </label>
      </div>
      <Trouble error={error} />
      {value && (
        <>
          <ConnectionTable
            label="Connections"
            rows={value.connections}
            empty={value.next === null ? "There are none." : "None here; the list goes on."}
          />
          <nav class="bar" aria-label="Pages">
            <button type="button" disabled={pages.length === 0} onClick={() => setPages(pages.slice(0, -1))}>
              Back
            </button>
            <button type="button" disabled={value.next === null} onClick={() => setPages([...pages, value.next])}>
              Next
            </button>
            <span>Page {pages.length + 1}</span>
          </nav>
        </>
      )}
    </section>
  );
}
