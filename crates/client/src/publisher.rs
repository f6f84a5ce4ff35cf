//! Publishing in order, each message once, over connections that break.

mod outbox;
mod sequence;

pub use outbox::Publishing;

use crate::Client;
use bytes::Bytes;
use outbox::Outbox;
use std::sync::Arc;
use tidings_model::{ContentType, StreamName};

/// How to publish.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct PublisherOptions {
    /// The content type of the stream.
    pub content_type: ContentType,
    /// Whether to create the stream if it is missing.
    pub create: bool,
    /// How many publishes may wait; of more, each is refused with
    /// [`PublishError::OutboxFull`](crate::PublishError::OutboxFull).
    pub outbox: usize,
}

impl PublisherOptions {
    /// How many publishes may wait, where nobody says otherwise.
    pub const OUTBOX: usize = 1_000;

    /// For a stream of that content type, which must exist.
    pub fn new(content_type: ContentType) -> PublisherOptions {
        PublisherOptions { content_type, create: false, outbox: PublisherOptions::OUTBOX }
    }
}

/// Publishes to one stream in order. Each publish has a sequence number, so that the server stores it once
/// however often it is sent. One is under way at a time; others wait in the outbox.
///
/// Single messages go over the WebSocket that brings messages to the follows of the same client, where there is one and
/// it works; else, and in batches, by requests.
///
/// Cloning shares the outbox. What waits in it is given up with the last clone, unless somebody waits for it.
#[derive(Clone, Debug)]
pub struct Publisher {
    outbox: Arc<Outbox>,
}

impl Publisher {
    pub(crate) fn new(client: Client, name: StreamName, options: PublisherOptions) -> Publisher {
        Publisher { outbox: Arc::new(Outbox::new(client, name, options)) }
    }

    /// The name under which the server knows this publisher, made up at random.
    pub fn id(&self) -> &str {
        self.outbox.id()
    }

    /// Puts these messages into the outbox, as one publish: all of them are stored, or none. Several messages are for
    /// streams of JSON; others take one at a time.
    ///
    /// They are sent whether or not anybody waits for the answer, again and again for as long as that may help. What is
    /// put in first is stored first.
    pub fn publish(&self, messages: Vec<Bytes>) -> Publishing {
        self.outbox.put(messages)
    }

    /// How many publishes wait, the one that is under way among them.
    pub fn waiting(&self) -> usize {
        self.outbox.waiting()
    }
}
