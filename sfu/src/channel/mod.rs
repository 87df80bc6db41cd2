//! Who can hear and see each other.
//!
//! A channel keeps the order in which people and publications came. Pictures get slots in that order; voices by
//! loudness, through [`speakers`].

pub mod assign;
pub mod participant;
pub mod speakers;

use std::time::{Duration, Instant};

use crate::event::Speaker;
use crate::media::ChannelId;
use crate::publication::PublicationKey;
use participant::ParticipantKey;
use speakers::Speakers;

slotmap::new_key_type! {
    /// A channel within its shard.
    pub struct ChannelKey;
}

/// A voice channel.
#[derive(Debug)]
pub struct VoiceChannel {
    /// Signaling's number for it.
    pub id: ChannelId,
    /// In order of arrival.
    pub members: Vec<ParticipantKey>,
    /// In order of arrival; live or not.
    pub publications: Vec<PublicationKey>,
    /// Who is loud.
    pub speakers: Speakers<PublicationKey>,
    /// The voices chosen last, loudest first.
    pub voices: Vec<PublicationKey>,
    /// Whom the last `Speakers` event named.
    pub told: Vec<Speaker>,
    next_choice: Instant,
}

impl VoiceChannel {
    /// An empty channel in which each listener hears `voices` others.
    #[must_use]
    pub fn new(now: Instant, id: ChannelId, voices: u8) -> Self {
        Self {
            id,
            members: Vec::new(),
            publications: Vec::new(),
            speakers: Speakers::new(voices),
            voices: Vec::new(),
            told: Vec::new(),
            next_choice: now,
        }
    }

    /// Whether the voices are to be chosen anew; at most once in [`CHOICE_INTERVAL`].
    pub fn is_choice_due(&mut self, now: Instant) -> bool {
        let due = now >= self.next_choice;
        if due {
            self.next_choice = now + CHOICE_INTERVAL;
        }
        due
    }

    /// Forgets a publication that ended.
    pub fn remove_publication(&mut self, publication: PublicationKey) {
        self.publications.retain(|other| *other != publication);
        self.voices.retain(|other| *other != publication);
        self.speakers.removed(publication);
    }
}

/// One packet time of Opus: choosing more often than levels arrive cannot change anything.
pub const CHOICE_INTERVAL: Duration = Duration::from_millis(20);
