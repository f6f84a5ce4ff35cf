//! Connections and servers that die, and readers that go on.

use crate::workload::{STREAM, assert_same, batch, message, messages, stored};
use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::Duration;
use tidings_testkit::{
    Api, Deadline, Fault, PATIENCE, Producer, Proxy, Random, Reader, Server, Start, Transport, eventually,
    pause,
};

/// The connection is reset after so many bytes of answers, for each of these.
const CUTS: usize = 40;
const CUT_BYTES: usize = 37;

/// Number 1: the connection is reset after an answer was written, at any byte of it; the next read returns the same messages again.
pub(crate) fn a_lost_answer_is_given_again(transport: Transport) {
    let server = Server::start();
    let proxy = Proxy::start(server.address());
    let mut api = Api::new(server.address());
    api.create(STREAM, &[]);
    let mut reader = Reader::new(proxy.address(), STREAM, Start::beginning());
    reader.catch_up(transport);
    let mut random = Random::seeded(1);
    for n in 0..CUTS {
        let broken = proxy.broken();
        proxy.set(Fault::ResetAfter(n * CUT_BYTES));
        let delay = random.duration(Duration::ZERO, Duration::from_millis(10));
        std::thread::scope(|scope| {
            // Published while the reader waits: a held question is answered into the reset.
            scope.spawn(|| {
                pause(delay);
                api.publish(STREAM, &message(n));
            });
            reader.follow_while(transport, Deadline::patient(), |reader| {
                broken < proxy.broken() || n < reader.messages().len()
            });
        });
    }
    proxy.set(Fault::None);
    reader.follow_until_count(transport, CUTS);
    assert!(0 < proxy.broken(), "no connection was reset");
    assert_eq!(reader.data(), messages(0, CUTS));
}

/// Number 2: who has received nothing has an offset all the same.
pub(crate) fn nothing_received_is_a_place_too(transport: Transport) {
    let server = Server::start();
    let mut api = Api::new(server.address());
    api.create(STREAM, &[]);
    api.publish(STREAM, &message(0));
    let mut reader = Reader::new(server.address(), STREAM, Start::now());
    reader.catch_up(transport);
    assert!(reader.offset().is_some(), "no offset was named");
    api.publish(STREAM, &message(1));
    reader.follow_until_count(transport, 1);
    assert_eq!(reader.data(), messages(1, 2));
}

/// Number 5: `kill -9` and restart under load.
pub(crate) fn killed_under_load(transport: Transport) {
    const BATCHES: usize = 300;
    const BATCH: usize = 10;
    const KILLS: usize = 3;
    let mut server = Server::start();
    let address = server.address();
    Api::new(address).create(STREAM, &[]);
    let mut readers: Vec<Reader> = (0..4).map(|_| Reader::new(address, STREAM, Start::beginning())).collect();
    let received: Vec<AtomicUsize> = readers.iter().map(|_| AtomicUsize::new(0)).collect();
    let mut producer = Producer::new(address, STREAM, "load");
    std::thread::scope(|scope| {
        for (reader, received) in readers.iter_mut().zip(&received) {
            scope.spawn(move || {
                let deadline = Deadline::after(2 * PATIENCE);
                reader.follow_while(transport, deadline, |reader| {
                    received.store(reader.messages().len(), Ordering::SeqCst);
                    BATCHES * BATCH <= reader.messages().len()
                });
            });
        }
        let mut published_before_the_last = 0;
        for n in 0..BATCHES {
            if n % (BATCHES / KILLS) == BATCHES / KILLS / 2 {
                // Whoever has a message that came after the last kill is connected again, and is cut off by this one.
                eventually("every reader is there", || {
                    let is_there =
                        |count: &AtomicUsize| published_before_the_last < count.load(Ordering::SeqCst);
                    received.iter().all(is_there).then_some(())
                });
                published_before_the_last = n * BATCH;
                server.kill_9();
                server.restart();
            }
            producer.publish(&batch(n * BATCH, (n + 1) * BATCH));
        }
    });
    let log = stored(&server, STREAM);
    assert_eq!(log.data(), messages(0, BATCHES * BATCH));
    for reader in &readers {
        assert_same(&transport.to_string(), reader, &log);
        assert!(KILLS < reader.connections(), "it was not cut off");
    }
}
