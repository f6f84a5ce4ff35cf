//! What a request for the list of streams asks for.

use crate::digits::parse_decimal;
use crate::query::{QueryWriter, invalid, parameters};
use crate::{ErrorCode, Problem};
use std::borrow::Cow;

/// One page of the list of streams.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ListRequest {
    /// Only names that begin so; empty for all.
    pub prefix: String,
    /// Only names behind this one.
    pub after: Option<String>,
    /// At most that many.
    pub limit: u64,
}

impl Default for ListRequest {
    fn default() -> ListRequest {
        ListRequest { prefix: String::new(), after: None, limit: ListRequest::LIMIT_DEFAULT }
    }
}

impl ListRequest {
    /// How many streams a page holds when nobody says.
    pub const LIMIT_DEFAULT: u64 = 100;

    /// The largest `limit`.
    pub const LIMIT_MAX: u64 = 1_000;

    /// Reads the query of a `GET`.
    pub fn parse(query: &str) -> Result<ListRequest, Problem> {
        let (mut prefix, mut after, mut limit) = (None, None, None);
        for parameter in parameters(query) {
            let place = match &*parameter.name {
                "prefix" => &mut prefix,
                "after" => &mut after,
                "limit" => &mut limit,
                _ => continue,
            };
            parameter.keep(place, ErrorCode::InvalidParameter)?;
        }
        let limit = match limit {
            None => ListRequest::LIMIT_DEFAULT,
            Some(text) => parse_decimal(text.as_bytes())
                .filter(|limit| (1..=ListRequest::LIMIT_MAX).contains(limit))
                .ok_or_else(|| invalid("`limit` is a whole number from 1 to 1000"))?,
        };
        Ok(ListRequest {
            prefix: prefix.unwrap_or_default().into_owned(),
            after: after.map(Cow::into_owned),
            limit,
        })
    }

    /// The query that asks for this, without `?`; names in order.
    pub fn to_query(&self) -> String {
        let mut query = QueryWriter::new();
        if let Some(after) = &self.after {
            query.add("after", after);
        }
        query.add("limit", &self.limit.to_string());
        if !self.prefix.is_empty() {
            query.add("prefix", &self.prefix);
        }
        query.finish()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_list_is_of_everything_unless_narrowed() {
        assert_eq!(ListRequest::parse("x=1"), Ok(ListRequest::default()));
        let narrowed = ListRequest {
            prefix: "orders/ü".to_owned(),
            after: Some("orders/42&x".to_owned()),
            limit: 1_000,
        };
        let query = narrowed.to_query();
        assert_eq!(query, "after=orders%2F42%26x&limit=1000&prefix=orders%2F%C3%BC");
        assert_eq!(ListRequest::parse(&query), Ok(narrowed));
    }

    #[test]
    fn wrong_parameters_are_refused() {
        for bad in ["limit=0", "limit=1001", "limit=", "limit=a", "prefix=%ff", "after=a&after=b"] {
            let code = ListRequest::parse(bad).unwrap_err().code;
            assert_eq!(code, ErrorCode::InvalidParameter, "{bad}");
        }
    }
}
