//! Blocks of addresses: `10.0.0.0/16`, `::/0`. Policies and networks are written with them.

use std::{net::IpAddr, str::FromStr};

use serde::{Deserialize, Deserializer, de};

/// A block of addresses.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Cidr {
    first: IpAddr,
    bits: u8,
}

impl Cidr {
    /// Whether an address lies in it.
    pub(crate) fn contains(self, address: IpAddr) -> bool {
        match (self.first, address) {
            (IpAddr::V4(first), IpAddr::V4(address)) => {
                let mask = u32::MAX.checked_shl(32 - u32::from(self.bits)).unwrap_or(0);
                u32::from(first) & mask == u32::from(address) & mask
            }
            (IpAddr::V6(first), IpAddr::V6(address)) => {
                let mask = u128::MAX.checked_shl(128 - u32::from(self.bits)).unwrap_or(0);
                u128::from(first) & mask == u128::from(address) & mask
            }
            _ => false,
        }
    }

    /// The address that it is written with.
    pub(crate) fn first(self) -> IpAddr {
        self.first
    }

    /// How many bits of the address are given: the longer, the narrower.
    pub(crate) fn bits(self) -> u8 {
        self.bits
    }
}

impl FromStr for Cidr {
    type Err = String;

    /// A block, or one address alone.
    fn from_str(text: &str) -> Result<Cidr, String> {
        let wrong = || format!("`{text}` is no block of addresses such as 10.0.0.0/16");
        let (first, bits) = text.split_once('/').map_or((text, None), |(first, bits)| (first, Some(bits)));
        let first: IpAddr = first.parse().map_err(|_| wrong())?;
        let most = if first.is_ipv4() { 32 } else { 128 };
        let bits = bits.map_or(Ok(most), |bits| bits.parse().map_err(|_| wrong()))?;
        if bits > most { Err(wrong()) } else { Ok(Cidr { first, bits }) }
    }
}

impl std::fmt::Display for Cidr {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "{}/{}", self.first, self.bits)
    }
}

impl<'de> Deserialize<'de> for Cidr {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Cidr, D::Error> {
        String::deserialize(deserializer)?.parse().map_err(de::Error::custom)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_block_holds_its_own_addresses_and_no_others() {
        for (block, address, holds) in [
            ("10.0.0.0/16", "10.0.255.255", true),
            ("10.0.0.0/16", "10.1.0.0", false),
            ("0.0.0.0/0", "198.51.100.7", true),
            ("0.0.0.0/0", "::1", false),
            ("::/0", "2001:db8::1", true),
            ("2001:db8::/32", "2001:db9::", false),
            ("192.0.2.7", "192.0.2.7", true),
            ("192.0.2.7/32", "192.0.2.8", false),
        ] {
            let block: Cidr = block.parse().unwrap();
            assert_eq!(block.contains(address.parse().unwrap()), holds, "{block} {address}");
        }
        for wrong in ["", "10.0.0.0/33", "10.0.0/8", "::/129", "10.0.0.0/x"] {
            assert!(wrong.parse::<Cidr>().is_err(), "{wrong}");
        }
    }
}
