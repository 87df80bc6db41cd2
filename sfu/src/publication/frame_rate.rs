//! How often a stream shows a new picture.

use std::time::{Duration, Instant};

/// Frames a second, counted over whole seconds.
#[derive(Clone, Copy, Debug)]
pub(super) struct FrameRate {
    since: Instant,
    count: u16,
    /// Of the last whole second.
    rate: u8,
}

impl FrameRate {
    pub(super) const fn new(start: Instant) -> Self {
        Self { since: start, count: 0, rate: 0 }
    }

    /// A frame begins.
    pub(super) fn add(&mut self, now: Instant) {
        let passed = now.saturating_duration_since(self.since);
        if passed >= SECOND {
            let rate = u128::from(self.count) * SECOND.as_millis() / passed.as_millis();
            *self = Self { since: now, count: 0, rate: u8::try_from(rate).unwrap_or(u8::MAX) };
        }
        self.count = self.count.saturating_add(1);
    }

    /// Frames in the last second that was counted; 0 before there was one.
    pub(super) const fn rate(&self) -> u8 {
        self.rate
    }
}

const SECOND: Duration = Duration::from_secs(1);

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    #[expect(
        clippy::disallowed_methods,
        reason = "any instant serves as the start of virtual time"
    )]
    fn it_is_that_of_the_last_whole_second() {
        let start = Instant::now();
        let mut frames = FrameRate::new(start);
        let at = |ms| start + Duration::from_millis(ms);
        (0..30).for_each(|frame| frames.add(at(frame * 1_000 / 30)));
        assert_eq!(frames.rate(), 0, "the first second has not passed");
        frames.add(at(1_000));
        assert_eq!(frames.rate(), 30);
        // Ten frames from there, and a pause: eleven in two seconds.
        (1..=10).for_each(|frame| frames.add(at(1_000 + frame * 50)));
        frames.add(at(3_000));
        assert_eq!(frames.rate(), 5);
    }
}
