//! Everything a shard holds, and by what it is found.

use std::collections::HashMap;
use std::hash::{BuildHasher, DefaultHasher, Hasher};

use arrayvec::ArrayString;
use slotmap::SlotMap;

use crate::channel::participant::{Participant, ParticipantKey};
use crate::channel::{ChannelKey, VoiceChannel};
use crate::command::IceCredentials;
use crate::media::{ChannelId, ParticipantId};
use crate::net::batch::Path;
use crate::publication::{Publication, PublicationKey};
use crate::relay::{ShardIndex, ShardSet};
use crate::transport::ice::Accepted;

/// Participants, publications and channels, each in one place, and the ways to find them.
///
/// Keys are generational: one that outlives what it stood for finds nothing.
#[derive(Debug)]
pub(super) struct Tables {
    pub(super) participants: SlotMap<ParticipantKey, Participant>,
    pub(super) publications: SlotMap<PublicationKey, Publication>,
    pub(super) channels: SlotMap<ChannelKey, VoiceChannel>,
    by_id: HashMap<ParticipantId, ParticipantKey, SeededHash>,
    by_channel_id: HashMap<ChannelId, ChannelKey, SeededHash>,
    by_ufrag: HashMap<ArrayString<32>, ParticipantKey, SeededHash>,
    by_path: HashMap<Path, ParticipantKey, SeededHash>,
    /// Which other shards have members in a channel, whether or not it is here.
    attending: HashMap<ChannelId, ShardSet, SeededHash>,
}

/// Hashes what peers choose (addresses, user name fragments) with a key they don't know.
#[derive(Clone, Copy, Debug)]
struct SeededHash(u64);

impl BuildHasher for SeededHash {
    type Hasher = DefaultHasher;

    fn build_hasher(&self) -> DefaultHasher {
        let mut hasher = DefaultHasher::new();
        hasher.write_u64(self.0);
        hasher
    }
}

impl Tables {
    pub(super) fn new(hash_seed: u64) -> Self {
        let hash = SeededHash(hash_seed);
        Self {
            participants: SlotMap::with_key(),
            publications: SlotMap::with_key(),
            channels: SlotMap::with_key(),
            by_id: HashMap::with_hasher(hash),
            by_channel_id: HashMap::with_hasher(hash),
            by_ufrag: HashMap::with_hasher(hash),
            by_path: HashMap::with_hasher(hash),
            attending: HashMap::with_hasher(hash),
        }
    }

    pub(super) fn participant_by_id(&self, id: ParticipantId) -> Option<ParticipantKey> {
        self.by_id.get(&id).copied()
    }

    pub(super) fn channel_by_id(&self, id: ChannelId) -> Option<ChannelKey> {
        self.by_channel_id.get(&id).copied()
    }

    pub(super) fn participant_by_ufrag(&self, ufrag: &str) -> Option<ParticipantKey> {
        self.by_ufrag.get(ufrag).copied()
    }

    pub(super) fn participant_by_path(&self, path: &Path) -> Option<ParticipantKey> {
        self.by_path.get(path).copied()
    }

    /// Which other shards have members in a channel.
    pub(super) fn attending(&self, channel: ChannelId) -> ShardSet {
        self.attending.get(&channel).copied().unwrap_or_default()
    }

    /// Another shard has members in a channel from now on, or has none any more.
    pub(super) fn set_attending(&mut self, channel: ChannelId, shards: ShardSet) {
        if shards.is_empty() {
            self.attending.remove(&channel);
        } else {
            self.attending.insert(channel, shards);
        }
        let key = self.channel_by_id(channel);
        if let Some(channel) = key.and_then(|key| self.channels.get_mut(key)) {
            channel.attending = shards;
        }
    }

    /// A shard has ended: it attends nothing any more.
    pub(super) fn forget_shard(&mut self, shard: ShardIndex) {
        self.attending.retain(|_, shards| {
            *shards = shards.without(shard);
            !shards.is_empty()
        });
        for channel in self.channels.values_mut() {
            channel.attending = channel.attending.without(shard);
        }
    }

    pub(super) fn insert_channel(&mut self, channel: VoiceChannel) -> ChannelKey {
        let id = channel.id;
        let key = self.channels.insert(channel);
        self.by_channel_id.insert(id, key);
        key
    }

    pub(super) fn insert_participant(&mut self, participant: Participant) -> ParticipantKey {
        let (id, channel) = (participant.id, participant.channel);
        let key = self.participants.insert(participant);
        self.by_id.insert(id, key);
        self.index_ufrags(key);
        if let Some(channel) = self.channels.get_mut(channel) {
            channel.members.push(key);
        }
        key
    }

    /// Makes a participant findable by the user name fragments its ICE agent answers to.
    fn index_ufrags(&mut self, key: ParticipantKey) {
        let Some(participant) = self.participants.get(key) else { return };
        for ufrag in participant.transport.ice.local_ufrags() {
            if let Ok(ufrag) = ArrayString::from(ufrag) {
                self.by_ufrag.insert(ufrag, key);
            }
        }
    }

    /// Gives a participant's ICE agent new credentials, beside the old ones until the client uses them.
    pub(super) fn restart_ice(&mut self, key: ParticipantKey, local: IceCredentials) {
        let Some(participant) = self.participants.get_mut(key) else { return };
        if let Some(replaced) = participant.transport.ice.restart(local) {
            self.by_ufrag.remove(&replaced);
        }
        self.index_ufrags(key);
    }

    /// Takes in what a checked STUN request changed.
    pub(super) fn note(&mut self, key: ParticipantKey, path: Path, accepted: &Accepted) {
        if let Some(forgotten) = accepted.forgotten {
            self.forget_path(key, &forgotten);
        }
        if accepted.learnt {
            self.by_path.insert(path, key);
        }
        if let Some(retired) = &accepted.retired {
            self.by_ufrag.remove(retired);
        }
    }

    /// Takes a participant out of everything but its channel's publications, which must be ended first.
    pub(super) fn remove_participant(&mut self, key: ParticipantKey) -> Option<Participant> {
        let participant = self.participants.remove(key)?;
        self.by_id.remove(&participant.id);
        for ufrag in participant.transport.ice.local_ufrags() {
            self.by_ufrag.remove(ufrag);
        }
        for path in participant.transport.ice.paths() {
            self.forget_path(key, &path);
        }
        if let Some(channel) = self.channels.get_mut(participant.channel) {
            channel.members.retain(|member| *member != key);
            if channel.members.is_empty() {
                self.by_channel_id.remove(&channel.id);
                self.channels.remove(participant.channel);
            }
        }
        Some(participant)
    }

    fn forget_path(&mut self, key: ParticipantKey, path: &Path) {
        // The address may have become somebody else's meanwhile: two clients behind one changing NAT.
        if self.by_path.get(path) == Some(&key) {
            self.by_path.remove(path);
        }
    }
}
