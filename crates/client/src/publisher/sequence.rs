//! The numbers of what is published, and what to do with each answer.
//!
//! Pure: knows neither connections nor time.

use crate::backoff::{Backoff, Chance};
use crate::{Failure, Publish, PublishError, Published};
use std::sync::Arc;
use std::time::Duration;
use tidings_protocol::{Producer, PublishIdentity};

/// The numbers of what is published, and what to do with each answer.
#[derive(Debug)]
pub(super) struct Sequence {
    pub(super) id: Arc<str>,
    seq: u64,
    /// What may have been sent and was not answered. It has the number `seq`.
    pub(super) pending: Option<Publish>,
    backoff: Backoff,
    chance: Chance,
}

/// What to do after an answer, or without one.
#[derive(Debug, PartialEq, Eq)]
pub(super) enum Step {
    Done(Result<Published, PublishError>),
    Again { after: Duration },
}

impl Sequence {
    pub(super) fn new(id: u128, seed: u64) -> Sequence {
        Sequence {
            id: format!("tidings-{id:032x}").into(),
            seq: 0,
            pending: None,
            backoff: Backoff::default(),
            chance: Chance::new(seed),
        }
    }

    /// Gives a publish its number.
    pub(super) fn begin(&mut self, publish: Publish) -> Publish {
        let producer = Producer { id: self.id.clone(), epoch: 0, seq: self.seq };
        let publish = Publish { identity: PublishIdentity::Producer(producer), ..publish };
        self.pending = Some(publish.clone());
        publish
    }

    /// What to do after an answer.
    pub(super) fn on_result(&mut self, result: Result<Published, PublishError>) -> Step {
        match result {
            Ok(published) => {
                self.backoff.on_success();
                self.pending = None;
                self.seq += 1;
                Step::Done(Ok(published))
            }
            // Only one publish is under way, so nothing can close a gap: the server has forgotten this
            // publisher.
            Err(PublishError::Failed(failure)) if failure.is_retryable() => {
                let after = match failure.retry_after() {
                    Some(wait) => self.chance.at_least(wait),
                    None => self.backoff.next_wait(&mut self.chance),
                };
                Step::Again { after }
            }
            Err(error) => {
                if Self::is_refused(&error) {
                    self.pending = None; // Not stored: its number is free.
                }
                Step::Done(Err(error))
            }
        }
    }

    /// Whether the server has said no, so that it is known not to have stored anything.
    fn is_refused(error: &PublishError) -> bool {
        !matches!(error, PublishError::Failed(Failure::Unreachable(_) | Failure::Malformed(_)))
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::{Refusal, Unreachable};
    use tidings_model::ContentType;

    fn sequence() -> Sequence {
        let mut sequence = Sequence::new(1, 7);
        sequence.begin(Publish::one(ContentType::text(), "a"));
        sequence
    }

    fn seq(sequence: &Sequence) -> Option<u64> {
        match &sequence.pending.as_ref()?.identity {
            PublishIdentity::Producer(producer) => Some(producer.seq),
            PublishIdentity::None | PublishIdentity::Key(_) => None,
        }
    }

    #[test]
    fn an_unanswered_publish_is_repeated_under_its_number() {
        let mut sequence = sequence();
        for _ in 0..100 {
            let step = sequence.on_result(Err(PublishError::Failed(Unreachable::Ended.into())));
            assert!(matches!(step, Step::Again { after } if after <= Backoff::CAP));
            assert_eq!(seq(&sequence), Some(0));
        }
        let published = Published { offset: None, duplicate: true };
        assert_eq!(sequence.on_result(Ok(published)), Step::Done(Ok(published)));
        sequence.begin(Publish::one(ContentType::text(), "b"));
        assert_eq!(seq(&sequence), Some(1));
    }

    #[test]
    fn a_busy_server_is_given_the_time_that_it_asks_for() {
        let refusal = Refusal {
            status: 503,
            code: "too_busy".into(),
            detail: String::new(),
            retryable: true,
            retry_after: Some(Duration::from_secs(20)),
        };
        let step = sequence().on_result(Err(PublishError::Failed(refusal.into())));
        assert!(matches!(step, Step::Again { after } if Duration::from_secs(20) <= after));
    }

    #[test]
    fn a_refused_publish_leaves_its_number_to_the_next() {
        let mut sequence = sequence();
        let step = sequence.on_result(Err(PublishError::ContentTypeMismatch));
        assert_eq!(step, Step::Done(Err(PublishError::ContentTypeMismatch)));
        sequence.begin(Publish::one(ContentType::text(), "b"));
        assert_eq!(seq(&sequence), Some(0));
    }

    #[test]
    fn a_server_that_has_forgotten_the_publisher_is_not_asked_again() {
        for error in
            [PublishError::ProducerGap { expected: None }, PublishError::ProducerStale { epoch: Some(1) }]
        {
            assert_eq!(sequence().on_result(Err(error.clone())), Step::Done(Err(error)));
        }
    }
}
