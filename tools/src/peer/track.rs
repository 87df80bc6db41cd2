//! What a participant publishes: recorded or invented once, played by any number of participants.

use std::sync::Arc;
use std::time::Duration;

use arrayvec::ArrayVec;
use bytes::Bytes;
use sfu::media::{MediaKind, Source};

/// A track with its encodings.
#[derive(Clone, Debug)]
pub struct Track {
    /// What it is.
    pub source: Source,
    /// Lowest quality first; one for sound.
    pub layers: Vec<Arc<Layer>>,
}

/// One encoding, to be played again and again; it begins with a keyframe.
#[derive(Clone, Debug)]
pub struct Layer {
    /// Its packets, in the order of their sending; at least one.
    pub packets: Vec<Packet>,
    /// From the first packet until the first packet of the next round.
    pub length: Duration,
    /// Ticks of the RTP timestamp in a second.
    pub clock_rate: u32,
}

/// A packet.
#[derive(Clone, Debug)]
pub struct Packet {
    /// When it is sent, since the first.
    pub at: Duration,
    /// Its timestamp, since the first.
    pub ticks: u32,
    /// The M bit.
    pub marker: bool,
    /// Loudness of sound: the V bit and −dBov (RFC 6464).
    pub level: Option<u8>,
    /// What the payload begins with and is written anew each time.
    pub head: ArrayVec<u8, HEAD_MAX>,
    /// Numbers in the head that go on from round to round.
    pub numbers: Option<Numbers>,
    /// Whether a [stamp](super::stamp) follows the head.
    pub stamped: bool,
    /// The rest of the payload.
    pub body: Bytes,
}

/// The numbers of a VP8 payload descriptor whose picture id has 15 bits (RFC 7741, section 4.2).
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub struct Numbers {
    /// PictureID, since the first packet's.
    pub picture: u16,
    /// TL0PICIDX, since the first packet's, where there is one.
    pub tl0: Option<u8>,
}

/// A descriptor of VP8 with all its numbers has 6 bytes, the frame header of a keyframe 10.
pub const HEAD_MAX: usize = 16;

/// RIDs of three encodings, lowest first, as browsers' pages name them.
pub const RIDS: [&str; 3] = ["q", "h", "f"];

impl Track {
    /// Sound or picture.
    #[must_use]
    pub const fn kind(&self) -> MediaKind {
        self.source.kind()
    }

    /// The RIDs of its encodings: none where there is only one.
    #[must_use]
    pub fn rids(&self) -> Vec<&'static str> {
        if self.layers.len() > 1 {
            RIDS.iter().copied().take(self.layers.len()).collect()
        } else {
            Vec::new()
        }
    }
}
