//! Catching up over a lot.

use crate::workload::{STREAM, assert_same, batch, stored};
use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::Duration;
use tidings_testkit::{Api, Deadline, Event, Follower, PATIENCE, Producer, Reader, Server, Start, Transport};

/// Number 9: a storm of publishes during a long catch-up keeps the order.
pub(crate) fn a_storm_on_the_way(transport: Transport) {
    const STORED: usize = 30_000;
    const BATCH: usize = 1_000;
    const PUBLISHERS: usize = 4;
    const PUBLISHES: usize = 400;
    let server = Server::start();
    let address = server.address();
    let mut api = Api::new(address);
    api.create(STREAM, &[]);
    for start in (0..STORED).step_by(BATCH) {
        api.publish(STREAM, &batch(start, start + BATCH));
    }
    let total = STORED + PUBLISHERS * PUBLISHES;
    let mut reader = Reader::new(address, STREAM, Start::beginning());
    let caught = AtomicUsize::new(0);
    std::thread::scope(|scope| {
        scope.spawn(|| {
            reader.follow_while(transport, Deadline::after(2 * PATIENCE), |reader| {
                caught.store(reader.messages().len(), Ordering::SeqCst);
                total <= reader.messages().len()
            });
        });
        tidings_testkit::eventually("the catch-up begins", || {
            (0 < caught.load(Ordering::SeqCst)).then_some(())
        });
        for publisher in 0..PUBLISHERS {
            scope.spawn(move || {
                let mut producer = Producer::new(address, STREAM, &format!("storm-{publisher}"));
                let first = STORED + publisher * PUBLISHES;
                (first..first + PUBLISHES).for_each(|n| producer.publish(&batch(n, n + 1)));
            });
        }
    });
    let log = stored(&server, STREAM);
    assert_eq!(log.messages().len(), total);
    assert_same(&transport.to_string(), &reader, &log);
}

/// Number 10: a million messages in pages, without a limit at which it is cut or refused.
pub(crate) fn a_million_messages(transport: Transport) {
    const MESSAGES: usize = 1_000_000;
    const BATCH: usize = 10_000;
    let server = Server::start();
    let mut api = Api::new(server.address());
    let begin = api.create(STREAM, &[]);
    for start in (0..MESSAGES).step_by(BATCH) {
        let numbers: Vec<String> = (start..start + BATCH).map(|n| n.to_string()).collect();
        api.publish(STREAM, &format!("[{}]", numbers.join(",")));
    }
    let (incarnation, _) = begin.split_once('_').unwrap();
    let mut follower = Follower::open(transport, server.address(), STREAM, &Start::beginning()).unwrap();
    let deadline = Deadline::after(Duration::from_mins(2));
    let mut next = 0;
    while next < MESSAGES {
        match follower.next(deadline).unwrap() {
            Some(Event::Message(message)) => {
                assert_eq!(message.data.parse(), Ok(next));
                next += 1;
                assert_eq!(message.offset, format!("{incarnation}_{next:016}"));
            }
            Some(Event::Live) => panic!("it is said to be live after {next} messages"),
            other => panic!("after {next} messages: {other:?}"),
        }
    }
    assert_eq!(follower.next(deadline).unwrap(), Some(Event::Live));
}
