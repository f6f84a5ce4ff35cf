//! The proxy over real sockets.

use super::pipe::Pipe;
use super::{Network, Proxy};
use crate::clock;
use proptest::prelude::*;
use rustix::net::sockopt::set_socket_linger;
use std::io::{self, ErrorKind, Read, Write};
use std::net::{Ipv4Addr, Shutdown, SocketAddr, TcpListener, TcpStream};
use std::thread::{self, JoinHandle};
use std::time::Duration;

const MS: Duration = Duration::from_millis(1);
const PATIENCE: Duration = Duration::from_secs(20);

#[test]
fn a_round_trip_takes_as_long_as_asked_and_a_handshake_one_more() {
    let network = network(40 * MS, 0.0);
    let proxy = Proxy::start(serving(echo), network).unwrap();
    let begun = clock::now();
    let mut client = connect(proxy.address());
    exchange(&mut client).unwrap();
    let first = clock::now() - begun;
    let later: Vec<Duration> = (0..20)
        .map(|_| {
            let begun = clock::now();
            exchange(&mut client).unwrap();
            clock::now() - begun
        })
        .collect();
    assert!(2 * network.rtt <= first, "{first:?}");
    let shortest = *later.iter().min().unwrap();
    assert!(network.rtt <= shortest, "never less than asked: {later:?}");
    // One of them at least meets a quiet moment. An alarm of whole milliseconds would take up to 1 more in each direction.
    assert!(shortest < network.rtt + 2 * MS, "{later:?}");
}

#[test]
fn what_is_on_its_way_travels_together() {
    let proxy = Proxy::start(serving(echo), network(200 * MS, 0.0)).unwrap();
    let mut client = connect(proxy.address());
    exchange(&mut client).unwrap();
    let begun = clock::now();
    let mut written = client.try_clone().unwrap();
    let writer = thread::spawn(move || (0..50).for_each(|_| written.write_all(b"x").unwrap()));
    client.read_exact(&mut [0; 50]).unwrap();
    writer.join().unwrap();
    let took = clock::now() - begun;
    assert!(
        200 * MS <= took && took < 2_000 * MS,
        "50 messages, one after the other, would take 10 s: {took:?}"
    );
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 24, failure_persistence: None, ..ProptestConfig::default() })]

    #[test]
    fn bytes_arrive_whole_and_in_order(
        chunks in prop::collection::vec((1_usize..200_000, 0_u64..3), 1..12),
        rtt_ms in prop::sample::select(vec![0_u64, 1, 7]),
        reads in 1_usize..100_000,
    ) {
        let proxy = Proxy::start(serving(echo), network(Duration::from_millis(rtt_ms), 0.0)).unwrap();
        let mut client = connect(proxy.address());
        let sent: Vec<u8> = (0..chunks.iter().map(|(bytes, _)| bytes).sum::<usize>())
            .map(|at| u8::try_from(at * at % 251).unwrap())
            .collect();
        let (mut writing, mut rest) = (client.try_clone().unwrap(), sent.clone());
        let writer = thread::spawn(move || {
            for (bytes, pause_ms) in chunks {
                writing.write_all(&rest[..bytes]).unwrap();
                rest.drain(..bytes);
                thread::sleep(Duration::from_millis(pause_ms)); // So that pieces are torn elsewhere.
            }
            writing.shutdown(Shutdown::Write).unwrap();
        });
        let (mut received, mut part) = (Vec::new(), vec![0; reads]);
        loop {
            match client.read(&mut part).unwrap() {
                0 => break,
                count => received.extend_from_slice(&part[..count]),
            }
        }
        writer.join().unwrap();
        prop_assert!(sent == received, "{} bytes became {}", sent.len(), received.len());
        let counts = proxy.counts();
        prop_assert_eq!((counts.from_clients_bytes, counts.from_server_bytes), (sent.len() as u64, sent.len() as u64));
        eventually(|| proxy.counts().open == 0, "the connection is over");
    }
}

#[test]
fn one_end_may_close_while_the_other_goes_on() {
    let server = serving(|mut client| {
        let mut asked = Vec::new();
        client.read_to_end(&mut asked)?;
        client.write_all(&asked)
    });
    for rtt in [Duration::ZERO, 5 * MS] {
        let proxy = Proxy::start(server, network(rtt, 0.0)).unwrap();
        let mut client = connect(proxy.address());
        client.write_all(b"asked").unwrap();
        client.shutdown(Shutdown::Write).unwrap();
        let mut answer = Vec::new();
        client.read_to_end(&mut answer).unwrap();
        assert_eq!(answer, b"asked");
        eventually(|| proxy.counts().open == 0, "the connection is over");
        assert_eq!(proxy.counts().resets, 0);
    }
}

#[test]
fn a_lost_piece_resets_both_ends() {
    let (address, server) = serving_once(|mut client| client.read(&mut [0; 16]).map(drop));
    let proxy = Proxy::start(address, network(10 * MS, 1.0)).unwrap();
    let mut client = connect(proxy.address());
    client.write_all(b"lost").unwrap();
    assert_eq!(client.read(&mut [0; 16]).unwrap_err().kind(), ErrorKind::ConnectionReset);
    assert_eq!(server.join().unwrap().unwrap_err().kind(), ErrorKind::ConnectionReset);
    eventually(|| proxy.counts().open == 0, "the connection is over");
    assert_eq!((proxy.counts().resets, proxy.counts().refused), (1, 0));
}

#[test]
fn so_many_pieces_are_lost_as_asked() {
    let proxy = Proxy::start(serving(echo), network(Duration::ZERO, 0.02)).unwrap();
    let mut client = connect(proxy.address());
    let mut broken = 0_u64;
    for _ in 0..2_000 {
        if exchange(&mut client).is_err() {
            broken += 1;
            client = connect(proxy.address());
        }
    }
    // Two pieces each: 79 of them, with a deviation of 9.
    assert!((35..=125).contains(&broken), "{broken}");
    assert_eq!(proxy.counts().resets, broken);
    assert_eq!(proxy.counts().connections, broken + 1);
}

#[test]
fn a_share_of_the_connections_is_reset_and_the_others_go_on() {
    let proxy = Proxy::start(serving(echo), network(2 * MS, 0.0)).unwrap();
    let mut clients: Vec<TcpStream> = (0..100).map(|_| connect(proxy.address())).collect();
    for client in &mut clients {
        exchange(client).unwrap();
    }
    assert_eq!(proxy.reset(0.02), 2);
    let failures: Vec<io::Error> = clients.iter_mut().filter_map(|client| exchange(client).err()).collect();
    assert_eq!(failures.len(), 2);
    let expected = [ErrorKind::ConnectionReset, ErrorKind::BrokenPipe]; // As it is met by the write or the read.
    assert!(failures.iter().all(|error| expected.contains(&error.kind())), "{failures:?}");
    assert_eq!((proxy.counts().resets, proxy.counts().open), (2, 98)); // It is told when all is done.
    assert_eq!(proxy.reset(0.0), 0);
}

#[test]
fn a_reset_by_the_server_reaches_the_client_behind_what_it_said() {
    let server = serving(|mut client| {
        client.read_exact(&mut [0; 4])?;
        client.write_all(b"last words")?;
        set_socket_linger(&client, Some(Duration::ZERO))?;
        Ok(())
    });
    let proxy = Proxy::start(server, network(20 * MS, 0.0)).unwrap();
    let mut client = connect(proxy.address());
    client.write_all(b"asks").unwrap();
    let mut heard = [0; 10];
    client.read_exact(&mut heard).unwrap();
    assert_eq!(&heard, b"last words");
    assert_eq!(client.read(&mut heard).unwrap_err().kind(), ErrorKind::ConnectionReset);
    eventually(|| proxy.counts().open == 0, "the connection is over");
    assert_eq!(proxy.counts().resets, 0, "it is not the proxy's own");
}

#[test]
fn where_no_server_is_the_client_is_told_a_round_trip_later() {
    let nobody = TcpListener::bind((Ipv4Addr::LOCALHOST, 0)).unwrap().local_addr().unwrap();
    let proxy = Proxy::start(nobody, network(30 * MS, 0.0)).unwrap();
    let begun = clock::now();
    let mut client = connect(proxy.address());
    assert_eq!(client.read(&mut [0; 1]).unwrap_err().kind(), ErrorKind::ConnectionReset);
    assert!(30 * MS <= clock::now() - begun);
    eventually(|| proxy.counts().open == 0, "the connection is over");
    assert_eq!(proxy.counts().refused, 1);
}

#[test]
fn a_reader_that_stalls_costs_bounded_memory_and_loses_nothing() {
    const OFFERED_BYTES: usize = 64 << 20;
    /// What the kernel may keep of one connection, in both directions of loopback.
    const KERNEL_BYTES: u64 = 24 << 20;
    for rtt in [Duration::ZERO, 2 * MS] {
        let (go, told) = std::sync::mpsc::sync_channel(1);
        let (address, server) = serving_once(move |mut client| {
            let _told = told.recv();
            io::copy(&mut client, &mut io::sink())
        });
        let proxy = Proxy::start(address, network(rtt, 0.0)).unwrap();
        let mut client = connect(proxy.address());
        let writer = thread::spawn(move || client.write_all(&vec![7; OFFERED_BYTES]).map(|()| client));
        // It stalls: nothing more is taken for a while.
        let mut taken = 0;
        eventually(
            || {
                thread::sleep(100 * MS);
                let before = std::mem::replace(&mut taken, proxy.counts().from_clients_bytes);
                0 < before && before == taken
            },
            "nothing more is taken",
        );
        assert!(taken <= Pipe::HELD_BYTES_MAX as u64 + KERNEL_BYTES, "{taken} bytes");
        go.send(()).unwrap();
        drop(writer.join().unwrap().unwrap());
        assert_eq!(server.join().unwrap().unwrap(), OFFERED_BYTES as u64);
    }
}

#[test]
fn its_own_cost_is_told() {
    let proxy = Proxy::start(serving(echo), network(Duration::ZERO, 0.0)).unwrap();
    let mut client = connect(proxy.address());
    let (before, begun) = (proxy.cpu(), clock::now());
    for _ in 0..2_000 {
        exchange(&mut client).unwrap();
    }
    let (used, took) = (proxy.cpu().saturating_sub(before), clock::now() - begun);
    eprintln!("{:.2} µs for each piece of data, {took:?} in all", used.as_secs_f64() * 1e6 / 4_000.0);
    assert!(Duration::ZERO < used && used <= took, "{used:?} of {took:?}");
}

fn network(rtt: Duration, loss: f64) -> Network {
    Network { rtt, loss, seed: 7 }
}

fn connect(address: SocketAddr) -> TcpStream {
    let client = TcpStream::connect(address).unwrap();
    client.set_nodelay(true).unwrap();
    client.set_read_timeout(Some(PATIENCE)).unwrap();
    client
}

/// Sends one small message and awaits it back.
fn exchange(client: &mut TcpStream) -> io::Result<()> {
    client.write_all(b"ping")?;
    client.read_exact(&mut [0; 4])
}

fn echo(mut client: TcpStream) -> io::Result<()> {
    client.set_nodelay(true)?;
    let mut part = vec![0; 64 << 10];
    loop {
        let count = client.read(&mut part)?;
        if count == 0 {
            return Ok(());
        }
        client.write_all(&part[..count])?;
    }
}

/// A server that gives each connection to a thread.
fn serving(serve: impl Fn(TcpStream) -> io::Result<()> + Clone + Send + 'static) -> SocketAddr {
    let listener = TcpListener::bind((Ipv4Addr::LOCALHOST, 0)).unwrap();
    let address = listener.local_addr().unwrap();
    thread::spawn(move || {
        for client in listener.incoming() {
            let (client, serve) = (client.unwrap(), serve.clone());
            thread::spawn(move || serve(client)); // Its end is seen by the client.
        }
    });
    address
}

/// A server of one connection.
fn serving_once<T: Send + 'static>(
    serve: impl FnOnce(TcpStream) -> io::Result<T> + Send + 'static,
) -> (SocketAddr, JoinHandle<io::Result<T>>) {
    let listener = TcpListener::bind((Ipv4Addr::LOCALHOST, 0)).unwrap();
    let address = listener.local_addr().unwrap();
    (address, thread::spawn(move || serve(listener.accept()?.0)))
}

fn eventually(mut is_so: impl FnMut() -> bool, what: &str) {
    let begun = clock::now();
    while !is_so() {
        assert!(clock::now() - begun < PATIENCE, "never: {what}");
        thread::sleep(MS);
    }
}
