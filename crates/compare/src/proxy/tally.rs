//! What the proxy counts by itself, readable from any thread.

use super::link::Side;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::Duration;

/// What went through, as the proxy saw it.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(crate) struct Counts {
    /// Connections that clients opened.
    pub(crate) connections: u64,
    /// How many of them are open.
    pub(crate) open: u64,
    /// Connections that the server did not take.
    pub(crate) refused: u64,
    /// Connections that were reset on purpose, by loss or when asked.
    pub(crate) resets: u64,
    /// Bytes that clients sent.
    pub(crate) from_clients_bytes: u64,
    /// Bytes that the server sent.
    pub(crate) from_server_bytes: u64,
}

/// Where it is counted: one thread writes.
#[derive(Debug, Default)]
pub(super) struct Tally {
    connections: AtomicU64,
    over: AtomicU64,
    refused: AtomicU64,
    resets: AtomicU64,
    from_clients_bytes: AtomicU64,
    from_server_bytes: AtomicU64,
    cpu_ns: AtomicU64,
}

impl Tally {
    pub(super) fn on_connected(&self) {
        add(&self.connections, 1);
    }

    pub(super) fn on_over(&self) {
        add(&self.over, 1);
    }

    pub(super) fn on_refused(&self) {
        add(&self.refused, 1);
    }

    pub(super) fn on_reset(&self) {
        add(&self.resets, 1);
    }

    pub(super) fn on_bytes(&self, from: Side, count: usize) {
        let bytes = match from {
            Side::Client => &self.from_clients_bytes,
            Side::Server => &self.from_server_bytes,
        };
        add(bytes, count as u64);
    }

    /// So much processor time the thread has used since it began.
    pub(super) fn on_cpu(&self, used: Duration) {
        self.cpu_ns.store(u64::try_from(used.as_nanos()).unwrap_or(u64::MAX), Ordering::Relaxed);
    }

    pub(super) fn cpu(&self) -> Duration {
        Duration::from_nanos(self.cpu_ns.load(Ordering::Relaxed))
    }

    pub(super) fn counts(&self) -> Counts {
        let of = |count: &AtomicU64| count.load(Ordering::Relaxed);
        let over = of(&self.over);
        let connections = of(&self.connections);
        Counts {
            connections,
            open: connections.saturating_sub(over),
            refused: of(&self.refused),
            resets: of(&self.resets),
            from_clients_bytes: of(&self.from_clients_bytes),
            from_server_bytes: of(&self.from_server_bytes),
        }
    }
}

fn add(count: &AtomicU64, more: u64) {
    count.fetch_add(more, Ordering::Relaxed);
}
