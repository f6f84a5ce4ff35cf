//! `tidings create`: makes a stream.

use crate::exit::Stop;
use crate::server_arguments::ServerArguments;
use crate::values::{count, durability, whole_seconds};
use anyhow::Context as _;
use clap::Args;
use std::io::Write;
use std::time::Duration;
use tidings_client::{CreateError, CreateOptions};
use tidings_model::{ContentType, Durability, Lifetime, Retention, StreamConfig, StreamName};

/// `tidings create`. Creating a stream that exists with the same configuration does no harm.
#[derive(Debug, Args)]
pub(crate) struct CreateArguments {
    /// The stream, such as `orders/42`
    #[arg(value_parser = StreamName::parse)]
    stream: StreamName,

    /// What its messages are: `application/json`, `text/plain`, or any other type for bytes
    #[arg(long, value_name = "TYPE", default_value = "application/json", value_parser = ContentType::parse)]
    content_type: ContentType,

    /// End the stream when nobody has read or published for so long
    #[arg(long, value_name = "DURATION", value_parser = whole_seconds)]
    ttl: Option<Duration>,

    /// Keep messages that are younger than this
    #[arg(long, value_name = "DURATION", value_parser = whole_seconds)]
    retention_age: Option<Duration>,

    /// Keep at most so many bytes of messages
    #[arg(long, value_name = "BYTES", value_parser = count)]
    retention_bytes: Option<u64>,

    /// Keep at most so many messages
    #[arg(long, value_name = "COUNT", value_parser = count)]
    retention_count: Option<u64>,

    /// What an acknowledgement means: `disk` or `memory` [default: the server's setting]
    #[arg(long, value_parser = durability)]
    durability: Option<Durability>,

    #[command(flatten)]
    server: ServerArguments,
}

impl CreateArguments {
    /// Prints the tail of the stream.
    pub(crate) async fn run(self, out: &mut impl Write) -> Result<(), Stop> {
        let lifetime = match self.ttl {
            Some(ttl) => Lifetime::Ttl { seconds: ttl.as_secs() },
            None => Lifetime::Forever,
        };
        let config = StreamConfig {
            content_type: self.content_type,
            lifetime,
            retention: Retention {
                age: self.retention_age,
                bytes: self.retention_bytes,
                count: self.retention_count,
            },
            durability: self.durability,
        };
        match self.server.client()?.create(&self.stream, CreateOptions { config, closed: false }).await {
            Ok(created) => {
                writeln!(out, "{}", created.tail)?;
                out.flush()?;
                Ok(())
            }
            Err(CreateError::Failed(failure)) => Err(failure.into()),
            Err(error @ CreateError::Conflict) => {
                Err(error).with_context(|| format!("`{}`", self.stream)).map_err(Stop::from)
            }
        }
    }
}
