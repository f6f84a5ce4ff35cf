//! A WebSocket over one stream of HTTP/2 (RFC 8441): the same exchange as in a slot, driven by a task.
//!
//! It is not stepped, and nothing is read from the peer, while the peer does not take what was said: such a peer pins
//! one slice here, and a few pieces and its windows in hyper.

use super::alarm::Alarm;
use super::seat::Seat;
use crate::exchange::Advance;
use crate::transport::websocket::{self, FirstSubscription};
use crate::worker::followers::Owner;
use crate::worker::liveness::{Due, Liveness};
use bytes::{Buf, Bytes};
use hyper::upgrade::Upgraded;
use hyper_util::rt::TokioIo;
use std::collections::VecDeque;
use std::future::poll_fn;
use std::io::Result;
use std::mem::MaybeUninit;
use std::pin::Pin;
use std::task::{Context, Poll, ready};
use std::time::Duration;
use tidings_protocol::websocket::input::Input;
use tokio::io::{AsyncRead, AsyncWrite, AsyncWriteExt, ReadBuf};
use tokio::time::Instant;

/// What is given to hyper in one piece, which it copies. It keeps four of them at most for a peer that does not read.
const PIECE_BYTES: usize = 16 << 10;

/// What is read in one go: the largest frame of HTTP/2 that we allow.
const INPUT_BYTES: usize = 16 << 10;

/// How long the peer has to end its direction after we ended ours.
const LINGER: Duration = Duration::from_secs(1);

/// The exchange, and the stream that it speaks over.
pub(super) struct WebSocketTask {
    seat: Seat,
    stream: TokioIo<Upgraded>,
    /// What it has said and hyper has not taken yet.
    out: VecDeque<Bytes>,
    liveness: Liveness,
    /// Since when hyper takes no more, in milliseconds of the worker's clock: the peer's windows are used up.
    blocked_since_ms: Option<u64>,
    ended: bool,
    alarm: Alarm,
}

impl WebSocketTask {
    pub(super) fn new(mut seat: Seat, stream: Upgraded, first: FirstSubscription) -> WebSocketTask {
        let (exchange, now_ms) = {
            let core = &mut seat.worker().borrow_mut().core;
            core.on_turn(crate::worker::turn::now());
            (websocket::begin(first, core), core.now_ms)
        };
        seat.hold(exchange);
        WebSocketTask {
            seat,
            stream: TokioIo::new(stream),
            out: VecDeque::new(),
            liveness: Liveness { sent_ms: now_ms, seen_ms: now_ms, asked: false },
            blocked_since_ms: None,
            ended: false,
            alarm: Alarm::default(),
        }
    }

    /// Runs until the WebSocket is closed, or the stream under it is gone.
    pub(super) async fn run(mut self) {
        let talked = poll_fn(|context| self.poll_talk(context)).await;
        self.seat.leave();
        if talked.is_ok() {
            let _late = tokio::time::timeout(LINGER, self.end()).await;
        }
    }

    /// Ends our direction, and waits for the peer to end its own: a stream that ends earlier has to be reset.
    async fn end(&mut self) -> Result<()> {
        self.stream.shutdown().await?;
        tokio::io::copy(&mut self.stream, &mut tokio::io::sink()).await.map(drop)
    }

    /// Ready when there is nothing more to say, or nobody to say it to.
    fn poll_talk(&mut self, context: &mut Context<'_>) -> Poll<Result<()>> {
        loop {
            ready!(self.poll_send(context))?;
            if self.ended {
                return Poll::Ready(Ok(()));
            }
            let until_ms = self.advance(context);
            if self.ended || !self.out.is_empty() {
                continue;
            }
            match self.poll_input(context)? {
                Poll::Ready(0) => return Poll::Ready(Ok(())),
                Poll::Ready(_) => {}
                Poll::Pending => ready!(self.poll_time(until_ms, context)),
            }
        }
    }

    /// Ready when hyper has taken everything.
    fn poll_send(&mut self, context: &mut Context<'_>) -> Poll<Result<()>> {
        while !self.out.is_empty() {
            let piece = next_piece(&self.out);
            let Poll::Ready(taken) = Pin::new(&mut self.stream).poll_write(context, &piece) else {
                let now_ms = self.now_ms();
                self.blocked_since_ms.get_or_insert(now_ms);
                return Poll::Pending;
            };
            drop_front(&mut self.out, taken?);
            let now_ms = self.now_ms();
            self.liveness.sent_ms = now_ms;
            if let Some(since_ms) = self.blocked_since_ms.take() {
                // What it was asked meanwhile it could not hear.
                self.liveness.seen_ms += now_ms.saturating_sub(since_ms);
            }
        }
        Poll::Ready(Ok(()))
    }

    /// Steps the exchange until it waits, or has said as much as goes in one piece. Until when it waits.
    fn advance(&mut self, context: &Context<'_>) -> u64 {
        let mut said = 0;
        loop {
            let mut out = Vec::new();
            let advance = self.seat.step(context, &mut out);
            said += out.iter().map(Bytes::len).sum::<usize>();
            self.say(out);
            match advance {
                Advance::More if said < PIECE_BYTES => {}
                Advance::More => return 0,
                Advance::Wait { until_ms } => return until_ms,
                Advance::End | Advance::Respond(_) | Advance::Become(_) => {
                    self.ended = true;
                    return u64::MAX;
                }
            }
        }
    }

    fn say(&mut self, out: Vec<Bytes>) {
        self.out.extend(self.seat.said(out).filter(|bytes| !bytes.is_empty()));
    }

    /// Reads once, and tells the exchange. How many bytes; none when the peer has ended its direction, or reset the
    /// stream because it needs it no more.
    fn poll_input(&mut self, context: &mut Context<'_>) -> Poll<Result<usize>> {
        let mut space = [MaybeUninit::uninit(); INPUT_BYTES];
        let mut most = INPUT_BYTES;
        self.seat.tell(|exchange, _core| most = most.min(exchange.input_bytes_max()));
        let mut buffer = ReadBuf::uninit(&mut space[..most]);
        ready!(Pin::new(&mut self.stream).poll_read(context, &mut buffer))?;
        let input = buffer.filled_mut();
        let count = input.len();
        let mut out = Vec::new();
        let owner = Owner::of_task(self.seat.index());
        self.seat.tell(|exchange, core| {
            exchange.on_input(&mut Input::new(input), owner, core, &mut out);
            self.liveness.seen_ms = core.now_ms;
            self.liveness.asked = false;
        });
        self.say(out);
        Poll::Ready(Ok(count))
    }

    /// Ready when the exchange has waited for long enough, or something had to be said because nothing was.
    fn poll_time(&mut self, until_ms: u64, context: &mut Context<'_>) -> Poll<()> {
        let (now_ms, heartbeat_ms) = (self.now_ms(), self.heartbeat_ms());
        let at_ms = until_ms.min(self.liveness.next_ms(heartbeat_ms));
        if now_ms < at_ms {
            // Only what lies ahead is waited for: set again at each look, an alarm that is due would never ring.
            let wait = Duration::from_millis(at_ms - now_ms);
            ready!(self.alarm.poll_at(Instant::now() + wait, context));
        }
        let mut out = Vec::new();
        let liveness = &mut self.liveness;
        self.seat.tell(|exchange, core| {
            let due = liveness.due(core.now_ms, heartbeat_ms);
            match due {
                Due::Nothing => {}
                Due::Silence => exchange.on_silence(&mut out),
                Due::Unanswered => exchange.on_unanswered(&mut out),
                Due::Unheard => exchange.on_unheard(&mut out),
            }
            liveness.asked |= matches!(due, Due::Silence | Due::Unanswered);
            if due == Due::Silence {
                // One that closes has nothing to say, and is not asked again at once.
                liveness.sent_ms = core.now_ms;
            }
        });
        self.say(out);
        Poll::Ready(())
    }

    fn now_ms(&self) -> u64 {
        self.seat.worker().borrow().core.now_ms
    }

    fn heartbeat_ms(&self) -> u64 {
        let heartbeat = self.seat.worker().borrow().core.settings.heartbeat;
        u64::try_from(heartbeat.as_millis()).unwrap_or(u64::MAX)
    }
}

/// The beginning of what waits, as one piece: small frames of many streams share a frame of HTTP/2.
fn next_piece(out: &VecDeque<Bytes>) -> Bytes {
    match out.front() {
        None => Bytes::new(),
        Some(front) if out.len() == 1 || PIECE_BYTES <= front.len() => {
            front.slice(..front.len().min(PIECE_BYTES))
        }
        Some(_) => {
            let mut piece = Vec::with_capacity(PIECE_BYTES);
            for bytes in out {
                let count = bytes.len().min(PIECE_BYTES - piece.len());
                piece.extend_from_slice(&bytes[..count]);
            }
            piece.into()
        }
    }
}

fn drop_front(out: &mut VecDeque<Bytes>, mut count: usize) {
    while let Some(front) = out.front_mut() {
        let taken = count.min(front.len());
        front.advance(taken);
        count -= taken;
        if !front.is_empty() {
            return;
        }
        out.pop_front();
    }
}
