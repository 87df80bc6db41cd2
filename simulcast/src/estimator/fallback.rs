//! An estimate without transport-wide feedback: by what the receiver computes for us, or reports as lost.

use std::time::{Duration, Instant};

/// Doubles with each report until something is lost, then rises by 8 % a second while less than 2 % is and falls by half of what is
/// lost above 10 % (libwebrtc, `goog_cc/send_side_bandwidth_estimation.cc`, which starts no faster). A REMB bounds it, with
/// transport-wide feedback too.
#[derive(Debug)]
pub(super) struct Fallback {
    rate: f64,
    has_lost: bool,
    changed: Option<Instant>,
    remb: Option<f64>,
}

impl Fallback {
    pub(super) const fn new(start: f64) -> Self {
        Self { rate: start, has_lost: false, changed: None, remb: None }
    }

    pub(super) const fn rate(&self) -> f64 {
        self.rate
    }

    pub(super) const fn remb(&self) -> Option<f64> {
        self.remb
    }

    /// A REMB says so many bits per second; zero is no limit (libwebrtc).
    pub(super) fn limit(&mut self, rate: f64) {
        self.remb = Some(rate).filter(|rate| *rate > 0.0);
        if let Some(remb) = self.remb
            && !self.has_lost
            && self.changed.is_none()
        {
            self.rate = remb;
        }
    }

    /// A receiver report says that of 256 packets so many were lost.
    pub(super) fn report(&mut self, now: Instant, fraction_lost: u8, bounds: (f64, f64)) {
        let passed = self.changed.map_or(INTERVAL, |at| now.saturating_duration_since(at));
        if passed < INTERVAL_MIN {
            return;
        }
        let loss = f64::from(fraction_lost) / 256.0;
        self.has_lost |= loss >= LOW;
        let seconds = passed.min(INTERVAL).as_secs_f64();
        if !self.has_lost {
            self.rate *= 2.0_f64.powf(seconds);
        } else if loss < LOW {
            self.rate = self.rate * GROWTH.powf(seconds) + 1_000.0;
        } else if loss > HIGH {
            self.rate *= 1.0 - 0.5 * loss;
        }
        self.rate = self.rate.min(self.remb.unwrap_or(f64::INFINITY)).clamp(bounds.0, bounds.1);
        self.changed = Some(now);
    }

    /// The link is another one.
    pub(super) fn halve(&mut self) {
        self.rate /= 2.0;
        self.remb = None;
    }
}

/// Reports come once a second from browsers.
const INTERVAL: Duration = Duration::from_secs(1);
/// Those of several slots come together; one of them counts.
const INTERVAL_MIN: Duration = Duration::from_millis(300);
/// Less loss is no congestion (libwebrtc).
const LOW: f64 = 0.02;
/// More loss is (libwebrtc).
const HIGH: f64 = 0.1;
/// A second's growth (libwebrtc).
const GROWTH: f64 = 1.08;

#[cfg(test)]
mod tests {
    use super::super::tests::{ms, start};
    use super::*;

    const BOUNDS: (f64, f64) = (30e3, 50e6);

    #[test]
    fn it_doubles_until_something_is_lost_and_then_takes_care() {
        let (mut fallback, mut now) = (Fallback::new(300e3), start());
        for expected in [600e3, 1_200e3, 2_400e3] {
            now += ms(1_000);
            fallback.report(now, 0, BOUNDS);
            assert!((fallback.rate() - expected).abs() < 1.0);
        }
        now += ms(1_000);
        // A quarter lost: an eighth less.
        fallback.report(now, 64, BOUNDS);
        assert!((fallback.rate() - 2_100e3).abs() < 1.0);
        now += ms(1_000);
        fallback.report(now, 13, BOUNDS);
        assert!((fallback.rate() - 2_100e3).abs() < 1.0, "5 % changes nothing");
        now += ms(1_000);
        fallback.report(now, 0, BOUNDS);
        assert!((fallback.rate() - 2_269e3).abs() < 1.0);
    }

    #[test]
    fn a_remb_is_the_first_estimate_and_the_highest() {
        let (mut fallback, now) = (Fallback::new(300e3), start());
        fallback.limit(800e3);
        assert!((fallback.rate() - 800e3).abs() < 1.0);
        fallback.report(now, 0, BOUNDS);
        assert!((fallback.rate() - 800e3).abs() < 1.0);
        fallback.limit(0.0);
        assert_eq!(fallback.remb(), None);
    }
}
