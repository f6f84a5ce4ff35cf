//! What fifty followers cost that stop reading: little memory, nobody's time, and no message.

use crate::process::{anonymous_bytes, queued_bytes};
use crate::requests::{SSE, upgrade};
use crate::wire::Wire;
use rustix::net::sockopt::set_socket_recv_buffer_size;
use rustix::net::{AddressFamily, SocketType, connect, socket};
use std::net::TcpStream;
use std::time::{Duration, Instant};
use tidings_testkit::{Api, PATIENCE, Server};

const FOLLOWERS: usize = 50;
const MESSAGES: usize = 1_000;
const MESSAGE_BYTES: usize = 1_000;
const BATCH: usize = 20;
/// Of the server's process and of the kernel on its behalf, together.
const BYTES_EACH_MAX: usize = 64 << 10;
/// How many publishes are timed, alone and beside those who don't read.
const TIMED: usize = 200;

#[expect(clippy::disallowed_methods, reason = "how long the server takes is what this test is about")]
fn now() -> Instant {
    Instant::now()
}

/// A small tail cache, that is full soon: what the server needs for itself is then the same before and after.
fn server_with_a_stream() -> (Server, Api) {
    let server = Server::builder().argument("--tail-cache-bytes").argument("1MiB");
    let server = server.argument("--heartbeat").argument("120s").argument("--workers").argument("2").start();
    let mut api = Api::new(server.address());
    api.create("a", &[]);
    (server, api)
}

/// A connection whose own kernel takes next to nothing, so that what nobody reads stays with the server.
fn narrow(server: &Server) -> Wire {
    let socket = socket(AddressFamily::INET, SocketType::STREAM, None).expect("the system has sockets");
    set_socket_recv_buffer_size(&socket, 4 << 10).expect("a socket has this option");
    connect(&socket, &server.address()).expect("the server accepts");
    let socket = TcpStream::from(socket);
    socket.set_read_timeout(Some(PATIENCE)).expect("a socket has this option");
    Wire::of(socket)
}

fn websocket(server: &Server) -> Wire {
    let mut wire = narrow(server);
    wire.send(upgrade("/v1/stream/a?offset=now"));
    assert_eq!(wire.answer().status, 101);
    wire.message("live");
    wire
}

fn event_stream(server: &Server) -> Wire {
    let mut wire = narrow(server);
    wire.send(SSE);
    assert_eq!(wire.head().status, 200);
    wire.events_until("upToDate");
    wire
}

/// The messages from `first` on, each with its own number.
fn publish_all(api: &mut Api, first: usize) {
    let filler = "x".repeat(MESSAGE_BYTES);
    for batch in (first..first + MESSAGES).step_by(BATCH) {
        let messages: Vec<_> = (batch..batch + BATCH)
            .map(|number| format!(r#"{{"number":{number},"filler":"{filler}"}}"#))
            .collect();
        api.publish("a", &format!("[{}]", messages.join(",")));
    }
}

/// How long deliveries take to a follower that reads, on each of two servers: the one in the middle, and the 99th of a hundred.
///
/// By turns, so that whatever else the machine does meanwhile is the same for both.
fn latencies(sides: [(&mut Api, &mut Wire); 2]) -> [(Duration, Duration); 2] {
    let mut sides = sides.map(|(api, reading)| (api, reading, Vec::new()));
    for number in 0..TIMED {
        for (api, reading, taken) in &mut sides {
            let began = now();
            api.publish("a", &format!(r#"[{{"number":"t{number}"}}]"#));
            while reading.message("message")["data"]["number"] != format!("t{number}") {}
            taken.push(began.elapsed());
        }
    }
    sides.map(|(_, _, mut taken)| {
        taken.sort_unstable();
        (taken[TIMED / 2], taken[TIMED * 99 / 100])
    })
}

fn numbers_of_websocket(wire: &mut Wire, last: usize) -> Vec<usize> {
    let mut numbers = Vec::new();
    while numbers.last() != Some(&last) {
        let message = wire.message("message");
        numbers.extend(message["data"]["number"].as_u64().and_then(|number| usize::try_from(number).ok()));
    }
    numbers
}

fn numbers_of_event_stream(wire: &mut Wire, last: usize) -> Vec<usize> {
    let events = wire.events_until(&format!("\"number\":{last},"));
    let numbers = events.split("\"number\":").skip(1).map(|rest| rest.split(',').next()?.parse().ok());
    numbers.flatten().collect()
}

#[test]
fn fifty_followers_that_stop_reading_pin_little_delay_nobody_and_miss_nothing() {
    let (server, mut api) = server_with_a_stream();
    // Once for the server itself: its own buffers, and the tail cache.
    let mut first = websocket(&server);
    publish_all(&mut api, 0);
    numbers_of_websocket(&mut first, MESSAGES - 1);
    let mut reading = Wire::upgraded(&server, "/v1/stream/a?offset=now");
    reading.message("live");
    drop(first);

    let mut websockets: Vec<_> = (0..FOLLOWERS / 2).map(|_| websocket(&server)).collect();
    let mut event_streams: Vec<_> = (0..FOLLOWERS / 2).map(|_| event_stream(&server)).collect();
    let before = (anonymous_bytes(&server), queued_bytes(&server).iter().sum::<usize>());
    publish_all(&mut api, MESSAGES);
    numbers_of_websocket(&mut reading, 2 * MESSAGES - 1);
    let queued = queued_bytes(&server);
    let user = anonymous_bytes(&server).saturating_sub(before.0) / FOLLOWERS;
    let kernel = queued.iter().sum::<usize>().saturating_sub(before.1) / FOLLOWERS;
    eprintln!(
        "bytes for each: {user} of the process, {kernel} of the kernel, at most {:?}",
        queued.iter().max()
    );
    assert!(FOLLOWERS <= queued.iter().filter(|queued| 0 < **queued).count(), "they stall: {queued:?}");
    assert!(user + kernel < BYTES_EACH_MAX, "{user} and {kernel} bytes each");

    let (quiet, mut quiet_api) = server_with_a_stream();
    let mut quiet_reading = Wire::upgraded(&quiet, "/v1/stream/a?offset=now");
    quiet_reading.message("live");
    let [alone, beside] = latencies([(&mut quiet_api, &mut quiet_reading), (&mut api, &mut reading)]);
    eprintln!("median and p99 alone {alone:?}, beside them {beside:?}");
    // To be delayed by them would take as long as they stall: for ever.
    assert!(beside.0 < alone.0 * 4 + Duration::from_millis(10), "{beside:?} after {alone:?}");

    let expected: Vec<_> = (MESSAGES..2 * MESSAGES).collect();
    for wire in &mut websockets {
        assert_eq!(numbers_of_websocket(wire, 2 * MESSAGES - 1), expected);
    }
    for wire in &mut event_streams {
        assert_eq!(numbers_of_event_stream(wire, 2 * MESSAGES - 1), expected);
    }
}
