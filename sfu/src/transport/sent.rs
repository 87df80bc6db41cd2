//! The log of a transport's last packets: what transport-wide feedback acknowledges and what a NACK may ask for.

use std::collections::VecDeque;
use std::time::{Duration, Instant};

use simulcast::SequenceNumber;
use simulcast::rewriter::Rewrite;

use super::stamp::Stamp;
use crate::media::SlotId;
use crate::net::ahead;
use crate::publication::history::HistoryKey;

/// The last packets of one transport, [`SENT_MAX`] at most, by their transport-wide sequence numbers. `P` names a publication.
#[derive(Debug)]
pub struct Sent<P: Copy> {
    start: Instant,
    /// The newest last, which is that of the number before `next`. Grows to what [`KEPT`] needs, at most to [`SENT_MAX`].
    log: VecDeque<Logged<P>>,
    next: u16,
    /// Lookups for NACKs that are left until `lookups_end`.
    lookups: u16,
    lookups_end: Instant,
}

/// A packet as it was sent: enough to send it again with the same contents.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub struct Entry<P: Copy> {
    /// Where the plaintext is, in the history of `publication`.
    pub history: HistoryKey,
    /// Whose history.
    pub publication: P,
    /// The slot that carried it.
    pub slot: SlotId,
    /// Its numbers in the slot's stream, also where it went out as a retransmission.
    pub rewrite: Rewrite,
    /// Bytes of the whole datagram without IP and UDP.
    pub size: u16,
    /// Why it was sent.
    pub kind: Kind,
}

/// Why a packet was sent.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub enum Kind {
    /// As media.
    Media,
    /// Again, because a NACK asked for it.
    Resend,
    /// As padding, which carries nothing.
    Padding,
}

/// Two to a cache line.
#[derive(Clone, Copy, Debug)]
#[repr(align(32))]
struct Logged<P: Copy> {
    entry: Entry<P>,
    /// `None` once it was acknowledged: nobody asks again.
    sent: Option<Stamp>,
    resent: Option<Stamp>,
}

/// A packet that arrived.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub struct Acknowledged<P: Copy> {
    /// What it was.
    pub entry: Entry<P>,
    /// When it was sent, to 1/32 ms.
    pub sent: Instant,
}

/// What becomes of a packet that a NACK asks for.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
#[must_use]
pub enum Resend<P: Copy> {
    /// Send it again; from now on it counts as resent.
    Now(Entry<P>),
    /// It was resent less than a round trip ago: the NACK may have crossed it.
    TooSoon,
    /// It was never sent, or too long ago.
    Unknown,
    /// More than [`LOOKUPS_MAX`] were asked for within [`LOOKUPS_TIME`]: this one is not looked for, nor is what follows.
    TooMany,
}

impl<P: Copy> Sent<P> {
    /// An empty log. All times it is told later are at or after `start`.
    #[must_use]
    pub fn new(start: Instant) -> Self {
        Self { start, log: VecDeque::new(), next: 0, lookups: LOOKUPS_MAX, lookups_end: start }
    }

    /// The transport-wide sequence number that the next packet gets.
    #[must_use]
    pub const fn next(&self) -> u16 {
        self.next
    }

    /// Has the memory fetched that [`Self::push`] will write.
    #[inline]
    pub fn fetch(&self) {
        // The oldest makes room for it.
        if let Some(oldest) = self.log.front().filter(|_| self.log.len() == self.log.capacity()) {
            ahead::fetch(oldest);
        }
    }

    /// Logs a packet sent now, over the oldest one; returns its transport-wide sequence number, from 0 and wrapping.
    pub fn push(&mut self, now: Instant, entry: Entry<P>) -> u16 {
        let logged = Logged { entry, sent: Some(Stamp::new(self.start, now)), resent: None };
        let number = self.next;
        let is_full = self.log.len() == self.log.capacity();
        let is_old = |oldest: &Logged<P>| {
            oldest.sent.is_none_or(|sent| now >= sent.moment(self.start, now) + KEPT)
        };
        if self.log.len() >= SENT_MAX || is_full && self.log.front().is_some_and(is_old) {
            self.log.pop_front();
        }
        self.log.push_back(logged);
        self.next = number.wrapping_add(1);
        number
    }

    /// The packet with this transport-wide sequence number, of which feedback says that it arrived: once, so that
    /// feedback which repeats itself counts nothing twice. `None` also where it is unknown, which feedback of an honest
    /// peer says only of packets older than the log.
    pub fn acknowledge(&mut self, now: Instant, number: u16) -> Option<Acknowledged<P>> {
        let age = usize::from(self.next.wrapping_sub(number));
        let place = self.log.len().checked_sub(age)?;
        let logged = self.log.get_mut(place)?;
        let sent = logged.sent.take()?;
        Some(Acknowledged { entry: logged.entry, sent: sent.moment(self.start, now) })
    }

    /// Decides on a packet of `slot` that a NACK asks for: at most one resend per packet and round trip.
    ///
    /// Cost: a scan of the log from its newest entry, 1 to 2 µs for all of it, and no more than [`LOOKUPS_MAX`] of them in
    /// [`LOOKUPS_TIME`], whatever a peer asks for.
    pub fn resend(
        &mut self,
        now: Instant,
        round_trip: Duration,
        slot: SlotId,
        sequence: SequenceNumber,
    ) -> Resend<P> {
        if now >= self.lookups_end {
            (self.lookups, self.lookups_end) = (LOOKUPS_MAX, now + LOOKUPS_TIME);
        }
        let Some(left) = self.lookups.checked_sub(1) else { return Resend::TooMany };
        self.lookups = left;
        let start = self.start;
        let Some(logged) = self.find(slot, sequence) else { return Resend::Unknown };
        if logged.resent.is_some_and(|resent| now < resent.moment(start, now) + round_trip) {
            return Resend::TooSoon;
        }
        logged.resent = Some(Stamp::new(start, now));
        Resend::Now(logged.entry)
    }

    /// The newest media packet of `slot` with this number.
    fn find(&mut self, slot: SlotId, sequence: SequenceNumber) -> Option<&mut Logged<P>> {
        self.log.iter_mut().rev().find(|logged| {
            let entry = &logged.entry;
            entry.rewrite.sequence == sequence && entry.slot == slot && entry.kind == Kind::Media
        })
    }
}

/// What is older makes room instead of asking for more: longer than a resend is of use and any round trip of feedback. A thousand
/// receivers of little then have small logs.
pub const KEPT: Duration = Duration::from_secs(3);

/// Packets that are remembered at most: 2.7 s of 4 Mbit/s in packets of 1,200 bytes.
pub const SENT_MAX: usize = 1024;

/// Numbers that NACKs may have looked up within [`LOOKUPS_TIME`]: as many as a pacer holds retransmissions, and twice what
/// 300 ms of nothing cost a stream of 4 Mbit/s. At 2 µs each a receiver that asks without end takes 2.5 % of a thread.
pub const LOOKUPS_MAX: u16 = 256;

/// A receiver tells its losses together as often as this (libwebrtc, `modules/video_coding/nack_requester.h`, 20 ms).
pub const LOOKUPS_TIME: Duration = Duration::from_millis(20);

#[cfg(test)]
mod tests {
    use super::*;
    use crate::media::PublicationId;

    #[expect(
        clippy::disallowed_methods,
        reason = "any instant serves as the start of virtual time"
    )]
    fn sent() -> (Sent<u64>, Instant) {
        let now = Instant::now();
        (Sent::new(now), now)
    }

    fn ms(ms: u64) -> Duration {
        Duration::from_millis(ms)
    }

    fn entry(slot: u8, sequence: u16, kind: Kind) -> Entry<u64> {
        Entry {
            history: HistoryKey(sequence.into()),
            publication: 0,
            slot: SlotId(slot),
            rewrite: Rewrite { sequence: SequenceNumber(sequence), ..Rewrite::default() },
            size: 1200,
            kind,
        }
    }

    #[test]
    fn an_entry_is_small() {
        assert_eq!(size_of::<Logged<PublicationId>>(), 32);
    }

    #[test]
    fn a_packet_is_acknowledged_once_with_the_time_it_was_sent() {
        let (mut sent, now) = sent();
        sent.push(now, entry(0, 70, Kind::Media));
        let number = sent.push(now + ms(8), entry(0, 71, Kind::Media));
        assert_eq!(number, 1);
        let acknowledged = sent.acknowledge(now + ms(90), number).unwrap();
        assert_eq!(acknowledged.entry, entry(0, 71, Kind::Media));
        assert_eq!(acknowledged.sent, now + ms(8));
        assert_eq!(sent.acknowledge(now + ms(95), number), None);
        assert_eq!(sent.acknowledge(now + ms(95), 2), None);
        assert_eq!(sent.acknowledge(now + ms(95), u16::MAX), None);
    }

    #[test]
    fn the_last_1024_packets_are_known_also_where_the_number_wraps() {
        let (mut sent, now) = sent();
        for n in 0..70_000u32 {
            let sequence = u16::try_from(n & 0xffff).unwrap();
            assert_eq!(sent.push(now, entry(0, sequence, Kind::Media)), sequence);
        }
        let next = sent.next();
        assert_eq!(next, 4464);
        assert!(sent.acknowledge(now, next.wrapping_sub(1024)).is_some());
        assert_eq!(sent.acknowledge(now, next.wrapping_sub(1025)), None);
        let oldest = SequenceNumber(next.wrapping_sub(1024));
        assert!(matches!(sent.resend(now, ms(50), SlotId(0), oldest), Resend::Now(_)));
        let older = SequenceNumber(next.wrapping_sub(1025));
        assert_eq!(sent.resend(now, ms(50), SlotId(0), older), Resend::Unknown);
    }

    #[test]
    fn a_log_grows_no_further_than_the_time_needs_for_which_it_keeps_packets() {
        let (mut sent, now) = sent();
        // Ten a second for a minute: thirty are kept, and half as many for the growth by doubling.
        for n in 0..600 {
            sent.push(now + ms(u64::from(n) * 100), entry(0, n, Kind::Media));
        }
        assert!(sent.log.capacity() <= 64, "{}", sent.log.capacity());
        let now = now + ms(60_000);
        assert!(sent.acknowledge(now, 600 - 30).is_some());
        assert!(matches!(sent.resend(now, ms(50), SlotId(0), SequenceNumber(599)), Resend::Now(_)));
    }

    #[test]
    fn a_packet_is_resent_at_most_once_per_round_trip() {
        let (mut sent, now) = sent();
        sent.push(now, entry(1, 5, Kind::Media));
        let mut ask = |at| sent.resend(now + ms(at), ms(100), SlotId(1), SequenceNumber(5));
        let again = Resend::Now(entry(1, 5, Kind::Media));
        assert_eq!(ask(10), again);
        assert_eq!(ask(20), Resend::TooSoon);
        assert_eq!(ask(109), Resend::TooSoon);
        assert_eq!(ask(111), again);
    }

    #[test]
    fn a_storm_of_nacks_is_looked_up_only_so_far() {
        let (mut sent, now) = sent();
        for n in 0..600 {
            sent.push(now, entry(1, n, Kind::Media));
        }
        let mut found = |at, numbers: std::ops::Range<u16>| {
            let asked =
                numbers.map(|n| sent.resend(now + ms(at), ms(0), SlotId(1), SequenceNumber(n)));
            asked.filter(|answer| matches!(answer, Resend::Now(_))).count()
        };
        assert_eq!(found(5, 0..200), 200);
        assert_eq!(found(24, 200..500), 56, "256 within 20 ms");
        assert_eq!(found(25, 200..600), 256);
    }

    #[test]
    fn only_media_of_the_slot_is_resent_and_the_newest_of_one_number() {
        let (mut sent, now) = sent();
        let old = Entry { history: HistoryKey(1), ..entry(1, 5, Kind::Media) };
        let new = Entry { history: HistoryKey(2), ..old };
        for entry in [
            old,
            new,
            entry(2, 5, Kind::Media),
            entry(1, 5, Kind::Resend),
            entry(1, 6, Kind::Padding),
        ] {
            sent.push(now, entry);
        }
        let ask = |sent: &mut Sent<_>, slot, sequence| {
            sent.resend(now, ms(0), SlotId(slot), SequenceNumber(sequence))
        };
        assert_eq!(ask(&mut sent, 1, 5), Resend::Now(new));
        assert_eq!(ask(&mut sent, 1, 6), Resend::Unknown);
        assert_eq!(ask(&mut sent, 3, 5), Resend::Unknown);
    }

    #[test]
    fn a_packet_is_logged_without_allocating() {
        let (mut sent, now) = sent();
        // It grows to what it needs.
        for n in 0..2_000 {
            sent.push(now, entry(0, n, Kind::Media));
        }
        let counted = allocation_counter::measure(|| {
            for n in 0..3000 {
                let number = sent.push(now, entry(0, n, Kind::Media));
                assert!(sent.acknowledge(now, number).is_some());
            }
        });
        assert_eq!(counted.count_total, 0);
    }
}
