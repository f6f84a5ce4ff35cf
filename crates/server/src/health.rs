//! Whether the server lives, and whether a publish would be stored and reach followers.

use crate::worker::core::Core;
use serde_json::json;
use tidings_engine::Health;
use tidings_protocol::{CacheControl, Response, header_name};

pub(crate) fn live() -> Response {
    respond(&[])
}

pub(crate) fn ready(core: &Core) -> Response {
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
    respond(&reasons.into_iter().filter(|(is_so, _)| *is_so).map(|(_, reason)| reason).collect::<Vec<_>>())
}

fn respond(reasons: &[&str]) -> Response {
    let (status, word) = if reasons.is_empty() { (200, "ok") } else { (503, "unavailable") };
    Response::new(status)
        .with_body("application/json", json!({ "status": word, "reasons": reasons }).to_string())
        .with(header_name::CACHE_CONTROL, CacheControl::NoStore)
}
