//! `tidings read`: prints what is stored, and ends.

use crate::exit::Stop;
use crate::message_output::{MessageForm, MessageOutput, Naming};
use crate::server_arguments::ServerArguments;
use crate::style::Style;
use crate::values::{count, start};
use clap::Args;
use std::io::{self, Write};
use tidings_client::ReadError;
use tidings_model::{Start, StreamName};

/// The most messages that one request may ask for.
const PAGE_MESSAGES_MAX: u64 = 10_000;

/// `tidings read`.
#[derive(Debug, Args)]
pub(crate) struct ReadArguments {
    /// The stream
    #[arg(value_parser = StreamName::parse)]
    stream: StreamName,

    /// Where to begin: `beginning`, `now`, `last:N` (N messages before the end), or an offset
    #[arg(long, value_name = "WHERE", default_value = "beginning", allow_hyphen_values = true, value_parser = start)]
    from: Start,

    /// Print at most so many messages
    #[arg(long, value_name = "COUNT", value_parser = count)]
    limit: Option<u64>,

    /// Print one `{"offset","time","data"}` a line; the offset is the one after the message
    #[arg(long)]
    json: bool,

    #[command(flatten)]
    server: ServerArguments,
}

impl ReadArguments {
    /// Reads page after page, up to the tail or the limit.
    pub(crate) async fn run(self, out: &mut impl Write) -> Result<(), Stop> {
        let mut output = MessageOutput {
            out,
            form: if self.json { MessageForm::Json } else { MessageForm::Plain },
            naming: Naming::Unnamed,
            style: Style::of(&io::stdout()),
        };
        let mut from = self.from;
        let mut left = self.limit;
        loop {
            let wanted = left.map(|left| left.min(PAGE_MESSAGES_MAX));
            let page = match self.server.client()?.read(&self.stream, from, wanted).await {
                Ok(page) => page,
                Err(ReadError::StreamNotFound) => return Err(Stop::StreamNotFound(self.stream)),
                Err(ReadError::Reset(reset)) => return Err(Stop::Reset(self.stream, reset)),
                Err(ReadError::Failed(failure)) => return Err(failure.into()),
            };
            output.print(&self.stream, &page.messages)?;
            left = left.map(|left| left.saturating_sub(page.messages.len() as u64));
            if page.up_to_date || left == Some(0) {
                return Ok(());
            }
            from = Start::After(page.next);
        }
    }
}
