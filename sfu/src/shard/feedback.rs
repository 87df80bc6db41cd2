//! What RTCP says: losses to repair, keyframes to ask for, clocks, round trips.

use std::time::{Duration, Instant};

use super::Shard;
use crate::channel::participant::{Participant, ParticipantKey};
use crate::drop::DropReason;
use crate::media::{MediaKind, SlotId, Ssrc};
use crate::metrics::Direction;
use crate::net::batch::Datagram;
use crate::packet::feedback::{NackEntries, ReportBlock, Rtcp, SenderReport, packets};
use crate::publication::clock::ntp_units;
use crate::publication::streams::Origin;
use crate::publication::{Feed, PublicationKey};
use crate::relay::ShardSet;
use crate::relay::message::{Message, Report};
use crate::subscription::forward::Outgoing;
use crate::subscription::slot::Slot;
use crate::transport::pacer::Class;
use crate::transport::sent::Resend;

impl Shard {
    pub(super) fn rtcp(&mut self, now: Instant, datagram: Datagram<'_>) -> Result<(), DropReason> {
        let Datagram { path, arrival, data, .. } = datagram;
        let key = self.tables.participant_by_path(&path).ok_or(DropReason::RtcpUnknownPath)?;
        let participant =
            self.tables.participants.get_mut(key).ok_or(DropReason::RtcpUnknownPath)?;
        let end = participant.transport.open_rtcp(data)?;
        let compound = data.get(..end).ok_or(DropReason::RtcpMalformed)?;
        self.touch(key);
        for packet in packets(compound) {
            self.heed(now, arrival, key, packet?);
        }
        Ok(())
    }

    fn heed(&mut self, now: Instant, arrival: Instant, key: ParticipantKey, packet: Rtcp<'_>) {
        match packet {
            Rtcp::SenderReport(report, blocks) => {
                self.sender_report(arrival, key, &report);
                blocks.for_each(|block| self.report_block(now, arrival, key, &block));
            }
            Rtcp::ReceiverReport { blocks, .. } => {
                blocks.for_each(|block| self.report_block(now, arrival, key, &block));
            }
            Rtcp::Nack { media, entries } => self.resend(now, key, media, entries),
            Rtcp::Pli { media } => self.keyframe_wanted(now, key, media),
            Rtcp::Fir(entries) => {
                entries.for_each(|(media, _)| self.keyframe_wanted(now, key, media))
            }
            Rtcp::TransportWide(feedback) => self.estimate_by(now, key, |participant| {
                participant.transport.feedback(now, &feedback);
            }),
            Rtcp::Remb { bitrate, .. } => self.estimate_by(now, key, |participant| {
                participant.transport.bandwidth.remb(now, bitrate);
            }),
            Rtcp::Bye(sources) => sources.for_each(|ssrc| self.goodbye(key, ssrc)),
            Rtcp::Other(_) => {}
        }
    }

    fn sender_report(&mut self, arrival: Instant, key: ParticipantKey, report: &SenderReport) {
        let SenderReport { ssrc, ntp, timestamp, .. } = *report;
        let ours = self.ntp(arrival);
        let Some(participant) = self.tables.participants.get_mut(key) else { return };
        let Some(Origin { publication, encoding, .. }) = participant.streams.known(ssrc) else {
            return;
        };
        participant.clock.sender_report(ntp, ours);
        let clock = participant.clock;
        let report = Report { publication, encoding, arrival, ntp, timestamp, clock };
        self.take_in_report(report);
        self.relay_about(publication, &Message::Report(report));
    }

    /// A sender report about a publication, received or mirrored.
    pub(super) fn take_in_report(&mut self, report: Report) {
        let Report { publication, encoding, arrival, ntp, timestamp, .. } = report;
        let publication = self.tables.publications.get_mut(publication);
        if let Some(stream) = publication.and_then(|publication| publication.stream(encoding)) {
            stream.sender_report(arrival, ntp, timestamp);
        }
    }

    /// The round trip, by our last sender report and how long the receiver held it (RFC 3550, section 6.4.1).
    fn report_block(
        &mut self,
        now: Instant,
        arrival: Instant,
        key: ParticipantKey,
        block: &ReportBlock,
    ) {
        self.loss_reported(now, key, block);
        let middle = u32::try_from((self.ntp(arrival) >> 16) & 0xffff_ffff).unwrap_or_default();
        let Some(participant) = self.tables.participants.get_mut(key) else { return };
        if block.last_sender_report == 0 || participant.slot_by_ssrc(block.ssrc).is_none() {
            return;
        }
        let units = middle.wrapping_sub(block.last_sender_report).wrapping_sub(block.delay);
        let round_trip = Duration::from_micros(u64::from(units) * 1_000_000 / 65_536);
        // Clocks of two machines never meet here, but a receiver may round its delay up: then the difference wraps.
        if round_trip <= ROUND_TRIP_MAX {
            participant.transport.round_trip = Some(round_trip);
        }
    }

    /// What a receiver lost of a picture, which counts where it sends no transport-wide feedback.
    fn loss_reported(&mut self, now: Instant, key: ParticipantKey, block: &ReportBlock) {
        let Some(participant) = self.tables.participants.get_mut(key) else { return };
        let slot = participant.slot_by_ssrc(block.ssrc).and_then(|slot| participant.slot(slot));
        if slot.is_some_and(|slot| slot.spec.kind == MediaKind::Video) {
            self.estimate_by(now, key, |participant| {
                participant.transport.bandwidth.report(now, block.fraction_lost);
            });
        }
    }

    /// Lets something that came back about pictures change the estimate. Who receives none has no estimate.
    fn estimate_by(
        &mut self,
        now: Instant,
        key: ParticipantKey,
        change: impl FnOnce(&mut Participant),
    ) {
        let Some(participant) = self.tables.participants.get_mut(key) else { return };
        let sees = |slot: &Slot| slot.subscription.is_some();
        if participant.slots_of(MediaKind::Video).any(sees) {
            change(participant);
            participant.follow_estimate(now);
        }
    }

    /// Sends again what a receiver says it lost, as far as [`Sent::resend`](crate::transport::sent::Sent::resend) allows.
    fn resend(
        &mut self,
        now: Instant,
        key: ParticipantKey,
        media: Ssrc,
        mut lost: NackEntries<'_>,
    ) {
        let asked = lost.clone().count() as u64;
        self.counters.nacked_packets.add(Direction::Received, asked);
        let Some(participant) = self.tables.participants.get_mut(key) else { return };
        let round_trip = participant.round_trip();
        let mut room = participant.repair_room(now);
        let is_enough = room == 0 || participant.transport.pacer.delay(now) > REPAIR_DELAY_MAX;
        let dropped = &mut self.counters.dropped;
        let Some(slot) = participant.slot_by_ssrc(media) else { return };
        if participant.slot(slot).is_none_or(|slot| slot.spec.rtx.is_none()) {
            return dropped.add(DropReason::RtxNotNegotiated, asked);
        }
        if is_enough {
            return dropped.add(DropReason::RepairTooMuch, asked);
        }
        while let Some(sequence) = lost.next() {
            let entry = match participant.transport.sent.resend(now, round_trip, slot, sequence) {
                Resend::Now(entry) => entry,
                Resend::TooSoon => {
                    dropped.count(DropReason::ResentJustNow);
                    continue;
                }
                Resend::Unknown => {
                    dropped.count(DropReason::ResendUnknown);
                    continue;
                }
                Resend::TooMany => {
                    return dropped.add(DropReason::NackTooMany, 1 + lost.count() as u64);
                }
            };
            let (publication, key, rewrite) = (entry.publication, entry.history, entry.rewrite);
            let outgoing = Outgoing { slot, resend: true, layer: None, publication, key, rewrite };
            let size = usize::from(entry.size);
            let Some(left) = room.checked_sub(participant.repair_cost(size)) else {
                return dropped.add(DropReason::RepairTooMuch, 1 + lost.count() as u64);
            };
            room = left;
            let pacer = &mut participant.transport.pacer;
            if pacer.push(now, Class::Retransmission, size, outgoing).is_err() {
                dropped.count(DropReason::PacerFull);
            }
        }
    }

    /// A receiver cannot go on without a keyframe of what its slot carries.
    fn keyframe_wanted(&mut self, now: Instant, key: ParticipantKey, media: Ssrc) {
        self.counters.keyframe_requests.count(Direction::Received);
        let Some(participant) = self.tables.participants.get_mut(key) else { return };
        let Some(slot) = participant.slot_by_ssrc(media) else { return };
        self.want_keyframe(now, key, slot);
    }

    /// Asks the publisher of what a slot carries for a keyframe of the layer that flows or should.
    pub(super) fn want_keyframe(&mut self, now: Instant, key: ParticipantKey, slot: SlotId) {
        let Some(participant) = self.tables.participants.get_mut(key) else { return };
        let Some(subscription) = participant.slot(slot).and_then(|slot| slot.subscription.as_ref())
        else {
            return;
        };
        let layer =
            subscription.selector.wants_keyframe().or_else(|| subscription.selector.current());
        let (Some(layer), publication) = (layer, subscription.publication) else { return };
        let encoding = subscription.selector.encoding_of(layer);
        self.want_keyframe_of(now, publication, encoding);
    }

    /// Asks for a keyframe of a publication's encoding: its publisher where it is received, else the shard that receives it.
    pub(super) fn want_keyframe_of(&mut self, now: Instant, key: PublicationKey, encoding: u8) {
        let Some(publication) = self.tables.publications.get_mut(key) else { return };
        publication.want_keyframe(now, encoding);
        match publication.feed {
            Feed::Received { from } => self.touch(from),
            Feed::Mirrored { .. } => self.pass_demand_on(now, key),
        }
    }

    /// Asks the shard that receives a mirrored publication for the keyframes that are wanted here.
    pub(super) fn pass_demand_on(&mut self, now: Instant, key: PublicationKey) {
        let Some(publication) = self.tables.publications.get_mut(key) else { return };
        match publication.feed {
            Feed::Received { .. } => {}
            Feed::Mirrored { shard, publication: there, .. } => {
                // Asked as often as a publisher would be; that shard merges what its peers want.
                for encoding in publication.keyframes_wanted(now) {
                    let wanted = Message::WantKeyframe { publication: there, encoding };
                    self.relays.tell(ShardSet::only(shard), &wanted);
                }
            }
        }
    }

    fn goodbye(&mut self, key: ParticipantKey, ssrc: Ssrc) {
        let Some(participant) = self.tables.participants.get_mut(key) else { return };
        let Some(origin) = participant.streams.forget(ssrc) else { return };
        participant.transport.heard = participant.transport.heard.filter(|heard| *heard != ssrc);
        if let Some(publication) = self.tables.publications.get_mut(origin.publication) {
            publication.end_stream(ssrc);
        }
        let publication = origin.publication;
        self.relay_about(publication, &Message::EndStream { publication, ssrc });
    }

    /// A moment in our NTP clock.
    pub(super) fn ntp(&self, at: Instant) -> u64 {
        self.config
            .start_ntp
            .wrapping_add(ntp_units(at.saturating_duration_since(self.config.start)))
    }
}

/// A repair that would wait longer than this behind others comes too late.
const REPAIR_DELAY_MAX: Duration = Duration::from_millis(250);

/// Longer than any round trip over which people can talk.
const ROUND_TRIP_MAX: Duration = Duration::from_secs(5);
