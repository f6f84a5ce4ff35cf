//! `tidings delete`: removes a stream and its messages.

use crate::exit::Stop;
use crate::server_arguments::ServerArguments;
use clap::Args;
use tidings_client::DeleteError;
use tidings_model::StreamName;

/// `tidings delete`. Its followers get a reset.
#[derive(Debug, Args)]
pub(crate) struct DeleteArguments {
    /// The stream
    #[arg(value_parser = StreamName::parse)]
    stream: StreamName,

    #[command(flatten)]
    server: ServerArguments,
}

impl DeleteArguments {
    /// Prints nothing.
    pub(crate) async fn run(self) -> Result<(), Stop> {
        match self.server.client()?.delete(&self.stream).await {
            Ok(()) => Ok(()),
            Err(DeleteError::StreamNotFound) => Err(Stop::StreamNotFound(self.stream)),
            Err(DeleteError::Failed(failure)) => Err(failure.into()),
        }
    }
}
