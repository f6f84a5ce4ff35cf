//! Followers that stay behind, on streams where they are skipped and on streams where they are not.

use crate::process::queued_bytes;
use std::time::Duration;
use tidings_testkit::{
    Api, Deadline, Event, Follower, Message, Reader, Server, Skipped, Start, Transport, eventually,
};

/// Streams by name: skipped beyond 1,000 messages, the same where only the newest is kept, and the default.
const RULES: &str = r#"
[[streams]]
match = "latest/*"
behind = "latest"
[[streams]]
match = "state/*"
behind = "latest"
behind_messages = 1
retention_count = 1
"#;

/// More than the kernel takes for who does not read, by far.
const MESSAGES: u64 = 4_000;
const MESSAGE_BYTES: usize = 1_000;
const BATCH: u64 = 50;
/// More than the kernel takes too, and not enough to be skipped.
const STALLING: u64 = 900;
/// What the kernel holds of a connection whose peer does not read, at least.
const FULL: usize = 8 << 10;

/// The transports on which a follower can stay behind.
const FOLLOWING: [Transport; 2] = [Transport::Sse, Transport::WebSocket];

fn server_with(streams: &[&str]) -> (Server, Api) {
    // Nobody who stalls here is taken for dead.
    let server = Server::builder().setting("--heartbeat", "120s").settings_file(RULES).start();
    let mut api = Api::new(server.address());
    for stream in streams {
        api.create(stream, &[]);
    }
    (server, api)
}

/// The messages from `first` on, each with its own index.
fn publish(api: &mut Api, stream: &str, first: u64, count: u64) {
    let filler = "x".repeat(MESSAGE_BYTES);
    let mut next = first;
    while next < first + count {
        let end = (next + BATCH).min(first + count);
        let batch: Vec<String> = (next..end).map(|index| format!(r#"[{index},"{filler}"]"#)).collect();
        api.publish(stream, &format!("[{}]", batch.join(",")));
        next = end;
    }
}

fn follow(server: &Server, transport: Transport, stream: &str, start: &Start) -> Follower {
    Follower::open(transport, server.address(), stream, start).expect("the server accepts")
}

/// One that was told that it is live.
fn live(server: &Server, transport: Transport, stream: &str) -> Follower {
    let mut follower = follow(server, transport, stream, &Start::now());
    assert_eq!(next(&mut follower), Event::Live);
    follower
}

fn next(follower: &mut Follower) -> Event {
    follower.next(Deadline::patient()).expect("the connection holds").expect("something comes in time")
}

fn index_of(message: &Message) -> u64 {
    let digits = message.data.trim_start_matches('[').split(',').next();
    digits.and_then(|digits| digits.parse().ok()).expect("a message begins with its index")
}

fn place(offset: &str) -> u64 {
    let (_, digits) = offset.split_once('_').expect("an offset has two parts");
    digits.parse().expect("the second is a number")
}

/// What a follower got and was told from one place to another, and that this is everything, each message once.
#[derive(Debug, Default)]
struct Account {
    at: u64,
    skipped: Vec<Skipped>,
}

impl Account {
    fn from(at: u64) -> Account {
        Account { at, skipped: Vec::new() }
    }

    fn on_event(&mut self, event: &Event) {
        match event {
            Event::Message(message) => {
                assert_eq!(index_of(message), self.at);
                assert_eq!(place(&message.offset), self.at + 1);
                self.at += 1;
            }
            Event::Skipped(skipped) => {
                assert_eq!(place(&skipped.from), self.at, "it begins where the messages end");
                assert_eq!(place(&skipped.to), self.at + skipped.messages);
                self.at += skipped.messages;
                self.skipped.push(skipped.clone());
            }
            Event::Live => {}
            Event::Reset(_) | Event::Closed => panic!("{event:?}"),
        }
    }

    fn read_to(&mut self, follower: &mut Follower, end: u64) {
        while self.at < end {
            self.on_event(&next(follower));
        }
    }
}

#[test]
fn a_live_follower_that_stalls_is_skipped_to_the_newest_message() {
    let (server, mut api) = server_with(&["latest/a", "all/a", "state/a"]);
    for transport in FOLLOWING {
        let first = place(api.head("latest/a").header("stream-next-offset").expect("it has a tail"));
        let mut stalled = live(&server, transport, "latest/a");
        let mut of_state = live(&server, transport, "state/a");
        let mut of_all = live(&server, transport, "all/a");
        publish(&mut api, "latest/a", first, STALLING);
        eventually("its connection is full", || {
            queued_bytes(&server).into_iter().find(|bytes| FULL < *bytes)
        });
        publish(&mut api, "latest/a", first + STALLING, MESSAGES - STALLING);
        for stream in ["state/a", "all/a"] {
            publish(&mut api, stream, first, MESSAGES);
        }
        let end = first + MESSAGES;
        let mut account = Account::from(first);
        account.read_to(&mut stalled, end);
        assert_eq!(next(&mut stalled), Event::Live, "{transport}");
        let [skipped] = &account.skipped[..] else { panic!("{transport}: {:?}", account.skipped) };
        assert_eq!(place(&skipped.to), end - 1, "{transport}: the newest message is the only one left");
        assert!(place(&skipped.from) < first + STALLING, "{transport}: {skipped:?}");
        // Where only the newest is kept, each publish of many skips.
        let mut account = Account::from(first);
        account.read_to(&mut of_state, end);
        let last = account.skipped.last().expect("it was skipped");
        assert_eq!(place(&last.to), end - 1, "{transport}");
        let mut account = Account::from(first);
        account.read_to(&mut of_all, end);
        assert_eq!(account.skipped, [], "{transport}");
        // Live again: what comes next comes as ever.
        publish(&mut api, "latest/a", end, 2);
        publish(&mut api, "all/a", end, 2);
        publish(&mut api, "state/a", end, 2);
        let mut account = Account::from(end);
        account.read_to(&mut stalled, end + 2);
        assert_eq!(account.skipped, [], "{transport}");
    }
}

#[test]
fn a_follower_that_is_a_little_behind_gets_everything() {
    let (server, mut api) = server_with(&["latest/a"]);
    let mut followers: Vec<_> = FOLLOWING.map(|transport| live(&server, transport, "latest/a")).into();
    for first in (0..2_500).step_by(500) {
        publish(&mut api, "latest/a", first, 500);
        for follower in &mut followers {
            let mut account = Account::from(first);
            account.read_to(follower, first + 500);
            assert_eq!(account.skipped, []);
        }
    }
}

#[test]
fn whoever_catches_up_or_only_asks_is_not_skipped() {
    let (server, mut api) = server_with(&["latest/a"]);
    publish(&mut api, "latest/a", 0, MESSAGES);
    // It stalls too, but it was never told that it is live.
    let mut catching_up: Vec<_> = FOLLOWING
        .map(|transport| (transport, follow(&server, transport, "latest/a", &Start::beginning())))
        .into();
    publish(&mut api, "latest/a", MESSAGES, MESSAGES);
    for (transport, follower) in &mut catching_up {
        let mut account = Account::default();
        account.read_to(follower, 2 * MESSAGES);
        assert_eq!(account.skipped, [], "{transport}");
    }
    for transport in [Transport::Poll, Transport::LongPoll] {
        let mut follower = follow(&server, transport, "latest/a", &Start::now());
        assert_eq!(next(&mut follower), Event::Live);
    }
    let mut reader = Reader::new(server.address(), "latest/a", Start::now());
    reader.catch_up(Transport::LongPoll);
    publish(&mut api, "latest/a", 2 * MESSAGES, 1_000);
    reader.follow_until_count(Transport::LongPoll, 1_000);
    assert_eq!(reader.skipped(), []);
}

#[test]
fn a_reader_goes_on_over_another_transport_before_and_after_a_skip() {
    let (server, mut api) = server_with(&["latest/a"]);
    let mut end = 0;
    for (first, second) in [(Transport::Sse, Transport::WebSocket), (Transport::WebSocket, Transport::Sse)] {
        let mut stalled = live(&server, first, "latest/a");
        let mut account = Account::from(end);
        publish(&mut api, "latest/a", end, MESSAGES);
        end += MESSAGES;
        // Among what the network had taken: it asks for what lies after, and gets all of it.
        while account.at + MESSAGES < end + 10 {
            account.on_event(&next(&mut stalled));
        }
        let here = Start::after(stalled.offset().expect("it has received something"));
        let told = account.skipped.len();
        let mut instead = follow(&server, second, "latest/a", &here);
        account.read_to(&mut instead, end);
        assert_eq!(account.skipped.len(), told);
        // Now that one stalls, and is followed by another from behind the marker.
        publish(&mut api, "latest/a", end, MESSAGES);
        end += MESSAGES;
        while account.skipped.len() == told {
            account.on_event(&next(&mut instead));
        }
        let here = Start::after(instead.offset().expect("a marker is a place"));
        account.read_to(&mut follow(&server, first, "latest/a", &here), end);
        // What was skipped can still be read.
        let skipped = account.skipped[told].clone();
        let mut reader = Reader::new(server.address(), "latest/a", Start::after(&skipped.from));
        reader.catch_up(Transport::Poll);
        let read: Vec<u64> = reader.messages().iter().map(index_of).collect();
        assert_eq!(read, (place(&skipped.from)..end).collect::<Vec<_>>());
    }
}

#[test]
fn a_restart_in_the_middle_of_a_stall_loses_nothing_in_silence() {
    let (mut server, mut api) = server_with(&["latest/a"]);
    let mut end = 0;
    for transport in FOLLOWING {
        let mut stalled = live(&server, transport, "latest/a");
        publish(&mut api, "latest/a", end, MESSAGES);
        server.kill_9();
        server.restart();
        api = Api::new(server.address());
        let mut account = Account::from(end);
        end += MESSAGES;
        let deadline = Deadline::after(Duration::from_secs(30));
        // What had arrived, up to the end of the connection.
        while let Ok(Some(event)) = stalled.next(deadline) {
            account.on_event(&event);
        }
        let here = Start::after(stalled.offset().expect("it was told where it begins"));
        let told = account.skipped.len();
        let mut again = follow(&server, transport, "latest/a", &here);
        account.read_to(&mut again, end);
        assert_eq!(account.skipped.len(), told, "{transport}: it asked for all after its offset");
        publish(&mut api, "latest/a", end, MESSAGES);
        end += MESSAGES;
        account.read_to(&mut again, end);
        assert!(told < account.skipped.len(), "{transport}: it is live, and is skipped again");
    }
}
