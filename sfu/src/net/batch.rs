//! Datagrams on their way in and out of a shard, a turn at a time.

use std::net::SocketAddr;
use std::time::Instant;

/// Between which addresses a datagram travels.
#[derive(Clone, Copy, Debug, Eq, Hash, PartialEq)]
pub struct Path {
    /// Which of the shard's sockets.
    pub local: u8,
    /// The other end.
    pub remote: SocketAddr,
}

/// The congestion mark of an IP packet (RFC 3168).
#[derive(Clone, Copy, Debug, Default, Eq, PartialEq)]
pub enum Ecn {
    /// The sender does not take part.
    #[default]
    NotCapable,
    /// Capable, unmarked.
    Capable,
    /// A queue on the way was filling.
    CongestionExperienced,
}

/// A datagram that arrived. The shard may change its bytes: SRTP is opened in place.
#[derive(Debug)]
pub struct Datagram<'a> {
    /// Where from, on which socket.
    pub path: Path,
    /// When, by the kernel.
    pub arrival: Instant,
    /// The mark it carried.
    pub ecn: Ecn,
    /// What it carried.
    pub data: &'a mut [u8],
}
