//! `tidings close`: ends a stream, which can still be read.

use crate::exit::Stop;
use crate::server_arguments::ServerArguments;
use clap::Args;
use std::io::Write;
use tidings_client::CloseError;
use tidings_model::StreamName;

/// `tidings close`. Closing twice does no harm.
#[derive(Debug, Args)]
pub(crate) struct CloseArguments {
    /// The stream
    #[arg(value_parser = StreamName::parse)]
    stream: StreamName,

    #[command(flatten)]
    server: ServerArguments,
}

impl CloseArguments {
    /// Prints the last offset that there will ever be.
    pub(crate) async fn run(self, out: &mut impl Write) -> Result<(), Stop> {
        match self.server.client()?.close(&self.stream).await {
            Ok(closed) => {
                writeln!(out, "{}", closed.tail)?;
                out.flush()?;
                Ok(())
            }
            Err(CloseError::StreamNotFound) => Err(Stop::StreamNotFound(self.stream)),
            Err(CloseError::Failed(failure)) => Err(failure.into()),
        }
    }
}
