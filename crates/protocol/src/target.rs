//! Targets of requests: which path means what, and how a stream's name stands in one.

use crate::percent::{self, Plus};
use crate::{AdminPath, ErrorCode, Method, Problem, TICKET_PATH};
use tidings_model::StreamName;

const STREAM_ROOT: &str = "/v1/stream/";

/// The path of a read of many streams.
pub const READ_PATH: &str = "/v1/read";

/// Where a request goes.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Target<'t> {
    /// What the path means.
    pub route: Route,
    /// The query without its `?`; empty when there is none.
    pub query: &'t str,
}

/// What a path means.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Route {
    /// `/v1/stream/{name}`: one stream.
    Stream(StreamName),
    /// `/v1/ws`: a WebSocket that follows nothing yet.
    WebSocket,
    /// `/v1/read`: many streams in one request.
    ReadMany,
    /// `/v1/ticket`: a ticket for what can send no header.
    Ticket,
    /// `/v1/streams`: the list of streams.
    Streams,
    /// `/v1/admin/…`: for administrators.
    Admin(AdminPath),
    /// `/metrics`: what operators watch.
    Metrics,
    /// `/health/live`
    HealthLive,
    /// `/health/ready`
    HealthReady,
}

impl<'t> Target<'t> {
    /// Reads a target: `/path?query`, or `http://host/path?query` as a proxy may send it.
    pub fn parse(text: &'t str) -> Result<Target<'t>, Problem> {
        let text = without_authority(text).ok_or_else(Problem::not_found)?;
        let (path, query) = text.split_once('?').unwrap_or((text, ""));
        Ok(Target { route: Route::parse(path)?, query })
    }
}

/// The path of a target, not decoded; `None` when it has none.
pub fn target_path(text: &str) -> Option<&str> {
    let text = without_authority(text)?;
    Some(text.split_once('?').map_or(text, |(path, _)| path))
}

/// The target from its path on; `None` when there is no path, as in `*`.
fn without_authority(text: &str) -> Option<&str> {
    if text.starts_with('/') {
        return Some(text);
    }
    let (scheme, rest) = text.split_once("://")?;
    if !scheme.eq_ignore_ascii_case("http") && !scheme.eq_ignore_ascii_case("https") {
        return None;
    }
    let path_at = rest.find(['/', '?'])?;
    Some(&rest[path_at..])
}

impl Route {
    /// Reads a path, not yet decoded.
    pub fn parse(path: &str) -> Result<Route, Problem> {
        if let Some(name) = path.strip_prefix(STREAM_ROOT) {
            return parse_name(name).map(Route::Stream);
        }
        match path {
            "/v1/ws" => Ok(Route::WebSocket),
            READ_PATH => Ok(Route::ReadMany),
            TICKET_PATH => Ok(Route::Ticket),
            "/v1/streams" => Ok(Route::Streams),
            "/metrics" => Ok(Route::Metrics),
            "/health/live" => Ok(Route::HealthLive),
            "/health/ready" => Ok(Route::HealthReady),
            _ if path.starts_with(AdminPath::ROOT) => AdminPath::parse(path).map(Route::Admin),
            _ => Err(Problem::not_found()),
        }
    }

    /// The methods that the path has, as `Allow` lists them. `OPTIONS` is everywhere, for pages of other origins.
    pub fn methods(&self) -> &'static str {
        match self {
            Route::Stream(_) => "GET, HEAD, PUT, POST, DELETE, OPTIONS",
            Route::ReadMany | Route::Ticket => "POST, OPTIONS",
            Route::WebSocket | Route::Streams => "GET, OPTIONS",
            Route::Admin(path) => path.methods(),
            Route::Metrics | Route::HealthLive | Route::HealthReady => "GET, HEAD, OPTIONS",
        }
    }

    /// Refuses a method that the path does not have.
    pub fn check_method(&self, method: Method) -> Result<(), Problem> {
        let is_there = match (self, method) {
            (Route::Admin(path), _) => path.methods().split(", ").any(|named| Method::parse(named) == method),
            (_, Method::Other) | (Route::ReadMany | Route::Ticket, Method::Get) => false,
            (Route::Stream(_), _)
            | (Route::ReadMany | Route::Ticket, Method::Post)
            | (_, Method::Get | Method::Options)
            | (Route::Metrics | Route::HealthLive | Route::HealthReady, Method::Head) => true,
            (_, Method::Head | Method::Put | Method::Post | Method::Delete) => false,
        };
        if is_there { Ok(()) } else { Err(Problem::method_not_allowed(self.methods())) }
    }
}

fn parse_name(encoded: &str) -> Result<StreamName, Problem> {
    let invalid = |reason: String| Problem::new(ErrorCode::InvalidName, reason);
    // No client sends a fragment; one in the path is a `#` that was not encoded.
    if encoded.contains('#') {
        return Err(invalid("write `#` in a stream name as `%23`".to_owned()));
    }
    let name = percent::decode(encoded, Plus::Plus).map_err(|reason| invalid(reason.to_string()))?;
    StreamName::parse(&name).map_err(|reason| invalid(reason.to_string()))
}

/// The path of a stream.
pub fn stream_path(name: &StreamName) -> String {
    let mut path = STREAM_ROOT.to_owned();
    percent::encode_path(name.as_str(), &mut path);
    path
}

#[cfg(test)]
mod tests {
    use super::*;

    fn stream(target: &str) -> Result<String, ErrorCode> {
        match Target::parse(target) {
            Ok(Target { route: Route::Stream(name), .. }) => Ok(name.to_string()),
            Ok(other) => panic!("{other:?}"),
            Err(problem) => Err(problem.code),
        }
    }

    #[test]
    fn a_name_is_decoded_once() {
        assert_eq!(stream("/v1/stream/orders/42"), Ok("orders/42".to_owned()));
        assert_eq!(stream("/v1/stream/a%2Fb%20c%252F+"), Ok("a/b c%2F+".to_owned()));
        assert_eq!(stream("/v1/stream/%C3%BC?offset=-1"), Ok("ü".to_owned()));
        assert_eq!(stream("http://host:1/v1/stream/a?x"), Ok("a".to_owned()));
    }

    #[test]
    fn what_is_not_a_name_is_refused() {
        for path in ["", "a/", "/a", "a//b", "..", "a/%2e%2E/b", "%", "%ff", "a%00", "__ds/x", "a#b", "a%0a"]
        {
            assert_eq!(stream(&format!("/v1/stream/{path}")), Err(ErrorCode::InvalidName), "{path}");
        }
    }

    #[test]
    fn other_paths_are_fixed() {
        let route = |path| Target::parse(path).map(|target| target.route).map_err(|problem| problem.code);
        assert_eq!(route("/v1/ws"), Ok(Route::WebSocket));
        assert_eq!(route("/v1/read?live=sse"), Ok(Route::ReadMany));
        assert_eq!(route("/v1/ticket"), Ok(Route::Ticket));
        assert_eq!(route("/v1/streams?prefix=a"), Ok(Route::Streams));
        assert_eq!(route("/metrics"), Ok(Route::Metrics));
        assert_eq!(route("/health/live"), Ok(Route::HealthLive));
        assert_eq!(route("/health/ready"), Ok(Route::HealthReady));
        for path in
            ["/", "*", "", "/v1", "/v1/stream", "/v1/ws/", "/v1/streams/x", "host:80", "ftp://h/v1/ws"]
        {
            assert_eq!(route(path), Err(ErrorCode::NotFound), "{path}");
        }
    }

    #[test]
    fn the_query_stands_apart() {
        assert_eq!(Target::parse("/v1/ws?a=1?b").unwrap().query, "a=1?b");
        assert_eq!(Target::parse("/v1/ws").unwrap().query, "");
        assert_eq!(target_path("http://host:1/a/b?c=/d"), Some("/a/b"));
        assert_eq!(target_path("/a/"), Some("/a/"));
        assert_eq!(target_path("*"), None);
    }

    #[test]
    fn a_path_takes_the_methods_that_it_names() {
        use Method::{Delete, Get, Head, Options, Other, Post, Put};
        let words = [
            (Get, "GET"),
            (Head, "HEAD"),
            (Put, "PUT"),
            (Post, "POST"),
            (Delete, "DELETE"),
            (Options, "OPTIONS"),
            (Other, "PATCH"),
        ];
        for path in [
            "/v1/stream/a",
            "/v1/ws",
            "/v1/read",
            "/v1/ticket",
            "/v1/streams",
            "/metrics",
            "/health/live",
            "/health/ready",
            "/v1/admin/me",
        ] {
            let route = Target::parse(path).unwrap().route;
            for (method, word) in words {
                assert_eq!(Method::parse(word), method);
                let is_named = route.methods().split(", ").any(|named| named == word);
                assert_eq!(route.check_method(method).is_ok(), is_named, "{word} {path}");
            }
        }
    }

    #[test]
    fn a_path_leads_back_to_its_name() {
        for text in ["orders/42", "a b", "ü/ñ", "100%", "a?b#c", "+&="] {
            let name = StreamName::parse(text).unwrap();
            assert_eq!(stream(&stream_path(&name)), Ok(text.to_owned()));
        }
    }
}
