//! Follows: the driver of a session. It starts transports, hands on what they hear, and keeps the timer;
//! every decision is the session's.

mod error;
mod event;
mod options;

pub use error::FollowError;
pub use event::{FollowEvent, Status};
pub use options::{FollowOptions, Via};

use crate::Client;
use crate::clock::{self, SleepWatch};
use crate::session::{Action, AttemptId, Session};
use crate::transport::{Report, Reporter, Source, long_poll, poll, sse, websocket};
use std::collections::HashMap;
use std::future::Future;
use tidings_model::{Offset, Start, StreamName};
use tokio::sync::mpsc;
use tokio::task::{AbortHandle, JoinSet};

/// A stream that is followed. Dropping it ends everything that it has started.
///
/// ```no_run
/// # async fn example() -> Result<(), Box<dyn std::error::Error>> {
/// use tidings_client::{Client, FollowEvent, FollowOptions};
/// use tidings_model::StreamName;
///
/// let client = Client::new("http://127.0.0.1:4437")?;
/// let mut follow = client.follow(&StreamName::parse("orders/42")?, FollowOptions::default());
/// loop {
///     match follow.next().await? {
///         FollowEvent::Messages(messages) => println!("{messages:?}"),
///         FollowEvent::Reset(reset) => match reset.earliest {
///             Some(earliest) => follow.resume_at(earliest),
///             None => break,
///         },
///         FollowEvent::Closed { .. } => break,
///         FollowEvent::Live { .. } | FollowEvent::Skipped(_) | FollowEvent::Status(_) => {}
///     }
/// }
/// # Ok(())
/// # }
/// ```
#[derive(Debug)]
pub struct Follow {
    source: Source,
    session: Session,
    /// The tasks of the attempts; they end with it.
    tasks: JoinSet<()>,
    running: HashMap<AttemptId, Running>,
    mailbox: mpsc::Receiver<Report>,
    reports: mpsc::Sender<Report>,
    sleep_watch: SleepWatch,
}

/// The task of an attempt.
#[derive(Debug)]
struct Running {
    task: AbortHandle,
    /// To tell a WebSocket where to begin. It says goodbye when this is dropped; the others are aborted.
    starts: Option<mpsc::Sender<Start>>,
}

impl Follow {
    /// How many reports wait for a user who does not ask. A report is at most what one read of a socket
    /// brings, or one page.
    const REPORTS_MAX: usize = 16;

    pub(crate) fn new(client: Client, name: StreamName, options: FollowOptions) -> Follow {
        let (reports, mailbox) = mpsc::channel(Follow::REPORTS_MAX);
        let now = clock::now();
        Follow {
            source: Source { client, name },
            session: Session::new(options, rand::random(), now),
            tasks: JoinSet::new(),
            running: HashMap::new(),
            mailbox,
            reports,
            sleep_watch: SleepWatch::new(now, clock::wall_now()),
        }
    }

    /// The next event. Reconnects and resumes by itself, for ever; an error is final, and given again.
    ///
    /// After a [`FollowEvent::Reset`] or [`FollowEvent::Closed`] the next call is an error, so that neither
    /// can be overlooked; [`Follow::resume_at`] goes on. May be cancelled: nothing is lost.
    pub async fn next(&mut self) -> Result<FollowEvent, FollowError> {
        loop {
            while let Some(action) = self.session.poll_action() {
                self.carry_out(action);
            }
            if let Some(event) = self.session.poll_event() {
                return Ok(event);
            }
            if let Some(end) = self.session.end() {
                return Err(end.clone());
            }
            let now = clock::now();
            if self.sleep_watch.on_look(now, clock::wall_now()) {
                self.session.on_wake(now);
                continue;
            }
            let look = now + SleepWatch::INTERVAL;
            let wake = self.session.poll_timeout().map_or(look, |due| due.min(look));
            tokio::select! {
                biased; // What was heard shows that the server is there, before a timeout says that it isn't.
                report = self.mailbox.recv() => {
                    let (id, heard) = report.expect("this follow holds a sender itself");
                    self.session.on_heard(id, heard, clock::now());
                }
                () = tokio::time::sleep_until(wake.into()) => self.session.on_time(clock::now()),
            }
        }
    }

    /// Goes on from `offset`, after a reset for example. Messages that were not taken yet are dropped.
    pub fn resume_at(&mut self, offset: Offset) {
        self.session.resume_at(offset, clock::now());
    }

    /// The place after the last message that was given; `None` before the first answer.
    pub fn offset(&self) -> Option<Offset> {
        self.session.offset()
    }

    fn carry_out(&mut self, action: Action) {
        let source = self.source.clone();
        let reporter = |id| Reporter::new(id, self.reports.clone());
        match action {
            Action::Poll { id, from, etag } => {
                self.run(id, None, poll::run(source, from, etag, reporter(id)));
            }
            Action::LongPoll { id, from } => self.run(id, None, long_poll::run(source, from, reporter(id))),
            Action::Sse { id, from } => self.run(id, None, sse::run(source, from, reporter(id))),
            Action::WebSocket { id } => {
                let (sender, starts) = mpsc::channel(1);
                self.run(id, Some(sender), websocket::run(source, starts, reporter(id)));
            }
            Action::Subscribe { id, from } => {
                if let Some(starts) = self.running.get(&id).and_then(|it| it.starts.as_ref()) {
                    // It ends on its own, and reports that; more than one subscription never waits.
                    let _ended = starts.try_send(from);
                }
            }
            Action::Close { id } => {
                if let Some(Running { task, starts: None }) = self.running.remove(&id) {
                    task.abort();
                }
            }
        }
    }

    fn run(
        &mut self,
        id: AttemptId,
        starts: Option<mpsc::Sender<Start>>,
        transport: impl Future<Output = ()> + Send + 'static,
    ) {
        while self.tasks.try_join_next().is_some() {}
        let task = self.tasks.spawn(transport);
        self.running.insert(id, Running { task, starts });
    }
}
