//! Offsets, taken apart: which stream of all that had the name, and how many messages are before.

use tidings_testkit::Response;

/// A place in a stream.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Place {
    pub(crate) incarnation: String,
    pub(crate) index: u64,
}

impl Place {
    pub(crate) fn parse(token: &str) -> Place {
        let (incarnation, index) = token.split_once('_').expect("an offset has two parts");
        Place { incarnation: incarnation.to_owned(), index: index.parse().unwrap() }
    }

    /// The one that a header of an answer names.
    pub(crate) fn of(answer: &Response, header: &str) -> Place {
        Place::parse(answer.header(header).unwrap_or_else(|| panic!("no {header} in a {}", answer.status)))
    }

    pub(crate) fn token(incarnation: &str, index: u64) -> String {
        format!("{incarnation}_{index:016}")
    }
}
