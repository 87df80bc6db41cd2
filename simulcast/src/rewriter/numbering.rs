//! Outgoing sequence numbers: no hole of ours, every hole of the network's.

use crate::sequence::SequenceNumber;

/// Gives the packets of a run their numbers.
#[derive(Clone, Copy, Debug)]
pub(super) struct Numbering {
    /// What an index above all of the run will get.
    next: SequenceNumber,
    /// The highest index of the run, forwarded or skipped.
    highest: u64,
    /// Bit n is set where the index `highest - n` was skipped.
    skipped: u128,
    /// At and below this index the run has no numbers: it began later, or a skip is forgotten.
    floor: u64,
}

/// A longer hole than this is closed. It is more than a publisher sends in the second for which packets can be asked for again
/// (2.5 Mbit/s are 300), so nothing could fill it; and a publisher that starts its numbers anew must not make every receiver ask for
/// thousands.
const HOLE_MAX: u64 = 2_048;

impl Numbering {
    pub(super) const fn new(first: SequenceNumber) -> Self {
        Self { next: first, highest: 0, skipped: 0, floor: 0 }
    }

    /// The highest index of the run.
    pub(super) const fn highest(&self) -> u64 {
        self.highest
    }

    /// Begins a run with `index`; gives its number, which follows the highest given so far.
    pub(super) const fn start_run(&mut self, index: u64) -> SequenceNumber {
        let number = self.next;
        *self = Self {
            next: number.next(),
            highest: index,
            skipped: 0,
            floor: index.saturating_sub(1),
        };
        number
    }

    /// Ends the run, whose last packets will never be sent: those with the numbers in `unsent`, in any order. The next run begins
    /// with the first number of which none was sent from it on.
    pub(super) fn end_run(&mut self, unsent: &mut [SequenceNumber]) {
        let back = |number: &SequenceNumber| self.next.0.wrapping_sub(number.0).wrapping_sub(1);
        unsent.sort_unstable_by_key(back);
        let last = unsent.iter().zip(0..).take_while(|(number, place)| back(number) == *place);
        self.next = last.last().map_or(self.next, |(number, _)| *number);
    }

    /// The number of `index`, where it has one in this run.
    pub(super) fn number(&mut self, index: u64) -> Option<SequenceNumber> {
        if index > self.highest {
            self.advance(index);
            let number = self.next;
            self.next = number.next();
            return Some(number);
        }
        self.given(index)
    }

    /// The number of `index`, where it has one and is not above the highest.
    pub(super) fn given(&self, index: u64) -> Option<SequenceNumber> {
        let back = self.highest.checked_sub(index)?;
        if index <= self.floor || self.is_skipped(back) {
            return None;
        }
        // All from `index` to `highest` that were not skipped have numbers, and the last of them is before `next`.
        let skipped = u64::from((self.skipped & ones_up_to(back)).count_ones());
        let numbered = u16::try_from(back + 1 - skipped).ok()?;
        Some(SequenceNumber(self.next.0.wrapping_sub(numbered)))
    }

    /// Leaves `index` out; the number of its hole, where it comes too late for that.
    pub(super) fn skip(&mut self, index: u64) -> Option<SequenceNumber> {
        if index <= self.highest {
            return self.number(index);
        }
        self.advance(index);
        self.skipped |= 1;
        None
    }

    /// Makes `index` the highest, with numbers kept free for all between, and forgets skips that become too old.
    fn advance(&mut self, index: u64) {
        let distance = index - self.highest;
        let hole = distance - 1;
        if hole > HOLE_MAX {
            self.skipped = 0;
            self.floor = index - 1;
        } else {
            let distance = u32::try_from(distance).unwrap_or(u128::BITS);
            let kept = u128::MAX.checked_shr(distance).unwrap_or(0);
            let lost = self.skipped & !kept;
            if lost != 0 {
                self.floor = self.floor.max(self.highest - u64::from(lost.trailing_zeros()));
            }
            self.skipped = self.skipped.checked_shl(distance).unwrap_or(0);
            self.next = self.next.plus(u16::try_from(hole).unwrap_or(0));
        }
        self.highest = index;
    }

    fn is_skipped(&self, back: u64) -> bool {
        u32::try_from(back).ok().and_then(|back| self.skipped.checked_shr(back)).unwrap_or(0) & 1
            == 1
    }
}

/// The bits 0 to `place`.
fn ones_up_to(place: u64) -> u128 {
    match u32::try_from(place + 1) {
        Ok(count) if count < u128::BITS => (1 << count) - 1,
        Ok(_) | Err(_) => u128::MAX,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn numbers_of_packets_that_are_never_sent_go_to_the_next_run() {
        let mut numbering = started();
        for index in 101..=105 {
            numbering.number(index);
        }
        // Those of 100 to 105 are 65,534 to 3. Of 102 to 105 nothing was sent, nor of a resend of 100.
        let mut unsent = [3, 65_534, 0, 2, 1].map(SequenceNumber);
        numbering.end_run(&mut unsent);
        assert_eq!(numbering.start_run(7), SequenceNumber(0));
        numbering.end_run(&mut [SequenceNumber(65_000)]);
        assert_eq!(numbering.start_run(900), SequenceNumber(1));
        numbering.end_run(&mut []);
        assert_eq!(numbering.start_run(20), SequenceNumber(2));
    }

    fn started() -> Numbering {
        let mut numbering = Numbering::new(SequenceNumber(65_534));
        assert_eq!(numbering.start_run(100), SequenceNumber(65_534));
        numbering
    }

    #[test]
    fn a_hole_of_the_network_stays_and_its_packet_gets_its_number() {
        let mut numbering = started();
        assert_eq!(numbering.number(103), Some(SequenceNumber(1)));
        assert_eq!(numbering.number(102), Some(SequenceNumber(0)));
        assert_eq!(numbering.number(101), Some(SequenceNumber(65_535)));
        assert_eq!(numbering.number(99), None);
    }

    #[test]
    fn a_skipped_packet_leaves_no_hole() {
        let mut numbering = started();
        assert_eq!(numbering.skip(101), None);
        assert_eq!(numbering.number(103), Some(SequenceNumber(0)));
        assert_eq!(numbering.number(102), Some(SequenceNumber(65_535)));
        assert_eq!(numbering.number(101), None);
        assert_eq!(numbering.number(100), Some(SequenceNumber(65_534)));
    }

    #[test]
    fn a_packet_skipped_too_late_names_its_hole() {
        let mut numbering = started();
        assert_eq!(numbering.number(102), Some(SequenceNumber(0)));
        assert_eq!(numbering.skip(101), Some(SequenceNumber(65_535)));
        assert_eq!(numbering.number(103), Some(SequenceNumber(1)));
    }

    #[test]
    fn nothing_older_than_a_forgotten_skip_is_numbered() {
        let mut numbering = started();
        numbering.skip(101);
        assert_eq!(numbering.number(228), Some(SequenceNumber(65_534).plus(127)));
        assert_eq!(numbering.number(100), Some(SequenceNumber(65_534)), "127 back: remembered");
        assert_eq!(numbering.number(229), Some(SequenceNumber(65_534).plus(128)));
        assert_eq!(numbering.number(102), Some(SequenceNumber(65_535)));
        assert_eq!(numbering.number(100), None, "the skip of 101 is forgotten");
    }

    #[test]
    fn a_jump_that_nothing_could_fill_is_closed() {
        let mut numbering = started();
        assert_eq!(numbering.number(100 + 10_000), Some(SequenceNumber(65_535)));
        assert_eq!(numbering.number(9_000), None);
        assert_eq!(numbering.number(100 + 10_001), Some(SequenceNumber(0)));
    }
}
