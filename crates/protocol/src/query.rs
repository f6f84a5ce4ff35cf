//! The query of a request's target, parameter by parameter.
//!
//! Unknown parameters are ignored, whatever they hold; a known one may be given once and must decode. Values are
//! never trimmed: `offset=-1%20` is not `-1`.

use crate::percent::{self, Plus};
use crate::{ErrorCode, Problem};
use std::borrow::Cow;

/// One parameter.
pub(crate) struct Parameter<'q> {
    /// Its decoded name.
    pub(crate) name: Cow<'q, str>,
    value: &'q str,
}

impl<'q> Parameter<'q> {
    /// Keeps the decoded value in the place of a known parameter; the place must be empty.
    /// `code` is what is answered when it isn't, or when the value can't be decoded.
    pub(crate) fn keep(self, place: &mut Option<Cow<'q, str>>, code: ErrorCode) -> Result<(), Problem> {
        let value = percent::decode(self.value, Plus::Space)
            .map_err(|reason| Problem::new(code, format!("`{}`: {reason}", self.name)))?;
        if place.replace(value).is_some() {
            return Err(Problem::new(code, format!("give `{}` only once", self.name)));
        }
        Ok(())
    }
}

/// The parameters of a query without its `?`. Names that can't be decoded are unknown, and left out.
pub(crate) fn parameters(query: &str) -> impl Iterator<Item = Parameter<'_>> {
    query.split('&').filter_map(|pair| {
        let (name, value) = pair.split_once('=').unwrap_or((pair, ""));
        let name = percent::decode(name, Plus::Space).ok()?;
        Some(Parameter { name, value })
    })
}

/// Reads `true` or `false`; absent is `false`.
pub(crate) fn parse_switch(name: &str, value: Option<&str>) -> Result<bool, Problem> {
    match value {
        None | Some("false") => Ok(false),
        Some("true") => Ok(true),
        Some(_) => Err(invalid(format!("`{name}` is `true` or `false`"))),
    }
}

/// A wrong parameter other than `offset` and `last`.
pub(crate) fn invalid(detail: impl Into<Cow<'static, str>>) -> Problem {
    Problem::new(ErrorCode::InvalidParameter, detail)
}

/// A query that is being written.
pub(crate) struct QueryWriter(String);

impl QueryWriter {
    pub(crate) fn new() -> QueryWriter {
        QueryWriter(String::new())
    }

    /// Adds a parameter. The base protocol asks for names in order, since caches compare the text.
    pub(crate) fn add(&mut self, name: &str, value: &str) {
        if !self.0.is_empty() {
            self.0.push('&');
        }
        self.0.push_str(name);
        self.0.push('=');
        percent::encode_query(value, &mut self.0);
    }

    pub(crate) fn finish(self) -> String {
        self.0
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn pairs_are_decoded_and_broken_names_left_out() {
        let pairs: Vec<_> = parameters("a=1&%62=x+y&&c&%zz=1&d=e=f")
            .map(|parameter| {
                let name = parameter.name.to_string();
                let mut value = None;
                parameter.keep(&mut value, ErrorCode::InvalidParameter).unwrap();
                (name, value.unwrap().to_string())
            })
            .collect();
        let expected = [("a", "1"), ("b", "x y"), ("", ""), ("c", ""), ("d", "e=f")];
        assert_eq!(pairs, expected.map(|(name, value)| (name.to_owned(), value.to_owned())));
    }

    #[test]
    fn a_known_parameter_stands_once_and_decodes() {
        let code = ErrorCode::InvalidOffset;
        for bad in ["a=1&a=1", "a=%f", "a=%ff", "a=1&%61=2"] {
            let mut place = None;
            let outcome = parameters(bad).try_for_each(|parameter| parameter.keep(&mut place, code));
            assert_eq!(outcome.unwrap_err().code, code, "{bad}");
        }
    }
}
