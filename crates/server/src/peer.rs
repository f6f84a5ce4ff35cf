//! Peers: whose connection it is, and whose request, as far as the proxies between are believed.
//!
//! Knows which proxies are. Does not know what follows from an address.

use crate::settings::Settings;
use std::net::{IpAddr, Ipv6Addr};
use tidings_protocol::{Headers, forwarded_client};

/// Who is at the other end. Small, since every connection has one.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Peer {
    /// An address of IPv4 in the clothes of IPv6: both have their room here, and no padding.
    octets: [u8; 16],
    /// Whether what it says reaches this machine, or the first proxy that is believed, over TLS.
    pub(crate) is_secure: bool,
    /// Whether it is a proxy that is believed: then each request says anew for whom it asks.
    is_proxy: bool,
    /// Whether the limits for each address are not for it.
    is_unlimited: bool,
}

const _: () = assert!(size_of::<Peer>() == 19, "every connection has one");

impl Peer {
    /// Whoever has that address; a connection in the clear.
    pub(crate) fn new(address: IpAddr, settings: &Settings) -> Peer {
        let address = address.to_canonical();
        let octets = match address {
            IpAddr::V4(address) => address.to_ipv6_mapped().octets(),
            IpAddr::V6(address) => address.octets(),
        };
        let is_proxy = settings.trusted_proxies.contain(address);
        let is_unlimited = is_proxy || settings.unlimited_addresses.contain(address);
        Peer { octets, is_secure: false, is_proxy, is_unlimited }
    }

    /// The same, over TLS or not.
    #[must_use]
    pub(crate) fn with_secure(self, is_secure: bool) -> Peer {
        Peer { is_secure, ..self }
    }

    /// Its address, never one of IPv4 in the clothes of IPv6.
    pub(crate) fn address(&self) -> IpAddr {
        Ipv6Addr::from(self.octets).to_canonical()
    }

    /// Whether it is a proxy that is believed.
    pub(crate) fn is_proxy(&self) -> bool {
        self.is_proxy
    }

    /// Whether the limits for each address are not for it.
    pub(crate) fn is_unlimited(&self) -> bool {
        self.is_unlimited
    }

    /// Who asks by a request with these fields that came from here.
    pub(crate) fn of_request<H: Headers + ?Sized>(self, headers: &H, settings: &Settings) -> Peer {
        if self.is_proxy { self.behind_proxy(headers, settings) } else { self }
    }

    #[cold]
    fn behind_proxy<H: Headers + ?Sized>(self, headers: &H, settings: &Settings) -> Peer {
        let is_believed = |address| settings.trusted_proxies.contain(address);
        match forwarded_client(headers, settings.forwarded_header, is_believed) {
            Some(client) => Peer::new(client.address, settings).with_secure(client.is_secure),
            None => self,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::settings::SettingsInput;

    fn settings(text: &str) -> Settings {
        SettingsInput::parse_toml(text, "t.toml").unwrap().resolve().unwrap()
    }

    fn asks(settings: &Settings, from: &str, fields: &[(&str, &str)]) -> (String, bool) {
        let peer = Peer::new(from.parse().unwrap(), settings).of_request(fields, settings);
        (peer.address().to_string(), peer.is_secure)
    }

    #[test]
    fn only_a_trusted_proxy_is_believed() {
        let fields = [("X-Forwarded-For", "203.0.113.7"), ("X-Forwarded-Proto", "https")];
        let settings = settings("trusted_proxies = \"10.0.0.0/8\"");
        assert_eq!(asks(&settings, "10.1.2.3", &fields), ("203.0.113.7".to_owned(), true));
        assert_eq!(asks(&settings, "::ffff:10.1.2.3", &fields), ("203.0.113.7".to_owned(), true));
        assert_eq!(asks(&settings, "192.0.2.1", &fields), ("192.0.2.1".to_owned(), false));
        assert_eq!(asks(&settings, "::ffff:192.0.2.1", &fields), ("192.0.2.1".to_owned(), false));
        assert_eq!(asks(&settings, "10.1.2.3", &[]), ("10.1.2.3".to_owned(), false));
    }

    #[test]
    fn nobody_is_believed_by_default() {
        let fields = [("X-Forwarded-For", "203.0.113.7"), ("Forwarded", "for=203.0.113.8")];
        assert_eq!(asks(&settings(""), "127.0.0.1", &fields).0, "127.0.0.1");
        assert_eq!(asks(&settings(""), "2001:db8::1", &fields).0, "2001:db8::1");
    }
}
