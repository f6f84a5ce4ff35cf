//! Publishing in order, each message once, over connections that break.

use crate::backoff::Backoff;
use crate::{Client, Failure, Publish, PublishError, Published};
use bytes::Bytes;
use std::sync::Arc;
use std::time::Duration;
use tidings_model::{ContentType, StreamName};
use tidings_protocol::{Producer, PublishIdentity};

/// How to publish.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct PublisherOptions {
    /// The content type of the stream.
    pub content_type: ContentType,
    /// Whether to create the stream if it is missing.
    pub create: bool,
}

/// Publishes to one stream in order. Each publish has a sequence number, so that the server stores it once
/// however often it is sent. Holds one publish at a time.
#[derive(Debug)]
pub struct Publisher {
    client: Client,
    name: StreamName,
    options: PublisherOptions,
    sequence: Sequence,
}

impl Publisher {
    pub(crate) fn new(client: Client, name: StreamName, options: PublisherOptions) -> Publisher {
        Publisher { client, name, options, sequence: Sequence::new(rand::random(), rand::random()) }
    }

    /// The name under which the server knows this publisher, made up at random.
    pub fn id(&self) -> &str {
        &self.sequence.id
    }

    /// Publishes these messages and waits until they are stored, trying again for as long as that may help.
    /// Several messages are for streams of JSON; others take one at a time.
    ///
    /// A call that is cancelled may have reached the server. Its messages go first in the next call, under
    /// the number that they have, so nothing is doubled or passed.
    pub async fn publish(&mut self, messages: Vec<Bytes>) -> Result<Published, PublishError> {
        if self.sequence.pending.is_some() {
            self.flush().await?;
        }
        self.sequence.begin(Publish {
            messages,
            content_type: self.options.content_type.clone(),
            create: self.options.create,
            identity: PublishIdentity::None,
            close: false,
        });
        self.flush().await
    }

    async fn flush(&mut self) -> Result<Published, PublishError> {
        loop {
            let publish = self.sequence.pending.as_ref().expect("the caller has begun one");
            let result = self.client.publish(&self.name, publish).await;
            match self.sequence.on_result(result) {
                Step::Done(result) => return result,
                Step::Again { after } => tokio::time::sleep(after).await,
            }
        }
    }
}

/// The numbers of what is published, and what to do with each answer.
#[derive(Debug)]
struct Sequence {
    id: Arc<str>,
    seq: u64,
    /// What may have been sent and was not answered. It has the number `seq`.
    pending: Option<Publish>,
    backoff: Backoff,
}

/// What to do after an answer, or without one.
#[derive(Debug, PartialEq, Eq)]
enum Step {
    Done(Result<Published, PublishError>),
    Again { after: Duration },
}

impl Sequence {
    fn new(id: u128, seed: u64) -> Sequence {
        Sequence {
            id: format!("tidings-{id:032x}").into(),
            seq: 0,
            pending: None,
            backoff: Backoff::new(seed),
        }
    }

    fn begin(&mut self, publish: Publish) {
        let producer = Producer { id: self.id.clone(), epoch: 0, seq: self.seq };
        self.pending = Some(Publish { identity: PublishIdentity::Producer(producer), ..publish });
    }

    fn on_result(&mut self, result: Result<Published, PublishError>) -> Step {
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
                    Some(wait) => self.backoff.at_least(wait),
                    None => self.backoff.next_wait(),
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
