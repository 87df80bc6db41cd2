//! Which of a publisher's packets arrived, by their transport-wide sequence numbers, until it is told.
//!
//! The bytes of the feedback are built in `packet::twcc`. Format: draft-holmer-rmcat-transport-wide-cc-extensions-01.

use std::time::{Duration, Instant};

use simulcast::SequenceNumber;
use simulcast::sequence::Unwrapper;

use super::stamp::Stamp;

/// Arrival times of one transport's packets, and when the sender is told of them.
#[derive(Debug)]
pub struct Arrivals {
    start: Instant,
    unwrapper: Unwrapper,
    /// The arrival of index `i` is at `i % ARRIVALS_MAX`; what lies further back than that is forgotten. Empty before the first
    /// packet: whoever only receives sends none.
    times: Box<[Option<Stamp>]>,
    /// The first index that the next feedback covers; 0 before the first packet.
    base: u64,
    waiting: Option<Waiting>,
}

/// Packets that arrived and of which the sender has not been told.
#[derive(Clone, Copy, Debug)]
struct Waiting {
    since: Instant,
    count: usize,
}

/// What one feedback covers: each number from `base` on, whether or not it arrived. At least one did.
#[derive(Clone, Copy, Debug)]
pub struct Span<'a> {
    arrivals: &'a Arrivals,
    now: Instant,
    from: u64,
    to: u64,
}

impl Arrivals {
    /// Nothing arrived yet. All times it is told later are at or after `start`, from which spans count.
    #[must_use]
    pub fn new(start: Instant) -> Self {
        Self {
            start,
            unwrapper: Unwrapper::default(),
            times: Box::default(),
            base: 0,
            waiting: None,
        }
    }

    /// A packet with this transport-wide sequence number arrived.
    ///
    /// A repeated number changes nothing. One that arrives late moves the next feedback back to it, unless it is more
    /// than [`LATE_MAX`] behind what was told; then it is ignored. A jump of [`ARRIVALS_MAX`] or more, either way, is
    /// taken for a new numbering: what was not told is forgotten.
    pub fn record(&mut self, sequence: SequenceNumber, arrival: Instant) {
        if self.times.is_empty() {
            self.times = vec![None; ARRIVALS_MAX].into_boxed_slice();
        }
        let index = self.unwrapper.peek(sequence);
        let mut highest = self.unwrapper.highest();
        if highest.is_none_or(|highest| index.abs_diff(highest) >= ARRIVALS_MAX as u64) {
            self.restart(sequence);
            highest = None;
        }
        let index = self.unwrapper.unwrap(sequence);
        let highest = highest.unwrap_or(index);
        if index + LATE_MAX < self.base {
            return;
        }
        (highest + 1..=index).for_each(|skipped| self.set(skipped, None));
        if self.time(index).is_some() {
            return;
        }
        self.set(index, Some(Stamp::new(self.start, arrival)));
        let oldest = (index.max(highest) + 1).saturating_sub(ARRIVALS_MAX as u64);
        self.base = self.base.min(index).max(oldest);
        let waiting = self.waiting.get_or_insert(Waiting { since: arrival, count: 0 });
        waiting.count += 1;
    }

    /// What to tell the sender now, if it is time. Asked again at once, it yields the rest where one feedback could not
    /// hold everything.
    pub fn poll(&mut self, now: Instant) -> Option<Span<'_>> {
        if self.deadline()? > now {
            return None;
        }
        let end = self.unwrapper.highest()? + 1;
        let first = (self.base..end).find(|index| self.time(*index).is_some())?;
        let from = self.base.max((first + 1).saturating_sub(SPAN_MAX));
        let to = end.min(from + SPAN_MAX);
        self.base = to;
        if to == end {
            self.waiting = None;
        }
        Some(Span { arrivals: self, now, from, to })
    }

    /// When [`Self::poll`] yields something next; `None` where there is nothing to tell.
    #[must_use]
    pub fn deadline(&self) -> Option<Instant> {
        let Waiting { since, count } = self.waiting?;
        Some(if count >= COUNT_MAX { since } else { since + INTERVAL })
    }

    fn restart(&mut self, sequence: SequenceNumber) {
        self.times.fill(None);
        self.unwrapper = Unwrapper::default();
        self.base = self.unwrapper.peek(sequence);
        self.waiting = None;
    }

    fn time(&self, index: u64) -> Option<Stamp> {
        self.times.get(place(index)).copied().flatten()
    }

    fn set(&mut self, index: u64, time: Option<Stamp>) {
        if let Some(place) = self.times.get_mut(place(index)) {
            *place = time;
        }
    }
}

impl Span<'_> {
    /// The first number it covers.
    #[must_use]
    pub const fn base(&self) -> SequenceNumber {
        SequenceNumber((self.from & 0xffff) as u16)
    }

    /// How many numbers it covers: 1 to [`SPAN_MAX`].
    #[must_use]
    pub fn count(&self) -> u16 {
        u16::try_from(self.to - self.from).unwrap_or(u16::MAX)
    }

    /// Each number in turn with its arrival, counted from the start of the [`Arrivals`]; `None` where it is missing.
    pub fn packets(&self) -> impl Iterator<Item = (SequenceNumber, Option<Duration>)> {
        (self.from..self.to).map(|index| {
            let Arrivals { start, .. } = *self.arrivals;
            let arrival = self.arrivals.time(index).map(|time| time.moment(start, self.now));
            let since_start = arrival.map(|arrival| arrival.saturating_duration_since(start));
            (SequenceNumber((index & 0xffff) as u16), since_start)
        })
    }
}

#[expect(clippy::cast_possible_truncation, reason = "the remainder is below ARRIVALS_MAX")]
const fn place(index: u64) -> usize {
    (index % ARRIVALS_MAX as u64) as usize
}

/// How long the first packet waits to be told: the shortest of libwebrtc's 50 to 250 ms
/// (`remote_estimator_proxy.cc`), so that a sender's estimate climbs as fast as it can; 20 feedbacks of some 60 bytes a
/// second are 10 kbit/s.
pub const INTERVAL: Duration = Duration::from_millis(50);

/// After so many packets the sender is told at once: at 20 Mbit/s that is each 50 ms too, and what is told stays near
/// 300 bytes.
pub const COUNT_MAX: usize = 100;

/// Numbers in one feedback. At worst each needs two bits of status and two bytes of time: 1,172 bytes with the header,
/// which any path carries.
pub const SPAN_MAX: u64 = 512;

/// How far back a late packet is still told: a quarter of a second at 10 Mbit/s. Its sender has counted it as lost, so it
/// gains little.
pub const LATE_MAX: u64 = 256;

/// Numbers that are remembered; as many may be lost in a row without a restart: 5 s of 8 Mbit/s. 16 KiB.
pub const ARRIVALS_MAX: usize = 4096;

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    #[expect(
        clippy::disallowed_methods,
        reason = "any instant serves as the start of virtual time"
    )]
    fn arrivals() -> (Arrivals, Instant) {
        let now = Instant::now();
        (Arrivals::new(now), now)
    }

    fn ms(ms: u64) -> Duration {
        Duration::from_millis(ms)
    }

    fn told(arrivals: &mut Arrivals, now: Instant) -> Vec<(u16, Option<Duration>)> {
        let span = arrivals.poll(now).unwrap();
        let packets: Vec<_> = span.packets().map(|(number, time)| (number.0, time)).collect();
        assert_eq!(usize::from(span.count()), packets.len());
        assert_eq!(span.base().0, packets[0].0);
        packets
    }

    #[test]
    fn the_sender_is_told_of_each_number_once_the_first_has_waited() {
        let (mut arrivals, now) = arrivals();
        arrivals.record(SequenceNumber(65_534), now + ms(10));
        arrivals.record(SequenceNumber(1), now + ms(12));
        assert_eq!(arrivals.deadline(), Some(now + ms(60)));
        assert!(arrivals.poll(now + ms(59)).is_none());
        let (ten, twelve) = (Some(ms(10)), Some(ms(12)));
        let expected = [(65_534, ten), (65_535, None), (0, None), (1, twelve)];
        assert_eq!(told(&mut arrivals, now + ms(60)), expected);
        assert!(arrivals.poll(now + ms(600)).is_none());
        assert_eq!(arrivals.deadline(), None);
    }

    #[test]
    fn losses_between_two_feedbacks_are_told_by_the_second() {
        let (mut arrivals, now) = arrivals();
        arrivals.record(SequenceNumber(5), now);
        told(&mut arrivals, now + ms(50));
        arrivals.record(SequenceNumber(8), now + ms(70));
        let expected = [(6, None), (7, None), (8, Some(ms(70)))];
        assert_eq!(told(&mut arrivals, now + ms(120)), expected);
    }

    #[test]
    fn a_late_packet_is_told_in_a_later_feedback_and_a_repeated_one_never() {
        let (mut arrivals, now) = arrivals();
        for number in [1, 3, 4] {
            arrivals.record(SequenceNumber(number), now + ms(1));
        }
        told(&mut arrivals, now + ms(51));
        arrivals.record(SequenceNumber(3), now + ms(60));
        assert_eq!(arrivals.deadline(), None);
        arrivals.record(SequenceNumber(2), now + ms(60));
        let one = Some(ms(1));
        let expected = [(2, Some(ms(60))), (3, one), (4, one)];
        assert_eq!(told(&mut arrivals, now + ms(110)), expected);
    }

    #[test]
    fn a_hundred_packets_are_told_at_once() {
        let (mut arrivals, now) = arrivals();
        (0..99).for_each(|number| arrivals.record(SequenceNumber(number), now));
        assert!(arrivals.poll(now).is_none());
        arrivals.record(SequenceNumber(99), now);
        assert_eq!(told(&mut arrivals, now).len(), 100);
    }

    #[test]
    fn a_wide_gap_takes_several_feedbacks_that_each_hold_an_arrival() {
        let (mut arrivals, now) = arrivals();
        for number in [0, 600, 3000] {
            arrivals.record(SequenceNumber(number), now);
        }
        let spans: Vec<_> = (0..4)
            .map_while(|_| arrivals.poll(now + ms(50)).map(|span| (span.base().0, span.count())))
            .collect();
        assert_eq!(spans, [(0, 512), (512, 512), (2489, 512)]);
    }

    #[test]
    fn what_was_lost_too_long_ago_is_not_told() {
        let (mut arrivals, now) = arrivals();
        for number in [0, 3000, 6000] {
            arrivals.record(SequenceNumber(number), now);
        }
        let mut heard = Vec::new();
        while let Some(span) = arrivals.poll(now + ms(50)) {
            heard.extend(
                span.packets().filter(|(_, time)| time.is_some()).map(|(number, _)| number.0),
            );
        }
        assert_eq!(heard, [3000, 6000]);
    }

    #[test]
    fn a_huge_jump_either_way_begins_anew() {
        for (before, after) in [(0, 20_000), (0, 50_000), (50_000, 0), (56_972, 1)] {
            let (mut arrivals, now) = arrivals();
            arrivals.record(SequenceNumber(before), now);
            arrivals.record(SequenceNumber(after), now + ms(1));
            assert_eq!(told(&mut arrivals, now + ms(51)), [(after, Some(ms(1)))]);
            assert_eq!(arrivals.deadline(), None, "{before} {after}");
        }
    }

    #[test]
    fn a_packet_is_recorded_without_allocating() {
        let (mut arrivals, now) = arrivals();
        // The first makes the log.
        arrivals.record(SequenceNumber(u16::MAX), now);
        let counted = allocation_counter::measure(|| {
            for number in 0..10_000u16 {
                arrivals.record(SequenceNumber(number), now);
                arrivals.poll(now).inspect(|span| assert!(span.packets().count() > 0));
            }
        });
        assert_eq!(counted.count_total, 0);
    }

    proptest! {
        /// Each number that arrived is told as arrived, and none that did not.
        #[test]
        fn what_is_told_is_what_arrived(steps in prop::collection::vec((0u16..6, 0u16..4, any::<bool>()), 1..400)) {
            let (mut arrivals, now) = arrivals();
            let (mut newest, mut came, mut heard) = (65_000u16, Vec::new(), Vec::new());
            for (ahead, back, poll) in steps {
                newest = newest.wrapping_add(ahead);
                let number = newest.wrapping_sub(back);
                arrivals.record(SequenceNumber(number), now);
                came.push(number);
                if poll && let Some(span) = arrivals.poll(now + INTERVAL) {
                    heard.extend(span.packets().filter(|(_, time)| time.is_some()).map(|(number, _)| number.0));
                }
            }
            if let Some(span) = arrivals.poll(now + INTERVAL) {
                heard.extend(span.packets().filter(|(_, time)| time.is_some()).map(|(number, _)| number.0));
            }
            came.sort_unstable();
            came.dedup();
            heard.sort_unstable();
            heard.dedup();
            prop_assert_eq!(came, heard);
        }
    }
}
