//! The way to a server through whatever stands before it: the doctor follows a stream of its own over each transport, publishes to it, and
//! says what came, and how late.

use super::finding::{Finding, time_text};
use crate::wall_clock::now;
use anyhow::{Context as _, anyhow, bail};
use std::time::{Duration, Instant};
use tidings_client::{
    Client, ClientOptions, ContentType, CreateOptions, Failure, Follow, FollowEvent, FollowOptions, Publish,
    Start, Status, StreamConfig, StreamName, Via,
};
use tidings_model::{Durability, Lifetime, Retention};
use tokio::time::timeout;

/// What is followed in turn, and what it is called.
const WAYS: [(Via, &str); 4] = [
    (Via::Poll { every: Some(POLL_EVERY) }, "poll"),
    (Via::LongPoll, "long poll"),
    (Via::Sse, "SSE"),
    (Via::WebSocket, "WebSocket"),
];

const POLL_EVERY: Duration = Duration::from_millis(200);

/// How many messages are published to each.
const MESSAGES: usize = 5;

/// Between two of them, so that a proxy that waits for more waits in vain.
const PAUSE: Duration = Duration::from_millis(300);

/// When what was to come does not.
const PATIENCE: Duration = Duration::from_secs(5);

/// What may be said of the server's answers, beside the way to and fro.
const LATE: Duration = Duration::from_millis(120);

/// How to look.
pub(super) struct Asked {
    pub(super) url: String,
    pub(super) options: ClientOptions,
    /// How long nothing moves on each connection before one more message is sent. Zero is not at all.
    pub(super) quiet: Duration,
}

/// How one transport fares.
struct Fared {
    delays: Vec<Duration>,
    /// Whether the connection was still there after the silence.
    outlived: Option<bool>,
}

/// Looks, over all transports at once.
pub(super) async fn check(asked: &Asked) -> Vec<Finding> {
    match Ground::prepare(asked).await {
        Ok(ground) => {
            let [poll, long_poll, sse, websocket] = WAYS.map(|way| ground.look(way, asked.quiet));
            let (poll, long_poll, sse, websocket) = tokio::join!(poll, long_poll, sse, websocket);
            let way = ground.told();
            ground.clear().await;
            vec![way, poll, long_poll, sse, websocket]
        }
        Err(error) => vec![Finding::bad("way", format!("{}: {error:#}", asked.url), ADVICE)],
    }
}

const ADVICE: &str = "the doctor makes a stream below `doctor/`, follows it, publishes to it and deletes it: where the server has rules, \
                      it needs a token that may create, read, publish and delete `doctor/**` (--token, or TIDINGS_TOKEN)";

/// A client, and what it takes to publish through the same way.
struct Ground {
    asked_options: ClientOptions,
    url: String,
    client: Client,
    folder: String,
    /// How long a publish takes, to there and back.
    round_trip: Duration,
}

impl Ground {
    async fn prepare(asked: &Asked) -> anyhow::Result<Ground> {
        let client = Client::with_options(&asked.url, asked.options.clone())?;
        let folder = format!("doctor/{:012x}", rand::random::<u64>() >> 16);
        let ground = Ground {
            asked_options: asked.options.clone(),
            url: asked.url.clone(),
            client,
            folder,
            round_trip: Duration::ZERO,
        };
        for (_, name) in WAYS {
            ground.create(&ground.stream(name)).await?;
        }
        let mut trips = Vec::new();
        for _ in 0..3 {
            trips.push(ground.publish(&ground.stream(WAYS[0].1)).await?);
        }
        let round_trip = trips.into_iter().min().unwrap_or_default();
        Ok(Ground { round_trip, ..ground })
    }

    fn stream(&self, way: &str) -> StreamName {
        let name = format!("{}/{}", self.folder, way.replace(' ', "-"));
        StreamName::parse(&name).expect("hex digits and words are segments of a name")
    }

    /// It goes away by itself, should the doctor not come to it.
    async fn create(&self, stream: &StreamName) -> anyhow::Result<()> {
        let config = StreamConfig {
            content_type: ContentType::json(),
            lifetime: Lifetime::Ttl { seconds: 600 },
            retention: Retention::default(),
            durability: Some(Durability::Memory),
        };
        let created = self.client.create(stream, CreateOptions { config, closed: false }).await;
        created.with_context(|| format!("creating `{stream}`"))?;
        Ok(())
    }

    /// Publishes a message; says how long that took.
    async fn publish(&self, stream: &StreamName) -> anyhow::Result<Duration> {
        let began = now();
        let publish = Publish::one(ContentType::json(), "0");
        self.client.publish(stream, &publish).await.with_context(|| format!("publishing to `{stream}`"))?;
        Ok(now().saturating_duration_since(began))
    }

    async fn clear(&self) {
        for (_, name) in WAYS {
            // What is not deleted ends by itself.
            let _ended_by_itself = self.client.delete(&self.stream(name)).await;
        }
    }

    fn told(&self) -> Finding {
        let found = format!("{}: a publish takes {} there and back", self.url, time_text(self.round_trip));
        Finding::good("way", found).with("round_trip_ms", millis(self.round_trip))
    }

    async fn look(&self, (via, name): (Via, &'static str), quiet: Duration) -> Finding {
        match self.follow(via, name, quiet).await {
            Ok(fared) => self.judge(via, name, &fared),
            Err(error) => Finding::bad(name, format!("{error:#}"), why_not(via)),
        }
    }

    async fn follow(&self, via: Via, name: &str, quiet: Duration) -> anyhow::Result<Fared> {
        let stream = self.stream(name);
        // A client of its own, so that none of them shares a connection with another.
        let options = ClientOptions { via, ..self.asked_options.clone() };
        let client = Client::with_options(&self.url, options)?;
        let mut watch = Watch::new(client.follow(&stream, FollowOptions::from(Start::Now)));
        watch.until_live().await?;
        let mut delays = Vec::with_capacity(MESSAGES);
        for _ in 0..MESSAGES {
            let sent = now();
            let (published, arrived) = tokio::join!(self.publish(&stream), watch.until_message());
            published?;
            delays.push(arrived?.saturating_duration_since(sent));
            tokio::time::sleep(PAUSE).await;
        }
        delays.sort_unstable();
        if quiet.is_zero() {
            return Ok(Fared { delays, outlived: None });
        }
        watch.was_lost = false;
        watch.while_quiet(quiet).await?;
        let (published, arrived) = tokio::join!(self.publish(&stream), watch.until_message());
        published?;
        arrived.context("after the silence")?;
        Ok(Fared { delays, outlived: Some(!watch.was_lost) })
    }

    fn judge(&self, via: Via, name: &'static str, Fared { delays, outlived }: &Fared) -> Finding {
        let median = delays.get(delays.len() / 2).copied().unwrap_or_default();
        let worst = delays.last().copied().unwrap_or_default();
        let is_poll = matches!(via, Via::Poll { .. });
        let interval = if is_poll { POLL_EVERY } else { Duration::ZERO };
        let is_late = interval + self.round_trip + LATE < median;
        let mut found = format!("messages come after {} (at most {})", time_text(median), time_text(worst));
        if is_poll {
            found = format!("{found}, asked for every {}", time_text(POLL_EVERY));
        }
        let finding = if is_late {
            Finding::doubtful(
                name,
                format!("{found}: late"),
                "something on the way gathers what passes (HAProxy: `option http-no-delay`; nginx: `proxy_buffering off`)",
            )
        } else if *outlived == Some(false) {
            Finding::doubtful(
                name,
                format!("{found}; the connection was cut while nothing moved"),
                "raise the idle time limits of what stands before the server above its `heartbeat`",
            )
        } else {
            Finding::good(name, found)
        };
        finding
            .with("median_ms", millis(median))
            .with("max_ms", millis(worst))
            .with("survives", true)
            .with("outlived_silence", *outlived)
    }
}

/// A follow, and what became of it.
struct Watch {
    follow: Follow,
    was_lost: bool,
    failure: Option<Failure>,
}

impl Watch {
    fn new(follow: Follow) -> Watch {
        Watch { follow, was_lost: false, failure: None }
    }

    async fn until_live(&mut self) -> anyhow::Result<()> {
        self.until("the follow did not begin", |event| matches!(event, FollowEvent::Live { .. })).await?;
        Ok(())
    }

    async fn until_message(&mut self) -> anyhow::Result<Instant> {
        self.until("no message came", |event| matches!(event, FollowEvent::Messages(_))).await
    }

    /// Waits for an event of that kind; says when it came.
    async fn until(
        &mut self,
        otherwise: &str,
        is_it: impl Fn(&FollowEvent) -> bool,
    ) -> anyhow::Result<Instant> {
        let wait = async {
            loop {
                let event = self.follow.next().await?;
                self.note(&event)?;
                if is_it(&event) {
                    return anyhow::Ok(now());
                }
            }
        };
        match timeout(PATIENCE, wait).await {
            Ok(outcome) => outcome,
            Err(_too_long) => Err(self.failed(otherwise)),
        }
    }

    async fn while_quiet(&mut self, quiet: Duration) -> anyhow::Result<()> {
        let wait = async {
            loop {
                let event = self.follow.next().await?;
                self.note(&event)?;
            }
        };
        match timeout(quiet, wait).await {
            Ok(outcome) => outcome,
            Err(_over) => Ok(()),
        }
    }

    fn note(&mut self, event: &FollowEvent) -> anyhow::Result<()> {
        match event {
            FollowEvent::Status(Status::Retrying { failure, .. }) => {
                self.was_lost = true;
                self.failure = Some(failure.clone());
            }
            FollowEvent::Reset(reset) => bail!("reset: {}", reset.reason),
            FollowEvent::Closed { .. } => bail!("the stream was closed by somebody"),
            FollowEvent::Messages(_)
            | FollowEvent::Live { .. }
            | FollowEvent::Skipped(_)
            | FollowEvent::Status(_) => {}
        }
        Ok(())
    }

    fn failed(&self, otherwise: &str) -> anyhow::Error {
        let within = time_text(PATIENCE);
        match &self.failure {
            Some(failure) => anyhow!("{otherwise} within {within}; the last try: {failure}"),
            None => anyhow!("{otherwise} within {within}"),
        }
    }
}

/// What most often keeps a transport from getting through.
fn why_not(via: Via) -> &'static str {
    match via {
        Via::Sse => {
            "something on the way keeps the answer until it is whole: turn response buffering off (nginx: `proxy_buffering off`, and \
             nothing that ignores `X-Accel-Buffering`); clients fall back to long polls"
        }
        Via::WebSocket => {
            "something on the way does not pass upgrades on (nginx: `proxy_http_version 1.1` and the fields `Upgrade` and \
             `Connection`); clients fall back to SSE"
        }
        Via::LongPoll => {
            "something on the way ends requests that are held: raise its time limit above 30 s; clients fall back to polls"
        }
        Via::Poll { .. } | Via::Auto => "look at the log of what stands before the server",
    }
}

fn millis(time: Duration) -> f64 {
    (time.as_secs_f64() * 1e4).round() / 10.0
}
