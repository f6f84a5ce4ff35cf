//! Lines of standard input, each a message, in order, none lost and none twice.

use super::persistence::{Persistence, Setback};
use super::publish_one::setback;
use super::{PublishArguments, fits};
use crate::exit::Stop;
use crate::lines::Lines;
use anyhow::anyhow;
use bytes::Bytes;
use std::io::{self, BufReader};
use std::time::Duration;
use tidings_client::{PublishError, Published, Publisher, PublisherOptions, Unreachable};
use tidings_model::{ContentKind, ContentType};

/// How many lines go into one publish of JSON, at most.
const BATCH_LINES_MAX: usize = 1000;

/// About how many bytes of lines go into one publish of JSON, at most.
const BATCH_BYTES_MAX: usize = 256 << 10;

/// After how long without an acknowledgement the person is told.
const SLOW: Duration = Duration::from_secs(2);

/// Publishes until the input ends.
pub(super) async fn run(arguments: &PublishArguments, persistence: &mut Persistence) -> Result<(), Stop> {
    let content_type = arguments.known_type(persistence).await?.unwrap_or_else(ContentType::text);
    let count_max = match content_type.kind() {
        ContentKind::Json => BATCH_LINES_MAX,
        ContentKind::Text | ContentKind::Bytes => 1, // The body of a publish is one message.
    };
    let publisher = publisher(arguments, &content_type)?;
    let mut delivery = Delivery { publisher, arguments, persistence };
    let mut lines = Lines::read(BufReader::new(io::stdin()));
    let mut stored = 0_u64;
    loop {
        let mut batch = lines.next_batch(count_max, BATCH_BYTES_MAX).await?;
        if batch.is_empty() {
            break;
        }
        let bad = batch.iter().position(|line| !fits(line, &content_type));
        batch.truncate(bad.unwrap_or(batch.len()));
        if !batch.is_empty() {
            stored += batch.len() as u64;
            delivery.deliver(batch, &content_type).await?;
        }
        if bad.is_some() {
            let stream = &arguments.stream;
            return Err(Stop::Failed(anyhow!(
                "line {} is not JSON, and `{stream}` holds {content_type}",
                stored + 1
            )));
        }
        delivery.persistence.status.show(format_args!("{stored} lines stored"));
    }
    persistence.status.clear();
    if arguments.close {
        arguments.close_stream(persistence).await?;
    }
    Ok(())
}

fn publisher(arguments: &PublishArguments, content_type: &ContentType) -> Result<Publisher, Stop> {
    let create = arguments.creation.is_wanted();
    let options = PublisherOptions { create, ..PublisherOptions::new(content_type.clone()) };
    Ok(arguments.client()?.publisher(&arguments.stream, options))
}

/// Batches on their way to the server, one at a time.
struct Delivery<'a> {
    publisher: Publisher,
    arguments: &'a PublishArguments,
    persistence: &'a mut Persistence,
}

impl Delivery<'_> {
    async fn deliver(&mut self, batch: Vec<Bytes>, content_type: &ContentType) -> Result<(), Stop> {
        let mut result = self.until_answered(batch.clone()).await?;
        if let Err(PublishError::ProducerGap { .. }) = result {
            // The stream was made anew and does not know this publisher: nothing of the batch is in it.
            self.persistence.status.notice("the stream was made anew; going on");
            self.publisher = publisher(self.arguments, content_type)?;
            result = self.until_answered(batch).await?;
        }
        match result.map_err(|error| setback(error, self.arguments)) {
            Ok(_published) => Ok(()),
            Err(Setback::Final(stop)) => Err(stop),
            Err(Setback::Passing(failure)) => Err(Stop::from(failure)),
        }
    }

    /// The publisher tries again by itself. This tells the person when it takes long, and gives up in time.
    async fn until_answered(&mut self, batch: Vec<Bytes>) -> Result<Result<Published, PublishError>, Stop> {
        let publish = self.publisher.publish(batch);
        tokio::pin!(publish);
        let limit = self.persistence.retry_for.unwrap_or(Duration::MAX);
        if let Ok(result) = tokio::time::timeout(SLOW.min(limit), &mut publish).await {
            return Ok(result);
        }
        if let Some(left) = limit.checked_sub(SLOW) {
            self.persistence.status.notice("nothing was stored for 2 s; trying again");
            if let Ok(result) = tokio::time::timeout(left, &mut publish).await {
                self.persistence.status.notice("going on");
                return Ok(result);
            }
        }
        Err(Stop::Unreachable(Unreachable::Silent(limit)))
    }
}
