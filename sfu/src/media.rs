//! What signaling and the media plane call the same: ids, sources, formats, and the media sections of a session.

use arrayvec::ArrayString;
use simulcast::codec::Codec;

use crate::packet::extension::ExtensionIds;

/// A voice channel, as signaling numbers it.
#[derive(Clone, Copy, Debug, Eq, Hash, Ord, PartialEq, PartialOrd)]
pub struct ChannelId(pub u64);

/// One person's session in a channel, as signaling numbers it.
#[derive(Clone, Copy, Debug, Eq, Hash, Ord, PartialEq, PartialOrd)]
pub struct ParticipantId(pub u64);

/// One uploaded track. It is the CSRC of every packet forwarded from it; never 0, unique in its channel.
#[derive(Clone, Copy, Debug, Eq, Hash, Ord, PartialEq, PartialOrd)]
pub struct PublicationId(pub u32);

/// A receive m-line of a participant: its place among them in the order of the m-lines, from 0.
#[derive(Clone, Copy, Debug, Eq, Hash, Ord, PartialEq, PartialOrd)]
pub struct SlotId(pub u8);

/// An RTP synchronisation source (RFC 3550).
#[derive(Clone, Copy, Debug, Eq, Hash, Ord, PartialEq, PartialOrd)]
pub struct Ssrc(pub u32);

/// An RTP payload type, 0 to 127.
#[derive(Clone, Copy, Debug, Eq, Hash, Ord, PartialEq, PartialOrd)]
pub struct PayloadType(pub u8);

/// The identification of an m-line (RFC 8843); longer ones than 16 bytes are refused at the edge.
#[derive(Clone, Copy, Debug, Default, Eq, Hash, PartialEq)]
pub struct Mid(pub ArrayString<16>);

/// The identification of a simulcast encoding (RFC 8852); longer ones than 16 bytes are refused at the edge.
#[derive(Clone, Copy, Debug, Default, Eq, Hash, PartialEq)]
pub struct Rid(pub ArrayString<16>);

/// Sound or picture.
#[derive(Clone, Copy, Debug, Eq, Hash, PartialEq)]
pub enum MediaKind {
    /// Sound.
    Audio,
    /// Picture.
    Video,
}

/// What a publication shows or lets hear.
#[derive(Clone, Copy, Debug, Eq, Hash, Ord, PartialEq, PartialOrd)]
pub enum Source {
    /// A voice.
    Microphone,
    /// A person's picture.
    Camera,
    /// A shared screen.
    Screen,
    /// The sound of a shared screen.
    ScreenSound,
}

impl Source {
    /// Sound or picture.
    #[must_use]
    pub const fn kind(self) -> MediaKind {
        match self {
            Self::Microphone | Self::ScreenSound => MediaKind::Audio,
            Self::Camera | Self::Screen => MediaKind::Video,
        }
    }
}

/// A profile of H264 as far as decoders differ in it (RFC 6184, section 8.1, table 5). Levels are left out on
/// purpose: browsers decode above what they declare.
#[derive(Clone, Copy, Debug, Eq, Hash, PartialEq)]
pub enum H264Profile {
    /// 42e0xx and its equals.
    ConstrainedBaseline,
    /// 4200xx.
    Baseline,
    /// 4d00xx.
    Main,
    /// 640cxx.
    ConstrainedHigh,
    /// 6400xx.
    High,
}

/// A codec with whatever of its parameters decides whether a receiver can decode it. Equal formats are compatible.
#[derive(Clone, Copy, Debug, Eq, Hash, PartialEq)]
pub enum Format {
    /// Opus, any parameters.
    Opus,
    /// Redundant audio whose blocks are Opus.
    Red,
    /// VP8.
    Vp8,
    /// VP9 with its profile, 0 to 3.
    Vp9(u8),
    /// H264, packetization-mode 1.
    H264(H264Profile),
    /// AV1 with its profile, 0 to 2.
    Av1(u8),
}

impl Format {
    /// The codec without its parameters.
    #[must_use]
    pub const fn codec(self) -> Codec {
        match self {
            Self::Opus => Codec::Opus,
            Self::Red => Codec::Red,
            Self::Vp8 => Codec::Vp8,
            Self::Vp9(_) => Codec::Vp9,
            Self::H264(_) => Codec::H264,
            Self::Av1(_) => Codec::Av1,
        }
    }

    /// Ticks of the RTP timestamp in a second.
    #[must_use]
    pub const fn clock_rate(self) -> u32 {
        match self {
            Self::Opus | Self::Red => 48_000,
            Self::Vp8 | Self::Vp9(_) | Self::H264(_) | Self::Av1(_) => 90_000,
        }
    }
}

/// A payload type as one m-line maps it.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub struct PayloadMap {
    /// The number on the wire.
    pub payload_type: PayloadType,
    /// What it stands for.
    pub format: Format,
    /// The payload type of its retransmissions (RFC 4588), where negotiated.
    pub rtx: Option<PayloadType>,
}

/// Which feedback an m-line negotiated (RFC 4585, RFC 5104, transport-wide congestion control).
#[derive(Clone, Copy, Debug, Default, Eq, PartialEq)]
#[expect(
    clippy::struct_excessive_bools,
    reason = "each is one line of SDP, independent of the others"
)]
pub struct Feedback {
    /// Generic NACK.
    pub nack: bool,
    /// Picture loss indication.
    pub pli: bool,
    /// Full intra request.
    pub fir: bool,
    /// Transport-wide feedback.
    pub transport_wide: bool,
    /// Receiver estimated maximum bitrate.
    pub remb: bool,
}

/// One encoding of a publication as the offer declares it: by RID, by SSRC, or not at all (then by payload type and mid).
#[derive(Clone, Copy, Debug, Default, Eq, PartialEq)]
pub struct Encoding {
    /// Its RID (RFC 8853).
    pub rid: Option<Rid>,
    /// Its SSRC, where the offer names it (RFC 5576).
    pub ssrc: Option<Ssrc>,
    /// The SSRC of its retransmissions (`ssrc-group:FID`).
    pub rtx: Option<Ssrc>,
}

/// A send m-line of the client: one publication.
#[derive(Clone, Debug, Eq, PartialEq)]
pub struct PublicationSpec {
    /// Drawn by signaling; stays the same over re-offers.
    pub id: PublicationId,
    /// What it is, as the client said beside its offer.
    pub source: Source,
    /// The m-line.
    pub mid: Mid,
    /// What the answer accepted.
    pub payloads: Vec<PayloadMap>,
    /// Extension ids the answer accepted.
    pub extensions: ExtensionIds,
    /// Lowest quality first; at least one.
    pub encodings: Vec<Encoding>,
    /// Feedback we may send for it.
    pub feedback: Feedback,
    /// Whether the m-line sends at present. An inactive publication keeps its id.
    pub active: bool,
}

/// A receive m-line of the client: one slot, with one SSRC for the whole session.
#[derive(Clone, Debug, Eq, PartialEq)]
pub struct SlotSpec {
    /// Its place among the slots.
    pub id: SlotId,
    /// Sound or picture.
    pub kind: MediaKind,
    /// The m-line.
    pub mid: Mid,
    /// Drawn by signaling.
    pub ssrc: Ssrc,
    /// The SSRC of retransmissions, where negotiated.
    pub rtx: Option<Ssrc>,
    /// What the receiver can decode, in its order of preference.
    pub payloads: Vec<PayloadMap>,
    /// Extension ids the receiver negotiated.
    pub extensions: ExtensionIds,
    /// Slots of one pair (one audio, one video) share a stream id, so that a browser plays them in step.
    pub pair: u8,
    /// Feedback it may send for this slot.
    pub feedback: Feedback,
}
