//! Whether the system allows as many open files as the settings allow connections.

use super::finding::Finding;
use rustix::process::{Resource, getrlimit};

const ABOUT: &str = "open files";

/// For the log and for what a server opens beside connections; as the server counts.
const OTHERS: u64 = 256;

pub(super) fn check(connections_max: usize) -> Finding {
    // A server raises its own limit as far as it may.
    let Some(allowed) = getrlimit(Resource::Nofile).maximum else {
        return Finding::good(ABOUT, "as many as it likes");
    };
    let connections = allowed.saturating_sub(OTHERS);
    let found = format!(
        "{allowed} allowed: room for {connections} connections; `max_connections` is {connections_max}"
    );
    let finding = if connections_max as u64 <= connections {
        Finding::good(ABOUT, found)
    } else {
        let needed = connections_max as u64 + OTHERS;
        let advice = format!(
            "raise the limit (`LimitNOFILE={needed}` in a systemd unit, `ulimit -n {needed}` in a shell)"
        );
        Finding::doubtful(ABOUT, found, advice)
    };
    finding.with("allowed", allowed).with("connections", connections).with("max_connections", connections_max)
}
