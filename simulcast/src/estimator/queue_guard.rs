//! Whether a queue stands on the way, and what empties it.

use std::time::{Duration, Instant};

use arrayvec::ArrayVec;

/// Watches how much later packets arrive than the quickest of the last 30 s, and sends less than the link carries once that has been
/// more than [`HIGH_MS`] for [`STANDING`]: the trend of delays sees a queue grow, but not that it is there.
///
/// The delay is one way: of a round trip, half may be the queue of the feedback, which sending less would not empty.
#[derive(Debug)]
pub(super) struct QueueGuard {
    /// The least delay in each of the last [`SPANS`] spans, in microseconds of the receiver's clock over ours.
    least: ArrayVec<i64, SPANS>,
    span_end: Option<Instant>,
    queue_ms: f64,
    state: State,
}

#[derive(Clone, Copy, Debug)]
enum State {
    Watching,
    High { since: Instant },
    Draining { since: Instant },
    Resting { until: Instant },
}

impl QueueGuard {
    pub(super) const fn new() -> Self {
        Self { least: ArrayVec::new_const(), span_end: None, queue_ms: 0.0, state: State::Watching }
    }

    /// The least delay of the packets of which one feedback told.
    pub(super) fn update(&mut self, now: Instant, delay_us: i64) {
        if self.span_end.is_none_or(|end| now >= end) {
            if self.least.is_full() {
                self.least.remove(0);
            }
            self.least.push(delay_us);
            self.span_end = Some(now + SPAN);
        }
        if let Some(least) = self.least.last_mut() {
            *least = delay_us.min(*least);
        }
        let base = self.least.iter().copied().min().unwrap_or(delay_us);
        self.queue_ms = delay_us.saturating_sub(base) as f64 / 1e3;
        let passed = |since| now.saturating_duration_since(since);
        self.state = match self.state {
            State::Watching if self.queue_ms > HIGH_MS => State::High { since: now },
            State::High { .. } if self.queue_ms <= HIGH_MS => State::Watching,
            State::High { since } if passed(since) >= STANDING => State::Draining { since: now },
            State::Draining { .. } if self.queue_ms < LOW_MS => {
                State::Resting { until: now + REST_DRAINED }
            }
            State::Draining { since } if passed(since) >= DRAINING_MAX => {
                State::Resting { until: now + REST_IN_VAIN }
            }
            State::Resting { until } if now >= until => State::Watching,
            State::Watching
            | State::High { .. }
            | State::Draining { .. }
            | State::Resting { .. } => self.state,
        };
    }

    /// What stood has drained: nothing was sent for a while. True where that ends a limit.
    pub(super) fn forget(&mut self) -> bool {
        let is_draining = matches!(self.state, State::Draining { .. });
        self.state = State::Watching;
        is_draining
    }

    /// Milliseconds that the last packets waited on the way.
    pub(super) const fn queue_ms(&self) -> f64 {
        self.queue_ms
    }

    /// The most to send, where the queue is being emptied; `throughput` is what arrives.
    pub(super) fn limit(&self, throughput: Option<f64>) -> Option<f64> {
        match self.state {
            State::Draining { .. } => throughput.map(|rate| rate * SHARE),
            State::Watching | State::High { .. } | State::Resting { .. } => None,
        }
    }
}

/// Together half a minute: routes change and clocks drift, and an unloaded moment comes within it.
const SPANS: usize = 6;
const SPAN: Duration = Duration::from_secs(5);
/// A delay that is heard in a conversation, and more than jitter.
const HIGH_MS: f64 = 100.0;
/// An emptied queue.
const LOW_MS: f64 = 40.0;
/// Longer than a keyframe takes.
const STANDING: Duration = Duration::from_millis(300);
/// Of what arrives, to be sent: a queue of 300 ms is gone after 1.2 s.
const SHARE: f64 = 0.75;
/// A queue that stands after this is somebody else's.
const DRAINING_MAX: Duration = Duration::from_secs(4);
/// After that nothing for so long, or a competing TCP would starve us.
const REST_IN_VAIN: Duration = Duration::from_secs(20);
/// After a queue that went: it was ours.
const REST_DRAINED: Duration = Duration::from_secs(5);

#[cfg(test)]
mod tests {
    use super::super::tests::{ms, start};
    use super::*;

    /// Tells a delay each 100 ms for a while; returns in how many of them the guard limits.
    fn tell(guard: &mut QueueGuard, now: &mut Instant, millis: u64, delay_ms: i64) -> usize {
        let tell = |_| {
            *now += ms(100);
            // Of two clocks that have nothing to do with one another.
            guard.update(*now, -7_000_000_000 + delay_ms * 1000);
            usize::from(guard.limit(Some(1_000.0)) == Some(750.0))
        };
        (0..millis / 100).map(tell).sum()
    }

    #[test]
    fn a_queue_that_stands_is_emptied_and_then_watched_again() {
        let (mut guard, mut now) = (QueueGuard::new(), start());
        assert_eq!(tell(&mut guard, &mut now, 2_000, 50), 0);
        assert_eq!(tell(&mut guard, &mut now, 300, 151), 0, "not yet 0.3 s");
        assert_eq!(tell(&mut guard, &mut now, 1_000, 151), 10);
        assert_eq!(tell(&mut guard, &mut now, 500, 90), 5);
        assert_eq!(tell(&mut guard, &mut now, 1_000, 89), 0);
        assert_eq!(tell(&mut guard, &mut now, 4_000, 60), 0);
        assert!(tell(&mut guard, &mut now, 2_000, 200) > 10);
    }

    #[test]
    fn one_that_does_not_go_is_left_for_twenty_seconds() {
        let (mut guard, mut now) = (QueueGuard::new(), start());
        tell(&mut guard, &mut now, 1_000, 50);
        let limited = tell(&mut guard, &mut now, 10_000, 300);
        assert_eq!(limited, 40, "4 s");
        assert_eq!(tell(&mut guard, &mut now, 14_000, 300), 0);
        assert!(tell(&mut guard, &mut now, 2_000, 300) > 0);
    }

    /// As where the picture that filled the queue was paused, and nobody speaks.
    #[test]
    fn a_queue_on_a_link_over_which_nothing_goes_is_forgotten() {
        let (mut guard, mut now) = (QueueGuard::new(), start());
        tell(&mut guard, &mut now, 1_000, 50);
        assert!(!guard.forget(), "nothing was limited");
        assert!(tell(&mut guard, &mut now, 1_000, 300) > 0);
        assert!(guard.limit(Some(1_000.0)).is_some());
        assert!(guard.forget());
        assert_eq!(guard.limit(Some(1_000.0)), None);
    }

    #[test]
    fn a_longer_route_is_the_measure_after_half_a_minute() {
        let (mut guard, mut now) = (QueueGuard::new(), start());
        tell(&mut guard, &mut now, 5_000, 50);
        tell(&mut guard, &mut now, 31_000, 250);
        assert!(guard.queue_ms() < 1.0);
    }
}
