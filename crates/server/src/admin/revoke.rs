//! `/v1/admin/revoke`: what is not believed any more, before its time.

use super::answer;
use crate::exchange::{Advance, Exchange, Opened};
use crate::revoking::Stored;
use crate::worker::core::Core;
use crate::worker::followers::Owner;
use bytes::Bytes;
use serde_json::{Map, Value, json};
use std::time::Duration;
use tidings_auth::{Revocation, RevokedBy};
use tidings_engine::Reply;
use tidings_model::Timestamp;
use tidings_protocol::{ErrorCode, Problem, Response, RevokeRequest, RevokedName, rfc3339_text};

/// Revokes. It holds at once, for all workers; it is answered when it is stored.
pub(super) fn revoke(body: &[u8], core: &mut Core) -> Result<Opened, Problem> {
    let asked = RevokeRequest::parse(body)?;
    let revocation = Revocation {
        since: core.now,
        end: asked.expires_in_s.map(|seconds| core.now.after(Duration::from_secs(seconds))),
        issued_before: asked.issued_before_s.map(|seconds| Timestamp(seconds.saturating_mul(1_000))),
    };
    let (by, name) = parts(&asked.name);
    let count_max = core.settings.max_revocations;
    let changed = core.access.revoking().change(|all| all.add((by, name), revocation, count_max));
    let ((), version) = changed.map_err(|_full| {
        let detail = "take revocations back, give them an end (`expires_in`), or raise `max_revocations`";
        Problem::new(ErrorCode::TooManyRevocations, detail)
    })?;
    core.engine.wake_workers();
    let response = answer(&Value::Object(shown(by, name, &revocation)));
    Ok(Opened::Held(Box::new(Storing { version, response })))
}

/// Takes a revocation back.
pub(super) fn believe_again(query: &str, core: &mut Core) -> Result<Opened, Problem> {
    let asked = RevokedName::parse(query)?;
    let (by, name) = parts(&asked);
    let remove = |all: &mut tidings_auth::Revocations| if all.remove(by, name) { Ok(()) } else { Err(()) };
    let changed = core.access.revoking().change(remove);
    let ((), version) = changed.map_err(|()| {
        Problem::new(ErrorCode::NotFound, "nothing of that name is revoked; `GET` lists what is")
    })?;
    core.engine.wake_workers();
    Ok(Opened::Held(Box::new(Storing { version, response: Response::new(204) })))
}

/// What holds.
pub(super) fn list(core: &Core) -> Response {
    let (all, _version) = core.access.revoking().all();
    let holding = all.iter().filter(|(.., revocation)| revocation.end.is_none_or(|end| core.now < end));
    let list: Vec<_> = holding.map(|(by, name, revocation)| shown(by, name, revocation)).collect();
    answer(&json!({ "revocations": list }))
}

fn parts(name: &RevokedName) -> (RevokedBy, &str) {
    match name {
        RevokedName::Subject(name) => (RevokedBy::Subject, name),
        RevokedName::TokenId(name) => (RevokedBy::TokenId, name),
        RevokedName::Key(name) => (RevokedBy::Key, name),
    }
}

fn shown(by: RevokedBy, name: &str, revocation: &Revocation) -> Map<String, Value> {
    let time = |time: Timestamp| Value::from(String::from_utf8_lossy(&rfc3339_text(time)).into_owned());
    let mut shown = Map::new();
    shown.insert(by.as_str().to_owned(), name.into());
    shown.insert("since".to_owned(), time(revocation.since));
    shown.insert("end".to_owned(), revocation.end.map_or(Value::Null, time));
    if let Some(before) = revocation.issued_before {
        shown.insert("issued_before".to_owned(), (before.0 / 1_000).into());
    }
    shown
}

/// An answer that waits for the file.
struct Storing {
    version: u64,
    response: Response,
}

impl Exchange for Storing {
    fn advance(&mut self, _owner: Owner, core: &mut Core, _out: &mut Vec<Bytes>) -> Advance {
        match core.access.revoking().stored(self.version) {
            // Looked at again with the next tick: nobody has to be woken by the thread that writes.
            Stored::NotYet => Advance::Wait { until_ms: core.now_ms + 1 },
            Stored::Yes => Advance::Respond(self.response.clone()),
            Stored::Failed => {
                let detail =
                    "it holds, but only until the server ends: it could not be stored; see the server's log";
                Advance::Respond(Response::problem(&Problem::new(ErrorCode::StorageFailed, detail)))
            }
        }
    }

    fn on_reply(&mut self, _number: u32, _reply: Reply) {}

    fn on_drain(&mut self, _core: &mut Core, _out: &mut Vec<Bytes>) {}

    fn leave(&mut self, _core: &mut Core) {}
}
