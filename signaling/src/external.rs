//! External addresses: under which address clients reach a media address that lies behind 1:1 NAT.

use std::fmt::{self, Display, Formatter};
use std::net::{IpAddr, SocketAddr};
use std::str::FromStr;

use thiserror::Error;

/// An address that clients are told in place of one of ours.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub struct External {
    /// Which of ours; without, the one of the same family that is no loopback address.
    ours: Option<IpAddr>,
    address: IpAddr,
}

/// What is no external address. Always the operator's mistake.
#[derive(Clone, Copy, Debug, Eq, Error, PartialEq)]
pub enum ExternalError {
    /// No address, or no two of them.
    #[error("give an IP address, or OURS=EXTERNAL")]
    NoAddress,
    /// An address that is nobody's.
    #[error("a wildcard is no address that clients could reach")]
    Wildcard,
    /// One-to-one NAT is between addresses of one family.
    #[error("both addresses must be IPv4, or both IPv6")]
    Families,
}

impl FromStr for External {
    type Err = ExternalError;

    fn from_str(text: &str) -> Result<Self, ExternalError> {
        let read = |text: &str| text.parse::<IpAddr>().map_err(|_| ExternalError::NoAddress);
        let (ours, address) = match text.split_once('=') {
            Some((ours, address)) => (Some(read(ours)?), read(address)?),
            None => (None, read(text)?),
        };
        if address.is_unspecified() || ours.is_some_and(|ours| ours.is_unspecified()) {
            return Err(ExternalError::Wildcard);
        }
        if ours.is_some_and(|ours| ours.is_ipv4() != address.is_ipv4()) {
            return Err(ExternalError::Families);
        }
        Ok(Self { ours, address })
    }
}

impl Display for External {
    fn fmt(&self, f: &mut Formatter<'_>) -> fmt::Result {
        if let Some(ours) = self.ours {
            write!(f, "{ours}=")?;
        }
        write!(f, "{}", self.address)
    }
}

impl External {
    /// Whether it stands for media addresses on `ip`.
    #[must_use]
    pub fn stands_for(&self, ip: IpAddr) -> bool {
        match self.ours {
            Some(ours) => ours == ip,
            None => !ip.is_loopback() && ip.is_ipv4() == self.address.is_ipv4(),
        }
    }
}

/// What clients are told of the media addresses `bound`, in their order: the external address with the same port, where one
/// stands for it, else the address itself.
#[must_use]
pub fn announced(externals: &[External], bound: &[SocketAddr]) -> Vec<SocketAddr> {
    let outside = |media: &SocketAddr| {
        let external = externals.iter().find(|external| external.stands_for(media.ip()));
        external.map_or(*media, |external| SocketAddr::new(external.address, media.port()))
    };
    bound.iter().map(outside).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn told(externals: &[&str], bound: &[&str]) -> Vec<String> {
        let externals: Vec<External> = externals.iter().map(|text| text.parse().unwrap()).collect();
        let bound: Vec<SocketAddr> = bound.iter().map(|text| text.parse().unwrap()).collect();
        announced(&externals, &bound).iter().map(ToString::to_string).collect()
    }

    #[test]
    fn clients_are_told_the_external_address_with_the_port_of_ours() {
        let bound = ["127.0.0.1:3478", "10.0.0.5:3478", "[fd00::5]:3478"];
        assert_eq!(told(&[], &bound), bound);
        assert_eq!(
            told(&["203.0.113.7"], &bound),
            ["127.0.0.1:3478", "203.0.113.7:3478", "[fd00::5]:3478"]
        );
        assert_eq!(
            told(&["203.0.113.7", "2001:db8::7"], &bound),
            ["127.0.0.1:3478", "203.0.113.7:3478", "[2001:db8::7]:3478"]
        );
    }

    #[test]
    fn an_address_of_ours_that_is_named_is_the_only_one_replaced() {
        let bound = ["10.0.0.5:3478", "10.0.0.6:3479"];
        assert_eq!(told(&["10.0.0.6=203.0.113.7"], &bound), ["10.0.0.5:3478", "203.0.113.7:3479"]);
        assert_eq!(told(&["127.0.0.1=127.0.0.2"], &["127.0.0.1:9"]), ["127.0.0.2:9"]);
    }

    #[test]
    fn what_is_no_address_is_refused_and_what_is_one_reads_as_it_is_written() {
        let refused = |text: &str| text.parse::<External>().unwrap_err();
        for text in ["", "confab.example", "203.0.113.7:3478", "=203.0.113.7", "10.0.0.5="] {
            assert_eq!(refused(text), ExternalError::NoAddress, "{text}");
        }
        assert_eq!(refused("0.0.0.0"), ExternalError::Wildcard);
        assert_eq!(refused("::=2001:db8::7"), ExternalError::Wildcard);
        assert_eq!(refused("10.0.0.5=2001:db8::7"), ExternalError::Families);
        for text in ["203.0.113.7", "2001:db8::7", "10.0.0.5=203.0.113.7", "fd00::5=2001:db8::7"] {
            assert_eq!(text.parse::<External>().unwrap().to_string(), text);
        }
    }
}
