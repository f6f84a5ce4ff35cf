//! The PROXY protocol, versions 1 and 2: what a proxy says of the client before its first byte.
//!
//! Knows the bytes. Does not know who may say so.

use proxy_header::{Error, ParseConfig, ProxyHeader as Parsed};
use std::net::IpAddr;

/// The beginning of a connection that a proxy has made.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum ProxyHeader {
    /// Not all of it is here; all that is here belongs to it.
    Partial,
    /// It is none.
    Invalid,
    /// The first bytes were it.
    Complete {
        /// How many.
        bytes: usize,
        /// Whose connection the proxy passes on; `None` where the proxy speaks for itself, as it does to see whether one is there.
        client: Option<IpAddr>,
        /// Whether the client came to the proxy over TLS, as far as that is said.
        is_secure: bool,
    },
}

impl ProxyHeader {
    /// How long it may be, with what version 2 says beside addresses. What is longer is invalid.
    pub const BYTES_MAX: usize = 4 << 10;

    /// Reads the beginning of `input`.
    pub fn parse(input: &[u8]) -> ProxyHeader {
        let input = &input[..input.len().min(ProxyHeader::BYTES_MAX)];
        match Parsed::parse(input, ParseConfig::default()) {
            Ok((header, bytes)) => ProxyHeader::Complete {
                bytes,
                client: header.proxied_address().map(|proxied| proxied.source.ip().to_canonical()),
                is_secure: header.ssl().is_some_and(|ssl| ssl.client_ssl()),
            },
            Err(Error::BufferTooShort) if is_beginning(input) && input.len() < ProxyHeader::BYTES_MAX => {
                ProxyHeader::Partial
            }
            Err(_) => ProxyHeader::Invalid,
        }
    }
}

/// Whether one of the two versions begins so. The parser looks only once it has enough.
fn is_beginning(input: &[u8]) -> bool {
    const VERSION_1: &[u8] = b"PROXY ";
    const VERSION_2: &[u8] = b"\r\n\r\n\0\r\nQUIT\n";
    [VERSION_1, VERSION_2].iter().any(|version| input.iter().zip(*version).all(|(byte, own)| byte == own))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn version_2(command: u8, family: u8, rest: &[u8]) -> Vec<u8> {
        let bytes = u16::try_from(rest.len()).unwrap();
        [b"\r\n\r\n\0\r\nQUIT\n".as_slice(), &[command, family], &bytes.to_be_bytes(), rest].concat()
    }

    /// With what follows it on a connection, and cut at every place.
    fn parsed(header: &[u8]) -> (Option<String>, bool) {
        for end in 0..header.len() {
            assert_eq!(ProxyHeader::parse(&header[..end]), ProxyHeader::Partial, "{end}");
        }
        let followed = [header, b"GET / HTTP/1.1\r\n"].concat();
        let ProxyHeader::Complete { bytes, client, is_secure } = ProxyHeader::parse(&followed) else {
            panic!("{followed:?}")
        };
        assert_eq!(bytes, header.len());
        (client.map(|client| client.to_string()), is_secure)
    }

    #[test]
    fn both_versions_tell_the_client() {
        let there = |address: &str| (Some(address.to_owned()), false);
        assert_eq!(parsed(b"PROXY TCP4 203.0.113.7 10.0.0.1 4711 80\r\n"), there("203.0.113.7"));
        assert_eq!(parsed(b"PROXY TCP6 2001:db8::1 2001:db8::2 4711 80\r\n"), there("2001:db8::1"));
        assert_eq!(parsed(b"PROXY TCP6 ::ffff:203.0.113.7 ::1 4711 80\r\n"), there("203.0.113.7"));
        assert_eq!(parsed(b"PROXY UNKNOWN\r\n"), (None, false));
        let v4 = [203, 0, 113, 7, 10, 0, 0, 1, 1, 2, 3, 4];
        assert_eq!(parsed(&version_2(0x21, 0x11, &v4)), there("203.0.113.7"));
        let mut v6 = [0; 36];
        v6[..4].copy_from_slice(&[0x20, 0x01, 0x0d, 0xb8]);
        assert_eq!(parsed(&version_2(0x21, 0x21, &v6)), there("2001:db8::"));
        assert_eq!(parsed(&version_2(0x20, 0x00, &[])), (None, false));
        // PP2_TYPE_SSL with PP2_CLIENT_SSL.
        let secured = [v4.as_slice(), &[0x20, 0, 5, 1, 0, 0, 0, 0]].concat();
        assert_eq!(parsed(&version_2(0x21, 0x11, &secured)), (Some("203.0.113.7".to_owned()), true));
    }

    #[test]
    fn what_is_none_is_refused_at_its_first_wrong_byte() {
        for wrong in [&b"G"[..], b"PROXZ", b"PROXY\t", b"\r\n\r\n\0\r\nQUIZ", b"\r\nG", b"\0"] {
            assert_eq!(ProxyHeader::parse(wrong), ProxyHeader::Invalid, "{wrong:?}");
        }
        let long = [b"PROXY UNKNOWN ".as_slice(), &[b'x'; 200], b"\r\n"].concat();
        assert_eq!(ProxyHeader::parse(&long[..120]), ProxyHeader::Invalid);
        for family in [0x13, 0x41, 0xff] {
            assert_eq!(ProxyHeader::parse(&version_2(0x21, family, &[0; 12])), ProxyHeader::Invalid);
        }
        let short = [version_2(0x21, 0x11, &[0; 11]), b"GET".to_vec()].concat();
        assert_eq!(ProxyHeader::parse(&short), ProxyHeader::Invalid);
        assert_eq!(ProxyHeader::parse(&version_2(0x21, 0x11, &[0; 5_000])), ProxyHeader::Invalid);
    }
}
