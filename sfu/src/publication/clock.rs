//! A publisher's wall clock in terms of ours, so that its sound and picture can be reported in one time.

use std::time::Duration;

/// What to add to a publisher's NTP times to have ours, learnt from its sender reports.
///
/// All streams of one participant share it: what was captured together stays together, however wrong its clock is.
#[derive(Clone, Copy, Debug, Default)]
pub struct PublisherClock {
    offset: Option<i64>,
}

impl PublisherClock {
    /// A sender report said `theirs` and arrived at `ours`; both NTP, seconds in the upper 32 bits.
    ///
    /// The smallest difference is the one with the least delay in it, so it is kept. A difference
    /// that grew by more than `STEP` means that a clock was set: then it starts afresh.
    pub fn sender_report(&mut self, theirs: u64, ours: u64) {
        let seen = ours.wrapping_sub(theirs).cast_signed();
        let keep = |offset: &i64| *offset <= seen && seen.wrapping_sub(*offset) < STEP;
        self.offset = Some(self.offset.filter(keep).unwrap_or(seen));
    }

    /// A time of the publisher's in our clock, once a sender report was seen.
    #[must_use]
    pub fn ours(&self, theirs: u64) -> Option<u64> {
        self.offset.map(|offset| theirs.wrapping_add_signed(offset))
    }
}

/// A duration in NTP units: 2³² a second.
#[must_use]
pub(crate) fn ntp_units(duration: Duration) -> u64 {
    let fraction = (u64::from(duration.subsec_nanos()) << 32) / 1_000_000_000;
    (duration.as_secs() << 32).wrapping_add(fraction)
}

/// Half a second: more than queues of a usable call add, less than any clock that is being set moves.
const STEP: i64 = 1 << 31;

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_report_with_the_least_delay_counts_until_the_clock_is_set() {
        let mut clock = PublisherClock::default();
        assert_eq!(clock.ours(5), None);
        clock.sender_report(1 << 32, (9 << 32) + 100);
        clock.sender_report(2 << 32, (10 << 32) + 40);
        clock.sender_report(3 << 32, (11 << 32) + 900);
        assert_eq!(clock.ours(3 << 32), Some((11 << 32) + 40));
        clock.sender_report(4 << 32, 20 << 32);
        assert_eq!(clock.ours(4 << 32), Some(20 << 32));
    }
}
