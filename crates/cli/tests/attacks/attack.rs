//! The attacks, one function each: what one connection does, again and again.

mod http2;
mod requests;
mod silence;
mod websocket;

use rustix::process::{Resource, Rlimit, getrlimit, setrlimit};
use std::collections::BTreeMap;
use std::future::Future;
use std::io;
use std::net::SocketAddr;
use std::pin::Pin;
use std::time::Duration;
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::{TcpSocket, TcpStream};

/// Where the server listens.
#[derive(Clone, Copy)]
pub(crate) struct Target {
    pub(crate) address: SocketAddr,
    pub(crate) secured: SocketAddr,
}

/// One way to attack.
pub(crate) struct Attack {
    pub(crate) name: &'static str,
    /// Those that have the same letter happen together in a small run.
    group: char,
    /// How many connections do it in a small run.
    pub(crate) connections: usize,
    /// Whether there are more of them in a large one: those that keep nobody busy.
    pub(crate) grows: bool,
    /// What connection `number` does, until the process is ended.
    pub(crate) run: fn(Target, usize) -> Doing,
}

pub(crate) type Doing = Pin<Box<dyn Future<Output = ()>>>;

macro_rules! attacks {
    ($($group:literal, $name:literal, $connections:literal, $grows:literal, $function:path;)+) => {
        &[$(Attack {
            name: $name,
            group: $group,
            connections: $connections,
            grows: $grows,
            run: |target, number| Box::pin(again_and_again(target, number, $function)),
        }),+]
    };
}

#[rustfmt::skip]
pub(crate) const ATTACKS: &[Attack] = attacks! {
    's', "idle connections", 1_000, true, silence::idle;
    's', "heads that drip", 100, true, silence::heads;
    's', "bodies that drip", 100, true, silence::bodies;
    's', "followers that don't read", 50, true, silence::stalled;
    's', "half-open peers", 50, true, silence::half_open;
    's', "handshakes of TLS left alone", 50, false, silence::handshakes;
    'r', "floods of publishes", 16, false, requests::publishes;
    'r', "floods of polls", 16, false, requests::polls;
    'r', "floods of connects", 16, false, requests::connects;
    'r', "answers that nobody reads", 16, true, requests::unread;
    'b', "huge and deep JSON", 8, false, requests::json;
    'b', "gzip bodies", 4, false, requests::gzip;
    'b', "compressed bombs", 8, false, websocket::bombs;
    'b', "messages that never end", 16, false, websocket::fragments;
    'b', "floods of pings", 16, false, websocket::pings;
    '2', "HTTP/2: rapid reset", 8, false, http2::resets;
    '2', "HTTP/2: floods of settings", 8, false, http2::settings;
    '2', "HTTP/2: floods of pings", 8, false, http2::pings;
    '2', "HTTP/2: heads that never end", 8, false, http2::continuations;
    '2', "HTTP/2: answers that nobody reads", 8, true, http2::unread;
};

/// Those that happen together in a small run.
pub(crate) fn groups(attacks: impl Iterator<Item = &'static Attack>) -> Vec<Vec<&'static Attack>> {
    let mut groups: BTreeMap<char, Vec<_>> = BTreeMap::new();
    attacks.for_each(|attack| groups.entry(attack.group).or_default().push(attack));
    groups.into_values().collect()
}

/// Of how many addresses the attackers are.
const ADDRESSES: usize = 4;

/// As many files as the system lets this process open.
pub(crate) fn allow_descriptors() {
    let maximum = getrlimit(Resource::Nofile).maximum;
    let _as_it_was = setrlimit(Resource::Nofile, Rlimit { current: maximum, maximum });
}

/// Connects, does it until the server ends that, and begins anew.
async fn again_and_again(
    target: Target,
    number: usize,
    attack: impl AsyncFn(Target, usize) -> io::Result<()>,
) {
    /// Who is refused at once comes again, and not so fast that nothing but this happens.
    const AFTER: Duration = Duration::from_millis(5);
    loop {
        let _ended = attack(target, number).await;
        tokio::time::sleep(AFTER).await;
    }
}

/// From an address that no follower has.
async fn connect(address: SocketAddr, number: usize) -> io::Result<TcpStream> {
    connect_with(TcpSocket::new_v4()?, address, number).await
}

async fn connect_with(socket: TcpSocket, address: SocketAddr, number: usize) -> io::Result<TcpStream> {
    let last = u8::try_from(2 + number % ADDRESSES).expect("there are a few");
    socket.bind(SocketAddr::from(([127, 0, 0, last], 0)))?;
    let socket = socket.connect(address).await?;
    socket.set_nodelay(true)?;
    Ok(socket)
}

/// Reads and drops what comes, until the server ends the connection.
async fn drop_input(socket: &mut (impl AsyncReadExt + Unpin)) -> io::Result<()> {
    let mut piece = vec![0; 64 << 10];
    while socket.read(&mut piece).await? != 0 {}
    Err(io::ErrorKind::UnexpectedEof.into())
}

/// Writes these bytes for ever, and drops what comes.
async fn flood(socket: TcpStream, bytes: &[u8]) -> io::Result<()> {
    let (mut reads, mut writes) = socket.into_split();
    let write = async {
        loop {
            writes.write_all(bytes).await?;
        }
    };
    tokio::select! {
        ended = drop_input(&mut reads) => ended,
        failed = write => failed,
    }
}
