//! Whether less is sent than the estimate allows, because there is no more to send.

use std::time::{Duration, Instant};

/// A budget that fills at [`USED`] of the estimate and is drained by what is sent: nearly full, the application is the limit and not
/// the network.
///
/// A sender of layers jumps: with 150, 500 and 1500 kbit/s to choose from it uses a third of the estimate as easily as nine tenths of
/// it. So the share that counts as full use is higher than libwebrtc's (`goog_cc/alr_detector.h`, 0.65), whose encoder follows the
/// estimate; the budget and its two levels are the same.
#[derive(Debug)]
pub(super) struct ApplicationLimited {
    /// Bits per second at which the budget fills.
    rate: f64,
    /// Bytes in the budget, from −max to max.
    left: f64,
    last: Option<Instant>,
    since: Option<Instant>,
    ended: Option<Instant>,
}

impl ApplicationLimited {
    pub(super) const fn new(estimate: f64) -> Self {
        Self { rate: estimate * USED, left: 0.0, last: None, since: None, ended: None }
    }

    pub(super) fn set_estimate(&mut self, estimate: f64) {
        self.rate = estimate * USED;
        self.left = self.left.clamp(-self.max(), self.max());
    }

    pub(super) fn sent(&mut self, now: Instant, bytes: f64) {
        let last = *self.last.get_or_insert(now);
        self.last = Some(now);
        let filled = now.saturating_duration_since(last).as_secs_f64() * self.rate / 8.0;
        self.left = (self.left - bytes).max(-self.max());
        self.left = (self.left + filled).min(self.max());
        let level = self.left / self.max();
        if level > START && self.since.is_none() {
            self.since = Some(now);
        } else if level < STOP && self.since.is_some() {
            (self.since, self.ended) = (None, Some(now));
        }
    }

    /// Whether the application is the limit at present.
    pub(super) const fn is_on(&self) -> bool {
        self.since.is_some()
    }

    /// Whether it is, or was within [`RECENT`].
    pub(super) fn was_on(&self, now: Instant) -> bool {
        let recent = |at| now.saturating_duration_since(at) < RECENT;
        self.is_on() || self.ended.is_some_and(recent)
    }

    fn max(&self) -> f64 {
        (self.rate / 8.0 * WINDOW.as_secs_f64()).max(1.0)
    }
}

/// Of the estimate; above this the network counts as fully used.
const USED: f64 = 0.8;
/// Of the budget, from where on the application counts as the limit (libwebrtc, `alr_detector.h`).
const START: f64 = 0.8;
/// Of the budget, from where on it does not (libwebrtc, `alr_detector.h`).
const STOP: f64 = 0.5;
/// How much the budget holds (libwebrtc, `modules/pacing/interval_budget.cc`).
const WINDOW: Duration = Duration::from_millis(500);
/// For how long an end is remembered (libwebrtc, `probe_controller.cc`).
const RECENT: Duration = Duration::from_secs(3);

#[cfg(test)]
mod tests {
    use super::super::tests::{ms, start};
    use super::*;

    /// What libwebrtc's `alr_detector_unittest.cc` sends: a share of 300 kbit/s in packets each 10 ms.
    struct Traffic {
        now: Instant,
        limited: ApplicationLimited,
    }

    impl Traffic {
        fn new() -> Self {
            Self { now: start(), limited: ApplicationLimited::new(300_000.0) }
        }

        fn send(&mut self, millis: u64, percent: f64) {
            for _ in 0..millis / 10 {
                self.now += ms(10);
                self.limited.sent(self.now, 300_000.0 * percent / 100.0 / 8.0 / 100.0);
            }
        }
    }

    #[test]
    fn it_begins_with_little_traffic_and_ends_with_full_use() {
        let mut traffic = Traffic::new();
        traffic.send(1_000, 90.0);
        assert!(!traffic.limited.is_on());
        traffic.send(1_500, 20.0);
        assert!(traffic.limited.is_on());
        traffic.send(4_000, 100.0);
        assert!(!traffic.limited.is_on());
        assert!(traffic.limited.was_on(traffic.now));
    }

    #[test]
    fn a_short_spike_does_not_end_it() {
        let mut traffic = Traffic::new();
        traffic.send(1_000, 20.0);
        assert!(traffic.limited.is_on());
        traffic.send(100, 150.0);
        assert!(traffic.limited.is_on());
        traffic.send(3_000, 100.0);
        assert!(!traffic.limited.is_on());
    }

    #[test]
    fn a_lower_estimate_ends_it_soon_but_not_at_once() {
        let mut traffic = Traffic::new();
        traffic.send(1_000, 20.0);
        traffic.limited.set_estimate(300_000.0 / 5.0);
        assert!(traffic.limited.is_on());
        traffic.send(1_000, 50.0);
        assert!(!traffic.limited.is_on());
    }

    /// The middle of three layers, 581 kbit/s with its sound, where 900 are there.
    #[test]
    fn a_layer_that_uses_two_thirds_is_no_full_use() {
        let mut traffic = Traffic::new();
        traffic.send(3_000, 64.5);
        assert!(traffic.limited.is_on());
    }
}
