//! Where a follow stands: what makes it give each message once, in order, whoever brings it.

use tidings_model::{Offset, Skip, Start};

/// Where a follow stands.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Place {
    /// No answer has named an offset yet.
    Asked(Start),
    /// Everything before was given, nothing after it.
    At(Offset),
}

/// What arrived does not go on from the place: something between is missing, or it is of another incarnation.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Discontinuity;

impl Place {
    /// The place of a follow that begins so.
    pub(crate) fn new(start: Start) -> Place {
        match start {
            Start::After(offset) => Place::At(offset),
            Start::Beginning | Start::Now | Start::Last(_) => Place::Asked(start),
        }
    }

    /// Where a request has to begin.
    pub(crate) fn start(self) -> Start {
        match self {
            Place::Asked(start) => start,
            Place::At(offset) => Start::After(offset),
        }
    }

    /// The place, where an answer has named it.
    pub(crate) fn offset(self) -> Option<Offset> {
        match self {
            Place::Asked(_) => None,
            Place::At(offset) => Some(offset),
        }
    }

    /// A message arrives that ends at `offset`. An error leaves the place as it was.
    pub(crate) fn take(&mut self, offset: Offset) -> Result<Step, Discontinuity> {
        if let Place::At(here) = *self {
            if here.incarnation != offset.incarnation || here.index + 1 < offset.index {
                return Err(Discontinuity);
            }
            if offset.index <= here.index {
                return Ok(Step::Old);
            }
        }
        *self = Place::At(offset);
        Ok(Step::New)
    }

    /// A reader was skipped. What of it was not given before is then left out for good. An error leaves the place as it
    /// was: the reader had not come from here.
    pub(crate) fn skip(&mut self, skip: Skip) -> Result<Option<Skip>, Discontinuity> {
        let from = match *self {
            Place::Asked(_) => skip.from,
            Place::At(here) if here.incarnation == skip.from.incarnation && skip.from.index <= here.index => {
                here
            }
            Place::At(_) => return Err(Discontinuity),
        };
        if skip.to.index <= from.index {
            return Ok(None);
        }
        *self = Place::At(skip.to);
        Ok(Some(Skip { from, ..skip }))
    }

    /// Somebody says that everything before `offset` was sent. An error leaves the place as it was.
    pub(crate) fn reach(&mut self, offset: Offset) -> Result<(), Discontinuity> {
        match *self {
            Place::Asked(_) => {
                *self = Place::At(offset);
                Ok(())
            }
            Place::At(here) if here.incarnation == offset.incarnation && offset.index <= here.index => Ok(()),
            Place::At(_) => Err(Discontinuity),
        }
    }

    /// Whether a reader that has come to `reached` stands here, or further.
    pub(crate) fn is_at(self, reached: Option<Offset>) -> bool {
        match (self, reached) {
            (Place::Asked(_), _) => true,
            (Place::At(_), None) => false,
            (Place::At(here), Some(reached)) => {
                here.incarnation == reached.incarnation && here.index <= reached.index
            }
        }
    }
}

/// Whether a message is to be given.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Step {
    New,
    Old,
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::session::script::{offset, other_incarnation};

    #[test]
    fn a_message_is_taken_once_whoever_brings_it() {
        let mut place = Place::At(offset(3));
        let steps = [2, 3, 4, 5, 4, 5].map(|index| place.take(offset(index)));
        assert_eq!(steps, [Step::Old, Step::Old, Step::New, Step::New, Step::Old, Step::Old].map(Ok));
        assert_eq!(place, Place::At(offset(5)));
    }

    #[test]
    fn a_gap_is_never_passed() {
        let mut place = Place::At(offset(3));
        assert_eq!(place.take(offset(5)), Err(Discontinuity));
        assert_eq!(place.reach(offset(4)), Err(Discontinuity));
        assert_eq!(place.reach(offset(2)), Ok(()));
        assert_eq!(place, Place::At(offset(3)));
    }

    #[test]
    fn a_skip_leaves_out_what_was_not_given() {
        let mut place = Place::At(offset(3));
        let skip = |from, to| Skip { from: offset(from), to: offset(to) };
        assert_eq!(place.skip(skip(4, 9)), Err(Discontinuity));
        assert_eq!(place.skip(skip(1, 3)), Ok(None));
        assert_eq!(place, Place::At(offset(3)));
        assert_eq!(place.skip(skip(2, 9)), Ok(Some(skip(3, 9))));
        assert_eq!(
            [8, 9, 10].map(|index| place.take(offset(index))),
            [Step::Old, Step::Old, Step::New].map(Ok)
        );
        let foreign = Skip { from: other_incarnation(10), to: other_incarnation(20) };
        assert_eq!(place.skip(foreign), Err(Discontinuity));
    }

    #[test]
    fn another_incarnation_does_not_go_on() {
        let mut place = Place::At(offset(3));
        assert_eq!(place.take(other_incarnation(4)), Err(Discontinuity));
        assert_eq!(place.reach(other_incarnation(3)), Err(Discontinuity));
        assert!(!place.is_at(Some(other_incarnation(9))));
    }

    #[test]
    fn the_first_answer_says_where_now_is() {
        let mut place = Place::new(Start::Now);
        assert_eq!(place.start(), Start::Now);
        place.reach(offset(9)).unwrap();
        assert_eq!(place.start(), Start::After(offset(9)));

        let mut place = Place::new(Start::Last(2));
        assert_eq!([8, 9].map(|index| place.take(offset(index))), [Step::New; 2].map(Ok));
        assert_eq!(place, Place::At(offset(9)));
    }
}
