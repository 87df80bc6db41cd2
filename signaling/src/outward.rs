//! The addresses from which this machine reaches others, as its routes have it now.

use std::net::{IpAddr, SocketAddr, UdpSocket};

/// At most one IPv4 and one IPv6 address, in this order; none on a machine that has only itself. Nothing is sent: the kernel is
/// asked which source it would choose.
#[must_use]
pub fn addresses() -> Vec<IpAddr> {
    ELSEWHERE.iter().filter_map(|(from, to)| source(from, to)).collect()
}

fn source(from: &str, to: &str) -> Option<IpAddr> {
    let socket = UdpSocket::bind(from).ok()?;
    socket.connect(to).ok()?;
    let ip = socket.local_addr().ok().as_ref().map(SocketAddr::ip)?;
    (!ip.is_loopback() && !ip.is_unspecified()).then_some(ip)
}

/// Addresses for documentation (RFC 5737, RFC 3849): nobody has them, so only the default route can lead there.
const ELSEWHERE: [(&str, &str); 2] =
    [("0.0.0.0:0", "203.0.113.1:9"), ("[::]:0", "[2001:db8::1]:9")];

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn each_of_them_can_be_bound_and_none_is_loopback() {
        for ip in addresses() {
            assert!(!ip.is_loopback());
            UdpSocket::bind((ip, 0)).unwrap();
        }
    }

    #[test]
    fn a_route_to_this_machine_itself_is_none_outward() {
        assert_eq!(source("0.0.0.0:0", "127.0.0.1:9"), None);
        assert_eq!(source("0.0.0.0:0", "not an address"), None);
    }
}
