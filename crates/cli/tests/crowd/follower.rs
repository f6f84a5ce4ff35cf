//! Followers that do what the server says and nothing else: written by hand, and small, so that there can be thousands.

use std::cell::{Cell, RefCell};
use std::net::SocketAddr;
use std::rc::Rc;
use std::time::Duration;
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::TcpStream;
use tokio::task::JoinSet;
use tokio::time::Instant;

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Transport {
    LongPoll,
    Sse,
    WebSocket,
}

impl Transport {
    pub(crate) const ALL: [Transport; 3] = [Transport::LongPoll, Transport::Sse, Transport::WebSocket];

    pub(crate) fn name(self) -> &'static str {
        match self {
            Transport::LongPoll => "long-poll",
            Transport::Sse => "sse",
            Transport::WebSocket => "websocket",
        }
    }

    fn request(self) -> &'static str {
        match self {
            Transport::LongPoll => "GET /v1/stream/a?offset=now&live=long-poll HTTP/1.1\r\nHost: a\r\n\r\n",
            Transport::Sse => "GET /v1/stream/a?offset=now&live=sse HTTP/1.1\r\nHost: a\r\n\r\n",
            Transport::WebSocket => {
                "GET /v1/stream/a HTTP/1.1\r\nHost: a\r\nUpgrade: websocket\r\nConnection: Upgrade\r\n\
                 Sec-WebSocket-Version: 13\r\nSec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==\r\n\r\n"
            }
        }
    }
}

/// Over which time a follower spreads where it was told nothing.
const BY_ITSELF: Duration = Duration::from_millis(250);

/// All followers.
pub(crate) struct Crowd {
    address: SocketAddr,
    count: usize,
    followers: RefCell<JoinSet<()>>,
    /// How many have a connection.
    connected: Cell<usize>,
    /// The window that a WebSocket was told last.
    window: Cell<Duration>,
    /// Whether arrivals count: the server was lost.
    counts: Cell<bool>,
    arrivals: RefCell<Vec<(Transport, Instant)>>,
}

impl Crowd {
    /// That many, each connected. To be called within a `LocalSet`.
    pub(crate) async fn gather(address: SocketAddr, count: usize) -> Rc<Crowd> {
        let crowd = Rc::new(Crowd {
            address,
            count,
            followers: RefCell::default(),
            connected: Cell::new(0),
            window: Cell::default(),
            counts: Cell::new(false),
            arrivals: RefCell::default(),
        });
        for (number, transport) in (0..count).zip(Transport::ALL.into_iter().cycle()) {
            let follower = Follower { transport, crowd: Rc::clone(&crowd), told: Told::default(), tries: 0 };
            crowd.followers.borrow_mut().spawn_local(follower.follow());
            if number % 64 == 0 {
                crowd.until(Duration::from_mins(1), |crowd| number < crowd.connected.get() + 64).await;
            }
        }
        crowd.until(Duration::from_mins(1), |crowd| crowd.connected.get() == count).await;
        crowd
    }

    /// The window of the server, as followers were told.
    pub(crate) fn window(&self) -> Duration {
        self.window.get()
    }

    /// The server is about to be lost: arrivals count from here on.
    pub(crate) fn is_lost(&self) {
        self.counts.set(true);
    }

    /// Waits until as many have arrived as there are.
    pub(crate) async fn is_back(&self, patience: Duration) {
        self.until(patience, |crowd| crowd.count <= crowd.arrivals.borrow().len()).await;
    }

    pub(crate) fn arrivals(&self) -> Vec<(Transport, Instant)> {
        self.arrivals.borrow().clone()
    }

    async fn until(&self, patience: Duration, is_so: impl Fn(&Crowd) -> bool) {
        let until = Instant::now() + patience;
        while !is_so(self) {
            let (connected, arrived) = (self.connected.get(), self.arrivals.borrow().len());
            assert!(
                Instant::now() < until,
                "{connected} of {} are connected, {arrived} have come",
                self.count
            );
            tokio::time::sleep(Duration::from_millis(5)).await;
        }
    }
}

/// What the server has said of coming back.
#[derive(Clone, Copy, Debug, Default)]
struct Told {
    /// Within this, should it be lost.
    lost_within: Duration,
    /// Within this, for it is about to end.
    drain_within: Option<Duration>,
    /// After exactly this: `retry:`.
    retry: Option<Duration>,
}

struct Follower {
    transport: Transport,
    crowd: Rc<Crowd>,
    told: Told,
    /// Failures in a row.
    tries: u32,
}

impl Follower {
    async fn follow(mut self) {
        loop {
            if let Ok(socket) = TcpStream::connect(self.crowd.address).await {
                self.tries = 0;
                self.crowd.connected.set(self.crowd.connected.get() + 1);
                if self.crowd.counts.get() {
                    self.crowd.arrivals.borrow_mut().push((self.transport, Instant::now()));
                }
                let _ended = self.live(socket).await;
                self.crowd.connected.set(self.crowd.connected.get() - 1);
            }
            tokio::time::sleep(self.wait()).await;
        }
    }

    /// How long until it comes back, as docs/protocol.md says.
    fn wait(&mut self) -> Duration {
        let drawn = rand::random::<f64>();
        let is_first = self.tries == 0;
        self.tries += 1;
        if let Some(within) = self.told.drain_within.take() {
            return within.mul_f64(drawn);
        }
        match self.told.retry {
            Some(retry) => retry,
            None if self.told.lost_within.is_zero() => BY_ITSELF.mul_f64(drawn),
            None if is_first => self.told.lost_within.mul_f64(drawn),
            None => self.told.lost_within.mul_f64(0.5 + drawn),
        }
    }

    /// Follows until the connection ends, or the server says that it is about to.
    async fn live(&mut self, mut socket: TcpStream) -> std::io::Result<()> {
        let (mut piece, mut text) = (vec![0; 2 << 10], String::new());
        socket.write_all(self.transport.request().as_bytes()).await?;
        loop {
            let count = socket.read(&mut piece).await?;
            if count == 0 {
                return Ok(());
            }
            if KEPT_BYTES < text.len() {
                text = text.split_off(text.len() - KEPT_BYTES / 2);
            }
            text.push_str(&String::from_utf8_lossy(&piece[..count]));
            assert!(!text.starts_with("HTTP/1.1 4") && !text.starts_with("HTTP/1.1 5"), "{text}");
            match self.transport {
                Transport::LongPoll if text.contains("\r\n\r\n") => {
                    if self.on_answer(&text) {
                        return Ok(());
                    }
                    text.clear();
                    socket.write_all(self.transport.request().as_bytes()).await?;
                }
                Transport::LongPoll => {}
                Transport::Sse => self.told.retry = self.told.retry_of(&text),
                Transport::WebSocket => {
                    let within = |word| number_after(&text, &format!("\"type\":\"{word}\",\"within\":"));
                    let seconds = |within: u64| Duration::from_secs(within);
                    self.told.lost_within = within("return").map_or(Duration::ZERO, seconds);
                    self.crowd.window.set(self.told.lost_within.max(self.crowd.window.get()));
                    self.told.drain_within = within("drain").map(seconds);
                    if let Some(within) = self.told.drain_within {
                        self.crowd.window.set(within);
                        return Ok(());
                    }
                }
            }
        }
    }

    /// The head of an answer to a long poll. Says whether the server is about to end.
    fn on_answer(&mut self, head: &str) -> bool {
        let within = |name| number_after(head, name).map(Duration::from_secs);
        self.told.lost_within = within("stream-return-within: ").unwrap_or(self.told.lost_within);
        self.told.drain_within = within("stream-drain-within: ");
        self.told.drain_within.is_some()
    }
}

impl Told {
    fn retry_of(&self, text: &str) -> Option<Duration> {
        number_after(text, "retry: ").map(Duration::from_millis).or(self.retry)
    }
}

/// Of what has arrived, the end is kept: there it is said.
const KEPT_BYTES: usize = 4 << 10;

/// The number that stands behind the last one of these words, if it is here to its end.
fn number_after(text: &str, words: &str) -> Option<u64> {
    let lower = text.to_ascii_lowercase();
    let (_, behind) = lower.rsplit_once(words)?;
    let end = behind.find(|byte: char| !byte.is_ascii_digit())?;
    behind[..end].parse().ok()
}
