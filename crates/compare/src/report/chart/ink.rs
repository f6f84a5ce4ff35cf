//! How each way looks: a colour (a class that the style sheet knows), a shape, and a dash for its kin.

use crate::findings::Findings;
use crate::way::Way;

/// The looks of one way in one document.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Ink {
    /// The class of its elements.
    pub(super) class: &'static str,
    /// The number of its shape.
    pub(super) shape: usize,
}

/// The intervals of polling in a document, so that each has a look of its own.
#[derive(Clone, Debug, Default)]
pub(super) struct Inks {
    intervals: Vec<f64>,
}

impl Inks {
    pub(super) fn of(findings: &Findings) -> Inks {
        let intervals = findings.all_runs().filter_map(|run| run.way?.interval());
        let mut intervals: Vec<f64> = intervals.map(|interval| interval.as_secs_f64()).collect();
        intervals.sort_by(f64::total_cmp);
        intervals.dedup();
        Inks { intervals }
    }

    /// From the fourth interval on they begin anew: labels tell them apart.
    pub(super) fn ink(&self, way: Way) -> Ink {
        const POLLS: [Ink; 3] = [
            Ink { class: "poll-a", shape: 4 },
            Ink { class: "poll-b", shape: 5 },
            Ink { class: "poll-c", shape: 6 },
        ];
        match way {
            Way::WebSocket => Ink { class: "websocket", shape: 0 },
            Way::Sse => Ink { class: "sse", shape: 1 },
            Way::LongPoll => Ink { class: "long-poll", shape: 2 },
            Way::LongPollClosing => Ink { class: "closing", shape: 3 },
            Way::Poll { every_s } => {
                let index = self.intervals.iter().position(|interval| every_s <= *interval).unwrap_or(0);
                POLLS[index % POLLS.len()]
            }
        }
    }
}
