//! The way out: answers to STUN, control messages, then what the pacers release.

use std::collections::VecDeque;
use std::time::Instant;

use arrayvec::ArrayVec;
use slotmap::SlotMap;

use super::{Shard, place};
use crate::channel::participant::{Participant, ParticipantKey};
use crate::drop::DropReason;
use crate::metrics::Counters;
use crate::net::batch::{Fill, Path, SendBatch};
use crate::packet::extension::Extension;
use crate::publication::{Publication, PublicationKey};
use crate::subscription::forward::Outgoing;
use crate::subscription::slot::Postmark;
use crate::transport::sent;

impl Shard {
    pub(super) fn transmit(&mut self, now: Instant, out: &mut SendBatch) -> Fill {
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
            let rest = participant.transport.pacer.deadline();
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
            let Some(outgoing) = self.transport.pacer.pop(sending.now) else { return Fill::Empty };
            if let Err(reason) = self.send(path, &outgoing, sending) {
                sending.counters.dropped.count(reason);
            }
        }
    }

    fn send(
        &mut self,
        path: Path,
        outgoing: &Outgoing,
        sending: &mut Sending<'_>,
    ) -> Result<(), DropReason> {
        let place = usize::from(outgoing.slot.0);
        let slot = self.slots.get_mut(place).ok_or(DropReason::SlotChanged)?;
        let publication =
            slot.carried(outgoing).and_then(|carried| sending.publications.get(carried));
        let publication = publication.ok_or(DropReason::SlotChanged)?;
        let recorded = publication.history.get(outgoing.key).ok_or(DropReason::HistoryOverrun)?;
        let counted = slot.spec.extensions.id(Extension::TransportSequence).is_some();
        let postmark = Postmark {
            publication: publication.spec.id,
            transport_sequence: counted.then(|| self.transport.sent.next()),
            absolute_send_time: sending.absolute_send_time,
        };
        let Some(sealer) = self.transport.sealer() else {
            return Err(DropReason::ReceiverNotConnected);
        };
        let mut outcome = Err(DropReason::SealFailed);
        let _ = sending.out.write(path, |room| {
            outcome = slot.write(room, outgoing, &recorded, postmark, sealer);
            outcome.ok()
        });
        let length = outcome?;
        let kind = publication.spec.source.kind();
        let counter = if outgoing.resend {
            &mut sending.counters.packets_resent
        } else {
            &mut sending.counters.packets_forwarded
        };
        counter.count(kind);
        self.transport.sent.push(
            sending.now,
            sent::Entry {
                history: outgoing.key,
                publication: outgoing.publication,
                slot: outgoing.slot,
                rewrite: outgoing.rewrite,
                size: u16::try_from(length).unwrap_or(u16::MAX),
                kind: if outgoing.resend { sent::Kind::Resend } else { sent::Kind::Media },
            },
        );
        Ok(())
    }
}

/// Answers to STUN requests, and last words of participants that are gone: whatever belongs to no transport's queue.
///
/// When full, further ones are dropped: STUN is repeated, and a client that misses a goodbye finds out by consent.
#[derive(Debug)]
pub(super) struct Farewells {
    waiting: VecDeque<(Path, ArrayVec<u8, FAREWELL_BYTES>)>,
}

impl Default for Farewells {
    fn default() -> Self {
        Self { waiting: VecDeque::with_capacity(FAREWELLS_MAX) }
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
        if let Some(length) = length
            && self.waiting.len() < FAREWELLS_MAX
        {
            buffer.truncate(length);
            self.waiting.push_back((path, buffer));
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

/// 24 bits of seconds in 6.18 fixed point.
fn absolute_send_time(ntp: u64) -> u32 {
    u32::try_from((ntp >> 14) & 0x00ff_ffff).unwrap_or_default()
}

/// One for each message of the largest batch; only a flood makes runs of STUN requests.
const FAREWELLS_MAX: usize = crate::net::batch::RECV_MAX;
/// A STUN success response with an IPv6 address is 80 bytes, an error with unknown attributes little more.
const FAREWELL_BYTES: usize = 256;
