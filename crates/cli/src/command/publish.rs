//! `tidings publish`: one message, or each line of standard input.

mod persistence;
mod publish_lines;
mod publish_one;

use crate::exit::Stop;
use crate::server_arguments::ServerArguments;
use crate::status_line::StatusLine;
use crate::values::duration;
use bytes::Bytes;
use clap::Args;
use persistence::{Persistence, Setback};
use serde_json::value::RawValue;
use std::io::Write;
use std::time::Duration;
use tidings_client::{Client, CloseError, HeadError};
use tidings_model::{ContentKind, ContentType, StreamName};
use tidings_protocol::check_key;

/// `tidings publish`. It tries again until the server has stored what is published; nothing is stored twice.
#[derive(Debug, Args)]
pub(crate) struct PublishArguments {
    /// The stream, such as `host/vmstat`
    #[arg(value_parser = StreamName::parse)]
    stream: StreamName,

    /// The message. Without it, the whole standard input is one message
    message: Option<String>,

    /// Publish each line of standard input as it comes. Empty lines are left out
    #[arg(long, conflicts_with_all = ["message", "key"])]
    lines: bool,

    /// What the messages are [default: what the stream holds; for a new one `text/plain` with --lines, else
    /// `application/json` if the message is JSON]
    #[arg(long, value_name = "TYPE", value_parser = ContentType::parse)]
    content_type: Option<ContentType>,

    #[command(flatten)]
    creation: Creation,

    /// The same key again is stored once [default: a random one]
    #[arg(long, value_name = "TEXT", value_parser = key)]
    key: Option<String>,

    /// Close the stream afterwards
    #[arg(long)]
    close: bool,

    /// End with code 3 when the server can't be reached for so long [default: try for ever]
    #[arg(long, value_name = "DURATION", value_parser = duration)]
    retry_for: Option<Duration>,

    #[command(flatten)]
    server: ServerArguments,
}

/// Whether a missing stream is made.
#[derive(Debug, Args)]
struct Creation {
    /// Make the stream if it is missing. This is the default
    #[arg(long, conflicts_with = "no_create")]
    create: bool,

    /// Refuse to publish to a missing stream
    #[arg(long)]
    no_create: bool,
}

impl Creation {
    fn is_wanted(&self) -> bool {
        self.create || !self.no_create
    }
}

impl PublishArguments {
    /// Publishes. One message prints its offset; lines print nothing.
    pub(crate) async fn run(self, out: &mut impl Write) -> Result<(), Stop> {
        let mut persistence = Persistence::new(self.retry_for, StatusLine::on_stderr());
        if self.lines {
            publish_lines::run(&self, &mut persistence).await
        } else {
            publish_one::run(&self, &mut persistence, out).await
        }
    }

    fn client(&self) -> Result<&Client, Stop> {
        self.server.client()
    }

    /// What was said, or what the stream holds; `None` when nothing was said and there is no stream.
    async fn known_type(&self, persistence: &mut Persistence) -> Result<Option<ContentType>, Stop> {
        if self.content_type.is_some() {
            return Ok(self.content_type.clone());
        }
        let client = self.client()?;
        let looked = persistence.until_settled(async || match client.head(&self.stream).await {
            Ok(head) => Ok(Some(head.content_type)),
            Err(HeadError::StreamNotFound) => Ok(None),
            Err(HeadError::Failed(failure)) => Err(Setback::from(failure)),
        });
        looked.await
    }

    async fn close_stream(&self, persistence: &mut Persistence) -> Result<(), Stop> {
        let client = self.client()?;
        let closed = persistence.until_settled(async || match client.close(&self.stream).await {
            Ok(_closed) => Ok(()),
            Err(CloseError::StreamNotFound) => Err(Setback::Final(Stop::StreamNotFound(self.stream.clone()))),
            Err(CloseError::Failed(failure)) => Err(Setback::from(failure)),
        });
        closed.await
    }
}

/// Whether bytes can be a message of a stream of that type. Messages of JSON go out in an array, which text that is
/// not one JSON value would break out of.
fn fits(message: &Bytes, content_type: &ContentType) -> bool {
    match content_type.kind() {
        ContentKind::Json => serde_json::from_slice::<&RawValue>(message).is_ok(),
        ContentKind::Text | ContentKind::Bytes => true,
    }
}

fn key(text: &str) -> Result<String, String> {
    check_key(text).map(str::to_owned).map_err(|_| "a key has 1 to 255 visible ASCII characters".to_owned())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_one_json_value_fits_a_stream_of_json() {
        let fits_json = |text: &'static str| fits(&Bytes::from_static(text.as_bytes()), &ContentType::json());
        assert!(fits_json("{\"n\":1}") && fits_json(" [1,2]\n") && fits_json("17"));
        assert!(!fits_json("1,2") && !fits_json("1],[2") && !fits_json("") && !fits_json("hello"));
        assert!(fits(&Bytes::from_static(b"\xff"), &ContentType::bytes()));
    }
}
