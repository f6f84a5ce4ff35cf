//! What workers are told: answers, and changes of the streams that they watch.

use super::{Violation, World};
use crate::asked::{Asked, By, What};
use crate::follower::{Doing, State};
use crate::node::ByName;
use bytes::Bytes;
use std::sync::Arc;
use tidings_engine::{Outcome, Policy, Refusal, Reply, Stream, Token};
use tidings_model::{Offset, StreamName};

impl World {
    /// One worker looks at its news, if it was woken.
    pub(super) fn look_at_news(&mut self) -> Result<(), Violation> {
        let worker = self.dice.index(self.node.workers.len());
        self.news_of(worker).map(|_any| ())
    }

    /// Whether there was any.
    pub(super) fn news_of(&mut self, worker: usize) -> Result<bool, Violation> {
        let Some(news) = self.node.workers[worker].news() else {
            return Ok(false);
        };
        for (token, reply) in news.replies {
            match reply {
                Reply::Operation(outcome) => self.on_answer(token, outcome)?,
                Reply::Fetched(Ok(batches)) => self.on_fetched(token, batches)?,
                // Asked again.
                Reply::Fetched(Err(_)) if !self.is_disk_sound => self.on_fetched(token, Vec::new())?,
                Reply::Fetched(Err(error)) => return Err(Violation(error.to_string())),
            }
        }
        news.changed.iter().for_each(|stream| self.on_changed(worker, stream));
        Ok(true)
    }

    fn on_changed(&mut self, worker: usize, changed: &Arc<Stream>) {
        for follower in &mut self.followers {
            if let State::Here(here) = &mut follower.state
                && here.worker == worker
                && here.doing == Doing::Waiting
                && Arc::ptr_eq(here.reader.stream(), changed)
            {
                here.doing = Doing::Ready;
            }
        }
    }

    fn on_answer(&mut self, token: Token, outcome: Result<Outcome, Refusal>) -> Result<(), Violation> {
        let Some(asked) = self.asked.remove(&token) else {
            return Err(Violation(format!("an answer that nobody waits for: {outcome:?}")));
        };
        if asked.after_failure && outcome.is_ok() {
            return Err(Violation(format!("{outcome:?} after the storage has failed")));
        }
        self.summary.acknowledged += u64::from(outcome.is_ok());
        let Asked { name, what, .. } = asked;
        match what {
            What::Create { first, config } => match outcome {
                Ok(Outcome::Created { incarnation, tail, .. }) => {
                    self.truth.on_created(incarnation, &name, &config, ByName.retention(&name));
                    self.on_stored(&name, tail, &first)
                }
                Err(Refusal::StorageFailed(_)) => Ok(()),
                // It is there with the same config, or with another one.
                Ok(Outcome::Existed { .. }) | Err(Refusal::ConfigDiffers | Refusal::StorageFull) => {
                    self.truth.on_refused(&first);
                    Ok(())
                }
                other => unexpected(&name, &other),
            },
            What::Publish { messages, by, config } => {
                if let (Ok(Outcome::Published { tail: Some(tail), created: true, .. }), Some(config)) =
                    (&outcome, &config)
                {
                    self.truth.on_created(tail.incarnation, &name, config, ByName.retention(&name));
                }
                self.on_publish_answer(&name, &messages, by, outcome)
            }
            What::Close => match outcome {
                Ok(Outcome::Closed { tail, .. }) => self.truth.on_closed(tail, &name),
                Err(Refusal::NotFound | Refusal::StorageFailed(_) | Refusal::StorageFull) => Ok(()),
                other => unexpected(&name, &other),
            },
            What::Delete => match outcome {
                Ok(Outcome::Deleted { incarnation }) => {
                    self.truth.on_delete_answered(&name, Some(incarnation));
                    Ok(())
                }
                Err(Refusal::NotFound | Refusal::StorageFull) => {
                    self.truth.on_delete_answered(&name, None);
                    Ok(())
                }
                // Nobody knows; it stays under way until the process is down.
                Err(Refusal::StorageFailed(_)) => Ok(()),
                other => unexpected(&name, &other),
            },
        }
    }

    fn on_publish_answer(
        &mut self,
        name: &StreamName,
        messages: &[Bytes],
        by: By,
        outcome: Result<Outcome, Refusal>,
    ) -> Result<(), Violation> {
        match outcome {
            Ok(Outcome::Published { tail, duplicate, closed, .. }) => {
                if let By::Producer(index) = by {
                    self.producers[index].on_accepted();
                }
                self.summary.duplicates += u64::from(duplicate);
                // Only the last sequences are repeated here: their offsets are always known.
                let Some(tail) = tail else {
                    return Err(Violation(format!("{messages:?} is a duplicate of something unknown")));
                };
                if by == By::Nobody && duplicate {
                    return Err(Violation(format!("{messages:?} at {tail} can't be a duplicate")));
                }
                self.on_stored(name, tail, messages)?;
                if closed && !duplicate { self.truth.on_closed(tail, name) } else { Ok(()) }
            }
            Err(Refusal::StorageFailed(_)) => {
                self.on_lost_answer(by);
                Ok(())
            }
            Err(Refusal::StorageFull) => {
                self.on_lost_answer(by);
                self.on_refused(by, messages);
                Ok(())
            }
            Err(
                Refusal::ProducerGap { .. } | Refusal::ProducerEpochStart | Refusal::ProducerStale { .. },
            ) if matches!(by, By::Producer(_) | By::ProducerAgain) => {
                if let By::Producer(index) = by {
                    self.producers[index].on_refused();
                }
                Ok(())
            }
            Err(Refusal::NotFound | Refusal::Closed { .. }) => {
                if let By::Producer(index) = by {
                    self.producers[index].on_refused();
                }
                self.on_refused(by, messages);
                Ok(())
            }
            other => unexpected(name, &other),
        }
    }

    fn on_lost_answer(&mut self, by: By) {
        if let By::Producer(index) = by {
            self.producers[index].in_flight = false;
        }
    }

    /// Who tries again may have succeeded in another try.
    fn on_refused(&mut self, by: By, messages: &[Bytes]) {
        if by == By::Nobody {
            self.truth.on_refused(messages);
        }
    }

    fn on_stored(&mut self, name: &StreamName, tail: Offset, messages: &[Bytes]) -> Result<(), Violation> {
        let Some(first) = tail.index.checked_sub(messages.len() as u64) else {
            return Err(Violation(format!("{messages:?} can't end at {tail}")));
        };
        for (index, message) in (first..).zip(messages) {
            self.truth.on_message(name, tail.at(index), message, None)?;
        }
        Ok(())
    }
}

fn unexpected(name: &StreamName, outcome: &Result<Outcome, Refusal>) -> Result<(), Violation> {
    Err(Violation(format!("{name} can't be answered {outcome:?}")))
}
