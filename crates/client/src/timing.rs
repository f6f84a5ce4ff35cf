//! Every number of the session, in one place.

use std::time::Duration;

/// The numbers of a session: how long it waits for what, and when it tries again. The defaults are right for almost
/// everybody; tests shorten them.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Timing {
    /// How long a WebSocket may show nothing of a stream until SSE is tried beside it.
    pub sse_after: Duration,
    /// How long SSE may show nothing until a long poll is tried beside it.
    pub long_poll_after: Duration,
    /// How long a WebSocket or SSE may show nothing until it is given up.
    pub dial_max: Duration,
    /// How long a poll may show nothing until it is given up.
    pub answer_max: Duration,
    /// How long a long poll asks to be held: less than the 30 seconds after which many proxies cut an idle request.
    pub hold: Duration,
    /// How much later than asked a held answer may come.
    pub hold_slack: Duration,
    /// A long poll that is answered sooner without messages was not held: the next one waits for so long.
    pub held_min: Duration,
    /// How long between two polls; `None` takes the advice of the server.
    pub poll_interval: Option<Duration>,
    /// How long between two polls when neither user nor server says.
    pub poll_interval_default: Duration,
    /// How long between two polls, at most, that bridge the time until something better works.
    pub bridge_interval: Duration,
    /// How long between two polls, at least, while nobody looks.
    pub hidden_poll_interval: Duration,
    /// A life shorter than this says that a transport does not last here.
    pub short_life: Duration,
    /// So many short lives in a row, and the transport is barred.
    pub short_lives: u32,
    /// How long it is barred: the first time, the second time, and so on; the last one for ever after.
    pub bars: Vec<Duration>,
    /// The bound of the first wait after a loss; it doubles from loss to loss.
    pub backoff_base: Duration,
    /// The bound of every later wait.
    pub backoff_cap: Duration,
    /// How long between two looks for a stream that does not exist yet, at most.
    pub missing_max: Duration,
    /// How long a WebSocket may take to show that it has survived a sleep.
    pub probe: Duration,
    /// How many streams one question over HTTP lists, at most. Of more, each poll asks for those that have waited longest,
    /// and only a WebSocket follows them all.
    pub streams_max: usize,
}

impl Timing {
    /// How long between two polls at least, whoever asks for less.
    pub(crate) const POLL_INTERVAL_MIN: Duration = Duration::from_millis(10);

    /// How long a barred transport waits that was barred `count` times before.
    pub(crate) fn bar(&self, count: usize) -> Duration {
        let last = self.bars.len().saturating_sub(1);
        self.bars.get(count.min(last)).copied().unwrap_or_default()
    }
}

impl Default for Timing {
    fn default() -> Timing {
        let seconds = Duration::from_secs;
        Timing {
            sse_after: Duration::from_millis(2_500),
            long_poll_after: seconds(3),
            dial_max: seconds(10),
            answer_max: seconds(15),
            hold: seconds(25),
            hold_slack: seconds(10),
            held_min: seconds(1),
            poll_interval: None,
            poll_interval_default: seconds(2),
            bridge_interval: seconds(1),
            hidden_poll_interval: seconds(30),
            short_life: seconds(10),
            short_lives: 3,
            bars: [30, 60, 120, 300, 600].map(seconds).to_vec(),
            backoff_base: Duration::from_millis(250),
            backoff_cap: seconds(15),
            missing_max: seconds(2),
            probe: seconds(1),
            streams_max: 100,
        }
    }
}
