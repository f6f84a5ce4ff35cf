//! What is to be said over a WebSocket, on its way from the session and from publishers to the socket.

use crate::{Failure, PublishError, Published, Refusal};
use std::collections::VecDeque;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use tidings_protocol::ErrorCode;
use tidings_protocol::websocket::client_message::{ClientMessage, Publish};
use tidings_protocol::websocket::server_message::ServerMessage;
use tokio::sync::{Notify, oneshot};

/// The senders' end. When the last one is dropped, the socket says goodbye.
#[derive(Clone, Debug)]
pub(crate) struct Post {
    /// Counts the senders: the socket's end holds the other half.
    shared: Arc<Sender>,
}

/// The socket's end.
#[derive(Debug)]
pub(crate) struct PostBox {
    shared: Arc<Shared>,
}

/// A message for one stream, and who waits for the answer.
#[derive(Debug)]
pub(crate) struct SocketPublish {
    pub(crate) publish: Publish<'static>,
    pub(crate) answer: oneshot::Sender<Result<Published, PublishError>>,
}

/// Something to be said.
#[derive(Debug)]
pub(crate) enum Said {
    Message(ClientMessage<'static>),
    Publish(Box<SocketPublish>),
}

#[derive(Debug)]
struct Sender {
    shared: Arc<Shared>,
}

#[derive(Debug, Default)]
struct Shared {
    state: Mutex<State>,
    changed: Notify,
}

/// What waits is bounded by who may put it there: a session has one message for each change of a stream, a publisher one
/// publish at a time.
#[derive(Debug, Default)]
struct State {
    waiting: VecDeque<Said>,
    are_senders_gone: bool,
    is_socket_gone: bool,
}

impl Shared {
    fn lock(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Post {
    /// Both ends.
    pub(crate) fn new() -> (Post, PostBox) {
        let shared = Arc::new(Shared::default());
        let sender = Sender { shared: Arc::clone(&shared) };
        (Post { shared: Arc::new(sender) }, PostBox { shared })
    }

    /// Puts a message there. A socket that has gone loses it, as it would have on the way.
    pub(crate) fn say(&self, message: ClientMessage<'static>) {
        self.put(Said::Message(message));
    }

    /// Puts a publish there. When the socket goes before the answer comes, who waits for it is told by the end of `answer`.
    pub(crate) fn publish(&self, publish: SocketPublish) {
        self.put(Said::Publish(Box::new(publish)));
    }

    fn put(&self, said: Said) {
        let shared = &self.shared.shared;
        let mut state = shared.lock();
        if !state.is_socket_gone {
            state.waiting.push_back(said);
            shared.changed.notify_one();
        }
    }
}

impl Drop for Sender {
    fn drop(&mut self) {
        self.shared.lock().are_senders_gone = true;
        self.shared.changed.notify_one();
    }
}

impl PostBox {
    /// The next thing to say; `None` when everybody has gone. May be cancelled.
    pub(super) async fn next(&self) -> Option<Said> {
        loop {
            {
                let mut state = self.shared.lock();
                if state.are_senders_gone {
                    return None; // What waits is of no use to anybody any more.
                }
                if let Some(said) = state.waiting.pop_front() {
                    return Some(said);
                }
            }
            self.shared.changed.notified().await;
        }
    }

    /// The next thing to say, if there is any.
    pub(super) fn try_next(&self) -> Option<Said> {
        self.shared.lock().waiting.pop_front()
    }

    /// Ends when everybody has gone.
    pub(super) async fn closed(&self) {
        loop {
            if self.shared.lock().are_senders_gone {
                return;
            }
            self.shared.changed.notified().await;
        }
    }
}

impl Drop for PostBox {
    fn drop(&mut self) {
        let mut state = self.shared.lock();
        state.is_socket_gone = true;
        state.waiting.clear();
    }
}

/// Publishes that were said and not answered.
#[derive(Debug, Default)]
pub(super) struct Unanswered {
    waiting: Vec<(String, oneshot::Sender<Result<Published, PublishError>>)>,
    last_id: u64,
}

impl Unanswered {
    /// Gives a publish the name by which its answer is known.
    pub(super) fn name(&mut self, said: SocketPublish) -> ClientMessage<'static> {
        self.last_id += 1;
        let id = self.last_id.to_string();
        self.waiting.retain(|(_, answer)| !answer.is_closed());
        self.waiting.push((id.clone(), said.answer));
        ClientMessage::Publish(Box::new(Publish { id, ..said.publish }))
    }

    /// Passes the answer to a publish on; what is no such answer is given back.
    pub(super) fn on_frame(&mut self, frame: ServerMessage) -> Option<ServerMessage> {
        let (id, result) = if let ServerMessage::Published { id, offset, duplicate, .. } = frame {
            (id, Ok(Published { offset, duplicate }))
        } else if let ServerMessage::Error { id: Some(id), code, message, retryable, retry_after, .. } = frame
        {
            let refusal = Refusal { status: 0, code, detail: message, retryable, retry_after };
            (id, Err(publish_error(refusal)))
        } else {
            return Some(frame);
        };
        if let Some(at) = self.waiting.iter().position(|(own, _)| *own == id) {
            let _nobody_waits = self.waiting.swap_remove(at).1.send(result);
        }
        None
    }
}

fn publish_error(refusal: Refusal) -> PublishError {
    match ErrorCode::parse(&refusal.code) {
        Some(ErrorCode::StreamNotFound) => PublishError::StreamNotFound,
        Some(ErrorCode::StreamClosed) => PublishError::Closed { tail: None },
        Some(ErrorCode::ContentTypeMismatch) => PublishError::ContentTypeMismatch,
        Some(ErrorCode::ProducerGap) => PublishError::ProducerGap { expected: None },
        Some(ErrorCode::ProducerStale) => PublishError::ProducerStale { epoch: None },
        Some(ErrorCode::IdempotencyConflict) => PublishError::IdempotencyConflict,
        Some(_) | None => Failure::from(refusal).into(),
    }
}
