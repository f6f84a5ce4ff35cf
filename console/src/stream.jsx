// One stream: what it is, who follows it and how far behind, its messages as they come, and a box to publish.

import { useAsked } from "./asked.js";
import { bytes, byteRate, count, rate, span, time } from "./number.js";
import { Fact, Name, Table, Trouble } from "./parts.jsx";
import { Publish } from "./publish.jsx";
import { ConnectionTable } from "./connections.jsx";
import { ask } from "./server.js";
import { Tails } from "./tails.jsx";

const ROWS = 20;

export function Stream({ name }) {
  const { value: stream, error } = useAsked(`stream ${name}`, (ends) => ask("stream", { stream: name }, ends));
  if (!stream) {
    return (
      <section>
        <h1>
          <Name text={name} />
        </h1>
        {error?.code === "stream_not_found" ? (
          <p class="empty">
            There is no stream of this name. It may have been deleted, or have ended. <a href="#/streams">Look at those that there are.</a>
          </p>
        ) : error ? (
          <Trouble error={error} />
        ) : (
          <p class="empty">Asking…</p>
        )}
      </section>
    );
  }
  return (
    <>
      <section>
        <h1>
          <Name text={name} />
        </h1>
        <Trouble error={error} />
        <Facts stream={stream} />
      </section>
      <section>
        <h2>Publish</h2>
        <Publish key={name} stream={stream} />
      </section>
      <Tails name={name} />
      <Followers name={name} polls={stream.followers.poll} />
    </>
  );
}

function Facts({ stream }) {
  return (
    <dl class="facts">
      <Fact name="Messages">{count(stream.messages)}</Fact>
      <Fact name="Kept">{bytes(stream.bytes)}</Fact>
      <Fact name="Published">
        {rate(stream.rate.messages)} <small>messages/s</small> {byteRate(stream.rate.bytes)}
      </Fact>
      <Fact name="Retention">{retention(stream.retention)}</Fact>
      <Fact name="Ends">{lifetime(stream.lifetime)}</Fact>
      <Fact name="Stored">{stream.durability === "memory" ? "in memory only" : "on disk"}</Fact>
      <Fact name="State">{stream.closed ? "closed" : "open"}</Fact>
      <Fact name="Content type">
        <Name text={stream.content_type} />
      </Fact>
      <Fact name="Created">{time(stream.created)}</Fact>
      <Fact name="Earliest">
        <code>{stream.earliest}</code>
      </Fact>
      <Fact name="Tail">
        <code>{stream.tail}</code>
      </Fact>
    </dl>
  );
}

function retention({ age, bytes: size, count: messages }) {
  const limits = [
    age !== null && span(age),
    size !== null && bytes(size),
    messages !== null && `${count(messages)} messages`,
  ].filter(Boolean);
  return limits.length === 0 ? "everything is kept" : limits.join(", ");
}

function lifetime(lifetime) {
  if (lifetime === null) return "never";
  return lifetime.ttl === undefined ? time(lifetime.expires_at) : `${span(lifetime.ttl)} after its last use`;
}

function Followers({ name, polls }) {
  const { value, error } = useAsked(`followers ${name}`, (ends) => ask("followers", { stream: name, limit: ROWS }, ends));
  if (!value) return <Trouble error={error} />;
  const all = value.count["long-poll"] + value.count.sse + value.count.websocket;
  const columns = [
    ["Behind by", (row) => words(row, value.lags)],
    ["Followers", (row) => count(row.count), "number"],
  ];
  return (
    <section>
      <h2>Followers</h2>
      <Trouble error={error} />
      <dl class="facts">
        <Fact name="WebSocket">{count(value.count.websocket)}</Fact>
        <Fact name="SSE">{count(value.count.sse)}</Fact>
        <Fact name="Long poll">{count(value.count["long-poll"])}</Fact>
        <Fact name="Polls in a minute">{count(polls)}</Fact>
      </dl>
      {0 < all && (
        <>
          <Table label="Lag of the followers" columns={columns} rows={value.lags.filter((row) => 0 < row.count)} keyOf={(row) => row.at_most} empty="" />
          {value.looked_at < all && (
            <p class="note">
              {count(value.looked_at)} of {count(all)} were looked at.
            </p>
          )}
          <h3>The furthest behind</h3>
        </>
      )}
      <ConnectionTable label="The furthest behind" rows={value.furthest} empty="Nobody follows it at the moment." />
    </section>
  );
}

function words({ at_most: most }, lags) {
  const before = lags[lags.findIndex((row) => row.at_most === most) - 1]?.at_most;
  if (before === undefined) return "nothing";
  return most === null ? `more than ${count(before)} messages` : `${count(before + 1)} to ${count(most)} messages`;
}
