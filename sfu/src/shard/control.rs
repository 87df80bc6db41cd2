//! Commands: who comes, what was negotiated, who leaves.

use std::time::Instant;

use super::Shard;
use crate::channel::VoiceChannel;
use crate::channel::participant::{Participant, ParticipantKey, Prefer};
use crate::command::{Command, CommandError, Join, Negotiate, Silenced, View, Voice};
use crate::event::{Event, LostReason};
use crate::media::{MediaKind, ParticipantId, PublicationId, PublicationSpec, SlotSpec};
use crate::publication::cap::Cap;
use crate::publication::hindrance::Shortage;
use crate::publication::uplink::Uplink;
use crate::publication::{Feed, Publication, PublicationKey};
use crate::relay::message::Message;
use crate::subscription::slot::{Slot, SlotView};
use crate::transport::Transport;

impl Shard {
    pub(super) fn carry_out(&mut self, now: Instant, command: Command) -> Result<(), CommandError> {
        match command {
            Command::Join(join) => self.join(now, &join),
            Command::Negotiate(negotiate) => self.negotiate(now, *negotiate),
            Command::RestartIce { participant, local } => {
                let key = self.known(participant)?;
                self.tables.restart_ice(key, local);
                Ok(())
            }
            Command::Voice { participant, voice } => self.voice(now, participant, voice),
            Command::Silence { participant, what, silenced } => {
                self.silence(now, participant, what, silenced)
            }
            Command::View { participant, views } => self.view(now, participant, &views),
            Command::Prefer { participant, budget, pictures } => {
                let key = self.known(participant)?;
                if let Some(participant) = self.tables.participants.get_mut(key) {
                    participant.prefer = Prefer { budget, pictures };
                    participant.agenda.allocation = now;
                    participant.follow_estimate(now);
                }
                self.touch(key);
                Ok(())
            }
            Command::Cap { participant, most } => {
                let key = self.known(participant)?;
                if let Some(participant) = self.tables.participants.get_mut(key) {
                    participant.cap = most.map(|most| Cap::new(most, now));
                }
                Ok(())
            }
            Command::Choose { participant, choice } => {
                let key = self.known(participant)?;
                if let Some(participant) = self.tables.participants.get_mut(key) {
                    participant.choice = choice;
                    let channel = participant.channel;
                    self.seat(now, channel);
                }
                self.touch(key);
                Ok(())
            }
            Command::Hinder { participant, publication, shortage } => {
                self.hinder(participant, publication, shortage)
            }
            Command::Leave { participant } => {
                let key = self.known(participant)?;
                self.leave(now, key);
                Ok(())
            }
        }
    }

    fn known(&self, id: ParticipantId) -> Result<ParticipantKey, CommandError> {
        self.tables.participant_by_id(id).ok_or(CommandError::UnknownParticipant)
    }

    fn join(&mut self, now: Instant, join: &Join) -> Result<(), CommandError> {
        if self.tables.participant_by_id(join.participant).is_some() {
            return Err(CommandError::ParticipantExists);
        }
        if self.tables.participants.len() >= self.config.limits.participants {
            return Err(CommandError::ShardFull);
        }
        let transport = Transport::new(now, join, &self.config, self.estimator)
            .map_err(|_| CommandError::UnusableKeys)?;
        let channel = match self.tables.channel_by_id(join.channel) {
            Some(channel) => channel,
            None => {
                let (voices, attending) =
                    (self.config.limits.voices, self.tables.attending(join.channel));
                self.relays.tell(self.relays.others(), &Message::Attend(join.channel));
                self.tables.insert_channel(VoiceChannel::new(now, join.channel, voices, attending))
            }
        };
        let participant = Participant::new(now, join.participant, channel, transport);
        let key = self.tables.insert_participant(participant);
        self.touch(key);
        Ok(())
    }

    fn negotiate(&mut self, now: Instant, negotiate: Negotiate) -> Result<(), CommandError> {
        let key = self.known(negotiate.participant)?;
        check(&negotiate)?;
        self.replace_publications(now, key, negotiate.publications);
        let Some(participant) = self.tables.participants.get_mut(key) else { return Ok(()) };
        participant.cname = negotiate.cname;
        let more = negotiate.slots.len().saturating_sub(participant.slots.len());
        participant.slots.reserve_exact(more);
        for spec in negotiate.slots {
            match participant.slots.get_mut(usize::from(spec.id.0)) {
                Some(slot) => slot.renegotiate(spec),
                None => participant.slots.push(Slot::new(spec)),
            }
        }
        let channel = participant.channel;
        self.resubscribe(key);
        self.seat(now, channel);
        self.touch(key);
        Ok(())
    }

    /// Makes a participant's publications those of the last answer: old ones stay, new ones begin, missing ones end.
    fn replace_publications(
        &mut self,
        now: Instant,
        owner: ParticipantKey,
        specs: Vec<PublicationSpec>,
    ) {
        let Some(participant) = self.tables.participants.get(owner) else { return };
        let (id, channel) = (participant.id, participant.channel);
        let old = participant.publications.clone();
        let mut kept = Vec::with_capacity(specs.len());
        for spec in specs {
            let publications = &mut self.tables.publications;
            let existing = old
                .iter()
                .copied()
                .find(|key| publications.get(*key).is_some_and(|it| it.spec.id == spec.id));
            let key = match existing {
                Some(key) => {
                    if let Some(publication) = publications.get_mut(key) {
                        publication.renegotiate(spec);
                    }
                    key
                }
                None => {
                    let feed = Feed::Received { from: owner };
                    publications.insert(Publication::new(id, channel, feed, spec))
                }
            };
            kept.push(key);
        }
        for key in old.iter().filter(|key| !kept.contains(key)) {
            self.end_publication(*key);
        }
        if let Some(channel) = self.tables.channels.get_mut(channel) {
            channel.publications.extend(kept.iter().filter(|key| !old.contains(key)));
        }
        let publications = &self.tables.publications;
        let Some(participant) = self.tables.participants.get_mut(owner) else { return };
        let specs = kept.iter().filter_map(|key| Some((*key, &publications.get(*key)?.spec)));
        participant.streams.negotiate(specs);
        // Whoever does not do transport-wide feedback is told by REMB what to send.
        let needs_remb = kept.iter().filter_map(|key| publications.get(*key)).any(|publication| {
            let feedback = publication.spec.feedback;
            publication.spec.source.kind() == MediaKind::Video
                && feedback.remb
                && !feedback.transport_wide
        });
        participant.uplink =
            needs_remb.then(|| participant.uplink.take().unwrap_or_else(|| Uplink::new(now)));
        participant.publications.clone_from(&kept);
        kept.into_iter().for_each(|key| self.announce(now, key));
    }

    fn voice(&mut self, now: Instant, id: ParticipantId, voice: Voice) -> Result<(), CommandError> {
        let key = self.known(id)?;
        let Some(participant) = self.tables.participants.get_mut(key) else { return Ok(()) };
        participant.voice = voice;
        let channel = participant.channel;
        for publication in participant.publications.clone() {
            self.switch(publication);
        }
        self.seat(now, channel);
        self.touch(key);
        Ok(())
    }

    fn silence(
        &mut self,
        now: Instant,
        id: ParticipantId,
        what: Silenced,
        silenced: bool,
    ) -> Result<(), CommandError> {
        let key = self.known(id)?;
        let Some(participant) = self.tables.participants.get_mut(key) else { return Ok(()) };
        let channel = participant.channel;
        let own = participant.publications.clone();
        match what {
            Silenced::Microphone => participant.silenced = silenced,
            Silenced::Publication(publication) => {
                let publications = &mut self.tables.publications;
                let found = own
                    .iter()
                    .copied()
                    .find(|key| publications.get(*key).is_some_and(|it| it.spec.id == publication));
                let found = found.and_then(|key| publications.get_mut(key));
                found.ok_or(CommandError::UnknownPublication)?.silenced = silenced;
            }
        }
        for publication in own {
            self.switch(publication);
        }
        self.seat(now, channel);
        self.touch(key);
        Ok(())
    }

    fn hinder(
        &mut self,
        id: ParticipantId,
        publication: PublicationId,
        shortage: Option<Shortage>,
    ) -> Result<(), CommandError> {
        let key = self.known(id)?;
        let own = self.tables.participants.get(key).map(|it| it.publications.as_slice());
        let publications = &mut self.tables.publications;
        let is_it = |key: &&PublicationKey| {
            publications.get(**key).is_some_and(|it| it.spec.id == publication)
        };
        let found = own.unwrap_or_default().iter().find(is_it).copied();
        let key = found.ok_or(CommandError::UnknownPublication)?;
        if let Some(publication) = publications.get_mut(key) {
            publication.hindrance.shortage = shortage;
        }
        self.tell_hindrance(key);
        Ok(())
    }

    fn view(
        &mut self,
        now: Instant,
        id: ParticipantId,
        views: &[View],
    ) -> Result<(), CommandError> {
        let key = self.known(id)?;
        let Some(participant) = self.tables.participants.get_mut(key) else { return Ok(()) };
        for view in views {
            if let Some(slot) = participant.slot(view.slot) {
                slot.view =
                    SlotView { width: view.width, height: view.height, priority: view.priority };
            }
        }
        participant.agenda.allocation = now;
        self.touch(key);
        Ok(())
    }

    /// Ends a participant at its own wish.
    fn leave(&mut self, now: Instant, key: ParticipantKey) {
        if let Some(participant) = self.tables.participants.get_mut(key) {
            participant.transport.close();
        }
        self.remove(now, key);
    }

    /// Ends a participant whose transport failed, and says so.
    pub(super) fn lose(&mut self, now: Instant, key: ParticipantKey, reason: LostReason) {
        if let Some(participant) = self.remove(now, key) {
            self.tell(Event::Lost(participant.id, reason));
        }
    }

    fn remove(&mut self, now: Instant, key: ParticipantKey) -> Option<Participant> {
        let participant = self.tables.participants.get(key)?;
        let channel = participant.channel;
        for publication in participant.publications.clone() {
            self.end_publication(publication);
        }
        self.unsubscribe_all(key);
        if self.tables.channels.get(channel).is_some_and(|it| it.members == [key]) {
            self.quit(channel);
        }
        let mut participant = self.tables.remove_participant(key)?;
        self.say_goodbye(&mut participant);
        self.seat(now, channel);
        Some(participant)
    }
}

/// Slots come in the order of their ids, without holes; no SSRC and no publication stands twice.
fn check(negotiate: &Negotiate) -> Result<(), CommandError> {
    let in_order = |(slot, place): (&SlotSpec, usize)| usize::from(slot.id.0) == place;
    if !negotiate.slots.iter().zip(0..).all(in_order) {
        return Err(CommandError::Contradiction("slots are not numbered in order"));
    }
    let mut ssrcs: Vec<_> =
        negotiate.slots.iter().flat_map(|slot| [Some(slot.ssrc), slot.rtx]).flatten().collect();
    let mut ids: Vec<_> = negotiate.publications.iter().map(|publication| publication.id).collect();
    if has_twins(&mut ssrcs) {
        return Err(CommandError::Contradiction("an SSRC stands twice"));
    }
    if has_twins(&mut ids) {
        return Err(CommandError::Contradiction("a publication stands twice"));
    }
    Ok(())
}

fn has_twins<T: Ord>(items: &mut [T]) -> bool {
    items.sort_unstable();
    items.windows(2).any(|pair| matches!(pair, [one, other] if one == other))
}
