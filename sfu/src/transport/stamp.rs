//! A moment in four bytes, for logs that hold thousands of them.

use std::num::NonZeroU32;
use std::time::{Duration, Instant};

/// A moment within the last hours, in 1/64 ms since a start that its owner keeps. Wraps after 18 hours.
///
/// That is sixteen times finer than transport-wide feedback reports arrivals. `Option<Stamp>` is four bytes as well.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub(super) struct Stamp(NonZeroU32);

impl Stamp {
    /// `at`, rounded down to 1/64 ms; the start itself where `at` is before it.
    pub(super) fn new(start: Instant, at: Instant) -> Self {
        Self(NonZeroU32::new(ticks(start, at)).unwrap_or(NonZeroU32::MIN))
    }

    /// The moment this stamp was made of, up to 1/32 ms before or after. `now` is at most nine hours away from it.
    pub(super) fn moment(self, start: Instant, now: Instant) -> Instant {
        let ago = ticks(start, now).wrapping_sub(self.0.get()).cast_signed();
        let distance = Duration::from_nanos(u64::from(ago.unsigned_abs()) * u64::from(TICK_NANOS));
        if ago < 0 { now + distance } else { now.checked_sub(distance).unwrap_or(start) }
    }
}

#[expect(clippy::cast_possible_truncation, reason = "wraps on purpose")]
fn ticks(start: Instant, at: Instant) -> u32 {
    let since = at.saturating_duration_since(start);
    (since.as_secs() as u32)
        .wrapping_mul(TICKS_PER_SECOND)
        .wrapping_add(since.subsec_nanos() / TICK_NANOS)
}

/// 1/64 ms.
const TICK_NANOS: u32 = 15_625;

const TICKS_PER_SECOND: u32 = 1_000_000_000 / TICK_NANOS;

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    #[expect(
        clippy::disallowed_methods,
        reason = "any instant serves as the start of virtual time"
    )]
    fn a_moment_survives_in_four_bytes_even_where_the_count_wraps() {
        assert_eq!(size_of::<Option<Stamp>>(), 4);
        let start = Instant::now();
        for at in [0, 1, 5_000_000, 67_108_863_000, 67_108_864_000, 67_200_000_000] {
            let at = start + Duration::from_micros(at);
            let stamp = Stamp::new(start, at);
            for now in [at, at + Duration::from_secs(30_000)] {
                let read = stamp.moment(start, now);
                let error = read.max(at) - read.min(at);
                assert!(error <= Duration::from_nanos(2 * u64::from(TICK_NANOS)), "{error:?}");
            }
        }
    }
}
