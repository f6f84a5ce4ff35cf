//! Trying again until an exchange is settled, and telling the person why it takes so long.

use crate::exit::Stop;
use crate::patience::Patience;
use crate::status_line::StatusLine;
use std::io::Stderr;
use std::time::Duration;
use tidings_client::Failure;
use tokio::time::Instant;

/// Repeats exchanges that may be repeated.
pub(super) struct Persistence {
    patience: Patience,
    pub(super) retry_for: Option<Duration>,
    pub(super) status: StatusLine<Stderr>,
}

/// Why an exchange was not settled.
pub(super) enum Setback {
    /// The same again may work.
    Passing(Failure),
    /// It won't.
    Final(Stop),
}

impl From<Failure> for Setback {
    fn from(failure: Failure) -> Setback {
        if failure.is_retryable() { Setback::Passing(failure) } else { Setback::Final(Stop::from(failure)) }
    }
}

impl Persistence {
    /// `retry_for` is how long an exchange may fail; `None` is for ever.
    pub(super) fn new(retry_for: Option<Duration>, status: StatusLine<Stderr>) -> Persistence {
        Persistence { patience: Patience::new(retry_for), retry_for, status }
    }

    /// Repeats the exchange until it works, can't work, or has failed for too long.
    pub(super) async fn until_settled<T>(
        &mut self,
        exchange: impl AsyncFn() -> Result<T, Setback>,
    ) -> Result<T, Stop> {
        loop {
            let failure = match exchange().await {
                Ok(settled) => {
                    if self.patience.on_success() {
                        self.status.notice("the server is there again");
                    }
                    return Ok(settled);
                }
                Err(Setback::Final(stop)) => return Err(stop),
                Err(Setback::Passing(failure)) => failure,
            };
            let wait = self.patience.on_failure(Instant::now(), failure.retry_after(), rand::random());
            let Some(wait) = wait else {
                return Err(Stop::from(failure));
            };
            if self.patience.is_first_failure() {
                self.status.notice(format_args!("{failure}; trying again"));
            }
            tokio::time::sleep(wait).await;
        }
    }
}
