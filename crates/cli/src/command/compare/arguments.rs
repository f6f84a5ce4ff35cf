//! The flags of `tidings compare`, and the plan that they come to.

mod again;

use super::machine::machine;
use super::values::{self, List, Rate};
use crate::exit::Stop;
use crate::values::durability;
use crate::wall_clock::wall_now;
use clap::{Args, ValueEnum};
use std::path::PathBuf;
use std::time::Duration;
use tidings_compare::{Elsewhere, Grid, Plan, Program, Scope, Speaks, Target, Way, Workload};
use tidings_model::Durability;
use tidings_protocol::rfc3339_text;

const WORKLOAD: &str = "What everybody does";
const WHAT: &str = "What is compared";
const SERVER: &str = "Which server";
const NETWORK: &str = "Network and trouble";
const OUTPUT: &str = "What is printed and written";

/// What is asked where nobody says otherwise: an answer in about four minutes.
const FOLLOWERS: usize = 500;
const RATE: &str = "2/s";
const DURATION: Duration = Duration::from_secs(10);

/// The same for a sweep.
const SWEEP_FOLLOWERS: &str = "10,100,1000";
const SWEEP_RATES: &str = "0.1/s,1/s,10/s";
const SWEEP_DURATION: Duration = Duration::from_secs(5);

/// Below the help.
pub(super) const EXAMPLES: &str = "\
Examples:
  tidings compare
      each way, as 500 followers use it
  tidings compare --followers 2000 --messages 30/min --poll-every 5s,30s --report compare.html
      another workload, and a report with charts
  tidings compare --sweep --late 2s
      which way is the cheapest, from 10 followers to 1,000
  tidings compare --rtt 80ms --loss 1% --quick
      over a poor network
  tidings compare --url wss://example.com/updates --publish-url https://example.com/publish
      another server
  tidings compare --from findings.json --report compare.html
      a report of what was measured before";

/// `tidings compare`.
#[derive(Debug, Args)]
#[command(after_help = EXAMPLES)]
pub(crate) struct CompareArguments {
    /// How many follow; with --sweep a list [default: 500; with --sweep 10,100,1000]
    #[arg(long, value_name = "N[,N…]", value_parser = values::followers, help_heading = WORKLOAD)]
    followers: Option<List<usize>>,

    /// Messages published a second, a minute or an hour, such as `2/s` or `30/min`; with --sweep a list [default: 2/s; with --sweep 0.1/s,1/s,10/s]
    #[arg(long, value_name = "RATE[,RATE…]", value_parser = values::rates, help_heading = WORKLOAD)]
    messages: Option<List<Rate>>,

    /// The size of a message
    #[arg(long, value_name = "BYTES", default_value = "200", value_parser = values::message_bytes, help_heading = WORKLOAD)]
    bytes: usize,

    /// How often is polled: each interval is a way of its own
    #[arg(long, value_name = "TIME[,TIME…]", default_value = "1s,5s", value_parser = values::intervals, help_heading = WORKLOAD)]
    poll_every: List<Duration>,

    /// For how long messages are published in each run [default: 10s; with --sweep 5s]
    #[arg(long, value_name = "TIME", value_parser = values::run_duration, help_heading = WORKLOAD)]
    duration: Option<Duration>,

    /// Over how many streams followers and messages are spread
    #[arg(long, value_name = "N", default_value = "1", value_parser = values::streams, help_heading = WORKLOAD)]
    streams: usize,

    /// Whether messages are stored on disk or in memory [default: disk]
    #[arg(long, value_name = "disk|memory", value_parser = durability, conflicts_with = "url", help_heading = WORKLOAD)]
    durability: Option<Durability>,

    /// Which latency is late: a way suits when 99 % of its deliveries are earlier
    #[arg(long, value_name = "TIME", default_value = "1s", value_parser = values::late, help_heading = WORKLOAD)]
    late: Duration,

    /// Only these: websocket, sse, long-poll, long-poll-closing (a connection for each answer), poll
    #[arg(long, value_name = "WAY[,WAY…]", value_delimiter = ',', value_enum, help_heading = WHAT, hide_possible_values = true)]
    transports: Vec<Transport>,

    /// Leave out the runs with other numbers of followers and other rates: the report has no charts of how the cost grows
    #[arg(long, help_heading = WHAT)]
    quick: bool,

    /// Each way for each number of followers and each rate: a map of which is the cheapest that is not late
    #[arg(long, conflicts_with_all = ["quick", "trouble", "url"], help_heading = WHAT)]
    sweep: bool,

    /// Measure this server (http, https, ws, wss) in place of one that is started for it; its processor time and memory are not measured
    #[arg(long, value_name = "URL", help_heading = SERVER)]
    url: Option<String>,

    /// What the server at --url speaks: tidings, durable-streams, websocket or sse [default: found out]
    #[arg(long, value_name = "PROTOCOL", requires = "url", help_heading = SERVER)]
    speaks: Option<Speaks>,

    /// Where messages are posted to, for a plain WebSocket or plain SSE
    #[arg(long, value_name = "URL", requires = "url", help_heading = SERVER)]
    publish_url: Option<String>,

    /// Sent with each request, such as `Authorization: Bearer …`; may be repeated
    #[arg(long = "header", value_name = "NAME: VALUE", requires = "url", help_heading = SERVER)]
    headers: Vec<String>,

    /// For an https or wss URL: believe the certificates of this PEM file too, besides those of the system
    #[arg(long = "ca", value_name = "FILE", requires = "url", help_heading = SERVER)]
    certificates: Option<PathBuf>,

    /// Add this to each round trip, by a small proxy
    #[arg(long, value_name = "TIME", value_parser = values::rtt, help_heading = NETWORK)]
    rtt: Option<Duration>,

    /// The chance of each piece of data to end its connection with a reset, by a small proxy
    #[arg(long, value_name = "PERCENT", value_parser = values::loss, help_heading = NETWORK)]
    loss: Option<f64>,

    /// Each way once more, with 2 % of the connections reset and the server killed and started again in its middle
    #[arg(long, help_heading = NETWORK)]
    trouble: bool,

    #[command(flatten)]
    pub(super) outputs: OutputArguments,
}

/// Where the findings go.
#[derive(Debug, Args)]
pub(super) struct OutputArguments {
    /// Print the findings as JSON in place of the table, or write them to this file beside it
    #[arg(long, value_name = "FILE", num_args = 0..=1, require_equals = true, help_heading = OUTPUT)]
    #[expect(clippy::option_option, reason = "no flag, the flag alone, the flag with a file")]
    pub(super) json: Option<Option<PathBuf>>,

    /// Write a report with charts: one HTML file
    #[arg(long, value_name = "FILE", help_heading = OUTPUT)]
    pub(super) report: Option<PathBuf>,

    /// Write each chart of the report as an SVG file into this folder
    #[arg(long, value_name = "DIR", help_heading = OUTPUT)]
    pub(super) charts: Option<PathBuf>,

    /// Measure nothing: show the findings that --json wrote to this file
    #[arg(long, value_name = "FILE", help_heading = OUTPUT, conflicts_with_all = [
        "followers", "messages", "bytes", "poll_every", "duration", "streams", "durability", "late", "transports", "quick", "sweep",
        "url", "rtt", "loss", "trouble",
    ])]
    pub(super) from: Option<PathBuf>,
}

/// A way, as the command line names it.
#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
pub(super) enum Transport {
    #[value(name = "websocket")]
    WebSocket,
    Sse,
    LongPoll,
    LongPollClosing,
    Poll,
}

impl CompareArguments {
    /// The plan.
    pub(super) fn plan(&self) -> Result<Plan, Stop> {
        let followers = self.followers()?;
        let rates = self.rates()?;
        let (Some(most), Some(highest)) = (followers.last(), rates.last()) else {
            return Err(Stop::Usage("write at least one number of followers and one rate".to_owned()));
        };
        let durability = self.durability.or(self.url.is_none().then_some(Durability::Disk));
        let workload = Workload {
            followers: *most,
            streams: self.streams,
            messages_per_s: highest.per_s,
            message_bytes: self.bytes,
            duration_s: self.run_duration().as_secs_f64(),
            durability: durability.map(|it| it.as_str().to_owned()),
            rtt_ms: self.rtt.unwrap_or_default().as_secs_f64() * 1e3,
            loss: self.loss.unwrap_or_default(),
            trouble: self.trouble,
        };
        let scope = if self.sweep {
            let messages_per_s = rates.iter().map(|rate| rate.per_s).collect();
            Scope::Sweep(Grid { followers: followers.clone(), messages_per_s })
        } else if self.quick {
            Scope::Quick
        } else {
            Scope::Whole
        };
        let plan = Plan {
            target: self.target(*most)?,
            workload,
            ways: self.ways(),
            late: self.late,
            scope,
            command: self.command_line(&followers, &rates),
            taken: String::from_utf8_lossy(&rfc3339_text(wall_now())).into_owned(),
            machine: machine(),
            version: env!("CARGO_PKG_VERSION").to_owned(),
        };
        tidings_compare::check(&plan).map_err(|invalid| Stop::Usage(invalid.to_string()))?;
        Ok(plan)
    }

    fn target(&self, followers: usize) -> Result<Target, Stop> {
        let Some(url) = &self.url else {
            let path = std::env::current_exe()?;
            return Ok(Target::Own(Program { path, arguments: server_arguments(followers) }));
        };
        // Not by the parser of arguments, which repeats a value that is wrong: it may be a secret.
        let headers = self.headers.iter().map(|header| values::header(header));
        let headers =
            headers.collect::<Result<_, _>>().map_err(|wrong| Stop::Usage(format!("--header: {wrong}")))?;
        let read = |file: &PathBuf| {
            std::fs::read(file).map_err(|error| Stop::Usage(format!("--ca {}: {error}", file.display())))
        };
        Ok(Target::Elsewhere(Elsewhere {
            url: url.clone(),
            speaks: self.speaks,
            publish_url: self.publish_url.clone(),
            headers,
            roots: self.certificates.iter().map(read).collect::<Result<_, Stop>>()?,
        }))
    }

    /// In growing order.
    fn followers(&self) -> Result<Vec<usize>, Stop> {
        let by_default =
            || if self.sweep { values::followers(SWEEP_FOLLOWERS) } else { Ok(List(vec![FOLLOWERS])) };
        let mut list = self.followers.clone().map_or_else(by_default, Ok).map_err(Stop::Usage)?.0;
        list.sort_unstable();
        self.one_without_sweep("--followers", list)
    }

    /// In growing order.
    fn rates(&self) -> Result<Vec<Rate>, Stop> {
        let by_default = || values::rates(if self.sweep { SWEEP_RATES } else { RATE });
        let mut list = self.messages.clone().map_or_else(by_default, Ok).map_err(Stop::Usage)?.0;
        list.sort_by(|one, other| one.per_s.total_cmp(&other.per_s));
        self.one_without_sweep("--messages", list)
    }

    fn one_without_sweep<T>(&self, flag: &str, list: Vec<T>) -> Result<Vec<T>, Stop> {
        if self.sweep || list.len() == 1 {
            return Ok(list);
        }
        Err(Stop::Usage(format!(
            "{flag} has {} values: add --sweep for a map of them, or write one",
            list.len()
        )))
    }

    fn run_duration(&self) -> Duration {
        self.duration.unwrap_or(if self.sweep { SWEEP_DURATION } else { DURATION })
    }

    fn ways(&self) -> Vec<Way> {
        let is_asked = |transport| self.transports.is_empty() || self.transports.contains(&transport);
        let mut ways = Vec::new();
        for (transport, way) in [
            (Transport::WebSocket, Way::WebSocket),
            (Transport::Sse, Way::Sse),
            (Transport::LongPoll, Way::LongPoll),
            (Transport::LongPollClosing, Way::LongPollClosing),
        ] {
            ways.extend(is_asked(transport).then_some(way));
        }
        if is_asked(Transport::Poll) {
            ways.extend(self.poll_every.0.iter().map(|every| Way::poll(*every)));
        }
        ways
    }
}

/// What our own server is told: to take so many followers, where it would not. It has its defaults else.
fn server_arguments(followers: usize) -> Vec<String> {
    /// So many it takes by default, with room for those that come again before the server has seen them go.
    const FEW: usize = 10_000;
    if followers <= FEW {
        return Vec::new();
    }
    vec!["--max-connections".to_owned(), (2 * followers).to_string()]
}

#[cfg(test)]
mod tests;
