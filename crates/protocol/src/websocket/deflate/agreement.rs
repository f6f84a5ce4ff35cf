//! What the two ends agree about compression, out of the offers of a client (RFC 7692, sections 5 and 7.1).

use super::Window;
use crate::header_name::SEC_WEBSOCKET_EXTENSIONS;
use crate::headers::Headers;

const EXTENSION: &[u8] = b"permessage-deflate";

/// Messages may be compressed, in both directions and without context takeover.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Agreement {
    /// What the client has asked for.
    asked: Option<Window>,
}

impl Agreement {
    /// Of the first offer that can be granted; an offer that is against the rules is passed over, as one for another extension is.
    ///
    /// The client may use its whole window, whatever it says of it: ours is as large as there is.
    pub fn choose(headers: &(impl Headers + ?Sized)) -> Option<Agreement> {
        let mut chosen = None;
        headers.each(SEC_WEBSOCKET_EXTENSIONS, &mut |value| {
            for offer in split(value, b',') {
                chosen = chosen.or_else(|| Agreement::grant(offer));
            }
        });
        chosen
    }

    fn grant(offer: &[u8]) -> Option<Agreement> {
        let mut parts = split(offer, b';');
        if !parts.next()?.eq_ignore_ascii_case(EXTENSION) {
            return None;
        }
        let mut seen: Vec<&[u8]> = Vec::new();
        let mut agreement = Agreement { asked: None };
        for part in parts {
            let (name, value) = parameter(part);
            if seen.contains(&name) {
                return None;
            }
            seen.push(name);
            match (name, value.as_deref()) {
                (
                    b"server_no_context_takeover" | b"client_no_context_takeover" | b"client_max_window_bits",
                    None,
                ) => {}
                (b"client_max_window_bits", Some(value)) => {
                    window_bits(value)?;
                }
                (b"server_max_window_bits", Some(value)) => {
                    agreement.asked = Some(Window::of_at_most(window_bits(value)?)?);
                }
                _ => return None,
            }
        }
        Some(agreement)
    }

    /// How far back messages to this client may look.
    pub fn window(self) -> Window {
        self.asked.unwrap_or(Window::Bits15)
    }

    /// What the answer to the handshake says in `Sec-WebSocket-Extensions`.
    pub fn field(self) -> &'static str {
        match self.asked {
            None => "permessage-deflate; server_no_context_takeover; client_no_context_takeover",
            Some(Window::Bits9) => {
                "permessage-deflate; server_no_context_takeover; client_no_context_takeover; server_max_window_bits=9"
            }
            Some(Window::Bits12) => {
                "permessage-deflate; server_no_context_takeover; client_no_context_takeover; server_max_window_bits=12"
            }
            Some(Window::Bits15) => {
                "permessage-deflate; server_no_context_takeover; client_no_context_takeover; server_max_window_bits=15"
            }
        }
    }
}

/// The parts of a list, without white space around them. A separator in a quoted string is none.
fn split(text: &[u8], separator: u8) -> impl Iterator<Item = &[u8]> {
    let mut is_quoted = false;
    let mut is_escaped = false;
    let parts = text.split(move |&byte| {
        let is_literal = std::mem::take(&mut is_escaped);
        match byte {
            _ if is_literal => false,
            b'"' => {
                is_quoted = !is_quoted;
                false
            }
            b'\\' => {
                is_escaped = is_quoted;
                false
            }
            _ => byte == separator && !is_quoted,
        }
    });
    parts.map(<[u8]>::trim_ascii)
}

/// The name of a parameter and its value, if it has one.
fn parameter(text: &[u8]) -> (&[u8], Option<Vec<u8>>) {
    let Some(at) = text.iter().position(|&byte| byte == b'=') else { return (text, None) };
    let (name, value) = (text[..at].trim_ascii(), text[at + 1..].trim_ascii());
    let quoted = value.strip_prefix(b"\"").and_then(|rest| rest.strip_suffix(b"\""));
    (name, Some(quoted.map_or_else(|| value.to_vec(), unescaped)))
}

/// The text of a quoted string (RFC 9110, section 5.6.4).
fn unescaped(quoted: &[u8]) -> Vec<u8> {
    let mut is_escaped = false;
    let keep = |byte: &&u8| {
        is_escaped = !is_escaped && **byte == b'\\';
        !is_escaped
    };
    quoted.iter().filter(keep).copied().collect()
}

/// 8 to 15, without zeros in front.
fn window_bits(value: &[u8]) -> Option<u8> {
    match value {
        [digit @ b'8'..=b'9'] => Some(digit - b'0'),
        [b'1', digit @ b'0'..=b'5'] => Some(10 + digit - b'0'),
        _ => None,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn agreed(offers: &[&'static str]) -> Option<Agreement> {
        let fields: Vec<_> = offers.iter().map(|offer| ("Sec-WebSocket-Extensions", *offer)).collect();
        Agreement::choose(&fields[..])
    }

    const NO_WISH: Option<Agreement> = Some(Agreement { asked: None });

    const fn asked(window: Window) -> Agreement {
        Agreement { asked: Some(window) }
    }

    #[test]
    fn what_browsers_and_libraries_offer_is_granted() {
        for offer in [
            "permessage-deflate",
            "permessage-deflate; client_max_window_bits",
            "permessage-deflate;client_max_window_bits=10",
            "Permessage-Deflate ; client_no_context_takeover ; server_no_context_takeover",
        ] {
            assert_eq!(agreed(&[offer]), NO_WISH, "{offer}");
        }
    }

    #[test]
    fn a_smaller_window_is_granted_down_to_nine_bits() {
        for (bits, window) in [
            ("9", Window::Bits9),
            ("10", Window::Bits9),
            ("11", Window::Bits9),
            ("12", Window::Bits12),
            ("\"1\\4\"", Window::Bits12),
            ("\"15\"", Window::Bits15),
        ] {
            let offer = format!("permessage-deflate; server_max_window_bits = {bits}").leak();
            assert_eq!(agreed(&[offer]), Some(asked(window)), "{offer}");
            let field = agreed(&[offer]).map(Agreement::field).unwrap();
            assert!(field.ends_with(&format!("; server_max_window_bits={}", window.bits())), "{field}");
        }
        assert_eq!(agreed(&["permessage-deflate; server_max_window_bits=8"]), None);
    }

    #[test]
    fn offers_against_the_rules_are_passed_over_one_by_one() {
        let bad = [
            "",
            ",",
            "permessage-deflate; ",
            "permessage-deflate; unknown",
            "permessage-deflate; server_no_context_takeover=1",
            "permessage-deflate; client_no_context_takeover=\"\"",
            "permessage-deflate; server_no_context_takeover; server_no_context_takeover",
            "permessage-deflate; server_max_window_bits",
            "permessage-deflate; server_max_window_bits=7",
            "permessage-deflate; server_max_window_bits=16",
            "permessage-deflate; server_max_window_bits=09",
            "permessage-deflate; server_max_window_bits=+9",
            "permessage-deflate; server_max_window_bits=9; server_max_window_bits=10",
            "permessage-deflate; client_max_window_bits=",
            "permessage-deflate; client_max_window_bits=16",
            "permessage-deflate; =",
            "permessage-deflate; a=\",permessage-deflate",
            "permessage-deflatee",
            "permessage-bzip2",
            "x-webkit-deflate-frame",
        ];
        for offer in bad {
            assert_eq!(agreed(&[offer]), None, "{offer}");
            let quoted = offer.matches('"').count() % 2 == 1;
            if !quoted {
                let list = format!("{offer}, permessage-deflate; server_max_window_bits=9").leak();
                assert_eq!(agreed(&[list]), Some(asked(Window::Bits9)), "{list}");
            }
            assert_eq!(agreed(&[offer, "permessage-deflate"]), NO_WISH);
        }
    }

    #[test]
    fn the_first_that_can_be_granted_is() {
        let too_small = "permessage-deflate; server_max_window_bits=8";
        let smaller = "permessage-deflate; server_max_window_bits=12";
        assert_eq!(agreed(&[too_small, smaller, "permessage-deflate"]), Some(asked(Window::Bits12)));
        let list = "a; b=\"c, permessage-deflate; d=\", permessage-deflate; server_max_window_bits=9";
        assert_eq!(agreed(&[list]), Some(asked(Window::Bits9)));
    }
}
