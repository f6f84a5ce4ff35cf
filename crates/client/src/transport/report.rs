//! How a transport tells the session what it hears.

use crate::Failure;
use crate::session::{AttemptId, Heard};
use tokio::sync::mpsc;

/// What is heard, in which attempt, and of which of its questions.
#[derive(Debug)]
pub(crate) struct Report {
    pub(crate) id: AttemptId,
    pub(crate) question: u64,
    pub(crate) heard: Heard,
}

/// The way from one attempt to the session. It is bounded: who does not take its messages slows the transport
/// down, and nothing else.
#[derive(Clone, Debug)]
pub(crate) struct Reporter {
    id: AttemptId,
    question: u64,
    mailbox: mpsc::Sender<Report>,
}

/// The session has ended: nobody listens.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Gone;

impl Reporter {
    pub(crate) fn new(id: AttemptId, question: u64, mailbox: mpsc::Sender<Report>) -> Reporter {
        Reporter { id, question, mailbox }
    }

    fn report(&self, heard: Heard) -> Report {
        Report { id: self.id, question: self.question, heard }
    }

    /// Tells, waiting for room.
    pub(crate) async fn tell(&self, heard: Heard) -> Result<(), Gone> {
        self.mailbox.send(self.report(heard)).await.map_err(|_| Gone)
    }

    /// Tells that something was heard; where there is no room, it is known already.
    pub(crate) fn tell_bytes(&self) {
        let _full_or_gone = self.mailbox.try_send(self.report(Heard::Bytes));
    }

    /// Tells how it ended, unless nobody listens any more.
    pub(crate) async fn tell_end(&self, failure: impl Into<Failure>) {
        let _nobody_listens = self.tell(Heard::Lost(failure.into())).await;
    }
}
