//! The way from HTTP to a WebSocket: checked by the server, asked and verified by a client.

use super::SUBPROTOCOL;
use super::deflate::Agreement;
use crate::header_name::{
    CONNECTION, SEC_WEBSOCKET_ACCEPT, SEC_WEBSOCKET_EXTENSIONS, SEC_WEBSOCKET_KEY, SEC_WEBSOCKET_PROTOCOL,
    SEC_WEBSOCKET_VERSION, UPGRADE,
};
use crate::headers::Headers;
use crate::{ErrorCode, Problem};
use base64::Engine;
use base64::prelude::BASE64_STANDARD;
use sha1::{Digest, Sha1};

const VERSION: &str = "13";

/// What RFC 6455 appends to a key before it is hashed.
const KEY_SUFFIX: &[u8] = b"258EAFA5-E914-47DA-95CA-C5AB0DC85B11";

/// The fields that belong to an answer of status 426.
pub const UPGRADE_REQUIRED_FIELDS: [(&str, &str); 3] =
    [(CONNECTION, "Upgrade"), (UPGRADE, "websocket"), (SEC_WEBSOCKET_VERSION, VERSION)];

/// Whether a request asks for a WebSocket, rightly or wrongly.
pub fn asks_for_websocket(headers: &(impl Headers + ?Sized)) -> bool {
    headers.lists(CONNECTION, "upgrade") && headers.lists(UPGRADE, "websocket")
}

/// The token that a request hides in its list of subprotocols, since a page can send no other header: `bearer.<token>`. It is never
/// answered.
pub fn token_of(headers: &(impl Headers + ?Sized)) -> Option<String> {
    const PREFIX: &str = "bearer.";
    let mut token = None;
    headers.each(SEC_WEBSOCKET_PROTOCOL, &mut |value| {
        let listed = std::str::from_utf8(value).unwrap_or_default().split(',');
        let mut found = listed.filter_map(|protocol| protocol.trim().strip_prefix(PREFIX));
        token = token.take().or_else(|| found.next().map(str::to_owned));
    });
    token
}

/// How a request asks for a WebSocket.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Handshake {
    /// A `GET` of HTTP/1.1 with `Upgrade` (RFC 6455, section 4.2).
    Upgrade,
    /// An extended `CONNECT` of HTTP/2 with `:protocol` (RFC 8441, section 5). It has no key, and nothing is upgraded.
    Connect,
}

/// A WebSocket that is granted.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Accept {
    /// Only of an upgrade: what the peer knows our answer by.
    answer_key: Option<String>,
    subprotocol: Option<&'static str>,
    deflate: Option<Agreement>,
}

impl Accept {
    /// Checks a request that asks in this way.
    pub fn check_as(handshake: Handshake, headers: &(impl Headers + ?Sized)) -> Result<Accept, Problem> {
        match handshake {
            Handshake::Upgrade => Accept::check(headers),
            Handshake::Connect => Accept::check_connect(headers),
        }
    }

    /// Checks a `GET` request of HTTP/1.1. A refusal with status 426 goes with [`UPGRADE_REQUIRED_FIELDS`].
    pub fn check(headers: &(impl Headers + ?Sized)) -> Result<Accept, Problem> {
        if !asks_for_websocket(headers) {
            let detail = "send `Connection: Upgrade` and `Upgrade: websocket`";
            return Err(Problem::upgrade_required_because(detail));
        }
        check_version(headers)?;
        let key = headers.single(SEC_WEBSOCKET_KEY)?.unwrap_or_default();
        if !BASE64_STANDARD.decode(key).is_ok_and(|nonce| nonce.len() == ClientKey::NONCE_BYTES) {
            let detail = "`Sec-WebSocket-Key` must be 16 bytes in base64";
            return Err(Problem::new(ErrorCode::InvalidHeader, detail));
        }
        Ok(Accept::negotiate(Some(accept_key(key)), headers))
    }

    /// Checks the fields of an extended `CONNECT`, whose `:protocol` is known to be `websocket`.
    pub fn check_connect(headers: &(impl Headers + ?Sized)) -> Result<Accept, Problem> {
        check_version(headers)?;
        Ok(Accept::negotiate(None, headers))
    }

    /// What is chosen of what the request offers: the same over every version of HTTP.
    fn negotiate(answer_key: Option<String>, headers: &(impl Headers + ?Sized)) -> Accept {
        let subprotocol = lists_exactly(headers, SEC_WEBSOCKET_PROTOCOL, SUBPROTOCOL).then_some(SUBPROTOCOL);
        Accept { answer_key, subprotocol, deflate: None }
    }

    /// The same, with what was agreed about compression.
    #[must_use]
    pub fn with_deflate(self, deflate: Option<Agreement>) -> Accept {
        Accept { deflate, ..self }
    }

    /// What was agreed about compression.
    pub fn deflate(&self) -> Option<Agreement> {
        self.deflate
    }

    /// The status of the answer.
    pub fn status(&self) -> u16 {
        if self.answer_key.is_some() { 101 } else { 200 }
    }

    /// The fields of the answer.
    pub fn fields(&self) -> impl Iterator<Item = (&'static str, &str)> {
        let upgrade = self.answer_key.as_deref().map(|accept_key| {
            [(CONNECTION, "Upgrade"), (UPGRADE, "websocket"), (SEC_WEBSOCKET_ACCEPT, accept_key)]
        });
        let subprotocol = self.subprotocol.map(|name| (SEC_WEBSOCKET_PROTOCOL, name));
        let deflate = self.deflate.map(|agreement| (SEC_WEBSOCKET_EXTENSIONS, agreement.field()));
        upgrade.into_iter().flatten().chain(deflate).chain(subprotocol)
    }
}

fn check_version(headers: &(impl Headers + ?Sized)) -> Result<(), Problem> {
    if headers.single(SEC_WEBSOCKET_VERSION)? == Some(VERSION.as_bytes()) {
        return Ok(());
    }
    Err(Problem::upgrade_required_because("send `Sec-WebSocket-Version: 13`"))
}

/// The key of one upgrade that a client asks for.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ClientKey {
    text: String,
}

impl ClientKey {
    /// How many random bytes a key is made of.
    pub const NONCE_BYTES: usize = 16;

    /// From random bytes.
    pub fn new(nonce: [u8; ClientKey::NONCE_BYTES]) -> ClientKey {
        ClientKey { text: BASE64_STANDARD.encode(nonce) }
    }

    /// The fields of the request, beside those of any `GET`.
    pub fn fields(&self) -> [(&'static str, &str); 5] {
        [
            (CONNECTION, "Upgrade"),
            (UPGRADE, "websocket"),
            (SEC_WEBSOCKET_VERSION, VERSION),
            (SEC_WEBSOCKET_KEY, &self.text),
            (SEC_WEBSOCKET_PROTOCOL, SUBPROTOCOL),
        ]
    }

    /// Checks the answer to such a request.
    pub fn verify(&self, status: u16, headers: &(impl Headers + ?Sized)) -> Result<(), NotUpgraded> {
        if status != 101 {
            return Err(NotUpgraded::Status { status });
        }
        if !asks_for_websocket(headers) {
            return Err(NotUpgraded::OtherProtocol);
        }
        if headers.first_text(SEC_WEBSOCKET_ACCEPT) != Some(&accept_key(self.text.as_bytes())) {
            return Err(NotUpgraded::OtherKey);
        }
        if headers.first_text(SEC_WEBSOCKET_EXTENSIONS).is_some() {
            return Err(NotUpgraded::Extension);
        }
        match headers.first_text(SEC_WEBSOCKET_PROTOCOL) {
            None | Some(SUBPROTOCOL) => Ok(()),
            Some(_) => Err(NotUpgraded::OtherProtocol),
        }
    }
}

/// Why an answer is not the upgrade that was asked for.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub enum NotUpgraded {
    /// Another status than 101; the body may say why.
    #[error("the server answered the upgrade with status {status}")]
    Status {
        /// Which.
        status: u16,
    },
    /// Not a WebSocket, or one of another subprotocol.
    #[error("the server upgraded to something else than a WebSocket of tidings")]
    OtherProtocol,
    /// Not an answer to this request.
    #[error("the server's `Sec-WebSocket-Accept` doesn't fit the key")]
    OtherKey,
    /// None was asked for.
    #[error("the server chose an extension that nobody asked for")]
    Extension,
}

/// What `Sec-WebSocket-Accept` must be for a key.
pub fn accept_key(key: &[u8]) -> String {
    let digest = Sha1::new().chain_update(key).chain_update(KEY_SUFFIX).finalize();
    BASE64_STANDARD.encode(digest)
}

/// As [`Headers::lists`], but letter case counts, as it does in names of subprotocols.
fn lists_exactly(headers: &(impl Headers + ?Sized), name: &str, element: &str) -> bool {
    let mut is_listed = false;
    headers.each(name, &mut |value| {
        let mut elements = value.split(|&byte| byte == b',').map(<[u8]>::trim_ascii);
        is_listed |= elements.any(|listed| listed == element.as_bytes());
    });
    is_listed
}

#[cfg(test)]
mod tests {
    use super::*;

    const GOOD: [(&str, &str); 4] = [
        ("Connection", "keep-alive, Upgrade"),
        ("Upgrade", "WebSocket"),
        ("Sec-WebSocket-Version", "13"),
        ("Sec-WebSocket-Key", "dGhlIHNhbXBsZSBub25jZQ=="),
    ];

    /// A request of which one field has another value, or is not there.
    fn with(name: &'static str, value: Option<&'static str>) -> Vec<(&'static str, &'static str)> {
        let others = GOOD.into_iter().filter(|(own, _)| *own != name);
        others.chain(value.map(|value| (name, value))).collect()
    }

    fn accepted(request: &[(&str, &str)]) -> Accept {
        Accept::check(request).unwrap_or_else(|problem| panic!("{problem}: {request:?}"))
    }

    fn refusal(name: &'static str, value: Option<&'static str>) -> ErrorCode {
        match Accept::check(&with(name, value)[..]) {
            Err(problem) => problem.code,
            Ok(_) => panic!("{name} {value:?} is accepted"),
        }
    }

    #[test]
    fn a_token_may_stand_among_the_subprotocols() {
        let of = |value: &'static str| token_of(&with("Sec-WebSocket-Protocol", Some(value))[..]);
        assert_eq!(of("tidings.v1, bearer.a.b.c"), Some("a.b.c".to_owned()));
        assert_eq!(of("bearer.x,tidings.v1,bearer.y"), Some("x".to_owned()));
        assert_eq!(of("tidings.v1"), None);
        assert_eq!(of("Bearer.x"), None);
        let accept = accepted(&with("Sec-WebSocket-Protocol", Some("bearer.x, tidings.v1")));
        assert!(accept.fields().all(|(_, value)| !value.contains("bearer")));
    }

    #[test]
    fn the_answer_is_that_of_the_specification() {
        let accept = accepted(&GOOD);
        let fields: Vec<_> = accept.fields().collect();
        let expected = [
            ("connection", "Upgrade"),
            ("upgrade", "websocket"),
            ("sec-websocket-accept", "s3pPLMBiTxaQ9kYGzzhZRbK+xOo="),
        ];
        assert_eq!(fields, expected);
    }

    #[test]
    fn the_subprotocol_is_chosen_only_when_it_is_offered_by_its_exact_name() {
        let chosen = |offer| {
            let accept = accepted(&with("Sec-WebSocket-Protocol", Some(offer)));
            accept.fields().any(|field| field == ("sec-websocket-protocol", "tidings.v1"))
        };
        assert!(chosen("tidings.v1"));
        assert!(chosen("chat, tidings.v1"));
        assert!(!chosen("Tidings.V1"));
        assert!(!chosen("chat"));
    }

    #[test]
    fn an_extended_connect_needs_no_key_and_gets_none() {
        let request = [("Sec-WebSocket-Version", "13"), ("Sec-WebSocket-Protocol", "chat, tidings.v1")];
        let accept = Accept::check_as(Handshake::Connect, &request[..]).unwrap();
        assert_eq!(accept.status(), 200);
        assert_eq!(accept.fields().collect::<Vec<_>>(), [("sec-websocket-protocol", "tidings.v1")]);
        let refused = Accept::check_connect(&[("Sec-WebSocket-Version", "8")][..]).unwrap_err();
        assert_eq!(refused.code, ErrorCode::UpgradeRequired);
        assert_eq!(Accept::check_as(Handshake::Upgrade, &GOOD[..]).unwrap().status(), 101);
    }

    #[test]
    fn each_field_is_checked() {
        for value in [None, Some("keep-alive")] {
            assert_eq!(refusal("Connection", value), ErrorCode::UpgradeRequired);
        }
        for value in [None, Some("h2c")] {
            assert_eq!(refusal("Upgrade", value), ErrorCode::UpgradeRequired);
        }
        for value in [None, Some("8"), Some("13, 8")] {
            assert_eq!(refusal("Sec-WebSocket-Version", value), ErrorCode::UpgradeRequired);
        }
        for value in
            [None, Some(""), Some("AAAA"), Some("not base64 at all!!!!!!!"), Some("AAAAAAAAAAAAAAAAAAAAAA")]
        {
            assert_eq!(refusal("Sec-WebSocket-Key", value), ErrorCode::InvalidHeader);
        }
        let two_keys = [&GOOD[..], &[("Sec-WebSocket-Key", "dGhlIHNhbXBsZSBub25jZQ==")]].concat();
        assert!(Accept::check(&two_keys[..]).is_err());
    }

    #[test]
    fn a_client_takes_the_answer_of_our_server() {
        let key = ClientKey::new([7; 16]);
        let accept = Accept::check(&key.fields()[..]).unwrap();
        let answer: Vec<_> = accept.fields().collect();
        assert_eq!(key.verify(101, &answer[..]), Ok(()));
        assert_eq!(answer.last(), Some(&("sec-websocket-protocol", "tidings.v1")));
    }

    #[test]
    fn a_client_refuses_any_other_answer() {
        let key = ClientKey::new([7; 16]);
        let accept = Accept::check(&key.fields()[..]).unwrap();
        let answer: Vec<_> = accept.fields().collect();
        assert_eq!(key.verify(200, &answer[..]), Err(NotUpgraded::Status { status: 200 }));
        let other = ClientKey::new([8; 16]);
        assert_eq!(other.verify(101, &answer[..]), Err(NotUpgraded::OtherKey));
        assert_eq!(key.verify(101, &answer[1..]), Err(NotUpgraded::OtherProtocol));
        let extended = [&answer[..], &[("sec-websocket-extensions", "permessage-deflate")]].concat();
        assert_eq!(key.verify(101, &extended[..]), Err(NotUpgraded::Extension));
        let chat = [&answer[..3], &[("sec-websocket-protocol", "chat")]].concat();
        assert_eq!(key.verify(101, &chat[..]), Err(NotUpgraded::OtherProtocol));
    }
}
