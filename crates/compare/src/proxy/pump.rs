//! The thread of the proxy: one poll for all connections.

use super::alarm::Alarm;
use super::dial::dial;
use super::link::{Fate, Link, Shared, Side};
use super::tally::Tally;
use super::{Command, Network};
use crate::clock;
use mio::net::TcpListener;
use mio::{Events, Interest, Poll, Token, Waker};
use rand::SeedableRng;
use rand::rngs::StdRng;
use rand::seq::index::sample;
use rustix::time::{ClockId, clock_gettime};
use slab::Slab;
use std::cmp::Reverse;
use std::collections::BinaryHeap;
use std::io::{self, ErrorKind};
use std::net::{IpAddr, Ipv4Addr, Ipv6Addr, SocketAddr};
use std::sync::Arc;
use std::sync::mpsc::Receiver;
use std::time::{Duration, Instant};

const LISTENER: Token = Token(usize::MAX);
const WAKER: Token = Token(usize::MAX - 1);
const ALARM: Token = Token(usize::MAX - 2);
const EVENTS_MAX: usize = 1_024;
const BUFFER_BYTES: usize = 64 << 10;

/// All that the thread owns.
pub(super) struct Pump {
    server: SocketAddr,
    network: Network,
    dice: StdRng,
    poll: Poll,
    listener: TcpListener,
    alarm: Alarm,
    links: Slab<Link>,
    /// When which connection is to be stepped. One that is over may still stand here; then nothing happens.
    dues: BinaryHeap<Reverse<(Instant, usize)>>,
    /// Connections that can go on at once.
    again: Vec<usize>,
    /// Whether somebody may be waiting to be accepted.
    may_accept: bool,
    buffer: Vec<u8>,
    tally: Arc<Tally>,
    commands: Receiver<Command>,
}

impl Pump {
    pub(super) fn new(
        server: SocketAddr,
        network: Network,
        tally: Arc<Tally>,
        commands: Receiver<Command>,
    ) -> io::Result<(Pump, Waker, SocketAddr)> {
        let poll = Poll::new()?;
        let local: IpAddr = match server {
            SocketAddr::V4(_) => Ipv4Addr::LOCALHOST.into(),
            SocketAddr::V6(_) => Ipv6Addr::LOCALHOST.into(),
        };
        let mut listener = TcpListener::bind(SocketAddr::new(local, 0))?;
        let address = listener.local_addr()?;
        poll.registry().register(&mut listener, LISTENER, Interest::READABLE)?;
        let waker = Waker::new(poll.registry(), WAKER)?;
        let alarm = Alarm::new(&poll, ALARM)?;
        let pump = Pump {
            server,
            network,
            dice: StdRng::seed_from_u64(network.seed),
            poll,
            listener,
            alarm,
            links: Slab::new(),
            dues: BinaryHeap::new(),
            again: Vec::new(),
            may_accept: false,
            buffer: vec![0; BUFFER_BYTES],
            tally,
            commands,
        };
        Ok((pump, waker, address))
    }

    /// Goes on until it is told to end.
    pub(super) fn run(mut self) {
        let mut events = Events::with_capacity(EVENTS_MAX);
        loop {
            let now = clock::now();
            let next = self.dues.peek().map(|Reverse((due, _))| *due);
            let wait = self.alarm.set(next, now);
            let wait = if self.again.is_empty() { wait } else { Some(Duration::ZERO) };
            match self.poll.poll(&mut events, wait) {
                Err(error) if error.kind() != ErrorKind::Interrupted => {
                    panic!("waiting for sockets: {error}")
                }
                _ => {}
            }
            if !self.turn(&events) {
                return;
            }
            self.tally.on_cpu(thread_cpu());
        }
    }

    /// Does what is due. Returns whether it goes on.
    fn turn(&mut self, events: &Events) -> bool {
        let now = clock::now();
        let again = std::mem::take(&mut self.again);
        for event in events {
            match event.token() {
                LISTENER => self.may_accept = true,
                WAKER | ALARM => {}
                Token(token) => {
                    let (id, side) = (token / 2, if token % 2 == 0 { Side::Client } else { Side::Server });
                    if let Some(link) = self.links.get_mut(id) {
                        link.on_ready(side, event);
                        self.step(id, now);
                    }
                }
            }
        }
        for id in again {
            self.step(id, now);
        }
        while let Some(Reverse((due, id))) = self.dues.peek().copied().filter(|Reverse((due, _))| *due <= now)
        {
            self.dues.pop();
            if let Some(link) = self.links.get_mut(id) {
                link.armed.take_if(|armed| *armed == due);
                self.step(id, now);
            }
        }
        self.accept(now);
        while let Ok(command) = self.commands.try_recv() {
            match command {
                Command::Reset { share, done } => {
                    let _told = done.send(self.reset(share)); // Who asked may have gone.
                }
                Command::End => return false,
            }
        }
        true
    }

    fn accept(&mut self, now: Instant) {
        while self.may_accept {
            match self.listener.accept() {
                Ok((client, _)) => {
                    self.tally.on_connected();
                    let _set = client.set_nodelay(true); // It fails where the client is gone.
                    let id = self.links.insert(Link::new(client, &self.network, now));
                    self.register(id, Side::Client);
                    self.step(id, now);
                }
                Err(error) if error.kind() == ErrorKind::WouldBlock => self.may_accept = false,
                Err(error)
                    if [ErrorKind::Interrupted, ErrorKind::ConnectionAborted].contains(&error.kind()) => {}
                // No more files: whoever waits is accepted when another connection is over.
                Err(_) => return,
            }
        }
    }

    fn register(&mut self, id: usize, side: Side) {
        let token = Token(id * 2 + usize::from(side == Side::Server));
        if let Some(socket) = self.links[id].socket(side) {
            let registered =
                self.poll.registry().register(socket, token, Interest::READABLE | Interest::WRITABLE);
            registered.expect("a new socket can be registered");
        }
    }

    fn step(&mut self, id: usize, now: Instant) {
        let Some(link) = self.links.get_mut(id) else { return };
        let mut shared = Shared {
            network: self.network,
            dice: &mut self.dice,
            buffer: &mut self.buffer,
            tally: &self.tally,
        };
        if link.takes_dial(now) {
            link.on_dialled(dial(self.server, link.source()), &shared, now);
            // The first readiness comes as an event.
            return self.register(id, Side::Server);
        }
        match link.step(&mut shared, now) {
            Fate::Waits => self.arm(id, now),
            Fate::Again => self.again.push(id),
            Fate::Over => {
                self.links.remove(id);
                self.tally.on_over();
            }
            Fate::Reset => self.break_off(id),
            Fate::Lost => {
                self.tally.on_reset();
                self.break_off(id);
            }
        }
    }

    /// Arranges that it is stepped when the next thing arrives.
    fn arm(&mut self, id: usize, now: Instant) {
        let link = &mut self.links[id];
        if let Some(due) = link.next_due(now)
            && link.armed.is_none_or(|armed| due < armed)
        {
            link.armed = Some(due);
            self.dues.push(Reverse((due, id)));
        }
    }

    fn break_off(&mut self, id: usize) {
        self.links.remove(id).reset();
        self.tally.on_over();
    }

    /// Resets that share of the open connections, chosen by chance. Returns how many.
    fn reset(&mut self, share: f64) -> usize {
        let open: Vec<usize> = self.links.iter().map(|(id, _)| id).collect();
        let count = share_of(share, open.len());
        for at in sample(&mut self.dice, open.len(), count) {
            self.tally.on_reset();
            self.break_off(open[at]);
        }
        count
    }
}

/// A share of so many, rounded up: a share of a few is one at least.
#[expect(clippy::cast_possible_truncation, clippy::cast_sign_loss, reason = "it is bounded by both sides")]
#[expect(clippy::cast_precision_loss, reason = "a count of connections")]
fn share_of(share: f64, count: usize) -> usize {
    ((share.clamp(0.0, 1.0) * count as f64).ceil() as usize).min(count)
}

/// The processor time of this thread.
fn thread_cpu() -> Duration {
    clock_gettime(ClockId::ThreadCPUTime).try_into().unwrap_or_default()
}
