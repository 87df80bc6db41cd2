//! Who can hear and see each other.
//!
//! A channel keeps the order in which people and publications came. Pictures get slots in that order; voices by
//! loudness, through [`speakers`].

pub mod assign;
pub mod participant;
pub mod speakers;

use std::time::{Duration, Instant};

use crate::event::Speaker;
use crate::media::{ChannelId, PublicationId};
use crate::publication::PublicationKey;
use crate::relay::ShardSet;
use participant::ParticipantKey;
use speakers::Speakers;

slotmap::new_key_type! {
    /// A channel within its shard.
    pub struct ChannelKey;
}

/// Somebody's sound, as all shards order it: by what signaling calls it, then by where it is here.
#[derive(Clone, Copy, Debug, Eq, Ord, PartialEq, PartialOrd)]
pub struct VoiceKey {
    /// Signaling's number for the publication.
    pub id: PublicationId,
    /// The publication.
    pub key: PublicationKey,
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
    pub speakers: Speakers<VoiceKey>,
    /// The voices chosen last, loudest first.
    pub voices: Vec<VoiceKey>,
    /// The other shards that have members in it.
    pub attending: ShardSet,
    /// Whom the last `Speakers` event named.
    pub told: Vec<Speaker>,
    next_choice: Instant,
}

impl VoiceChannel {
    /// An empty channel in which each listener hears `voices` others, while `attending` have members in it too.
    #[must_use]
    pub fn new(now: Instant, id: ChannelId, voices: u8, attending: ShardSet) -> Self {
        Self {
            id,
            members: Vec::new(),
            publications: Vec::new(),
            speakers: Speakers::new(voices),
            voices: Vec::new(),
            attending,
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
    pub fn remove_publication(&mut self, publication: VoiceKey) {
        self.publications.retain(|other| *other != publication.key);
        self.voices.retain(|other| *other != publication);
        self.speakers.removed(publication);
    }
}

/// One packet time of Opus: choosing more often than levels arrive cannot change anything.
pub const CHOICE_INTERVAL: Duration = Duration::from_millis(20);
