//! The story of a connection: what the log says of it in one line, when it ends. Only where `access_log` asks for it.
//!
//! It never has a token, a query, or the name of a stream.

use crate::authorise::Principal;
use crate::metrics::Transport;
use crate::peer::Peer;
use std::borrow::Cow;
use std::time::Duration;

/// What a connection has done so far.
pub(crate) struct Story {
    peer: Peer,
    opened_ms: u64,
    requests: u64,
    streams: u64,
    messages: u64,
    received_bytes: u64,
    sent_bytes: u64,
    transport: Option<Transport>,
    principal: Option<Principal>,
}

/// What happened in one step, by whomever it was taken: whoever has taken it puts it into a story.
#[derive(Default)]
pub(crate) struct Notes {
    /// Whether anybody wants to know.
    pub(crate) is_on: bool,
    requests: u64,
    streams: u64,
    messages: u64,
    transport: Option<Transport>,
    principal: Option<Principal>,
}

impl Notes {
    pub(crate) fn new(is_on: bool) -> Notes {
        Notes { is_on, ..Notes::default() }
    }

    /// A request was understood, or refused.
    #[inline]
    pub(crate) fn on_request(&mut self) {
        self.requests += 1;
    }

    /// It is known who asks.
    #[inline]
    pub(crate) fn on_principal(&mut self, principal: &Principal) {
        if self.is_on {
            self.principal = Some(principal.clone());
        }
    }

    /// A stream is followed.
    #[inline]
    pub(crate) fn on_followed(&mut self) {
        self.streams += 1;
    }

    /// So many messages went out.
    #[inline]
    pub(crate) fn on_delivered(&mut self, transport: Transport, messages: u64) {
        self.messages += messages;
        self.transport = Some(transport);
    }
}

/// Why a connection ended, as far as can be told.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum End {
    /// The peer has closed it, or its direction of it.
    Peer,
    /// Everything was said, and the server has closed it: it was asked to, or refused what came.
    Server,
    /// The server ends.
    Drained,
    /// Nothing came for too long, or nothing was taken.
    TimedOut,
    /// It broke.
    Broken,
}

impl End {
    const fn as_str(self) -> &'static str {
        match self {
            End::Peer => "peer",
            End::Server => "server",
            End::Drained => "drained",
            End::TimedOut => "timed_out",
            End::Broken => "broken",
        }
    }
}

/// A text that stays within its line, whoever has chosen it: a subject is whatever its issuer lets a user be called.
fn one_line(text: &str) -> Cow<'_, str> {
    if text.contains(char::is_control) { text.escape_debug().to_string().into() } else { text.into() }
}

/// A step was taken for a connection that has this story, or none since it is older than the wish for one.
pub(crate) fn tell(story: Option<&mut Story>, notes: &mut Notes) {
    match story {
        Some(story) => story.take(notes),
        None => *notes = Notes::new(notes.is_on),
    }
}

impl Story {
    /// Of a connection that begins.
    pub(crate) fn new(peer: Peer, now_ms: u64) -> Story {
        Story {
            peer,
            opened_ms: now_ms,
            requests: 0,
            streams: 0,
            messages: 0,
            received_bytes: 0,
            sent_bytes: 0,
            transport: None,
            principal: None,
        }
    }

    fn take(&mut self, notes: &mut Notes) {
        let Notes { requests, streams, messages, transport, principal, .. } =
            std::mem::replace(notes, Notes::new(notes.is_on));
        self.requests += requests;
        self.streams += streams;
        self.messages += messages;
        self.transport = transport.or(self.transport);
        self.principal = principal.or(self.principal.take());
    }

    pub(crate) fn on_received(&mut self, bytes: usize) {
        self.received_bytes += bytes as u64;
    }

    pub(crate) fn on_sent(&mut self, bytes: usize) {
        self.sent_bytes += bytes as u64;
    }

    /// It is over.
    pub(crate) fn tell(&self, end: End, now_ms: u64) {
        let Story { requests, streams, messages, received_bytes, sent_bytes, .. } = *self;
        let duration = Duration::from_millis(now_ms.saturating_sub(self.opened_ms));
        let subject = self.principal.as_ref().and_then(|principal| principal.subject()).unwrap_or_default();
        let subject = one_line(subject);
        let subject = &*subject;
        log::info!(
            target: "tidings::access",
            address:% = self.peer.address(),
            subject,
            transport = self.transport.map_or("", Transport::word),
            requests,
            streams,
            messages,
            received_bytes,
            sent_bytes,
            seconds = duration.as_secs_f64(),
            end = end.as_str();
            "a connection has ended"
        );
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_subject_can_not_write_a_line_of_its_own() {
        assert_eq!(one_line("ann@example.org"), "ann@example.org");
        assert_eq!(one_line("ann\n[INFO ] all is well"), "ann\\n[INFO ] all is well");
        assert_eq!(one_line("ann\u{1b}[2J"), "ann\\u{1b}[2J");
    }
}
