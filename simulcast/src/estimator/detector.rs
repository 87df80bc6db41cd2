//! From the slope of delays to a verdict, by a threshold that adapts.

/// How much of the link is used.
#[derive(Clone, Copy, Debug, Default, Eq, PartialEq)]
pub(super) enum Usage {
    /// No more than it carries.
    #[default]
    Normal,
    /// More: a queue grows.
    Over,
    /// Less than before: a queue drains.
    Under,
}

/// Compares the slope with a threshold that follows it slowly: beside flows that fill queues by design, a fixed one would starve us
/// (libwebrtc, `goog_cc/trendline_estimator.cc`; the constants are of Carlucci et al., "Analysis and design of the Google congestion
/// control for WebRTC", 2016).
#[derive(Debug)]
pub(super) struct Detector {
    threshold: f64,
    updated_ms: Option<f64>,
    last_slope: f64,
    over: Option<Suspicion>,
    usage: Usage,
}

/// For how long the slope has been above the threshold.
#[derive(Clone, Copy, Debug)]
struct Suspicion {
    ms: f64,
    count: u32,
}

impl Default for Detector {
    fn default() -> Self {
        Self {
            threshold: THRESHOLD,
            updated_ms: None,
            last_slope: 0.0,
            over: None,
            usage: Usage::Normal,
        }
    }
}

impl Detector {
    pub(super) const fn usage(&self) -> Usage {
        self.usage
    }

    /// Takes in a slope, the same scaled to the threshold, the time since the last by departure, and when that was.
    pub(super) fn update(&mut self, slope: f64, scaled: f64, sent_ms: f64, at_ms: f64) {
        if scaled > self.threshold {
            let over = match self.over {
                // It was above for half of the time since the last, on average.
                None => Suspicion { ms: sent_ms / 2.0, count: 1 },
                Some(Suspicion { ms, count }) => {
                    Suspicion { ms: ms + sent_ms, count: count.saturating_add(1) }
                }
            };
            self.over = Some(over);
            if over.ms > OVER_MS && over.count > 1 && slope >= self.last_slope {
                self.over = Some(Suspicion { ms: 0.0, count: 0 });
                self.usage = Usage::Over;
            }
        } else {
            self.over = None;
            self.usage = if scaled < -self.threshold { Usage::Under } else { Usage::Normal };
        }
        self.last_slope = slope;
        self.adapt(scaled.abs(), at_ms);
    }

    fn adapt(&mut self, scaled: f64, at_ms: f64) {
        let passed_ms = (at_ms - self.updated_ms.unwrap_or(at_ms)).clamp(0.0, PASSED_MAX_MS);
        self.updated_ms = Some(at_ms);
        // A spike, as when the capacity falls at once, is no reason to become deaf.
        if scaled > self.threshold + SPIKE {
            return;
        }
        let speed = if scaled < self.threshold { DOWN } else { UP };
        self.threshold += speed * (scaled - self.threshold) * passed_ms;
        self.threshold = self.threshold.clamp(THRESHOLD_MIN, THRESHOLD_MAX);
    }
}

/// At the start.
const THRESHOLD: f64 = 12.5;
/// Below this, jitter would count.
const THRESHOLD_MIN: f64 = 6.0;
/// Above this, nothing would.
const THRESHOLD_MAX: f64 = 600.0;
/// Per millisecond, while the slope is below the threshold.
const DOWN: f64 = 0.039;
/// Per millisecond, while it is above.
const UP: f64 = 0.0087;
/// So far above the threshold nothing adapts.
const SPIKE: f64 = 15.0;
/// Longer pauses count as this.
const PASSED_MAX_MS: f64 = 100.0;
/// A slope must have been above the threshold for longer than this.
const OVER_MS: f64 = 10.0;

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn one_slope_above_the_threshold_is_no_verdict_and_two_that_rise_are() {
        let mut detector = Detector::default();
        detector.update(0.1, 20.0, 20.0, 0.0);
        assert_eq!(detector.usage(), Usage::Normal);
        detector.update(0.11, 22.0, 20.0, 20.0);
        assert_eq!(detector.usage(), Usage::Over);
        detector.update(-0.1, -24.0, 20.0, 40.0);
        assert_eq!(detector.usage(), Usage::Under);
        detector.update(0.0, 0.0, 20.0, 60.0);
        assert_eq!(detector.usage(), Usage::Normal);
    }

    /// By hand: 12.5 + 0.039·(0 − 12.5)·20 = 2.75, which is below the least of 6; 12.5 + 0.0087·(20 − 12.5)·20 = 13.805.
    #[test]
    fn the_threshold_follows_the_slope_faster_down_than_up() {
        let mut detector = Detector::default();
        detector.update(0.0, 0.0, 20.0, 0.0);
        detector.update(0.0, 0.0, 20.0, 20.0);
        assert!((detector.threshold - 6.0).abs() < 1e-12);
        let mut detector = Detector::default();
        detector.update(0.1, 20.0, 20.0, 0.0);
        detector.update(0.1, 20.0, 20.0, 20.0);
        assert!((detector.threshold - 13.805).abs() < 1e-12);
        detector.update(0.2, 40.0, 20.0, 40.0);
        assert!((detector.threshold - 13.805).abs() < 1e-12, "a spike");
    }
}
