//! Whether the server is well: what somebody who is called at night looks at first.

use super::answer;
use crate::exchange::Opened;
use crate::worker::core::Core;
use rustix::fs::statvfs;
use serde_json::{Value, json};
use tidings_engine::Health;
use tidings_protocol::rfc3339_text;

/// What there is, and how much of it is used.
pub(super) fn describe(core: &Core) -> Opened {
    let connections: Vec<_> = core.colleagues.connections().collect();
    Opened::Response(answer(&json!({
        "version": env!("CARGO_PKG_VERSION"),
        "started": String::from_utf8_lossy(&rfc3339_text(core.colleagues.started())),
        "now": String::from_utf8_lossy(&rfc3339_text(core.now)),
        "health": health(core),
        "workers": connections.iter().map(|count| json!({ "connections": count })).collect::<Vec<_>>(),
        "connections": connections.iter().sum::<usize>(),
        "connections_max": core.settings.max_connections,
        "streams": core.engine.stream_count(),
        "streams_max": core.settings.max_streams,
        "disk": disk(core),
        "memory": memory(),
        "ladder": core.ladder().as_str(),
        "poll_interval": core.poll_interval_s(core.settings.poll_interval),
    })))
}

/// What is wrong, in the words of `/health/ready`; nothing when all is well.
fn health(core: &Core) -> Vec<&'static str> {
    let (failed, disk_full, memory_full) = match core.engine.health() {
        Health::Ready => (false, false, false),
        Health::Full { disk, memory } => (false, disk, memory),
        Health::Failed(_) => (true, false, false),
    };
    let reasons = [
        (core.draining, "draining"),
        (failed, "storage_failed"),
        (disk_full, "storage_full"),
        (memory_full, "memory_full"),
    ];
    reasons.into_iter().filter(|(is_so, _)| *is_so).map(|(_, reason)| reason).collect()
}

/// Of the file system that the data folder is on.
fn disk(core: &Core) -> Value {
    match statvfs(&core.settings.data) {
        Ok(found) => json!({
            "free_bytes": found.f_bavail.saturating_mul(found.f_frsize),
            "total_bytes": found.f_blocks.saturating_mul(found.f_frsize),
        }),
        Err(_unknown) => Value::Null,
    }
}

/// Of this process, where the system tells it.
fn memory() -> Value {
    let statm = std::fs::read_to_string("/proc/self/statm").unwrap_or_default();
    let pages: Option<u64> = statm.split(' ').nth(1).and_then(|pages| pages.parse().ok());
    json!({ "resident_bytes": pages.map(|pages| pages * rustix::param::page_size() as u64) })
}
