//! Who can go on, and who is next: those who have waited come before those who were just served and want more.

use super::followers::Owner;
use std::collections::VecDeque;

/// Two queues. Nobody stands in them twice; who puts somebody in sees to that.
#[derive(Debug, Default)]
pub(crate) struct Ready {
    soon: VecDeque<Owner>,
    later: VecDeque<Owner>,
    /// How many of `soon` were taken since the last of `later`.
    taken: usize,
}

/// Who is next.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Next {
    pub(super) owner: Owner,
    /// Was just served and wants more: what it is about to do may take long.
    pub(super) wants_more: bool,
}

impl Ready {
    /// One of `later` comes after so many of `soon`, however many of those there are.
    const SOON_AT_ONCE: usize = 16;

    /// Something has happened to it.
    pub(super) fn push(&mut self, owner: Owner) {
        self.soon.push_back(owner);
    }

    /// It was just served, and wants more: others come first.
    pub(super) fn push_later(&mut self, owner: Owner) {
        self.later.push_back(owner);
    }

    pub(super) fn is_empty(&self) -> bool {
        self.soon.is_empty() && self.later.is_empty()
    }

    pub(super) fn take(&mut self) -> Option<Next> {
        if Ready::SOON_AT_ONCE <= self.taken || self.soon.is_empty() {
            self.taken = 0;
            if let Some(owner) = self.later.pop_front() {
                return Some(Next { owner, wants_more: true });
            }
        }
        self.taken += 1;
        self.soon.pop_front().map(|owner| Next { owner, wants_more: false })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn who_was_just_served_comes_after_others_and_comes() {
        let mut ready = Ready::default();
        (0..3).for_each(|number| ready.push_later(Owner(number)));
        (10..50).for_each(|number| ready.push(Owner(number)));
        let order: Vec<u64> = std::iter::from_fn(|| ready.take()).map(|next| next.owner.0).collect();
        let place = |number| order.iter().position(|taken| *taken == number);
        assert_eq!(order.len(), 43);
        assert_eq!([place(0), place(1), place(2)], [Some(16), Some(33), Some(42)]);
        assert!(order.iter().filter(|number| 10 <= **number).is_sorted(), "{order:?}");
        assert!(ready.is_empty());
        // Alone they don't wait for anybody.
        ready.push_later(Owner(7));
        assert_eq!(ready.take(), Some(Next { owner: Owner(7), wants_more: true }));
        assert_eq!(ready.take(), None);
    }
}
