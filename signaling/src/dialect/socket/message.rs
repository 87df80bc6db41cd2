//! The messages of docs/protocol.md: one enum per direction, and how they translate.

use std::borrow::Cow;

use serde::{Deserialize, Serialize};
use serde_json::{Map, Value};
use sfu::command::Pictures;
use sfu::event::{Outcome, Outlook, Reason, Speaker};
use sfu::media::{ParticipantId, Source};
use sfu::publication::hindrance::Shortage;
use simulcast::Bitrate;

use super::close::Bye;
use super::rights::{GrantShown, RemoveMessage, RenewMessage, SilenceMessage};
use crate::fault::{Error, Fault};
use crate::notice::{Departure, Notice, Person, Playing, Wanted, Welcome};
use crate::sdp::negotiate::Track;
use crate::session::{Ask, MidView};
use crate::slots::Slots;
use crate::token::Bearer;
use sfu::command::Voice;

/// What a client sends.
#[derive(Clone, Debug, Eq, PartialEq)]
pub enum ClientMessage {
    /// `join`.
    Join(JoinMessage),
    /// `offer`, `voice`, `view`, `prefer`, `limited`, `watch`, `silence`, `remove` or `leave`.
    Ask(Ask),
    /// `renew`.
    Renew(Bearer),
    /// `pong`, to which ping.
    Pong(u64),
}

/// The fields of `join`.
#[derive(Clone, Debug, Deserialize, Eq, PartialEq)]
pub struct JoinMessage {
    /// As typed.
    pub channel: String,
    /// As typed.
    pub name: String,
    /// The secret of an earlier welcome.
    #[serde(default)]
    pub resume: Option<String>,
    /// What says that they may; not needed in the open development mode.
    #[serde(default)]
    pub token: Option<Bearer>,
}

#[derive(Deserialize)]
struct Op<'a> {
    #[serde(borrow)]
    op: Cow<'a, str>,
}

#[derive(Deserialize)]
struct OfferMessage {
    id: u64,
    sdp: String,
    #[serde(default)]
    tracks: Vec<TrackMessage>,
}

#[derive(Deserialize)]
struct TrackMessage {
    mid: String,
    source: SourceName,
}

#[derive(Deserialize)]
#[expect(clippy::struct_excessive_bools, reason = "the message has these four switches")]
struct VoiceMessage {
    muted: bool,
    deafened: bool,
    camera: bool,
    screen: bool,
}

#[derive(Deserialize)]
struct ViewMessage {
    slots: Vec<SlotView>,
}

#[derive(Deserialize)]
struct SlotView {
    mid: String,
    width: u16,
    height: u16,
    priority: u8,
}

#[derive(Deserialize)]
struct PreferMessage {
    mode: Mode,
    #[serde(default)]
    budget: Option<u64>,
}

#[derive(Deserialize)]
#[serde(rename_all = "snake_case")]
enum Mode {
    Automatic,
    SaveData,
    SoundOnly,
}

#[derive(Deserialize)]
struct LimitedMessage {
    mid: String,
    #[serde(default)]
    by: Option<Limit>,
}

#[derive(Deserialize)]
#[serde(rename_all = "snake_case")]
enum Limit {
    Bandwidth,
    Cpu,
}

#[derive(Deserialize)]
struct WatchMessage {
    link: bool,
}

#[derive(Deserialize)]
struct PongMessage {
    id: u64,
}

/// What a track is, as the protocol writes it.
#[derive(Clone, Copy, Debug, Deserialize, Eq, PartialEq, Serialize)]
#[serde(rename_all = "snake_case")]
pub enum SourceName {
    /// A voice.
    Microphone,
    /// A picture.
    Camera,
    /// A shared screen.
    Screen,
    /// Its sound.
    ScreenSound,
}

impl ClientMessage {
    /// Reads a message.
    ///
    /// # Errors
    /// [`Error::BadJson`] naming the field, [`Error::UnknownOp`]: the client's fault.
    pub fn read(text: &str) -> Result<Self, Error> {
        let Op { op } = typed(text)?;
        Ok(match &*op {
            "join" => Self::Join(typed(text)?),
            "offer" => Self::Ask(typed::<OfferMessage>(text)?.into()),
            "voice" => Self::Ask(typed::<VoiceMessage>(text)?.into()),
            "view" => Self::Ask(typed::<ViewMessage>(text)?.into()),
            "prefer" => Self::Ask(typed::<PreferMessage>(text)?.into()),
            "limited" => Self::Ask(typed::<LimitedMessage>(text)?.into()),
            "watch" => {
                let WatchMessage { link } = typed(text)?;
                Self::Ask(Ask::Watch { link })
            }
            "renew" => Self::Renew(typed::<RenewMessage>(text)?.token),
            "silence" => Self::Ask(typed::<SilenceMessage>(text)?.try_into()?),
            "remove" => Self::Ask(typed::<RemoveMessage>(text)?.try_into()?),
            "leave" => Self::Ask(Ask::Leave),
            "pong" => Self::Pong(typed::<PongMessage>(text)?.id),
            other => return Err(Error::UnknownOp(other.chars().take(ECHOED_MAX).collect())),
        })
    }
}

/// How much of a client's own words an error repeats.
const ECHOED_MAX: usize = 100;

/// Reads one object; an error names the field.
fn typed<'a, T: Deserialize<'a>>(text: &'a str) -> Result<T, Error> {
    let mut reader = serde_json::Deserializer::from_str(text);
    let value = serde_path_to_error::deserialize(&mut reader).map_err(|error| {
        let path = error.path().to_string();
        let what = error.into_inner().to_string();
        let words = if path == "." { what } else { format!("{path}: {what}") };
        Error::BadJson(words.chars().take(ECHOED_MAX).collect())
    })?;
    reader.end().map_err(|error| Error::BadJson(error.to_string()))?;
    Ok(value)
}

impl From<OfferMessage> for Ask {
    fn from(OfferMessage { id, sdp, tracks }: OfferMessage) -> Self {
        let tracks = tracks
            .into_iter()
            .map(|TrackMessage { mid, source }| Track { mid, source: source.into() });
        Self::Offer { id, sdp, tracks: tracks.collect() }
    }
}

impl From<VoiceMessage> for Ask {
    fn from(VoiceMessage { muted, deafened, camera, screen }: VoiceMessage) -> Self {
        Self::Voice(Voice { muted, deafened, camera, screen })
    }
}

impl From<ViewMessage> for Ask {
    fn from(ViewMessage { slots }: ViewMessage) -> Self {
        let view =
            |SlotView { mid, width, height, priority }| MidView { mid, width, height, priority };
        Self::View(slots.into_iter().map(view).collect())
    }
}

impl From<PreferMessage> for Ask {
    fn from(PreferMessage { mode, budget }: PreferMessage) -> Self {
        let pictures = match mode {
            Mode::Automatic => Pictures::Automatic,
            Mode::SaveData => Pictures::SaveData,
            Mode::SoundOnly => Pictures::SoundOnly,
        };
        Self::Prefer { budget: budget.map(Bitrate::bps), pictures }
    }
}

impl From<LimitedMessage> for Ask {
    fn from(LimitedMessage { mid, by }: LimitedMessage) -> Self {
        let by = by.map(|by| match by {
            Limit::Bandwidth => Shortage::Upload,
            Limit::Cpu => Shortage::Device,
        });
        Self::Limited { mid, by }
    }
}

impl From<SourceName> for Source {
    fn from(name: SourceName) -> Self {
        match name {
            SourceName::Microphone => Self::Microphone,
            SourceName::Camera => Self::Camera,
            SourceName::Screen => Self::Screen,
            SourceName::ScreenSound => Self::ScreenSound,
        }
    }
}

impl From<Source> for SourceName {
    fn from(source: Source) -> Self {
        match source {
            Source::Microphone => Self::Microphone,
            Source::Camera => Self::Camera,
            Source::Screen => Self::Screen,
            Source::ScreenSound => Self::ScreenSound,
        }
    }
}

/// What the server sends. It can also be read, for clients written in Rust.
#[derive(Clone, Debug, Deserialize, PartialEq, Serialize)]
#[serde(tag = "op", rename_all = "snake_case")]
#[expect(
    missing_docs,
    reason = "docs/protocol.md describes each message, and a test holds them to it"
)]
pub enum ServerMessage {
    Present {
        participants: Vec<PersonShown>,
    },
    Welcome {
        participant: String,
        resume: String,
        leave_url: String,
        channel: String,
        resumed: bool,
        slots: SlotCounts,
        heartbeat_ms: u64,
        grant: GrantShown,
        participants: Vec<PersonShown>,
        assigned: Vec<SlotShown>,
    },
    Answer {
        id: u64,
        sdp: String,
    },
    Joined {
        participant: PersonShown,
    },
    Changed {
        participant: PersonShown,
    },
    Left {
        participant: String,
        reason: LeftReason,
    },
    Slots {
        slots: Vec<SlotShown>,
    },
    SlotsNeeded {
        audio: u8,
        video: u8,
    },
    Wanted {
        mid: String,
        encodings: Vec<bool>,
    },
    Grant {
        grant: GrantShown,
    },
    Speakers {
        speakers: Vec<SpeakerShown>,
    },
    Link {
        estimate: u64,
        used: u64,
        wanted: u64,
        loss_permille: u16,
        #[serde(default, skip_serializing_if = "Option::is_none")]
        round_trip_ms: Option<u64>,
    },
    Ping {
        id: u64,
    },
    Error {
        code: Cow<'static, str>,
        fault: Fault,
        message: String,
        #[serde(default, skip_serializing_if = "Option::is_none")]
        id: Option<u64>,
    },
    Bye {
        code: Bye,
        message: Cow<'static, str>,
    },
}

/// How many receive m-lines of each kind.
#[derive(Clone, Copy, Debug, Deserialize, Eq, PartialEq, Serialize)]
#[expect(missing_docs, reason = "docs/protocol.md describes each field")]
pub struct SlotCounts {
    pub audio: u8,
    pub video: u8,
}

/// A participant.
#[derive(Clone, Debug, Deserialize, Eq, PartialEq, Serialize)]
#[expect(missing_docs, reason = "docs/protocol.md describes each field")]
#[expect(clippy::struct_excessive_bools, reason = "the message has these six")]
pub struct PersonShown {
    pub id: String,
    pub name: String,
    pub muted: bool,
    pub deafened: bool,
    pub camera: bool,
    pub screen: bool,
    #[serde(default, skip_serializing_if = "is_no")]
    pub silenced: bool,
    pub connected: bool,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub metadata: Option<Map<String, Value>>,
}

#[expect(clippy::trivially_copy_pass_by_ref, reason = "serde hands fields over by reference")]
const fn is_no(value: &bool) -> bool {
    !*value
}

/// What plays in a slot.
#[derive(Clone, Debug, Deserialize, Eq, PartialEq, Serialize)]
#[expect(missing_docs, reason = "docs/protocol.md describes each field")]
pub struct SlotShown {
    pub mid: String,
    pub publication: u32,
    pub participant: String,
    pub source: SourceName,
    pub reason: ReasonName,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub layer: Option<u8>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub wanted: Option<u8>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub short_by: Option<u64>,
}

/// Why a slot has what it has, as the protocol writes it.
#[derive(Clone, Copy, Debug, Deserialize, Eq, PartialEq, Serialize)]
#[serde(rename_all = "snake_case")]
#[expect(missing_docs, reason = "docs/protocol.md describes each reason")]
pub enum ReasonName {
    Full,
    Budget,
    Paused,
    Starting,
    Chosen,
    Hidden,
    Server,
    Codec,
    Upload,
    Busy,
    Source,
    Loss,
    /// The link between two servers is full. None is told until there are such links.
    Relay,
    Keyframe,
}

impl From<Reason> for ReasonName {
    fn from(reason: Reason) -> Self {
        match reason {
            Reason::Full => Self::Full,
            Reason::Budget => Self::Budget,
            Reason::Paused => Self::Paused,
            Reason::Starting => Self::Starting,
            Reason::Chosen => Self::Chosen,
            Reason::Hidden => Self::Hidden,
            Reason::Server => Self::Server,
            Reason::Codec => Self::Codec,
            Reason::Upload => Self::Upload,
            Reason::Busy => Self::Busy,
            Reason::Source => Self::Source,
            Reason::Loss => Self::Loss,
            Reason::Keyframe => Self::Keyframe,
        }
    }
}

/// Somebody who is heard.
#[derive(Clone, Debug, Deserialize, Eq, PartialEq, Serialize)]
#[expect(missing_docs, reason = "docs/protocol.md describes each field")]
pub struct SpeakerShown {
    pub participant: String,
    pub level: u8,
}

/// Why somebody went.
#[derive(Clone, Copy, Debug, Deserialize, Eq, PartialEq, Serialize)]
#[serde(rename_all = "snake_case")]
#[expect(missing_docs, reason = "docs/protocol.md describes each reason")]
pub enum LeftReason {
    Left,
    Lost,
    Removed,
    Server,
}

impl ServerMessage {
    /// `notice` as the protocol writes it; `heartbeat_ms` goes into a welcome.
    #[must_use]
    pub fn of(notice: Notice, heartbeat_ms: u64) -> Self {
        match notice {
            Notice::Welcome(welcome) => Self::welcome(*welcome, heartbeat_ms),
            Notice::Answer { id, sdp } => Self::Answer { id, sdp },
            Notice::Joined(person) => Self::Joined { participant: person.into() },
            Notice::Changed(person) => Self::Changed { participant: person.into() },
            Notice::Left(participant, departure) => Self::Left {
                participant: shown(participant),
                reason: match departure {
                    Departure::Left => LeftReason::Left,
                    Departure::Lost => LeftReason::Lost,
                    Departure::Removed => LeftReason::Removed,
                    Departure::Server => LeftReason::Server,
                },
            },
            Notice::Slots(playing) => {
                Self::Slots { slots: playing.into_iter().map(SlotShown::from).collect() }
            }
            Notice::SlotsNeeded(Slots { audio, video }) => Self::SlotsNeeded { audio, video },
            Notice::Granted(granted) => Self::Grant { grant: granted.into() },
            Notice::Wanted(Wanted { mid, encodings }) => {
                Self::Wanted { mid: mid.0.as_str().to_owned(), encodings }
            }
            Notice::Speakers(speakers) => {
                Self::Speakers { speakers: speakers.into_iter().map(SpeakerShown::from).collect() }
            }
            Notice::Link(Outlook { estimate, used, wanted, loss_permille, round_trip }) => {
                Self::Link {
                    estimate: estimate.as_bps(),
                    used: used.as_bps(),
                    wanted: wanted.as_bps(),
                    loss_permille,
                    round_trip_ms: round_trip
                        .map(|time| u64::try_from(time.as_millis()).unwrap_or(u64::MAX)),
                }
            }
            Notice::Failed { error, offer } => Self::error(&error, offer),
        }
    }

    /// Splits off the first [`PAGE`] people of a welcome that has more, to be sent before it.
    pub fn page(&mut self) -> Option<Self> {
        let Self::Welcome { participants, .. } = self else { return None };
        (participants.len() > PAGE)
            .then(|| Self::Present { participants: participants.drain(..PAGE).collect() })
    }

    /// `error` as the protocol writes it.
    #[must_use]
    pub fn error(error: &Error, id: Option<u64>) -> Self {
        let face = error.face();
        Self::Error { code: face.code.into(), fault: face.fault, message: error.to_string(), id }
    }

    fn welcome(welcome: Welcome, heartbeat_ms: u64) -> Self {
        let Welcome {
            participant,
            resume,
            leave,
            channel,
            resumed,
            slots,
            granted,
            people,
            playing,
        } = welcome;
        Self::Welcome {
            participant: shown(participant),
            resume,
            leave_url: format!("/v1/leave/{leave}"),
            channel: channel.to_string(),
            resumed,
            slots: SlotCounts { audio: slots.audio, video: slots.video },
            heartbeat_ms,
            grant: granted.into(),
            participants: people.into_iter().map(PersonShown::from).collect(),
            assigned: playing.into_iter().map(SlotShown::from).collect(),
        }
    }
}

/// People in one message: some 6 KiB. A socket keeps room for the longest message it ever sent; a thousand people in one would cost
/// each of them over 100 KiB.
pub const PAGE: usize = 50;

fn shown(id: ParticipantId) -> String {
    format!("p{}", id.0)
}

impl From<Person> for PersonShown {
    fn from(Person { id, name, voice, silenced, metadata, connected }: Person) -> Self {
        let Voice { muted, deafened, camera, screen } = voice;
        Self {
            id: shown(id),
            name: name.as_str().to_owned(),
            muted,
            deafened,
            camera,
            screen,
            silenced,
            connected,
            metadata,
        }
    }
}

impl From<Playing> for SlotShown {
    fn from(Playing { mid, publication, publisher, source, outcome }: Playing) -> Self {
        let Outcome { reason, layer, wanted, short_by } = outcome;
        Self {
            mid: mid.0.as_str().to_owned(),
            publication: publication.0,
            participant: shown(publisher),
            source: source.into(),
            reason: reason.into(),
            layer,
            wanted,
            short_by: (short_by > Bitrate::ZERO).then(|| short_by.as_bps()),
        }
    }
}

impl From<Speaker> for SpeakerShown {
    fn from(Speaker { participant, level }: Speaker) -> Self {
        Self { participant: shown(participant), level }
    }
}

#[cfg(test)]
#[path = "message_tests.rs"]
mod tests;
