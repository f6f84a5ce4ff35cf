//! Trouble in the middle of a run: connections are reset, and a server of our own is killed and started again.
//!
//! Both end as in life: a reset, and no farewell. The publisher goes on, and publishes again what was not acknowledged, with the key that it
//! had.

use super::{Course, Watch, as_f64};
use crate::clock::{milliseconds, nanoseconds};
use crate::findings::Trouble;
use crate::harness::durations::Durations;
use crate::harness::publisher::Pace;
use crate::harness::site::Site;
use crate::harness::tally::Window;
use anyhow::Context as _;
use std::time::Duration;

/// Which part of the connections is reset.
const RESET_SHARE: f64 = 0.02;

/// How long after that the server ends, at most.
const PAUSE_MAX: Duration = Duration::from_secs(1);

/// How long the server may be away.
const AWAY_MAX: Duration = Duration::from_secs(30);

/// How often is looked whether it is back.
const LOOK_EVERY: Duration = Duration::from_millis(1);

/// What was done.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Done {
    /// When the server ended, or connections were reset where it went on.
    began_ns: u64,
    /// For how long the server was away.
    away_ns: u64,
    resets: u64,
    /// Whether the server was restarted, which concerns everybody.
    is_restarted: bool,
}

impl Course {
    /// Waits until half of the measured time is over, and makes trouble.
    pub(super) fn make_trouble(
        &mut self,
        site: &mut Site,
        pace: Pace,
        window: Window,
        watch: Watch<'_>,
    ) -> anyhow::Result<Done> {
        let half_ns = (window.end_ns - window.begin_ns) / 2;
        self.turn_until(window.begin_ns + half_ns, watch)?;
        let proxy = site.proxy.as_ref().context("trouble comes through a proxy")?;
        let began_ns = self.now_ns();
        self.crowd.on_trouble();
        let resets = proxy.reset(RESET_SHARE) as u64;
        self.crowd.on_returned(self.due_by(pace, began_ns));
        if site.child.is_none() {
            return Ok(Done { began_ns, away_ns: 0, resets, is_restarted: false });
        }
        self.turn_until(began_ns + (half_ns / 4).min(nanoseconds(PAUSE_MAX)), watch)?;
        self.crowd.on_trouble();
        let ended_ns = self.now_ns();
        let starting = site.restart()?;
        while !site.has_returned(&starting)? {
            let away_ns = self.now_ns() - ended_ns;
            anyhow::ensure!(
                away_ns < nanoseconds(AWAY_MAX),
                "the server did not come back within {AWAY_MAX:?}"
            );
            self.turn(self.now_ns() + nanoseconds(LOOK_EVERY), watch)?;
        }
        let back_ns = self.now_ns();
        self.crowd.on_returned(self.due_by(pace, back_ns));
        Ok(Done { began_ns: ended_ns, away_ns: back_ns - ended_ns, resets, is_restarted: true })
    }

    /// How many messages of each stream were due by then.
    fn due_by(&self, pace: Pace, end_ns: u64) -> Vec<u64> {
        pace.counts(Window { begin_ns: 0, end_ns }, self.streams.len())
    }

    /// What came of it, when the run is over.
    pub(super) fn came_of(&self, done: Done) -> Trouble {
        let mut whole_after = Durations::new().expect("the bounds of a histogram are fixed");
        let (mut never_whole, mut last_ns) = (0, done.began_ns);
        for (comeback, is_held) in self.crowd.comebacks() {
            match comeback.whole_ns(is_held) {
                Some(whole_ns) => {
                    whole_after.record_ns(whole_ns - done.began_ns.min(whole_ns));
                    last_ns = last_ns.max(whole_ns);
                }
                None if done.is_restarted || comeback.is_lost() => never_whole += 1,
                // The reset did not meet it.
                None => {}
            }
        }
        let peak = self.crowd.tally.busiest_tenth(last_ns);
        Trouble {
            away_ms: milliseconds(done.away_ns),
            resets: done.resets,
            whole_after: whole_after.distribution(),
            never_whole,
            requests_peak_per_s: as_f64(u64::from(peak)) * 10.0,
        }
    }
}
