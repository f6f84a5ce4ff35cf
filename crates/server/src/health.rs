//! Whether the server lives, and whether a publish would be stored and reach followers.

use crate::exchange::{Advance, Exchange, Opened};
use crate::metrics::Asked;
use crate::pulse::{Beat, Rhythm};
use crate::worker::core::Core;
use crate::worker::followers::Owner;
use bytes::Bytes;
use serde_json::json;
use tidings_engine::{Health, Reply};
use tidings_protocol::{CacheControl, Response, header_name};

pub(crate) fn live() -> Response {
    respond(&[])
}

/// Answers at once where the answer is known; else once a message of the server to itself is back, or late.
pub(crate) fn ready(core: &Core) -> Opened {
    match look(core) {
        Some(response) => Opened::Response(response),
        None => Opened::Held(Box::new(Ready)),
    }
}

/// Waits for the message that is under way.
struct Ready;

impl Exchange for Ready {
    fn advance(&mut self, _owner: Owner, core: &mut Core, _out: &mut Vec<Bytes>) -> Advance {
        /// As often as the clock ticks: it is back in a moment, or something is wrong.
        const LOOK_EVERY_MS: u64 = 20;
        match look(core) {
            Some(response) => Advance::Respond(response),
            None => Advance::Wait { until_ms: core.now_ms + LOOK_EVERY_MS },
        }
    }

    fn on_reply(&mut self, _number: u32, _reply: Reply) {}

    fn on_drain(&mut self, _core: &mut Core, _out: &mut Vec<Bytes>) {}

    fn asked(&self) -> Asked {
        Asked::Health
    }

    fn leave(&mut self, _core: &mut Core) {}
}

/// The answer, if it is known.
fn look(core: &Core) -> Option<Response> {
    let (failed, disk_full, memory_full) = match core.engine.health() {
        Health::Ready => (false, false, false),
        Health::Full { disk, memory } => (false, disk, memory),
        Health::Failed(_) => (true, false, false),
    };
    let beat = core.pulse.ask(&*core.engine, Rhythm::of(&core.settings), core.engine.elapsed());
    let reasons = [
        (core.draining, "draining"),
        (failed, "storage_failed"),
        (disk_full, "storage_full"),
        (memory_full, "memory_full"),
        // A full disk takes no message of anybody: that is said already.
        (beat == Beat::NotStored && !disk_full, "not_stored"),
        (beat == Beat::NotHeard, "not_heard"),
    ];
    let reasons: Vec<_> = reasons.into_iter().filter(|(is_so, _)| *is_so).map(|(_, reason)| reason).collect();
    let is_known = beat != Beat::Awaited || !reasons.is_empty();
    is_known.then(|| respond(&reasons))
}

fn respond(reasons: &[&str]) -> Response {
    let (status, word) = if reasons.is_empty() { (200, "ok") } else { (503, "unavailable") };
    Response::new(status)
        .with_body("application/json", json!({ "status": word, "reasons": reasons }).to_string())
        .with(header_name::CACHE_CONTROL, CacheControl::NoStore)
}
