//! One connection through the proxy: two sockets, and what is on its way between them.
//!
//! Knows neither the poll nor the other connections.

use super::Network;
use super::pipe::{End, Pipe};
use super::tally::Tally;
use crate::clock;
use mio::net::TcpStream;
use rand::RngExt;
use rand::rngs::StdRng;
use rustix::net::sockopt::set_socket_linger;
use std::io::{self, ErrorKind, Read, Write};
use std::net::{IpAddr, Shutdown};
use std::time::{Duration, Instant};

/// One of the two ends.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Side {
    Client,
    Server,
}

impl Side {
    const BOTH: [Side; 2] = [Side::Client, Side::Server];

    fn other(self) -> Side {
        match self {
            Side::Client => Side::Server,
            Side::Server => Side::Client,
        }
    }
}

/// What all connections share.
pub(super) struct Shared<'a> {
    pub(super) network: Network,
    pub(super) dice: &'a mut StdRng,
    pub(super) buffer: &'a mut [u8],
    pub(super) tally: &'a Tally,
}

/// What comes after a step.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Fate {
    /// It waits for a socket or for a moment.
    Waits,
    /// It could go on, but others have waited long enough.
    Again,
    /// Both ends know that it is over.
    Over,
    /// One end was reset, and the other one is to be.
    Reset,
    /// A piece of data was lost, and the connection with it.
    Lost,
}

/// A connection.
#[derive(Debug)]
pub(super) struct Link {
    client: Peer,
    server: Peer,
    from_client: Pipe,
    from_server: Pipe,
    /// When what the client says may set out at the earliest: after the round trip of a handshake.
    opened: Instant,
    /// When the server hears of it, until then.
    dial_at: Option<Instant>,
    /// The moment at which it is stepped next, as far as that is arranged.
    pub(super) armed: Option<Instant>,
}

/// One end, as the proxy sees it.
#[derive(Debug)]
struct Peer {
    socket: Option<TcpStream>,
    presence: Presence,
    ready: Ready,
    /// It was told that nothing more comes.
    is_told: bool,
}

/// Whether one end is there.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Presence {
    /// It has not answered yet.
    Awaited,
    Connected,
    /// It was reset, or never there: it says nothing more and hears nothing more.
    Gone,
}

/// What a socket is ready for, as far as the system has said.
#[derive(Clone, Copy, Debug, Default)]
struct Ready {
    reading: bool,
    writing: bool,
    /// There is an error that no read has met yet.
    failing: bool,
}

impl Link {
    /// How much is passed on before others have their turn.
    const STEP_BYTES_MAX: usize = 1 << 20;

    /// The client has connected.
    pub(super) fn new(client: TcpStream, network: &Network, now: Instant) -> Link {
        let (client, presence) = (Some(client), Presence::Connected);
        let ready = Ready { writing: true, ..Ready::default() };
        let client = Peer { socket: client, presence, ready, is_told: false };
        let (presence, ready) = (Presence::Awaited, Ready::default());
        Link {
            client,
            server: Peer { socket: None, presence, ready, is_told: false },
            from_client: Pipe::default(),
            from_server: Pipe::default(),
            opened: now + network.rtt,
            dial_at: Some(now + network.one_way()),
            armed: None,
        }
    }

    /// Whether it is time to connect to the server; says so once.
    pub(super) fn takes_dial(&mut self, now: Instant) -> bool {
        self.dial_at.take_if(|due| *due <= now).is_some()
    }

    /// The address that the client has.
    pub(super) fn source(&self) -> Option<IpAddr> {
        self.client.socket.as_ref()?.peer_addr().ok().map(|address| address.ip())
    }

    /// The connection to the server is on its way, or it failed at once.
    pub(super) fn on_dialled(&mut self, server: io::Result<TcpStream>, shared: &Shared<'_>, now: Instant) {
        match server {
            Ok(socket) => self.server.socket = Some(socket),
            Err(_) => self.on_refused(shared, now),
        }
    }

    /// The socket of one end, to be registered.
    pub(super) fn socket(&mut self, side: Side) -> Option<&mut TcpStream> {
        self.peer(side).socket.as_mut()
    }

    /// The system says what a socket is ready for.
    pub(super) fn on_ready(&mut self, side: Side, event: &mio::event::Event) {
        let ready = &mut self.peer(side).ready;
        ready.reading |= event.is_readable() || event.is_read_closed() || event.is_error();
        ready.writing |= event.is_writable() || event.is_error();
        ready.failing |= event.is_error();
    }

    /// Goes on as far as it can.
    pub(super) fn step(&mut self, shared: &mut Shared<'_>, now: Instant) -> Fate {
        if !self.connects(shared, now) {
            return self.ends(now).unwrap_or(Fate::Waits);
        }
        let mut left = Link::STEP_BYTES_MAX;
        loop {
            let before = left;
            let mut has_room = false;
            for side in Side::BOTH {
                if self.reads(side, &mut left, shared, now) == Fate::Lost {
                    return Fate::Lost;
                }
                has_room |= self.writes(side.other(), shared, now);
            }
            if let Some(fate) = self.ends(now) {
                return fate;
            }
            if left == 0 {
                return Fate::Again;
            }
            if left == before && !has_room {
                return Fate::Waits;
            }
        }
    }

    /// When it must be stepped although no socket is ready.
    pub(super) fn next_due(&self, now: Instant) -> Option<Instant> {
        let pipes = [self.from_client.next_due(now), self.from_server.next_due(now)];
        self.dial_at.into_iter().chain(pipes.into_iter().flatten()).min()
    }

    /// Ends it with a reset at both ends.
    pub(super) fn reset(self) {
        for socket in [self.client.socket, self.server.socket].into_iter().flatten() {
            // It fails for a socket that is reset already.
            let _lingers = set_socket_linger(&socket, Some(Duration::ZERO));
        }
    }

    fn peer(&mut self, side: Side) -> &mut Peer {
        match side {
            Side::Client => &mut self.client,
            Side::Server => &mut self.server,
        }
    }

    /// A peer, what it says, and whom that goes to.
    fn direction(&mut self, from: Side) -> (&mut Peer, &mut Pipe, &mut Peer) {
        match from {
            Side::Client => (&mut self.client, &mut self.from_client, &mut self.server),
            Side::Server => (&mut self.server, &mut self.from_server, &mut self.client),
        }
    }

    /// Whether it is known what becomes of the connection to the server. Until then the client waits.
    fn connects(&mut self, shared: &Shared<'_>, now: Instant) -> bool {
        let server = &mut self.server;
        if server.presence != Presence::Awaited {
            return true;
        }
        let Some(socket) = server.socket.as_ref().filter(|_| server.ready.writing) else { return false };
        match socket.take_error().and_then(|error| error.map_or_else(|| socket.peer_addr().map(drop), Err)) {
            Ok(()) => server.presence = Presence::Connected,
            Err(error) if error.kind() == ErrorKind::NotConnected => server.ready.writing = false,
            Err(_) => self.on_refused(shared, now),
        }
        self.server.presence != Presence::Awaited
    }

    fn on_refused(&mut self, shared: &Shared<'_>, now: Instant) {
        shared.tally.on_refused();
        self.server.socket = None;
        self.on_gone(Side::Server, now + shared.network.one_way());
    }

    /// One end was reset. The other one sees that at `due`.
    fn on_gone(&mut self, side: Side, due: Instant) {
        self.peer(side).presence = Presence::Gone;
        let (_, pipe, _) = self.direction(side);
        pipe.end(due, End::Reset);
        let (_, pipe, _) = self.direction(side.other());
        pipe.discard();
    }

    /// Takes what one end says, and hands it on where nothing delays it.
    fn reads(&mut self, side: Side, left: &mut usize, shared: &mut Shared<'_>, now: Instant) -> Fate {
        let opened = if side == Side::Client { self.opened } else { now };
        let one_way = shared.network.one_way();
        // Not the `now` of the turn: what came during a long turn would arrive too early.
        let due = || clock::now().max(opened) + one_way;
        let is_prompt = shared.network.rtt.is_zero();
        let (from, pipe, to) = self.direction(side);
        let is_over = pipe.has_end() || [from.presence, to.presence].contains(&Presence::Gone);
        let Some(socket) = from.socket.as_mut().filter(|_| !is_over) else { return Fate::Waits };
        while from.ready.reading && 0 < *left && 0 < pipe.room() {
            let room = shared.buffer.len().min(pipe.room()).min(*left);
            match socket.read(&mut shared.buffer[..room]) {
                Ok(0) => {
                    pipe.end(due(), End::Closed);
                    return Fate::Waits;
                }
                Ok(count) => {
                    if 0.0 < shared.network.loss && shared.dice.random_bool(shared.network.loss) {
                        return Fate::Lost;
                    }
                    *left -= count;
                    shared.tally.on_bytes(side, count);
                    let bytes = &shared.buffer[..count];
                    let passed = if is_prompt && pipe.is_empty() { to.passes(bytes).unwrap_or(0) } else { 0 };
                    if passed < count {
                        pipe.push(due(), &bytes[passed..]);
                    }
                }
                Err(error) if error.kind() == ErrorKind::Interrupted => {}
                Err(error) if error.kind() == ErrorKind::WouldBlock => from.ready.reading = false,
                Err(_) => {
                    self.on_gone(side, due());
                    return Fate::Waits;
                }
            }
        }
        // A reset is seen although there is no room to read what came before it.
        if from.ready.failing && pipe.room() == 0 {
            self.on_gone(side, due());
        }
        Fate::Waits
    }

    /// Hands on to one end what has arrived for it. Returns whether that made room for more.
    fn writes(&mut self, side: Side, shared: &Shared<'_>, now: Instant) -> bool {
        let (_, pipe, to) = self.direction(side.other());
        let mut has_room = false;
        while let Some(bytes) = pipe.arrived(now) {
            match to.passes(bytes) {
                Ok(0) => break,
                Ok(count) => pipe.take(count),
                Err(_) => {
                    self.on_gone(side, now + shared.network.one_way());
                    return false;
                }
            }
            has_room = true;
        }
        has_room
    }

    /// Tells the ends of ends that have arrived. Returns what becomes of the connection when it is over.
    fn ends(&mut self, now: Instant) -> Option<Fate> {
        for side in Side::BOTH {
            let (_, pipe, to) = self.direction(side);
            match pipe.arrived_end(now) {
                Some(End::Reset) => return Some(Fate::Reset),
                Some(End::Closed) if !to.is_told => {
                    to.is_told = true;
                    if let Some(socket) = &to.socket {
                        let _told = socket.shutdown(Shutdown::Write); // It may be gone by itself.
                    }
                }
                Some(End::Closed) | None => {}
            }
        }
        (self.client.is_told && self.server.is_told).then_some(Fate::Over)
    }
}

impl Peer {
    /// Writes what fits into its socket. An error says that it was reset.
    fn passes(&mut self, bytes: &[u8]) -> io::Result<usize> {
        let may_write = self.presence == Presence::Connected && self.ready.writing;
        let Some(socket) = self.socket.as_mut().filter(|_| may_write) else { return Ok(0) };
        loop {
            match socket.write(bytes) {
                Err(error) if error.kind() == ErrorKind::Interrupted => {}
                Err(error) if error.kind() == ErrorKind::WouldBlock => {
                    self.ready.writing = false;
                    return Ok(0);
                }
                written => return written,
            }
        }
    }
}
