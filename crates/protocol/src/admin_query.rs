//! What the query of an administrator's request asks for.

use crate::digits::parse_decimal;
use crate::query::{invalid, parameters, parse_switch};
use crate::{ErrorCode, Problem};
use tidings_model::StreamName;

/// One page of a list, or one stream.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct AdminQuery {
    /// Which stream, where one is asked for.
    pub stream: Option<StreamName>,
    /// Only names that begin so; empty for all.
    pub prefix: String,
    /// Only what comes behind this: a name, or what the page before has given as `next`.
    pub after: Option<String>,
    /// At most that many.
    pub limit: usize,
    /// In which order streams are listed.
    pub order: StreamOrder,
    /// Only connections that do not take what they are sent.
    pub only_behind: bool,
}

/// How streams are listed.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum StreamOrder {
    /// By name, page by page.
    Name,
    /// Those to which most messages are published.
    Messages,
    /// Those to which most bytes are published.
    Bytes,
    /// Those that have most followers.
    Followers,
}

impl AdminQuery {
    /// How many a page holds when nobody says.
    pub const LIMIT_DEFAULT: usize = 50;

    /// The largest `limit`.
    pub const LIMIT_MAX: usize = 200;

    /// Reads the query of a `GET`.
    pub fn parse(query: &str) -> Result<AdminQuery, Problem> {
        let (mut stream, mut prefix, mut after, mut limit) = (None, None, None, None);
        let (mut order, mut behind) = (None, None);
        for parameter in parameters(query) {
            let place = match &*parameter.name {
                "stream" => &mut stream,
                "prefix" => &mut prefix,
                "after" => &mut after,
                "limit" => &mut limit,
                "order" => &mut order,
                "behind" => &mut behind,
                _ => continue,
            };
            parameter.keep(place, ErrorCode::InvalidParameter)?;
        }
        Ok(AdminQuery {
            stream: stream.map(|name| parse_name(&name)).transpose()?,
            prefix: prefix.unwrap_or_default().into_owned(),
            after: after.map(std::borrow::Cow::into_owned),
            limit: limit.map_or(Ok(AdminQuery::LIMIT_DEFAULT), |text| parse_limit(&text))?,
            order: order.map_or(Ok(StreamOrder::Name), |word| StreamOrder::parse(&word))?,
            only_behind: parse_switch("behind", behind.as_deref())?,
        })
    }

    /// The stream, of a request that needs one.
    pub fn stream(&self) -> Result<&StreamName, Problem> {
        self.stream.as_ref().ok_or_else(|| invalid("say which stream: `stream=<name>`"))
    }
}

impl StreamOrder {
    fn parse(word: &str) -> Result<StreamOrder, Problem> {
        match word {
            "name" => Ok(StreamOrder::Name),
            "messages" => Ok(StreamOrder::Messages),
            "bytes" => Ok(StreamOrder::Bytes),
            "followers" => Ok(StreamOrder::Followers),
            _ => Err(invalid("`order` is `name`, `messages`, `bytes` or `followers`")),
        }
    }
}

fn parse_name(name: &str) -> Result<StreamName, Problem> {
    StreamName::parse(name).map_err(|reason| Problem::new(ErrorCode::InvalidName, reason.to_string()))
}

fn parse_limit(text: &str) -> Result<usize, Problem> {
    parse_decimal(text.as_bytes())
        .and_then(|limit| usize::try_from(limit).ok())
        .filter(|limit| (1..=AdminQuery::LIMIT_MAX).contains(limit))
        .ok_or_else(|| invalid("`limit` is a whole number from 1 to 200"))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_left_out_has_a_default() {
        let query = AdminQuery::parse("unknown=1").unwrap();
        assert_eq!((query.limit, query.order, query.only_behind), (50, StreamOrder::Name, false));
        assert_eq!(query.stream().unwrap_err().code, ErrorCode::InvalidParameter);
        let query = AdminQuery::parse("stream=a%2Fb&limit=200&order=bytes&behind=true&after=x").unwrap();
        assert_eq!(query.stream().unwrap().as_str(), "a/b");
        assert_eq!((query.limit, query.order, query.only_behind), (200, StreamOrder::Bytes, true));
        assert_eq!(query.after.as_deref(), Some("x"));
    }

    #[test]
    fn what_is_wrong_is_refused() {
        for wrong in ["limit=0", "limit=201", "limit=x", "order=size", "behind=1", "stream=a&stream=b"] {
            assert_eq!(AdminQuery::parse(wrong).unwrap_err().code, ErrorCode::InvalidParameter, "{wrong}");
        }
        for wrong in ["stream=", "stream=a//b", "stream=a%00"] {
            assert_eq!(AdminQuery::parse(wrong).unwrap_err().code, ErrorCode::InvalidName, "{wrong}");
        }
    }
}
