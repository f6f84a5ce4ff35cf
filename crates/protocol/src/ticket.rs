//! Tickets: what is asked for one, and how one stands in a URL.

use crate::query::{invalid, parameters};
use crate::{ErrorCode, Problem};
use tidings_model::StreamName;

/// The path that gives tickets.
pub const TICKET_PATH: &str = "/v1/ticket";

/// What a ticket shall be for.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct TicketRequest {
    /// The streams that it may read.
    pub read: Vec<StreamName>,
}

impl TicketRequest {
    /// Reads the body of a `POST`: `{"read":["orders/42"]}`, with at most so many names.
    pub fn parse(body: &[u8], streams_max: usize) -> Result<TicketRequest, Problem> {
        let value: serde_json::Value = serde_json::from_slice(body).map_err(|error| {
            Problem::new(ErrorCode::InvalidJson, format!("the body is not JSON: {error}"))
        })?;
        let names = value["read"].as_array().filter(|names| !names.is_empty());
        let names = names.ok_or_else(|| invalid("name the streams to read: `{\"read\":[\"orders/42\"]}`"))?;
        if streams_max < names.len() {
            let detail = format!("a ticket is for at most {streams_max} streams (`max_read_streams`)");
            return Err(Problem::new(ErrorCode::TooManySubscriptions, detail));
        }
        let parse = |name: &serde_json::Value| {
            let text = name.as_str().ok_or_else(|| invalid("`read` is a list of names of streams"))?;
            StreamName::parse(text).map_err(|error| invalid(format!("`read`: {error}")))
        };
        Ok(TicketRequest { read: names.iter().map(parse).collect::<Result<_, _>>()? })
    }
}

/// The ticket in a query, if there is one.
pub fn ticket_of(query: &str) -> Result<Option<String>, Problem> {
    let mut ticket = None;
    for parameter in parameters(query).filter(|parameter| parameter.name == "ticket") {
        parameter.keep(&mut ticket, ErrorCode::InvalidParameter)?;
    }
    Ok(ticket.map(std::borrow::Cow::into_owned))
}

/// Whether a query has a parameter that is meant as a token, however it is written.
pub fn has_token(query: &str) -> bool {
    const NAMES: [&str; 6] = ["token", "access_token", "api_key", "apikey", "jwt", "bearer"];
    parameters(query).any(|parameter| NAMES.iter().any(|name| parameter.name.eq_ignore_ascii_case(name)))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_ticket_is_for_streams_by_their_names() {
        let asked = TicketRequest::parse(br#"{"read":["orders/42","a/*"],"x":1}"#, 2).unwrap();
        assert_eq!(asked.read.iter().map(StreamName::as_str).collect::<Vec<_>>(), ["orders/42", "a/*"]);
        for (body, code) in [
            (&b"{"[..], ErrorCode::InvalidJson),
            (b"[]", ErrorCode::InvalidParameter),
            (b"{}", ErrorCode::InvalidParameter),
            (br#"{"read":[]}"#, ErrorCode::InvalidParameter),
            (br#"{"read":"a"}"#, ErrorCode::InvalidParameter),
            (br#"{"read":[1]}"#, ErrorCode::InvalidParameter),
            (br#"{"read":["a//b"]}"#, ErrorCode::InvalidParameter),
            (br#"{"read":["a","b","c"]}"#, ErrorCode::TooManySubscriptions),
        ] {
            let refused = TicketRequest::parse(body, 2).map_err(|problem| problem.code);
            assert_eq!(refused, Err(code), "{}", String::from_utf8_lossy(body));
        }
    }

    #[test]
    fn a_token_in_a_query_is_known_however_it_is_written() {
        for query in ["token=a", "x=1&Token=a", "%74oken=a", "jwt=a", "offset=-1&BEARER", "access_token="] {
            assert!(has_token(query), "{query}");
        }
        for query in ["", "tokens=a", "ticket=a", "x=token"] {
            assert!(!has_token(query), "{query}");
        }
    }

    #[test]
    fn a_ticket_stands_in_a_query_once() {
        assert_eq!(ticket_of("live=sse&ticket=ab%63&offset=-1").unwrap().as_deref(), Some("abc"));
        assert_eq!(ticket_of("live=sse").unwrap(), None);
        assert!(ticket_of("ticket=a&ticket=b").is_err());
    }
}
