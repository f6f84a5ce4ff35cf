//! What requests cost: polls that find nothing, long polls, and publishes that nobody follows.

use super::Campaign;
use super::crowd::{Crowd, Pace};
use super::payload::Marked;
use super::running::Running;
use super::section::{Section, Table, median, median_ratio, panel};
use super::target::nginx;
use super::target::tidings::{Binary, Transport, field, write_create};
use super::target::{write_get, write_post};
use crate::aims::{Aim, Figure, Unit};
use crate::calm;
use crate::clock;
use crate::http::connections::{Connections, Driver};
use crate::http::wire::http1::Http1;
use anyhow::Context;
use std::time::{Duration, Instant};

const CONNECTIONS: u32 = 64;
const STREAM: &str = "/v1/stream/bench";
/// Long polls are answered so often: everybody is held again by then.
const CYCLE: Duration = Duration::from_millis(50);

const POLL: Aim = Aim::AtMost(0.8);
const LONG_POLL: Aim = Aim::AtMost(2.0);
const PUBLISH: Aim = Aim::LessThan(1.0);
const DISK: Aim = Aim::AtLeast(0.7);

/// One of the compared, with a figure for each round.
struct Contestant<'a> {
    title: String,
    load: Load<'a>,
    cpu_us: Vec<f64>,
    per_second: Vec<f64>,
}

enum Load<'a> {
    /// The same request over and over, one in flight on each connection.
    Requests(Box<Requests<'a>>),
    /// Held, woken by a publish, answered.
    LongPolls(Box<Crowd<'a>>),
}

struct Requests<'a> {
    running: Running,
    connections: Connections<'a>,
    request: Vec<u8>,
}

/// The places of the contestants.
const POLLS: usize = 0;
const NGINX: usize = 1;
const LONG_POLLS: usize = 2;
const MEMORY: usize = 3;
const NCHAN: usize = 4;
const ON_DISK: usize = 5;

/// Compares tidings with nginx and with itself.
pub(super) fn run(campaign: &Campaign) -> anyhow::Result<Section> {
    let binary = campaign.ours.first().context("no binary of tidings")?;
    let long_poll = binary.over(Transport::LongPoll);
    let held = Box::new(Crowd::gather(&long_poll, &campaign.data, campaign.followers)?);
    let mut all = vec![
        contestant("tidings, 304", ours(campaign, binary, "memory", poll)?),
        contestant("nginx, 304 for a static file", nginx(campaign, file)?),
        contestant("tidings, long-poll cycle", Load::LongPolls(held)),
        contestant("tidings, publish to memory", ours(campaign, binary, "memory", |_| Ok(publish(STREAM)))?),
        contestant("nginx with Nchan, publish", nginx(campaign, |_| Ok(publish(nginx::PUBLISH)))?),
        contestant("tidings, publish to disk", ours(campaign, binary, "disk", |_| Ok(publish(STREAM)))?),
    ];
    for round in 0..=campaign.rounds {
        calm::wait(campaign.calm)?;
        campaign.tell(&format!("requests, round {round}"));
        for contestant in &mut all {
            let (cpu_us, per_second) =
                contestant.load.run(campaign.slice).with_context(|| contestant.title.clone())?;
            // The first round warms up.
            if 0 < round {
                contestant.cpu_us.push(cpu_us);
                contestant.per_second.push(per_second);
            }
        }
    }
    Ok(section(campaign, &all))
}

fn contestant<'a>(title: &str, load: Load<'a>) -> Contestant<'a> {
    Contestant { title: title.to_owned(), load, cpu_us: Vec::new(), per_second: Vec::new() }
}

fn section(campaign: &Campaign, all: &[Contestant<'_>]) -> Section {
    let mut table = Table::new(&["request", "µs of CPU each", "by a 304 of nginx", "a second"]);
    for contestant in all {
        table.row(&[
            contestant.title.clone(),
            format!("{:.2}", median(&contestant.cpu_us)),
            format!("{:.2}", median_ratio(&contestant.cpu_us, &all[NGINX].cpu_us)),
            format!("{:.0}", median(&contestant.per_second)),
        ]);
    }
    let ratio = |what: &str, of: usize, to: usize, aim| {
        Figure::new(what, median_ratio(&all[of].cpu_us, &all[to].cpu_us), Unit::Ratio).aim(aim)
    };
    let disk = median_ratio(&all[ON_DISK].per_second, &all[MEMORY].per_second);
    let figures = vec![
        ratio("poll that finds nothing: CPU by that of nginx answering 304", POLLS, NGINX, POLL),
        ratio("long-poll cycle: CPU by that of a poll", LONG_POLLS, POLLS, LONG_POLL),
        ratio("publish to memory: CPU by that of Nchan", MEMORY, NCHAN, PUBLISH),
        Figure::new("publishes a second to disk by those to memory", disk, Unit::Ratio).aim(DISK),
    ];
    let bars = all.iter().map(|it| (it.title.clone(), median(&it.cpu_us)));
    let panels = vec![panel("µs of CPU for a request", bars, 1)];
    let text = format!(
        "{}\n{CONNECTIONS} connections, one request in flight on each; 304 by `If-None-Match`; publishes of 128 bytes that nobody follows. \
         A long-poll cycle: {} held requests are woken by a publish every {} ms, answered, and asked again.\n",
        table.into_text(),
        campaign.followers,
        CYCLE.as_millis()
    );
    Section { text, figures, panels }
}

/// tidings with a stream, and the request that `request` makes.
fn ours<'a>(
    campaign: &Campaign,
    binary: &Binary,
    durability: &str,
    request: impl FnOnce(&Running) -> anyhow::Result<Vec<u8>>,
) -> anyhow::Result<Load<'a>> {
    let running = Running::start(&campaign.data, |folder, port| binary.serve(folder, port))?;
    let mut create = Vec::new();
    write_create(STREAM, durability, &mut create);
    running.ask(&create).context("making a stream")?;
    requests(running, request)
}

fn nginx<'a>(
    campaign: &Campaign,
    request: impl FnOnce(&Running) -> anyhow::Result<Vec<u8>>,
) -> anyhow::Result<Load<'a>> {
    let running = Running::start(&campaign.data, |folder, port| campaign.nginx().serve(folder, port))?;
    requests(running, request)
}

fn requests<'a>(
    running: Running,
    request: impl FnOnce(&Running) -> anyhow::Result<Vec<u8>>,
) -> anyhow::Result<Load<'a>> {
    let request = request(&running)?;
    let connections = Connections::open(&Http1, running.address(), CONNECTIONS)?;
    Ok(Load::Requests(Box::new(Requests { running, connections, request })))
}

/// A poll at the tail that says what it has, after one message was published.
fn poll(running: &Running) -> anyhow::Result<Vec<u8>> {
    let published = running.ask(&publish(STREAM)).context("publishing")?;
    let tail = field(&published, b"stream-next-offset: ").context("a publish without an offset")?;
    conditional(running, &format!("{STREAM}?offset={tail}"), b"etag: ")
}

/// The static file, for somebody who has it.
fn file(running: &Running) -> anyhow::Result<Vec<u8>> {
    conditional(running, nginx::FILE, b"ETag: ")
}

fn conditional(running: &Running, path: &str, name: &[u8]) -> anyhow::Result<Vec<u8>> {
    let mut request = Vec::new();
    write_get(path, &mut request);
    let head = running.ask(&request)?;
    let tag = field(&head, name).context("an answer without an ETag")?;
    Ok(format!("GET {path} HTTP/1.1\r\nHost: localhost\r\nIf-None-Match: {tag}\r\n\r\n").into_bytes())
}

fn publish(path: &str) -> Vec<u8> {
    let mut request = Vec::new();
    write_post(path, &Marked { number: 0, sent_ns: 0 }.encode(), &mut request);
    request
}

impl Load<'_> {
    /// Microseconds of the server for each request, and how many were answered in a second.
    #[expect(clippy::cast_precision_loss, reason = "counts of one slice are far below 2^53")]
    fn run(&mut self, time: Duration) -> anyhow::Result<(f64, f64)> {
        match self {
            Load::LongPolls(crowd) => {
                let slice = crowd.run(Pace::Every(CYCLE), time)?;
                slice.check()?;
                Ok((slice.cpu_us(), slice.per_second()))
            }
            Load::Requests(requests) => {
                let Requests { running, connections, request } = &mut **requests;
                let (began, cpu) = (clock::now(), running.usage.cpu()?);
                let mut over_and_over = OverAndOver { request, until: began + time, in_flight: 0, done: 0 };
                connections.run(&mut over_and_over)?;
                let done = over_and_over.done as f64;
                let cpu = running.usage.cpu()?.saturating_sub(cpu).as_secs_f64();
                Ok((cpu * 1e6 / done, done / clock::now().duration_since(began).as_secs_f64()))
            }
        }
    }
}

/// Sends one request again and again for a while.
struct OverAndOver<'a> {
    request: &'a [u8],
    until: Instant,
    in_flight: usize,
    done: u64,
}

impl Driver for OverAndOver<'_> {
    fn submit(&mut self, _connection: usize, output: &mut Vec<u8>) -> bool {
        let goes_on = clock::now() < self.until;
        if goes_on {
            output.extend_from_slice(self.request);
            self.in_flight += 1;
        }
        goes_on
    }

    fn on_done(&mut self, _took: Duration, _bytes: usize) {
        self.in_flight -= 1;
        self.done += 1;
    }

    fn is_over(&mut self, now: Instant) -> anyhow::Result<bool> {
        anyhow::ensure!(
            now < self.until + super::running::ANSWER_MAX,
            "{} requests were not answered",
            self.in_flight
        );
        Ok(self.until <= now && self.in_flight == 0)
    }
}
