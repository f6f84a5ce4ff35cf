//! What a delivery costs the server, and how long it takes: every target under every pace, in rounds.
//!
//! All servers run all the time, each with its followers; one at a time has something to do. So a round is short, and
//! what else happens on the machine falls on all of them alike.

use super::Campaign;
use super::crowd::{Crowd, Pace, Slice};
use super::section::{Section, Table, median, median_ratio, panel};
use super::target::Target;
use super::target::bare::Bare;
use super::target::tidings::Transport;
use crate::aims::{Aim, Figure, Unit};
use crate::calm;
use std::time::Duration;

/// The paces at which the cost is compared, and what they are called.
const PACES: [(&str, Pace); 3] = [
    ("as fast as delivered", Pace::AsDelivered { at_once: 1 }),
    ("20 a second", Pace::Every(Duration::from_millis(50))),
    ("ten at once", Pace::AsDelivered { at_once: 10 }),
];
const SINGLE: usize = 0;
const BURSTS: usize = 2;
const HALF_LOAD: usize = 3;
/// The paces above, and half the greatest load.
const CELLS: usize = 4;

/// Of the cost of the bare loop, at the paces of one message.
const WITH_IO_URING: Aim = Aim::AtMost(0.9);
const WITH_SEND: Aim = Aim::AtMost(1.1);
/// Of the cost of a delivery that comes alone.
const BURST: Aim = Aim::AtMost(0.2);
const AHEAD: Aim = Aim::LessThan(1.0);

/// One of the compared, with what was found.
struct Contestant<'a> {
    title: String,
    kind: Kind,
    /// `None` when it failed.
    crowd: Option<Crowd<'a>>,
    cells: [Cell; CELLS],
}

#[derive(Clone, Copy, PartialEq)]
enum Kind {
    Bare,
    /// With the aim beside the bare loop.
    Ours(Aim),
    Peer,
}

/// A figure for each round.
#[derive(Default)]
struct Cell {
    /// Microseconds of the server for each delivery.
    cpu_us: Vec<f64>,
    /// Deliveries a second.
    per_second: Vec<f64>,
    p50_us: Vec<f64>,
    p99_us: Vec<f64>,
    /// How many processors others were using.
    others_cpus: Vec<f64>,
}

impl Cell {
    fn add(&mut self, slice: &Slice) {
        self.cpu_us.push(slice.cpu_us());
        self.per_second.push(slice.per_second());
        self.p50_us.push(slice.latency.microseconds_at(0.5));
        self.p99_us.push(slice.p99_us());
        self.others_cpus.push(slice.others_cpus);
    }
}

/// Compares tidings over WebSocket, SSE and SSE of many streams with the bare loop and all peers.
pub(super) fn run(campaign: &Campaign) -> anyhow::Result<Section> {
    let mut targets: Vec<(Kind, Box<dyn Target>)> = vec![(Kind::Bare, Box::new(Bare))];
    for binary in &campaign.ours {
        let sends = binary.flags.windows(2).any(|flag| flag[0] == "--sends" && flag[1] == "send");
        let kind = Kind::Ours(if sends { WITH_SEND } else { WITH_IO_URING });
        for transport in [Transport::WebSocket, Transport::Sse, Transport::SseOfMany] {
            targets.push((kind, Box::new(binary.over(transport))));
        }
    }
    targets.extend(campaign.peers().into_iter().map(|peer| (Kind::Peer, peer)));
    let mut all: Vec<_> =
        targets.iter().map(|(kind, target)| start(campaign, *kind, target.as_ref())).collect();
    for round in 0..=campaign.rounds {
        calm::wait(campaign.calm)?;
        for (cell, (name, pace)) in PACES.iter().enumerate() {
            campaign.tell(&format!("fan-out, round {round}: {name}"));
            for at in 0..all.len() {
                // The first round warms up.
                measure(campaign, &mut all, at, *pace, (0 < round).then_some(cell));
            }
        }
    }
    let interval = half_load(campaign, &all);
    for round in 1..=campaign.rounds {
        campaign.tell(&format!("fan-out, round {round}: half the greatest load"));
        for at in 0..all.len() {
            measure(campaign, &mut all, at, Pace::Every(interval), Some(HALF_LOAD));
        }
    }
    Ok(section(campaign, &all, interval))
}

fn start<'a>(campaign: &Campaign, kind: Kind, target: &'a dyn Target) -> Contestant<'a> {
    campaign.tell(&format!("starting {}", target.title()));
    let crowd = Crowd::gather(target, &campaign.data, campaign.followers);
    let crowd = crowd.inspect_err(|error| campaign.tell(&format!("{} failed: {error:#}", target.title())));
    Contestant { title: target.title(), kind, crowd: crowd.ok(), cells: Default::default() }
}

/// Runs one slice. Whoever fails is left out from then on.
fn measure(campaign: &Campaign, all: &mut [Contestant<'_>], at: usize, pace: Pace, cell: Option<usize>) {
    for contestant in &mut *all {
        // The others answer their pings meanwhile.
        contestant.attempt(campaign, |crowd| crowd.turn(Duration::ZERO).map(|_| ()));
    }
    let mut found = None;
    all[at].attempt(campaign, |crowd| {
        crowd.renew()?;
        let slice = crowd.run(pace, campaign.slice)?;
        slice.check()?;
        found = Some(slice);
        Ok(())
    });
    if let (Some(cell), Some(slice)) = (cell, found) {
        all[at].cells[cell].add(&slice);
    }
}

impl Contestant<'_> {
    fn attempt(&mut self, campaign: &Campaign, act: impl FnOnce(&mut Crowd<'_>) -> anyhow::Result<()>) {
        if let Some(crowd) = &mut self.crowd
            && let Err(error) = act(crowd)
        {
            let told = crowd.running.told();
            campaign.tell(&format!("{} failed: {error:#}; it told: {}", self.title, told.trim()));
            self.crowd = None;
        }
    }
}

/// The time between two messages at half of what our first contestant delivers one by one.
fn half_load(campaign: &Campaign, all: &[Contestant<'_>]) -> Duration {
    let ours = all.iter().find(|contestant| matches!(contestant.kind, Kind::Ours(_)));
    let greatest = ours.map_or(f64::NAN, |ours| median(&ours.cells[SINGLE].per_second));
    let followers = u32::try_from(campaign.followers).map_or(f64::NAN, f64::from);
    Duration::try_from_secs_f64(2.0 * followers / greatest).unwrap_or(Duration::from_millis(100))
}

fn section(campaign: &Campaign, all: &[Contestant<'_>], interval: Duration) -> Section {
    let mut text = table(all);
    let load = 1.0 / interval.as_secs_f64();
    let others: Vec<f64> =
        all.iter().flat_map(|it| &it.cells).flat_map(|cell| &cell.others_cpus).copied().collect();
    let remarks = format!(
        "\nOne message of 128 bytes to {} followers; for the latency {load:.0} of them a second. It is from the moment when a message is due to be published. Processor \
         time is that of the server; in brackets its ratio to the bare loop, the median of the ratios within each round. Nobody missed a message, or got one twice or out of order. Others used {:.2} processors meanwhile (median).\n",
        campaign.followers,
        median(&others)
    );
    text.push_str(&remarks);
    let cpu = |cell: usize| all.iter().map(move |it| (it.title.clone(), median(&it.cells[cell].cpu_us)));
    let p99 = all.iter().map(|it| (it.title.clone(), median(&it.cells[HALF_LOAD].p99_us) / 1e3));
    let mut panels: Vec<_> = PACES
        .iter()
        .enumerate()
        .map(|(at, (name, _))| panel(&format!("µs of CPU a delivery, {name}"), cpu(at), 2))
        .collect();
    panels.push(panel(&format!("latency p99 in ms, {load:.0} messages a second"), p99, 1));
    Section { text, figures: figures(all), panels }
}

fn table(all: &[Contestant<'_>]) -> String {
    let mut columns = vec!["µs of CPU for each delivery".to_owned()];
    columns.extend(PACES.iter().map(|(name, _)| (*name).to_owned()));
    columns.extend(["greatest load, deliveries/s".to_owned(), "p50/p99 at half of ours, ms".to_owned()]);
    let mut table = Table::new(&columns.iter().map(String::as_str).collect::<Vec<_>>());
    for contestant in all {
        if contestant.cells[SINGLE].cpu_us.is_empty() {
            table.row(&[contestant.title.clone(), "failed".to_owned()]);
            continue;
        }
        let cost = |cell: usize| {
            let cpu = &contestant.cells[cell].cpu_us;
            format!("{:.2} ({:.2})", median(cpu), median_ratio(cpu, &all[0].cells[cell].cpu_us))
        };
        let half = &contestant.cells[HALF_LOAD];
        table.row(&[
            contestant.title.clone(),
            cost(0),
            cost(1),
            cost(2),
            format!("{:.0}", median(&contestant.cells[SINGLE].per_second)),
            format!("{:.1}/{:.1}", median(&half.p50_us) / 1e3, median(&half.p99_us) / 1e3),
        ]);
    }
    table.into_text()
}

fn figures(all: &[Contestant<'_>]) -> Vec<Figure> {
    let mut figures = Vec::new();
    let peers = || all.iter().filter(|contestant| contestant.kind == Kind::Peer);
    for contestant in all {
        let Kind::Ours(aim) = contestant.kind else { continue };
        let title = &contestant.title;
        for cell in [0, 1] {
            let (cpu, bare) = (&contestant.cells[cell].cpu_us, &all[0].cells[cell].cpu_us);
            let what = format!("{title}, {}: CPU of a delivery by that of a bare send", PACES[cell].0);
            figures.push(Figure::new(what, median_ratio(cpu, bare), Unit::Ratio).aim(aim));
            let best =
                peers().map(|peer| median_ratio(cpu, &peer.cells[cell].cpu_us)).fold(f64::NAN, f64::max);
            let what = format!("{title}, {}: CPU of a delivery by that of the best peer", PACES[cell].0);
            figures.push(Figure::new(what, best, Unit::Ratio).aim(AHEAD));
        }
        let burst = median_ratio(&contestant.cells[BURSTS].cpu_us, &contestant.cells[SINGLE].cpu_us);
        let what = format!("{title}, ten at once: CPU of a delivery by that of one that comes alone");
        figures.push(Figure::new(what, burst, Unit::Ratio).aim(BURST));
    }
    figures
}
