//! One message: an argument, or the whole standard input.

use super::persistence::{Persistence, Setback};
use super::{PublishArguments, fits};
use crate::exit::Stop;
use anyhow::anyhow;
use bytes::Bytes;
use std::io::{self, Read, Write};
use tidings_client::{Publish, PublishError};
use tidings_model::ContentType;
use tidings_protocol::PublishIdentity;

/// Publishes the message and prints its offset.
pub(super) async fn run(
    arguments: &PublishArguments,
    persistence: &mut Persistence,
    out: &mut impl Write,
) -> Result<(), Stop> {
    let message = match &arguments.message {
        Some(text) => Bytes::copy_from_slice(text.as_bytes()),
        None => whole_input().await?,
    };
    if message.is_empty() {
        return Err(Stop::Usage("a message can't be empty".to_owned()));
    }
    let content_type = arguments.known_type(persistence).await?.unwrap_or_else(|| guessed_type(&message));
    if !fits(&message, &content_type) {
        return Err(Stop::Failed(anyhow!(
            "the message is not JSON, and `{}` holds {content_type}",
            arguments.stream
        )));
    }
    // The server knows a repetition by its key, so trying again after a lost answer stores nothing twice.
    let key = arguments.key.clone().unwrap_or_else(|| format!("tidings-{:032x}", rand::random::<u128>()));
    let publish = Publish {
        messages: vec![message],
        content_type,
        create: arguments.creation.is_wanted(),
        identity: PublishIdentity::Key(key.into()),
        close: arguments.close,
    };
    let client = arguments.client()?;
    let published = persistence.until_settled(async || {
        let published = client.publish(&arguments.stream, &publish).await;
        published.map_err(|error| setback(error, arguments))
    });
    let published = published.await?;
    if published.duplicate && arguments.key.is_some() {
        persistence.status.notice("this key was used before; nothing was stored twice");
    }
    if let Some(offset) = published.offset {
        writeln!(out, "{offset}")?;
        out.flush()?;
    }
    Ok(())
}

/// Why a publish was not acknowledged, and whether the same again may work.
pub(super) fn setback(error: PublishError, arguments: &PublishArguments) -> Setback {
    match error {
        PublishError::Failed(failure) => Setback::from(failure),
        PublishError::StreamNotFound => Setback::Final(Stop::StreamNotFound(arguments.stream.clone())),
        PublishError::MessageCount { .. }
        | PublishError::OutboxFull { .. }
        | PublishError::GivenUp
        | PublishError::Closed { .. }
        | PublishError::ContentTypeMismatch
        | PublishError::ProducerGap { .. }
        | PublishError::ProducerStale { .. }
        | PublishError::IdempotencyConflict => {
            Setback::Final(Stop::Failed(anyhow::Error::new(error).context(format!("`{}`", arguments.stream))))
        }
    }
}

/// Standard input, read on a thread of its own so that Ctrl-C is heard meanwhile.
async fn whole_input() -> Result<Bytes, Stop> {
    let read = tokio::task::spawn_blocking(|| {
        let mut input = Vec::new();
        io::stdin().lock().read_to_end(&mut input).map(|_bytes| Bytes::from(input))
    });
    let input = read.await.map_err(|panicked| Stop::Failed(panicked.into()))?;
    Ok(input?)
}

/// What a message is when neither the person nor the stream says.
fn guessed_type(message: &Bytes) -> ContentType {
    if fits(message, &ContentType::json()) {
        ContentType::json()
    } else if std::str::from_utf8(message).is_ok() {
        ContentType::text()
    } else {
        ContentType::bytes()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_type_is_guessed_from_the_message() {
        let guess = |message: &'static [u8]| guessed_type(&Bytes::from_static(message)).to_string();
        assert_eq!(guess(b"{\"hello\":\"world\"}"), "application/json");
        assert_eq!(guess(b"17"), "application/json");
        assert_eq!(guess(b"hello world"), "text/plain");
        assert_eq!(guess(b"\xff\xfe"), "application/octet-stream");
    }
}
