// The first view: is it well, who publishes, what grows, who is behind.

import { EVERY, useAsked } from "./asked.js";
import { ConnectionTable } from "./connections.jsx";
import { Graph } from "./graph.jsx";
import { growth, parseMetrics, quantile, total } from "./metrics.js";
import { byteRate, bytes, count, rate, span, time } from "./number.js";
import { Fact, StreamLink, Table, Trouble, Used } from "./parts.jsx";
import { ask, send } from "./server.js";

/** How many looks the graphs show: ten minutes. */
const LOOKS = 300;
const ROWS = 8;

/** Looks of this page, so that they are still there when one comes back to the view. */
const looks = [];

/** What is wrong, in words that say what to do. */
const REASONS = {
  draining: "It is about to end: followers are told to come back.",
  storage_failed: "A write to the disk has failed. Look at the log of the server and at the disk; it ends by itself.",
  storage_full: "The disk is full: publishes are refused, reads go on. Make room, or trim streams.",
  memory_full: "Streams in memory have used up their room: publishes to them are refused.",
};

/** What each step of the ladder holds back, while memory is short. */
const LADDER = [
  "nothing is held back",
  "pollers are advised to come less often",
  "long polls are answered at once",
  "new followers are refused",
  "the followers furthest behind are ended",
];

export function Overview() {
  const { value, error } = useAsked("overview", look);
  if (!value) return error ? <Trouble error={error} /> : <p class="empty">Asking…</p>;
  return (
    <>
      <Trouble error={error} />
      <Health server={value.server} metrics={value.metrics} />
      <Graphs />
      <div class="columns">
        <Busiest title="Who publishes" rows={value.messages} />
        <Busiest title="What grows" rows={value.bytes} />
      </div>
      <section>
        <h2>Who is behind</h2>
        <ConnectionTable
          label="Connections that are behind"
          rows={value.behind}
          empty="Nobody: every connection takes what it is sent."
        />
      </section>
    </>
  );
}

async function look(ends) {
  const [server, messages, grows, behind, metrics] = await Promise.all([
    ask("server", {}, ends),
    ask("streams", { order: "messages", limit: ROWS }, ends),
    ask("streams", { order: "bytes", limit: ROWS }, ends),
    ask("connections", { behind: true, limit: ROWS }, ends),
    send("/metrics", { signal: ends }).then((answer) => answer.text(), () => ""),
  ]);
  const samples = parseMetrics(metrics);
  remember(server, samples);
  return { server, metrics: samples, messages: messages.streams, bytes: grows.streams, behind: behind.connections };
}

function remember(server, samples) {
  const at = Date.parse(server.now);
  const before = looks.at(-1);
  const isOther = before && before.started !== server.started;
  const seconds = before ? (at - before.at) / 1_000 : 0;
  // After a pause there is nothing to compare with.
  const last = before && !isOther && 0 < seconds && seconds < (EVERY / 1_000) * 10 ? before.samples : undefined;
  looks.push({
    at,
    started: server.started,
    samples,
    connections: server.connections,
    memory: total(samples, "tidings_memory_used_bytes") ?? server.memory.resident_bytes ?? undefined,
    disk: server.disk?.free_bytes,
    ladder: total(samples, "tidings_ladder_step"),
    stored: growth(last, samples, "tidings_messages_stored_total", seconds),
    delivered: growth(last, samples, "tidings_deliveries_total", seconds),
    resets: growth(last, samples, "tidings_resets_total", seconds),
    problems: growth(last, samples, "tidings_problems_total", seconds),
    commit: last && quantile(last, samples, "tidings_commit_seconds", 0.99),
    fanOut: last && quantile(last, samples, "tidings_fan_out_seconds", 0.99),
  });
  if (LOOKS < looks.length) looks.shift();
  // Only the newest is compared with.
  if (1 < looks.length) looks.at(-2).samples = undefined;
}

function Health({ server, metrics }) {
  const isWell = server.health.length === 0;
  const behind = total(metrics, "tidings_followers_lagging");
  const furthest = total(metrics, "tidings_lag_messages");
  const step = total(metrics, "tidings_ladder_step");
  const used = total(metrics, "tidings_memory_used_bytes") ?? server.memory.resident_bytes;
  const budget = total(metrics, "tidings_memory_budget_bytes");
  return (
    <section aria-label="Health">
      <p class="health" role="status" data-well={String(isWell)}>
        <b>{isWell ? "Well" : "Not well"}</b>
        {isWell && <span>It stores what is published and serves who reads.</span>}
      </p>
      {server.health.map((reason) => (
        <p class="trouble" key={reason}>
          <code>{reason}</code> {REASONS[reason] ?? ""}
        </p>
      ))}
      <dl class="facts">
        <Fact name="Connections">
          {count(server.connections)} <small>of {count(server.connections_max)}</small>
          <Used of={server.connections} max={server.connections_max} />
        </Fact>
        <Fact name="Streams">
          {count(server.streams)} <small>of {count(server.streams_max)}</small>
          <Used of={server.streams} max={server.streams_max} />
        </Fact>
        <Fact name="Memory">
          {bytes(used)} {budget && <small>of {bytes(budget)}</small>}
          <Used of={used} max={budget} />
        </Fact>
        <Fact name="Disk free">
          {bytes(server.disk?.free_bytes)} <small>of {bytes(server.disk?.total_bytes)}</small>
          <Used of={server.disk ? server.disk.total_bytes - server.disk.free_bytes : 0} max={server.disk?.total_bytes} />
        </Fact>
        {step !== undefined && (
          <Fact name="Ladder" tone={step === 0 ? undefined : "bad"}>
            {step} <small>{LADDER[step]}</small>
          </Fact>
        )}
        {behind !== undefined && (
          <Fact name="Followers behind">
            {count(behind)} <small>{0 < behind && `by up to ${count(furthest)} messages`}</small>
          </Fact>
        )}
        <Fact name="Polls advised every">{span(server.poll_interval)}</Fact>
        <Fact name="Connections by worker">{server.workers.map((worker) => count(worker.connections)).join(" · ")}</Fact>
        <Fact name="Up since">{time(server.started)}</Fact>
        <Fact name="Version">{server.version}</Fact>
      </dl>
    </section>
  );
}

const GRAPHS = [
  ["Stored messages/s", "stored", rate],
  ["Delivered messages/s", "delivered", rate],
  ["Refusals/s", "problems", rate],
  ["Resets/s", "resets", rate],
  ["Commit, p99", "commit", span],
  ["Fan-out, p99", "fanOut", span],
  ["Connections", "connections", count],
  ["Memory", "memory", bytes],
  ["Disk free", "disk", bytes],
  ["Ladder", "ladder", count],
];

function Graphs() {
  return (
    <section aria-label="The last minutes" class="graphs">
      {GRAPHS.filter(([, key]) => key !== "ladder" || looks.at(-1)?.ladder !== undefined).map(([name, key, format]) => (
        <Graph key={key} name={name} points={looks.map((one) => one[key])} format={format} />
      ))}
    </section>
  );
}

function Busiest({ title, rows }) {
  const columns = [
    ["Stream", (row) => <StreamLink name={row.name} />],
    ["Messages/s", (row) => rate(row.rate.messages), "number"],
    ["Bytes/s", (row) => byteRate(row.rate.bytes), "number"],
    ["Kept", (row) => bytes(row.bytes), "number"],
  ];
  return (
    <section>
      <h2>{title}</h2>
      <Table label={title} columns={columns} rows={rows} keyOf={(row) => row.name} empty="Nothing was published in the last seconds." />
    </section>
  );
}
