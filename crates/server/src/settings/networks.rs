//! Addresses of others, one by one or by networks.

use super::InvalidValue;
use ipnet::IpNet;
use std::net::IpAddr;

/// A list of addresses and networks.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Networks(Vec<IpNet>);

impl Networks {
    /// How many a list may have: each is looked at for each connection.
    const COUNT_MAX: usize = 256;

    /// Reads a list with commas between.
    pub(super) fn parse(text: &str) -> Result<Networks, InvalidValue> {
        let items = text.split(',').map(str::trim).filter(|item| !item.is_empty());
        let networks = items.map(parse_network).collect::<Result<Vec<_>, _>>()?;
        if Networks::COUNT_MAX < networks.len() {
            return Err(InvalidValue::new(format!("has more than {} networks", Networks::COUNT_MAX)));
        }
        Ok(Networks(networks))
    }

    /// Whether there is none.
    pub fn is_empty(&self) -> bool {
        self.0.is_empty()
    }

    /// Whether one of them has the address, which is no IPv4 address in the clothes of IPv6.
    pub fn contain(&self, address: IpAddr) -> bool {
        self.0.iter().any(|network| network.contains(&address))
    }
}

fn parse_network(text: &str) -> Result<IpNet, InvalidValue> {
    let refused = || InvalidValue::new(format!("has `{text}`, which is neither an address nor a network"));
    if text.contains('/') {
        let network = text.parse::<IpNet>().map_err(|_| refused())?;
        if network.network() != network.addr() {
            let said = format!("has `{text}`, which is one address of the network `{}`", network.trunc());
            return Err(InvalidValue::new(said));
        }
        return Ok(network);
    }
    text.parse::<IpAddr>().map(|address| IpNet::from(address.to_canonical())).map_err(|_| refused())
}

#[cfg(test)]
mod tests {
    use super::*;

    fn networks(text: &str) -> Networks {
        Networks::parse(text).unwrap()
    }

    #[test]
    fn a_list_has_addresses_and_networks() {
        let list = networks(" 10.0.0.7,192.168.0.0/16 , fd00::/8,::ffff:203.0.113.7,");
        for inside in ["10.0.0.7", "192.168.3.4", "fd12::1", "203.0.113.7"] {
            assert!(list.contain(inside.parse().unwrap()), "{inside}");
        }
        for outside in ["10.0.0.8", "192.169.0.1", "2001:db8::1", "::1"] {
            assert!(!list.contain(outside.parse().unwrap()), "{outside}");
        }
        assert!(networks("").is_empty() && networks(" , ").is_empty());
        assert!(networks("0.0.0.0/0").contain("8.8.8.8".parse().unwrap()));
    }

    #[test]
    fn what_is_wrong_is_named() {
        let said = |text: &str| Networks::parse(text).unwrap_err().to_string();
        assert_eq!(said("10.0.0.7, proxy"), "has `proxy`, which is neither an address nor a network");
        assert_eq!(said("10.0.0.0/33"), "has `10.0.0.0/33`, which is neither an address nor a network");
        assert_eq!(said("10.0.0.7/8"), "has `10.0.0.7/8`, which is one address of the network `10.0.0.0/8`");
        assert_eq!(said(&"10.0.0.7,".repeat(257)), "has more than 256 networks");
    }
}
