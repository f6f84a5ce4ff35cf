//! The soak: clients on networks that break, whose transport is changed again and again, some of them slow, some of them
//! going away and coming back with the offset that they have kept. Nothing may be lost, doubled or reordered.
//!
//! | variable | default | what |
//! |---|---|---|
//! | `TIDINGS_SOAK_SECONDS` | 30 | how long it publishes |
//! | `TIDINGS_SOAK_CLIENTS` | 30 | how many clients there are |
//! | `TIDINGS_SOAK_SEED` | another one each time | all choices that are not the machine's |

use crate::world::{VIAS, name, publisher, quick_timing};
use std::collections::BTreeMap;
use std::time::Duration;
use tidings_client::{Client, ClientOptions, Follow, FollowEvent, FollowOptions, Publisher, Status};
use tidings_model::{Offset, Start};
use tidings_testkit::{Fault, PATIENCE, Proxy, Random, Server};
use tokio::task::JoinSet;
use tokio::time::Instant;

const STREAMS: usize = 10;

/// How many streams each client follows.
const FOLLOWED: usize = 3;

/// How many clients share a network.
const CLIENTS_PER_PROXY: usize = 5;

/// Messages in one publish. Every eighth publish is of one message, which may go over a WebSocket.
const BATCH: u64 = 40;

/// Between two publishes to one stream.
const PUBLISH_EVERY: Duration = Duration::from_millis(120);

struct Settings {
    seconds: u64,
    clients: usize,
    seed: u64,
}

impl Settings {
    fn from_environment() -> Settings {
        let number = |name: &str| std::env::var(name).ok().map(|text| text.parse::<u64>().expect("a number"));
        Settings {
            seconds: number("TIDINGS_SOAK_SECONDS").unwrap_or(30),
            clients: number("TIDINGS_SOAK_CLIENTS").map_or(30, |count| usize::try_from(count).unwrap()),
            seed: number("TIDINGS_SOAK_SEED")
                .unwrap_or_else(|| u64::from(std::process::id()) ^ u64::from(rand::random::<u32>())),
        }
    }
}

/// What a client has seen.
#[derive(Debug, Default)]
struct Seen {
    deliveries: u64,
    changes: u64,
    returns: u64,
    over: BTreeMap<&'static str, u64>,
}

#[tokio::test]
async fn soak_nothing_is_lost_doubled_or_reordered() {
    let Settings { seconds, clients, seed } = Settings::from_environment();
    eprintln!("soak: TIDINGS_SOAK_SEED={seed}, {clients} clients, {seconds} s");
    let server = Server::builder().setting("--heartbeat", "1s").start();
    let proxies: Vec<Proxy> =
        (0..=clients / CLIENTS_PER_PROXY).map(|_| Proxy::start(server.address())).collect();
    let mut random = Random::seeded(seed);
    let ends = Instant::now() + Duration::from_secs(seconds);

    let mut writers = JoinSet::new();
    for stream in 0..STREAMS {
        let client = client(&proxies[stream % proxies.len()]);
        writers.spawn(write(client, stream, ends));
    }
    let mut readers = JoinSet::new();
    let (known, lasts) = tokio::sync::watch::channel(None);
    for index in 0..clients {
        let client = client(&proxies[index / CLIENTS_PER_PROXY]);
        let random = Random::seeded(random.number());
        readers.spawn(read(client, index, random, lasts.clone()));
    }

    let mut tally = Seen::default();
    let written = async {
        let mut written = BTreeMap::new();
        while let Some(one) = writers.join_next().await {
            written.extend([one.unwrap()]);
        }
        written
    };
    tokio::pin!(written);
    let written = loop {
        tokio::select! {
            written = &mut written => break written,
            () = tokio::time::sleep(random.duration(Duration::from_millis(20), Duration::from_millis(250))) => {
                break_something(&proxies, &mut random);
            }
        }
    };
    // All that is left has to arrive now.
    for proxy in &proxies {
        proxy.set(Fault::None);
    }
    let total: u64 = written.values().sum();
    let since = Instant::now();
    known.send(Some(written)).unwrap();
    while let Some(seen) = tokio::time::timeout(PATIENCE, readers.join_next()).await.expect("all arrives") {
        let seen = seen.unwrap();
        tally.deliveries += seen.deliveries;
        tally.changes += seen.changes;
        tally.returns += seen.returns;
        for (transport, count) in seen.over {
            *tally.over.entry(transport).or_default() += count;
        }
    }
    let broken: usize = proxies.iter().map(Proxy::broken).sum();
    eprintln!(
        "soak: {total} messages, {} deliveries, {broken} connections broken, {} changes of transport, {} returns, \
         connected over {:?}, all there {:.1} s after the last one; 0 lost, 0 doubled, 0 reordered",
        tally.deliveries,
        tally.changes,
        tally.returns,
        tally.over,
        since.elapsed().as_secs_f32()
    );
    assert!(broken > clients, "only {broken} connections were broken");
    assert_eq!(tally.over.len(), 4, "all transports were used: {:?}", tally.over);
}

fn client(proxy: &Proxy) -> Client {
    let options = ClientOptions {
        timing: quick_timing(),
        silence_max: Duration::from_secs(2),
        ..ClientOptions::default()
    };
    Client::with_options(&format!("http://{}", proxy.address()), options).unwrap()
}

/// One of the networks breaks in one of the ways in which networks do, or is whole again.
fn break_something(proxies: &[Proxy], random: &mut Random) {
    let proxy = &proxies[random.below(proxies.len())];
    match random.below(12) {
        0 => proxy.set(Fault::Swallow),
        1 => proxy.set(Fault::Delay(random.duration(Duration::ZERO, Duration::from_millis(30)))),
        2 => proxy.set(Fault::CutAfter(random.below(20_000))),
        3 => proxy.set(Fault::ResetAfter(random.below(20_000))),
        4 => proxy.set(Fault::ResetAfter(0)),
        5 | 6 => proxy.cut_all(),
        _ => proxy.set(Fault::None),
    }
}

fn stream_name(stream: usize) -> String {
    format!("soak/{stream}")
}

/// Publishes numbers from 1 on; how many.
async fn write(client: Client, stream: usize, ends: Instant) -> (usize, u64) {
    let stream_name = stream_name(stream);
    let publisher: Publisher = publisher(&client, &stream_name);
    // It follows what it publishes, so that there is a WebSocket to publish over.
    let _own = client
        .follow(&name(&stream_name), FollowOptions { wait_for_stream: true, ..FollowOptions::default() });
    let mut last = 0;
    let mut publishes = 0_u64;
    while Instant::now() < ends {
        let count = if publishes % 8 == 7 { 1 } else { BATCH };
        let numbers = (last + 1..=last + count).map(|number| number.to_string().into()).collect();
        let published = publisher.publish(numbers).await.unwrap();
        last += count;
        publishes += 1;
        let offset = published.offset.map_or(last, |offset| offset.index);
        assert_eq!(offset, last, "the server holds what was published, once");
        tokio::time::sleep(PUBLISH_EVERY).await;
    }
    (stream, last)
}

/// Follows some streams until it has all of each.
async fn read(
    client: Client,
    index: usize,
    mut random: Random,
    mut lasts: tokio::sync::watch::Receiver<Option<BTreeMap<usize, u64>>>,
) -> Seen {
    let mut seen = Seen::default();
    let mut followed: Vec<Followed> = (0..FOLLOWED)
        .map(|nth| Followed::begin(&client, (index + nth * (STREAMS / FOLLOWED)) % STREAMS, &mut random))
        .collect();
    let mut changes_at = Instant::now();
    loop {
        if let Some(lasts) = &*lasts.borrow_and_update()
            && followed.iter().all(|one| one.last == lasts[&one.stream])
        {
            return seen;
        }
        if changes_at <= Instant::now() {
            disturb(&client, &mut followed, &mut random, &mut seen).await;
            changes_at =
                Instant::now() + random.duration(Duration::from_millis(100), Duration::from_millis(1_500));
        }
        let [one, two, three] = &mut followed[..] else {
            unreachable!("there are as many as were asked for")
        };
        tokio::select! {
            event = one.follow.next() => one.on_event(event.unwrap(), &mut seen),
            event = two.follow.next() => two.on_event(event.unwrap(), &mut seen),
            event = three.follow.next() => three.on_event(event.unwrap(), &mut seen),
            () = tokio::time::sleep_until(changes_at) => {}
            _ = lasts.changed() => {}
        }
    }
}

/// Something happens to a client that has nothing to do with the network.
async fn disturb(client: &Client, followed: &mut [Followed], random: &mut Random, seen: &mut Seen) {
    match random.below(10) {
        0..=3 => {
            client.set_via(VIAS[random.below(VIAS.len())]);
            seen.changes += 1;
        }
        4 => client.wake(),
        5 => {
            client.pause();
            tokio::time::sleep(random.duration(Duration::ZERO, Duration::from_millis(50))).await;
            client.resume();
        }
        6 | 7 => {
            let at = random.below(followed.len());
            followed[at].come_back(client, random);
            seen.returns += 1;
        }
        // It is slow for a while.
        _ => tokio::time::sleep(random.duration(Duration::ZERO, Duration::from_millis(400))).await,
    }
}

/// A stream that a client follows, and how far it has come.
struct Followed {
    stream: usize,
    follow: Follow,
    offset: Option<Offset>,
    last: u64,
}

impl Followed {
    fn begin(client: &Client, stream: usize, random: &mut Random) -> Followed {
        let follow = Followed::follow(client, stream, Start::Beginning, random);
        Followed { stream, follow, offset: None, last: 0 }
    }

    fn follow(client: &Client, stream: usize, start: Start, random: &mut Random) -> Follow {
        let buffer = [20, 100, 1_000][random.below(3)];
        let options = FollowOptions { start, wait_for_stream: true, buffer };
        client.follow(&name(&stream_name(stream)), options)
    }

    /// It goes away, and comes back with the offset that it has kept.
    fn come_back(&mut self, client: &Client, random: &mut Random) {
        let start = self.offset.map_or(Start::Beginning, Start::After);
        self.follow = Followed::follow(client, self.stream, start, random);
    }

    fn on_event(&mut self, event: FollowEvent, seen: &mut Seen) {
        match event {
            FollowEvent::Messages(messages) => {
                for message in messages {
                    let number: u64 = message.data.as_json().unwrap().parse().unwrap();
                    assert_eq!(number, self.last + 1, "the next one of {}", stream_name(self.stream));
                    assert_eq!(message.offset.index, number);
                    self.last = number;
                    self.offset = Some(message.offset);
                    seen.deliveries += 1;
                }
            }
            FollowEvent::Status(Status::Connected { transport }) => {
                *seen.over.entry(transport.as_str()).or_default() += 1;
            }
            FollowEvent::Live { .. } | FollowEvent::Status(_) => {}
            FollowEvent::Skipped(_) | FollowEvent::Reset(_) | FollowEvent::Closed { .. } => {
                panic!("{}: {event:?}", stream_name(self.stream))
            }
        }
    }
}
