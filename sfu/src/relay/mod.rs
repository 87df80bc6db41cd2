//! Between shards: publications go to the shards of those who watch, their demand comes back.
//!
//! ```text
//! shard A: publication ─► Outlet ═ bounded ring ═► Inlet ─► shard B: mirror ─► its subscriptions
//!               ▲                                                       │
//!               └──────── Demand ◄═ the ring of the other direction ◄═──┘
//! ```
//!
//! Each pair of shards has a ring in either direction. A shard says which channels it [attends](Message::Attend), which
//! is where it has members; whoever else attends them sends it its publications there. What arrives becomes a *mirror*: a
//! publication like any other, with its own history, of which subscriptions do not know that it came over a relay.
//!
//! A ring never waits. When it is full a packet is dropped and counted, as on any network; a mirror misses it, and asks
//! for a keyframe. Other messages are kept until there is room; a peer that leaves [`BACKLOG_MAX`](ring::BACKLOG_MAX) of
//! them lying does not run any more, and is given up.

pub mod message;
pub mod ring;

use crate::publication::PublicationKey;
use message::Message;
use ring::{Inlet, Outlet};
use slotmap::SecondaryMap;

/// A shard's place among the shards of its node, from 0.
#[derive(Clone, Copy, Debug, Default, Eq, Hash, Ord, PartialEq, PartialOrd)]
pub struct ShardIndex(pub u8);

/// One shard's relays to all others of its node.
#[derive(Debug, Default)]
pub struct Relays {
    /// Which shard this is.
    pub index: ShardIndex,
    /// By index; none to itself, and none to a shard that has ended.
    links: Vec<Option<Link>>,
}

/// Both directions between this shard and one other.
#[derive(Debug)]
pub struct Link {
    /// Towards it.
    pub outlet: Outlet,
    /// From it; taken out while what it holds is taken in.
    inlet: Option<Inlet>,
    /// Our mirrors of its publications, by the key that they have there.
    pub mirrors: SecondaryMap<PublicationKey, PublicationKey>,
    /// Something was put into the outlet since the other shard was last woken.
    news: bool,
}

/// Some of a node's shards.
#[derive(Clone, Copy, Debug, Default, Eq, PartialEq)]
pub struct ShardSet(u64);

/// Shards of a node: more than any machine's cores that one network card could feed.
pub const SHARDS_MAX: usize = 64;

/// Relays between `shards` shards, each with each; at most [`SHARDS_MAX`].
#[must_use]
pub fn mesh(shards: usize) -> Vec<Relays> {
    let shards = u8::try_from(shards.min(SHARDS_MAX)).unwrap_or(u8::MAX);
    let mut all: Vec<_> = (0..shards)
        .map(|index| Relays {
            index: ShardIndex(index),
            links: (0..shards).map(|_| None).collect(),
        })
        .collect();
    for one in 0..usize::from(shards) {
        for other in one + 1..usize::from(shards) {
            let (there, at_other) = ring::ring();
            let (back, at_one) = ring::ring();
            for (from, to, outlet, inlet) in
                [(one, other, there, at_one), (other, one, back, at_other)]
            {
                if let Some(link) = all.get_mut(from).and_then(|it| it.links.get_mut(to)) {
                    *link = Some(Link {
                        outlet,
                        inlet: Some(inlet),
                        mirrors: SecondaryMap::new(),
                        news: false,
                    });
                }
            }
        }
    }
    all
}

impl Relays {
    /// All other shards that run.
    #[must_use]
    pub fn others(&self) -> ShardSet {
        let running = (0u8..).zip(&self.links).filter(|(_, link)| link.is_some());
        running.fold(ShardSet::default(), |set, (index, _)| set.with(ShardIndex(index)))
    }

    /// The relay to a shard, while that runs.
    pub fn link(&mut self, shard: ShardIndex) -> Option<&mut Link> {
        self.links.get_mut(usize::from(shard.0))?.as_mut()
    }

    /// Tells `shards` something. It waits where a ring is full.
    pub fn tell(&mut self, shards: ShardSet, message: &Message) {
        for shard in shards.iter() {
            if let Some(link) = self.link(shard) {
                link.tell(message.clone());
            }
        }
    }

    /// Takes a relay out whose shard has ended.
    pub fn end(&mut self, shard: ShardIndex) -> Option<Link> {
        self.links.get_mut(usize::from(shard.0))?.take()
    }

    /// Takes the way from a shard out, so that what lies in it can be read while that shard is told something.
    pub fn detach(&mut self, shard: ShardIndex) -> Option<Inlet> {
        self.link(shard)?.inlet.take()
    }

    /// Puts back what [`Self::detach`] took out.
    pub fn attach(&mut self, shard: ShardIndex, inlet: Inlet) {
        if let Some(link) = self.link(shard) {
            link.inlet = Some(inlet);
        }
    }

    /// The next shard for which something was put into a ring: its thread is to be woken.
    pub fn poll_wake(&mut self) -> Option<ShardIndex> {
        let mut running = (0u8..).zip(&mut self.links);
        running.find_map(|(index, link)| {
            let link = link.as_mut()?;
            // What a full ring held up is tried again with each turn.
            link.news |= link.outlet.flush();
            std::mem::take(&mut link.news).then_some(ShardIndex(index))
        })
    }
}

impl Link {
    /// Whether the other shard has ended, or does not run any more.
    #[must_use]
    pub fn is_dead(&self) -> bool {
        self.outlet.is_dead() || self.inlet.as_ref().is_some_and(Inlet::is_abandoned)
    }

    /// Puts a message into the outlet.
    pub fn tell(&mut self, message: Message) {
        self.outlet.tell(message);
        self.news = true;
    }

    /// Puts a packet into the outlet.
    ///
    /// # Errors
    /// [`ring::Full`]: the other shard is behind; the packet is dropped.
    pub fn send(&mut self, packet: &message::Packet<'_>) -> Result<(), ring::Full> {
        // Also where it is full: what waited before may have found room.
        self.news = true;
        self.outlet.send(packet)
    }

    /// Puts into the outlet how loud a packet is.
    ///
    /// # Errors
    /// [`ring::Full`]: the other shard is behind; it hears the next one.
    pub fn note(&mut self, heard: message::Heard) -> Result<(), ring::Full> {
        self.news = true;
        self.outlet.note(heard)
    }
}

impl ShardSet {
    /// With one more.
    #[must_use]
    pub const fn with(self, shard: ShardIndex) -> Self {
        Self(self.0 | Self::bit(shard))
    }

    /// Without it.
    #[must_use]
    pub const fn without(self, shard: ShardIndex) -> Self {
        Self(self.0 & !Self::bit(shard))
    }

    /// Only one.
    #[must_use]
    pub const fn only(shard: ShardIndex) -> Self {
        Self(Self::bit(shard))
    }

    /// None at all.
    #[must_use]
    pub const fn is_empty(self) -> bool {
        self.0 == 0
    }

    /// The one with the lowest index.
    #[must_use]
    pub fn first(self) -> Option<ShardIndex> {
        self.iter().next()
    }

    /// In order.
    pub fn iter(self) -> impl Iterator<Item = ShardIndex> {
        (0..u64::BITS)
            .filter(move |bit| self.0 >> bit & 1 == 1)
            .filter_map(|bit| u8::try_from(bit).ok())
            .map(ShardIndex)
    }

    const fn bit(shard: ShardIndex) -> u64 {
        match 1u64.checked_shl(shard.0 as u32) {
            Some(bit) => bit,
            None => 0,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::media::ChannelId;

    #[test]
    fn a_shard_that_is_behind_keeps_no_other_from_being_woken() {
        let mut all = mesh(3);
        let mut one = all.remove(0);
        let message = Message::Attend(ChannelId(1));
        while !one.link(ShardIndex(1)).is_some_and(|link| link.outlet.waits()) {
            one.tell(ShardSet::only(ShardIndex(1)), &message);
        }
        assert_eq!(one.poll_wake(), Some(ShardIndex(1)));
        assert_eq!(one.poll_wake(), None);
        one.tell(ShardSet::only(ShardIndex(2)), &message);
        assert_eq!(
            one.poll_wake(),
            Some(ShardIndex(2)),
            "the first has been woken and is still behind"
        );
        let [behind, _] = &mut all[..] else { panic!("two are left") };
        let _taken = behind.detach(ShardIndex(0)).map(|mut inlet| inlet.take().is_some());
        assert_eq!(one.poll_wake(), Some(ShardIndex(1)), "there is room for what was held up");
        assert_eq!(one.poll_wake(), None);
    }
}
