//! What arrives: the acknowledged rate.

/// A Bayesian estimate of the rate at which packets arrive, from samples of 150 ms on the receiver's clock. A sample counts the less
/// the further it is from what was believed, so that one frame too many or a pause does not move it (libwebrtc,
/// `goog_cc/bitrate_estimator.cc`).
#[derive(Debug, Default)]
pub(super) struct Throughput {
    /// The present sample.
    bytes: f64,
    sample_ms: f64,
    last_us: Option<i64>,
    /// Belief, in kbit/s, with its variance.
    belief: Option<Belief>,
    /// The last two samples, in kbit/s, since a pause that was longer than one.
    samples: [Option<f64>; 2],
}

#[derive(Clone, Copy, Debug)]
struct Belief {
    kbps: f64,
    variance: f64,
}

impl Throughput {
    /// A packet arrived at `at_us` on the receiver's clock.
    pub(super) fn arrived(&mut self, at_us: i64, bytes: f64) {
        let window_ms = if self.belief.is_none() { FIRST_MS } else { WINDOW_MS };
        let passed_ms = self.last_us.map_or(0.0, |last| at_us.saturating_sub(last) as f64 / 1e3);
        if passed_ms < -REORDERED_MS {
            self.begin_sample();
            self.last_us = Some(at_us);
        } else {
            let passed_ms = passed_ms.max(0.0);
            self.sample_ms += passed_ms;
            if passed_ms > window_ms {
                self.samples = [None; 2];
                self.bytes = 0.0;
                self.sample_ms %= window_ms;
            }
            self.last_us = Some(self.last_us.map_or(at_us, |last| last.max(at_us)));
        }
        if self.sample_ms >= window_ms {
            self.believe(8.0 * self.bytes / window_ms);
            self.sample_ms -= window_ms;
            self.bytes = 0.0;
        }
        self.bytes += bytes;
    }

    /// Feedback was lost: nothing is known of what arrived meanwhile, so the sample begins anew.
    pub(super) const fn begin_sample(&mut self) {
        self.bytes = 0.0;
        self.sample_ms = 0.0;
        self.last_us = None;
    }

    /// The sender sends at another rate from now on: the next samples count more.
    pub(super) const fn expect_change(&mut self) {
        if let Some(belief) = &mut self.belief {
            belief.variance += CHANGE;
        }
    }

    /// Bits per second, once a sample is complete.
    pub(super) fn rate(&self) -> Option<f64> {
        self.belief.map(|belief| belief.kbps * 1e3)
    }

    /// Bits per second as the last two samples have them, where both are far to one side of what is believed: the one that is nearer.
    /// Belief takes a second to follow a link that broke down, or a layer that was added; meanwhile a share of it would be too high or too low.
    pub(super) fn leap(&self) -> Option<f64> {
        let Belief { kbps, .. } = self.belief?;
        let (one, other) = (self.samples[0]?, self.samples[1]?);
        let (least, most) = (one.min(other), one.max(other));
        let recent = if most < COLLAPSE * kbps { most } else { least };
        (most < COLLAPSE * kbps || least > RISE * kbps).then_some(recent * 1e3)
    }

    /// Bits per second as the last sample has them, where that is far above what is believed.
    pub(super) fn step(&self) -> Option<f64> {
        let Belief { kbps, .. } = self.belief?;
        self.samples[1].filter(|last| *last > RISE * kbps).map(|last| last * 1e3)
    }

    fn believe(&mut self, sample: f64) {
        self.samples = [self.samples[1], Some(sample)];
        let Some(Belief { kbps, variance }) = self.belief else {
            self.belief = Some(Belief { kbps: sample, variance: FIRST_VARIANCE });
            return;
        };
        let doubt = DOUBT * (kbps - sample).abs() / kbps.max(KBPS_MIN);
        let doubt = (doubt * doubt).min(DOUBT_MAX);
        let variance = variance + DRIFT;
        let kbps = (doubt * kbps + variance * sample) / (doubt + variance);
        let variance = doubt * variance / (doubt + variance);
        self.belief = Some(Belief { kbps: kbps.max(KBPS_MIN), variance });
    }
}

/// Of the first sample, which nothing corrects (libwebrtc).
const FIRST_MS: f64 = 500.0;
/// Of the others (libwebrtc).
const WINDOW_MS: f64 = 150.0;
/// Of the first belief (libwebrtc).
const FIRST_VARIANCE: f64 = 50.0;
/// Scale of the doubt in a sample that is far from the belief (libwebrtc).
const DOUBT: f64 = 10.0;
/// More doubt changes nothing, and its square must stay a number.
const DOUBT_MAX: f64 = 1e12;
/// What is added to the variance with each sample: rates change (libwebrtc).
const DRIFT: f64 = 5.0;
/// What is added where a change is expected (libwebrtc).
const CHANGE: f64 = 200.0;
/// Of the belief, from where on two samples below it are no chance; frames vary by less.
const COLLAPSE: f64 = 0.6;
/// The same, above it.
const RISE: f64 = 1.25;
/// The belief is divided by.
const KBPS_MIN: f64 = 1e-3;
/// What comes later than this after what was sent behind it is a clock that jumped.
const REORDERED_MS: f64 = 1_000.0;

#[cfg(test)]
mod tests {
    use super::*;

    fn feed(throughput: &mut Throughput, from_ms: i64, to_ms: i64, step_ms: usize, bytes: f64) {
        for at in (from_ms..to_ms).step_by(step_ms) {
            throughput.arrived(at * 1000, bytes);
        }
    }

    #[test]
    fn a_steady_rate_is_found_after_half_a_second() {
        let mut throughput = Throughput::default();
        // 1,000 bytes each 10 ms are 800 kbit/s.
        feed(&mut throughput, 0, 500, 10, 1_000.0);
        assert_eq!(throughput.rate(), None);
        feed(&mut throughput, 500, 510, 10, 1_000.0);
        assert_eq!(throughput.rate(), Some(800_000.0));
        feed(&mut throughput, 510, 2_000, 10, 1_000.0);
        assert!((throughput.rate().unwrap() - 800_000.0).abs() < 1.0);
    }

    /// By hand: the belief 800 with variance 50, a sample of 400. Doubt 10·400/800 = 5, squared 25; variance 55;
    /// (25·800 + 55·400) / 80 = 525.
    #[test]
    fn a_sample_moves_the_belief_by_its_doubt() {
        let mut throughput = Throughput::default();
        throughput.believe(800.0);
        throughput.believe(400.0);
        assert!((throughput.rate().unwrap() - 525_000.0).abs() < 1e-6);
        // Variance 25·55/80 = 17.1875; the sample 525 has no doubt at all.
        throughput.believe(525.0);
        assert!((throughput.rate().unwrap() - 525_000.0).abs() < 1e-6);
    }

    #[test]
    fn what_no_feedback_told_of_is_not_taken_for_a_pause() {
        let (mut told, mut untold) = (Throughput::default(), Throughput::default());
        for throughput in [&mut told, &mut untold] {
            feed(throughput, 0, 1_000, 10, 1_000.0);
        }
        told.begin_sample();
        for throughput in [&mut told, &mut untold] {
            feed(throughput, 1_100, 1_170, 10, 1_000.0);
        }
        assert!((told.rate().unwrap() - 800_000.0).abs() < 1.0);
        assert!(untold.rate().unwrap() < 780_000.0);
    }

    #[test]
    fn one_sample_far_above_the_belief_is_a_step() {
        let mut throughput = Throughput::default();
        feed(&mut throughput, 0, 2_000, 10, 1_000.0);
        assert_eq!(throughput.step(), None);
        // A sample of 150 ms is told of once the packet behind it came.
        feed(&mut throughput, 2_000, 2_170, 10, 2_000.0);
        let step = throughput.step().unwrap();
        assert!((1_400_000.0..=1_600_000.0).contains(&step), "{step}");
        feed(&mut throughput, 2_170, 2_400, 10, 250.0);
        assert_eq!(throughput.step(), None, "a fall is none");
    }

    /// 800 kbit/s become 200, later 1,600: after two samples of 150 ms it is told, and no more once belief has followed.
    #[test]
    fn two_samples_far_from_the_belief_are_a_leap() {
        let mut throughput = Throughput::default();
        feed(&mut throughput, 0, 2_000, 10, 1_000.0);
        assert_eq!(throughput.leap(), None);
        feed(&mut throughput, 2_000, 2_200, 10, 250.0);
        assert_eq!(throughput.leap(), None);
        feed(&mut throughput, 2_200, 2_410, 10, 250.0);
        let (leap, belief) = (throughput.leap().unwrap(), throughput.rate().unwrap());
        assert!((200_000.0..300_000.0).contains(&leap) && belief > 500_000.0, "{leap}, {belief}");
        feed(&mut throughput, 2_410, 9_000, 10, 250.0);
        assert_eq!(throughput.leap(), None);
        // Samples before and after a pause are no neighbours.
        feed(&mut throughput, 9_000, 9_200, 10, 2_000.0);
        feed(&mut throughput, 9_600, 9_800, 10, 2_000.0);
        assert_eq!(throughput.leap(), None);
        feed(&mut throughput, 9_800, 10_050, 10, 2_000.0);
        let (leap, belief) = (throughput.leap().unwrap(), throughput.rate().unwrap());
        assert!(
            (1_300_000.0..1_700_000.0).contains(&leap) && belief < 1_000_000.0,
            "{leap}, {belief}"
        );
    }

    #[test]
    fn a_clock_that_jumps_back_begins_anew() {
        let mut throughput = Throughput::default();
        feed(&mut throughput, 100_000, 101_000, 10, 1_000.0);
        feed(&mut throughput, 0, 1_000, 10, 1_000.0);
        assert!((throughput.rate().unwrap() - 800_000.0).abs() < 1.0);
    }
}
