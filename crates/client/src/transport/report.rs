//! How a transport tells the session what it hears.

use crate::Failure;
use crate::session::{AttemptId, Heard};
use tokio::sync::mpsc;

/// What is heard, and in which attempt.
pub(crate) type Report = (AttemptId, Heard);

/// The way from one attempt to the session. It is bounded: who does not take its messages slows the transport
/// down, and nothing else.
#[derive(Clone, Debug)]
pub(crate) struct Reporter {
    id: AttemptId,
    mailbox: mpsc::Sender<Report>,
}

/// The session has ended: nobody listens.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Gone;

impl Reporter {
    pub(crate) fn new(id: AttemptId, mailbox: mpsc::Sender<Report>) -> Reporter {
        Reporter { id, mailbox }
    }

    /// Tells, waiting for room.
    pub(crate) async fn tell(&self, heard: Heard) -> Result<(), Gone> {
        self.mailbox.send((self.id, heard)).await.map_err(|_| Gone)
    }

    /// Tells that something was heard; where there is no room, it is known already.
    pub(crate) fn tell_bytes(&self) {
        let _full_or_gone = self.mailbox.try_send((self.id, Heard::Bytes));
    }

    /// Tells how it ended, unless nobody listens any more.
    pub(crate) async fn tell_end(&self, failure: impl Into<Failure>) {
        let _nobody_listens = self.tell(Heard::Lost(failure.into())).await;
    }
}
