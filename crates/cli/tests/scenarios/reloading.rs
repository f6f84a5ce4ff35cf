//! Settings that change and servers that are started anew, under load.

use crate::workload::{STREAM, assert_same, batch, messages, stored};
use std::sync::atomic::{AtomicUsize, Ordering};
use tidings_testkit::{Api, Deadline, PATIENCE, Producer, Reader, Server, Start, Transport, eventually};

/// What the settings file says in turn, and what comes of it.
const RELOADS: [(&str, &str); 4] = [
    (
        "poll_interval = \"5s\"\nheartbeat = \"3s\"",
        "the settings were reloaded; others now: poll_interval, heartbeat",
    ),
    ("poll_interval = \"6s\"\nheartbeat = \"no\"", "tidings.toml:2: `heartbeat`: `no` is not a duration"),
    ("poll_interval = \"7s\"\nworkers = 1", "only the next start changes workers"),
    ("[[rights]]\nto = \"anybody\"\nread = [\"**\"]\npublish = [\"**\"]", "the settings were reloaded"),
];

const RESTARTS: usize = 2;
const BATCH: usize = 10;
/// Between two events.
const BATCHES: usize = 20;

/// Number 28: neither a reload nor an orderly restart loses, doubles or reorders anything, and a reload touches no connection.
pub(crate) fn restart_and_reload_drop_nothing(transport: Transport) {
    let mut server = Server::builder().settings_file("").start();
    let address = server.address();
    Api::new(address).create(STREAM, &[]);
    let mut readers: Vec<Reader> = (0..4).map(|_| Reader::new(address, STREAM, Start::beginning())).collect();
    let received: Vec<AtomicUsize> = readers.iter().map(|_| AtomicUsize::new(0)).collect();
    let connections: Vec<AtomicUsize> = readers.iter().map(|_| AtomicUsize::new(0)).collect();
    let total = (RELOADS.len() + RESTARTS + 1) * BATCHES * BATCH;
    let mut load = Load { producer: Producer::new(address, STREAM, "load"), published: 0 };
    std::thread::scope(|scope| {
        for ((reader, received), connections) in readers.iter_mut().zip(&received).zip(&connections) {
            scope.spawn(move || {
                reader.follow_while(transport, Deadline::after(2 * PATIENCE), |reader| {
                    received.store(reader.messages().len(), Ordering::SeqCst);
                    connections.store(reader.connections(), Ordering::SeqCst);
                    total <= reader.messages().len()
                });
            });
        }
        for (text, told) in RELOADS {
            load.go_on_while_readers_follow(&received);
            server.write_settings(text);
            let printed = server.reload();
            assert!(printed.contains(told), "{printed}");
        }
        load.go_on_while_readers_follow(&received);
        for connections in &connections {
            assert_eq!(connections.load(Ordering::SeqCst), 1, "a reload cut a connection");
        }
        for _ in 0..RESTARTS {
            server.terminate();
            server.restart();
            load.go_on_while_readers_follow(&received);
        }
    });
    let log = stored(&server, STREAM);
    assert_eq!(log.data(), messages(0, total));
    for reader in &readers {
        assert_same(&transport.to_string(), reader, &log);
    }
}

/// One who publishes, and repeats what was not answered.
struct Load {
    producer: Producer,
    published: usize,
}

impl Load {
    /// Publishes some more, and waits until every reader has received a part of it: so whatever comes next meets followers.
    fn go_on_while_readers_follow(&mut self, received: &[AtomicUsize]) {
        let before = self.published;
        for _ in 0..BATCHES {
            self.producer.publish(&batch(self.published, self.published + BATCH));
            self.published += BATCH;
        }
        eventually("every reader follows", || {
            let follows = |count: &AtomicUsize| before < count.load(Ordering::SeqCst);
            received.iter().all(follows).then_some(())
        });
    }
}
