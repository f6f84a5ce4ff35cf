//! Where a server is, as a URL says it: whom to connect to, and what each request begins with.

use anyhow::Context as _;
use http::Uri;
use std::fmt;
use std::io::Write as _;
use std::net::{SocketAddr, ToSocketAddrs as _};

/// What requests to a server begin with.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(crate) struct Origin {
    /// What stands in `Host`.
    pub(crate) authority: String,
    /// The path of the URL, without a slash at its end.
    pub(crate) path: String,
    /// What stands behind `?` in the URL.
    pub(crate) query: String,
    /// Fields of each request that the user wants, as they are written: `Name: value\r\n`.
    pub(crate) fields: String,
}

impl Origin {
    /// One at the root of a server.
    pub(crate) fn at(authority: String) -> Origin {
        Origin { authority, ..Origin::default() }
    }

    /// Begins a request; `target` stands behind the path of the URL. Further fields and an empty line are to come.
    pub(crate) fn begin(&self, method: &str, target: fmt::Arguments<'_>, out: &mut Vec<u8>) {
        let Origin { authority, path, fields, .. } = self;
        // A vector takes any write.
        let _written = write!(out, "{method} {path}{target} HTTP/1.1\r\nHost: {authority}\r\n{fields}");
    }

    /// Begins a request to exactly the URL.
    pub(crate) fn begin_here(&self, method: &str, out: &mut Vec<u8>) {
        let slash = if self.path.is_empty() { "/" } else { "" };
        match self.query.as_str() {
            "" => self.begin(method, format_args!("{slash}"), out),
            query => self.begin(method, format_args!("{slash}?{query}"), out),
        }
    }
}

/// Writes a field of a head.
pub(crate) fn field(out: &mut Vec<u8>, name: &str, value: &str) {
    for part in [name, ": ", value, "\r\n"] {
        out.extend_from_slice(part.as_bytes());
    }
}

/// A URL as others may see it: without a name and password, and without what stands behind its path, which may be the key to it.
pub fn shown_url(url: &str) -> String {
    let (url, key) = url.split_at(url.find(['?', '#']).unwrap_or(url.len()));
    let (scheme, rest) = url.split_at(url.find("://").map_or(0, |at| at + 3));
    let (authority, path) = rest.split_at(rest.find('/').unwrap_or(rest.len()));
    let host = authority.rsplit_once('@').map_or(authority, |(_, host)| host);
    let key = if key.is_empty() { "" } else { "?…" };
    format!("{scheme}{host}{path}{key}")
}

/// A URL whose scheme is one of `http`, `https`, `ws`, `wss`.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct ServerUrl {
    pub(crate) origin: Origin,
    pub(crate) host: String,
    pub(crate) port: u16,
    pub(crate) is_secure: bool,
    /// `ws` or `wss`.
    pub(crate) is_websocket: bool,
}

impl ServerUrl {
    /// Reads a URL; `flag` is named where it can't be used.
    pub(crate) fn parse(text: &str, flag: &str) -> anyhow::Result<ServerUrl> {
        let shown = shown_url(text);
        let wrong = || {
            format!(
                "{flag} {shown}: a URL such as http://127.0.0.1:4437 is needed, or one with https, ws or wss"
            )
        };
        let uri: Uri = text.parse().with_context(wrong)?;
        let (is_secure, is_websocket) = match uri.scheme_str() {
            Some("http") => (false, false),
            Some("https") => (true, false),
            Some("ws") => (false, true),
            Some("wss") => (true, true),
            _ => anyhow::bail!(wrong()),
        };
        let authority = uri.authority().with_context(wrong)?;
        anyhow::ensure!(
            !authority.as_str().contains('@'),
            "{flag} {shown}: a name and password in a URL are not sent; write --header 'Authorization: …'"
        );
        let host = authority.host();
        anyhow::ensure!(!host.is_empty(), wrong());
        Ok(ServerUrl {
            origin: Origin {
                authority: authority.to_string(),
                path: uri.path().trim_end_matches('/').to_owned(),
                query: uri.query().unwrap_or_default().to_owned(),
                fields: String::new(),
            },
            host: host.trim_matches(['[', ']']).to_owned(),
            port: authority.port_u16().unwrap_or(if is_secure { 443 } else { 80 }),
            is_secure,
            is_websocket,
        })
    }

    /// The first of its addresses.
    pub(crate) fn resolve(&self) -> anyhow::Result<SocketAddr> {
        let found = (self.host.as_str(), self.port).to_socket_addrs();
        let mut found = found.with_context(|| format!("looking for the address of {}", self.host))?;
        found.next().with_context(|| format!("{} has no address", self.host))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn parse(text: &str) -> ServerUrl {
        ServerUrl::parse(text, "--url").unwrap()
    }

    #[test]
    fn a_url_says_where_and_how() {
        let url = parse("https://example.org/base/");
        assert_eq!(
            (url.host.as_str(), url.port, url.is_secure, url.is_websocket),
            ("example.org", 443, true, false)
        );
        assert_eq!(url.origin.path, "/base");
        let url = parse("ws://[::1]:8080/live?room=7");
        assert_eq!((url.host.as_str(), url.port, url.is_websocket), ("::1", 8080, true));
        let mut request = Vec::new();
        url.origin.begin_here("GET", &mut request);
        assert_eq!(request, b"GET /live?room=7 HTTP/1.1\r\nHost: [::1]:8080\r\n");
        request.clear();
        parse("http://localhost:1").origin.begin_here("GET", &mut request);
        assert_eq!(request, b"GET / HTTP/1.1\r\nHost: localhost:1\r\n");
    }

    #[test]
    fn what_can_not_be_used_is_refused_with_the_flag() {
        for text in
            ["", "localhost", "localhost:4437", "/x", "ftp://a", "http://", "http://u:p@a", "http:///x"]
        {
            let error = ServerUrl::parse(text, "--url").unwrap_err();
            assert!(format!("{error:#}").contains("--url"), "{text}: {error:#}");
        }
        let error = format!("{:#}", ServerUrl::parse("http://u:secret@a/?b=secret", "--url").unwrap_err());
        assert!(error.contains("http://a/?…") && !error.contains("secret"), "{error}");
    }

    #[test]
    fn a_url_is_shown_without_what_may_be_secret() {
        for (url, shown) in [
            ("http://127.0.0.1:4437", "http://127.0.0.1:4437"),
            ("wss://a:b@example.com/updates?token=x", "wss://example.com/updates?…"),
            ("https://example.com/?token=x", "https://example.com/?…"),
            ("https://example.com/#token=x", "https://example.com/?…"),
            ("https://example.com/a@b", "https://example.com/a@b"),
            ("a:b@example.com", "example.com"),
            ("nowhere", "nowhere"),
        ] {
            assert_eq!(shown_url(url), shown);
        }
    }
}
