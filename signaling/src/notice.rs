//! What a participant is told, whatever the dialect.

use std::time::Duration;

use serde_json::{Map, Value};
use sfu::command::Voice;
use sfu::event::{Outcome, Outlook, Speaker};
use sfu::media::{Mid, ParticipantId, PublicationId, Source};

use crate::fault::Error;
use crate::name::{ChannelName, PersonName};
use crate::slots::Slots;
use crate::token::grant::MediaGrant;

/// What a participant is told.
#[derive(Clone, Debug, PartialEq)]
pub enum Notice {
    /// The whole state, after joining or resuming.
    Welcome(Box<Welcome>),
    /// An answer.
    Answer {
        /// To which offer.
        id: u64,
        /// The session description.
        sdp: String,
    },
    /// Somebody came.
    Joined(Person),
    /// Somebody's switches or link changed.
    Changed(Person),
    /// Somebody went.
    Left(ParticipantId, Departure),
    /// What plays where, in full.
    Slots(Vec<Playing>),
    /// How many receive m-lines would be used.
    SlotsNeeded(Slots),
    /// What one may do from here on.
    Granted(Granted),
    /// Which encodings of a track somebody wants.
    Wanted(Wanted),
    /// Who is heard.
    Speakers(Vec<Speaker>),
    /// What one's link carries.
    Link(Outlook),
    /// A request, or the media connection, failed.
    Failed {
        /// How.
        error: Error,
        /// The offer it answers, where it answers one.
        offer: Option<u64>,
    },
}

/// The state of a channel as somebody finds it who comes in.
#[derive(Clone, Debug, PartialEq)]
pub struct Welcome {
    /// Who one is.
    pub participant: ParticipantId,
    /// The secret to come back with.
    pub resume: String,
    /// The secret to leave with.
    pub leave: String,
    /// Where one is.
    pub channel: ChannelName,
    /// Whether this is an earlier participant, whose media went on.
    pub resumed: bool,
    /// How many receive m-lines to offer.
    pub slots: Slots,
    /// What one may do.
    pub granted: Granted,
    /// Everybody, oneself included, in order of arrival.
    pub people: Vec<Person>,
    /// What plays where.
    pub playing: Vec<Playing>,
}

/// What a participant may do, as it is told.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub struct Granted {
    /// Which media.
    pub media: MediaGrant,
    /// May silence and remove others.
    pub moderate: bool,
    /// How long; `None` for ever.
    pub lasts: Option<Duration>,
}

/// A publication in a slot.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub struct Playing {
    /// Of the slot.
    pub mid: Mid,
    /// Which track.
    pub publication: PublicationId,
    /// Whose.
    pub publisher: ParticipantId,
    /// What it is.
    pub source: Source,
    /// What of it is given.
    pub outcome: Outcome,
}

/// Which encodings of a track are wanted.
#[derive(Clone, Debug, Eq, PartialEq)]
pub struct Wanted {
    /// Of the track's m-line.
    pub mid: Mid,
    /// In the order of the offer.
    pub encodings: Vec<bool>,
}

/// Why somebody went.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub enum Departure {
    /// By choice.
    Left,
    /// Nothing was heard for too long.
    Lost,
    /// By a moderator's decision.
    Removed,
    /// By the server's decision.
    Server,
}

/// What others see of a participant.
#[derive(Clone, Debug, Eq, PartialEq)]
pub struct Person {
    /// Its id.
    pub id: ParticipantId,
    /// Its name.
    pub name: PersonName,
    /// Its switches.
    pub voice: Voice,
    /// Whether a moderator has silenced it.
    pub silenced: bool,
    /// What an application says of it.
    pub metadata: Option<Map<String, Value>>,
    /// False while its place is kept without a link.
    pub connected: bool,
}
