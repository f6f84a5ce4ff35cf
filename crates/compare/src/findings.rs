//! All that a comparison found, as plain data: what `--json` prints, and what a report is made of.
//!
//! Units are in the names: `_s` seconds, `_ms` milliseconds, `_bytes` bytes. What could not be measured is `null`, never 0.

use crate::verdict::{cheapest, verdict};
use crate::way::Way;
use serde::{Deserialize, Serialize};

/// The form of the document that this version writes and reads.
pub const FORMAT: u32 = 1;

/// The latency that is late where nobody says which: 1 s.
pub const LATE_MS_DEFAULT: f64 = 1_000.0;

/// A comparison.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Findings {
    /// The form of this document: [`FORMAT`].
    pub format: u32,
    /// The version of tidings that measured.
    pub tidings: String,
    /// When it began (RFC 3339).
    pub taken: String,
    /// The command line that repeats it.
    pub command: String,
    /// Where it ran.
    pub machine: Machine,
    /// What was measured.
    pub server: ServerFacts,
    /// What everybody did. With a sweep: in its last cell.
    pub workload: Workload,
    /// Which latency is late: a way suits when 99 % of its deliveries are earlier.
    #[serde(default = "late_ms_default")]
    pub late_ms: f64,
    /// The ways that were to be measured.
    #[serde(default)]
    pub ways: Vec<Way>,
    /// Whether it ended before everything was measured: then some of them are missing, and nothing is chosen among the others.
    #[serde(default)]
    pub is_interrupted: bool,
    /// The same messages published to nobody: what of the server's work is not the followers'.
    pub publishing_alone: Option<Run>,
    /// Each way with the workload as it was asked for, in the order of the run. Empty with a sweep, as are the sides and publishing.
    pub runs: Vec<Run>,
    /// Shorter runs with other numbers of followers, and with other rates: how the cost grows.
    pub sides: Vec<Run>,
    /// Each way once more, with trouble in its middle.
    #[serde(default)]
    pub troubled: Vec<Run>,
    /// Publishing over each way to publish.
    pub publishing: Vec<Publishing>,
    /// How long a complete client is.
    pub clients: Vec<ClientLines>,
    /// The grid of `--sweep`.
    pub sweep: Option<Sweep>,
    /// What a reader must know beside the figures: that it was interrupted, what failed, where the machine was not quiet.
    #[serde(default)]
    pub notes: Vec<String>,
    /// What follows, in plain language: one sentence each, the choice first.
    pub verdict: Vec<String>,
}

/// A machine.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Machine {
    /// Operating system and its version.
    pub system: String,
    /// The model of the processor.
    pub processor: String,
    /// How many threads it runs at once.
    pub processors: usize,
    /// Its memory.
    pub memory_bytes: u64,
}

/// The server that was measured.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct ServerFacts {
    /// Its name and version as far as they are known, or its URL.
    pub name: String,
    /// What it speaks: `tidings`, `durable-streams`, `websocket` or `sse`.
    pub speaks: String,
    /// Whether it ran on this machine as a child process, so that its processor time and memory are known.
    pub is_measured: bool,
}

/// What everybody did in a run.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Workload {
    /// How many followed.
    pub followers: usize,
    /// Over how many streams they and the messages were spread.
    pub streams: usize,
    /// Messages published a second, over all streams.
    pub messages_per_s: f64,
    /// The size of a message.
    pub message_bytes: usize,
    /// For how long messages were published.
    pub duration_s: f64,
    /// `disk` or `memory`, where the server has the choice.
    pub durability: Option<String>,
    /// The round trip that the proxy added.
    pub rtt_ms: f64,
    /// The chance of each piece of data to end its connection with a reset, 0 to 1.
    pub loss: f64,
    /// Whether the server was restarted and connections were reset in the middle.
    pub trouble: bool,
}

/// One way, followed once.
///
/// Messages are published from the beginning of a *warm-up* to the end of the *measured time*. The warm-up takes an interval of polling (half a
/// second for all others), so that from the first moment of the measured time as much is delivered as is published, whatever the way: a
/// poll then brings what was published since the one before. Two kinds of figures follow, and they fit together:
/// - *in the measured time*: requests, bytes, connections, processor time, [`Run::seconds`];
/// - *of the measured messages*, those that were due in the measured time, whenever they came: published, expected, delivered, latency.
///
/// After the measured time everybody goes on until all have all, for an interval of polling and a few seconds at most. Only loss,
/// repetition and order are of all messages, the warm-up included.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Run {
    /// How it was followed. `null` where nobody followed.
    pub way: Option<Way>,
    /// How many followed.
    pub followers: usize,
    /// Messages published a second.
    pub messages_per_s: f64,
    /// How long the measured time was.
    pub measured_s: f64,
    /// Measured messages that were acknowledged.
    pub published: u64,
    /// How many deliveries of measured messages there should have been: each message to each follower of its stream.
    pub expected: u64,
    /// How many there were. What came again does not count.
    pub delivered: u64,
    /// How many deliveries never came, of all messages that were acknowledged.
    pub lost: u64,
    /// How many came again, of all messages.
    pub repeated: u64,
    /// How many came for the first time after a later one, of all messages.
    pub reordered: u64,
    /// From the moment at which a measured message should have been sent to its receipt, each delivery. Empty where polls after the last
    /// message came earlier than their interval says, to end the run.
    pub latency: Distribution,
    /// Requests of followers that were begun in the measured time; an upgrade is one.
    pub requests: u64,
    /// How many of them brought no message, whenever they were answered.
    pub empty_requests: u64,
    /// What followers sent in the measured time: the bytes of their TCP connections, heads and frames included.
    pub sent_bytes: u64,
    /// What they received in the measured time.
    pub received_bytes: u64,
    /// Connections opened in the measured time.
    pub connections_opened: u64,
    /// Open connections, the mean over the measured time.
    pub connections_held: f64,
    /// What the server used.
    pub server: Option<ServerUsage>,
    /// What measuring took.
    pub harness: Harness,
    /// What happened in each second.
    pub seconds: Vec<Second>,
    /// What came of the trouble.
    pub trouble: Option<Trouble>,
    /// Why these figures are not the server's alone; such a run is shown, and used in no verdict.
    pub bottleneck: Option<String>,
}

/// What a server used in the measured time of a run.
#[derive(Clone, Copy, Debug, PartialEq, Serialize, Deserialize)]
pub struct ServerUsage {
    /// Processor time, in the program and in the kernel.
    pub cpu_s: f64,
    /// How much memory all followers added, when they had joined; less than 0 where the server gave some back.
    pub followers_bytes: i64,
    /// The server's own memory at the end of the measured time.
    pub memory_bytes: u64,
}

/// What measuring took, so that it can be told from what was measured.
#[derive(Clone, Copy, Debug, PartialEq, Serialize, Deserialize)]
pub struct Harness {
    /// Processor time of the followers and the publisher, in the measured time.
    pub cpu_s: f64,
    /// Processor time of the proxy.
    pub proxy_cpu_s: f64,
    /// Which part of the measured time the followers' thread was at work, 0 to 1.
    pub busy: f64,
    /// How late it did what was due, or how long what came lay unread, whichever was longer, at the 99th percentile.
    pub late_p99_ms: f64,
    /// How many processors others than the server and the harness used. `null` where the server is not ours: what it uses here, if it is
    /// here, can't be told from that.
    pub others_cpus: Option<f64>,
}

/// Many durations.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
pub struct Distribution {
    /// How many there are; 0 makes all others 0.
    pub count: u64,
    /// The mean.
    pub mean_ms: f64,
    /// What half of them were at most.
    pub p50_ms: f64,
    /// What 90 % were at most.
    pub p90_ms: f64,
    /// What 99 % were at most.
    pub p99_ms: f64,
    /// The longest.
    pub max_ms: f64,
    /// The whole: at 0, 0.5, 1, … 100 %, what that part was at most; then at 99.5 and 99.9 %. Empty or 203 values.
    pub quantiles_ms: Vec<f64>,
}

/// One second of a run.
#[derive(Clone, Copy, Debug, Default, PartialEq, Serialize, Deserialize)]
pub struct Second {
    /// Requests that were begun.
    pub requests: u64,
    /// Requests that were over and brought no message.
    pub empty_requests: u64,
    /// Bytes that followers sent.
    pub sent_bytes: u64,
    /// Bytes that they received.
    pub received_bytes: u64,
    /// Messages delivered.
    pub delivered: u64,
}

/// What came of the trouble of a run: after half of the measured time 2 % of the followers' connections are reset, and soon after that a
/// server of our own is killed (`kill -9`) and started again on the same port, over the same folder. Publishing goes on; what is not
/// acknowledged is published again with its key, and its intended time stays.
///
/// Nothing is lost, doubled or reordered by that, as a correct client sees it: one that counts the messages of an answer or event when that
/// is whole, and goes on after the offset of the last one. What the wire carries again after a torn answer is no repetition.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Trouble {
    /// For how long the server was away: from its end until it accepted connections again. 0 where it is not ours and stayed.
    pub away_ms: f64,
    /// How many connections were reset beside those that the restart ended.
    pub resets: u64,
    /// From the end of the server until a follower had all messages that were due before the server was back, and followed again; each
    /// follower. Where the server stayed, from the reset on, and only of those who lost their connection.
    pub whole_after: Distribution,
    /// How many of them were not whole again before the run was over.
    pub never_whole: u64,
    /// The most requests in one tenth of a second between the return of the server and the last follower's being whole, times ten. Requests that reached
    /// nobody before are not among them.
    pub requests_peak_per_s: f64,
}

/// Publishing one message after the other over one connection.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Publishing {
    /// `POST` or `WebSocket`.
    pub how: String,
    /// Messages published.
    pub published: u64,
    /// From sending to acknowledgement.
    pub round_trip: Distribution,
    /// Processor time of the server, each message.
    pub server_cpu_us: Option<f64>,
    /// Bytes sent, each message.
    pub sent_bytes: f64,
    /// Bytes received, each message.
    pub received_bytes: f64,
}

/// How long a complete client is: without comments and empty lines.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct ClientLines {
    /// `poll`, `long-poll`, `sse` or `websocket`.
    pub way: String,
    /// `JavaScript` or `shell`.
    pub language: String,
    /// The file, as the repository names it.
    pub file: String,
    /// Lines of code.
    pub lines: usize,
}

/// A grid of followers and rates.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Sweep {
    /// Which latency is late: a way suits a cell when 99 % of its deliveries are earlier.
    pub late_ms: f64,
    /// The columns.
    pub followers: Vec<usize>,
    /// The rows, in messages a second.
    pub messages_per_s: Vec<f64>,
    /// Row by row.
    pub cells: Vec<SweepCell>,
}

/// One cell of a grid.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct SweepCell {
    /// Each way.
    pub runs: Vec<Run>,
    /// The index in `runs` of the cheapest that is early enough, if one is.
    pub cheapest: Option<usize>,
}

/// What is late where a document does not say: a second.
fn late_ms_default() -> f64 {
    LATE_MS_DEFAULT
}

/// Why a text is no findings document that can be read.
#[derive(Debug, thiserror::Error)]
pub enum UnreadableFindings {
    /// Of another form.
    #[error(
        "these findings are of format {found}, and this tidings reads format {FORMAT}: use the tidings that wrote them, or measure again"
    )]
    OtherFormat {
        /// Which one.
        found: u64,
    },
    /// No findings at all, or damaged.
    #[error("this is not what `tidings compare --json` writes: {0}")]
    Malformed(#[from] serde_json::Error),
}

impl Findings {
    /// Reads what `--json` wrote, and concludes from it anew. The format is looked at first, so that the complaint about another one is
    /// not about a field.
    pub fn from_json(text: &str) -> Result<Findings, UnreadableFindings> {
        #[derive(Deserialize)]
        struct Head {
            format: u64,
        }
        let Head { format } = serde_json::from_str(text)?;
        if format != u64::from(FORMAT) {
            return Err(UnreadableFindings::OtherFormat { found: format });
        }
        let mut findings: Findings = serde_json::from_str(text)?;
        findings.conclude();
        Ok(findings)
    }

    /// Says what follows from the runs: the cheapest of each cell of a sweep, and the verdict.
    pub fn conclude(&mut self) {
        for cell in self.sweep.iter_mut().flat_map(|sweep| &mut sweep.cells) {
            let lacks_ways = self.is_interrupted && cell.runs.len() < self.ways.len();
            cell.cheapest = if lacks_ways { None } else { cheapest(&cell.runs, self.late_ms) };
        }
        self.verdict = verdict(self);
    }

    /// All runs in which somebody followed.
    pub fn all_runs(&self) -> impl Iterator<Item = &Run> {
        let cells = self.sweep.iter().flat_map(|sweep| &sweep.cells).flat_map(|cell| &cell.runs);
        self.runs.iter().chain(&self.sides).chain(&self.troubled).chain(cells)
    }
}

impl Run {
    /// What the server spent on each delivered message, in microseconds of processor time.
    pub fn cpu_us_per_delivery(&self) -> Option<f64> {
        self.server.filter(|_| 0 < self.delivered).map(|server| server.cpu_s * 1e6 / as_f64(self.delivered))
    }

    /// What the server spent on each published message.
    pub fn cpu_us_per_message(&self) -> Option<f64> {
        self.server.filter(|_| 0 < self.published).map(|server| server.cpu_s * 1e6 / as_f64(self.published))
    }

    /// What one follower costs in an hour, in milliseconds of processor time.
    pub fn cpu_ms_per_follower_hour(&self) -> Option<f64> {
        let hours = self.measured_s / 3_600.0 * as_f64(self.followers as u64);
        self.server.filter(|_| 0.0 < hours).map(|server| server.cpu_s * 1e3 / hours)
    }

    /// Which part of one processor the server used.
    pub fn cpu_of_a_core(&self) -> Option<f64> {
        self.server.filter(|_| 0.0 < self.measured_s).map(|server| server.cpu_s / self.measured_s)
    }

    /// The memory of the server that one follower takes.
    pub fn bytes_per_follower(&self) -> Option<f64> {
        let followers = as_f64(self.followers as u64);
        self.server
            .filter(|_| 0 < self.followers)
            .map(|server| as_f64_signed(server.followers_bytes) / followers)
    }

    /// Bytes that followers sent for each message delivered.
    pub fn sent_bytes_per_delivery(&self) -> f64 {
        as_f64(self.sent_bytes) / as_f64(self.delivered.max(1))
    }

    /// Bytes that followers received for each message delivered.
    pub fn received_bytes_per_delivery(&self) -> f64 {
        as_f64(self.received_bytes) / as_f64(self.delivered.max(1))
    }

    /// How much of the longer latencies may be the followers' own, in milliseconds, where it is enough to be told: then they are bounds.
    pub fn own_part_ms(&self) -> Option<f64> {
        const WORTH_TELLING: f64 = 0.2;
        let own = self.harness.late_p99_ms;
        (0 < self.latency.count && WORTH_TELLING * self.latency.p99_ms < own).then_some(own)
    }

    /// Whether every message came once, in order.
    pub fn is_whole(&self) -> bool {
        self.lost == 0 && self.repeated == 0 && self.reordered == 0
    }
}

#[expect(clippy::cast_precision_loss, reason = "a count of a run is far below 2^52")]
fn as_f64(count: u64) -> f64 {
    count as f64
}

#[expect(clippy::cast_precision_loss, reason = "the memory of a machine is far below 2^52")]
fn as_f64_signed(bytes: i64) -> f64 {
    bytes as f64
}
