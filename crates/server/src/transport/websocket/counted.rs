//! A session whose client is limited in what it follows and publishes, or may send tokens: the same session, with its account at hand.

use super::Talk;
use super::session::Session;
use crate::about::About;
use crate::decision::Verdict;
use crate::decision::question::Question;
use crate::exchange::Advance;
use crate::limits::Account;
use crate::worker::core::Core;
use crate::worker::followers::Owner;
use bytes::Bytes;
use tidings_engine::Reply;
use tidings_protocol::websocket::Violation;
use tidings_protocol::websocket::deflate::Window;

/// Only there where something is counted, so that others have no room for it.
pub(super) struct Counted {
    session: Session,
    /// `None` while the session is at work: then the worker has it.
    account: Option<Box<Account>>,
}

impl Counted {
    pub(super) fn new(session: Session, account: Box<Account>) -> Counted {
        Counted { session, account: Some(account) }
    }

    /// Lets the session work. What it does not follow any more then, counts no longer.
    fn work<T>(&mut self, core: &mut Core, work: impl FnOnce(&mut Session, &mut Core) -> T) -> T {
        core.account = self.account.take();
        let done = work(&mut self.session, core);
        self.account = core.account.take();
        if let Some(follows) = self.account.as_mut().and_then(|account| account.follows.as_mut()) {
            follows.keep(self.session.follow_count());
        }
        done
    }
}

impl Talk for Counted {
    fn deflate(&self) -> Option<Window> {
        self.session.deflate()
    }

    fn on_text(&mut self, text: &str, owner: Owner, core: &mut Core, out: &mut Vec<u8>) {
        self.work(core, |session, core| session.on_text(text, owner, core, out));
    }

    fn on_binary(&mut self, bytes: &[u8], core: &mut Core, out: &mut Vec<u8>) -> Result<(), Violation> {
        self.work(core, |session, core| session.on_binary(bytes, core, out))
    }

    fn on_reply(&mut self, number: u32, reply: Reply) {
        self.session.on_reply(number, reply);
    }

    fn on_decision(&mut self, question: &Question, verdict: Verdict) {
        self.session.on_decision(question, verdict);
    }

    fn on_keys(&mut self) {
        self.session.on_keys();
    }

    fn on_changed(&mut self, number: u32) {
        self.session.on_changed(number);
    }

    fn advance(&mut self, owner: Owner, core: &mut Core, out: &mut Vec<Bytes>) -> Advance {
        self.work(core, |session, core| session.advance(owner, core, out))
    }

    fn message_bytes_max(&self, core: &Core) -> usize {
        self.session.message_bytes_max(core)
    }

    fn on_access_changed(&mut self, core: &mut Core) -> bool {
        self.session.on_access_changed(core)
    }

    fn silence(&self) -> &'static [u8] {
        self.session.silence()
    }

    fn on_drain(&mut self, core: &Core, out: &mut Vec<u8>) {
        self.session.on_drain(core, out);
    }

    fn on_window(&self, core: &Core, out: &mut Vec<u8>) {
        self.session.on_window(core, out);
    }

    fn is_over(&self) -> Option<Violation> {
        self.session.is_over()
    }

    fn owes_an_answer(&self) -> bool {
        self.session.owes_an_answer()
    }

    fn lag(&self) -> u64 {
        self.session.lag()
    }

    fn place(&self, number: u32) -> Option<u64> {
        self.session.place(number)
    }

    fn describe(&self, about: &mut About) {
        self.session.describe(about);
    }

    fn leave(&mut self, core: &mut Core) {
        self.work(core, Talk::leave);
    }
}
