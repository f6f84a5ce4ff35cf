//! Requests that change something: checked here as far as a look suffices, decided and stored by the engine.

pub(crate) mod create;
pub(crate) mod delete;
pub(crate) mod head;
pub(crate) mod publish;
pub(crate) mod refusal;

use crate::exchange::{Advance, Exchange, Opened};
use crate::metrics::Asked;
use crate::traces::Trace;
use crate::worker::core::Core;
use crate::worker::followers::Owner;
use bytes::Bytes;
use refusal::problem_of;
use tidings_engine::{Operation, Outcome, Reply};
use tidings_protocol::{ErrorCode, Problem, Response};

/// An operation that waits to be stored.
struct Submitted {
    asked: Asked,
    trace: Option<Box<Trace>>,
    reply: Option<Reply>,
    respond: Box<dyn Fn(&Outcome) -> Response>,
}

/// Asks the engine, and answers with `respond` once it is stored.
pub(crate) fn submit(
    operation: Operation,
    owner: Owner,
    core: &mut Core,
    respond: impl Fn(&Outcome) -> Response + 'static,
) -> Result<Opened, Problem> {
    submit_traced(operation, None, owner, core, respond)
}

/// The same, of what may be traced.
pub(crate) fn submit_traced(
    operation: Operation,
    trace: Option<Box<Trace>>,
    owner: Owner,
    core: &mut Core,
    respond: impl Fn(&Outcome) -> Response + 'static,
) -> Result<Opened, Problem> {
    let asked = match &operation {
        Operation::Create { .. } => Asked::Create,
        Operation::Publish(_) | Operation::Close { .. } => Asked::Publish,
        Operation::Delete { .. } => Asked::Delete,
        Operation::Trim(_) => Asked::Other,
    };
    core.submit(operation, owner, 0).map_err(|_busy| Problem::too_busy(1))?;
    Ok(Opened::Held(Box::new(Submitted { asked, trace, reply: None, respond: Box::new(respond) })))
}

impl Exchange for Submitted {
    fn advance(&mut self, _owner: Owner, core: &mut Core, _out: &mut Vec<Bytes>) -> Advance {
        let Some(reply) = self.reply.take() else { return Advance::WAIT };
        if let Some(trace) = self.trace.take() {
            core.on_traced(*trace, matches!(reply, Reply::Operation(Ok(_))));
        }
        Advance::Respond(match reply {
            Reply::Operation(Ok(outcome)) => (self.respond)(&outcome),
            Reply::Operation(Err(refusal)) => Response::problem(&problem_of(&refusal)),
            Reply::Fetched(_) => {
                Response::problem(&Problem::new(ErrorCode::Internal, "an answer to another question"))
            }
        })
    }

    fn on_reply(&mut self, _number: u32, reply: Reply) {
        self.reply = Some(reply);
    }

    // A publish in flight is finished.
    fn on_drain(&mut self, _core: &mut Core, _out: &mut Vec<Bytes>) {}

    fn asked(&self) -> Asked {
        self.asked
    }

    fn leave(&mut self, _core: &mut Core) {}
}
