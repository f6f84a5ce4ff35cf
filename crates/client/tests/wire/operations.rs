//! Operations: what is sent, and what answers mean.

use crate::peer::{Peer, answer, page, problem, token};
use tidings_client::{
    CreateError, CreateOptions, Failure, HeadError, Publish, PublishError, PublishIdentity, Published,
    PublisherOptions, ReadError, Unreachable,
};
use tidings_model::{ContentType, Durability, Lifetime, Offset, Start, StreamName};

fn name() -> StreamName {
    StreamName::parse("a/ü b").expect("a name")
}

fn next_offset(index: u64) -> String {
    format!("Stream-Next-Offset: {}\r\n", token(index))
}

#[tokio::test]
async fn create_sends_its_configuration() {
    let peer = Peer::bind().await;
    let client = peer.client();
    let name = name();
    let mut options = CreateOptions::new(ContentType::json());
    options.config.lifetime = Lifetime::Ttl { seconds: 60 };
    options.config.retention.count = Some(5);
    options.config.durability = Some(Durability::Memory);
    let created = answer("201 Created", &next_offset(0), "");
    let (result, request) = tokio::join!(client.create(&name, options.clone()), peer.answer(&created));
    let created = result.unwrap();
    assert!(!created.existed && !created.closed);
    assert_eq!(request.line, "PUT /v1/stream/a/%C3%BC%20b HTTP/1.1");
    assert_eq!(request.header("content-type"), Some("application/json"));
    assert_eq!(request.header("stream-ttl"), Some("60"));
    assert_eq!(request.header("stream-retention-count"), Some("5"));
    assert_eq!(request.header("stream-durability"), Some("memory"));
    assert!(request.header("user-agent").unwrap().starts_with("tidings/"));

    let conflict = problem("409 Conflict", "", "stream_conflict");
    let (result, _request) = tokio::join!(client.create(&name, options), peer.answer(&conflict));
    assert_eq!(result, Err(CreateError::Conflict));
}

#[tokio::test]
async fn publish_says_what_it_is_and_how_it_is_known() {
    let peer = Peer::bind().await;
    let client = peer.client();
    let mut publish = Publish::one(ContentType::json(), "{\"n\":1}");
    publish.create = true;
    publish.close = true;
    publish.identity = PublishIdentity::Key("k".into());
    let stored = answer("204 No Content", &format!("{}Stream-Duplicate: true\r\n", next_offset(4)), "");
    let name = name();
    let (result, request) = tokio::join!(client.publish(&name, &publish), peer.answer(&stored));
    assert_eq!(result, Ok(Published { offset: Offset::parse(&token(4)).ok(), duplicate: true }));
    assert_eq!(request.line, "POST /v1/stream/a/%C3%BC%20b?create=true HTTP/1.1");
    assert_eq!(request.body, "[{\"n\":1}]");
    assert_eq!(request.header("idempotency-key"), Some("k"));
    assert_eq!(request.header("stream-closed"), Some("true"));

    let refusals = [
        (problem("404 Not Found", "", "stream_not_found"), PublishError::StreamNotFound),
        (
            problem("409 Conflict", &next_offset(9), "stream_closed"),
            PublishError::Closed { tail: Offset::parse(&token(9)).ok() },
        ),
        (problem("409 Conflict", "", "content_type_mismatch"), PublishError::ContentTypeMismatch),
        (problem("422 Unprocessable", "", "idempotency_conflict"), PublishError::IdempotencyConflict),
    ];
    for (refusal, expected) in refusals {
        let (result, _request) = tokio::join!(client.publish(&name, &publish), peer.answer(&refusal));
        assert_eq!(result, Err(expected));
    }
}

#[tokio::test]
async fn a_publisher_repeats_until_it_is_acknowledged() {
    let peer = Peer::bind().await;
    let options = PublisherOptions { create: true, ..PublisherOptions::new(ContentType::text()) };
    let publisher = peer.client().publisher(&name(), options);
    let id = publisher.id().to_owned();
    let server = async {
        for (answered, seq) in [(false, "0"), (false, "0"), (true, "0"), (true, "1")] {
            let mut request = peer.request().await;
            assert_eq!(request.header("producer-id"), Some(&*id));
            assert_eq!(request.header("producer-epoch"), Some("0"));
            assert_eq!(request.header("producer-seq"), Some(seq));
            if answered {
                request.send(&answer("200 OK", &next_offset(1), "")).await;
            }
        }
        let gap = "Producer-Expected-Seq: 0\r\nProducer-Received-Seq: 2\r\n";
        peer.answer(&problem("409 Conflict", gap, "producer_gap")).await;
        peer.answer(&problem("403 Forbidden", "Producer-Epoch: 3\r\n", "producer_stale")).await;
    };
    let user = async {
        publisher.publish(vec!["a".into()]).await.unwrap();
        publisher.publish(vec!["b".into()]).await.unwrap();
        let gap = publisher.publish(vec!["c".into()]).await;
        assert_eq!(gap, Err(PublishError::ProducerGap { expected: Some(0) }));
        let stale = publisher.publish(vec!["c".into()]).await;
        assert_eq!(stale, Err(PublishError::ProducerStale { epoch: Some(3) }));
    };
    tokio::join!(user, server);
}

#[tokio::test]
async fn read_gives_a_page_or_says_why_not() {
    let peer = Peer::bind().await;
    let client = peer.client();
    let name = name();
    let first = page(0, 2);
    let (result, request) = tokio::join!(client.read(&name, Start::Beginning, Some(2)), peer.answer(&first));
    let read = result.unwrap();
    assert_eq!(request.line, "GET /v1/stream/a/%C3%BC%20b?envelope=true&limit=2&offset=-1 HTTP/1.1");
    assert_eq!((read.messages.len(), read.next.index, read.up_to_date, read.closed), (2, 2, true, false));

    let missing = problem("404 Not Found", "", "stream_not_found");
    let (result, _request) = tokio::join!(client.read(&name, Start::Now, None), peer.answer(&missing));
    assert_eq!(result, Err(ReadError::StreamNotFound));

    let foreign = answer("200 OK", "", "<html>");
    let (result, _request) = tokio::join!(client.read(&name, Start::Now, None), peer.answer(&foreign));
    assert!(matches!(result, Err(ReadError::Failed(Failure::Malformed(_)))), "{result:?}");
}

#[tokio::test]
async fn head_close_and_delete_say_what_they_found() {
    let peer = Peer::bind().await;
    let client = peer.client();
    let name = name();
    let headers = format!(
        "{}Content-Type: text/plain\r\nStream-Durability: disk\r\nStream-TTL: 9\r\nStream-Closed: true\r\n",
        next_offset(7)
    );
    let there = answer("200 OK", &headers, "");
    let (result, request) = tokio::join!(client.head(&name), peer.answer(&there));
    let head = result.unwrap();
    assert!(request.line.starts_with("HEAD "));
    assert_eq!((head.tail.index, head.ttl_s, head.closed), (7, Some(9), true));
    assert_eq!((head.content_type, head.durability), (ContentType::text(), Some(Durability::Disk)));

    let missing = answer("404 Not Found", "", "");
    let (result, _request) = tokio::join!(client.head(&name), peer.answer(&missing));
    assert_eq!(result, Err(HeadError::StreamNotFound));

    let done = answer("204 No Content", &next_offset(7), "");
    let (result, request) = tokio::join!(client.close(&name), peer.answer(&done));
    assert_eq!(result.unwrap().tail.index, 7);
    assert_eq!((request.header("stream-closed"), &*request.body), (Some("true"), ""));
    let (result, request) = tokio::join!(client.delete(&name), peer.answer(&done));
    result.unwrap();
    assert!(request.line.starts_with("DELETE "));
}

#[tokio::test]
async fn the_list_is_read_page_by_page() {
    let peer = Peer::bind().await;
    let mut pages = peer.client().list("a/");
    let entry = format!(
        r#"{{"name":"a/b","content_type":"text/plain","durability":"disk","closed":false,"messages":1,"bytes":2,
        "created":"2026-11-23T10:00:00.000Z","earliest":"{}","tail":"{}","followers":{{"poll":1}}}}"#,
        token(0),
        token(1)
    );
    let first = answer("200 OK", "", &format!(r#"{{"streams":[{entry}],"next":"a/b"}}"#));
    let (result, request) = tokio::join!(pages.next(), peer.answer(&first));
    assert_eq!(result.unwrap().unwrap()[0].name, "a/b");
    assert_eq!(request.line, "GET /v1/streams?limit=100&prefix=a%2F HTTP/1.1");
    let last = answer("200 OK", "", r#"{"streams":[]}"#);
    let (result, request) = tokio::join!(pages.next(), peer.answer(&last));
    assert_eq!(result, Ok(Some(Vec::new())));
    assert_eq!(request.line, "GET /v1/streams?after=a%2Fb&limit=100&prefix=a%2F HTTP/1.1");
    assert_eq!(pages.next().await, Ok(None));
}

#[tokio::test]
async fn a_server_that_is_not_there_is_unreachable_and_worth_another_try() {
    let client = Peer::bind().await.client(); // Nobody listens any more.
    let error = client.read(&name(), Start::Now, None).await.unwrap_err();
    assert!(matches!(error, ReadError::Failed(Failure::Unreachable(Unreachable::Connect(_)))), "{error:?}");
    assert!(error.is_retryable());
}
