//! Where traces go.

use super::InvalidValue;

/// A collector that takes OTLP over HTTP, in the clear: it stands beside the server.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct OtlpEndpoint {
    /// Its host and port, as `Host` says them.
    pub authority: String,
    /// Where it takes traces.
    pub path: String,
}

impl OtlpEndpoint {
    /// What the specification says where an address has no path.
    const PATH: &str = "/v1/traces";
    const PORT: u16 = 4318;

    /// Reads an address such as `http://127.0.0.1:4318`.
    pub(super) fn parse(text: &str) -> Result<OtlpEndpoint, InvalidValue> {
        let rest =
            text.strip_prefix("http://").ok_or_else(|| InvalidValue::new("does not begin with `http://`"))?;
        let (host, path) = rest.split_at(rest.find('/').unwrap_or(rest.len()));
        let is_plain = |text: &str| text.bytes().all(|byte| byte.is_ascii_graphic() && byte != b'@');
        if host.is_empty() || !is_plain(host) || !is_plain(path) {
            return Err(InvalidValue::new("is not the address of a collector"));
        }
        let has_port = host.rsplit_once(':').is_some_and(|(_, port)| port.parse::<u16>().is_ok());
        let authority = if has_port { host.to_owned() } else { format!("{host}:{}", OtlpEndpoint::PORT) };
        let path = if path.len() <= 1 { OtlpEndpoint::PATH } else { path };
        Ok(OtlpEndpoint { authority, path: path.to_owned() })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_address_is_completed_as_the_specification_says() {
        let read = |text| OtlpEndpoint::parse(text).map(|it| (it.authority, it.path)).ok();
        let is = |authority: &str, path: &str| Some((authority.to_owned(), path.to_owned()));
        assert_eq!(read("http://127.0.0.1:4318"), is("127.0.0.1:4318", "/v1/traces"));
        assert_eq!(read("http://collector/"), is("collector:4318", "/v1/traces"));
        assert_eq!(read("http://[::1]:1/a/b"), is("[::1]:1", "/a/b"));
        for wrong in [
            "",
            "collector",
            "https://collector",
            "http://",
            "http:///x",
            "http://a b",
            "http://u@h",
            "http://h/a\nb",
        ] {
            assert_eq!(read(wrong), None, "{wrong}");
        }
    }
}
