//! What signaling tells a shard.

use std::time::Duration;

use arrayvec::ArrayString;
use simulcast::Bitrate;
use thiserror::Error;

use crate::media::{ChannelId, ParticipantId, PublicationId, PublicationSpec, SlotId, SlotSpec};
use crate::publication::hindrance::Shortage;
use crate::transport::dtls::Fingerprint;
use crate::transport::srtp::KeyingMaterial;

/// Which command an answer belongs to; drawn by whoever sends it.
#[derive(Clone, Copy, Debug, Eq, Hash, PartialEq)]
pub struct CommandId(pub u64);

/// One instruction to a shard. Each is answered by one [`Event::Done`](crate::Event::Done) or
/// [`Event::Refused`](crate::Event::Refused) with its id, in order.
#[derive(Clone, Debug)]
pub enum Command {
    /// Makes a participant with its transport. Media flows once ICE and DTLS have succeeded.
    Join(Box<Join>),
    /// Replaces what a participant sends and receives; repeated after each offer, always in full.
    Negotiate(Box<Negotiate>),
    /// New ICE credentials for the same transport: keys, streams and addresses in use stay until a new one is nominated.
    RestartIce {
        /// Whose.
        participant: ParticipantId,
        /// Ours: what the client's next requests must carry.
        local: IceCredentials,
    },
    /// What a person switched on and off.
    Voice {
        /// Whose.
        participant: ParticipantId,
        /// All of it.
        voice: Voice,
    },
    /// Silences somebody for everybody, or lets them be heard again, whatever they say of themselves. Who may, the caller knows.
    Silence {
        /// Whose.
        participant: ParticipantId,
        /// What of theirs.
        what: Silenced,
        /// Whether it is silenced from here on.
        silenced: bool,
    },
    /// How much a participant may send. What is more is dropped, and the publisher told to send less: by REMB, or by feedback in which
    /// it did not arrive.
    Cap {
        /// Whose.
        participant: ParticipantId,
        /// Bits a second, without IP and UDP headers; `None` for no bound.
        most: Option<Bitrate>,
    },
    /// How large each slot is shown. Slots not named keep their last view.
    View {
        /// Whose.
        participant: ParticipantId,
        /// By slot.
        views: Vec<View>,
    },
    /// How much a person wants to receive.
    Prefer {
        /// Whose.
        participant: ParticipantId,
        /// The most to send to this participant, pictures and sound; `None` for no limit.
        budget: Option<Bitrate>,
        /// Pictures at all?
        pictures: Pictures,
    },
    /// Whose pictures go first where there are not slots for all.
    Choose {
        /// Who receives.
        participant: ParticipantId,
        /// Whose.
        choice: Choice,
    },
    /// What a publisher's client says it is short of, so that it sends less of a picture than it would.
    Hinder {
        /// Whose.
        participant: ParticipantId,
        /// Which of their tracks.
        publication: PublicationId,
        /// `None` for nothing.
        shortage: Option<Shortage>,
    },
    /// Ends a participant and everything it owns.
    Leave {
        /// Whose.
        participant: ParticipantId,
    },
}

impl Command {
    /// Whom it concerns.
    #[must_use]
    pub fn participant(&self) -> ParticipantId {
        match self {
            Self::Join(join) => join.participant,
            Self::Negotiate(negotiate) => negotiate.participant,
            Self::RestartIce { participant, .. }
            | Self::Voice { participant, .. }
            | Self::Silence { participant, .. }
            | Self::Cap { participant, .. }
            | Self::View { participant, .. }
            | Self::Prefer { participant, .. }
            | Self::Choose { participant, .. }
            | Self::Hinder { participant, .. }
            | Self::Leave { participant } => *participant,
        }
    }
}

/// A new participant.
#[derive(Clone, Debug)]
pub struct Join {
    /// Its id; an id in use is refused.
    pub participant: ParticipantId,
    /// The channel, made where it does not exist.
    pub channel: ChannelId,
    /// Our ICE credentials: what STUN requests are checked against. The client's are not needed: a lite agent asks nothing.
    pub local: IceCredentials,
    /// Where SRTP keys come from.
    pub keying: Keying,
    /// Without a valid STUN request for this long the participant is lost (RFC 7675: 30 s).
    pub consent: Duration,
}

/// All media sections of a participant, as the last answer accepted them.
#[derive(Clone, Debug)]
pub struct Negotiate {
    /// Whose.
    pub participant: ParticipantId,
    /// Send m-lines.
    pub publications: Vec<PublicationSpec>,
    /// Receive m-lines; an id keeps its SSRC for ever.
    pub slots: Vec<SlotSpec>,
    /// The CNAME of our sender reports to this participant.
    pub cname: ArrayString<16>,
}

/// ICE user name fragment and password (RFC 8839, section 5.4); longer ones than these are refused at the edge.
#[derive(Clone, Debug, Eq, PartialEq)]
pub struct IceCredentials {
    /// 4 to 32 characters.
    pub ufrag: ArrayString<32>,
    /// 22 to 64 characters.
    pub password: ArrayString<64>,
}

/// Where a transport's SRTP keys come from.
#[derive(Clone, Debug)]
pub enum Keying {
    /// A DTLS handshake whose certificate must have this fingerprint.
    Dtls {
        /// Of the client's certificate, from its offer.
        fingerprint: Fingerprint,
        /// Who sends the ClientHello.
        role: DtlsRole,
    },
    /// Keys handed in: simulations that must repeat byte for byte, and relays.
    Given(KeyingMaterial),
}

/// Our side of a DTLS handshake (RFC 8842).
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub enum DtlsRole {
    /// We wait: the client is active. What an SFU prefers.
    Server,
    /// We begin.
    Client,
}

/// What a person switched on and off.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
#[expect(
    clippy::struct_excessive_bools,
    reason = "four switches of one person, each independent of the others"
)]
pub struct Voice {
    /// Nothing of the microphone is forwarded.
    pub muted: bool,
    /// No sound is sent to this person.
    pub deafened: bool,
    /// The camera is on.
    pub camera: bool,
    /// The screen is shared.
    pub screen: bool,
}

impl Voice {
    /// Of somebody of whom nothing is known to be on.
    pub const SILENT: Self = Self { muted: true, deafened: false, camera: false, screen: false };

    /// How many pictures are on, 0 to 2.
    #[must_use]
    pub fn pictures(&self) -> usize {
        usize::from(self.camera) + usize::from(self.screen)
    }
}

impl Default for Voice {
    fn default() -> Self {
        // Clients that never tell, as WHIP's, have everything on: their tracks begin with their first packet.
        Self { muted: false, deafened: false, camera: true, screen: true }
    }
}

/// What a moderator may silence.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub enum Silenced {
    /// The microphone, whatever publication it is or becomes.
    Microphone,
    /// One publication, until it ends.
    Publication(PublicationId),
}

/// How large a slot is shown.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub struct View {
    /// Which slot.
    pub slot: SlotId,
    /// In device pixels; 0 if not visible.
    pub width: u16,
    /// In device pixels; 0 if not visible.
    pub height: u16,
    /// 3 pinned or screen, 2 speaker, 1 else.
    pub priority: u8,
}

/// Whether and how much picture a person wants.
#[derive(Clone, Copy, Debug, Default, Eq, PartialEq)]
pub enum Pictures {
    /// As sharp as view and budget allow.
    #[default]
    Automatic,
    /// Never above the lowest layer.
    SaveData,
    /// None at all.
    SoundOnly,
}

/// Whose pictures a person receives. Sound is not chosen: everybody hears the loudest.
#[derive(Clone, Copy, Debug, Default, Eq, PartialEq)]
pub enum Choice {
    /// Everybody's, in the order in which they came, as far as there are slots.
    #[default]
    All,
    /// This participant's first, then the others'.
    First(ParticipantId),
    /// This participant's and no other.
    Only(ParticipantId),
}

impl Choice {
    /// Whether pictures of `publisher` are received at all.
    #[must_use]
    pub fn takes(self, publisher: ParticipantId) -> bool {
        match self {
            Self::All | Self::First(_) => true,
            Self::Only(chosen) => chosen == publisher,
        }
    }

    /// Whether pictures of `publisher` come before others'.
    #[must_use]
    pub fn is(self, publisher: ParticipantId) -> bool {
        match self {
            Self::All => false,
            Self::First(chosen) | Self::Only(chosen) => chosen == publisher,
        }
    }
}

/// Why a command was refused.
#[derive(Clone, Copy, Debug, Eq, Error, PartialEq)]
pub enum CommandError {
    /// The id is in use: signaling's mistake.
    #[error("a participant with this id exists")]
    ParticipantExists,
    /// Nobody of this id: it may just have been lost.
    #[error("no participant with this id")]
    UnknownParticipant,
    /// The participant has no publication of this id: it may just have ended.
    #[error("no publication with this id")]
    UnknownPublication,
    /// The shard holds as many participants as it may.
    #[error("this shard is full")]
    ShardFull,
    /// Keys that were handed in do not fit their profile: signaling's mistake.
    #[error("the keys do not fit their profile")]
    UnusableKeys,
    /// An SSRC, a slot or a publication is named twice.
    #[error("the media sections contradict each other: {0}")]
    Contradiction(&'static str),
}
