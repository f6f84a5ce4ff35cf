//! The well-behaved: followers of all four transports, who publishes to them, and how long they wait.

use crate::figures::p99;
use crate::follower::{self, Transport};
use crate::victim::STREAM;
use std::cell::{Cell, RefCell};
use std::fmt::Write as _;
use std::net::SocketAddr;
use std::rc::Rc;
use std::time::Duration;
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::TcpStream;
use tokio::task::JoinSet;
use tokio::time::Instant;

const EACH: usize = 10;
const EVERY: Duration = Duration::from_millis(20);

/// All of them.
pub(crate) struct Crowd {
    shared: Rc<Shared>,
    /// They end with this.
    _tasks: JoinSet<()>,
}

/// What they tell.
pub(crate) struct Shared {
    pub(crate) address: SocketAddr,
    /// Messages name the moment at which each should have been published, counted from here.
    began: Instant,
    waited: RefCell<Waited>,
    /// What was due in this time counts.
    counts: Cell<Option<(Instant, Instant)>>,
    /// How many messages were due in it and are published.
    published: Cell<usize>,
    /// What was due before that is published.
    published_until: Cell<Instant>,
    pub(crate) following: Cell<usize>,
    /// What happened to them and should not have.
    pub(crate) complaints: RefCell<Vec<String>>,
}

/// How long each waited, in one round.
#[derive(Default)]
struct Waited {
    by_transport: [Vec<Duration>; 4],
}

/// The 99th percentiles of a round, by transport.
pub(crate) struct Latencies([Duration; 4]);

impl Latencies {
    /// That of one of them.
    pub(crate) fn of(&self, transport: Transport) -> Duration {
        self.0[transport as usize]
    }
}

impl Shared {
    /// Follower `transport` has got the message that was due so many nanoseconds after the beginning.
    pub(crate) fn on_message(&self, transport: Transport, due_ns: u64) {
        self.on_waited(transport, self.began + Duration::from_nanos(due_ns));
    }

    /// Somebody has what it waits for since then.
    pub(crate) fn on_waited(&self, transport: Transport, since: Instant) {
        if self.counts(since) {
            self.waited.borrow_mut().by_transport[transport as usize].push(since.elapsed());
        }
    }

    fn counts(&self, due: Instant) -> bool {
        self.counts.get().is_some_and(|(from, until)| from <= due && due < until)
    }

    pub(crate) fn complain(&self, text: String) {
        self.complaints.borrow_mut().push(text);
    }
}

impl Crowd {
    /// To be called within a `LocalSet`.
    pub(crate) async fn gather(address: SocketAddr) -> Crowd {
        let shared = Rc::new(Shared {
            address,
            began: Instant::now(),
            waited: RefCell::default(),
            counts: Cell::new(None),
            published: Cell::new(0),
            published_until: Cell::new(Instant::now()),
            following: Cell::new(0),
            complaints: RefCell::default(),
        });
        let mut tasks = JoinSet::new();
        for transport in Transport::ALL {
            for _ in 0..EACH {
                tasks.spawn_local(follower::follow(transport, Rc::clone(&shared)));
            }
        }
        let deadline = Instant::now() + tidings_testkit::PATIENCE;
        while shared.following.get() < EACH * Transport::ALL.len() {
            assert!(Instant::now() < deadline, "{} follow", shared.following.get());
            tokio::time::sleep(Duration::from_millis(5)).await;
        }
        tasks.spawn_local(publish(Rc::clone(&shared)));
        Crowd { shared, _tasks: tasks }
    }

    /// What they wait for what is due in the time that begins now, however late it comes.
    pub(crate) async fn measure(&self, round: Duration) -> Latencies {
        const COMES_WITHIN: Duration = Duration::from_secs(10);
        let until = Instant::now() + round;
        self.shared.waited.take();
        self.shared.published.set(0);
        self.shared.counts.set(Some((Instant::now(), until)));
        tokio::time::sleep_until(until).await;
        while !self.is_complete(until) && until.elapsed() < COMES_WITHIN {
            tokio::time::sleep(Duration::from_millis(2)).await;
        }
        if !self.is_complete(until) {
            self.shared.complain(format!("some messages did not come within {COMES_WITHIN:?}"));
        }
        self.shared.counts.set(None);
        Latencies(self.shared.waited.take().by_transport.map(p99))
    }

    /// Whether all has come that was due before then.
    fn is_complete(&self, until: Instant) -> bool {
        let wanted = self.shared.published.get() * EACH;
        let pushed = &self.shared.waited.borrow().by_transport[1..];
        until <= self.shared.published_until.get() && pushed.iter().all(|waited| wanted <= waited.len())
    }

    /// # Panics
    /// When somebody was ended, or missed something.
    pub(crate) fn expect_whole(&self) {
        let complaints = self.shared.complaints.borrow();
        assert!(complaints.is_empty(), "{complaints:#?}");
    }
}

/// Publishes at each tick what is due by then: a late one delays those behind it no further.
async fn publish(shared: Rc<Shared>) {
    let mut socket = TcpStream::connect(shared.address).await.expect("the server accepts");
    socket.set_nodelay(true).expect("a socket has this option");
    let (mut number, mut due) = (0_u64, Instant::now());
    let mut piece = vec![0; 4 << 10];
    loop {
        tokio::time::sleep_until(due).await;
        let mut body = String::from("[");
        while due <= Instant::now() {
            let separator = if body.len() == 1 { "" } else { "," };
            let due_ns = due.duration_since(shared.began).as_nanos();
            write!(body, "{separator}{{\"number\":{number},\"due\":{due_ns}}}").expect("a string takes all");
            shared.published.set(shared.published.get() + usize::from(shared.counts(due)));
            number += 1;
            due += EVERY;
        }
        body.push(']');
        let head = format!(
            "POST /v1/stream/{STREAM} HTTP/1.1\r\nHost: a\r\nContent-Type: application/json\r\nContent-Length: {}\r\n\r\n",
            body.len()
        );
        let asked = socket.write_all(format!("{head}{body}").as_bytes()).await;
        let answer = asked.is_ok().then_some(socket.read(&mut piece).await.ok()).flatten();
        let answer = String::from_utf8_lossy(&piece[..answer.unwrap_or(0)]).into_owned();
        if !answer.starts_with("HTTP/1.1 204 ") {
            return shared.complain(format!("a publish was not taken: {answer:?}"));
        }
        shared.published_until.set(due);
    }
}
