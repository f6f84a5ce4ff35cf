//! The driver of a session: it starts transports, hands on what they hear, keeps the timer, and gives what comes to those
//! who follow. Every decision about the network is the session's.
//!
//! ```text
//!  Follow, Follow, … ◄── Followers (behind a lock) ◄── Hub (one task) ◄── reports ── transports (tasks)
//!                                                        └── Session
//! ```

mod follower;
mod followers;
mod reading;

pub(crate) use follower::FollowerId;
pub(crate) use followers::{Control, Shared};

use crate::Transport;
use crate::backoff::Chance;
use crate::clock::{self, SleepWatch};
use crate::http_client::HttpClient;
use crate::session::{Action, AttemptId, Event, Session, StreamEvent};
use crate::transport::websocket::Post;
use crate::transport::{Report, Reporter, long_poll, poll, sse, websocket};
use follower::{Follower, Joins};
use reading::{Read, Readers};
use std::collections::{HashMap, HashSet};
use std::future::Future;
use std::sync::Arc;
use std::time::{Duration, Instant};
use tidings_model::{Start, StreamName};
use tidings_protocol::websocket::client_message::ClientMessage;
use tokio::sync::mpsc;
use tokio::task::{AbortHandle, JoinSet};

/// How many reports wait for a hub that is busy. A report is at most what one read of a socket brings, or one page.
const REPORTS_MAX: usize = 16;

/// How long a follower with a full buffer may hold up the others. Then it reads on by itself.
const STALL_MAX: Duration = Duration::from_millis(250);

/// Drives the session of a client for as long as the client is there.
pub(crate) async fn run(shared: Arc<Shared>, http: Arc<HttpClient>) {
    shared.lock().begin();
    let mut hub = Hub::new(shared, http);
    loop {
        hub.settle();
        hub.wait().await;
    }
}

struct Hub {
    shared: Arc<Shared>,
    http: Arc<HttpClient>,
    session: Session,
    /// What the session follows.
    followed: HashSet<StreamName>,
    /// The tasks of the attempts; they end with it.
    tasks: JoinSet<()>,
    running: HashMap<AttemptId, Running>,
    mailbox: mpsc::Receiver<Report>,
    reports: mpsc::Sender<Report>,
    last_question: u64,
    readers: Readers,
    sleep_watch: SleepWatch,
    /// Since when a full buffer holds everything up.
    stalled: Option<Instant>,
}

/// The task of an attempt.
struct Running {
    task: AbortHandle,
    /// Which question of the attempt it carries out. What was heard of an earlier one counts no more.
    question: u64,
    /// To speak over a WebSocket. It says goodbye when this is dropped; the others are aborted.
    post: Option<Post>,
}

impl Hub {
    fn new(shared: Arc<Shared>, http: Arc<HttpClient>) -> Hub {
        let (reports, mailbox) = mpsc::channel(REPORTS_MAX);
        let now = clock::now();
        let timing = http.options().timing.clone();
        let via = shared.lock().via.unwrap_or(http.options().via);
        Hub {
            session: Session::new(via, timing, Chance::new(rand::random()), now),
            readers: Readers::new(Arc::clone(&http)),
            shared,
            http,
            followed: HashSet::new(),
            tasks: JoinSet::new(),
            running: HashMap::new(),
            mailbox,
            reports,
            last_question: 0,
            sleep_watch: SleepWatch::new(now, clock::wall_now()),
            stalled: None,
        }
    }

    /// Does everything that can be done at once.
    fn settle(&mut self) {
        let now = clock::now();
        self.follow_controls(now);
        let is_changed = std::mem::take(&mut self.shared.lock().is_changed);
        if is_changed {
            self.join_followers();
            self.drop_streams();
        }
        // While somebody is waited for, nothing is heard, and nobody is silent.
        while self.stalled.is_none() && self.session.poll_timeout().is_some_and(|due| due <= now) {
            self.session.on_time(now);
        }
        while let Some(action) = self.session.poll_action() {
            self.carry_out(action);
        }
        while let Some(event) = self.session.poll_event() {
            self.give(event);
        }
        self.judge_stall(now);
        self.readers.start(&self.shared, &self.followed, now);
        let socket = self.session.live_websocket().and_then(|id| self.running.get(&id)?.post.clone());
        self.shared.lock().on_settled(socket, self.session.standpoint());
    }

    /// Waits for whatever comes first.
    async fn wait(&mut self) {
        if self.shared.lock().is_changed {
            return;
        }
        let now = clock::now();
        let is_idle = self.followed.is_empty();
        let look = (!is_idle).then_some(now + SleepWatch::INTERVAL);
        let of_session = if self.stalled.is_none() { self.session.poll_timeout() } else { None };
        let stall_ends = self.stalled.map(|since| since + STALL_MAX).filter(|at| now < *at);
        let wakes = [look, of_session, stall_ends, self.readers.poll_timeout(now)];
        let wake = wakes.into_iter().flatten().min();
        tokio::select! {
            biased; // What was heard shows that the server is there, before a timeout says that it isn't.
            report = self.mailbox.recv(), if self.stalled.is_none() => {
                let Report { id, question, heard } = report.expect("this hub holds a sender itself");
                if self.running.get(&id).is_some_and(|running| running.question == question) {
                    self.session.on_heard(id, heard, clock::now());
                }
            }
            read = self.readers.next() => self.on_read(read),
            () = self.shared.work.notified() => {}
            () = tokio::time::sleep_until(wake.unwrap_or(now).into()), if wake.is_some() => {}
        }
        if !is_idle && self.sleep_watch.on_look(clock::now(), clock::wall_now()) {
            self.session.on_wake(clock::now());
        }
    }

    fn follow_controls(&mut self, now: Instant) {
        let controls = std::mem::take(&mut self.shared.lock().controls);
        for control in controls {
            match control {
                Control::Via(via) => self.session.on_via(via, now),
                Control::Wake => self.session.on_wake(now),
                Control::Hidden(true) => self.session.on_hidden(),
                Control::Hidden(false) => self.session.on_shown(now),
                Control::Pause => self.session.on_pause(now),
                Control::Resume => self.session.on_resume(now),
            }
        }
    }

    /// Who is new gets what the session brings, or reads by itself until it stands where the session does.
    fn join_followers(&mut self) {
        let mut state = self.shared.lock();
        let standpoint = self.session.standpoint();
        while let Some(follower) = state.next_new() {
            let stream = follower.stream.clone();
            follower.on_standpoint(standpoint);
            if self.followed.insert(stream.clone()) {
                self.session.on_want(stream, follower.place.start(), follower.wait);
                follower.attach();
            } else {
                follower.join(&self.session);
            }
        }
    }

    /// What nobody takes from the session is not followed any more.
    fn drop_streams(&mut self) {
        let state = self.shared.lock();
        let attached: HashSet<&StreamName> = state.attached().map(|follower| &follower.stream).collect();
        for stream in self.followed.extract_if(|stream| !attached.contains(stream)) {
            self.session.on_drop(&stream);
        }
    }

    /// Gives an event to those whom it concerns.
    fn give(&mut self, event: Event) {
        let mut state = self.shared.lock();
        match event {
            Event::Status(status) => state.followers_mut().for_each(|follower| follower.tell(&status)),
            Event::Stream(stream, event) => {
                let is_last = event.is_last();
                let mut is_changed = false;
                for follower in state.followers_mut().filter(|follower| follower.stream == stream) {
                    let was_attached = follower.is_attached();
                    follower.on_event(&event);
                    is_changed |= was_attached && !follower.is_attached();
                }
                state.is_changed |= is_changed;
                if is_last {
                    self.followed.remove(&stream); // The session has let it go.
                }
            }
        }
    }

    /// A follower with a full buffer holds the connection up: that is how a server is told to send less. Where others
    /// wait for the same connection, it may do so for a moment only.
    fn judge_stall(&mut self, now: Instant) {
        let mut state = self.shared.lock();
        if !state.attached().any(Follower::is_full) {
            self.stalled = None;
            return;
        }
        let since = *self.stalled.get_or_insert(now);
        let is_alone = state.attached().count() == 1;
        if !is_alone && since + STALL_MAX <= now {
            state.followers_mut().filter(|it| it.is_attached() && it.is_full()).for_each(Follower::detach);
            self.stalled = None;
            state.is_changed = true;
            self.shared.work.notify_one(); // To drop what is not followed any more.
        }
    }

    fn on_read(&mut self, read: Read) {
        let mut state = self.shared.lock();
        state.is_changed = true;
        let Some(follower) = state.get_mut(read.follower) else { return };
        let is_followed = self.followed.contains(&follower.stream);
        match self.readers.on_read(follower, read, is_followed, clock::now()) {
            Joins::Not | Joins::Session => {}
            Joins::First => {
                let stream = follower.stream.clone();
                self.session.on_want(stream.clone(), follower.place.start(), follower.wait);
                self.followed.insert(stream);
            }
        }
    }

    fn carry_out(&mut self, action: Action) {
        match action {
            Action::Open { id, transport: Transport::WebSocket, .. } => {
                let (post, post_box) = Post::new();
                let reporter = self.reporter(id);
                self.run(id, Some(post), websocket::run(Arc::clone(&self.http), post_box, reporter));
            }
            Action::Open { id, transport, streams } => self.ask(id, transport, streams),
            Action::Ask { id, streams } => {
                // One that is closed right afterwards asks nothing.
                if let Some(transport) = self.session.transport(id) {
                    self.ask(id, transport, streams);
                }
            }
            Action::Subscribe { id, stream, from } => {
                self.say(id, ClientMessage::Subscribe { stream, start: from });
            }
            Action::Unsubscribe { id, stream } => self.say(id, ClientMessage::Unsubscribe { stream }),
            Action::Ping { id } => self.say(id, ClientMessage::Ping),
            Action::Close { id } => self.close(id),
        }
    }

    fn ask(&mut self, id: AttemptId, transport: Transport, streams: Vec<(StreamName, Start)>) {
        self.close(id); // A question that is still held is given up.
        let (http, reporter) = (Arc::clone(&self.http), self.reporter(id));
        match transport {
            Transport::Poll => self.run(id, None, poll::run(http, streams, reporter)),
            Transport::LongPoll => {
                let hold = http.options().timing.hold;
                self.run(id, None, long_poll::run(http, streams, hold, reporter));
            }
            Transport::Sse | Transport::WebSocket => self.run(id, None, sse::run(http, streams, reporter)),
        }
    }

    /// For the next task that is run.
    fn reporter(&mut self, id: AttemptId) -> Reporter {
        self.last_question += 1;
        Reporter::new(id, self.last_question, self.reports.clone())
    }

    fn say(&mut self, id: AttemptId, message: ClientMessage<'static>) {
        if let Some(post) = self.running.get(&id).and_then(|running| running.post.as_ref()) {
            post.say(message);
        }
    }

    fn close(&mut self, id: AttemptId) {
        if let Some(Running { task, post: None, .. }) = self.running.remove(&id) {
            task.abort();
        }
    }

    fn run(
        &mut self,
        id: AttemptId,
        post: Option<Post>,
        transport: impl Future<Output = ()> + Send + 'static,
    ) {
        while self.tasks.try_join_next().is_some() {}
        let session = &self.session;
        self.running.retain(|id, _| session.transport(*id).is_some()); // Those that were lost.
        let task = self.tasks.spawn(transport);
        self.running.insert(id, Running { task, question: self.last_question, post });
    }
}

impl StreamEvent {
    /// Whether the session has let the stream go with it.
    fn is_last(&self) -> bool {
        match self {
            StreamEvent::Reset(_)
            | StreamEvent::Closed { .. }
            | StreamEvent::NotFound
            | StreamEvent::Failed(_) => true,
            StreamEvent::Messages(_)
            | StreamEvent::Live { .. }
            | StreamEvent::Skipped(_)
            | StreamEvent::Missing { .. } => false,
        }
    }
}
