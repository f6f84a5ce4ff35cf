//! New connections.

use super::Worker;
use super::arrivals::Arrival;
use super::output::SEND_FLAGS;
use super::poller::{Interest, LISTENER};
use super::slots::{Phase, Slot};
use crate::peer::Peer;
use rustix::net::sockopt;
use std::io::{self, ErrorKind};
use std::net::{IpAddr, TcpStream};
use std::os::fd::OwnedFd;
use tidings_protocol::{Connection, Http1Form, Problem, Response, Version};

/// What the kernel keeps of a connection at most (it doubles this for its own needs): the bound for a peer that
/// acknowledges nothing, and for what is on its way over a long path. Left alone it grows to 4 MB.
const SEND_BUFFER_BYTES: usize = 256 << 10;

/// What the kernel keeps of a connection that is not sent yet, roughly: the bound for a peer that is there and does not
/// read. What is on its way does not count, so a fast reader far away is not slowed down. Beside the send buffer alone,
/// 50 stalled followers took 533 KB of the kernel each; with this, and a slice that waits beside it, all of it is below 64 KB.
const NOT_SENT_BYTES: u32 = 4 << 10;

impl Worker {
    /// Connections taken in one turn; the others stay with the kernel for a moment.
    const ACCEPTED_MAX: usize = 64;

    pub(super) fn accept(&mut self) {
        for _ in 0..Worker::ACCEPTED_MAX {
            let Some(listener) = &self.listener else { return };
            match listener.accept() {
                Ok((socket, address)) => self.on_accepted(socket, address.ip()),
                Err(error) if error.kind() == ErrorKind::ConnectionAborted => {}
                Err(error) if error.kind() == ErrorKind::WouldBlock => return,
                Err(error) => return self.pause_accepting(&error),
            }
        }
    }

    fn on_accepted(&mut self, socket: TcpStream, address: IpAddr) {
        let open = self.connection_count() + self.common.connections_of_others(self.index);
        if self.core.settings.max_connections.min(self.common.descriptors) <= open {
            return self.refuse(&socket);
        }
        let prepared = socket.set_nonblocking(true).is_ok()
            && sockopt::set_tcp_nodelay(&socket, true).is_ok()
            && sockopt::set_socket_send_buffer_size(&socket, SEND_BUFFER_BYTES).is_ok()
            && sockopt::set_tcp_user_timeout(&socket, self.taken_within_ms()).is_ok()
            && tidings_sys::set_not_sent_max(&socket, NOT_SENT_BYTES).is_ok();
        if !prepared {
            return;
        }
        let arrival = Arrival { socket, peer: Peer::new(address, &self.core.settings) };
        if let Some(arrival) = self.pass_on(arrival) {
            self.welcome(arrival);
        }
    }

    /// A connection that stays here.
    pub(super) fn welcome(&mut self, arrival: Arrival) {
        let Arrival { socket, peer } = arrival;
        self.core.metrics.accepted.count();
        let slot = Slot::new(OwnedFd::from(socket), peer, self.core.now_ms);
        let due_ms = self.core.ms_after(self.core.settings.request_timeout);
        let key = self.slots.insert(slot);
        let Some(slot) = self.slots.get(key) else { return };
        slot.due_ms = due_ms;
        if self.core.settings.proxy_protocol && slot.peer.is_proxy() {
            slot.phase = Phase::ProxyHeader;
        }
        if self.poller.add(&slot.socket, key, Interest::Read).is_err() {
            self.slots.remove(key);
        } else if self.core.draining {
            // Everybody else was told before this one came.
            self.drain_slot(key);
        }
    }

    /// A peer that takes nothing of what it is sent for that long is gone: the kernel finds out, in a connection that is full and can't be
    /// pinged too. Left alone it tries for a quarter of an hour. Who takes a little now and then, stays.
    fn taken_within_ms(&self) -> u32 {
        u32::try_from((self.core.settings.heartbeat * 5 / 2).as_millis()).unwrap_or(u32::MAX)
    }

    /// One connection too many: it gets its answer without being asked anything.
    fn refuse(&mut self, socket: &TcpStream) {
        let mut answer = Vec::new();
        let response = Response::problem(&Problem::too_busy(1));
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
        self.watch_listener(Interest::Neither);
    }

    pub(super) fn resume_accepting(&mut self) {
        if std::mem::take(&mut self.accepting_paused) {
            self.watch_listener(Interest::Read);
        }
    }

    fn watch_listener(&mut self, interest: Interest) {
        if let Some(listener) = &self.listener {
            // It is registered for as long as it is there; the kernel has no reason to refuse.
            let _changed = self.poller.change(listener, LISTENER, interest);
        }
    }

    /// No new connections from here on.
    pub(super) fn stop_accepting(&mut self) {
        if let Some(listener) = self.listener.take() {
            self.poller.remove(&listener, LISTENER);
        }
    }
}
