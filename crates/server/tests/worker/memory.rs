//! What a connection costs that only follows.

use crate::process::anonymous_bytes;
use crate::requests::FOLLOW;
use crate::wire::Wire;
use rustix::process::{Resource, Rlimit, getrlimit, setrlimit};
use tidings_testkit::{Api, Server};

/// Followers that are open at a time, and that many more; what the first ones make the server allocate once is not counted.
const FOLLOWERS: usize = 2_000;

/// The slot with 128 bytes, the connection with as many, and what it follows with 32; tables that grow by doubling may be half empty.
const BYTES_MAX: usize = 400;

/// What rustls keeps of a connection beside it; the issue allows 9 KB.
const SECURED_BYTES_MAX: usize = 6_000;

pub(crate) fn allow_descriptors(count: u64) {
    let limit = getrlimit(Resource::Nofile);
    if limit.current.is_none_or(|current| count <= current) {
        // Never fewer than there were: other tests run beside this one.
        return;
    }
    let current = limit.maximum.map_or(count, |maximum| maximum.min(count));
    setrlimit(Resource::Nofile, Rlimit { current: Some(current), maximum: limit.maximum })
        .expect("a process may have what its limit allows");
}

fn followers(server: &Server, count: usize) -> Vec<Wire> {
    let follow = || {
        let mut wire = Wire::upgraded(server, FOLLOW);
        wire.message("live");
        wire
    };
    std::iter::repeat_with(follow).take(count).collect()
}

#[test]
fn an_idle_websocket_follower_is_small() {
    allow_descriptors(3 * FOLLOWERS as u64);
    let server = Server::builder().argument("--workers").argument("1").start();
    Api::new(server.address()).create("a", &[]);
    let first = followers(&server, FOLLOWERS / 4);
    let before = anonymous_bytes(&server);
    let others = followers(&server, FOLLOWERS);
    let each = anonymous_bytes(&server).saturating_sub(before) / others.len();
    eprintln!("{each} bytes for each of {} idle followers", others.len());
    assert!(each <= BYTES_MAX, "{each} bytes");
    drop(first);
}

/// Followers over TLS: their handshakes are most of the time that this takes.
const SECURED_FOLLOWERS: usize = 400;

#[test]
fn an_idle_follower_over_tls_is_small_too() {
    allow_descriptors(4 * SECURED_FOLLOWERS as u64);
    let server = Server::builder().argument("--workers").argument("1").secured().start();
    let mut api = Api::new(server.address());
    api.create("a", &[]);
    let config = server.authority().client_config(None);
    let follow = || {
        let mut wire = Wire::secured_with(&server, &config).upgrade(FOLLOW);
        wire.message("live");
        wire
    };
    let first: Vec<_> = std::iter::repeat_with(follow).take(SECURED_FOLLOWERS / 4).collect();
    let before = anonymous_bytes(&server);
    let mut others: Vec<_> = std::iter::repeat_with(follow).take(SECURED_FOLLOWERS).collect();
    let each = anonymous_bytes(&server).saturating_sub(before) / others.len();
    eprintln!("{each} bytes for each of {} idle followers over TLS", others.len());
    assert!(each <= SECURED_BYTES_MAX, "{each} bytes");
    api.publish("a", "[{\"number\":1}]");
    for wire in &mut others {
        assert_eq!(wire.message("message")["data"]["number"], 1);
    }
    drop(first);
}
