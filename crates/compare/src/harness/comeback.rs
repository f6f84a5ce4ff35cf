//! When one follower is whole again after trouble: it follows, and has all that was published until the server was back.
//!
//! Plain data that is told what happens. Does not know what is asked or answered.

use crate::way::Way;

/// What became of one follower since the trouble began.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Comeback {
    since_ns: u64,
    /// It has lost its connection, or had none.
    is_lost: bool,
    /// Its last request.
    asked_ns: Option<u64>,
    /// Since when it follows again.
    followed_ns: Option<u64>,
    /// When it had all that it had missed.
    caught_up_ns: Option<u64>,
}

impl Comeback {
    pub(super) fn new(has_connection: bool, since_ns: u64) -> Comeback {
        let is_lost = !has_connection;
        Comeback { since_ns, is_lost, asked_ns: None, followed_ns: None, caught_up_ns: None }
    }

    /// Its connection ended.
    pub(super) fn on_lost(&mut self) {
        self.is_lost = true;
        // What was answered in between was answered by the server that went away.
        (self.asked_ns, self.followed_ns) = (None, None);
    }

    pub(super) fn on_asked(&mut self, now_ns: u64) {
        self.asked_ns = Some(now_ns);
    }

    /// Everything comes from now on.
    pub(super) fn on_followed(&mut self, now_ns: u64) {
        if self.is_lost {
            self.followed_ns.get_or_insert(now_ns);
        }
    }

    /// An answer is over. A long poll followed since it was asked.
    pub(super) fn on_answered(&mut self, way: Way, now_ns: u64) {
        let is_held = matches!(way, Way::LongPoll | Way::LongPollClosing);
        self.on_followed(self.asked_ns.filter(|_| is_held).unwrap_or(now_ns));
    }

    pub(super) fn has_caught_up(&self) -> bool {
        self.caught_up_ns.is_some()
    }

    pub(super) fn on_caught_up(&mut self, now_ns: u64) {
        self.caught_up_ns.get_or_insert(now_ns);
    }

    /// Whether the trouble concerned it.
    pub(super) fn is_lost(&self) -> bool {
        self.is_lost
    }

    /// When it was whole. A long poll that is held at the end of the run, and had nothing to bring, follows.
    pub(super) fn whole_ns(&self, is_held: bool) -> Option<u64> {
        let followed_ns = self.followed_ns.or(self.asked_ns.filter(|_| is_held && self.is_lost))?;
        Some(followed_ns.max(self.caught_up_ns?).max(self.since_ns))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn who_follows_and_has_all_is_whole() {
        let mut comeback = Comeback::new(true, 100);
        comeback.on_followed(110);
        assert_eq!(comeback.whole_ns(false), None, "it has not lost its connection yet");
        comeback.on_lost();
        comeback.on_asked(130);
        comeback.on_followed(150);
        assert_eq!(comeback.whole_ns(false), None, "messages are missing");
        comeback.on_caught_up(140);
        assert_eq!(comeback.whole_ns(false), Some(150));
        comeback.on_followed(170);
        assert_eq!(comeback.whole_ns(false), Some(150), "the first time counts");
    }

    #[test]
    fn a_long_poll_follows_since_it_was_asked() {
        let mut comeback = Comeback::new(false, 100);
        comeback.on_caught_up(0);
        comeback.on_asked(120);
        assert_eq!((comeback.whole_ns(false), comeback.whole_ns(true)), (None, Some(120)));
        comeback.on_answered(Way::LongPoll, 900);
        assert_eq!(comeback.whole_ns(false), Some(120));
        let mut comeback = Comeback::new(false, 100);
        comeback.on_caught_up(0);
        comeback.on_asked(120);
        comeback.on_answered(Way::Poll { every_s: 1.0 }, 125);
        assert_eq!(comeback.whole_ns(false), Some(125));
    }

    #[test]
    fn who_is_lost_again_begins_anew() {
        let mut comeback = Comeback::new(true, 100);
        comeback.on_lost();
        comeback.on_followed(150);
        comeback.on_lost();
        comeback.on_caught_up(160);
        assert_eq!(comeback.whole_ns(false), None);
        comeback.on_followed(180);
        assert_eq!(comeback.whole_ns(false), Some(180));
    }
}
