//! Scenario 25: followers that are lost at once come back spread over the window that the server has named, whether it ends in order or is killed.
//!
//! `TIDINGS_CROWD` followers (1,200) of the three transports that wait, each of which does what the server says and nothing else; the
//! server takes half as many in a second. See docs/testing.md for the long run.

mod follower;

use follower::{Crowd, Transport};
use rustix::process::{Resource, Rlimit, getrlimit, setrlimit};
use std::rc::Rc;
use std::time::Duration;
use tidings_testkit::{Api, Server};
use tokio::time::Instant;

/// The server takes so many in `WINDOW`.
const WINDOW: Duration = Duration::from_secs(2);

/// Of so many in a part of the window, chance makes no difference worth allowing for.
const MANY: usize = 300;

/// How long it may take until followers have been told of a crowd that has grown.
const TOLD_WITHIN: Duration = Duration::from_secs(2);

fn followers() -> usize {
    let text = std::env::var("TIDINGS_CROWD").unwrap_or_default();
    text.parse().unwrap_or(1_200)
}

/// Whether it is a run with time, and the settings of the server are those that it has by itself.
fn is_large(followers: usize) -> bool {
    5_000 <= followers
}

fn server(followers: usize) -> Server {
    let (rate, window, hold) =
        if is_large(followers) { (2_000, "6s", "5s") } else { (followers.div_ceil(2), "2s", "1s") };
    let server = Server::builder()
        .setting("--long-poll-timeout", hold)
        .argument("--return-rate")
        .argument(rate.to_string())
        .argument("--drain-window")
        .argument(window);
    let server = server.start();
    Api::new(server.address()).create("a", &[]);
    server
}

/// What happens to the server, after which it is there again.
type Loss = fn(&mut Server);

#[test]
fn followers_of_a_server_that_ends_come_back_evenly() {
    come_back_after(|server| {
        server.terminate();
        server.restart();
    });
}

#[test]
fn followers_of_a_server_that_is_killed_come_back_evenly() {
    come_back_after(|server| {
        server.kill_9();
        server.restart();
    });
}

fn come_back_after(loss: Loss) {
    let count = followers();
    allow_descriptors();
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().expect("a runtime");
    let local = tokio::task::LocalSet::new();
    local.block_on(&runtime, async {
        let mut server = server(count);
        let crowd = Crowd::gather(server.address(), count).await;
        tokio::time::sleep(if is_large(count) { 4 * TOLD_WITHIN } else { TOLD_WITHIN }).await;
        let window = crowd.window();
        assert!(WINDOW <= window, "{window:?}");
        let lost = Instant::now();
        crowd.is_lost();
        let server = tokio::task::spawn_blocking(move || {
            loss(&mut server);
            server
        });
        let server = server.await.expect("the server starts again");
        eprintln!("{count} followers, a window of {window:?}, away for {:?}", lost.elapsed());
        crowd.is_back(4 * window).await;
        // One that ends in order says it once more.
        judge(&crowd, lost, crowd.window());
        drop(server);
    });
}

/// In no part of the window more come than one and a half times its share; of all, and of each transport.
fn judge(crowd: &Rc<Crowd>, lost: Instant, window: Duration) {
    let all = crowd.arrivals();
    let mut uneven = Vec::new();
    for transport in Transport::ALL.map(Some).into_iter().chain([None]) {
        let is_of = |of: &Transport| transport.is_none_or(|transport| transport == *of);
        let times: Vec<Duration> = all
            .iter()
            .filter(|(of, _)| is_of(of))
            .map(|(_, at)| at.saturating_duration_since(lost))
            .collect();
        // Small numbers are uneven by chance: no part has fewer than a hundred to expect, and may have what comes once in a thousand times.
        let parts = (times.len() / 100).clamp(4, 10);
        let part = window / u32::try_from(parts).expect("there are a few");
        let mut counts = vec![0_usize; 8 * parts];
        for time in &times {
            let at = usize::try_from(time.as_millis() / part.as_millis()).unwrap_or(usize::MAX);
            counts[at.min(8 * parts - 1)] += 1;
        }
        while counts.last() == Some(&0) {
            counts.pop();
        }
        let even = times.len() / parts;
        let most = counts.iter().copied().max().unwrap_or(0);
        let name = transport.map_or("all", Transport::name);
        eprintln!("{name}: {even} in each {part:?} would be even; the most is {most}: {counts:?}");
        let by_chance = if even < MANY { 3 * even.isqrt() } else { 0 };
        if even * 3 + 2 * by_chance < most * 2 {
            uneven.push(name);
        }
    }
    assert!(uneven.is_empty(), "they come in crowds: {uneven:?}");
}

/// As many as this process may have: the tests run side by side.
fn allow_descriptors() {
    let limit = getrlimit(Resource::Nofile);
    setrlimit(Resource::Nofile, Rlimit { current: limit.maximum, maximum: limit.maximum })
        .expect("a process may have what its limit allows");
}
