//! Connections are spread over the workers when they are accepted, whatever the kernel does.

use crate::process::clients_by_worker;
use crate::requests::POLL;
use crate::wire::Wire;
use tidings_testkit::{Api, Server, eventually};

/// Connects, and waits for an answer: from here on the connection stays where it is.
fn connected(server: &Server) -> Wire {
    let mut wire = Wire::connect(server);
    wire.send(POLL);
    assert_eq!(wire.answer().status, 200);
    wire
}

fn spread(server: &Server, wires: &[Wire]) -> Vec<Vec<u16>> {
    let ports: Vec<_> = wires.iter().map(Wire::port).collect();
    clients_by_worker(server, &ports)
}

#[test]
fn a_new_connection_goes_to_the_worker_that_has_fewest() {
    const EACH: usize = 60;
    /// The harness has a connection or two of its own.
    const NEARLY: usize = 4;
    let server = Server::builder().argument("--workers").argument("2").start();
    Api::new(server.address()).create("a", &[]);
    let mut wires: Vec<_> = (0..2 * EACH).map(|_| connected(&server)).collect();
    let before = spread(&server, &wires);
    assert_eq!(before.len(), 2, "{before:?}");
    assert!(before.iter().all(|clients| EACH.abs_diff(clients.len()) <= NEARLY), "{before:?}");
    // One of the workers loses all that it has; what comes next is for that one.
    wires.retain(|wire| !before[0].contains(&wire.port()));
    wires.extend((0..EACH).map(|_| connected(&server)));
    let after = spread(&server, &wires);
    assert_eq!(after.len(), 2, "{after:?}");
    assert!(after.iter().all(|clients| EACH.abs_diff(clients.len()) <= 2 * NEARLY), "{after:?}");
}

/// All of these tests are run on each event loop, by these variables. A run that does not have what it asked for shows nothing.
#[test]
fn the_server_runs_on_what_the_tests_are_run_on() {
    let server = Server::start();
    let told = |name| std::env::var(name).ok().filter(|word| word != "auto");
    let line = eventually("it says what it runs on", || {
        let printed = server.printed();
        let line = printed.lines().find(|line| line.contains("event loop: "))?.to_owned();
        line.contains("; sends: ").then_some(line)
    });
    for (variable, label) in [("TIDINGS_EVENT_LOOP", "event loop"), ("TIDINGS_SENDS", "sends")] {
        if let Some(word) = told(variable) {
            assert!(line.contains(&format!("{label}: {word}")), "{line}, and not {word}");
        }
    }
}
