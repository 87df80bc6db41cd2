//! What shards tell each other.

use std::time::Instant;

use arrayvec::ArrayVec;
use simulcast::{Layer, RtpTimestamp};

use crate::media::{ChannelId, ParticipantId, PublicationSpec, Ssrc};
use crate::publication::clock::PublisherClock;
use crate::publication::demand::Demand;
use crate::publication::hindrance::Hindrance;
use crate::publication::{ENCODINGS_MAX, Incoming, LAYERS_MAX, PublicationKey};

/// One message. Publications are named by the key that they have at the shard that received them.
#[derive(Clone, Debug)]
pub enum Message {
    /// The sender has members in a channel and wants what is published there.
    Attend(ChannelId),
    /// The sender has no members in it any more.
    Quit(ChannelId),
    /// A publication begins, or what was negotiated for it changed.
    Publish(Box<Announcement>),
    /// A publication has ended.
    Unpublish(PublicationKey),
    /// Its owner switched it off. It comes back with its first packet after.
    SwitchOff(PublicationKey),
    /// One of its encodings ended, or begins anew.
    EndStream {
        /// Which.
        publication: PublicationKey,
        /// Its SSRC.
        ssrc: Ssrc,
    },
    /// Its publisher told what its clock says (RFC 3550, section 6.4.1).
    Report(Report),
    /// A packet of it. The rest of it waits beside the message: see [`ring`](super::ring).
    Packet(Head),
    /// A packet of sound that nobody there hears: how loud it is, without its bytes.
    Heard(Heard),
    /// Demand, the other way: receivers there wait for a keyframe.
    WantKeyframe {
        /// Of which publication.
        publication: PublicationKey,
        /// Which of its encodings.
        encoding: u8,
    },
    /// Demand, the other way: what receivers there want of its encodings.
    WantLayers {
        /// Of which publication.
        publication: PublicationKey,
        /// All of them together.
        demand: Demand,
    },
    /// Its publisher was told to send these encodings and no others.
    Told {
        /// Of which publication.
        publication: PublicationKey,
        /// Which are sent.
        demand: Demand,
    },
    /// Something else hinders it than before.
    Hindered {
        /// Which publication.
        publication: PublicationKey,
        /// All of it.
        hindrance: Hindrance,
    },
}

/// A publication as another shard needs to know it.
#[derive(Clone, Debug)]
pub struct Announcement {
    /// Its key at the shard that received it.
    pub publication: PublicationKey,
    /// Where it is published.
    pub channel: ChannelId,
    /// Whose it is.
    pub participant: ParticipantId,
    /// What was negotiated for it.
    pub spec: PublicationSpec,
    /// Whether it takes slots at present.
    pub live: bool,
    /// The heights of its encodings, as far as known.
    pub heights: [u16; ENCODINGS_MAX],
    /// Its layers, as measured there.
    pub layers: ArrayVec<Layer, LAYERS_MAX>,
    /// Which of its encodings its publisher was told to send.
    pub told: Demand,
    /// What makes it less than it could be.
    pub hindrance: Hindrance,
    /// Its publisher's clock, as far as known.
    pub clock: PublisherClock,
}

/// A sender report, as far as it concerns other shards.
#[derive(Clone, Copy, Debug)]
pub struct Report {
    /// About which publication.
    pub publication: PublicationKey,
    /// About which of its encodings.
    pub encoding: u8,
    /// When it arrived.
    pub arrival: Instant,
    /// The publisher's wall time.
    pub ntp: u64,
    /// The media time at that moment.
    pub timestamp: RtpTimestamp,
    /// The publisher's clock, by this report and those before.
    pub clock: PublisherClock,
}

/// A packet on its way to another shard.
#[derive(Clone, Copy, Debug)]
pub struct Packet<'a> {
    /// Of which publication.
    pub publication: PublicationKey,
    /// As it came out of the publisher's transport.
    pub incoming: Incoming<'a>,
}

/// What decides whether a voice is heard, of a packet of sound that is not, so that all shards choose the same people.
#[derive(Clone, Copy, Debug)]
pub struct Heard {
    /// Of which publication.
    pub publication: PublicationKey,
    /// The packet with its level and its number, without payload.
    pub incoming: Incoming<'static>,
    /// Bytes of payload that it has.
    pub payload: usize,
}

/// A packet without its variable parts, which are bytes in the ring: the dependency descriptor, then the payload.
#[derive(Clone, Copy, Debug)]
pub struct Head {
    /// Of which publication.
    pub publication: PublicationKey,
    /// Everything else of it.
    pub incoming: Incoming<'static>,
    /// Bytes of its dependency descriptor.
    pub descriptor: u16,
    /// Bytes of its payload.
    pub payload: u16,
}
