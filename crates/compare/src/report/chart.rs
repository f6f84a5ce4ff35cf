//! The charts, one of each kind: which there are, what they show, and how they become SVG.

mod bars;
mod canvas;
mod data;
mod drawing;
mod ink;
mod lines;
mod map;
mod panels;
mod scale;

pub(super) use data::Data;

use super::escape::escaped;
use crate::findings::Findings;
use canvas::{Anchor, Canvas};
use std::io::{self, Write};

/// The colours and strokes of charts, which a page and a picture of its own share.
pub(super) const STYLE: &str = include_str!("chart/chart.css");

/// A chart of findings.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Chart {
    /// Which loads are cheapest with which way.
    Sweep,
    /// The distribution of the latency of each way.
    Latency,
    /// Requests in each second, and those that brought nothing.
    Requests,
    /// Bytes in each second, in both directions.
    Bytes,
    /// What each way costs the server's processor.
    Cpu,
    /// The same against the number of followers.
    CpuByFollowers,
    /// The same against the rate of messages.
    CpuByRate,
    /// The server's memory for each follower.
    Memory,
    /// The distribution of round trips of publishing.
    Publishing,
    /// How long a complete client is.
    Clients,
    /// When followers were whole again after the trouble.
    Trouble,
}

impl Chart {
    /// All of them, in the order of the report.
    pub const ALL: [Chart; 11] = [
        Chart::Sweep,
        Chart::Latency,
        Chart::Requests,
        Chart::Bytes,
        Chart::Cpu,
        Chart::CpuByFollowers,
        Chart::CpuByRate,
        Chart::Memory,
        Chart::Trouble,
        Chart::Publishing,
        Chart::Clients,
    ];

    /// Its name, as a file may have it: `latency`.
    pub fn name(self) -> &'static str {
        match self {
            Chart::Sweep => "sweep",
            Chart::Latency => "latency",
            Chart::Requests => "requests",
            Chart::Bytes => "bytes",
            Chart::Cpu => "cpu",
            Chart::CpuByFollowers => "cpu-by-followers",
            Chart::CpuByRate => "cpu-by-rate",
            Chart::Memory => "memory",
            Chart::Publishing => "publishing",
            Chart::Clients => "clients",
            Chart::Trouble => "trouble",
        }
    }

    /// Whether the findings have what it shows.
    pub fn is_in(self, findings: &Findings) -> bool {
        let runs = &findings.runs;
        match self {
            Chart::Sweep => findings.sweep.is_some(),
            Chart::Latency => runs.iter().any(|run| !run.latency.quantiles_ms.is_empty()),
            Chart::Requests | Chart::Bytes => runs.iter().any(|run| 1 < run.seconds.len()),
            Chart::Cpu => runs.iter().any(|run| run.cpu_of_a_core().is_some()),
            Chart::CpuByFollowers => drawing::has_growth(&drawing::by_followers(findings)),
            Chart::CpuByRate => drawing::has_growth(&drawing::by_rate(findings)),
            Chart::Memory => runs.iter().any(|run| run.bytes_per_follower().is_some()),
            Chart::Publishing => findings.publishing.iter().any(|publishing| 0 < publishing.round_trip.count),
            Chart::Clients => !findings.clients.is_empty(),
            Chart::Trouble => findings.troubled.iter().any(|run| run.trouble.is_some()),
        }
    }

    /// What stands over it.
    pub(super) fn title(self) -> &'static str {
        match self {
            Chart::Sweep => "Which way is cheapest for which load",
            Chart::Latency => "How late messages come",
            Chart::Requests => "Requests in each second",
            Chart::Bytes => "Bytes in each second",
            Chart::Cpu => "What each way costs the server",
            Chart::CpuByFollowers => "How the cost grows with followers",
            Chart::CpuByRate => "How the cost grows with messages",
            Chart::Memory => "Memory for each follower",
            Chart::Publishing => "Publishing: how long a message takes",
            Chart::Clients => "How long a complete client is",
            Chart::Trouble => "After the trouble: when followers are whole again",
        }
    }

    /// How it is read, in a sentence or two.
    pub(super) fn reading(self) -> &'static str {
        match self {
            Chart::Sweep => {
                "Each cell names the way that costs the server least among those that are early enough, and what it costs: a part of one core, or bytes for each message where that is not measured. Costs within 40 %, or 0.05 % of a core, count as the same, and the simplest way gets the cell."
            }
            Chart::Latency => {
                "From the moment at which a message should have been sent until a follower had it. Each line goes from the earliest delivery on the left to the latest on the right; at 50 % half of the deliveries are earlier. The scale is logarithmic."
            }
            Chart::Requests => "All panels have the same scale. The hatched part brought no message.",
            Chart::Bytes => {
                "All panels have the same scale: above the line what followers received, below it, lighter, what they sent; with the heads and frames around messages."
            }
            Chart::Cpu => {
                "Processor time of the server, as a part of one core, while messages were published."
            }
            Chart::CpuByFollowers => {
                "The same rate of messages for other numbers of followers, in shorter runs. Both scales are linear, or both logarithmic where the costs span more."
            }
            Chart::CpuByRate => {
                "The same followers at other rates of messages, in shorter runs. Polls are as many at any rate, and one may bring several messages."
            }
            Chart::Memory => {
                "The server's own memory that followers added when all had joined, divided by their number; without what the kernel keeps for a connection."
            }
            Chart::Publishing => {
                "One message after the other over one connection, from sending to acknowledgement."
            }
            Chart::Clients => {
                "Lines of code of a client that is complete: it keeps its offset, comes back after a lost connection, and hears of resets. Without comments and empty lines."
            }
            Chart::Trouble => {
                "From the end of the server until a follower had all that was published until its return, and followed again. The solid part is half of the followers, the light part all of them."
            }
        }
    }

    /// The same without its looks, as a table.
    pub(super) fn data(self, findings: &Findings) -> Data {
        data::of(self, findings)
    }

    /// An SVG element for a page that has the style already.
    pub(super) fn inline(self, findings: &Findings) -> String {
        let canvas = drawing::draw(self, findings);
        let frame = Frame { corner: (0.0, 0.0), width: canvas.width, height: canvas.height, attributes: "" };
        svg(self, &canvas, &frame, "")
    }
}

/// Writes one chart as an SVG file of its own, with its title, and with colours for light and dark. It is an empty plot where
/// [`Chart::is_in`] says that there is nothing.
pub fn write_chart(findings: &Findings, chart: Chart, out: &mut dyn Write) -> io::Result<()> {
    const MARGIN: f64 = 20.0;
    const TITLE: f64 = 34.0;
    let canvas = drawing::draw(chart, findings);
    let (width, height) = (canvas.width + 2.0 * MARGIN, canvas.height + 2.0 * MARGIN + TITLE);
    let corner = (-MARGIN, -MARGIN - TITLE);
    let mut around = Canvas::new(width, height);
    around.rect("ground", corner, (width, height), "");
    around.text("heading", Anchor::Start, 0.0, -TITLE + 12.0, chart.title());
    let frame = Frame { corner, width, height, attributes: " xmlns=\"http://www.w3.org/2000/svg\"" };
    let inside = format!("<style>{STYLE}</style>\n{}", around.body());
    out.write_all(svg(chart, &canvas, &frame, &inside).as_bytes())
}

/// What of the picture is shown, and how large.
struct Frame {
    corner: (f64, f64),
    width: f64,
    height: f64,
    attributes: &'static str,
}

fn svg(chart: Chart, canvas: &Canvas, frame: &Frame, inside: &str) -> String {
    let Frame { corner: (x, y), width, height, attributes } = frame;
    let name = chart.name();
    let (title, reading) = (escaped(chart.title()), escaped(chart.reading()));
    // The hatching has the chart's name: several charts share a page.
    format!(
        "<svg{attributes} viewBox=\"{x:.0} {y:.0} {width:.0} {height:.0}\" width=\"{width:.0}\" height=\"{height:.0}\" role=\"img\" \
         aria-labelledby=\"{name}-title {name}-desc\"><title id=\"{name}-title\">{title}</title>\
         <desc id=\"{name}-desc\">{reading}</desc>{inside}\
         <defs><pattern id=\"{name}-hatch\" width=\"5\" height=\"5\" patternUnits=\"userSpaceOnUse\" patternTransform=\"rotate(45)\">\
         <path class=\"hatch\" d=\"M0 0V5\"/></pattern></defs>\n<g style=\"--hatch:url(#{name}-hatch)\">\n{}</g></svg>\n",
        canvas.body()
    )
}

/// A count as a length.
#[expect(clippy::cast_precision_loss, reason = "a count of things in a picture")]
fn whole(count: usize) -> f64 {
    count as f64
}
