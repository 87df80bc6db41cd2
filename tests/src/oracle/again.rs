//! Packets that the server sends again, seen between the server and any network.

use tools::simnet::UDP_OVERHEAD;

use crate::client::cipher::Cipher;
use crate::client::incoming::Incoming;
use crate::packet::{Kind, Rtp, be16, be32};

/// A packet that repeats another one: because somebody asked for it, or as padding.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub struct Again {
    /// Of which slot.
    pub ssrc: u32,
    /// The number of what it repeats (RFC 4588, section 4); `None` in one that carries nothing.
    pub number: Option<u16>,
    /// Its bytes on the wire.
    pub wire: usize,
}

impl Again {
    /// Reads a datagram on its way to somebody with these slots; `None` for any but one that repeats another.
    pub fn hear(ear: &mut Cipher, slots: &[Incoming], datagram: &[u8]) -> Option<Self> {
        if Kind::of(datagram) != Kind::Rtp {
            return None;
        }
        let ssrc = be32(datagram, 8);
        let slot = slots.iter().find(|slot| slot.ssrc() != ssrc && slot.carries(ssrc))?;
        let payload = Rtp::read(&ear.open(datagram).ok()?)?.payload;
        let number = (payload.len() >= 2).then(|| be16(&payload, 0));
        let wire = datagram.len() + usize::try_from(UDP_OVERHEAD).ok()?;
        Some(Self { ssrc: slot.ssrc(), number, wire })
    }
}
