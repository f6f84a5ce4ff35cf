//! The examples of the client do what they say.

use crate::world::{client, name, publish, publisher, run_until, within};
use std::cell::RefCell;
use std::collections::BTreeMap;
use tidings_client::Via;
use tidings_testkit::Server;

#[path = "../../../client/examples/follow.rs"]
mod follow;
#[path = "../../../client/examples/publish.rs"]
mod publish_lines;
#[path = "../../../client/examples/state.rs"]
mod state;

#[tokio::test]
async fn the_follow_goes_on_where_it_stood() {
    let server = Server::start();
    let client = client(&server, Via::Auto);
    let folder = tempfile::tempdir().unwrap();
    let file = folder.path().join("places.json");
    let streams = ["a".to_owned(), "b".to_owned()];
    let publishers = streams.each_ref().map(|stream| publisher(&client, stream));
    publish(&publishers[0], 1..=2).await;
    publish(&publishers[1], 7..=7).await;

    let mut first = Vec::new();
    let reading = follow::run(&client, &file, &streams, &mut first);
    // The places after the second message of the one, and the first of the other.
    let is_at =
        |places: &str| ["_0000000000000002", "_0000000000000001"].iter().all(|at| places.contains(at));
    run_until(reading, || std::fs::read_to_string(&file).is_ok_and(|places| is_at(&places))).await;
    publish(&publishers[0], 3..=3).await;
    for stream in &streams {
        client.close(&name(stream)).await.unwrap();
    }
    let mut second = Vec::new();
    within(follow::run(&client, &file, &streams, &mut second)).await.unwrap();

    let sorted = |out: Vec<u8>| {
        let mut lines: Vec<String> = String::from_utf8(out).unwrap().lines().map(str::to_owned).collect();
        lines.sort();
        lines
    };
    assert_eq!(sorted(first), ["a: 1", "a: 2", "b: 7"]);
    assert_eq!(sorted(second), ["a: 3", "a: closed", "b: closed"]);
}

#[tokio::test]
async fn the_publisher_stores_each_line_once() {
    let server = Server::start();
    let client = client(&server, Via::Auto);
    let lines: Vec<String> = (0..350).map(|index| format!("line {index}")).collect();
    let input = std::io::Cursor::new(lines.join("\n\n"));
    assert_eq!(within(publish_lines::run(&client, "lines", input)).await.unwrap(), 350);
    let page = client.read(&name("lines"), tidings_client::Start::Beginning, None).await.unwrap();
    let stored: Vec<_> = page.messages.iter().map(|message| message.data.to_plain()).collect();
    assert_eq!(stored, lines);
}

#[tokio::test]
async fn the_state_counts_each_message_once_over_snapshots_and_resets() {
    let server = Server::start();
    let client = client(&server, Via::Auto);
    let folder = tempfile::tempdir().unwrap();
    let file = folder.path().join("snapshot.json");
    let counts = |pairs: &[(&str, u64)]| {
        state::Counts(
            pairs.iter().map(|(value, count)| ((*value).to_owned(), *count)).collect::<BTreeMap<_, _>>(),
        )
    };
    let publisher_of = || publisher(&client, "orders");
    publish(&publisher_of(), 1..=3).await;
    let shown = RefCell::new(Vec::new());
    let show = |counts: &state::Counts| shown.borrow_mut().push(counts.0.clone());
    let running = state::run(&client, "orders", &file, show);
    let whole = counts(&[("1", 1), ("2", 1), ("3", 1)]).0;
    run_until(running, || shown.borrow().last() == Some(&whole)).await;
    assert!(file.exists(), "it keeps what it shows");

    // It goes on from its snapshot.
    publish(&publisher_of(), 3..=4).await;
    client.close(&name("orders")).await.unwrap();
    let closed = within(state::run(&client, "orders", &file, |_| {})).await.unwrap();
    assert_eq!(closed, counts(&[("1", 1), ("2", 1), ("3", 2), ("4", 1)]));

    // Made again, the stream has nothing to do with the snapshot.
    client.delete(&name("orders")).await.unwrap();
    publish(&publisher_of(), 9..=9).await;
    client.close(&name("orders")).await.unwrap();
    let anew = within(state::run(&client, "orders", &file, |_| {})).await.unwrap();
    assert_eq!(anew, counts(&[("9", 1)]));
}
