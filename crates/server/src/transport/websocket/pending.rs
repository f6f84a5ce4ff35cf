//! Messages of a client that wait for others to answer: the first of them for the application or an issuer, the others for it, so that
//! all are done in their order.

use crate::decision::Verdict;
use crate::decision::question::Question;
use std::borrow::Cow;
use std::collections::VecDeque;
use tidings_model::{Start, StreamName};

/// What is done when its turn comes.
pub(super) enum Message<'t> {
    /// What the connection begins with.
    First(StreamName, Start),
    /// A text from the client.
    Text(Cow<'t, str>),
}

/// What the first message waits for.
pub(super) enum Wanted {
    /// The application's answer.
    Verdict(Question, Option<Verdict>),
    /// The end of a fetch of keys.
    Keys {
        /// Whether it has come.
        fetched: bool,
    },
}

/// The messages, in their order.
pub(super) struct Pending {
    pub(super) wanted: Wanted,
    messages: VecDeque<Message<'static>>,
    bytes: usize,
}

impl Pending {
    /// How many messages may wait, and how much they may take together: a client that is answered waits with more.
    const COUNT_MAX: usize = 256;
    const BYTES_MAX: usize = 1 << 20;

    pub(super) fn new(wanted: Wanted, first: Message<'static>) -> Pending {
        let bytes = first.bytes();
        Pending { wanted, messages: VecDeque::from([first]), bytes }
    }

    /// Whether there is room for a text of that many bytes.
    pub(super) fn has_room(&self, bytes: usize) -> bool {
        self.messages.len() < Pending::COUNT_MAX && self.bytes + bytes <= Pending::BYTES_MAX
    }

    pub(super) fn add(&mut self, message: Message<'static>) {
        self.bytes += message.bytes();
        self.messages.push_back(message);
    }

    /// Whether what the first one waits for is here.
    pub(super) fn is_settled(&self) -> bool {
        match &self.wanted {
            Wanted::Verdict(_, verdict) => verdict.is_some(),
            Wanted::Keys { fetched } => *fetched,
        }
    }

    pub(super) fn into_messages(self) -> VecDeque<Message<'static>> {
        self.messages
    }
}

impl Message<'_> {
    /// A copy that can wait.
    pub(super) fn to_kept(&self) -> Message<'static> {
        match self {
            Message::First(name, start) => Message::First(name.clone(), *start),
            Message::Text(text) => Message::Text(Cow::Owned(text.clone().into_owned())),
        }
    }

    fn bytes(&self) -> usize {
        match self {
            Message::First(..) => 0,
            Message::Text(text) => text.len(),
        }
    }
}
