//! One RTP stream on its way out, with what is needed to send parts of it again.

use std::collections::VecDeque;

use tools::simnet::random::Random;

use crate::packet::Rtp;

/// An outgoing stream.
#[derive(Debug)]
pub struct Outgoing {
    ssrc: u32,
    payload_type: u8,
    sequence: u16,
    /// The timestamp of moment 0; chosen at random (RFC 3550, section 5.1).
    timestamp_offset: u32,
    extensions: Vec<(u8, Vec<u8>)>,
    repair: Option<Repair>,
    packets: u32,
    octets: u32,
}

/// How a stream is sent again (RFC 4588).
#[derive(Debug)]
struct Repair {
    ssrc: u32,
    payload_type: u8,
    sequence: u16,
    extensions: Vec<(u8, Vec<u8>)>,
    sent: VecDeque<Rtp>,
}

/// A browser keeps about a second: 150 packets of the largest encoding.
const SENT_MAX: usize = 600;

impl Outgoing {
    /// A stream whose packets all carry `extensions`.
    #[must_use]
    pub fn new(
        ssrc: u32,
        payload_type: u8,
        extensions: Vec<(u8, Vec<u8>)>,
        random: &mut Random,
    ) -> Self {
        let [_, _, a, b, c, d, e, f] = random.next().to_be_bytes();
        Self {
            ssrc,
            payload_type,
            sequence: u16::from_be_bytes([a, b]),
            timestamp_offset: u32::from_be_bytes([c, d, e, f]),
            extensions,
            repair: None,
            packets: 0,
            octets: 0,
        }
    }

    /// This stream with retransmissions on `ssrc`.
    #[must_use]
    pub fn with_repair(
        mut self,
        ssrc: u32,
        payload_type: u8,
        extensions: Vec<(u8, Vec<u8>)>,
    ) -> Self {
        self.repair =
            Some(Repair { ssrc, payload_type, sequence: 1, extensions, sent: VecDeque::new() });
        self
    }

    /// Under which SSRC.
    #[must_use]
    pub const fn ssrc(&self) -> u32 {
        self.ssrc
    }

    /// The next packet. `ticks` counts from moment 0 by the codec's clock; `more` are extensions of this packet alone.
    pub fn packet(
        &mut self,
        ticks: u32,
        marker: bool,
        more: &[(u8, Vec<u8>)],
        payload: Vec<u8>,
    ) -> Rtp {
        self.packets = self.packets.wrapping_add(1);
        self.octets =
            self.octets.wrapping_add(u32::try_from(payload.len()).expect("a packet is short"));
        let packet = Rtp {
            marker,
            payload_type: self.payload_type,
            sequence: self.sequence,
            timestamp: self.timestamp(ticks),
            ssrc: self.ssrc,
            csrcs: Vec::new(),
            extensions: self.extensions.iter().chain(more).cloned().collect(),
            payload,
        };
        self.sequence = self.sequence.wrapping_add(1);
        if let Some(repair) = &mut self.repair {
            repair.sent.push_back(packet.clone());
            if repair.sent.len() > SENT_MAX {
                repair.sent.pop_front();
            }
        }
        packet
    }

    /// A packet sent earlier, as a retransmission; `None` where it is not kept any more.
    pub fn resent(&mut self, sequence: u16) -> Option<Rtp> {
        let repair = self.repair.as_mut()?;
        let original = repair.sent.iter().find(|packet| packet.sequence == sequence)?;
        let mut payload = original.sequence.to_be_bytes().to_vec();
        payload.extend(&original.payload);
        // What the packet had of its own stays beside it, as libwebrtc has it.
        let own = original.extensions.iter().skip(self.extensions.len());
        let packet = Rtp {
            payload_type: repair.payload_type,
            sequence: repair.sequence,
            ssrc: repair.ssrc,
            extensions: repair.extensions.iter().chain(own).cloned().collect(),
            payload,
            ..original.clone()
        };
        repair.sequence = repair.sequence.wrapping_add(1);
        Some(packet)
    }

    /// Packets and payload bytes sent: what a sender report says.
    #[must_use]
    pub const fn sent(&self) -> (u32, u32) {
        (self.packets, self.octets)
    }

    /// The timestamp of the moment so many ticks after moment 0.
    #[must_use]
    pub const fn timestamp(&self, ticks: u32) -> u32 {
        self.timestamp_offset.wrapping_add(ticks)
    }
}
