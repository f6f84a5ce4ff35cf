//! What proxies say of the client: `Forwarded` (RFC 7239), or `X-Forwarded-For` with `X-Forwarded-Proto`.
//!
//! Knows the fields, and in which order proxies add to them. Does not know which proxies are believed: it is told.

use crate::Headers;
use crate::header_name::{FORWARDED, X_FORWARDED_FOR, X_FORWARDED_PROTO};
use std::net::IpAddr;

/// Which field a proxy writes. Only that one is looked at: another one comes from the client as it is, who may write anything.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum ForwardedField {
    /// `X-Forwarded-For`, and `X-Forwarded-Proto` beside it.
    XForwardedFor,
    /// `Forwarded`.
    Forwarded,
}

impl ForwardedField {
    /// The field of that name, in lower case.
    pub fn parse(name: &str) -> Option<ForwardedField> {
        match name {
            X_FORWARDED_FOR => Some(ForwardedField::XForwardedFor),
            FORWARDED => Some(ForwardedField::Forwarded),
            _ => None,
        }
    }
}

/// The client, as a proxy has seen it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct ForwardedClient {
    /// Never an IPv4 address in the clothes of IPv6.
    pub address: IpAddr,
    /// Whether it came over TLS, as far as that was said.
    pub is_secure: bool,
}

/// How many proxies in a row are believed, at most.
const PROXIES_MAX: usize = 16;

/// The client of a request that a believed proxy has passed on: the last address that nobody who is believed has. `None` where the
/// last proxy does not say for whom it asks.
///
/// Each proxy adds to the end. So it is read from there, and what is before the first stranger is the stranger's own word. Bytes before
/// that are not looked at, and can't break what comes after them.
pub fn forwarded_client<H: Headers + ?Sized>(
    headers: &H,
    field: ForwardedField,
    is_believed: impl Fn(IpAddr) -> bool,
) -> Option<ForwardedClient> {
    let name = match field {
        ForwardedField::XForwardedFor => X_FORWARDED_FOR,
        ForwardedField::Forwarded => FORWARDED,
    };
    let mut lines: Vec<&[u8]> = Vec::new();
    headers.each(name, &mut |line| lines.push(line));
    let elements = lines.into_iter().rev().flat_map(|line| ElementsFromEnd { left: Some(line) });
    let mut client = None;
    for element in elements.take(PROXIES_MAX) {
        let hop = match field {
            ForwardedField::XForwardedFor => address_of(element).map(|address| (address, false)),
            ForwardedField::Forwarded => hop_of(element),
        };
        let Some((address, is_secure)) = hop else { break };
        client = Some(ForwardedClient { address, is_secure });
        if !is_believed(address) {
            break;
        }
    }
    let mut client = client?;
    if field == ForwardedField::XForwardedFor {
        headers.each(X_FORWARDED_PROTO, &mut |line| {
            let last = ElementsFromEnd { left: Some(line) }.next();
            client.is_secure = last.is_some_and(|proto| proto.eq_ignore_ascii_case(b"https"));
        });
    }
    Some(client)
}

/// The elements of a list, from its end to its beginning. A comma in quotes is none, as seen from the end.
struct ElementsFromEnd<'a> {
    left: Option<&'a [u8]>,
}

impl<'a> Iterator for ElementsFromEnd<'a> {
    type Item = &'a [u8];

    fn next(&mut self) -> Option<&'a [u8]> {
        let line = self.left?;
        let comma = position_from_end(line, b',');
        self.left = comma.map(|at| &line[..at]);
        Some(line[comma.map_or(0, |at| at + 1)..].trim_ascii())
    }
}

/// Where the last such byte stands that is not in quotes.
fn position_from_end(text: &[u8], wanted: u8) -> Option<usize> {
    let mut is_quoted = false;
    text.iter().rposition(|&byte| {
        is_quoted ^= byte == b'"';
        byte == wanted && !is_quoted
    })
}

/// `for` and `proto` of an element of `Forwarded`.
fn hop_of(element: &[u8]) -> Option<(IpAddr, bool)> {
    let mut left = Some(element);
    let (mut address, mut is_secure) = (None, false);
    while let Some(pairs) = left {
        let semicolon = position_from_end(pairs, b';');
        left = semicolon.map(|at| &pairs[..at]);
        let pair = &pairs[semicolon.map_or(0, |at| at + 1)..];
        let Some(equals) = pair.iter().position(|byte| *byte == b'=') else { continue };
        let (name, value) = (pair[..equals].trim_ascii(), unquoted(pair[equals + 1..].trim_ascii()));
        if name.eq_ignore_ascii_case(b"for") {
            address = address_of(value);
        } else if name.eq_ignore_ascii_case(b"proto") {
            is_secure = value.eq_ignore_ascii_case(b"https");
        }
    }
    Some((address?, is_secure))
}

/// Without its quotes. An address has nothing that would be escaped in them.
fn unquoted(value: &[u8]) -> &[u8] {
    value.strip_prefix(b"\"").and_then(|value| value.strip_suffix(b"\"")).unwrap_or(value)
}

/// An address, with or without a port; `None` for `unknown` and for a name that hides one.
fn address_of(node: &[u8]) -> Option<IpAddr> {
    let node = std::str::from_utf8(node).ok()?;
    let address = match node.strip_prefix('[') {
        Some(bracketed) => bracketed.split_once(']')?.0,
        // An address of IPv4 has no colon, and one of IPv6 has more than one.
        None => match node.split_once(':') {
            Some((address, port)) if !port.contains(':') => address,
            Some(_) | None => node,
        },
    };
    address.parse::<IpAddr>().ok().map(|address| address.to_canonical())
}

#[cfg(test)]
mod tests;
