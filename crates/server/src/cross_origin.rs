//! Requests that a page sends: from which origin, what such a page may use, and what its browser is told of the answer.
//!
//! A browser says in `Origin` whose page asks, and no page can change that. What it does not protect is a server that anybody may use who
//! reaches it: so where there are no rules, pages of strangers are refused.

use crate::exchange::Opened;
use crate::request::Request;
use crate::worker::core::Core;
use std::net::{IpAddr, Ipv6Addr};
use std::sync::Arc;
use tidings_auth::ClientCertificate;
use tidings_model::Pattern;
use tidings_protocol::{Cors, Headers, Method, Problem, header_name};

/// What is known of the page that asks, if one does.
#[derive(Clone, Debug, Default)]
pub(crate) struct Caller {
    /// The streams that it may use at all; `None` for all.
    pub(crate) within: Option<Arc<[Pattern]>>,
    /// Whether a cookie counts, which a browser sends whoever made the page.
    pub(crate) may_use_cookie: bool,
    /// The certificate that its connection has shown, where that counts: a browser shows it whoever made the page.
    pub(crate) certificate: Option<Arc<ClientCertificate>>,
    /// What its browser is told.
    pub(crate) cors: Cors,
}

impl Caller {
    /// The answer, with what the browser has to know. An exchange that is held gets it when it responds.
    pub(crate) fn tell(self, opened: Opened) -> Opened {
        if self.cors == Cors::Anyone {
            return opened;
        }
        match opened {
            Opened::Response(mut response) => {
                response.cors = self.cors;
                Opened::Response(response)
            }
            Opened::Stream(mut head, exchange) => {
                head.cors = self.cors;
                Opened::Stream(head, exchange)
            }
            Opened::Upgrade(mut head, first) => {
                head.cors = self.cors;
                Opened::Upgrade(head, first)
            }
            held @ Opened::Held(_) => held,
        }
    }
}

/// Who asks, or why a page of theirs may not. Hot: a look for one header where there are rules and no `[[origins]]`.
pub(crate) fn caller<H: Headers + ?Sized>(request: &Request<'_, H>, core: &Core) -> Result<Caller, Problem> {
    let mut caller = page_of(request, core)?;
    if let Some(certificate) = &request.certificate
        && (caller.may_use_cookie || is_of_no_page(request))
    {
        caller.certificate = Some(Arc::clone(certificate));
    }
    Ok(caller)
}

/// Whether no page of another origin can have sent this: browsers say in one of these headers whose page asks.
fn is_of_no_page<H: Headers + ?Sized>(request: &Request<'_, H>) -> bool {
    let site = request.headers.first_text(header_name::SEC_FETCH_SITE);
    request.headers.first_text(header_name::ORIGIN).is_none()
        && matches!(site, None | Some("same-origin" | "none"))
}

fn page_of<H: Headers + ?Sized>(request: &Request<'_, H>, core: &Core) -> Result<Caller, Problem> {
    if request.target.starts_with("/health/") {
        return Ok(Caller::default());
    }
    let origins = &core.settings.origins;
    let is_open = !core.access.has_rules();
    let Some(origin) = request.headers.single(header_name::ORIGIN)? else {
        if is_open {
            check_host(request, core)?;
        }
        let cors = if origins.is_empty() { Cors::Anyone } else { Cors::Nobody };
        return Ok(Caller { within: None, may_use_cookie: is_own_read(request), certificate: None, cors });
    };
    let origin = std::str::from_utf8(origin).unwrap_or("");
    if let Some(listed) = origins.of(origin) {
        let cors = Cors::Origin { origin: origin.into(), credentials: listed.cookie };
        return Ok(Caller {
            within: listed.streams.clone(),
            may_use_cookie: listed.cookie,
            certificate: None,
            cors,
        });
    }
    if authority(request).is_some_and(|host| is_own(origin, host, request.peer.is_secure)) {
        if is_open {
            check_host(request, core)?;
        }
        let cors = if origins.is_empty() { Cors::Anyone } else { Cors::Nobody };
        return Ok(Caller { within: None, may_use_cookie: true, certificate: None, cors });
    }
    let is_stranger = !origins.is_empty() || (is_open && !is_loopback_origin(origin));
    if is_stranger {
        return Err(Problem::origin_refused());
    }
    Ok(Caller::default())
}

/// Whether a request without `Origin` is one that a page of this server may have sent, and that changes nothing: browsers leave the
/// header out of those, and say in another one whose page it is.
fn is_own_read<H: Headers + ?Sized>(request: &Request<'_, H>) -> bool {
    let reads = matches!(request.method, Method::Get | Method::Head) && request.websocket.is_none();
    let site = request.headers.first_text(header_name::SEC_FETCH_SITE);
    reads && matches!(site, None | Some("same-origin" | "none"))
}

/// Refuses a name of somebody else's that was made to lead to this machine (DNS rebinding): to a browser its pages are of our own origin.
fn check_host<H: Headers + ?Sized>(request: &Request<'_, H>, core: &Core) -> Result<(), Problem> {
    if !core.settings.listen.ip().to_canonical().is_loopback() {
        return Ok(());
    }
    let Some(host) = authority(request) else { return Ok(()) };
    let name = name_of(host);
    // A name without a dot is nobody's on the internet.
    let is_ours =
        !name.contains('.') || is_local(name) || is_address(name) || core.settings.origins.has_host(host);
    if is_ours { Ok(()) } else { Err(Problem::host_refused()) }
}

/// The host and port that were asked.
fn authority<'r, H: Headers + ?Sized>(request: &Request<'r, H>) -> Option<&'r str> {
    request.authority.or_else(|| request.headers.first_text(header_name::HOST))
}

/// Whether a page of that origin was served by whom is asked at `host`. Over TLS no page in the clear is: whoever is in between may have made it.
/// Without TLS a page may have had it all the same, up to a proxy that is not believed.
fn is_own(origin: &str, host: &str, is_secure: bool) -> bool {
    let Some((scheme, own)) = origin.split_once("://") else { return false };
    let usual_port = match scheme {
        "https" => ":443",
        "http" if !is_secure => ":80",
        _ => return false,
    };
    let bare =
        |authority: &'_ str| authority.strip_suffix(usual_port).unwrap_or(authority).to_ascii_lowercase();
    bare(own) == bare(host)
}

/// Without the port.
fn name_of(authority: &str) -> &str {
    match authority.strip_prefix('[').and_then(|rest| rest.split_once(']')) {
        Some((address, _port)) => address,
        None => authority.split_once(':').map_or(authority, |(name, _port)| name),
    }
}

fn is_loopback_origin(origin: &str) -> bool {
    origin.split_once("://").is_some_and(|(_, authority)| {
        let name = name_of(authority);
        let address: Option<IpAddr> = name.parse().ok();
        is_local(name) || address.is_some_and(|address| address.to_canonical().is_loopback())
    })
}

/// The names that always mean this machine (RFC 6761, section 6.3).
fn is_local(name: &str) -> bool {
    const LOCAL: &str = "localhost";
    let start = name.len().saturating_sub(LOCAL.len());
    name.get(start..).is_some_and(|end| end.eq_ignore_ascii_case(LOCAL))
        && (start == 0 || name.as_bytes().get(start - 1) == Some(&b'.'))
}

fn is_address(name: &str) -> bool {
    name.parse::<IpAddr>().is_ok() || name.parse::<Ipv6Addr>().is_ok()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_origin_is_our_own_with_and_without_the_usual_port() {
        for (origin, host, own) in [
            ("http://a.test", "A.test", true),
            ("https://a.test", "a.test", true),
            ("https://a.test", "a.test:443", true),
            ("http://a.test:80", "a.test", true),
            ("http://a.test", "a.test:443", false),
            ("https://a.test:80", "a.test", false),
            ("http://a.test:4437", "a.test:4437", true),
            ("http://a.test:4437", "a.test", false),
            ("http://a.test", "a.test.evil", false),
            ("http://[::1]:4437", "[::1]:4437", true),
            ("ftp://a.test", "a.test", false),
            ("a.test", "a.test", false),
        ] {
            assert_eq!(is_own(origin, host, false), own, "{origin} {host}");
            let is_secret = origin.starts_with("https:");
            assert_eq!(is_own(origin, host, true), own && is_secret, "{origin} {host} over TLS");
        }
    }

    #[test]
    fn what_means_this_machine_is_told_from_what_does_not() {
        for origin in [
            "http://localhost:5173",
            "https://app.localhost",
            "http://127.0.0.1",
            "http://[::1]:80",
            "http://127.9.9.9:1",
        ] {
            assert!(is_loopback_origin(origin), "{origin}");
        }
        for origin in [
            "http://evil.test",
            "http://localhost.evil.test",
            "http://evillocalhost",
            "null",
            "",
            "http://10.0.0.1",
        ] {
            assert!(!is_loopback_origin(origin), "{origin}");
        }
        assert!(is_address("::1") && is_address("10.0.0.1") && !is_address("10.0.0.1.evil.test"));
        assert_eq!(
            (name_of("[::1]:80"), name_of("a.test:1"), name_of("a.test")),
            ("::1", "a.test", "a.test")
        );
    }
}
