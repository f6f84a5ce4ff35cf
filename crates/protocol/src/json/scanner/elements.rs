//! A text as a batch: the elements of its array, or the one value that it is.

use super::Scanner;
use crate::json::InvalidJson;
use std::ops::Range;

/// The messages of a text, one after another.
pub(in crate::json) struct Elements<'s, 'a> {
    scanner: &'s mut Scanner<'a>,
    state: ElementsState,
}

enum ElementsState {
    /// The text is no array.
    Single,
    /// Before the first element of an array that has one.
    First,
    /// After an element.
    Next,
    /// At the end of the text.
    Done,
}

impl Elements<'_, '_> {
    /// Where the next message stands; after the last one the whole text is known to be valid.
    pub(in crate::json) fn next_range(&mut self) -> Result<Option<Range<usize>>, InvalidJson> {
        match self.state {
            ElementsState::Single => {
                self.state = ElementsState::Done;
                self.scanner.whole_value().map(Some)
            }
            ElementsState::First => {
                self.state = ElementsState::Next;
                self.scanner.value().map(Some)
            }
            ElementsState::Next => self.after_element(),
            ElementsState::Done => Ok(None),
        }
    }

    fn after_element(&mut self) -> Result<Option<Range<usize>>, InvalidJson> {
        let scanner = &mut *self.scanner;
        scanner.skip_white_space();
        match scanner.peek() {
            Some(b',') => {
                scanner.at += 1;
                scanner.skip_white_space();
                scanner.value().map(Some)
            }
            Some(b']') => {
                scanner.at += 1;
                self.state = ElementsState::Done;
                scanner.end()?;
                Ok(None)
            }
            _ => Err(scanner.wrong("`,` or `]` must stand here")),
        }
    }
}

impl<'a> Scanner<'a> {
    /// The elements of the text's array, or its only value when that is something else.
    pub(in crate::json) fn elements(&mut self) -> Result<Elements<'_, 'a>, InvalidJson> {
        if self.peek() != Some(b'[') {
            return Ok(Elements { scanner: self, state: ElementsState::Single });
        }
        self.at += 1;
        self.skip_white_space();
        if self.peek() != Some(b']') {
            return Ok(Elements { scanner: self, state: ElementsState::First });
        }
        self.at += 1;
        self.end()?;
        Ok(Elements { scanner: self, state: ElementsState::Done })
    }
}
