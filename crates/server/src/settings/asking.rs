//! What the server asks of others: where, what about, and what holds when they don't answer.

use super::{InvalidValue, SettingsError, SettingsInput, bounded_file};
use http::Uri;
use std::fmt;
use std::net::IpAddr;

/// Where something is asked for: `https://…`, or `http://…` on this machine.
///
/// Invariant: it has a host, and neither a user nor a fragment.
#[derive(Clone, PartialEq, Eq)]
pub struct AskUrl(Uri);

impl AskUrl {
    /// Reads a URL.
    pub fn parse(text: &str) -> Result<AskUrl, InvalidValue> {
        let uri: Uri = text.parse().map_err(|_error| InvalidValue::new("is not a URL"))?;
        let host = uri.host().filter(|host| !host.is_empty());
        let host = host.ok_or_else(|| InvalidValue::new("has no host"))?;
        match uri.scheme_str() {
            Some("https") => {}
            Some("http") if is_this_machine(host) => {}
            Some("http") => return Err(InvalidValue::new("goes to another machine without TLS")),
            Some(_) | None => return Err(InvalidValue::new("begins with neither `https://` nor `http://`")),
        }
        if uri.authority().is_some_and(|authority| authority.as_str().contains('@')) {
            return Err(InvalidValue::new("holds a user or a password"));
        }
        if text.contains('#') {
            return Err(InvalidValue::new("holds a fragment"));
        }
        Ok(AskUrl(uri))
    }

    /// Whether it is asked over TLS.
    pub fn is_tls(&self) -> bool {
        self.0.scheme_str() == Some("https")
    }

    /// The URL itself.
    pub fn uri(&self) -> &Uri {
        &self.0
    }

    /// Where it leads, without path and query, which may be secret: for the log.
    pub fn place(&self) -> String {
        let authority = self.0.authority().map_or("", |authority| authority.as_str());
        format!("{}://{authority}", self.0.scheme_str().unwrap_or_default())
    }
}

fn is_this_machine(host: &str) -> bool {
    let address = host.trim_matches(['[', ']']).parse::<IpAddr>();
    host.eq_ignore_ascii_case("localhost") || address.is_ok_and(|address| address.is_loopback())
}

impl fmt::Debug for AskUrl {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.place())
    }
}

/// What the application is asked about.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Events {
    /// Each WebSocket, before it is opened.
    pub connect: bool,
    /// Whatever reads.
    pub read: bool,
    /// Whatever publishes, creates or deletes.
    pub publish: bool,
}

impl Events {
    /// Reads words with commas between them.
    pub fn parse(text: &str) -> Result<Events, InvalidValue> {
        let mut events = Events { connect: false, read: false, publish: false };
        for word in text.split(',').map(str::trim) {
            match word {
                "connect" => events.connect = true,
                "read" => events.read = true,
                "publish" => events.publish = true,
                _ => return Err(InvalidValue::new(format!("holds `{word}`, which is no event"))),
            }
        }
        Ok(events)
    }
}

/// What holds while the application does not answer.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum WhenDown {
    /// Nothing is permitted.
    Refuse,
    /// The rules alone decide.
    Allow,
}

impl WhenDown {
    /// The rule of that word.
    pub fn parse(text: &str) -> Result<WhenDown, InvalidValue> {
        match text {
            "refuse" => Ok(WhenDown::Refuse),
            "allow" => Ok(WhenDown::Allow),
            _ => Err(InvalidValue::new("is neither `refuse` nor `allow`")),
        }
    }
}

/// What questions to the application are signed with. Shows nothing of itself.
pub type SigningKey = ring::hmac::Key;

/// The shortest secret of a webhook: as many bytes as the hash that it keys has.
const SECRET_BYTES_MIN: usize = 32;

impl SettingsInput {
    /// What questions are signed with, read from its file.
    pub(super) fn webhook_key(&self) -> Result<Option<SigningKey>, SettingsError> {
        let Some((given, path)) =
            self.webhook_secret_file.as_ref().and_then(|it| Some((it, it.value.as_ref()?)))
        else {
            return Ok(None);
        };
        let refused = |reason: String| SettingsError::KeyFile {
            place: given.origin.place_of("webhook_secret_file"),
            path: path.display().to_string(),
            reason,
        };
        let bytes = bounded_file::read(path).map_err(|error| refused(format!("can't be read: {error}")))?;
        let secret = bytes.strip_suffix(b"\n").unwrap_or(&bytes);
        let secret = secret.strip_suffix(b"\r").unwrap_or(secret);
        if secret.len() < SECRET_BYTES_MIN {
            let bytes = secret.len();
            return Err(refused(format!(
                "has {bytes} bytes; a secret has at least {SECRET_BYTES_MIN}, at random"
            )));
        }
        Ok(Some(SigningKey::new(ring::hmac::HMAC_SHA256, secret)))
    }

    /// A webhook narrows what rules permit: without rules there is nothing to narrow.
    pub(super) fn check_webhook(&self, has_rules: bool) -> Result<(), SettingsError> {
        let Some(given) = self.webhook_url.as_ref().filter(|given| given.value.is_some()) else {
            return Ok(());
        };
        if has_rules {
            return Ok(());
        }
        Err(SettingsError::Conflict {
            values: format!("webhook_url ({})", given.origin),
            rule: "the application is asked about what the rules permit, and there are no rules",
            advice: "write them; with `[[rights]]`, `to = \"anybody\"` and `read = [\"**\"]` it alone decides who reads"
                .to_owned(),
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn without_tls_only_this_machine_is_asked() {
        for text in ["https://a.example/x?y", "http://localhost:8/x", "http://127.0.0.1", "http://[::1]:9/"] {
            assert!(AskUrl::parse(text).is_ok(), "{text}");
        }
        for text in [
            "http://a.example/",
            "ftp://a",
            "a.example",
            "",
            "https://u:p@a.example/",
            "https://a/#b",
            "http://10.0.0.1",
        ] {
            assert!(AskUrl::parse(text).is_err(), "{text}");
        }
        assert_eq!(format!("{:?}", AskUrl::parse("https://a.example/secret").unwrap()), "https://a.example");
    }

    #[test]
    fn events_are_words() {
        assert_eq!(Events::parse("read, publish"), Ok(Events { connect: false, read: true, publish: true }));
        assert!(Events::parse("").is_err() && Events::parse("reads").is_err());
    }

    #[test]
    fn a_webhook_needs_rules() {
        let input = |text: &str| SettingsInput::parse_toml(text, "t.toml").and_then(SettingsInput::resolve);
        let refused = input("webhook_url = \"http://127.0.0.1:1/\"").unwrap_err().to_string();
        assert!(refused.starts_with("webhook_url (t.toml:1): the application is asked about"), "{refused}");
        assert!(
            input("webhook_url = \"http://127.0.0.1:1/\"\n[[rights]]\nto = \"anybody\"\nread = [\"**\"]")
                .is_ok()
        );
    }
}
