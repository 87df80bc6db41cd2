//! What a shard tells signaling.

use simulcast::Bitrate;
use simulcast::allocator;
use thiserror::Error;

use crate::command::{CommandError, CommandId};
use crate::media::{ChannelId, ParticipantId, PublicationId, SlotId, Source};
use crate::metrics::Snapshot;
use crate::publication::demand::Demand;
pub use crate::transport::bandwidth::Outlook;

/// One piece of news. Within a shard their order is the order in which things happened.
#[derive(Clone, Debug)]
pub enum Event {
    /// A command was carried out.
    Done(CommandId),
    /// A command was not carried out, and nothing changed.
    Refused(CommandId, CommandError),
    /// ICE and DTLS have succeeded: media can flow.
    Connected(ParticipantId),
    /// The transport ended; the participant is gone from the shard, with all it owned.
    Lost(ParticipantId, LostReason),
    /// What each slot of a participant carries now, in full: it replaces the last such event.
    Assigned(ParticipantId, Vec<Assignment>),
    /// A participant would need this many slots to receive everything; told once per change.
    SlotsNeeded {
        /// Whose.
        participant: ParticipantId,
        /// Receive m-lines for sound.
        audio: u8,
        /// Receive m-lines for pictures.
        video: u8,
    },
    /// Which encodings of a publication its publisher should send: somebody wants them, or may soon. Told on change; before the
    /// first such event all are wanted.
    Wanted {
        /// Whose.
        participant: ParticipantId,
        /// Which track.
        publication: PublicationId,
        /// How many encodings it has.
        encodings: u8,
        /// Which of them are wanted.
        demand: Demand,
    },
    /// Who is heard in a channel, loudest first; told on change and at most 10 times a second.
    Speakers(ChannelId, Vec<Speaker>),
    /// The first packet of a publication arrived, or the first after it was silent.
    Publishing(ParticipantId, PublicationId),
    /// What a participant's link carries and what of it is used; told at most once a second, where something changed by a tenth.
    Outlook(ParticipantId, Outlook),
    /// Counters and gauges, once a second.
    Metrics(Box<Snapshot>),
    /// The media thread ended without being asked to: its participants are gone. Its last event; no shard tells it.
    Stopped(StopReason),
}

/// A publication in a slot.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub struct Assignment {
    /// Where it plays.
    pub slot: SlotId,
    /// Which track.
    pub publication: PublicationId,
    /// Whose track.
    pub publisher: ParticipantId,
    /// What it shows.
    pub source: Source,
    /// What of it is given.
    pub outcome: Outcome,
}

/// What a receiver gets of a publication, and why it is not more.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub struct Outcome {
    /// Why.
    pub reason: Reason,
    /// The spatial layer that flows; none for no picture, and for sound.
    pub layer: Option<u8>,
    /// The spatial layer that its view could use.
    pub wanted: Option<u8>,
    /// By how much the network would have to carry more for the next step, in bits per second of pictures.
    pub short_by: Bitrate,
}

impl Outcome {
    /// For a reason alone.
    #[must_use]
    pub const fn of(reason: Reason) -> Self {
        Self { reason, layer: None, wanted: None, short_by: Bitrate::ZERO }
    }

    /// Whether only the rate differs, and by no more than a quarter where it is looked at.
    #[must_use]
    pub fn is_near(&self, other: &Self, rate_counts: bool) -> bool {
        let (most, least) = (self.short_by.max(other.short_by), self.short_by.min(other.short_by));
        let same = Self { short_by: self.short_by, ..*other };
        *self == same && !(rate_counts && most.scaled(3, 4) > least)
    }
}

/// Why a receiver gets of a publication what it gets.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub enum Reason {
    /// It is as sharp as its view shows, or as its publisher sends.
    Full,
    /// The network has no room for the next layer.
    Budget,
    /// The network has no room for the lowest layer.
    Paused,
    /// The first seconds: the budget is still being learnt.
    Starting,
    /// The person chose less, or set a limit that has no room for more.
    Chosen,
    /// Nobody sees it.
    Hidden,
    /// The server has too much to do.
    Server,
    /// The receiver can decode none of its formats.
    Codec,
    /// Its publisher's network carries no larger picture, as the publisher's client says.
    Upload,
    /// Its publisher's device can make no larger picture, as the publisher's client says.
    Busy,
    /// The largest picture that its publisher has flows, and the view has room for more.
    Source,
    /// Part of it was lost on the way from its publisher and is asked for again.
    Loss,
    /// Its publisher sends no keyframe when asked: what flows begins, or grows, with the next one that comes by itself.
    Keyframe,
}

impl From<allocator::Reason> for Reason {
    fn from(reason: allocator::Reason) -> Self {
        match reason {
            allocator::Reason::Full => Self::Full,
            allocator::Reason::Budget => Self::Budget,
            allocator::Reason::Paused => Self::Paused,
            allocator::Reason::Starting => Self::Starting,
            allocator::Reason::Chosen => Self::Chosen,
            allocator::Reason::Hidden => Self::Hidden,
            allocator::Reason::Server => Self::Server,
        }
    }
}

/// Somebody who speaks.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub struct Speaker {
    /// Who.
    pub participant: ParticipantId,
    /// −dBov: 0 is loudest, 127 is silence (RFC 6464).
    pub level: u8,
}

/// Why a participant's transport ended.
#[derive(Clone, Copy, Debug, Eq, Error, PartialEq)]
pub enum LostReason {
    /// No valid STUN request for as long as consent lasts (RFC 7675).
    #[error("nothing was heard from the client for too long")]
    ConsentExpired,
    /// The certificate is not the one the offer promised: somebody is in the middle, or the client is broken.
    #[error("the certificate does not match the fingerprint of the offer")]
    FingerprintMismatch,
    /// DTLS gave up.
    #[error("the DTLS handshake failed")]
    HandshakeFailed,
    /// The client closed DTLS.
    #[error("the client closed the connection")]
    Closed,
    /// The media thread that served it has ended. No shard tells it; others go on and take in whoever offers anew.
    #[error("the media thread that served the client has ended")]
    ShardStopped,
}

/// Why a media thread ended without being asked to: either way a mistake of ours.
#[derive(Clone, Copy, Debug, Eq, Error, PartialEq)]
pub enum StopReason {
    /// It panicked; what and where is on standard error.
    #[error("the media thread panicked")]
    Panicked,
    /// It could no longer wait for its sockets.
    #[error("the media thread could not wait for its sockets")]
    WaitFailed,
}
