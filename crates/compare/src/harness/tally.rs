//! What is counted in a run, and over which time.

use super::durations::Durations;
use super::payload::Marked;
use super::track::Arrival;
use crate::findings::Second;

/// The measured time, by the clock of the run.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Window {
    pub(super) begin_ns: u64,
    pub(super) end_ns: u64,
}

impl Window {
    /// Whether a moment is within.
    pub(super) fn has(self, ns: u64) -> bool {
        (self.begin_ns..self.end_ns).contains(&ns)
    }
}

/// Counts of one run. Until the window is known nothing is counted but what concerns loss.
#[derive(Debug)]
pub(super) struct Tally {
    window: Option<Window>,
    seconds: Vec<Second>,
    /// Messages of the measured time that came for the first time.
    pub(super) delivered: u64,
    /// All messages that came for the first time.
    pub(super) delivered_ever: u64,
    pub(super) repeated: u64,
    pub(super) reordered: u64,
    pub(super) latency: Durations,
    pub(super) requests: u64,
    /// All requests, also before the measured time.
    pub(super) requests_ever: u64,
    pub(super) empty_requests: u64,
    pub(super) sent_bytes: u64,
    pub(super) received_bytes: u64,
    pub(super) connections_opened: u64,
    /// Polls that were not sent because the one before was not answered.
    pub(super) skipped_polls: u64,
    /// The status of the last answer by which a follower was told to come later.
    pub(super) refused_status: Option<u16>,
    /// How late was done what was due.
    pub(super) lateness: Durations,
    /// For how long what came lay unread.
    pub(super) unread: Durations,
    /// Since the server is back after trouble.
    returned_ns: Option<u64>,
    /// Requests in each tenth of a second since then.
    tenths: Vec<u32>,
}

impl Tally {
    pub(super) fn new() -> anyhow::Result<Tally> {
        Ok(Tally {
            window: None,
            seconds: Vec::new(),
            delivered: 0,
            delivered_ever: 0,
            repeated: 0,
            reordered: 0,
            latency: Durations::new()?,
            requests: 0,
            requests_ever: 0,
            empty_requests: 0,
            sent_bytes: 0,
            received_bytes: 0,
            connections_opened: 0,
            skipped_polls: 0,
            refused_status: None,
            lateness: Durations::new()?,
            unread: Durations::new()?,
            returned_ns: None,
            tenths: Vec::new(),
        })
    }

    /// From now on it is known what is measured.
    pub(super) fn measure(&mut self, window: Window) {
        let seconds = (window.end_ns - window.begin_ns).div_ceil(SECOND_NS);
        self.seconds = vec![Second::default(); usize::try_from(seconds).unwrap_or(0)];
        self.window = Some(window);
    }

    pub(super) fn window(&self) -> Option<Window> {
        self.window
    }

    /// Whether that moment is measured.
    pub(super) fn is_measured(&self, ns: u64) -> bool {
        self.window.is_some_and(|window| window.has(ns))
    }

    fn second(&mut self, now_ns: u64) -> Option<&mut Second> {
        let window = self.window.filter(|window| window.has(now_ns))?;
        let index = (now_ns - window.begin_ns) / SECOND_NS;
        self.seconds.get_mut(usize::try_from(index).ok()?)
    }

    /// A request is sent. Returns whether it counts: so does its answer then, whenever it comes.
    pub(super) fn on_request(&mut self, now_ns: u64) -> bool {
        self.requests_ever += 1;
        self.note_tenth(now_ns);
        let Some(second) = self.second(now_ns) else { return false };
        second.requests += 1;
        self.requests += 1;
        true
    }

    /// The server is back: from now on requests are counted in each tenth of a second.
    pub(super) fn on_returned(&mut self, now_ns: u64) {
        self.returned_ns = Some(now_ns);
        self.tenths = vec![0; TENTHS_MAX];
    }

    fn note_tenth(&mut self, now_ns: u64) {
        let tenth = self.returned_ns.and_then(|from_ns| now_ns.checked_sub(from_ns)).map(|ns| ns / TENTH_NS);
        let index = tenth.and_then(|tenth| usize::try_from(tenth).ok());
        if let Some(count) = index.and_then(|index| self.tenths.get_mut(index)) {
            *count += 1;
        }
    }

    /// The most requests in a tenth of a second between the return of the server and that moment.
    pub(super) fn busiest_tenth(&self, until_ns: u64) -> u32 {
        let ns = self.returned_ns.map_or(0, |from_ns| until_ns.saturating_sub(from_ns));
        let tenths = usize::try_from(ns / TENTH_NS + 1).unwrap_or(usize::MAX);
        self.tenths.iter().take(tenths).copied().max().unwrap_or(0)
    }

    /// The answer to a request that counts brought nothing.
    pub(super) fn on_empty_answer(&mut self, now_ns: u64) {
        self.empty_requests += 1;
        if let Some(second) = self.second(now_ns) {
            second.empty_requests += 1;
        }
    }

    pub(super) fn on_sent(&mut self, now_ns: u64, bytes: usize) {
        if let Some(second) = self.second(now_ns) {
            second.sent_bytes += bytes as u64;
            self.sent_bytes += bytes as u64;
        }
    }

    pub(super) fn on_received(&mut self, now_ns: u64, bytes: usize) {
        if let Some(second) = self.second(now_ns) {
            second.received_bytes += bytes as u64;
            self.received_bytes += bytes as u64;
        }
    }

    pub(super) fn on_connection(&mut self, now_ns: u64) {
        self.connections_opened += u64::from(self.is_measured(now_ns));
    }

    pub(super) fn on_message(&mut self, now_ns: u64, marked: &Marked, arrival: Arrival) {
        match arrival {
            Arrival::Repeated => {
                self.repeated += 1;
                return;
            }
            Arrival::Reordered => self.reordered += 1,
            Arrival::InOrder => {}
        }
        self.delivered_ever += 1;
        if let Some(second) = self.second(now_ns) {
            second.delivered += 1;
        }
        if self.is_measured(marked.due_ns) {
            self.delivered += 1;
            self.latency.record_ns(now_ns.saturating_sub(marked.due_ns));
        }
    }

    /// Something is done that was due then.
    pub(super) fn on_due(&mut self, now_ns: u64, due_ns: u64) {
        if self.is_measured(due_ns) {
            self.lateness.record_ns(now_ns.saturating_sub(due_ns));
        }
    }

    /// What had come lay unread for so long.
    pub(super) fn on_unread(&mut self, now_ns: u64, ns: u64) {
        if self.is_measured(now_ns) {
            self.unread.record_ns(ns);
        }
    }

    /// A poll that was due then is not sent, because the one before it is not answered.
    pub(super) fn on_skipped_poll(&mut self, due_ns: u64) {
        self.skipped_polls += u64::from(self.is_measured(due_ns));
    }

    pub(super) fn into_seconds(self) -> Vec<Second> {
        self.seconds
    }
}

const SECOND_NS: u64 = 1_000_000_000;

const TENTH_NS: u64 = SECOND_NS / 10;

/// For how long a return is looked at: two minutes.
const TENTHS_MAX: usize = 1_200;

#[cfg(test)]
mod tests {
    use super::*;

    const S: u64 = SECOND_NS;

    fn tally() -> Tally {
        let mut tally = Tally::new().unwrap();
        tally.measure(Window { begin_ns: 10 * S, end_ns: 12 * S + S / 2 });
        tally
    }

    #[test]
    fn only_what_is_within_the_window_is_counted() {
        let mut tally = tally();
        assert!(!tally.on_request(10 * S - 1) && !tally.on_request(12 * S + S / 2));
        assert!(tally.on_request(10 * S) && tally.on_request(12 * S));
        tally.on_received(9 * S, 5);
        tally.on_received(11 * S, 7);
        assert_eq!((tally.requests, tally.received_bytes), (2, 7));
        let seconds = tally.into_seconds();
        assert_eq!(seconds.iter().map(|second| second.requests).collect::<Vec<_>>(), [1, 0, 1]);
        assert_eq!(seconds[1].received_bytes, 7);
    }

    #[test]
    fn the_busiest_tenth_of_a_return_is_found() {
        let mut tally = tally();
        tally.on_request(5 * S);
        tally.on_returned(6 * S);
        for ms in [0, 50, 99, 100, 250, 299, 298, 297, 900] {
            tally.on_request(6 * S + ms * 1_000_000);
        }
        assert_eq!((tally.busiest_tenth(6 * S), tally.busiest_tenth(6 * S + S / 2)), (3, 4));
    }

    #[test]
    fn a_message_of_the_window_counts_whenever_it_comes() {
        let mut tally = tally();
        let marked = |due_ns| Marked { run: 0, stream: 0, number: 0, due_ns };
        tally.on_message(11 * S, &marked(9 * S), Arrival::InOrder);
        tally.on_message(20 * S, &marked(12 * S), Arrival::InOrder);
        tally.on_message(20 * S, &marked(12 * S), Arrival::Repeated);
        assert_eq!((tally.delivered, tally.delivered_ever, tally.repeated), (1, 2, 1));
        assert!((tally.latency.at_ms(0.5) - 8_000.0).abs() < 10.0);
        assert_eq!(tally.into_seconds()[1].delivered, 1);
    }
}
