//! What a participant asks for, whatever the dialect.

use sfu::command::{Choice, Pictures, Voice};
use sfu::media::ParticipantId;
use sfu::publication::hindrance::Shortage;
use simulcast::Bitrate;

use crate::sdp::negotiate::Track;
use crate::token::grant::Grant;

/// How large an m-line is shown.
#[derive(Clone, Debug, Eq, PartialEq)]
pub struct MidView {
    /// Which m-line.
    pub mid: String,
    /// In device pixels.
    pub width: u16,
    /// In device pixels.
    pub height: u16,
    /// 1 to 3.
    pub priority: u8,
}

/// What a participant asks for.
#[derive(Clone, Debug, Eq, PartialEq)]
pub enum Ask {
    /// To send and receive as an offer says.
    Offer {
        /// The client's number for it.
        id: u64,
        /// The session description.
        sdp: String,
        /// What its send m-lines are.
        tracks: Vec<Track>,
    },
    /// To switch something on or off.
    Voice(Voice),
    /// To see in these sizes.
    View(Vec<MidView>),
    /// To receive no more than this.
    Prefer {
        /// `None` for no limit.
        budget: Option<Bitrate>,
        /// Pictures at all?
        pictures: Pictures,
    },
    /// To see somebody before others.
    Choose(Choice),
    /// That others know what keeps a track of its own small.
    Limited {
        /// Its m-line.
        mid: String,
        /// `None` for nothing.
        by: Option<Shortage>,
    },
    /// To be told of the link, or no longer.
    Watch {
        /// Which of both.
        link: bool,
    },
    /// To do from here on what another token grants.
    Renew(Box<Grant>),
    /// That somebody is not heard, or is again.
    Silence {
        /// Who.
        participant: ParticipantId,
        /// Which of both.
        silenced: bool,
    },
    /// That somebody goes.
    Remove(ParticipantId),
    /// To go.
    Leave,
    /// To go because the media connection ended, and nobody comes back who could offer anew.
    GiveUp,
}
