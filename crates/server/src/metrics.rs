//! Metrics: what operators watch. Each worker counts for itself; who asks for the page adds up.
//!
//! A metric is one line in one of two tables, `Metrics` (of a worker) and `ServerMetrics` (of the process); its type,
//! its labels, the page `docs/metrics.md` and what `/metrics` answers follow from that. Labels are enums: no name of a
//! stream, no address and no subject is ever one.

mod definition;
mod exposition;
mod instrument;
mod label;
mod page;
mod process;
mod scrape;

use crate::limits::Limit;
pub(crate) use label::{Asked, Decided, Fetched, FollowedBy, HeldBy, StatusClass, Transport};
use label::{Build, OfLog};
pub use page::metrics_markdown;
pub(crate) use scrape::scrape;

use definition::metrics;
use instrument::{Counter, Each, Gauge, Histogram, HistogramElsewhere, Largest, Seconds};
use std::sync::Arc;
use std::time::Duration;
use tidings_model::{ResetReason, Timestamp};
use tidings_protocol::{ErrorCode, Response};

metrics! {
    /// What one worker counts. Only its own thread writes to it.
    pub(crate) struct Metrics {
        /// Followers that are open: a connection that follows several streams has one for each.
        followers: Each<FollowedBy, Gauge> = "tidings_followers",
        /// Connections that are open.
        connections: Each<HeldBy, Gauge> = "tidings_connections",
        /// Connections that were accepted, since the start.
        accepted: Counter = "tidings_connections_accepted_total",
        /// Requests that were answered, since the start; SSE and WebSocket when they begin, a long poll when it ends.
        requests: Each<(Asked, StatusClass), Counter> = "tidings_requests_total",
        /// Refusals and errors by the [code](errors.md) that clients are told, since the start. Limits are among them: `too_busy` (503),
        /// the codes with 429, `storage_full` (507).
        problems: Each<ErrorCode, Counter> = "tidings_problems_total",
        /// Readers that were told that their offset can't be continued, since the start.
        resets: Each<ResetReason, Counter> = "tidings_resets_total",
        /// Messages that were sent to readers, since the start: one that goes to a thousand followers counts a thousand times.
        deliveries: Each<Transport, Counter> = "tidings_deliveries_total",
        /// From the commit of messages until a worker has written them to all of its followers that stood at the tail; counted once for
        /// each worker and wake-up.
        fan_out: Histogram = "tidings_fan_out_seconds",
        /// Followers whose socket is full, so that they fall behind; as a worker found them when it last went over its connections, which it does
        /// several times a second. HTTP/2 is not among them.
        lagging: Gauge = "tidings_followers_lagging",
        /// Messages that the furthest of them is behind.
        lag: Largest = "tidings_lag_messages",
        /// What is held for peers that don't take it (`max_unsent_bytes`).
        unsent: Gauge = "tidings_unsent_bytes",
        /// Connections that were ended to have memory, since the start: see `tidings_ladder_step`.
        shed: Counter = "tidings_connections_shed_total",
        /// Spans that were dropped because too many waited for the collector, since the start (`otlp_endpoint`).
        spans_dropped: Counter = "tidings_spans_dropped_total",
    }
}

metrics! {
    /// What is there once in a process. Set when somebody asks, but for what the thread counts that asks others.
    pub(crate) struct ServerMetrics {
        /// Always 1: which version runs.
        build: Each<Build, Gauge> = "tidings_build_info",
        /// What one write and sync of the log on the disk took.
        commits: HistogramElsewhere = "tidings_commit_seconds",
        /// Operations (publish, create, close, delete, trim) that were stored or refused, since the start.
        operations: Counter = "tidings_operations_total",
        /// Messages that were stored, since the start.
        messages: Counter = "tidings_messages_stored_total",
        /// Bytes of the messages that were stored, since the start.
        message_bytes: Counter = "tidings_messages_stored_bytes_total",
        /// What was refused because one address, subject or stream has or does as much as it may, by the setting that says so; since the start.
        limits_hit: Each<Limit, Counter> = "tidings_limits_hit_total",
        /// Streams that there are, in use or not.
        streams: Gauge = "tidings_streams",
        /// Bytes of the segments and blocks of a log.
        log_bytes: Each<OfLog, Gauge> = "tidings_log_bytes",
        /// Segments of a log that are in use and not sealed.
        segments: Each<OfLog, Gauge> = "tidings_log_segments",
        /// Blocks of a log.
        blocks: Each<OfLog, Gauge> = "tidings_log_blocks",
        /// Bytes that are free on the disk of the data folder, for this process.
        disk_free: Gauge = "tidings_disk_free_bytes",
        /// Bytes of the newest messages that are kept in memory, roughly (`tail_cache_bytes`).
        tail_cache: Gauge = "tidings_tail_cache_bytes",
        /// The step of the [ladder](protocol.md#short-of-memory): 0 is calm, 1 advises pollers to come less often, 2 answers long polls at once, 3 refuses
        /// new followers, 4 ends those that hold memory.
        ladder: Gauge = "tidings_ladder_step",
        /// How often that has changed, since the start.
        ladder_changes: Counter = "tidings_ladder_changes_total",
        /// Memory that is in use, of all kinds: the ladder goes by it.
        memory_used: Gauge = "tidings_memory_used_bytes",
        /// Memory of its own that the process holds, in use or not.
        memory_held: Gauge = "tidings_memory_held_bytes",
        /// What it may use (`memory_budget_bytes`).
        memory_budget: Gauge = "tidings_memory_budget_bytes",
        /// Over how many seconds followers shall [come back](protocol.md#coming-back), should the server be lost.
        return_window: Gauge = "tidings_return_window_seconds",
        /// Spans that a collector has taken, since the start.
        spans_exported: Counter = "tidings_spans_exported_total",
        /// Spans that no collector took, since the start: it was away, or refused them.
        spans_lost: Counter = "tidings_spans_lost_total",
        /// Questions to the application (`webhook_url`) that have ended, since the start; `left_alone` are those that were not asked, because it had
        /// failed too often (`webhook_failures`), `late` those that had to stand in the line for too long. What is remembered is not asked.
        decided: Each<Decided, Counter> = "tidings_webhook_questions_total",
        /// What its answers took, and those that did not come in time.
        deciding: Histogram = "tidings_webhook_seconds",
        /// Questions that are asked, or about to be.
        undecided: Gauge = "tidings_webhook_waiting",
        /// Whether it is left alone: 1 from its last failure to its first answer.
        left_alone: Gauge = "tidings_webhook_left_alone",
        /// Fetches of the issuer's keys (`token_keys_url`), since the start.
        key_fetches: Each<Fetched, Counter> = "tidings_token_keys_fetches_total",
        /// Keys of the issuer that tokens are checked with.
        published_keys: Gauge = "tidings_token_keys",
        /// How long ago they were fetched, perhaps by an earlier process; 0 where there are none.
        key_age: Seconds<Gauge> = "tidings_token_keys_age_seconds",
        /// Whether the server drains: 1 from the signal to its end.
        draining: Gauge = "tidings_draining",
        /// When the process began, in seconds since 1970.
        started: Seconds<Gauge> = "process_start_time_seconds",
        /// Processor time of the process, since its start.
        cpu: Seconds<Counter> = "process_cpu_seconds_total",
        /// Memory of the process that is in RAM.
        resident: Gauge = "process_resident_memory_bytes",
        /// File descriptors that are open.
        descriptors: Gauge = "process_open_fds",
        /// File descriptors that may be open.
        descriptors_max: Gauge = "process_max_fds",
    }
}

impl Metrics {
    /// A request was answered.
    pub(crate) fn on_answer(&self, asked: Asked, response: &Response) {
        self.requests.of((asked, StatusClass::of(response.status))).count();
        if let Some(code) = response.problem {
            self.problems.of(code).count();
        }
    }
}

/// The metrics of all workers, and those of the process.
pub(crate) struct Registry {
    workers: Vec<Arc<Metrics>>,
    pub(crate) server: ServerMetrics,
}

impl Registry {
    /// For so many workers, of a server that begins now.
    pub(crate) fn new(workers: usize, now: Timestamp) -> Registry {
        let server = ServerMetrics::default();
        server.build.of(Build).set(1);
        server.started.set(Duration::from_millis(now.0));
        Registry { workers: (0..workers).map(|_| Arc::default()).collect(), server }
    }

    /// Those of one worker, by its index.
    pub(crate) fn of_worker(&self, index: usize) -> Arc<Metrics> {
        Arc::clone(&self.workers[index])
    }
}
