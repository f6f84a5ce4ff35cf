//! Which answers of a read a cache may keep ("Poll" in `docs/protocol.md`).

use crate::etag::PageEnd;
use crate::read_request::StartKind;
use std::time::Duration;

/// What a cache may do with an answer.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum CacheControl {
    /// Never keep it.
    NoStore,
    /// Keep it, and ask again before each use.
    NoCache,
    /// The same, and only where nobody else is served from.
    PrivateNoCache,
    /// Anybody may keep and use it for so long.
    Public {
        /// Whole seconds.
        max_age_s: u32,
    },
}

/// For how long the messages of a page are certain to be readable.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum PageLife {
    /// Until the stream is deleted.
    Unlimited,
    /// At least so long: what is left of the retention by age and of the stream's life.
    AtLeast(Duration),
    /// Nobody can say: retention is by bytes or count.
    Unknown,
}

impl CacheControl {
    /// The longest time for which a page may be kept, since its stream may be deleted.
    pub const MAX_AGE_S_MAX: u32 = 86_400;

    /// The same, of what is not for everybody: who was let in by a ticket in the URL has sent no header that keeps shared caches away.
    #[must_use]
    pub fn in_private(self) -> CacheControl {
        match self {
            CacheControl::NoStore => CacheControl::NoStore,
            CacheControl::NoCache | CacheControl::PrivateNoCache | CacheControl::Public { .. } => {
                CacheControl::PrivateNoCache
            }
        }
    }

    /// The rule for a page of a poll.
    pub fn of_page(given: StartKind, end: PageEnd, life: PageLife) -> CacheControl {
        match given {
            StartKind::Now => CacheControl::NoStore,
            // The same URL stands for another page later, or, by `Last-Event-ID`, for the next reader.
            StartKind::Other => CacheControl::NoCache,
            StartKind::Token => match end {
                PageEnd::Tail | PageEnd::Closed => CacheControl::NoCache,
                PageEnd::Inside => CacheControl::of_past_page(life),
            },
        }
    }

    fn of_past_page(life: PageLife) -> CacheControl {
        let max_age_s = match life {
            PageLife::Unlimited => CacheControl::MAX_AGE_S_MAX,
            PageLife::AtLeast(rest) => u32::try_from(rest.as_secs()).unwrap_or(u32::MAX),
            PageLife::Unknown => 0,
        };
        match max_age_s.min(CacheControl::MAX_AGE_S_MAX) {
            0 => CacheControl::NoCache,
            max_age_s => CacheControl::Public { max_age_s },
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::StartGiven;
    use tidings_model::{Incarnation, Offset};

    #[test]
    fn only_a_full_past_page_asked_by_its_token_is_kept() {
        let past = |given| CacheControl::of_page(given, PageEnd::Inside, PageLife::Unlimited);
        let offset = Offset { incarnation: Incarnation::of_disk(1), index: 0 };
        assert_eq!(past(StartGiven::Token(offset).kind()), CacheControl::Public { max_age_s: 86_400 });
        for given in
            [StartGiven::Absent, StartGiven::Beginning, StartGiven::Last(5), StartGiven::LastEventId(offset)]
        {
            assert_eq!(past(given.kind()), CacheControl::NoCache, "{given:?}");
        }
        assert_eq!(past(StartGiven::Now.kind()), CacheControl::NoStore);
        for end in [PageEnd::Tail, PageEnd::Closed] {
            assert_eq!(
                CacheControl::of_page(StartKind::Token, end, PageLife::Unlimited),
                CacheControl::NoCache
            );
        }
    }

    #[test]
    fn a_page_is_kept_no_longer_than_its_messages() {
        let kept = |life| CacheControl::of_page(StartKind::Token, PageEnd::Inside, life);
        let for_ms = |ms| kept(PageLife::AtLeast(Duration::from_millis(ms)));
        assert_eq!(for_ms(90_999), CacheControl::Public { max_age_s: 90 });
        assert_eq!(for_ms(999), CacheControl::NoCache);
        assert_eq!(for_ms(u64::MAX), CacheControl::Public { max_age_s: 86_400 });
        assert_eq!(kept(PageLife::Unknown), CacheControl::NoCache);
    }
}
