//! What waits to be published to one stream, and the task that sends it.

use super::PublisherOptions;
use super::sequence::{Sequence, Step};
use crate::transport::websocket::SocketPublish;
use crate::{Client, Publish, PublishError, Published};
use bytes::Bytes;
use std::collections::VecDeque;
use std::future::Future;
use std::pin::Pin;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::task::{Context, Poll};
use std::time::Duration;
use tidings_model::StreamName;
use tidings_protocol::PublishIdentity;
use tidings_protocol::websocket::client_message::{self, PublishData};
use tokio::sync::{Notify, oneshot};
use tokio::task::JoinSet;

/// How long a WebSocket may take to answer a publish. Then it is sent by a request, which the server knows to be the same.
const ANSWER_MAX: Duration = Duration::from_secs(10);

/// A larger message would hold up what else is said over a WebSocket: it goes by a request.
const SOCKET_BYTES_MAX: usize = 256 << 10;

/// The outbox of one publisher.
#[derive(Debug)]
pub(super) struct Outbox {
    shared: Arc<Shared>,
    options: PublisherOptions,
    /// The task that sends. It ends with the outbox.
    sender: Mutex<JoinSet<()>>,
}

#[derive(Debug)]
struct Shared {
    client: Client,
    name: StreamName,
    id: Arc<str>,
    queue: Mutex<Queue>,
    filled: Notify,
}

#[derive(Debug)]
struct Queue {
    waiting: VecDeque<Waiting>,
    is_sending: bool,
    /// Here while no task has taken it.
    sequence: Sequence,
}

/// A publish, and who waits for the answer.
#[derive(Debug)]
struct Waiting {
    publish: Publish,
    answer: oneshot::Sender<Result<Published, PublishError>>,
}

impl Outbox {
    pub(super) fn new(client: Client, name: StreamName, options: PublisherOptions) -> Outbox {
        let sequence = Sequence::new(rand::random(), rand::random());
        let id = Arc::clone(&sequence.id);
        let queue = Mutex::new(Queue { waiting: VecDeque::new(), is_sending: false, sequence });
        let shared = Shared { client, name, id, queue, filled: Notify::new() };
        Outbox { shared: Arc::new(shared), options, sender: Mutex::default() }
    }

    pub(super) fn id(&self) -> &str {
        &self.shared.id
    }

    pub(super) fn waiting(&self) -> usize {
        let queue = self.shared.lock();
        queue.waiting.len() + usize::from(queue.is_sending)
    }

    pub(super) fn put(self: &Arc<Outbox>, messages: Vec<Bytes>) -> Publishing {
        let limit = self.options.outbox;
        if limit <= self.waiting() {
            return Publishing { state: State::Refused(Some(PublishError::OutboxFull { limit })) };
        }
        let publish = Publish {
            messages,
            content_type: self.options.content_type.clone(),
            create: self.options.create,
            identity: PublishIdentity::None,
            close: false,
        };
        let (answer, answered) = oneshot::channel();
        self.shared.lock().waiting.push_back(Waiting { publish, answer });
        self.shared.filled.notify_one();
        self.start();
        Publishing { state: State::Waiting { outbox: Arc::clone(self), answered } }
    }

    /// Starts to send, unless that goes on already. Outside of a runtime it begins when the answer is waited for.
    fn start(&self) {
        let Ok(runtime) = tokio::runtime::Handle::try_current() else { return };
        let mut sender = self.sender.lock().unwrap_or_else(PoisonError::into_inner);
        while sender.try_join_next().is_some() {} // One whose runtime has ended.
        if sender.is_empty() {
            sender.spawn_on(Arc::clone(&self.shared).send_all(), &runtime);
        }
    }
}

impl Shared {
    fn lock(&self) -> MutexGuard<'_, Queue> {
        self.queue.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Sends one after the other, for ever.
    async fn send_all(self: Arc<Shared>) {
        loop {
            let Some(Waiting { publish, answer }) = self.next() else {
                self.filled.notified().await;
                continue;
            };
            let result = self.send(publish).await;
            self.lock().is_sending = false;
            let _nobody_waits = answer.send(result);
        }
    }

    fn next(&self) -> Option<Waiting> {
        let mut queue = self.lock();
        let next = queue.waiting.pop_front();
        queue.is_sending = next.is_some();
        next
    }

    /// Sends until there is an answer that counts.
    async fn send(&self, publish: Publish) -> Result<Published, PublishError> {
        let left = self.lock().sequence.pending.clone();
        if let Some(left) = left {
            // The last one ended without a word of the server's: it may be stored or not, and its number is taken.
            self.until_answered(&left).await?;
        }
        let publish = self.lock().sequence.begin(publish);
        self.until_answered(&publish).await
    }

    async fn until_answered(&self, publish: &Publish) -> Result<Published, PublishError> {
        loop {
            let result = self.send_once(publish).await;
            let step = self.lock().sequence.on_result(result);
            match step {
                Step::Done(result) => return result,
                Step::Again { after } => tokio::time::sleep(after).await,
            }
        }
    }

    async fn send_once(&self, publish: &Publish) -> Result<Published, PublishError> {
        if let Some(frame) = self.frame(publish)
            && let Some(post) = self.client.inner.shared.socket()
        {
            let (answer, answered) = oneshot::channel();
            post.publish(SocketPublish { publish: frame, answer });
            drop(post); // A socket says goodbye when nobody holds it.
            match tokio::time::timeout(ANSWER_MAX, answered).await {
                Ok(Ok(Ok(published))) => return Ok(published),
                Ok(Ok(Err(error))) if error.is_retryable() => return Err(error),
                // A request is refused with more facts than a frame has room for: which tail, which sequence.
                Ok(Ok(Err(_refused))) => {}
                // The socket has gone, or does not get through. What it took the server knows by its number.
                Ok(Err(_)) | Err(_) => {}
            }
        }
        self.client.publish(&self.name, publish).await
    }

    /// The publish as a frame, if it can be one.
    fn frame(&self, publish: &Publish) -> Option<client_message::Publish<'static>> {
        let [message] = publish.messages.as_slice() else { return None };
        if SOCKET_BYTES_MAX < message.len() {
            return None;
        }
        Some(client_message::Publish {
            id: String::new(), // The socket gives it one.
            stream: self.name.clone(),
            data: PublishData::of_message(publish.content_type.kind(), message)?,
            content_type: Some(publish.content_type.clone()),
            create: publish.create,
            identity: publish.identity.clone(),
            seq: None,
            close: publish.close,
        })
    }
}

/// A publish in the outbox, and then its answer. Dropping it does not take it out again.
#[derive(Debug)]
#[must_use = "the answer says whether it was stored"]
pub struct Publishing {
    state: State,
}

#[derive(Debug)]
enum State {
    Refused(Option<PublishError>),
    Waiting { outbox: Arc<Outbox>, answered: oneshot::Receiver<Result<Published, PublishError>> },
}

impl Future for Publishing {
    type Output = Result<Published, PublishError>;

    fn poll(mut self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<Self::Output> {
        match &mut self.state {
            State::Refused(error) => Poll::Ready(Err(error.take().expect("it is polled until it is ready"))),
            State::Waiting { outbox, answered } => {
                outbox.start();
                let answer = std::task::ready!(Pin::new(answered).poll(context));
                // The task is gone with its runtime.
                Poll::Ready(answer.unwrap_or(Err(PublishError::GivenUp)))
            }
        }
    }
}
