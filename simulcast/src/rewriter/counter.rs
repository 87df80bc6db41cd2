//! Numbers that payloads give their frames, continued over runs.

/// A number that the payload gives its frame. It wraps at `mask`.
#[derive(Clone, Copy, Debug)]
pub(super) struct Counter {
    /// The highest of this run as it came in, sent or left out; none in a run without such numbers so far.
    incoming: Option<u16>,
    /// The highest as it was sent, of all runs.
    pub(super) highest: u16,
    /// Bit n is set where the frame `incoming - n` was left out and its number is another's.
    left_out: u64,
    mask: u16,
}

impl Counter {
    pub(super) const fn new(mask: u16) -> Self {
        Self { incoming: None, highest: 0, left_out: 0, mask }
    }

    pub(super) const fn end_run(&mut self) {
        self.incoming = None;
        self.left_out = 0;
    }

    /// Continues with `value`, which wraps at `mask`; `newest` tells that no later packet of the run has been seen, which
    /// settles what so few bits as 7 leave open after a long loss.
    pub(super) fn next(&mut self, value: u16, mask: u16, newest: bool) -> u16 {
        let Some(incoming) = self.incoming else {
            self.incoming = Some(value);
            self.highest = self.highest.wrapping_add(1) & self.mask;
            return self.highest;
        };
        let ahead = value.wrapping_sub(incoming) & mask;
        if newest || ahead <= mask / 2 {
            self.advance(value, ahead);
            self.highest = self.highest.wrapping_add(ahead) & self.mask;
            self.highest
        } else {
            self.before(value, mask)
        }
    }

    /// Leaves out the frame `value`: the next one gets its number. Where later ones have theirs, nothing changes.
    pub(super) fn skip(&mut self, value: u16, mask: u16, newest: bool) {
        let Some(incoming) = self.incoming else { return };
        let ahead = value.wrapping_sub(incoming) & mask;
        if ahead > 0 && (newest || ahead <= mask / 2) {
            self.advance(value, ahead);
            self.highest = self.highest.wrapping_add(ahead - 1) & self.mask;
            self.left_out |= 1;
        }
    }

    /// The number of `value`, which is not above the highest of the run.
    pub(super) fn before(&self, value: u16, mask: u16) -> u16 {
        let behind = self.incoming.map_or(0, |incoming| incoming.wrapping_sub(value) & mask);
        let seen = 1_u64.checked_shl(behind.into()).map_or(u64::MAX, |bit| bit - 1);
        let left_out = (self.left_out & seen).count_ones();
        let behind = behind.saturating_sub(u16::try_from(left_out).unwrap_or(0));
        self.highest.wrapping_sub(behind) & self.mask
    }

    const fn advance(&mut self, value: u16, ahead: u16) {
        self.incoming = Some(value);
        self.left_out = match self.left_out.checked_shl(ahead as u32) {
            Some(left_out) => left_out,
            None => 0,
        };
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const MASK: u16 = 0x7fff;

    #[test]
    fn a_frame_left_out_gives_its_number_to_the_next() {
        let mut counter = Counter::new(MASK);
        assert_eq!(counter.next(0x7ffe, MASK, true), 1);
        counter.skip(0x7fff, MASK, true);
        counter.skip(0x7fff, MASK, true);
        assert_eq!(counter.next(0, MASK, true), 2);
        counter.skip(1, MASK, true);
        counter.skip(2, MASK, true);
        assert_eq!(counter.next(4, MASK, true), 4, "3 may still come");
        // Late ones get what was kept for them.
        assert_eq!(counter.next(3, MASK, false), 3);
        assert_eq!(counter.next(0, MASK, false), 2);
        assert_eq!(counter.next(0x7ffe, MASK, false), 1);
        assert_eq!(counter.next(4, MASK, true), 4);
    }

    #[test]
    fn a_frame_that_is_left_out_late_keeps_its_hole() {
        let mut counter = Counter::new(MASK);
        assert_eq!(counter.next(10, MASK, true), 1);
        assert_eq!(counter.next(12, MASK, true), 3);
        counter.skip(11, MASK, false);
        assert_eq!(counter.next(13, MASK, true), 4);
        assert_eq!(counter.next(10, MASK, false), 1);
    }
}
