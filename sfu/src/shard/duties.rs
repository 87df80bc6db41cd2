//! What is due by time: handshakes, losses, feedback, keyframe requests, reports, allocation.

use std::time::{Duration, Instant};

use simulcast::allocator::{Budget, Target, Targets, WantId, allocate};
use simulcast::estimator::{Part, Probes};
use simulcast::{Bitrate, Layer, Spread};

use super::Shard;
use crate::channel::participant::{ALLOCATION_INTERVAL, ParticipantKey, REPORT_INTERVAL};
use crate::channel::speakers::Speaking;
use crate::channel::{ChannelKey, VoiceChannel, VoiceKey};
use crate::command::Pictures;
use crate::drop::DropReason;
use crate::event::{Event, LostReason, Outcome, Reason, Speaker};
use crate::media::MediaKind;
use crate::metrics::{Counters, Direction, Pause, ProbeOutcome};
use crate::packet::feedback::{self, BLOCKS_MAX, ReportBlock};
use crate::publication::cap::Cap;
use crate::publication::demand::Demand;
use crate::publication::receive::Reception;
use crate::publication::{Feed, Publication, PublicationKey};
use crate::relay::message::Message;

impl Shard {
    /// The earliest moment at which a participant has something to do, pacing aside.
    pub(super) fn deadline(&self, key: ParticipantKey) -> Option<Instant> {
        let participant = self.tables.participants.get(key)?;
        let mut earliest = participant.transport.deadline();
        if !participant.told.connected {
            return Some(earliest);
        }
        let own =
            participant.publications.iter().filter_map(|key| self.tables.publications.get(*key));
        let own = own.filter_map(Publication::deadline);
        let transport = participant.transport.feedback_deadline();
        let uplink = participant.uplink.as_ref().map(|uplink| uplink.deadline());
        let agenda = participant.agenda;
        let speakers = self.led_channel(key).and_then(|channel| channel.speakers.deadline());
        for at in own
            .chain(transport)
            .chain(participant.transport.bandwidth.deadline())
            .chain(uplink)
            .chain(speakers)
            .chain([agenda.report, agenda.allocation])
        {
            earliest = earliest.min(at);
        }
        Some(earliest)
    }

    pub(super) fn do_duties(&mut self, now: Instant, key: ParticipantKey) {
        let Some(participant) = self.tables.participants.get_mut(key) else { return };
        if participant.transport.ice.is_expired(now) {
            return self.lose(now, key, LostReason::ConsentExpired);
        }
        if let Err(reason) = participant.transport.handshake_timeout(now) {
            return self.lose(now, key, reason);
        }
        if !participant.told.connected {
            return;
        }
        self.tell_losses(now, key);
        self.follow_losses(now, key);
        self.ask_for_keyframes(now, key);
        self.tell_arrivals(now, key);
        self.tell_uplink(now, key);
        self.report(now, key);
        self.estimate_by_time(now, key);
        self.allocate(now, key);
        if let Some(participant) = self.tables.participants.get(key)
            && self.led_channel(key).is_some()
        {
            self.tell_speakers(now, participant.channel);
        }
    }

    /// The channel that a participant wakes for: the first member does, so that silence after the last word is told.
    fn led_channel(&self, key: ParticipantKey) -> Option<&VoiceChannel> {
        let channel = self.tables.channels.get(self.tables.participants.get(key)?.channel)?;
        Some(channel).filter(|channel| channel.members.first() == Some(&key))
    }

    /// NACKs to the publisher.
    fn tell_losses(&mut self, now: Instant, key: ParticipantKey) {
        let Some(participant) = self.tables.participants.get_mut(key) else { return };
        let (sender, round_trip) = (participant.reporter(), participant.round_trip());
        for publication in &participant.publications {
            let Some(publication) = self.tables.publications.get_mut(*publication) else {
                continue;
            };
            if !publication.spec.feedback.nack {
                continue;
            }
            for (ssrc, missing) in publication.losses(now, round_trip) {
                self.counters.nacked_packets.add(Direction::Sent, missing.len() as u64);
                participant.transport.send_rtcp(|out| {
                    feedback::write_nack(out, sender, ssrc, missing.iter().copied());
                });
            }
        }
    }

    /// Lets receivers know, here and on other shards, of what is missing for so long that they see it.
    fn follow_losses(&mut self, now: Instant, key: ParticipantKey) {
        let Some(participant) = self.tables.participants.get(key) else { return };
        let mut changed = Vec::new();
        for key in &participant.publications {
            if let Some(publication) = self.tables.publications.get_mut(*key)
                && publication.spec.source.kind() == MediaKind::Video
                && publication.spec.feedback.nack
                && publication.follow_losses(now)
            {
                changed.push(*key);
            }
        }
        changed.into_iter().for_each(|key| self.tell_hindrance(key));
    }

    /// Tells other shards what hinders a publication.
    pub(super) fn tell_hindrance(&mut self, key: PublicationKey) {
        let Some(publication) = self.tables.publications.get(key) else { return };
        let hindrance = publication.hindrance;
        self.relay_about(key, &Message::Hindered { publication: key, hindrance });
    }

    /// PLI or FIR to the publisher, as often as [`KeyframeDemand`](crate::publication::demand::KeyframeDemand) allows.
    fn ask_for_keyframes(&mut self, now: Instant, key: ParticipantKey) {
        let Some(participant) = self.tables.participants.get_mut(key) else { return };
        let sender = participant.reporter();
        for publication in &participant.publications {
            let Some(publication) = self.tables.publications.get_mut(*publication) else {
                continue;
            };
            let how = publication.spec.feedback;
            for (ssrc, count) in publication.keyframe_requests(now) {
                if !(how.pli || how.fir) {
                    continue;
                }
                participant.transport.send_rtcp(|out| match how.pli {
                    true => feedback::write_pli(out, sender, ssrc),
                    false => feedback::write_fir(out, sender, ssrc, count),
                });
                self.counters.keyframe_requests.count(Direction::Sent);
            }
        }
    }

    /// Transport-wide feedback to the publisher.
    fn tell_arrivals(&mut self, now: Instant, key: ParticipantKey) {
        let Some(participant) = self.tables.participants.get_mut(key) else { return };
        let sender = participant.reporter();
        participant.transport.tell_arrivals(now, sender);
    }

    /// REMB to a publisher that has no transport-wide feedback.
    fn tell_uplink(&mut self, now: Instant, key: ParticipantKey) {
        let Some(participant) = self.tables.participants.get_mut(key) else { return };
        let sender = participant.reporter();
        let publications = &mut self.tables.publications;
        let mut ssrcs = Vec::new();
        let mut worst = 0;
        let Some(uplink) = participant.uplink.as_mut().filter(|uplink| uplink.deadline() <= now)
        else {
            return;
        };
        for key in &participant.publications {
            let Some(publication) = publications.get_mut(*key) else { continue };
            for stream in publication.streams() {
                ssrcs.push(stream.ssrc());
                worst = worst.max(stream.fraction_lost());
            }
        }
        let cap = participant.cap.as_ref().map(Cap::most);
        if let Some(limit) = uplink.poll(now, worst) {
            let limit = cap.map_or(limit, |most| limit.min(most));
            participant.transport.send_rtcp(|out| feedback::write_remb(out, sender, limit, &ssrcs));
        }
    }

    /// Sender reports of what the participant receives, receiver reports of what it sends.
    fn report(&mut self, now: Instant, key: ParticipantKey) {
        let ntp = self.ntp(now);
        let Some(participant) = self.tables.participants.get_mut(key) else { return };
        if participant.agenda.report > now {
            return;
        }
        participant.agenda.report = now + REPORT_INTERVAL;
        let mut blocks = Vec::new();
        for key in &participant.publications {
            let Some(publication) = self.tables.publications.get_mut(*key) else { continue };
            blocks.extend(
                publication
                    .streams()
                    .filter_map(|stream| stream.report(now))
                    .map(ReportBlock::from),
            );
        }
        let sender = participant.reporter();
        for some in blocks.chunks(BLOCKS_MAX) {
            participant
                .transport
                .send_rtcp(|out| feedback::write_receiver_report(out, sender, some));
        }
        // Some 60 bytes each: a handful together stay far below any MTU.
        for some in participant.sender_reports(ntp).chunks(REPORTS_TOGETHER) {
            let cname = participant.cname;
            participant.transport.send_rtcp(|out| {
                some.iter().for_each(|report| feedback::write_sender_report(out, report, &cname));
            });
        }
    }

    /// Lets the time that passed change the estimate, and tells of it.
    fn estimate_by_time(&mut self, now: Instant, key: ParticipantKey) {
        let Some(participant) = self.tables.participants.get_mut(key) else { return };
        participant.transport.bandwidth.timeout(now);
        participant.follow_estimate(now);
        let Probes { made, more, less } = participant.transport.bandwidth.count_probes();
        self.counters.probes.add(ProbeOutcome::Sent, made.into());
        self.counters.probes.add(ProbeOutcome::FoundMore, more.into());
        self.counters.probes.add(ProbeOutcome::FoundLess, less.into());
        let id = participant.id;
        if let Some(outlook) = participant.transport.bandwidth.outlook(now) {
            self.tell(Event::Outlook(id, outlook));
        }
    }

    /// Decides which layer each of a participant's pictures gets, and tells its own publications' demand.
    fn allocate(&mut self, now: Instant, key: ParticipantKey) {
        let Some(participant) = self.tables.participants.get_mut(key) else { return };
        if participant.agenda.allocation > now {
            return;
        }
        participant.agenda.allocation = now + ALLOCATION_INTERVAL;
        let (mut wants, mut layers) = (Vec::new(), Vec::new());
        // What everything there is could cost, what was given would, and the cheapest that is looked at.
        let (mut most, mut given, mut least) = (Bitrate::ZERO, Bitrate::ZERO, None);
        for slot in participant.slots_of(MediaKind::Video) {
            let carried = slot.subscription.as_ref().filter(|it| it.is_carried());
            let Some(publication) =
                carried.and_then(|it| self.tables.publications.get(it.publication))
            else {
                continue;
            };
            let want = slot.want(publication, participant.prefer.pictures);
            let offered = publication.layers(now);
            let visible = offered.iter().filter(|layer| layer.active && want.height > 0);
            least = visible.map(|layer| layer.bitrate).chain(least).min();
            wants.push(want);
            let target = participant.targets.get(WantId(publication.spec.id.0));
            let flows = target.and_then(|target| target.layer);
            let flows = offered.iter().find(|layer| Some(layer.id) == flows);
            given = given + flows.map_or(Bitrate::ZERO, |layer| layer.bitrate);
            most = most + offered.iter().map(|layer| layer.bitrate).max().unwrap_or_default();
            layers.push(offered);
        }
        let layers: Vec<&[Layer]> = layers.iter().map(|layers| layers.as_slice()).collect();
        let limit = participant.prefer.budget.unwrap_or(Bitrate::MAX);
        let bandwidth = &mut participant.transport.bandwidth;
        let estimate = bandwidth.budget(now, given, least.unwrap_or_default());
        let budget = Budget { estimate, limit, shed: self.load.shed() };
        if !bandwidth.has(Part::Care) {
            participant.targets = Targets::default();
        }
        participant.targets = allocate(now, budget, &wants, &layers, &participant.targets);
        let most = match participant.prefer.pictures {
            Pictures::Automatic => most,
            Pictures::SaveData | Pictures::SoundOnly => Bitrate::ZERO,
        };
        bandwidth.allocated(now, &participant.targets, most, limit);
        self.aim(now, key);
        self.tell_demand(now, key);
    }

    /// Applies a participant's targets: to its selectors, and to those whom they ask for something.
    fn aim(&mut self, now: Instant, key: ParticipantKey) {
        let Some(participant) = self.tables.participants.get_mut(key) else { return };
        let (mut waiting, mut watched, mut is_news) = (Vec::new(), Vec::new(), false);
        let mut paused = Vec::new();
        let (round_trip, mut due) = (participant.round_trip(), participant.agenda.allocation);
        let told = participant.told.assigned;
        let is_late = told.is_none_or(|at| now.saturating_duration_since(at) >= RATE_INTERVAL);
        for slot in &mut participant.slots {
            let Some(subscription) = slot.subscription.as_mut() else { continue };
            let (before, wanted) = (subscription.outcome, subscription.demand);
            let mut outcome = before;
            let publication = self.tables.publications.get(subscription.publication);
            let target = participant.targets.get(WantId(subscription.id.0));
            if !subscription.is_carried() {
                outcome = Outcome::of(Reason::Codec);
            } else if let (Some(target), Some(publication)) = (target, publication) {
                let lines = slot.view.height;
                outcome = subscription.aim(now, target, publication, lines, round_trip);
                due = subscription.descent.deadline().into_iter().fold(due, Instant::min);
                let layers = (before.layer, outcome.layer);
                count_change(&mut self.counters, layers, target, publication.spread());
                let is_other = subscription.demand != wanted;
                watched.push((subscription.publication, subscription.demand, is_other));
                if target.layer.is_none() || subscription.descent.has_given_up() {
                    paused.push(slot.spec.id);
                }
                if subscription.selector.wants_keyframe().is_some() {
                    waiting.push(slot.spec.id);
                }
            }
            if !outcome.is_near(&before, is_late) {
                (subscription.outcome, is_news) = (outcome, true);
            }
        }
        participant.agenda.allocation = due;
        for slot in paused {
            let given_up = participant.give_up(slot, None);
            self.counters.dropped.add(DropReason::Paused, given_up as u64);
        }
        for slot in waiting {
            self.want_keyframe(now, key, slot);
        }
        for (publication, demand, is_other) in watched {
            self.wake(now, publication, demand);
            if is_other {
                self.pass_layers_on(publication);
            }
            self.pass_demand_on(now, publication);
        }
        if is_news {
            self.tell_assignments(now, key);
        }
    }

    /// Lets a publisher be told soon where `demand` wants what it was told not to send.
    pub(super) fn wake(&mut self, now: Instant, key: PublicationKey, demand: Demand) {
        let Some(publication) = self.tables.publications.get(key) else { return };
        let Feed::Received { from } = publication.feed else { return };
        if publication.lacks(demand)
            && let Some(participant) = self.tables.participants.get_mut(from)
        {
            participant.agenda.allocation = now;
            self.touch(from);
        }
    }

    /// Which encodings of its pictures a publisher should send, where that changed: what the receivers want, all together.
    fn tell_demand(&mut self, now: Instant, key: ParticipantKey) {
        let Some(participant) = self.tables.participants.get(key) else { return };
        let (id, own) = (participant.id, participant.publications.clone());
        for key in own {
            let demand = self.demand(key);
            let Some(publication) = self.tables.publications.get_mut(key) else { continue };
            if publication.spec.source.kind() == MediaKind::Audio {
                continue;
            }
            if let Some(demand) = publication.tell_demand(now, demand) {
                let encodings = u8::try_from(publication.encoding_count()).unwrap_or(u8::MAX);
                let (participant, publication) = (id, publication.spec.id);
                self.relay_about(key, &Message::Told { publication: key, demand });
                self.tell(Event::Wanted { participant, publication, encodings, demand });
            }
        }
    }

    /// What all receivers of a publication want of it. One that is not live has none, and must begin to be seen.
    fn demand(&self, key: PublicationKey) -> Demand {
        let Some(publication) = self.tables.publications.get(key) else { return Demand::NONE };
        if !publication.live {
            return Demand::ALL;
        }
        self.demand_here(key).merged(self.demand_elsewhere(key))
    }

    /// What receivers on this shard want of a publication.
    pub(super) fn demand_here(&self, key: PublicationKey) -> Demand {
        let Some(publication) = self.tables.publications.get(key) else { return Demand::NONE };
        let wanted = publication.subscribers().iter().filter_map(|subscriber| {
            let slots = &self.tables.participants.get(subscriber.participant)?.slots;
            let slot = slots.get(usize::from(subscriber.slot.0))?;
            slot.subscription.as_ref().map(|subscription| subscription.demand)
        });
        wanted.fold(Demand::NONE, Demand::merged)
    }

    /// Who is heard, where that changed.
    pub(super) fn tell_speakers(&mut self, now: Instant, key: ChannelKey) {
        let Some(channel) = self.tables.channels.get_mut(key) else { return };
        let Some(active) = channel.speakers.active(now) else { return };
        let publications = &self.tables.publications;
        let speaker = |speaking: &Speaking<VoiceKey>| {
            let participant = publications.get(speaking.who.key)?.owner;
            Some(Speaker { participant, level: speaking.level })
        };
        let speakers: Vec<_> = active.iter().filter_map(speaker).collect();
        if speakers != channel.told {
            channel.told.clone_from(&speakers);
            let (id, attending) = (channel.id, channel.attending);
            // All shards find the same people; the first of those concerned speaks for all.
            if attending.first().is_none_or(|other| self.relays.index < other) {
                self.tell(Event::Speakers(id, speakers));
            }
        }
    }
}

/// Counts what became of the layer that flowed to a receiver: a pause, or another layer of the same stream. Where another encoding
/// goes on, whatever forwards its first packet has counted that.
fn count_change(
    counters: &mut Counters,
    (before, after): (Option<u8>, Option<u8>),
    target: &Target,
    spread: Spread,
) {
    match (before, after) {
        (Some(_), None) if target.layer.is_none() => {
            Pause::of(target.reason).into_iter().for_each(|pause| counters.pauses.count(pause));
        }
        (Some(before), Some(after)) if before != after && spread == Spread::Layers => {
            counters.switches.count(MediaKind::Video);
        }
        (Some(_) | None, _) => {}
    }
}

impl From<Reception> for ReportBlock {
    fn from(reception: Reception) -> Self {
        let Reception { ssrc, fraction_lost, lost, highest, jitter, last_sender_report, delay } =
            reception;
        Self { ssrc, fraction_lost, lost, highest, jitter, last_sender_report, delay }
    }
}

/// A rate alone that changed is told as often as people can read it.
const RATE_INTERVAL: Duration = Duration::from_secs(1);
/// Sender reports, each with the CNAME, in one datagram.
const REPORTS_TOGETHER: usize = 8;
