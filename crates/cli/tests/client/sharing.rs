//! Many follows, one session.

use crate::front::Front;
use crate::world::{
    VIAS, client, client_behind, follow, live, name, numbers, over, publish, publisher, within,
};
use std::time::Duration;
use tidings_client::{FollowError, FollowEvent, FollowOptions, Transport, Via};
use tidings_model::{Start, StreamName};
use tidings_testkit::{PATIENCE, Server, tidings_binary};

#[tokio::test]
async fn fifty_streams_take_one_connection() {
    let server = Server::start();
    let publishing = client(&server, Via::Auto);
    let publishers: Vec<_> = (0..50).map(|index| publisher(&publishing, &format!("many/{index}"))).collect();
    for publisher in &publishers {
        publish(publisher, 1..=3).await;
    }
    for via in VIAS {
        let front = Front::plain(server.address()).await;
        let client = client_behind(&front, via);
        let beginning = FollowOptions::from(Start::Beginning);
        let mut follows: Vec<_> =
            (0..50).map(|index| follow(&client, &format!("many/{index}"), beginning)).collect();
        for follow in &mut follows {
            assert_eq!(numbers(follow, 3).await, [1, 2, 3], "{via:?}");
            live(follow).await;
        }
        if via == Via::Auto {
            over(&client, Transport::WebSocket).await;
        }
        // The poll that began may rest in the pool, but nobody uses it. What was left is closed by the server, when it comes to it.
        let connections_max = if via == Via::Auto { 2 } else { 1 };
        let few = async {
            while connections_max < front.open() {
                tokio::time::sleep(Duration::from_millis(5)).await;
            }
        };
        let is_few = tokio::time::timeout(PATIENCE, few).await;
        assert!(is_few.is_ok(), "{via:?}: {} connections", front.open());
    }
}

#[tokio::test]
async fn more_streams_than_one_question_holds_are_followed_too() {
    let server = Server::start();
    let publishing = client(&server, Via::Auto);
    let names: Vec<String> = (0..130).map(|index| format!("lots/{index}")).collect();
    for stream in &names {
        publish(&publisher(&publishing, stream), 1..=2).await;
    }
    for via in [Via::Auto, Via::WebSocket, Via::Poll { every: Some(Duration::from_millis(20)) }] {
        let client = client(&server, via);
        let beginning = FollowOptions::from(Start::Beginning);
        let mut follows: Vec<_> = names.iter().map(|stream| follow(&client, stream, beginning)).collect();
        for follow in &mut follows {
            assert_eq!(numbers(follow, 2).await, [1, 2], "{via:?}");
        }
    }
}

#[tokio::test]
async fn the_command_line_follows_several_streams_over_one_connection() {
    let server = Server::start();
    let publishing = client(&server, Via::Auto);
    let streams = ["cli/a", "cli/b", "cli/c"];
    for (index, stream) in (1..).zip(streams) {
        publish(&publisher(&publishing, stream), 1..=index).await;
    }
    let front = Front::plain(server.address()).await;
    let mut command =
        follow_command(&front, &["--via", "websocket", "--json", "--from", "beginning"], &streams);
    let child = tokio::task::spawn_blocking(move || command.output().unwrap());
    let connections = async {
        while front.open() == 0 {
            tokio::time::sleep(Duration::from_millis(5)).await;
        }
        let mut most = 0;
        for _ in 0..40 {
            most = most.max(front.open());
            tokio::time::sleep(Duration::from_millis(10)).await;
        }
        most
    };
    assert_eq!(within(connections).await, 1);
    for stream in streams {
        publishing.close(&name(stream)).await.unwrap();
    }
    let output = within(child).await.unwrap();
    assert!(output.status.success(), "{output:?}");
    let printed = String::from_utf8(output.stdout).unwrap();
    for (count, stream) in (1..).zip(streams) {
        let lines = printed.lines().filter(|line| line.starts_with(&format!("{{\"stream\":\"{stream}\",")));
        assert_eq!(lines.count(), count, "{printed}");
    }
}

/// `tidings follow`, ready to be run.
fn follow_command(front: &Front, options: &[&str], streams: &[&str]) -> std::process::Command {
    let mut command = std::process::Command::new(tidings_binary());
    command.arg("follow").args(streams).args(options).args(["--url", &format!("http://{}", front.address())]);
    command
}

#[tokio::test]
async fn followers_of_one_stream_stand_where_they_began() {
    let server = Server::start();
    for (index, via) in VIAS.into_iter().enumerate() {
        let client = client(&server, via);
        let stream = format!("places/{index}");
        let publisher = publisher(&client, &stream);
        publish(&publisher, 1..=20).await;
        let mut first = follow(&client, &stream, FollowOptions::from(Start::Last(5)));
        assert_eq!(numbers(&mut first, 5).await, (16..=20).collect::<Vec<_>>(), "{via:?}");
        let saved = first.offset().unwrap();
        live(&mut first).await;
        let mut from_beginning = follow(&client, &stream, FollowOptions::from(Start::Beginning));
        let mut from_saved = follow(&client, &stream, FollowOptions::from(Start::After(saved)));
        let mut from_now = follow(&client, &stream, FollowOptions::from(Start::Now));
        let mut from_the_middle = follow(&client, &stream, FollowOptions::from(Start::After(saved.at(10))));
        live(&mut from_now).await;
        publish(&publisher, 21..=30).await;
        assert_eq!(numbers(&mut from_beginning, 30).await, (1..=30).collect::<Vec<_>>(), "{via:?}");
        assert_eq!(numbers(&mut from_the_middle, 20).await, (11..=30).collect::<Vec<_>>(), "{via:?}");
        for follow in [&mut first, &mut from_saved, &mut from_now] {
            assert_eq!(numbers(follow, 10).await, (21..=30).collect::<Vec<_>>(), "{via:?}");
        }
        drop(first);
        publish(&publisher, 31..=31).await;
        assert_eq!(numbers(&mut from_now, 1).await, [31], "{via:?}");
    }
}

#[tokio::test]
async fn a_slow_follower_holds_nobody_up_and_misses_nothing() {
    let server = Server::start();
    let client = client(&server, Via::WebSocket);
    let publisher = publisher(&client, "slow");
    publish(&publisher, 1..=1).await;
    let small = FollowOptions { buffer: 10, ..FollowOptions::from(Start::Beginning) };
    let mut slow = follow(&client, "slow", small);
    let mut quick = follow(&client, "slow", FollowOptions::from(Start::Beginning));
    assert_eq!(numbers(&mut slow, 1).await, [1]);
    assert_eq!(numbers(&mut quick, 1).await, [1]);
    // It takes nothing, and the other one gets everything, also what comes long after its buffer was full.
    for hundred in 0..5 {
        let numbers_of_it = hundred * 100 + 2..=hundred * 100 + 101;
        publish(&publisher, numbers_of_it.clone()).await;
        assert_eq!(numbers(&mut quick, 100).await, numbers_of_it.collect::<Vec<_>>());
    }
    assert_eq!(numbers(&mut slow, 500).await, (2..=501).collect::<Vec<_>>());
    publish(&publisher, 502..=502).await;
    assert_eq!(numbers(&mut slow, 1).await, [502]);
}

#[tokio::test]
async fn a_follower_that_is_alone_makes_the_server_wait() {
    let server = Server::start();
    let client = client(&server, Via::WebSocket);
    let publisher = publisher(&client, "alone");
    let payload = "x".repeat(10_000);
    for _ in 0..2_000 {
        publisher.publish(vec![format!("\"{payload}\"").into()]).await.unwrap();
    }
    let small = FollowOptions { buffer: 10, ..FollowOptions::from(Start::Beginning) };
    let mut follow = follow(&client, "alone", small);
    let (mut count, mut largest) = (0, 0);
    while count < 2_000 {
        if let FollowEvent::Messages(messages) = within(follow.next()).await.unwrap() {
            count += messages.len();
            largest = largest.max(messages.len());
        }
    }
    assert_eq!(count, 2_000);
    assert!(largest < 200, "{largest} messages were given together");
}

#[tokio::test]
async fn the_transport_changes_while_messages_flow() {
    let server = Server::start();
    let client = client(&server, Via::Auto);
    let publishing = self::client(&server, Via::Auto);
    let streams = ["flow/a", "flow/b", "flow/c"];
    let publishers = streams.map(|stream| publisher(&publishing, stream));
    for publisher in &publishers {
        publish(publisher, 1..=1).await;
    }
    let mut follows = streams.map(|stream| follow(&client, stream, FollowOptions::from(Start::Beginning)));
    let writing = async {
        for number in 2..=400 {
            for publisher in &publishers {
                publish(publisher, number..=number).await;
            }
        }
    };
    let changing = async {
        for via in VIAS.into_iter().cycle().skip(1).take(25) {
            client.set_via(via);
            tokio::time::sleep(Duration::from_millis(60)).await;
        }
    };
    let reading = async {
        for follow in &mut follows {
            assert_eq!(numbers(follow, 400).await, (1..=400).collect::<Vec<_>>());
        }
    };
    tokio::join!(writing, changing, reading);
}

#[tokio::test]
async fn a_reset_ends_one_follow_and_no_other() {
    let server = Server::start();
    for (index, via) in VIAS.into_iter().enumerate() {
        let client = client(&server, via);
        let names = [format!("reset/{index}/a"), format!("reset/{index}/b")];
        let publishers = names.each_ref().map(|stream| publisher(&client, stream));
        for publisher in &publishers {
            publish(publisher, 1..=2).await;
        }
        let [mut gone, mut kept] =
            names.each_ref().map(|stream| follow(&client, stream, FollowOptions::from(Start::Beginning)));
        assert_eq!(numbers(&mut gone, 2).await, [1, 2]);
        assert_eq!(numbers(&mut kept, 2).await, [1, 2]);
        client.delete(&StreamName::parse(&names[0]).unwrap()).await.unwrap();
        let reset = loop {
            match within(gone.next()).await.unwrap() {
                FollowEvent::Reset(reset) => break reset,
                FollowEvent::Live { .. } | FollowEvent::Status(_) => {}
                other @ (FollowEvent::Messages(_) | FollowEvent::Skipped(_) | FollowEvent::Closed { .. }) => {
                    panic!("{via:?}: {other:?}")
                }
            }
        };
        assert_eq!(gone.next().await, Err(FollowError::Reset(reset)), "{via:?}");
        publish(&publishers[1], 3..=3).await;
        assert_eq!(numbers(&mut kept, 1).await, [3], "{via:?}");
        assert_eq!(kept.stream(), &name(&names[1]));
    }
}

#[tokio::test]
async fn streams_that_are_missing_are_waited_for() {
    let server = Server::start();
    for (index, via) in VIAS.into_iter().enumerate() {
        let client = client(&server, via);
        let (there, missing) = (format!("wait/{index}/there"), format!("wait/{index}/missing"));
        publish(&publisher(&client, &there), 1..=1).await;
        let mut there = follow(&client, &there, FollowOptions::from(Start::Beginning));
        let mut late = follow(&client, &missing, FollowOptions::default());
        let impatient = FollowOptions { wait_for_stream: false, ..FollowOptions::default() };
        let mut impatient = client.follow(&name(&format!("wait/{index}/never")), impatient);
        assert_eq!(numbers(&mut there, 1).await, [1], "{via:?}");
        loop {
            match within(impatient.next()).await {
                Ok(FollowEvent::Status(_)) => {}
                Err(error) => break assert_eq!(error, FollowError::StreamNotFound, "{via:?}"),
                Ok(other) => panic!("{via:?}: {other:?}"),
            }
        }
        publish(&publisher(&client, &missing), 1..=2).await;
        assert_eq!(numbers(&mut late, 2).await, [1, 2], "{via:?}");
    }
}
