//! The log of a transport's last packets: what transport-wide feedback acknowledges and what a NACK may ask for.

use std::collections::VecDeque;
use std::time::{Duration, Instant};

use simulcast::SequenceNumber;
use simulcast::estimator::{Fate, ProbeId, Told};
use simulcast::rewriter::Rewrite;

use super::stamp::Stamp;
use crate::media::SlotId;
use crate::net::ahead;
use crate::packet::twcc::Feedback;
use crate::publication::history::HistoryKey;

/// The last packets of one transport, [`SENT_MAX`] at most, by their transport-wide sequence numbers. `P` names a publication.
#[derive(Debug)]
pub struct Sent<P: Copy> {
    start: Instant,
    /// The newest last, which is that of the number before `next`. Grows to what [`KEPT`] needs, at most to [`SENT_MAX`].
    log: VecDeque<Logged<P>>,
    next: u16,
    /// The number after the highest of which feedback has told.
    told: Option<u16>,
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
    /// Whether it carries its transport-wide number, so that feedback tells of it.
    pub counted: bool,
    /// The probe it is part of.
    pub probe: Option<ProbeId>,
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
    history: HistoryKey,
    publication: P,
    rewrite: Rewrite,
    size: u16,
    slot: SlotId,
    mark: Mark,
    /// `None` once it was acknowledged: nobody asks again.
    sent: Option<Stamp>,
    resent: Option<Stamp>,
}

/// The small facts about a packet in one byte: two bits why it was sent, one whether feedback tells of it, one whether it told that it
/// was lost, four for its probe.
#[derive(Clone, Copy, Debug)]
struct Mark(u8);

impl Mark {
    const COUNTED: u8 = 1 << 2;
    const LOST: u8 = 1 << 3;

    fn new(kind: Kind, counted: bool, probe: Option<ProbeId>) -> Self {
        let counted = if counted { Self::COUNTED } else { 0 };
        Self(kind as u8 | counted | probe.map_or(0, ProbeId::number) << 4)
    }

    const fn kind(self) -> Kind {
        match self.0 & 0b11 {
            0 => Kind::Media,
            1 => Kind::Resend,
            _ => Kind::Padding,
        }
    }

    const fn has(self, bit: u8) -> bool {
        self.0 & bit != 0
    }

    fn probe(self) -> Option<ProbeId> {
        ProbeId::new(self.0 >> 4)
    }
}

impl<P: Copy> Logged<P> {
    fn entry(&self) -> Entry<P> {
        let Self { history, publication, rewrite, size, slot, mark, .. } = *self;
        let (kind, counted, probe) = (mark.kind(), mark.has(Mark::COUNTED), mark.probe());
        Entry { history, publication, slot, rewrite, size, kind, counted, probe }
    }
}

/// What a feedback packet says about one number, or that none has come which would.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
enum Said {
    Arrived(i64),
    Lost,
    Nothing,
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
        Self {
            start,
            log: VecDeque::new(),
            next: 0,
            told: None,
            lookups: LOOKUPS_MAX,
            lookups_end: start,
        }
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
        let Entry { history, publication, slot, rewrite, size, kind, counted, probe } = entry;
        let (mark, sent) = (Mark::new(kind, counted, probe), Some(Stamp::new(self.start, now)));
        let logged = Logged { history, publication, rewrite, size, slot, mark, sent, resent: None };
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

    /// What a feedback packet tells of the packets sent, each once: that it arrived, or was lost, or both in this order. Those between
    /// the last feedback and this one come first, as not told of. `overhead` is what IP and UDP add to each packet.
    ///
    /// Numbers that are unknown are left out: feedback of an honest peer has none but of packets older than the log. Packets without a
    /// number of their own count with the next one that arrived.
    pub fn told(
        &mut self,
        now: Instant,
        feedback: &Feedback<'_>,
        overhead: u32,
    ) -> impl Iterator<Item = Told> {
        let (first, missed) = self.missed(feedback);
        let missed = (0..missed).map(move |n| (first.wrapping_add(n), Said::Nothing));
        let said = feedback
            .arrivals()
            .map(|(number, arrival)| (number, arrival.map_or(Said::Lost, Said::Arrived)));
        let mut uncounted = 0;
        missed.chain(said).filter_map(move |(number, said)| {
            self.tell(now, number, said, overhead, &mut uncounted)
        })
    }

    /// The numbers between the last feedback and this one, which no feedback has told of: the first, and how many.
    fn missed(&mut self, feedback: &Feedback<'_>) -> (u16, u16) {
        let end = feedback.base.wrapping_add(feedback.statuses);
        let told = self.told.unwrap_or(feedback.base);
        let is_ahead = |number: u16, of: u16| number.wrapping_sub(of) < 1 << 15;
        if is_ahead(end, told) && is_ahead(self.next, end) {
            self.told = Some(end);
        }
        let gap = feedback.base.wrapping_sub(told);
        let known = usize::from(gap) <= self.log.len() && is_ahead(self.next, feedback.base);
        (told, if known { gap } else { 0 })
    }

    fn tell(
        &mut self,
        now: Instant,
        number: u16,
        said: Said,
        overhead: u32,
        uncounted: &mut u32,
    ) -> Option<Told> {
        let age = usize::from(self.next.wrapping_sub(number));
        let logged = self.log.len().checked_sub(age).and_then(|place| self.log.get_mut(place))?;
        let bytes = u32::from(logged.size) + overhead;
        let sent = logged.sent?;
        let (sent, probe) = (sent.moment(self.start, now), logged.mark.probe());
        let told = |bytes, fate| Some(Told { sent, bytes, probe, fate });
        if !logged.mark.has(Mark::COUNTED) {
            logged.sent = None;
            *uncounted += bytes;
            return None;
        }
        let was_lost = logged.mark.has(Mark::LOST);
        match said {
            Said::Arrived(at_us) => {
                let told = told(bytes + *uncounted, Fate::Arrived { at_us, was_lost });
                (logged.sent, *uncounted) = (None, 0);
                told
            }
            Said::Lost if !was_lost => {
                logged.mark.0 |= Mark::LOST;
                told(bytes, Fate::Lost)
            }
            Said::Nothing if !was_lost => told(bytes, Fate::Unreported),
            Said::Lost | Said::Nothing => None,
        }
    }

    /// The `nth` newest packet of media that `wanted` takes, of the last `RECENT_MAX` packets: to be sent again as padding.
    pub fn recent(&self, nth: usize, wanted: impl Fn(&Entry<P>) -> bool) -> Option<Entry<P>> {
        let newest = self.log.iter().rev().take(RECENT_MAX);
        let media = newest.filter(|logged| logged.mark.kind() == Kind::Media).map(Logged::entry);
        media.filter(wanted).nth(nth)
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
        Resend::Now(logged.entry())
    }

    /// The newest media packet of `slot` with this number.
    fn find(&mut self, slot: SlotId, sequence: SequenceNumber) -> Option<&mut Logged<P>> {
        self.log.iter_mut().rev().find(|logged| {
            logged.rewrite.sequence == sequence
                && logged.slot == slot
                && logged.mark.kind() == Kind::Media
        })
    }
}

/// What is older makes room instead of asking for more: longer than a resend is of use and any round trip of feedback. A thousand
/// receivers of little then have small logs.
pub const KEPT: Duration = Duration::from_secs(3);

/// Packets that are remembered at most: 2.7 s of 4 Mbit/s in packets of 1,200 bytes.
pub const SENT_MAX: usize = 1024;

/// Half a second of 2.5 Mbit/s: what is older is of no use to a receiver.
const RECENT_MAX: usize = 128;

/// Numbers that NACKs may have looked up within [`LOOKUPS_TIME`]: as many as a pacer holds retransmissions, and twice what
/// 300 ms of nothing cost a stream of 4 Mbit/s. At 2 µs each a receiver that asks without end takes 2.5 % of a thread.
pub const LOOKUPS_MAX: u16 = 256;

/// A receiver tells its losses together as often as this (libwebrtc, `modules/video_coding/nack_requester.h`, 20 ms).
pub const LOOKUPS_TIME: Duration = Duration::from_millis(20);

#[cfg(test)]
mod tests {
    use super::*;
    use crate::media::{PublicationId, Ssrc};
    use crate::packet::feedback::{Rtcp, packets};

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
            counted: true,
            probe: None,
        }
    }

    /// Feedback says that one packet arrived.
    fn acknowledge(sent: &mut Sent<u64>, now: Instant, number: u16) -> Option<Told> {
        sent.tell(now, number, Said::Arrived(7), 28, &mut 0)
    }

    /// Feedback about numbers from `base`, in milliseconds of arrival.
    fn tell(sent: &mut Sent<u64>, now: Instant, base: u16, arrivals: &[Option<i64>]) -> Vec<Told> {
        let mut bytes = Vec::new();
        let numbered = (base..).zip(arrivals.iter().map(|at| at.map(|ms| ms * 1000)));
        crate::packet::twcc::write(&mut bytes, Ssrc(1), Ssrc(2), 0, numbered);
        let Some(Ok(Rtcp::TransportWide(feedback))) = packets(&bytes).next() else { panic!() };
        sent.told(now, &feedback, 28).collect()
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
        let acknowledged = acknowledge(&mut sent, now + ms(90), number).unwrap();
        assert_eq!((acknowledged.bytes, acknowledged.probe), (1228, None));
        assert_eq!(acknowledged.fate, Fate::Arrived { at_us: 7, was_lost: false });
        assert_eq!(acknowledged.sent, now + ms(8));
        for number in [number, 2, u16::MAX] {
            assert_eq!(acknowledge(&mut sent, now + ms(95), number), None);
        }
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
        assert!(acknowledge(&mut sent, now, next.wrapping_sub(1024)).is_some());
        assert_eq!(acknowledge(&mut sent, now, next.wrapping_sub(1025)), None);
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
        assert!(acknowledge(&mut sent, now, 600 - 30).is_some());
        assert!(matches!(sent.resend(now, ms(50), SlotId(0), SequenceNumber(599)), Resend::Now(_)));
    }

    #[test]
    fn feedback_tells_of_each_packet_once_and_of_what_no_feedback_told() {
        let (mut sent, now) = sent();
        let probe = ProbeId::new(3);
        for n in 0..8 {
            sent.push(now + ms(n), Entry { probe, ..entry(0, 70, Kind::Resend) });
        }
        let fates = |told: Vec<Told>| told.iter().map(|told| told.fate).collect::<Vec<_>>();
        let arrived = |ms: i64, was_lost| Fate::Arrived { at_us: ms * 1000, was_lost };
        let now = now + ms(100);
        let told = tell(&mut sent, now, 1, &[Some(50), None, Some(51)]);
        assert!(told.iter().all(|told| told.probe == probe && told.bytes == 1228));
        assert_eq!(fates(told), [arrived(50, false), Fate::Lost, arrived(51, false)]);
        // Number 2 was overtaken; 4 and 5 are told of by nobody; what was told is not told again.
        let told = tell(&mut sent, now, 2, &[Some(52), Some(51)]);
        assert_eq!(fates(told), [arrived(52, true)]);
        let told = tell(&mut sent, now, 6, &[None, Some(60)]);
        assert_eq!(
            fates(told),
            [Fate::Unreported, Fate::Unreported, Fate::Lost, arrived(60, false)]
        );
        // The lost feedback comes late.
        let told = tell(&mut sent, now, 4, &[Some(54), None]);
        assert_eq!(fates(told), [arrived(54, false), Fate::Lost]);
        // Numbers that were never sent are left out, and nothing is taken for missed because of them.
        assert_eq!(tell(&mut sent, now, 300, &[Some(1)]), []);
        sent.push(now, entry(0, 71, Kind::Media));
        assert_eq!(fates(tell(&mut sent, now, 8, &[Some(99)])), [arrived(99, false)]);
    }

    #[test]
    fn packets_without_a_number_count_with_the_next() {
        let (mut sent, now) = sent();
        sent.push(now, entry(0, 1, Kind::Media));
        for _ in 0..2 {
            sent.push(now, Entry { counted: false, size: 72, ..entry(1, 1, Kind::Media) });
        }
        sent.push(now, entry(0, 2, Kind::Media));
        let told = tell(&mut sent, now, 0, &[Some(50), None, None, Some(51)]);
        assert_eq!(told.iter().map(|told| told.bytes).collect::<Vec<_>>(), [1228, 1428]);
    }

    #[test]
    fn the_newest_packets_of_media_serve_as_padding() {
        let (mut sent, now) = sent();
        for n in 0..4 {
            sent.push(now, entry(u8::from(n == 1), n, Kind::Media));
            sent.push(now, entry(0, n, Kind::Padding));
        }
        let recent = |nth| sent.recent(nth, |entry| entry.slot == SlotId(0));
        let numbers: Vec<u16> =
            (0..).map_while(recent).map(|entry| entry.rewrite.sequence.0).collect();
        assert_eq!(numbers, [3, 2, 0]);
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
                assert!(acknowledge(&mut sent, now, number).is_some());
            }
        });
        assert_eq!(counted.count_total, 0);
    }
}
