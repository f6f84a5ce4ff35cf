//! Publishing with an outbox: in order, each once, over a WebSocket or without.

use crate::world::{VIAS, client, follow, live, name, numbers, over, publisher, quick_timing, within};
use std::time::Duration;
use tidings_client::{Client, ClientOptions, FollowOptions, PublishError, PublisherOptions, Transport, Via};
use tidings_model::{ContentType, Start};
use tidings_testkit::{Fault, Proxy, Server};

#[tokio::test]
async fn what_is_put_in_first_is_stored_first() {
    let server = Server::start();
    for (index, via) in VIAS.into_iter().enumerate() {
        let client = client(&server, via);
        let stream = format!("order/{index}");
        let publisher = publisher(&client, &stream);
        publisher.publish(vec!["1".into()]).await.unwrap();
        let mut follow = follow(&client, &stream, FollowOptions::from(Start::Beginning));
        live(&mut follow).await;
        if via == Via::Auto {
            over(&client, Transport::WebSocket).await;
        }
        // Nobody waits for most of them. One is a batch, which can't go over a WebSocket.
        for number in 2..=100 {
            let _not_waited_for = publisher.publish(vec![number.to_string().into()]);
        }
        let batch = publisher.publish(vec!["101".into(), "102".into()]).await.unwrap();
        assert!(!batch.duplicate);
        assert_eq!(numbers(&mut follow, 101).await, (2..=102).collect::<Vec<_>>(), "{via:?}");
        assert_eq!(publisher.waiting(), 0);
    }
}

#[tokio::test]
async fn any_kind_of_message_goes_over_a_websocket() {
    let server = Server::start();
    let client = client(&server, Via::WebSocket);
    let mut ticker = follow(&client, "kinds/ticker", FollowOptions::from(Start::Beginning));
    publisher(&client, "kinds/ticker").publish(vec!["1".into()]).await.unwrap();
    assert_eq!(numbers(&mut ticker, 1).await, [1]);
    over(&client, Transport::WebSocket).await;
    for (stream, content_type, message) in [
        ("kinds/array", ContentType::json(), "[1,[2]]".as_bytes()),
        ("kinds/text", ContentType::text(), "a \"b\"\n".as_bytes()),
        ("kinds/bytes", ContentType::bytes(), b"\xff\0"),
    ] {
        let options = PublisherOptions { create: true, ..PublisherOptions::new(content_type.clone()) };
        let publisher = client.publisher(&name(stream), options);
        publisher.publish(vec![bytes::Bytes::from_static(message)]).await.unwrap();
        let page = client.read(&name(stream), Start::Beginning, None).await.unwrap();
        let [stored] = &page.messages[..] else { panic!("{page:?}") };
        assert_eq!(stored.data.clone().into_published(content_type.kind()).unwrap(), message, "{stream}");
    }
    let publisher = client.publisher(&name("kinds/text"), PublisherOptions::new(ContentType::json()));
    assert_eq!(publisher.publish(vec!["1".into()]).await, Err(PublishError::ContentTypeMismatch));
    let publisher = client.publisher(&name("kinds/none"), PublisherOptions::new(ContentType::json()));
    assert_eq!(publisher.publish(vec!["1".into()]).await, Err(PublishError::StreamNotFound));
}

#[tokio::test]
async fn an_outbox_that_is_full_refuses() {
    let server = Server::start();
    let proxy = Proxy::start(server.address());
    proxy.set(Fault::Swallow);
    let client = Client::new(&format!("http://{}", proxy.address())).unwrap();
    let options = PublisherOptions { outbox: 3, ..PublisherOptions::new(ContentType::json()) };
    let publisher = client.publisher(&name("full"), options);
    for _ in 0..3 {
        let _not_waited_for = publisher.publish(vec!["1".into()]);
    }
    let refused = publisher.publish(vec!["1".into()]).await;
    assert_eq!(refused, Err(PublishError::OutboxFull { limit: 3 }));
    assert_eq!(publisher.waiting(), 3);
}

/// Every answer may be lost on the way, whichever way it goes.
#[tokio::test]
async fn each_is_stored_once_whatever_happens_to_the_connection() {
    let server = Server::start();
    let proxy = Proxy::start(server.address());
    let options = ClientOptions {
        timing: quick_timing(),
        silence_max: Duration::from_secs(1),
        ..ClientOptions::default()
    };
    let client = Client::with_options(&format!("http://{}", proxy.address()), options).unwrap();
    let publisher = publisher(&client, "once");
    let mut follow = follow(&client, "once", FollowOptions::from(Start::Beginning));
    let breaking = async {
        let faults = [Fault::ResetAfter(0), Fault::CutAfter(600), Fault::ResetAfter(2_000), Fault::None];
        for fault in faults.into_iter().cycle().take(40) {
            proxy.set(fault);
            if fault == Fault::None {
                proxy.cut_all();
            }
            tokio::time::sleep(Duration::from_millis(70)).await;
        }
        proxy.set(Fault::None);
    };
    let writing = async {
        for number in 1..=300_u64 {
            within(publisher.publish(vec![number.to_string().into()])).await.unwrap();
        }
    };
    let (read, (), ()) = tokio::join!(numbers(&mut follow, 300), writing, breaking);
    assert_eq!(read, (1..=300).collect::<Vec<_>>());
    assert!(proxy.broken() > 10, "only {} connections were broken", proxy.broken());
    let page = client.read(&name("once"), Start::Beginning, None).await.unwrap();
    assert_eq!(page.messages.len(), 300);
}
