//! Whether the server lives, and whether a publish would be stored and reach followers.

use crate::worker::core::Core;
use serde_json::json;
use tidings_engine::Health;
use tidings_protocol::{CacheControl, Response, header_name};

pub(crate) fn live() -> Response {
    respond(&[])
}

pub(crate) fn ready(core: &Core) -> Response {
    let storage = match core.engine.health() {
        Health::Ready => None,
        Health::Full => Some("storage_full"),
        Health::Failed(_) => Some("storage_failed"),
    };
    let draining = core.draining.then_some("draining");
    respond(&draining.into_iter().chain(storage).collect::<Vec<_>>())
}

fn respond(reasons: &[&str]) -> Response {
    let (status, word) = if reasons.is_empty() { (200, "ok") } else { (503, "unavailable") };
    Response::new(status)
        .with_body("application/json", json!({ "status": word, "reasons": reasons }).to_string())
        .with(header_name::CACHE_CONTROL, CacheControl::NoStore)
}
