//! Where a server is.

use std::fmt;

/// The address of a server: `http://host[:port][/prefix]`, or `https://` where it speaks TLS.
///
/// Invariant: the authority is not empty and holds no user; the prefix is empty or begins with `/` and does
/// not end with one.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ServerUrl {
    scheme: Scheme,
    host: String,
    port: u16,
    authority: String,
    prefix: String,
}

/// How to speak to a server.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Scheme {
    Http,
    Https,
}

impl Scheme {
    fn as_str(self) -> &'static str {
        match self {
            Scheme::Http => "http",
            Scheme::Https => "https",
        }
    }

    /// The port of a URL that doesn't name one.
    fn port(self) -> u16 {
        match self {
            Scheme::Http => 80,
            Scheme::Https => 443,
        }
    }
}

impl ServerUrl {
    /// Reads a URL. Query and fragment are refused, since requests have their own.
    pub fn parse(text: &str) -> Result<ServerUrl, InvalidUrl> {
        let uri: http::Uri = text.trim().parse().map_err(|_| InvalidUrl::NotAUrl)?;
        let scheme = match uri.scheme_str() {
            Some("http") => Scheme::Http,
            Some("https") => Scheme::Https,
            Some(_) | None => return Err(InvalidUrl::Scheme),
        };
        let authority = uri.authority().ok_or(InvalidUrl::NotAUrl)?;
        if uri.host().is_none_or(str::is_empty) {
            return Err(InvalidUrl::NotAUrl);
        }
        if authority.as_str().contains('@') {
            return Err(InvalidUrl::User);
        }
        if uri.query().is_some() || text.contains('#') {
            return Err(InvalidUrl::Query);
        }
        Ok(ServerUrl {
            scheme,
            // A literal IPv6 address stands in brackets in a URL, and without them in a socket address.
            host: authority.host().trim_matches(['[', ']']).to_owned(),
            port: authority.port_u16().unwrap_or(scheme.port()),
            authority: authority.as_str().to_owned(),
            prefix: uri.path().trim_end_matches('/').to_owned(),
        })
    }

    /// Whether the server speaks TLS.
    pub fn is_tls(&self) -> bool {
        self.scheme == Scheme::Https
    }

    /// The host, to connect to.
    pub fn host(&self) -> &str {
        &self.host
    }

    /// The port, to connect to.
    pub fn port(&self) -> u16 {
        self.port
    }

    /// The value of a `Host` header.
    pub fn authority(&self) -> &str {
        &self.authority
    }

    /// The path of a request: the prefix of this URL, then `target` (which begins with `/`).
    pub fn path(&self, target: &str) -> String {
        format!("{}{target}", self.prefix)
    }

    /// The whole URL of a request.
    pub fn join(&self, target: &str) -> String {
        format!("{}://{}{}{target}", self.scheme.as_str(), self.authority, self.prefix)
    }
}

impl fmt::Display for ServerUrl {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.join(""))
    }
}

/// Why a text is not the address of a server.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub enum InvalidUrl {
    /// Not a URL at all.
    #[error("a server's URL is like `http://127.0.0.1:4437`")]
    NotAUrl,
    /// Another scheme, or none.
    #[error("a server's URL begins with `http://` or `https://`, for WebSockets too")]
    Scheme,
    /// `http://user:password@host`.
    #[error("a server's URL can't hold a user or a password")]
    User,
    /// `?…` or `#…`.
    #[error("a server's URL can't hold a query or a fragment")]
    Query,
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_url_has_a_host_a_port_and_perhaps_a_prefix() {
        let url = ServerUrl::parse("http://127.0.0.1:4437").unwrap();
        assert_eq!((url.host(), url.port()), ("127.0.0.1", 4437));
        assert_eq!(url.join("/v1/ws"), "http://127.0.0.1:4437/v1/ws");

        let url = ServerUrl::parse("http://[::1]/live/").unwrap();
        assert_eq!((url.host(), url.port(), url.authority()), ("::1", 80, "[::1]"));
        assert_eq!(url.path("/v1/ws"), "/live/v1/ws");
        assert_eq!(url.to_string(), "http://[::1]/live");
    }

    #[test]
    fn https_is_tls_and_has_its_port() {
        let url = ServerUrl::parse("https://updates.example.org").unwrap();
        assert_eq!((url.is_tls(), url.port()), (true, 443));
        assert_eq!(url.join("/v1/ws"), "https://updates.example.org/v1/ws");
        assert!(!ServerUrl::parse("http://updates.example.org").unwrap().is_tls());
    }

    #[test]
    fn what_can_not_work_is_refused_with_the_reason() {
        let refused = |text: &str| ServerUrl::parse(text).err();
        assert_eq!(refused("ws://example.org"), Some(InvalidUrl::Scheme));
        assert_eq!(refused("ftp://example.org"), Some(InvalidUrl::Scheme));
        assert_eq!(refused("127.0.0.1:4437"), Some(InvalidUrl::Scheme));
        assert_eq!(refused("/v1"), Some(InvalidUrl::Scheme));
        assert_eq!(refused("http://a@b"), Some(InvalidUrl::User));
        assert_eq!(refused("http://b/?x=1"), Some(InvalidUrl::Query));
        assert_eq!(refused("http://b/#x"), Some(InvalidUrl::Query));
        assert_eq!(refused("http:// b"), Some(InvalidUrl::NotAUrl));
        assert_eq!(refused(""), Some(InvalidUrl::NotAUrl));
    }
}
