//! What somebody follows by leave of the application: asked about again whenever its yes has ended.

use super::Verdict;
use super::question::Question;
use crate::worker::core::Core;
use crate::worker::followers::Owner;
use tidings_auth::Principal;
use tidings_model::StreamName;

/// One yes.
struct Permit {
    question: Question,
    /// Milliseconds of the worker's clock; `u64::MAX` while it is asked about.
    until_ms: u64,
}

/// All of one exchange.
#[derive(Default)]
pub(crate) struct Permits {
    all: Vec<Permit>,
    /// Streams whose yes has become a no, and whether somebody has said so.
    lost: Vec<(StreamName, Verdict)>,
    /// When the first of them ends.
    next_ms: u64,
}

impl Permits {
    pub(crate) fn add(&mut self, question: Question, until_ms: u64) {
        self.all.retain(|permit| permit.question != question);
        self.all.push(Permit { question, until_ms });
        self.next_ms = 0;
    }

    pub(crate) fn is_empty(&self) -> bool {
        self.all.is_empty() && self.lost.is_empty()
    }

    /// Forgets a stream that is not followed any more.
    pub(crate) fn forget(&mut self, stream: &StreamName) {
        self.all.retain(|permit| permit.question.stream.as_ref() != Some(stream));
    }

    /// Somebody else speaks from now on: everything is asked about anew.
    pub(crate) fn renew(&mut self, principal: &Principal) {
        for permit in &mut self.all {
            permit.question = permit.question.clone().about(principal);
            permit.until_ms = 0;
        }
        self.next_ms = 0;
    }

    /// Asks about what has ended, where it is still followed. When that is to be done next; milliseconds of the worker's clock.
    pub(crate) fn on_time(
        &mut self,
        principal: &Principal,
        is_followed: impl Fn(&StreamName) -> bool,
        owner: Owner,
        core: &mut Core,
    ) -> u64 {
        if core.now_ms < self.next_ms {
            return self.next_ms;
        }
        let mut next_ms = u64::MAX;
        self.all.retain(|permit| {
            core.now_ms < permit.until_ms || permit.question.stream.as_ref().is_some_and(&is_followed)
        });
        for permit in &mut self.all {
            if permit.until_ms <= core.now_ms {
                match core.decisions.known(&permit.question, core.now_ms) {
                    // Somebody else has asked the same meanwhile.
                    Some(Verdict::Yes { until_ms }) => permit.until_ms = until_ms,
                    known @ (Some(Verdict::No | Verdict::Nobody) | None) => {
                        permit.until_ms = u64::MAX;
                        let is_asked = known.is_none()
                            && core.decisions.ask(&permit.question, principal, owner, &core.settings).is_ok();
                        if !is_asked {
                            let stream = permit.question.stream.clone();
                            self.lost.extend(stream.map(|stream| (stream, known.unwrap_or(Verdict::Nobody))));
                        }
                    }
                }
            }
            next_ms = next_ms.min(permit.until_ms);
        }
        self.forget_lost();
        self.next_ms = next_ms;
        next_ms
    }

    pub(crate) fn on_decision(&mut self, question: &Question, verdict: Verdict) {
        for permit in self.all.iter_mut().filter(|permit| permit.question == *question) {
            match verdict {
                Verdict::Yes { until_ms } => permit.until_ms = until_ms,
                Verdict::No | Verdict::Nobody => {
                    self.lost.extend(question.stream.clone().map(|stream| (stream, verdict)));
                }
            }
        }
        self.forget_lost();
        self.next_ms = 0;
    }

    /// The streams that may not be followed any more, once.
    pub(crate) fn take_lost(&mut self) -> Vec<(StreamName, Verdict)> {
        std::mem::take(&mut self.lost)
    }

    fn forget_lost(&mut self) {
        let Permits { all, lost, next_ms: _ } = self;
        if !lost.is_empty() {
            all.retain(|permit| {
                !lost.iter().any(|(stream, _)| permit.question.stream.as_ref() == Some(stream))
            });
        }
    }
}
