//! Messages of a client that wait for others to answer: the first of them for the application or an issuer, the others for it, so that
//! all are done in their order.

use crate::decision::Verdict;
use crate::decision::question::Question;
use std::borrow::Cow;
use std::collections::VecDeque;
use std::sync::Arc;
use tidings_model::{Start, StreamName};
use tidings_protocol::websocket::memory::{Lease, MessageMemory};

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
    /// Beside the first one.
    bytes: usize,
    /// What all of them take, of what messages of all connections may take together.
    lease: Lease,
}

impl Pending {
    /// How many messages may wait, and how much they may take together: a client that is answered waits with more.
    const COUNT_MAX: usize = 256;
    const BYTES_MAX: usize = 1 << 20;

    /// `None` where there is no room for it.
    pub(super) fn new(wanted: Wanted, first: &Message<'_>, memory: &Arc<MessageMemory>) -> Option<Pending> {
        let mut lease = Lease::new(memory);
        lease.charge(first.bytes()).ok()?;
        Some(Pending { wanted, messages: VecDeque::from([first.to_kept()]), bytes: 0, lease })
    }

    /// Takes another one, if there is room for it.
    pub(super) fn take(&mut self, message: &Message<'_>) -> bool {
        let bytes = self.bytes + message.bytes();
        let has_room = self.messages.len() < Pending::COUNT_MAX
            && bytes <= Pending::BYTES_MAX
            && self.lease.charge(message.bytes()).is_ok();
        if has_room {
            self.bytes = bytes;
            self.messages.push_back(message.to_kept());
        }
        has_room
    }

    /// Those that have waited behind another one, which had room for them.
    pub(super) fn take_all(&mut self, messages: impl Iterator<Item = Message<'static>>) {
        for message in messages {
            // They have their room already, unless others took it in between: then they have it all the same.
            let _charged = self.lease.charge(message.bytes());
            self.bytes += message.bytes();
            self.messages.push_back(message);
        }
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
    fn to_kept(&self) -> Message<'static> {
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
