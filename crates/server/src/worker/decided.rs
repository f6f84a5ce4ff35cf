//! What others have answered: told to the exchanges that wait for it, which go on.

use super::{Owner, Worker};
use crate::exchange::Told;

impl Worker {
    /// Takes what the thread that asks has left here.
    pub(super) fn take_decisions(&mut self) {
        if self.core.decisions.are_asked_for() {
            for (question, answer) in self.common.doors[self.index].take_answers() {
                let (verdict, owners) = self.core.decisions.on_answer(&question, answer, self.core.now_ms);
                for owner in owners {
                    self.tell_owner(owner, Told::Decision(question.clone(), verdict));
                }
            }
        }
        if let Some((published, owners)) = self.core.decisions.take_key_news() {
            self.core.access.on_published(published);
            for owner in owners {
                self.tell_owner(owner, Told::Keys);
            }
        }
    }

    /// Tells the exchange of an owner, if that is still there, and lets it go on.
    fn tell_owner(&mut self, owner: Owner, told: Told) {
        match owner.task() {
            Some(task) => self.tasks.tell(task, told),
            None => {
                if let Some(exchange) = self.slots.get(owner.0).and_then(|slot| slot.exchange.as_mut()) {
                    told.tell(exchange.as_mut());
                }
            }
        }
        self.queue(owner);
    }
}
