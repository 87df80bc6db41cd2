//! `Digest`: of everything a server sent, so that two runs can be told apart.

use std::net::SocketAddr;

use tools::simnet::time::SimTime;

/// Of everything the server sent: where to, when, which bytes.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub struct Digest(u64);

impl Default for Digest {
    /// FNV-1a's offset basis.
    fn default() -> Self {
        Self(0xcbf2_9ce4_8422_2325)
    }
}

impl Digest {
    /// A datagram was sent.
    pub fn add(&mut self, now: SimTime, to: SocketAddr, bytes: &[u8]) {
        let time = now.elapsed().as_nanos().to_be_bytes();
        let port = to.port().to_be_bytes();
        let address = to.to_string();
        for byte in time.iter().chain(&port).chain(address.as_bytes()).chain(bytes) {
            self.0 = (self.0 ^ u64::from(*byte)).wrapping_mul(0x0100_0000_01b3);
        }
    }
}
