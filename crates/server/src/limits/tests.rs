//! Limits with made-up settings and time.

use super::*;
use crate::settings::SettingsInput;
use tidings_protocol::{ErrorCode, ProblemFacts};

fn settings(text: &str) -> Settings {
    SettingsInput::parse_toml(text, "t.toml").unwrap().resolve().unwrap()
}

fn limits() -> Arc<Limits> {
    Arc::new(Limits::new(1_000))
}

fn peer(address: &str, settings: &Settings) -> Peer {
    Peer::new(address.parse().unwrap(), settings)
}

/// The name of the limit, and when to ask again.
fn refused<T>(result: Result<T, Problem>) -> (&'static str, u64) {
    let problem = result.err().expect("it is refused");
    assert_eq!(problem.code, ErrorCode::LimitExceeded);
    let ProblemFacts::Limit(reached) = problem.facts else { panic!("{problem}") };
    (reached.limit, reached.retry_after_s)
}

#[test]
fn connections_count_until_they_end() {
    let settings = settings("max_connections_per_address = 2");
    let limits = limits();
    let connect = |address: &str| limits.connect(peer(address, &settings), &settings, 0);
    let _first = connect("203.0.113.7").unwrap();
    let second = connect("203.0.113.7").unwrap();
    assert_eq!(refused(connect("203.0.113.7")), ("max_connections_per_address", 5));
    assert!(connect("203.0.113.8").is_ok());
    drop(second);
    assert!(connect("203.0.113.7").is_ok());
}

#[test]
fn a_network_of_ipv6_is_one_address() {
    let settings = settings("max_connections_per_address = 1\nlimit_ipv6_prefix = 56");
    let limits = limits();
    let connect = |address: &str| limits.connect(peer(address, &settings), &settings, 0);
    let _first = connect("2001:db8:0:100::1").unwrap();
    assert!(connect("2001:db8:0:1ff::2").is_err());
    let _other = connect("2001:db8:0:200::1").unwrap();
    let _mapped = connect("::ffff:203.0.113.7").unwrap();
    assert!(connect("203.0.113.7").is_err());
}

#[test]
fn proxies_and_loopback_are_not_limited_by_address() {
    let settings = settings("max_connections_per_address = 1\ntrusted_proxies = \"10.0.0.1\"");
    let limits = limits();
    for address in ["127.0.0.1", "::1", "10.0.0.1", "::ffff:10.0.0.1"] {
        for _ in 0..3 {
            assert!(limits.connect(peer(address, &settings), &settings, 0).unwrap().is_none(), "{address}");
        }
    }
}

#[test]
fn a_refused_connection_leaves_nothing_behind() {
    let settings =
        settings("max_connections_per_address = 5\nconnect_rate_per_address = 1\nlimit_burst = \"2s\"");
    let limits = limits();
    let connect = |now_ms| limits.connect(peer("203.0.113.7", &settings), &settings, now_ms);
    let _held = [connect(0).unwrap(), connect(0).unwrap()];
    for _ in 0..10 {
        assert_eq!(refused(connect(0)), ("connect_rate_per_address", 1));
    }
    let _later = [connect(3_000).unwrap(), connect(3_000).unwrap(), connect(4_000).unwrap()];
    assert_eq!(refused(connect(9_000)), ("max_connections_per_address", 5));
}

fn publish(
    limits: &Limits,
    settings: &Settings,
    address: &str,
    (messages, bytes): (u64, u64),
    now_ms: u64,
) -> Result<(), Problem> {
    let principal = Principal::unruled();
    let client = Client { peer: peer(address, settings), principal: &principal };
    let stream = StreamName::parse("a").unwrap();
    limits.publish(client, &stream, || Amount { messages, bytes }, settings, now_ms)
}

#[test]
fn a_bucket_gives_a_burst_and_then_its_rate() {
    let settings = settings("publish_rate_per_address = 10\nlimit_burst = \"2s\"");
    let limits = limits();
    for _ in 0..20 {
        publish(&limits, &settings, "203.0.113.7", (1, 9), 1_000).unwrap();
    }
    assert_eq!(
        refused(publish(&limits, &settings, "203.0.113.7", (1, 9), 1_000)),
        ("publish_rate_per_address", 1)
    );
    publish(&limits, &settings, "203.0.113.8", (20, 9), 1_000).unwrap();
    for now_ms in [1_100, 1_200, 1_300] {
        publish(&limits, &settings, "203.0.113.7", (1, 9), now_ms).unwrap();
        assert!(publish(&limits, &settings, "203.0.113.7", (1, 9), now_ms).is_err());
    }
    assert_eq!(
        refused(publish(&limits, &settings, "203.0.113.7", (15, 9), 1_300)),
        ("publish_rate_per_address", 2)
    );
    publish(&limits, &settings, "203.0.113.7", (15, 9), 2_800).unwrap();
}

#[test]
fn what_is_larger_than_the_bucket_passes_when_it_is_full() {
    let settings = settings("publish_byte_rate_per_stream = \"1KiB\"\nlimit_burst = \"1s\"");
    let limits = limits();
    publish(&limits, &settings, "203.0.113.7", (1, 8 << 10), 0).unwrap();
    assert_eq!(
        refused(publish(&limits, &settings, "127.0.0.1", (1, 1), 0)),
        ("publish_byte_rate_per_stream", 8)
    );
    assert_eq!(
        refused(publish(&limits, &settings, "127.0.0.1", (1, 1), 6_500)),
        ("publish_byte_rate_per_stream", 1)
    );
    publish(&limits, &settings, "127.0.0.1", (1, 1), 7_500).unwrap();
    // Not yet full again.
    assert!(publish(&limits, &settings, "127.0.0.1", (1, 8 << 10), 7_600).is_err());
    publish(&limits, &settings, "127.0.0.1", (1, 8 << 10), 9_000).unwrap();
}

#[test]
fn what_one_limit_refuses_counts_for_no_other() {
    let text = "publish_rate_per_address = 5\npublish_byte_rate_per_stream = 10\nlimit_burst = \"1s\"";
    let settings = settings(text);
    let limits = limits();
    publish(&limits, &settings, "203.0.113.7", (1, 10), 0).unwrap();
    for _ in 0..20 {
        let refusal = refused(publish(&limits, &settings, "203.0.113.7", (1, 10), 0));
        assert_eq!(refusal, ("publish_byte_rate_per_stream", 1));
    }
    let settings = super::tests::settings("publish_rate_per_address = 5\nlimit_burst = \"1s\"");
    publish(&limits, &settings, "203.0.113.7", (4, 10), 0).unwrap();
    assert!(publish(&limits, &settings, "203.0.113.7", (1, 10), 0).is_err());
}

#[test]
fn follows_are_counted_by_address_and_given_back() {
    let settings = settings("max_follows_per_address = 10");
    let limits = limits();
    let principal = Principal::unruled();
    let follow = |count| {
        let client = Client { peer: peer("203.0.113.7", &settings), principal: &principal };
        limits.follow(client, count, &settings)
    };
    let mut first = follow(6).unwrap().unwrap();
    assert_eq!(refused(follow(5)), ("max_follows_per_address", 5));
    let _second = follow(4).unwrap();
    assert!(first.add(1, &settings).is_err());
    first.keep(5);
    first.add(1, &settings).unwrap();
    drop(first);
    let third = follow(6).unwrap();
    drop(third);
    assert_eq!(limits.counts.size().0, 1);
}

#[test]
fn the_tables_stay_bounded_under_a_hundred_thousand_addresses() {
    const ADDRESSES: u32 = 100_000;
    let settings =
        settings("max_connections_per_address = 1\nconnect_rate_per_address = 1\nmax_limited = 2000");
    let limits = Arc::new(Limits::new(settings.max_limited));
    let mut held = std::collections::VecDeque::new();
    for index in 0..ADDRESSES {
        let address = std::net::Ipv4Addr::from(0x0b00_0000 + index);
        let peer = Peer::new(address.into(), &settings);
        held.push_back(limits.connect(peer, &settings, u64::from(index) / 100).unwrap());
        if 100 < held.len() {
            held.pop_front();
        }
        assert!(limits.buckets.len() <= 2_000);
    }
    let (len, room) = limits.counts.size();
    assert_eq!(len, 100);
    assert!(room < 8_000, "{room}");
    drop(held);
    assert_eq!(limits.counts.size().0, 0);
}

#[test]
fn many_threads_take_no_more_than_there_is() {
    let settings = settings("max_connections_per_address = 50");
    let limits = limits();
    let taken: usize = std::thread::scope(|scope| {
        let take = || {
            let held: Vec<_> = (0..40)
                .filter_map(|_| limits.connect(peer("203.0.113.7", &settings), &settings, 0).ok().flatten())
                .collect();
            let count = held.len();
            held.into_iter().for_each(std::mem::forget);
            count
        };
        let threads: Vec<_> = (0..4).map(|_| scope.spawn(take)).collect();
        threads.into_iter().map(|thread| thread.join().unwrap()).sum()
    });
    assert_eq!(taken, 50);
}
