//! Publishing measured by itself: one message after the other over one connection.

use super::ask::Endpoint;
use super::crowd::{Addresses, Crowd};
use super::dialect::{Place, PublishWay};
use super::follower;
use super::payload::Marks;
use super::publisher::{self, Pace, Publisher};
use super::site::Site;
use super::{Interrupted, Live, Watch};
use crate::clock::{Clock, nanoseconds, seconds};
use crate::findings::Publishing;
use crate::way::Way;
use anyhow::Context as _;
use std::sync::Arc;
use std::time::Duration;

/// What is published before anything is measured, so that the measured messages find all as it stays.
const WARM_UP: Duration = Duration::from_millis(300);

/// How long the server may take to open the connection, or for the last answer.
const ANSWER_MAX: Duration = Duration::from_secs(10);

/// How often is told how it is going.
const LIVE_EVERY: Duration = Duration::from_millis(200);

/// What is published, and for how long.
#[derive(Clone, Copy, Debug)]
pub(crate) struct PublishingLoad {
    pub(crate) message_bytes: usize,
    pub(crate) duration: Duration,
}

/// Publishes for that time, each message when the one before is acknowledged, to a stream that nobody follows. The connection is the one
/// that a follower would have, where there is a proxy; but nothing is lost.
///
/// # Errors
/// [`Interrupted`] when `watch` says so. Otherwise when the server can't be published to in this way, or does not acknowledge.
pub(crate) fn measure_publishing(
    site: &mut Site,
    by: PublishWay,
    load: PublishingLoad,
    watch: Watch<'_>,
) -> anyhow::Result<Publishing> {
    let dialect = Arc::clone(&site.dialect);
    anyhow::ensure!(
        dialect.ways_to_publish().contains(&by),
        "{} has no publishing by {}",
        dialect.speaks(),
        by.name()
    );
    anyhow::ensure!(
        dialect.acknowledges(by),
        "{} does not acknowledge what is published by {}",
        dialect.speaks(),
        by.name()
    );
    let clock = Clock::start();
    let run = rand::random();
    let streams: Arc<[String]> = Arc::new([format!("compare/{:016x}/publishing", rand::random::<u64>())]);
    let places = site.create(&streams)?;
    let publisher = Publisher::new(publisher::Course {
        dialect,
        by,
        streams: Arc::clone(&streams),
        run,
        message_bytes: load.message_bytes,
        repeats: false,
    })?;
    // The proxy ends with this function.
    let (at, _proxy) = site.publisher_afar()?;
    let crowd = crowd(site, at, clock, &streams, &places, run)?;
    let mut course = Course { crowd, clock, live_due_ns: 0, began_ns: 0 };
    let found = course.run(publisher, site, by, load.duration, watch);
    let removed = site.remove(&streams);
    found.and_then(|found| removed.map(|()| found))
}

/// A crowd of nobody.
fn crowd(
    site: &Site,
    publisher: Endpoint,
    clock: Clock,
    streams: &Arc<[String]>,
    places: &[Place],
    run: u16,
) -> anyhow::Result<Crowd> {
    let course = follower::Course {
        dialect: Arc::clone(&site.dialect),
        way: Way::WebSocket,
        streams: Arc::clone(streams),
        run,
        marks: Marks::new(),
    };
    let addresses = Addresses { followers: publisher.clone(), publisher, from_many: false };
    Crowd::new(clock, course, places, 0, addresses, 0)
}

struct Course {
    crowd: Crowd,
    clock: Clock,
    began_ns: u64,
    live_due_ns: u64,
}

impl Course {
    fn run(
        &mut self,
        publisher: Publisher,
        site: &Site,
        by: PublishWay,
        duration: Duration,
        watch: Watch<'_>,
    ) -> anyhow::Result<Publishing> {
        self.crowd.open_publisher(publisher)?;
        self.go_on(ANSWER_MAX, watch, |publisher, _| publisher.is_open())?;
        self.publish_for(WARM_UP, watch)?;
        let before = site.cpu();
        self.publisher()?.forget();
        self.publish_for(duration, watch)?;
        let after = site.cpu();
        let publisher = self.publisher()?;
        let count = publisher.acknowledged();
        anyhow::ensure!(0 < count, "nothing was acknowledged within {duration:?}");
        let each = |amount: f64| amount / as_f64(count);
        Ok(Publishing {
            how: by.name().to_owned(),
            published: count,
            round_trip: publisher.round_trip.distribution(),
            server_cpu_us: before
                .zip(after)
                .map(|(before, after)| each(after.saturating_sub(before).as_secs_f64() * 1e6)),
            sent_bytes: each(as_f64(publisher.sent_bytes)),
            received_bytes: each(as_f64(publisher.received_bytes)),
        })
    }

    fn publisher(&mut self) -> anyhow::Result<&mut Publisher> {
        self.crowd.publisher.as_mut().context("the publisher is there")
    }

    fn publish_for(&mut self, time: Duration, watch: Watch<'_>) -> anyhow::Result<()> {
        let end_ns = self.clock.now_ns() + nanoseconds(time);
        self.publisher()?.begin(Pace::OneByOne { end_ns });
        self.go_on(time + ANSWER_MAX, watch, |publisher, now_ns| {
            end_ns <= now_ns && publisher.is_done(now_ns)
        })
    }

    fn go_on(
        &mut self,
        most: Duration,
        watch: Watch<'_>,
        is_done: impl Fn(&Publisher, u64) -> bool,
    ) -> anyhow::Result<()> {
        let until_ns = self.clock.now_ns() + nanoseconds(most);
        loop {
            let now_ns = self.clock.now_ns();
            if self.live_due_ns <= now_ns {
                self.live_due_ns = now_ns + nanoseconds(LIVE_EVERY);
                let live = Live { elapsed_s: seconds(now_ns - self.began_ns), ..Live::default() };
                if watch(&live).is_break() {
                    return Err(Interrupted.into());
                }
            }
            if is_done(self.publisher()?, now_ns) {
                return Ok(());
            }
            anyhow::ensure!(now_ns < until_ns, "the server did not answer a publisher within {most:?}");
            self.crowd.turn(self.live_due_ns)?;
        }
    }
}

#[expect(clippy::cast_precision_loss, reason = "counts of a run are far below 2^52")]
fn as_f64(count: u64) -> f64 {
    count as f64
}
