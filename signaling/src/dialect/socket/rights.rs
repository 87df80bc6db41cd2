//! The messages about rights: what one may do, and what moderators decide.

use serde::{Deserialize, Serialize};
use sfu::media::ParticipantId;

use crate::fault::Error;
use crate::notice::Granted;
use crate::session::Ask;
use crate::token::Bearer;
use crate::token::claims::Publish;
use crate::token::grant::MediaGrant;

/// The fields of `renew`.
#[derive(Deserialize)]
pub(super) struct RenewMessage {
    /// As somebody's application gave it to them.
    pub(super) token: Bearer,
}

/// The fields of `silence`.
#[derive(Deserialize)]
pub(super) struct SilenceMessage {
    participant: String,
    silenced: bool,
}

/// The fields of `remove`.
#[derive(Deserialize)]
pub(super) struct RemoveMessage {
    participant: String,
}

/// What one may do, as the protocol writes it.
#[derive(Clone, Debug, Deserialize, Eq, PartialEq, Serialize)]
pub struct GrantShown {
    /// What may be sent.
    pub publish: Vec<Publish>,
    /// Whether others may be heard and seen.
    pub subscribe: bool,
    /// Whether others may be silenced and removed.
    pub moderate: bool,
    /// Milliseconds until the token expires; left out where there is none.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub expires_ms: Option<u64>,
}

impl TryFrom<SilenceMessage> for Ask {
    type Error = Error;

    fn try_from(message: SilenceMessage) -> Result<Self, Error> {
        let SilenceMessage { participant, silenced } = message;
        Ok(Self::Silence { participant: named(&participant)?, silenced })
    }
}

impl TryFrom<RemoveMessage> for Ask {
    type Error = Error;

    fn try_from(message: RemoveMessage) -> Result<Self, Error> {
        named(&message.participant).map(Self::Remove)
    }
}

/// Who has this id.
fn named(id: &str) -> Result<ParticipantId, Error> {
    let number = id.strip_prefix('p').and_then(|number| number.parse().ok());
    number.map(ParticipantId).ok_or_else(|| Error::BadJson("participant: no id".to_owned()))
}

impl From<Granted> for GrantShown {
    fn from(Granted { media, moderate, lasts }: Granted) -> Self {
        let MediaGrant { sound, picture, screen, subscribe } = media;
        let kinds =
            [(Publish::Sound, sound), (Publish::Picture, picture), (Publish::Screen, screen)];
        let publish = kinds.into_iter().filter(|(_, may)| *may).map(|(kind, _)| kind);
        let expires_ms = lasts.map(|lasts| u64::try_from(lasts.as_millis()).unwrap_or(u64::MAX));
        Self { publish: publish.collect(), subscribe, moderate, expires_ms }
    }
}
