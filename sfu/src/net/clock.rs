//! The clock: the only place in this crate that asks for the time.
//!
//! The kernel stamps what arrives with wall time, the shard wants [`Instant`]s. Both run at the same speed (Linux slews
//! them together), so one pair of readings translates all stamps, until somebody sets the wall clock. Each turn looks
//! whether that has happened.

use std::time::{Duration, Instant, SystemTime, UNIX_EPOCH};

/// The present moment, and the same in NTP format: what a node's shards call their start.
#[must_use]
pub fn epoch() -> (Instant, u64) {
    let clock = Clock::new();
    let start = clock.now();
    (start, clock.ntp(start))
}

/// Tells the time of a turn, and when a datagram arrived.
#[derive(Debug)]
pub struct Clock {
    pairing: Pairing,
    /// The last turn but this one: nothing arrives before it.
    floor: Instant,
    /// This turn.
    turn: Instant,
}

impl Clock {
    /// A clock whose first turn begins at once.
    #[must_use]
    pub fn new() -> Self {
        let Reading { before, wall, .. } = Reading::take();
        Self { pairing: Pairing { instant: before, wall }, floor: before, turn: before }
    }

    /// The time.
    #[must_use]
    #[expect(clippy::disallowed_methods, reason = "this is the one reader of the clock")]
    pub fn now(&self) -> Instant {
        Instant::now()
    }

    /// Begins a turn and tells its time; notices a wall clock that was set.
    pub fn begin_turn(&mut self) -> Instant {
        let reading = Reading::take();
        self.pairing.check(&reading);
        self.floor = self.turn;
        self.turn = reading.after;
        self.turn
    }

    /// When a datagram arrived that the kernel stamped with `wall`, the time since 1970, and that was received by `now`.
    ///
    /// Never before the last turn and never after `now`, which is also the answer for a datagram without a stamp.
    #[must_use]
    pub fn arrival(&self, wall: Option<Duration>, now: Instant) -> Instant {
        wall.map_or(now, |wall| self.pairing.instant_of(wall)).max(self.floor).min(now)
    }

    /// Wall time at `instant` in NTP format: seconds since 1900 in the upper 32 bits, their fraction in the lower
    /// (RFC 3550, section 4). It wraps in 2036, as the format does.
    #[must_use]
    pub fn ntp(&self, instant: Instant) -> u64 {
        ntp_of(self.pairing.wall_at(instant))
    }
}

impl Default for Clock {
    fn default() -> Self {
        Self::new()
    }
}

/// Both clocks, read together.
#[derive(Clone, Copy, Debug)]
struct Reading {
    before: Instant,
    /// Since 1970.
    wall: Duration,
    after: Instant,
}

impl Reading {
    #[expect(clippy::disallowed_methods, reason = "this is the one reader of the clock")]
    fn take() -> Self {
        let before = Instant::now();
        // A wall clock before 1970 counts as 1970: arrivals then fall back to the time of the turn.
        let wall = SystemTime::now().duration_since(UNIX_EPOCH).unwrap_or_default();
        let after = Instant::now();
        Self { before, wall, after }
    }
}

/// One moment on both clocks.
#[derive(Clone, Copy, Debug)]
struct Pairing {
    instant: Instant,
    /// Since 1970.
    wall: Duration,
}

impl Pairing {
    /// Takes `reading` as the new pair if the wall clock was set since the last one.
    fn check(&mut self, reading: &Reading) {
        let undisturbed = reading.after.saturating_duration_since(reading.before) <= UNDISTURBED;
        if undisturbed && self.wall_at(reading.before).abs_diff(reading.wall) > STEP {
            *self = Self { instant: reading.before, wall: reading.wall };
        }
    }

    fn wall_at(&self, instant: Instant) -> Duration {
        match instant.checked_duration_since(self.instant) {
            Some(later) => self.wall.saturating_add(later),
            None => self.wall.saturating_sub(self.instant.saturating_duration_since(instant)),
        }
    }

    /// The moment of `wall`; that of the pair itself for a time no `Instant` can tell.
    fn instant_of(&self, wall: Duration) -> Instant {
        match wall.checked_sub(self.wall) {
            Some(later) => self.instant.checked_add(later),
            None => self.instant.checked_sub(self.wall.saturating_sub(wall)),
        }
        .unwrap_or(self.instant)
    }
}

fn ntp_of(wall: Duration) -> u64 {
    let seconds = wall.as_secs().wrapping_add(SECONDS_1900_TO_1970);
    let fraction = (u64::from(wall.subsec_nanos()) << 32) / 1_000_000_000;
    (seconds << 32) | fraction
}

/// RFC 868: 70 years with 17 leap days.
const SECONDS_1900_TO_1970: u64 = 2_208_988_800;

/// Three readings take 0.1 µs; when they took longer than this, the thread lost the processor among them and they say nothing.
const UNDISTURBED: Duration = Duration::from_micros(10);

/// Undisturbed readings differ by at most [`UNDISTURBED`] each way: whatever exceeds twice that, with as much again to
/// spare, is a clock that was set.
const STEP: Duration = Duration::from_micros(50);

#[cfg(test)]
mod tests {
    use super::*;

    const fn ms(count: u64) -> Duration {
        Duration::from_millis(count)
    }

    fn pairing() -> Pairing {
        Pairing { instant: Clock::new().now(), wall: Duration::from_secs(1_700_000_000) }
    }

    fn reading(pairing: &Pairing, after: Duration, wall: Duration, took: Duration) -> Reading {
        let before = pairing.instant + after;
        Reading { before, wall, after: before + took }
    }

    #[test]
    fn an_epoch_is_now_on_both_clocks() {
        let before = Clock::new().now();
        let (start, ntp) = epoch();
        assert!(before <= start && start <= Clock::new().now());
        // Between 2024 and 2036, when the format wraps.
        assert!((3_913_056_000..=u64::from(u32::MAX)).contains(&(ntp >> 32)));
    }

    #[test]
    fn a_stamp_translates_before_and_after_the_pair() {
        let pairing = pairing();
        assert_eq!(pairing.instant_of(pairing.wall + ms(3)), pairing.instant + ms(3));
        assert_eq!(pairing.instant_of(pairing.wall - ms(3)), pairing.instant - ms(3));
        assert_eq!(pairing.wall_at(pairing.instant + ms(3)), pairing.wall + ms(3));
        assert_eq!(pairing.wall_at(pairing.instant - ms(3)), pairing.wall - ms(3));
    }

    #[test]
    fn a_wall_clock_that_is_set_is_followed_both_ways() {
        for (forward, back) in [(3_600_000, 0), (0, 3_600_000), (1, 0), (0, 1)] {
            let mut pairing = pairing();
            let old = pairing;
            let wall = old.wall + ms(forward) - ms(back);
            pairing.check(&reading(&old, ms(20), wall + ms(20), Duration::ZERO));
            assert_eq!(pairing.instant_of(wall + ms(25)), old.instant + ms(25), "{forward} {back}");
        }
    }

    #[test]
    fn a_reading_that_was_interrupted_or_nearly_agrees_changes_nothing() {
        let mut pairing = pairing();
        let old = pairing;
        pairing.check(&reading(&old, ms(20), old.wall + ms(25), ms(5)));
        assert_eq!(pairing.instant_of(old.wall), old.instant);
        pairing.check(&reading(&old, ms(20), old.wall + ms(20) + UNDISTURBED, UNDISTURBED));
        assert_eq!(pairing.instant_of(old.wall), old.instant);
    }

    #[test]
    fn nothing_arrives_after_now_or_before_the_last_turn() {
        let mut clock = Clock::new();
        let last = clock.begin_turn();
        let this = clock.begin_turn();
        let now = this + ms(2);
        assert_eq!(clock.arrival(Some(clock.pairing.wall + Duration::from_secs(60)), now), now);
        assert_eq!(clock.arrival(Some(Duration::ZERO), now), last);
        assert_eq!(clock.arrival(None, now), now);
        assert!(last <= this && clock.arrival(Some(Duration::MAX), now) <= now);
    }

    /// RFC 868 names these; the fraction of a half is the upper bit of the lower word.
    #[test]
    fn ntp_time_is_that_of_the_rfc() {
        assert_eq!(ntp_of(Duration::ZERO) >> 32, 2_208_988_800);
        // 00:00 1 Jan 1980 GMT.
        assert_eq!(ntp_of(Duration::from_secs(315_532_800)) >> 32, 2_524_521_600);
        assert_eq!(ntp_of(ms(500)) & 0xffff_ffff, 0x8000_0000);
        assert_eq!(ntp_of(Duration::new(0, 999_999_999)) & 0xffff_ffff, 0xffff_fffb);
        // 7 February 2036, 06:28:16: the first second of the next era (RFC 5905, figure 4).
        assert_eq!(ntp_of(Duration::from_secs(2_085_978_496)), 0);
    }
}
