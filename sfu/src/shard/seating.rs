//! Which publications play in whose slots: applied after each change of a channel.

use std::time::Instant;

use simulcast::estimator::Part;

use super::Shard;
use crate::channel::ChannelKey;
use crate::channel::assign::{Place, Wish, assign};
use crate::channel::participant::{Participant, ParticipantKey};
use crate::command::Choice;
use crate::event::{Assignment, Event};
use crate::media::{MediaKind, ParticipantId, SlotId, Source};
use crate::publication::{Feed, PublicationKey, Subscriber};
use crate::relay::message::Message;
use crate::subscription::Subscription;

impl Shard {
    /// Gives every member of a channel the pictures and voices it should have.
    pub(super) fn seat(&mut self, now: Instant, channel: ChannelKey) {
        self.choose_voices(now, channel);
        let Some(members) =
            self.tables.channels.get(channel).map(|channel| channel.members.clone())
        else {
            return;
        };
        for member in members {
            self.seat_pictures(now, channel, member);
            self.seat_voices(now, channel, member);
            self.tell_assignments(now, member);
        }
    }

    /// Gives every member the voices chosen now, where they are others than before.
    pub(super) fn reseat_voices(&mut self, now: Instant, channel: ChannelKey) {
        if !self.choose_voices(now, channel) {
            return;
        }
        let Some(members) =
            self.tables.channels.get(channel).map(|channel| channel.members.clone())
        else {
            return;
        };
        for member in members {
            self.seat_voices(now, channel, member);
            self.tell_assignments(now, member);
        }
    }

    /// Chooses the loudest; returns whether they are others than before.
    fn choose_voices(&mut self, now: Instant, channel: ChannelKey) -> bool {
        let Some(channel) = self.tables.channels.get_mut(channel) else { return false };
        let chosen = channel.speakers.select(now);
        let changed = !chosen.all().eq(channel.voices.iter().copied());
        if changed {
            channel.voices = chosen.all().collect();
        }
        changed
    }

    fn seat_pictures(&mut self, now: Instant, channel: ChannelKey, member: ParticipantKey) {
        let Some(channel) = self.tables.channels.get(channel) else { return };
        let Some(receiver) = self.tables.participants.get(member) else { return };
        let (id, choice) = (receiver.id, receiver.choice);
        let others = channel.publications.iter().filter_map(|key| {
            let publication = self.tables.publications.get(*key)?;
            let is_picture = publication.spec.source.kind() == MediaKind::Video;
            let is_other = publication.live && publication.owner != id;
            (is_other && is_picture).then_some((*key, publication.owner))
        });
        let wishes = chosen_first(others, choice);
        let without = self.seat_kind(now, member, MediaKind::Video, &wishes);
        let Some(participant) = self.tables.participants.get_mut(member) else { return };
        let voices =
            u8::try_from(participant.slots_of(MediaKind::Audio).count()).unwrap_or(u8::MAX);
        let needed = (self.config.limits.voices.max(voices), pictures_needed(wishes.len()));
        if without > 0 && participant.told.needed != needed {
            participant.told.needed = needed;
            let participant = participant.id;
            self.tell(Event::SlotsNeeded { participant, audio: needed.0, video: needed.1 });
        }
    }

    fn seat_voices(&mut self, now: Instant, channel: ChannelKey, member: ParticipantKey) {
        let Some(channel) = self.tables.channels.get(channel) else { return };
        let Some(participant) = self.tables.participants.get(member) else { return };
        let places = participant
            .slots_of(MediaKind::Audio)
            .count()
            .min(usize::from(self.config.limits.voices));
        let others = channel.voices.iter().map(|voice| voice.key).filter(|key| {
            self.tables
                .publications
                .get(*key)
                .is_some_and(|publication| publication.owner != participant.id)
        });
        let heard = others.take(if participant.voice.deafened { 0 } else { places });
        let wishes: Vec<_> = heard
            .map(|publication| Wish {
                publication,
                pair: self.pair_of_picture(participant, publication),
            })
            .collect();
        self.seat_kind(now, member, MediaKind::Audio, &wishes);
    }

    /// The pair of the slot in which a voice's own picture plays.
    fn pair_of_picture(&self, listener: &Participant, voice: PublicationKey) -> Option<u8> {
        let voice = self.tables.publications.get(voice)?;
        let picture = match voice.spec.source {
            Source::Microphone => Source::Camera,
            Source::ScreenSound => Source::Screen,
            Source::Camera | Source::Screen => return None,
        };
        let slot = listener.slots_of(MediaKind::Video).find(|slot| {
            let carried = slot
                .subscription
                .as_ref()
                .and_then(|it| self.tables.publications.get(it.publication));
            carried.is_some_and(|it| it.owner == voice.owner && it.spec.source == picture)
        })?;
        Some(slot.spec.pair)
    }

    /// Assigns `wishes` to a member's slots of one kind; returns how many find none.
    fn seat_kind(
        &mut self,
        now: Instant,
        member: ParticipantKey,
        kind: MediaKind,
        wishes: &[Wish],
    ) -> usize {
        let Some(participant) = self.tables.participants.get(member) else { return 0 };
        let place = |slot: &crate::subscription::slot::Slot| Place {
            slot: slot.spec.id,
            pair: slot.spec.pair,
            carries: slot.subscription.as_ref().map(|it| it.publication),
        };
        let before: Vec<_> = participant.slots_of(kind).map(place).collect();
        let mut after = before.clone();
        let without = assign(&mut after, wishes);
        for (old, new) in before.iter().zip(&after).filter(|(old, new)| old != new) {
            self.unsubscribe(member, old.slot);
            if let Some(publication) = new.carries {
                self.subscribe(now, member, new.slot, publication);
            }
        }
        without
    }

    fn subscribe(
        &mut self,
        now: Instant,
        member: ParticipantKey,
        slot: SlotId,
        key: PublicationKey,
    ) {
        let Some(publication) = self.tables.publications.get_mut(key) else { return };
        let Some(participant) = self.tables.participants.get_mut(member) else { return };
        participant.agenda.allocation = now;
        let Some(place) = participant.slot(slot) else { return };
        let keyframes = self.estimator.parts.has(Part::Keyframes);
        place.subscription = Some(Subscription::new(key, publication, &place.spec, keyframes));
        publication.subscribe(Subscriber { participant: member, slot });
        self.touch(member);
        self.pass_layers_on(key);
    }

    fn unsubscribe(&mut self, member: ParticipantKey, slot: SlotId) {
        let Some(participant) = self.tables.participants.get_mut(member) else { return };
        participant.give_up(slot, None);
        let Some(subscription) = participant.slot(slot).and_then(|slot| slot.subscription.take())
        else {
            return;
        };
        if let Some(publication) = self.tables.publications.get_mut(subscription.publication) {
            publication.unsubscribe(Subscriber { participant: member, slot });
        }
        self.pass_layers_on(subscription.publication);
    }

    pub(super) fn unsubscribe_all(&mut self, member: ParticipantKey) {
        let Some(participant) = self.tables.participants.get(member) else { return };
        let slots: Vec<_> = participant.slots.iter().map(|slot| slot.spec.id).collect();
        for slot in slots {
            self.unsubscribe(member, slot);
        }
    }

    /// After a new answer: payload types may have changed on either side, so what is carried is subscribed afresh.
    pub(super) fn resubscribe(&mut self, member: ParticipantKey) {
        let Some(participant) = self.tables.participants.get_mut(member) else { return };
        for slot in &mut participant.slots {
            let Some(subscription) = &mut slot.subscription else { continue };
            if let Some(publication) = self.tables.publications.get(subscription.publication) {
                subscription.renegotiate(publication, &slot.spec);
            }
        }
        let own = participant.publications.clone();
        own.into_iter().for_each(|key| self.resubscribe_to(key));
    }

    /// The same for all who subscribe to a publication whose payload types may have changed.
    pub(super) fn resubscribe_to(&mut self, key: PublicationKey) {
        let Some(publication) = self.tables.publications.get(key) else { return };
        for subscriber in publication.subscribers() {
            let receiver = self.tables.participants.get_mut(subscriber.participant);
            let Some(slot) = receiver.and_then(|it| it.slot(subscriber.slot)) else { continue };
            if let Some(subscription) = &mut slot.subscription {
                subscription.renegotiate(publication, &slot.spec);
            }
        }
    }

    /// Ends a publication: nobody carries it any more.
    pub(super) fn end_publication(&mut self, key: PublicationKey) {
        self.relay_about(key, &Message::Unpublish(key));
        let Some(publication) = self.tables.publications.get(key) else { return };
        let (voice, channel) = (publication.voice(key), publication.channel);
        for Subscriber { participant, slot } in publication.subscribers().to_vec() {
            self.unsubscribe(participant, slot);
        }
        if let Some(channel) = self.tables.channels.get_mut(channel) {
            channel.remove_publication(voice);
        }
        self.tables.publications.remove(key);
    }

    /// Takes a publication out of its slots where its owner switched it off. It comes back with its first packet after.
    pub(super) fn switch(&mut self, key: PublicationKey) {
        let Some(publication) = self.tables.publications.get(key) else { return };
        let Feed::Received { from } = publication.feed else { return };
        let Some(owner) = self.tables.participants.get(from) else { return };
        let is_on = owner.has_on(publication.spec.source) && publication.spec.active;
        if is_on && !publication.silenced {
            return;
        }
        self.relay_about(key, &Message::SwitchOff(key));
        self.switch_off(key);
    }

    /// Takes a publication, received or mirrored, out of its slots with the next seating.
    pub(super) fn switch_off(&mut self, key: PublicationKey) {
        let Some(publication) = self.tables.publications.get_mut(key) else { return };
        publication.live = false;
        if publication.spec.source.kind() == MediaKind::Audio
            && let Some(channel) = self.tables.channels.get_mut(publication.channel)
        {
            channel.speakers.removed(publication.voice(key));
        }
    }

    /// Tells signaling what a participant's slots carry, where that changed.
    pub(super) fn tell_assignments(&mut self, now: Instant, member: ParticipantKey) {
        let Some(participant) = self.tables.participants.get(member) else { return };
        let assignments: Vec<_> =
            participant.slots.iter().filter_map(|slot| self.assignment(slot)).collect();
        if assignments == participant.told.assignments {
            return;
        }
        let id = participant.id;
        if let Some(participant) = self.tables.participants.get_mut(member) {
            participant.told.assignments.clone_from(&assignments);
            participant.told.assigned = Some(now);
        }
        self.tell(Event::Assigned(id, assignments));
    }

    fn assignment(&self, slot: &crate::subscription::slot::Slot) -> Option<Assignment> {
        let subscription = slot.subscription.as_ref()?;
        let publication = self.tables.publications.get(subscription.publication)?;
        let (slot, source) = (slot.spec.id, publication.spec.source);
        let (id, publisher) = (publication.spec.id, publication.owner);
        let outcome = subscription.outcome;
        Some(Assignment { slot, publication: id, publisher, source, outcome })
    }
}

/// What of `pictures`, each with its publisher, is received: that of the chosen first, all else in the order given.
fn chosen_first(
    pictures: impl Iterator<Item = (PublicationKey, ParticipantId)>,
    choice: Choice,
) -> Vec<Wish> {
    let taken: Vec<_> = pictures.filter(|(_, owner)| choice.takes(*owner)).collect();
    let (first, rest): (Vec<_>, Vec<_>) = taken.iter().partition(|(_, owner)| choice.is(*owner));
    let wish = |(publication, _): (PublicationKey, _)| Wish { publication, pair: None };
    first.into_iter().chain(rest).map(wish).collect()
}

/// Receive m-lines for this many pictures, in few steps, so that people who come one by one cause few offers.
fn pictures_needed(pictures: usize) -> u8 {
    PICTURE_STEPS.into_iter().find(|step| usize::from(*step) >= pictures).unwrap_or(PICTURES_MAX)
}

const PICTURE_STEPS: [u8; 4] = [4, 8, 16, PICTURES_MAX];
/// A stage shows at most 25 tiles; more m-lines would cost every browser memory for nothing.
const PICTURES_MAX: u8 = 25;

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_choice_goes_first_or_alone_and_leaves_the_order_of_the_rest() {
        let mut map = slotmap::SlotMap::with_key();
        let keys: Vec<PublicationKey> = (0..4).map(|_| map.insert(())).collect();
        let owners = [1, 2, 1, 3].map(ParticipantId);
        let places = |choice| {
            let wishes = chosen_first(keys.iter().copied().zip(owners), choice);
            let place = |wish: &Wish| keys.iter().position(|key| *key == wish.publication);
            wishes.iter().filter_map(place).collect::<Vec<_>>()
        };
        assert_eq!(places(Choice::All), [0, 1, 2, 3]);
        assert_eq!(places(Choice::First(ParticipantId(2))), [1, 0, 2, 3]);
        assert_eq!(places(Choice::First(ParticipantId(1))), [0, 2, 1, 3]);
        assert_eq!(places(Choice::First(ParticipantId(9))), [0, 1, 2, 3]);
        assert_eq!(places(Choice::Only(ParticipantId(1))), [0, 2]);
        assert_eq!(places(Choice::Only(ParticipantId(9))), [] as [usize; 0]);
    }

    #[test]
    fn slots_are_asked_for_in_steps() {
        assert_eq!([1, 4, 5, 9, 17, 400].map(pictures_needed), [4, 4, 8, 16, 25, 25]);
    }
}
