//! New connections.

use super::arrivals::Arrival;
use super::output::SEND_FLAGS;
use super::poller::{Interest, LISTENER, Rank, SECURED_LISTENER};
use super::secured::Secured;
use super::slots::{Channel, Phase, Slot};
use super::{Worker, turn};
use crate::limits::Caller;
use crate::peer::Peer;
use crate::story::Story;
use rustix::net::sockopt;
use std::io::{self, ErrorKind};
use std::net::{IpAddr, TcpListener, TcpStream};
use tidings_protocol::{Connection, Http1Form, Problem, Response, Version};

/// What the kernel keeps of a connection at most (it doubles this for its own needs): the bound for a peer that
/// acknowledges nothing, and for what is on its way over a long path. Left alone it grows to 4 MB.
const SEND_BUFFER_BYTES: usize = 256 << 10;

/// What the kernel keeps of a connection that is not sent yet, roughly: the bound for a peer that is there and does not
/// read. What is on its way does not count, so a fast reader far away is not slowed down. Beside the send buffer alone,
/// 50 stalled followers took 533 KB of the kernel each; with this, and a slice that waits beside it, all of it is below 64 KB.
const NOT_SENT_BYTES: u32 = 4 << 10;

/// What a listener expects of those who come.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Entrance {
    /// HTTP in plain text.
    Plain,
    /// TLS first.
    Secured,
}

impl Entrance {
    /// What the readiness of its listener is told under.
    pub(super) fn key(self) -> u64 {
        match self {
            Entrance::Plain => LISTENER,
            Entrance::Secured => SECURED_LISTENER,
        }
    }
}

/// A listener of one worker.
pub(crate) struct Listening {
    pub(crate) socket: TcpListener,
    pub(crate) entrance: Entrance,
}

impl Worker {
    /// Connections taken in one go, and no longer than news may wait; the others stay with the kernel for a moment.
    const ACCEPTED_MAX: usize = 64;

    pub(super) fn accept(&mut self, entrance: Entrance) {
        let began = turn::now();
        for _ in 0..Worker::ACCEPTED_MAX {
            if turn::NEWS_EVERY <= turn::now().saturating_duration_since(began) {
                return;
            }
            let Some(listener) = self.listeners.iter().find(|one| one.entrance == entrance) else { return };
            match listener.socket.accept() {
                Ok((socket, address)) => self.on_accepted(socket, address.ip(), entrance),
                Err(error) if error.kind() == ErrorKind::ConnectionAborted => {}
                Err(error) if error.kind() == ErrorKind::WouldBlock => return,
                Err(error) => return self.pause_accepting(&error),
            }
        }
    }

    fn on_accepted(&mut self, socket: TcpStream, address: IpAddr, entrance: Entrance) {
        let open = self.connection_count() + self.common.connections_of_others(self.index);
        if self.core.settings.max_connections.min(self.common.descriptors) <= open {
            let busy = Problem::too_busy(self.core.spread_s(1));
            return self.refuse(&socket, entrance, &busy);
        }
        let is_secure = entrance == Entrance::Secured;
        let peer = Peer::new(address, &self.core.settings).with_secure(is_secure);
        let share = match self.core.limits.connect(peer, &self.core.settings, self.core.now_ms) {
            Ok(share) => share,
            Err(problem) => return self.refuse(&socket, entrance, &problem),
        };
        let prepared = socket.set_nonblocking(true).is_ok()
            && sockopt::set_tcp_nodelay(&socket, true).is_ok()
            && sockopt::set_socket_send_buffer_size(&socket, SEND_BUFFER_BYTES).is_ok()
            && sockopt::set_tcp_user_timeout(&socket, self.taken_within_ms()).is_ok()
            && tidings_sys::set_not_sent_max(&socket, NOT_SENT_BYTES).is_ok();
        if !prepared {
            return;
        }
        let arrival = Arrival { socket, caller: Caller { peer, share }, entrance };
        if let Some(arrival) = self.pass_on(arrival) {
            self.welcome(arrival);
        }
    }

    /// A connection that stays here.
    pub(super) fn welcome(&mut self, arrival: Arrival) {
        let Arrival { socket, caller, entrance } = arrival;
        let Some(channel) = self.channel(socket, entrance) else { return };
        let peer = caller.peer;
        self.core.metrics.accepted.count();
        let mut slot = Slot::new(channel, caller, self.core.now_ms);
        slot.story = self.core.notes.is_on.then(|| Box::new(Story::new(peer, self.core.now_ms)));
        let settings = &self.core.settings;
        let is_stranger = slot.phase == Phase::Handshake;
        let within = if is_stranger { settings.tls_handshake_timeout } else { settings.request_timeout };
        let due_ms = self.core.ms_after(within);
        let key = self.slots.insert(slot);
        let Some(slot) = self.slots.get(key) else { return };
        slot.due_ms = due_ms;
        if self.core.settings.proxy_protocol && slot.peer.is_proxy() {
            slot.phase = Phase::ProxyHeader;
        }
        if self.poller.add(&slot.socket, key, slot.interest, slot.rank).is_err() {
            self.slots.remove(key);
            return;
        }
        if self.slots.peek(key).is_some_and(|slot| slot.phase == Phase::Handshake) {
            self.on_stranger(key);
        }
        if self.core.draining {
            // Everybody else was told before this one came.
            self.drain_slot(key);
        }
    }

    /// What a fresh connection speaks through. None where TLS can't begin.
    fn channel(&self, socket: TcpStream, entrance: Entrance) -> Option<Channel> {
        let secured = match (entrance, &self.common.tls) {
            (Entrance::Secured, Some(tls)) => {
                let begun = Secured::new(tls.config());
                Some(begun.inspect_err(|error| log::error!("TLS can't begin: {error}")).ok()?)
            }
            (Entrance::Secured, None) => return None,
            (Entrance::Plain, _) => None,
        };
        Some(Channel { socket: socket.into(), secured: secured.map(Box::new) })
    }

    /// A peer that takes nothing of what it is sent for that long is gone: the kernel finds out, in a connection that is full and can't be
    /// pinged too. Left alone it tries for a quarter of an hour. Who takes a little now and then, stays.
    fn taken_within_ms(&self) -> u32 {
        u32::try_from((self.core.settings.heartbeat * 5 / 2).as_millis()).unwrap_or(u32::MAX)
    }

    /// One connection too many: it gets its answer without being asked anything; over TLS there is none before the handshake.
    fn refuse(&mut self, socket: &TcpStream, entrance: Entrance, problem: &Problem) {
        self.core.metrics.problems.of(problem.code).count();
        if entrance == Entrance::Secured {
            return;
        }
        let mut answer = Vec::new();
        let response = Response::problem(problem);
        let form = Http1Form {
            version: Version::Http11,
            connection: Connection::Close,
            is_head: false,
            date: self.date(),
        };
        response.write_http1(&form, &mut answer);
        // As much as fits into the empty buffer of a new socket, which is all of it.
        let _sent = rustix::net::send(socket, &answer, SEND_FLAGS);
        // Closed with unread bytes it would be reset, and the reset may overtake the answer.
        let _dropped = rustix::net::recv(socket, &mut self.buffer[..], rustix::net::RecvFlags::DONTWAIT);
    }

    /// The system can't give a descriptor. The listener stays readable, so it must not be looked at for a while.
    fn pause_accepting(&mut self, error: &io::Error) {
        log::warn!("can't accept a connection: {error}");
        self.accepting_paused = true;
        self.watch_listeners(Interest::Neither);
    }

    pub(super) fn resume_accepting(&mut self) {
        if std::mem::take(&mut self.accepting_paused) {
            self.watch_listeners(Interest::Read);
        }
    }

    fn watch_listeners(&mut self, interest: Interest) {
        for Listening { socket, entrance } in &self.listeners {
            // It is registered for as long as it is there; the kernel has no reason to refuse.
            let _changed = self.poller.change(socket, entrance.key(), interest, Rank::Behind);
        }
    }

    /// No new connections from here on.
    pub(super) fn stop_accepting(&mut self) {
        for Listening { socket, entrance } in self.listeners.drain(..) {
            self.poller.remove(&socket, entrance.key(), Rank::Behind);
        }
    }
}
