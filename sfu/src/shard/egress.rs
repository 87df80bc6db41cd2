//! The way out: answers to STUN, control messages, then what the pacers release.

use std::collections::VecDeque;
use std::time::Instant;

use arrayvec::ArrayVec;
use simulcast::estimator::ProbeId;
use simulcast::rewriter::Rewrite;
use slotmap::SlotMap;

use super::ingress::PACKET_OVERHEAD;
use super::{Shard, place};
use crate::channel::participant::{Participant, ParticipantKey};
use crate::drop::DropReason;
use crate::media::{MediaKind, PublicationId, SlotId};
use crate::metrics::Counters;
use crate::net::batch::{Fill, Path, SendBatch, Urgency};
use crate::packet::extension::Extension;
use crate::publication::history::HistoryKey;
use crate::publication::{Publication, PublicationKey};
use crate::subscription::forward::Outgoing;
use crate::subscription::padding::Neighbours;
use crate::subscription::slot::Postmark;
use crate::transport::bandwidth::Departure;
use crate::transport::{Spending, Transport, sent};

impl Shard {
    pub(super) fn transmit(&mut self, now: Instant, out: &mut SendBatch) -> Fill {
        let refused = std::mem::take(&mut self.farewells.refused);
        self.counters.dropped.add(DropReason::FarewellsFull, refused);
        if self.farewells.write(out) == Fill::Full {
            return Fill::Full;
        }
        let absolute_send_time = absolute_send_time(self.ntp(now));
        while let Some(key) = self.ready.first() {
            self.fetch_ahead();
            let Some(participant) = self.tables.participants.get_mut(key) else {
                self.ready.pop();
                continue;
            };
            let mut sending = Sending {
                now,
                absolute_send_time,
                publications: &self.tables.publications,
                counters: &mut self.counters,
                out,
            };
            if participant.transmit(&mut sending) == Fill::Full {
                return Fill::Full;
            }
            // While a probe goes, it decides when what waits leaves.
            let Transport { bandwidth, pacer, .. } = &mut participant.transport;
            let rest = match bandwidth.burst() {
                Some(burst) => Some(burst.due().unwrap_or(now)),
                None => earlier(pacer.deadline(), bandwidth.padding_due()),
            };
            self.ready.pop();
            if let Some(paced) = rest {
                self.wake_for(key, paced);
            }
        }
        Fill::Empty
    }

    /// Has the memory of those who come next fetched, while the packets of the present one are sealed.
    fn fetch_ahead(&self) {
        let participant =
            |place| self.ready.nth(place).and_then(|key| self.tables.participants.get(key));
        if let Some(next) = participant(2) {
            next.fetch();
        }
        if let Some(next) = participant(1) {
            next.transport.fetch_log();
            if let Some(outgoing) = next.transport.pacer.next() {
                next.fetch_slot(outgoing.slot);
            }
        }
    }

    /// Arms the timer of a participant whose pacer keeps something back.
    fn wake_for(&mut self, key: ParticipantKey, paced: Instant) {
        if let Some(duties) = self.deadline(key) {
            self.wheel.arm(place(key), key, duties.min(paced));
        }
    }

    /// Keeps the last control messages of a participant that is being removed.
    pub(super) fn say_goodbye(&mut self, participant: &mut Participant) {
        let Some(path) = participant.transport.path() else { return };
        self.farewells.reply(path, |buffer| (participant.transport.write_control(buffer), ()));
    }
}

/// Of two times, where there are any.
fn earlier(one: Option<Instant>, other: Option<Instant>) -> Option<Instant> {
    match (one, other) {
        (Some(one), Some(other)) => Some(one.min(other)),
        (one, other) => one.or(other),
    }
}

/// What leaves next.
enum Next {
    /// A packet of the pacer, and the probe that it is part of.
    Packet(Outgoing, sent::Kind, Option<ProbeId>),
    /// Padding, and the probe that it is part of.
    Padding(Option<ProbeId>),
}

/// What sending to one participant needs beside the participant.
struct Sending<'a> {
    now: Instant,
    absolute_send_time: u32,
    publications: &'a SlotMap<PublicationKey, Publication>,
    counters: &'a mut Counters,
    out: &'a mut SendBatch,
}

impl Participant {
    /// Writes what waits, control messages first. [`Fill::Full`] where the batch had no room for all.
    fn transmit(&mut self, sending: &mut Sending<'_>) -> Fill {
        let Some(path) = self.transport.path() else { return Fill::Empty };
        while !self.transport.outbox.is_empty() {
            if !sending.out.write(path, |room| self.transport.write_control(room)) {
                return Fill::Full;
            }
        }
        loop {
            if !sending.out.has_room() {
                return Fill::Full;
            }
            let outcome = match self.next_to_send(sending.now) {
                Some(Next::Packet(outgoing, kind, probe)) => {
                    self.send(path, &outgoing, kind, probe, sending)
                }
                Some(Next::Padding(probe)) => self.pad(path, probe, sending),
                None => return Fill::Empty,
            };
            if let Err(reason) = outcome {
                sending.counters.dropped.count(reason);
            }
        }
    }

    /// What leaves now: of a probe what is due, which is what waits, or padding; else what the pacer releases.
    fn next_to_send(&mut self, now: Instant) -> Option<Next> {
        let Transport { pacer, bandwidth, .. } = &mut self.transport;
        let kind_of = |outgoing: &Outgoing| match outgoing.resend {
            true => sent::Kind::Resend,
            false => sent::Kind::Media,
        };
        let Some(burst) = bandwidth.burst() else {
            return match pacer.pop(now) {
                Some(outgoing) => Some(Next::Packet(outgoing, kind_of(&outgoing), None)),
                None => {
                    let is_due = bandwidth.padding_due().is_some_and(|due| due <= now);
                    is_due.then_some(Next::Padding(None))
                }
            };
        };
        let probe = burst.id();
        let is_due = burst.due().is_none_or(|due| due <= now);
        let outgoing = if is_due { pacer.take(now) } else { pacer.take_sound(now) };
        match outgoing {
            Some(outgoing) => Some(Next::Packet(outgoing, kind_of(&outgoing), Some(probe))),
            None if is_due => Some(Next::Padding(Some(probe))),
            None => None,
        }
    }

    /// Sends a packet of padding: one of the last packets once more, or one that carries nothing. Where there is no stream
    /// for either, the probe ends.
    #[cold]
    fn pad(
        &mut self,
        path: Path,
        probe: Option<ProbeId>,
        sending: &mut Sending<'_>,
    ) -> Result<(), DropReason> {
        let nth = self.transport.bandwidth.count_padding();
        let slots = &self.slots;
        let repeats = |entry: &sent::Entry<PublicationId>| {
            slots
                .get(usize::from(entry.slot.0))
                .is_some_and(|slot| slot.spec.kind == MediaKind::Video && slot.spec.rtx.is_some())
        };
        if let Some(entry) = self.transport.sent.recent(nth % PADDING_VARIETY, repeats) {
            let sent::Entry { slot, publication, history: key, rewrite, .. } = entry;
            let outgoing = Outgoing { slot, resend: true, layer: None, publication, key, rewrite };
            if self.send(path, &outgoing, sent::Kind::Padding, probe, sending).is_ok() {
                return Ok(());
            }
        }
        let bare = self.pad_bare(path, probe, sending);
        if bare.is_none() {
            self.transport.bandwidth.end_padding(sending.now);
        }
        bare.ok_or(DropReason::RtxNotNegotiated)
    }

    /// Sends a packet that carries nothing.
    fn pad_bare(
        &mut self,
        path: Path,
        probe: Option<ProbeId>,
        sending: &mut Sending<'_>,
    ) -> Option<()> {
        let slot = self
            .slots
            .iter_mut()
            .find(|slot| slot.spec.kind == MediaKind::Video && slot.spec.rtx.is_some())?;
        slot.spec.extensions.id(Extension::TransportSequence)?;
        let postmark = Postmark {
            neighbours: Neighbours::default(),
            publication: PublicationId(0),
            transport_sequence: Some(self.transport.sent.next()),
            absolute_send_time: sending.absolute_send_time,
        };
        let sealer = self.transport.sealer()?;
        let mut length = None;
        let _ = sending.out.write_as(Urgency::Picture, path, |room| {
            length = slot.write_padding(room, PADDING_LENGTH, postmark, sealer);
            length
        });
        let slot = slot.spec.id;
        let outgoing = Outgoing {
            slot,
            resend: true,
            layer: None,
            publication: PublicationId(0),
            key: HistoryKey(0),
            rewrite: Rewrite::default(),
        };
        self.log(sending, &outgoing, sent::Kind::Padding, probe, (length?, 0, true));
        Some(())
    }

    fn send(
        &mut self,
        path: Path,
        outgoing: &Outgoing,
        kind: sent::Kind,
        probe: Option<ProbeId>,
        sending: &mut Sending<'_>,
    ) -> Result<(), DropReason> {
        let place = usize::from(outgoing.slot.0);
        let slot = self.slots.get_mut(place).ok_or(DropReason::SlotChanged)?;
        let publication =
            slot.carried(outgoing).and_then(|carried| sending.publications.get(carried));
        let publication = publication.ok_or(DropReason::SlotChanged)?;
        let recorded = publication.history.get(outgoing.key).ok_or(DropReason::HistoryOverrun)?;
        let counted = slot.spec.extensions.id(Extension::TransportSequence).is_some();
        let media = publication.spec.source.kind();
        let payload = recorded.payload.len();
        let is_last = !self.transport.pacer.has_pictures() || path.is_stream();
        let neighbours = if outgoing.resend || media == MediaKind::Audio || is_last {
            Neighbours::default()
        } else {
            let size = recorded.payload.len() + PACKET_OVERHEAD;
            let following = self.transport.pacer.pictures();
            Neighbours::new(sending.out.last_to(path), size, following)
        };
        let postmark = Postmark {
            neighbours,
            publication: publication.spec.id,
            transport_sequence: counted.then(|| self.transport.sent.next()),
            absolute_send_time: sending.absolute_send_time,
        };
        let Some(sealer) = self.transport.sealer() else {
            return Err(DropReason::ReceiverNotConnected);
        };
        let mut outcome = Err(DropReason::SealFailed);
        let urgency = match media {
            MediaKind::Audio => Urgency::Prompt,
            MediaKind::Video => Urgency::Picture,
        };
        let _ = sending.out.write_as(urgency, path, |room| {
            outcome = slot.write(room, outgoing, publication, &recorded, postmark, sealer);
            outcome.ok()
        });
        let length = outcome?;
        match kind {
            sent::Kind::Media => {
                sending.counters.packets_forwarded.count(media);
                if self.awaits.is_for(media) {
                    sending.counters.firsts.count(media, self.awaits.end(sending.now, media));
                }
            }
            sent::Kind::Resend => sending.counters.packets_resent.count(media),
            sent::Kind::Padding => {}
        }
        self.log(sending, outgoing, kind, probe, (length, payload, counted));
        Ok(())
    }

    /// Logs a packet that left, with its length, that of its payload, and whether feedback tells of it.
    #[inline]
    fn log(
        &mut self,
        sending: &mut Sending<'_>,
        outgoing: &Outgoing,
        kind: sent::Kind,
        probe: Option<ProbeId>,
        (length, payload, counted): (usize, usize, bool),
    ) {
        self.transport.sent.push(
            sending.now,
            sent::Entry {
                history: outgoing.key,
                publication: outgoing.publication,
                slot: outgoing.slot,
                rewrite: outgoing.rewrite,
                size: u16::try_from(length).unwrap_or(u16::MAX),
                kind,
                counted,
                probe,
            },
        );
        if self.transport.bandwidth.is_watching() {
            self.account(sending, outgoing.slot, kind, probe, (length, payload, counted));
        }
    }

    /// Tells the estimate of a packet that left.
    #[inline(never)]
    fn account(
        &mut self,
        sending: &mut Sending<'_>,
        slot: SlotId,
        kind: sent::Kind,
        probe: Option<ProbeId>,
        (length, payload, counted): (usize, usize, bool),
    ) {
        let wire = length + self.transport.overhead();
        let slot = self.slots.get(usize::from(slot.0));
        let is_picture = slot.is_some_and(|slot| slot.spec.kind == MediaKind::Video);
        let spending = match kind {
            sent::Kind::Media if is_picture => Spending::Picture,
            sent::Kind::Media => Spending::Sound,
            sent::Kind::Resend => Spending::Repair,
            sent::Kind::Padding => Spending::Padding,
        };
        if kind == sent::Kind::Padding {
            sending.counters.packets_padding.count();
        }
        let bandwidth = &mut self.transport.bandwidth;
        bandwidth.sent(sending.now, &Departure { spending, wire, payload, counted });
        if probe.is_some()
            && let Some(burst) = bandwidth.burst()
        {
            burst.sent(sending.now, wire);
        }
    }
}

/// Answers to STUN requests, and last words of participants that are gone: whatever belongs to no transport's queue.
///
/// When full, further ones are dropped: STUN is repeated, and a client that misses a goodbye finds out by consent.
#[derive(Debug)]
pub(super) struct Farewells {
    waiting: VecDeque<(Path, ArrayVec<u8, FAREWELL_BYTES>)>,
    /// Those that found no room, until they are counted.
    refused: u64,
}

impl Default for Farewells {
    fn default() -> Self {
        Self { waiting: VecDeque::with_capacity(FAREWELLS_MAX), refused: 0 }
    }
}

impl Farewells {
    /// Lets `write` fill a buffer for `path`; it returns the length to send, if any, and what to hand on.
    pub(super) fn reply<T>(
        &mut self,
        path: Path,
        write: impl FnOnce(&mut [u8]) -> (Option<usize>, T),
    ) -> T {
        let mut buffer = ArrayVec::from([0; FAREWELL_BYTES]);
        let (length, handed_on) = write(&mut buffer);
        if let Some(length) = length {
            if self.waiting.len() < FAREWELLS_MAX {
                buffer.truncate(length);
                self.waiting.push_back((path, buffer));
            } else {
                self.refused += 1;
            }
        }
        handed_on
    }

    fn write(&mut self, out: &mut SendBatch) -> Fill {
        while let Some((path, message)) = self.waiting.front() {
            let written = out.write(*path, |room| {
                room.get_mut(..message.len())?.copy_from_slice(message);
                Some(message.len())
            });
            if !written {
                return Fill::Full;
            }
            self.waiting.pop_front();
        }
        Fill::Empty
    }
}

/// So many of the last packets take turns as padding: a second copy of more of them is of more use than many of one.
const PADDING_VARIETY: usize = 16;

/// Bytes of a packet that carries nothing: the last byte counts them (RFC 3550, section 5.1).
const PADDING_LENGTH: u8 = 255;

/// 24 bits of seconds in 6.18 fixed point.
fn absolute_send_time(ntp: u64) -> u32 {
    u32::try_from((ntp >> 14) & 0x00ff_ffff).unwrap_or_default()
}

/// One for each message of the largest batch; only a flood makes runs of STUN requests.
const FAREWELLS_MAX: usize = crate::net::batch::RECV_MAX;
/// A STUN success response with an IPv6 address is 80 bytes, an error with unknown attributes little more.
const FAREWELL_BYTES: usize = 256;

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn answers_beyond_the_bound_are_dropped_and_the_others_leave_in_order() {
        let mut farewells = Farewells::default();
        let path = |port| Path { local: 0, remote: ([192, 0, 2, 1], port).into() };
        let ports = 1..=u16::try_from(FAREWELLS_MAX).unwrap() + 1;
        for port in ports.clone() {
            farewells.reply(path(port), |room| {
                room[0] = 7;
                (Some(1), ())
            });
        }
        let mut batch = SendBatch::new();
        assert_eq!(farewells.write(&mut batch), Fill::Empty);
        let sent: Vec<u16> = batch.datagrams().map(|(path, _)| path.remote.port()).collect();
        assert_eq!(sent, ports.take(FAREWELLS_MAX).collect::<Vec<_>>());
        assert_eq!(farewells.refused, 1);
    }
}
