//! An answer that is gathered from workers, one question after the other.

use crate::exchange::{Advance, Exchange, Opened};
use crate::worker::core::Core;
use crate::worker::followers::Owner;
use crate::worker::survey::{Answer, Inquiry, Question};
use bytes::Bytes;
use std::time::Duration;
use tidings_engine::Reply;
use tidings_protocol::{Problem, Response};

/// What is gathered, and from whom.
pub(super) trait Gather {
    /// Who is asked next, and what; `None` when all is there.
    fn next_question(&mut self, core: &Core) -> Option<(usize, Question)>;

    /// What the one who was asked last has answered.
    fn on_answer(&mut self, answer: Answer, core: &Core);

    /// The answer to it all.
    fn respond(&mut self, core: &Core) -> Response;
}

/// How long a worker has to answer. It looks between two turns, so this is for one that is not there any more.
const PATIENCE: Duration = Duration::from_secs(5);

struct Gathering<G> {
    gather: G,
    inquiry: Option<Inquiry>,
    until_ms: u64,
}

/// Begins to gather.
pub(super) fn gather(gather: impl Gather + 'static, core: &Core) -> Opened {
    Opened::Held(Box::new(Gathering { gather, inquiry: None, until_ms: core.ms_after(PATIENCE) }))
}

impl<G: Gather> Exchange for Gathering<G> {
    fn advance(&mut self, owner: Owner, core: &mut Core, _out: &mut Vec<Bytes>) -> Advance {
        if let Some(inquiry) = &self.inquiry {
            match inquiry.take() {
                Some(answer) => {
                    self.inquiry = None;
                    self.gather.on_answer(answer, core);
                }
                None if core.now_ms < self.until_ms => return Advance::Wait { until_ms: self.until_ms },
                None => return Advance::Respond(Response::problem(&Problem::too_busy(1))),
            }
        }
        let Some((worker, question)) = self.gather.next_question(core) else {
            return Advance::Respond(self.gather.respond(core));
        };
        self.inquiry = Some(core.colleagues.ask(worker, question, owner));
        Advance::Wait { until_ms: self.until_ms }
    }

    fn on_reply(&mut self, _number: u32, _reply: Reply) {}

    fn on_drain(&mut self, core: &mut Core, _out: &mut Vec<Bytes>) {
        // Who was asked may have ended.
        self.until_ms = core.now_ms;
    }

    fn leave(&mut self, _core: &mut Core) {}
}
