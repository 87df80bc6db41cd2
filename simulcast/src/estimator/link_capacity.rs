//! What the link seemed to carry whenever too much was sent.

/// A smoothed rate with its deviation, while the last samples agree (libwebrtc, `goog_cc/link_capacity_estimator.cc`).
#[derive(Clone, Copy, Debug, Default)]
pub(super) struct LinkCapacity {
    known: Option<Known>,
    /// Variance over the rate, in kbit/s.
    deviation: f64,
}

#[derive(Clone, Copy, Debug)]
struct Known {
    kbps: f64,
}

impl LinkCapacity {
    pub(super) const fn new() -> Self {
        Self { known: None, deviation: DEVIATION_MIN }
    }

    /// So much arrived while too much was sent, in bits per second.
    pub(super) fn overused(&mut self, throughput: f64) {
        let sample = throughput / 1e3;
        let kbps = self.known.map_or(sample, |known| (1.0 - SHARE) * known.kbps + SHARE * sample);
        let error = kbps - sample;
        let deviation = (1.0 - SHARE) * self.deviation + SHARE * error * error / kbps.max(1.0);
        self.deviation = deviation.clamp(DEVIATION_MIN, DEVIATION_MAX);
        self.known = Some(Known { kbps });
    }

    pub(super) const fn forget(&mut self) {
        self.known = None;
    }

    /// In bits per second.
    pub(super) fn rate(&self) -> Option<f64> {
        self.known.map(|known| known.kbps * 1e3)
    }

    /// Whether `throughput` is more than this link could have carried.
    pub(super) fn is_exceeded_by(&self, throughput: f64) -> bool {
        self.known.is_some_and(|known| throughput / 1e3 > known.kbps + self.spread(known))
    }

    /// Whether `throughput` is less than this link would carry.
    pub(super) fn exceeds(&self, throughput: f64) -> bool {
        self.known
            .is_some_and(|known| throughput / 1e3 < (known.kbps - self.spread(known)).max(0.0))
    }

    fn spread(&self, known: Known) -> f64 {
        3.0 * (self.deviation * known.kbps).sqrt()
    }
}

/// Of a new sample.
const SHARE: f64 = 0.05;
/// 14 kbit/s at 500.
const DEVIATION_MIN: f64 = 0.4;
/// 35 kbit/s at 500.
const DEVIATION_MAX: f64 = 2.5;

#[cfg(test)]
mod tests {
    use super::*;

    /// By hand: three deviations of 500 kbit/s are at least 3·√(0.4·500) = 42.4 kbit/s.
    #[test]
    fn what_is_within_three_deviations_agrees() {
        let mut capacity = LinkCapacity::new();
        assert!(!capacity.is_exceeded_by(1e9) && !capacity.exceeds(0.0));
        capacity.overused(500_000.0);
        assert_eq!(capacity.rate(), Some(500_000.0));
        assert!(!capacity.is_exceeded_by(542_000.0) && capacity.is_exceeded_by(543_000.0));
        assert!(!capacity.exceeds(458_000.0) && capacity.exceeds(457_000.0));
        capacity.overused(600_000.0);
        assert!((capacity.rate().unwrap() - 505_000.0).abs() < 1e-6);
        capacity.forget();
        assert_eq!(capacity.rate(), None);
    }
}
