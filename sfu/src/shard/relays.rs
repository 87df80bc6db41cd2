//! What goes to other shards, and what comes from them.

use std::time::Instant;

use super::Shard;
use crate::channel::ChannelKey;
use crate::drop::DropReason;
use crate::media::{ChannelId, MediaKind};
use crate::metrics::Relayed;
use crate::publication::demand::Demand;
use crate::publication::{Feed, Incoming, Publication, PublicationKey};
use crate::relay::message::{Announcement, Heard, Message, Packet, Report};
use crate::relay::ring::{Full, Taken};
use crate::relay::{ShardIndex, ShardSet};

impl Shard {
    /// Sends a packet of a publication that is received here to all shards that attend its channel.
    ///
    /// Of sound that nobody there hears only the level goes: shards that know the same levels choose the same people by the same rule,
    /// none of them leading, and whoever chooses somebody wants the sound.
    pub(super) fn relay(&mut self, key: PublicationKey, incoming: &Incoming<'_>) {
        let packet = Packet { publication: key, incoming: *incoming };
        for shard in self.audience(key).iter() {
            let Some(publication) = self.tables.publications.get(key) else { return };
            let kind = publication.spec.source.kind();
            let is_heard = kind == MediaKind::Video
                || publication.wanted_by(shard).is_none_or(|wanted| wanted != Demand::NONE);
            let Some(link) = self.relays.link(shard) else { continue };
            let (sent, what) = if is_heard {
                (link.send(&packet), Relayed::of(kind))
            } else {
                let payload = incoming.payload.len();
                let incoming = incoming.without_bytes();
                (link.note(Heard { publication: key, incoming, payload }), Relayed::Level)
            };
            match sent {
                Ok(()) => self.counters.packets_relayed.count(what),
                Err(Full) => self.counters.dropped.count(DropReason::RelayFull),
            }
        }
    }

    /// Tells all shards that attend a publication's channel something about it, where it is received here.
    pub(super) fn relay_about(&mut self, key: PublicationKey, message: &Message) {
        self.relays.tell(self.audience(key), message);
    }

    /// What other shards want of a publication of ours: everything, before one has said.
    pub(super) fn demand_elsewhere(&self, key: PublicationKey) -> Demand {
        let Some(publication) = self.tables.publications.get(key) else { return Demand::NONE };
        let wanted =
            self.audience(key).iter().map(|it| publication.wanted_by(it).unwrap_or(Demand::ALL));
        wanted.fold(Demand::NONE, Demand::merged)
    }

    /// Tells the shard that receives a mirrored publication what is wanted of it here, where that changed.
    pub(super) fn pass_layers_on(&mut self, key: PublicationKey) {
        let demand = self.demand_here(key);
        let Some(publication) = self.tables.publications.get_mut(key) else { return };
        let Feed::Mirrored { shard, publication: there, .. } = publication.feed else { return };
        if publication.wanted_by(shard) != Some(demand) {
            publication.set_wanted_by(shard, demand);
            let message = Message::WantLayers { publication: there, demand };
            self.relays.tell(ShardSet::only(shard), &message);
        }
    }

    /// The shards that mirror a publication of ours.
    fn audience(&self, key: PublicationKey) -> ShardSet {
        let Some(publication) = self.tables.publications.get(key) else {
            return ShardSet::default();
        };
        match publication.feed {
            Feed::Received { .. } => self
                .tables
                .channels
                .get(publication.channel)
                .map_or_else(ShardSet::default, |channel| channel.attending),
            Feed::Mirrored { .. } => ShardSet::default(),
        }
    }

    /// Tells all shards concerned that a publication is here, or what of it changed.
    pub(super) fn announce(&mut self, now: Instant, key: PublicationKey) {
        let audience = self.audience(key);
        if let Some(announcement) = self.announcement(now, key).filter(|_| !audience.is_empty()) {
            self.relays.tell(audience, &Message::Publish(Box::new(announcement)));
        }
    }

    fn announcement(&self, now: Instant, key: PublicationKey) -> Option<Announcement> {
        let publication = self.tables.publications.get(key)?;
        let Feed::Received { from } = publication.feed else { return None };
        Some(Announcement {
            publication: key,
            channel: self.tables.channels.get(publication.channel)?.id,
            participant: publication.owner,
            spec: publication.spec.clone(),
            live: publication.live,
            heights: publication.heights(),
            layers: publication.layers(now),
            told: publication.told(),
            hindrance: publication.hindrance,
            clock: self.tables.participants.get(from)?.clock,
        })
    }

    /// The last member of a channel goes: its mirrors end, and nobody needs to send it anything.
    pub(super) fn quit(&mut self, key: ChannelKey) {
        let Some(channel) = self.tables.channels.get(key) else { return };
        let id = channel.id;
        for publication in channel.publications.clone() {
            self.end_mirror(publication);
        }
        self.relays.tell(self.relays.others(), &Message::Quit(id));
    }

    /// Takes in what came over the relays; returns whether something is left.
    pub(super) fn take_from_relays(&mut self, now: Instant) -> bool {
        let mut left = false;
        for shard in self.relays.others().iter() {
            // What it sent before it ended is taken in first.
            let dead = self.relays.link(shard).is_some_and(|link| link.is_dead());
            left |= self.take_from(now, shard);
            if dead {
                self.forget(now, shard);
            }
        }
        left
    }

    fn take_from(&mut self, now: Instant, shard: ShardIndex) -> bool {
        for _ in 0..MESSAGES_A_TURN {
            // The packet lies in the inlet while the tables take it in, and the other shard may be told something meanwhile.
            let Some(mut inlet) = self.relays.detach(shard) else { return false };
            let mut message = None;
            let taken = match inlet.take() {
                Some(Taken::Packet(Packet { publication, incoming })) => {
                    let outcome = self
                        .mirror_of(shard, publication)
                        .ok_or(DropReason::RelayUnknown)
                        .and_then(|mirror| self.take_in(now, mirror, &incoming));
                    outcome.unwrap_or_else(|reason| self.counters.dropped.count(reason));
                    true
                }
                Some(Taken::Message(other)) => {
                    message = Some(other);
                    true
                }
                None => false,
            };
            self.relays.attach(shard, inlet);
            if let Some(message) = message {
                self.hear_from(now, shard, message);
            }
            if !taken {
                return false;
            }
        }
        true
    }

    fn hear_from(&mut self, now: Instant, shard: ShardIndex, message: Message) {
        match message {
            Message::Attend(channel) => self.attended(now, shard, channel),
            Message::Quit(channel) => {
                let attending = self.tables.attending(channel).without(shard);
                self.tables.set_attending(channel, attending);
            }
            Message::Publish(announcement) => self.mirror(now, shard, *announcement),
            Message::Unpublish(publication) => {
                if let Some(mirror) = self.mirror_of(shard, publication) {
                    let channel = self.tables.publications.get(mirror).map(|it| it.channel);
                    self.end_mirror(mirror);
                    channel.into_iter().for_each(|channel| self.seat(now, channel));
                }
            }
            Message::SwitchOff(publication) => {
                let Some(mirror) = self.mirror_of(shard, publication) else { return };
                self.switch_off(mirror);
                let channel = self.tables.publications.get(mirror).map(|it| it.channel);
                channel.into_iter().for_each(|channel| self.seat(now, channel));
            }
            Message::EndStream { publication, ssrc } => {
                let mirror = self.mirror_of(shard, publication);
                if let Some(mirror) = mirror.and_then(|key| self.tables.publications.get_mut(key)) {
                    mirror.end_stream(ssrc);
                }
            }
            Message::Report(report) => self.reported(shard, report),
            Message::WantKeyframe { publication, encoding } => {
                self.want_keyframe_of(now, publication, encoding);
            }
            Message::WantLayers { publication, demand } => {
                if let Some(own) = self.tables.publications.get_mut(publication) {
                    own.set_wanted_by(shard, demand);
                    self.wake(now, publication, demand);
                }
            }
            Message::Told { publication, demand } => {
                let mirror = self.mirror_of(shard, publication);
                if let Some(mirror) = mirror.and_then(|key| self.tables.publications.get_mut(key)) {
                    mirror.learn_told(now, demand);
                }
            }
            Message::Hindered { publication, hindrance } => {
                let mirror = self.mirror_of(shard, publication);
                if let Some(mirror) = mirror.and_then(|key| self.tables.publications.get_mut(key)) {
                    mirror.hindrance = hindrance;
                }
            }
            Message::Heard(heard) => {
                let outcome = self
                    .mirror_of(shard, heard.publication)
                    .ok_or(DropReason::RelayUnknown)
                    .and_then(|mirror| self.take_note(now, mirror, &heard));
                outcome.unwrap_or_else(|reason| self.counters.dropped.count(reason));
            }
            // Taken out before.
            Message::Packet(_) => {}
        }
    }

    /// Another shard has members in a channel: it is told of everything that is received for it here.
    fn attended(&mut self, now: Instant, shard: ShardIndex, channel: ChannelId) {
        let attending = self.tables.attending(channel).with(shard);
        self.tables.set_attending(channel, attending);
        let key = self.tables.channel_by_id(channel);
        let Some(channel) = key.and_then(|key| self.tables.channels.get(key)) else { return };
        for publication in channel.publications.clone() {
            if let Some(announcement) = self.announcement(now, publication) {
                let message = Message::Publish(Box::new(announcement));
                self.relays.tell(ShardSet::only(shard), &message);
            }
        }
    }

    /// A publication of another shard, for members of a channel here.
    fn mirror(&mut self, now: Instant, shard: ShardIndex, announcement: Announcement) {
        let Announcement {
            publication: there,
            channel,
            participant,
            mut spec,
            live,
            heights,
            layers,
            told,
            hindrance,
            clock,
        } = announcement;
        // Whoever receives it asks for what is lost.
        spec.feedback.nack = false;
        let Some(channel) = self.tables.channel_by_id(channel) else { return };
        if let Some(key) = self.mirror_of(shard, there) {
            if let Some(mirror) = self.tables.publications.get_mut(key) {
                mirror.renegotiate(spec);
                self.resubscribe_to(key);
            }
            return;
        }
        let feed = Feed::Mirrored { shard, publication: there, clock };
        let mut mirror = Publication::new(participant, channel, feed, spec);
        mirror.live = live;
        mirror.hindrance = hindrance;
        mirror.learn(now, heights, &layers, told);
        let key = self.tables.publications.insert(mirror);
        if let Some(channel) = self.tables.channels.get_mut(channel) {
            channel.publications.push(key);
        }
        if let Some(link) = self.relays.link(shard) {
            link.mirrors.insert(there, key);
        }
        if live {
            self.seat(now, channel);
        }
        self.pass_layers_on(key);
    }

    fn mirror_of(&mut self, shard: ShardIndex, there: PublicationKey) -> Option<PublicationKey> {
        self.relays.link(shard)?.mirrors.get(there).copied()
    }

    fn end_mirror(&mut self, key: PublicationKey) {
        let Some(publication) = self.tables.publications.get(key) else { return };
        let Feed::Mirrored { shard, publication: there, .. } = publication.feed else { return };
        if let Some(link) = self.relays.link(shard) {
            link.mirrors.remove(there);
        }
        self.end_publication(key);
    }

    /// A publisher's clock is the same for all it publishes.
    fn reported(&mut self, shard: ShardIndex, report: Report) {
        let Some(key) = self.mirror_of(shard, report.publication) else { return };
        self.take_in_report(Report { publication: key, ..report });
        let Some(mirror) = self.tables.publications.get(key) else { return };
        let (owner, channel) = (mirror.owner, mirror.channel);
        let Some(channel) = self.tables.channels.get(channel) else { return };
        for key in &channel.publications {
            if let Some(publication) = self.tables.publications.get_mut(*key)
                && publication.owner == owner
                && let Feed::Mirrored { clock, .. } = &mut publication.feed
            {
                *clock = report.clock;
            }
        }
    }

    /// A shard has ended, and with it everything that came from it.
    fn forget(&mut self, now: Instant, shard: ShardIndex) {
        self.tables.forget_shard(shard);
        let Some(link) = self.relays.end(shard) else { return };
        let mut channels: Vec<ChannelKey> = Vec::new();
        for key in link.mirrors.values() {
            if let Some(channel) = self.tables.publications.get(*key).map(|it| it.channel)
                && !channels.contains(&channel)
            {
                channels.push(channel);
            }
            self.end_publication(*key);
        }
        channels.into_iter().for_each(|channel| self.seat(now, channel));
    }
}

/// As many as the ring holds: what one turn of a peer sends, one turn takes in.
const MESSAGES_A_TURN: usize = 1_024;
