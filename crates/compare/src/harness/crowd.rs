//! All followers and the publisher of a run, driven by one thread: the only place that touches sockets.
//!
//! Cost of a delivery: one `read`, a share of one wait, one look at the clock, and a search for the mark.

use super::ask::Endpoint;
use super::comeback::Comeback;
use super::dialect::Place;
use super::follower::{self, Follower, Step};
use super::publisher::{self, Pace, Publisher};
use super::reactor::Reactor;
use super::tally::{Tally, Window};
use super::wire::{Got, Wire};
use crate::clock::Clock;
use anyhow::Context as _;
use mio::event::Event;
use mio::{Events, Token};
use rand::SeedableRng as _;
use rand::rngs::SmallRng;
use std::cmp::Reverse;
use std::collections::BinaryHeap;
use std::net::Ipv4Addr;

/// The first token of the publisher; those below are followers.
const PUBLISHER: usize = 1 << 32;

const BUFFER_BYTES: usize = 64 << 10;

/// The most that the publisher may have to send and the socket does not take.
const UNSENT_BYTES_MAX: usize = 64 << 20;

/// What followers and publisher share.
pub(super) struct Crowd {
    pub(super) clock: Clock,
    pub(super) tally: Tally,
    pub(super) publisher: Option<Publisher>,
    reactor: Reactor,
    /// Taken while they are gone through.
    events: Option<Events>,
    course: follower::Course,
    addresses: Addresses,
    seats: Vec<Seat>,
    publisher_wires: Vec<Option<Wire>>,
    timers: BinaryHeap<Reverse<(u64, usize, Due)>>,
    random: SmallRng,
    buffer: Vec<u8>,
    out: Vec<u8>,
    /// Whoever has joined, so that nobody is asked twice.
    joined: usize,
    open: usize,
    opened_ever: u64,
    interval_ns: u64,
    /// After trouble: how many messages of each stream a follower must have to be whole.
    missed: Option<Vec<u64>>,
    /// The first reason why the system did not give a connection; told when it does not give one for long.
    refused: Option<std::io::Error>,
    is_out_of_ports: bool,
}

/// Where connections go to, and come from.
#[derive(Clone, Debug)]
pub(super) struct Addresses {
    pub(super) followers: Endpoint,
    pub(super) publisher: Endpoint,
    /// Whether connections come from many addresses of the loopback, since one has too few ports.
    pub(super) from_many: bool,
}

struct Seat {
    wire: Option<Wire>,
    follower: Follower,
    is_joined: bool,
}

/// What is due.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
enum Due {
    Connect,
    Poll,
    /// A connection of the publisher.
    ConnectPublisher,
}

impl Crowd {
    /// Connections whose answers are awaited before more are opened: few where the server is near, and more where each takes long.
    pub(super) const JOINING_AT_ONCE: usize = 64;
    pub(super) const JOINING_AT_ONCE_AFAR: usize = 512;

    /// After which the publisher connects again.
    const PUBLISHER_PAUSE_NS: u64 = 20_000_000;

    pub(super) fn new(
        clock: Clock,
        course: follower::Course,
        places: &[Place],
        followers: usize,
        addresses: Addresses,
        seed: u64,
    ) -> anyhow::Result<Crowd> {
        let streams = u32::try_from(places.len()).context("too many streams")?;
        let seats = (0..u32::try_from(followers).context("too many followers")?).map(|index| {
            let stream = index % streams;
            let follower = Follower::new(stream, places[stream as usize].clone());
            Seat { wire: None, follower, is_joined: false }
        });
        let interval_ns = course.way.interval().map_or(0, crate::clock::nanoseconds);
        Ok(Crowd {
            clock,
            tally: Tally::new()?,
            publisher: None,
            reactor: Reactor::new(clock)?,
            events: Some(Events::with_capacity(Reactor::EVENTS_MAX)),
            course,
            addresses,
            seats: seats.collect(),
            publisher_wires: Vec::new(),
            timers: BinaryHeap::with_capacity(followers + 1),
            random: SmallRng::seed_from_u64(seed),
            buffer: vec![0; BUFFER_BYTES],
            out: Vec::new(),
            joined: 0,
            open: 0,
            opened_ever: 0,
            interval_ns,
            missed: None,
            refused: None,
            is_out_of_ports: false,
        })
    }

    /// Connections of followers that are open now.
    pub(super) fn open(&self) -> usize {
        self.open
    }

    pub(super) fn joined(&self) -> usize {
        self.joined
    }

    /// Whether the system once had no port for a connection.
    pub(super) fn is_out_of_ports(&self) -> bool {
        self.is_out_of_ports
    }

    /// For how long it has waited for something to do.
    pub(super) fn waited_ns(&self) -> u64 {
        self.reactor.waited_ns()
    }

    /// Opens the next connections, as long as fewer than `at_once` are on their way. Returns whether all have joined.
    pub(super) fn join_more(&mut self, begun: &mut usize, at_once: usize) -> anyhow::Result<bool> {
        while *begun < self.seats.len() && *begun - self.joined < at_once {
            self.connect(*begun)?;
            *begun += 1;
        }
        if let Some(error) = self.refused.take() {
            return Err(error).context("connecting a follower");
        }
        Ok(self.joined == self.seats.len())
    }

    /// From that moment each polls at the interval, with a phase of its own.
    pub(super) fn begin_polling(&mut self, start_ns: u64, phases: &[u64]) {
        for (index, phase_ns) in phases.iter().enumerate().take(self.seats.len()) {
            self.timers.push(Reverse((start_ns + phase_ns, index, Due::Poll)));
        }
    }

    /// Everybody polls once more, spread over that time after that moment, in place of when it would. Who can't, because it has no answer
    /// to the poll before, does so that much later.
    pub(super) fn poll_once_more(&mut self, after_ns: u64, spread_ns: u64) {
        self.interval_ns = spread_ns;
        self.timers.retain(|Reverse((.., due))| *due != Due::Poll);
        let count = self.seats.len().max(1) as u64;
        for index in 0..self.seats.len() {
            let due_ns = after_ns + spread_ns * index as u64 / count;
            self.timers.push(Reverse((due_ns, index, Due::Poll)));
        }
    }

    /// Connects the publisher.
    pub(super) fn open_publisher(&mut self, publisher: Publisher) -> anyhow::Result<()> {
        self.publisher_wires = (0..publisher.lines()).map(|_| None).collect();
        self.publisher = Some(publisher);
        for at in 0..self.publisher_wires.len() {
            self.connect_publisher(at)?;
        }
        Ok(())
    }

    fn connect_publisher(&mut self, at: usize) -> anyhow::Result<()> {
        let token = Token(PUBLISHER + at);
        let wire = Wire::open(&self.addresses.publisher, None, self.reactor.registry(), token);
        self.publisher_wires[at] = Some(wire.context("connecting to publish")?);
        Ok(())
    }

    pub(super) fn begin_publishing(&mut self, pace: Pace, window: Option<Window>) {
        if let Some(window) = window {
            self.tally.measure(window);
        }
        if let Some(publisher) = &mut self.publisher {
            publisher.begin(pace);
        }
    }

    /// Does what is due, and takes what has come, or waits for it until that moment.
    pub(super) fn turn(&mut self, until_ns: u64) -> anyhow::Result<()> {
        let now_ns = self.clock.now_ns();
        self.do_due(now_ns)?;
        let mut wait_until_ns = until_ns;
        if let Some(Reverse((due_ns, ..))) = self.timers.peek() {
            wait_until_ns = wait_until_ns.min(*due_ns);
        }
        if let Some(due_ns) = self.publisher.as_ref().and_then(|publisher| publisher.next_due_ns(now_ns)) {
            wait_until_ns = wait_until_ns.min(due_ns);
        }
        let mut events = self.events.take().context("the events are held between turns")?;
        let waited = self.reactor.wait(wait_until_ns, &mut events);
        let gone_through = waited.and_then(|()| events.iter().try_for_each(|event| self.on_event(event)));
        self.events = Some(events);
        gone_through
    }

    fn do_due(&mut self, now_ns: u64) -> anyhow::Result<()> {
        self.publish_due(now_ns)?;
        while let Some(&Reverse((due_ns, index, due))) = self.timers.peek() {
            if now_ns < due_ns {
                break;
            }
            self.timers.pop();
            match due {
                Due::Connect => self.connect(index)?,
                Due::ConnectPublisher => self.connect_publisher(index)?,
                Due::Poll => {
                    self.timers.push(Reverse((due_ns + self.interval_ns, index, Due::Poll)));
                    self.poll(index, due_ns)?;
                }
            }
        }
        Ok(())
    }

    fn poll(&mut self, index: usize, due_ns: u64) -> anyhow::Result<()> {
        let has_connection = self.seats[index].wire.as_ref().is_some_and(Wire::is_connected);
        let needs_one = self.with(index, |follower, turn| follower.on_poll_due(has_connection, due_ns, turn));
        if needs_one {
            return self.connect(index);
        }
        self.send(index)
    }

    /// Calls a follower with what it needs.
    fn with<T>(&mut self, index: usize, call: impl FnOnce(&mut Follower, &mut follower::Turn<'_>) -> T) -> T {
        let Crowd { course, tally, random, out, clock, seats, .. } = self;
        let mut turn = follower::Turn { course, tally, random, now_ns: clock.now_ns(), out };
        call(&mut seats[index].follower, &mut turn)
    }

    fn connect(&mut self, index: usize) -> anyhow::Result<()> {
        self.drop_wire(index);
        let from = self.addresses.source(self.opened_ever);
        self.opened_ever += 1;
        self.tally.on_connection(self.clock.now_ns());
        match Wire::open(&self.addresses.followers, from, self.reactor.registry(), Token(index)) {
            Ok(wire) => {
                if self.is_sampled(index) {
                    wire.note_arrivals();
                }
                self.seats[index].wire = Some(wire);
                self.open += 1;
                Ok(())
            }
            Err(error) => {
                self.is_out_of_ports |= error.kind() == std::io::ErrorKind::AddrNotAvailable;
                self.refused = Some(error);
                self.lost(index)
            }
        }
    }

    /// Whether it is looked at how long what comes to that follower lies unread: at that of some, spread over all.
    fn is_sampled(&self, index: usize) -> bool {
        const SAMPLES: usize = 64;
        index.is_multiple_of((self.seats.len() / SAMPLES).max(1))
    }

    fn drop_wire(&mut self, index: usize) {
        self.open -= usize::from(self.seats[index].wire.take().is_some());
    }

    fn lost(&mut self, index: usize) -> anyhow::Result<()> {
        let step = self.with(index, Follower::on_lost);
        self.out.clear();
        self.apply(index, step)
    }

    fn apply(&mut self, index: usize, step: Step) -> anyhow::Result<()> {
        match step {
            Step::Stay => Ok(()),
            Step::Close => {
                self.drop_wire(index);
                Ok(())
            }
            Step::Reconnect { at_ns } => {
                self.drop_wire(index);
                if at_ns <= self.clock.now_ns() {
                    return self.connect(index);
                }
                self.timers.push(Reverse((at_ns, index, Due::Connect)));
                Ok(())
            }
        }
    }

    /// Sends what a follower has said.
    fn send(&mut self, index: usize) -> anyhow::Result<()> {
        if self.out.is_empty() {
            return Ok(());
        }
        let Some(wire) = &mut self.seats[index].wire else {
            self.out.clear();
            return Ok(());
        };
        let sent = wire.send(&self.out);
        self.out.clear();
        self.on_sent(index, sent.is_ok())
    }

    /// Something went out, unless the connection is broken.
    fn on_sent(&mut self, index: usize, is_open: bool) -> anyhow::Result<()> {
        self.note_traffic(index);
        if is_open { Ok(()) } else { self.lost(index) }
    }

    /// Counts what went over a connection since the last look.
    fn note_traffic(&mut self, index: usize) {
        if let Some(wire) = &mut self.seats[index].wire {
            let (now_ns, traffic) = (self.clock.now_ns(), wire.take_traffic());
            self.tally.on_sent(now_ns, traffic.sent);
            self.tally.on_received(now_ns, traffic.received);
        }
    }

    fn on_event(&mut self, event: &Event) -> anyhow::Result<()> {
        let Token(token) = event.token();
        if token < self.seats.len() {
            return self.on_follower_event(token, event);
        }
        match token.checked_sub(PUBLISHER) {
            Some(at) if at < self.publisher_wires.len() => self.on_publisher_event(at, event),
            // The alarm: what is due is done at the beginning of each turn.
            _ => Ok(()),
        }
    }

    fn on_follower_event(&mut self, index: usize, event: &Event) -> anyhow::Result<()> {
        let Some(wire) = &mut self.seats[index].wire else { return Ok(()) };
        let has_connected = wire.has_connected();
        self.note_traffic(index);
        match has_connected {
            Ok(false) => {}
            Ok(true) => {
                self.with(index, Follower::on_connected);
                self.send(index)?;
                self.note_joined(index);
            }
            Err(error) => {
                self.refused = Some(error);
                return self.lost(index);
            }
        }
        if event.is_writable()
            && let Some(wire) = &mut self.seats[index].wire
            && 0 < wire.unsent_bytes()
        {
            let sent = wire.flush();
            self.on_sent(index, sent.is_ok())?;
        }
        if event.is_readable() || event.is_read_closed() {
            return self.read(index, event.is_read_closed());
        }
        Ok(())
    }

    /// Reads until there is nothing more: readiness is told once. After a read that emptied the socket what comes is told anew, but for
    /// an end that is told already.
    fn read(&mut self, index: usize, has_ended: bool) -> anyhow::Result<()> {
        let is_sampled = self.is_sampled(index);
        loop {
            let Some(wire) = &mut self.seats[index].wire else { return Ok(()) };
            if !wire.is_connected() {
                return Ok(());
            }
            if is_sampled && let Some(ns) = wire.unread_ns() {
                self.tally.on_unread(self.clock.now_ns(), ns);
            }
            let got = wire.read(&mut self.buffer);
            self.note_traffic(index);
            let bytes = match got {
                Ok(Got::Nothing) => return Ok(()),
                Ok(Got::End) | Err(_) => return self.lost(index),
                Ok(Got::Bytes(bytes) | Got::Last(bytes)) => bytes,
            };
            let step = self.on_read(index, bytes)?;
            self.send(index)?;
            self.note_joined(index);
            let is_over = step != Step::Stay || (matches!(got, Ok(Got::Last(_))) && !has_ended);
            self.apply(index, step)?;
            if is_over {
                return Ok(());
            }
        }
    }

    fn on_read(&mut self, index: usize, bytes: usize) -> anyhow::Result<Step> {
        let Crowd { course, tally, random, out, clock, seats, buffer, missed, .. } = self;
        let now_ns = clock.now_ns();
        let mut turn = follower::Turn { course, tally, random, now_ns, out };
        let follower = &mut seats[index].follower;
        let step = follower.on_bytes(&buffer[..bytes], &mut turn);
        if let Some(missed) = missed {
            follower.note_caught_up(missed[follower.stream() as usize], now_ns);
        }
        step
    }

    fn note_joined(&mut self, index: usize) {
        let seat = &mut self.seats[index];
        if !seat.is_joined && seat.follower.has_joined() {
            seat.is_joined = true;
            self.joined += 1;
        }
    }

    /// Trouble begins: from now on it is noted when each follower is whole again.
    pub(super) fn on_trouble(&mut self) {
        let now_ns = self.clock.now_ns();
        self.missed = None;
        for seat in &mut self.seats {
            seat.follower.on_trouble(seat.wire.is_some(), now_ns);
        }
    }

    /// The server is back, and so many messages of each stream have been due.
    pub(super) fn on_returned(&mut self, missed: Vec<u64>) {
        let now_ns = self.clock.now_ns();
        self.tally.on_returned(now_ns);
        for seat in &mut self.seats {
            seat.follower.note_caught_up(missed[seat.follower.stream() as usize], now_ns);
        }
        self.missed = Some(missed);
    }

    /// What became of each follower after trouble, and whether a request of it is held.
    pub(super) fn comebacks(&self) -> impl Iterator<Item = (&Comeback, bool)> {
        let is_held = |seat: &Seat| seat.wire.as_ref().is_some_and(Wire::is_connected);
        self.seats.iter().filter_map(move |seat| seat.follower.comeback().map(|it| (it, is_held(seat))))
    }

    /// Calls the publisher with what it needs.
    fn with_publisher<T>(
        &mut self,
        call: impl FnOnce(&mut Publisher, &[u8], &mut publisher::Turn<'_>) -> T,
    ) -> anyhow::Result<T> {
        let Crowd { tally, random, out, clock, publisher, buffer, .. } = self;
        let mut turn = publisher::Turn { tally, random, now_ns: clock.now_ns(), out };
        let publisher = publisher.as_mut().context("nobody publishes")?;
        Ok(call(publisher, buffer, &mut turn))
    }

    fn publish_due(&mut self, now_ns: u64) -> anyhow::Result<()> {
        while self.publisher.as_ref().and_then(|it| it.next_due_ns(now_ns)).is_some_and(|due| due <= now_ns) {
            let at = self.with_publisher(|publisher, _, turn| publisher.on_due(turn))?;
            if let Some(at) = at {
                self.send_published(at)?;
            }
        }
        Ok(())
    }

    fn send_published(&mut self, at: usize) -> anyhow::Result<()> {
        if self.out.is_empty() {
            return Ok(());
        }
        let Some(wire) = &mut self.publisher_wires[at] else {
            self.out.clear();
            return Ok(());
        };
        let sent = wire.send(&self.out);
        self.out.clear();
        let unsent = wire.unsent_bytes();
        anyhow::ensure!(unsent <= UNSENT_BYTES_MAX, "the server takes less than is published");
        self.on_published(at, sent.is_ok())
    }

    /// Something went out, unless the connection is broken.
    fn on_published(&mut self, at: usize, is_open: bool) -> anyhow::Result<()> {
        self.note_published_traffic(at);
        if is_open { Ok(()) } else { self.lost_publisher(at) }
    }

    fn note_published_traffic(&mut self, at: usize) {
        if let (Some(wire), Some(publisher)) = (&mut self.publisher_wires[at], &mut self.publisher) {
            let traffic = wire.take_traffic();
            publisher.sent_bytes += traffic.sent as u64;
            publisher.received_bytes += traffic.received as u64;
        }
    }

    fn lost_publisher(&mut self, at: usize) -> anyhow::Result<()> {
        self.publisher_wires[at] = None;
        self.with_publisher(|publisher, _, _| publisher.on_lost(at))??;
        let again_ns = self.clock.now_ns() + Crowd::PUBLISHER_PAUSE_NS;
        self.timers.push(Reverse((again_ns, at, Due::ConnectPublisher)));
        Ok(())
    }

    fn on_publisher_event(&mut self, at: usize, event: &Event) -> anyhow::Result<()> {
        let Some(wire) = &mut self.publisher_wires[at] else { return Ok(()) };
        let has_connected = match wire.has_connected() {
            // While the server is away.
            Err(_) if self.publisher.as_ref().is_some_and(Publisher::repeats) => {
                return self.lost_publisher(at);
            }
            connected => connected.context("connecting to publish")?,
        };
        if has_connected {
            self.with_publisher(|publisher, _, turn| publisher.on_connected(at, turn))?;
            self.send_published(at)?;
        }
        if event.is_writable()
            && let Some(wire) = &mut self.publisher_wires[at]
        {
            let sent = wire.flush();
            self.on_published(at, sent.is_ok())?;
        }
        if event.is_readable() || event.is_read_closed() {
            return self.read_publisher(at);
        }
        Ok(())
    }

    fn read_publisher(&mut self, at: usize) -> anyhow::Result<()> {
        loop {
            let Some(wire) = &mut self.publisher_wires[at] else { return Ok(()) };
            let got = wire.read(&mut self.buffer);
            self.note_published_traffic(at);
            match got {
                Ok(Got::Nothing) => return Ok(()),
                Ok(Got::End) | Err(_) => return self.lost_publisher(at),
                Ok(Got::Bytes(bytes) | Got::Last(bytes)) => {
                    self.with_publisher(|publisher, buffer, turn| {
                        publisher.on_bytes(at, &buffer[..bytes], turn)
                    })??;
                    self.send_published(at)?;
                }
            }
        }
    }

    /// Ends all connections in the way that their protocol has for it. Returns how many answers are awaited.
    pub(super) fn close(&mut self) -> anyhow::Result<usize> {
        self.timers.clear();
        let mut awaited = 0;
        for index in 0..self.seats.len() {
            if self.seats[index].wire.is_none() {
                continue;
            }
            if self.with(index, Follower::close) {
                awaited += 1;
                self.send(index)?;
            } else {
                self.drop_wire(index);
            }
        }
        Ok(awaited)
    }
}

impl Addresses {
    /// How many addresses connections come from where one has too few ports.
    const SOURCES: u64 = 200;

    /// Where the connection of that number comes from; `None` leaves it to the system.
    fn source(&self, number: u64) -> Option<Ipv4Addr> {
        let host = u8::try_from(2 + number % Addresses::SOURCES).ok()?;
        self.from_many.then(|| Ipv4Addr::new(127, 0, 0, host))
    }
}
