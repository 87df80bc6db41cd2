//! Whether delay grows: a line through the last groups' delays.

use arrayvec::ArrayVec;

use super::detector::{Detector, Usage};
use super::group::Delta;

/// Smooths the sum of all differences in delay and fits a line through the last [`GROUPS`] of them by least squares. Its slope is how
/// much faster is sent than the link carries, as a share of the link (libwebrtc, `goog_cc/trendline_estimator.cc`).
#[derive(Debug, Default)]
pub(super) struct Trendline {
    points: ArrayVec<Point, GROUPS>,
    first_us: Option<i64>,
    deltas: u32,
    sum_ms: f64,
    smoothed_ms: f64,
    slope: f64,
    detector: Detector,
}

#[derive(Clone, Copy, Debug)]
struct Point {
    arrival_ms: f64,
    delay_ms: f64,
}

impl Trendline {
    pub(super) fn update(&mut self, delta: &Delta) {
        let first = *self.first_us.get_or_insert(delta.at_us);
        let arrival_ms = delta.at_us.saturating_sub(first) as f64 / 1e3;
        self.deltas = (self.deltas + 1).min(DELTAS_MAX);
        self.sum_ms += delta.arrived_ms - delta.sent_ms;
        self.smoothed_ms = SMOOTHING * self.smoothed_ms + (1.0 - SMOOTHING) * self.sum_ms;
        if self.points.is_full() {
            self.points.remove(0);
        }
        self.points.push(Point { arrival_ms, delay_ms: self.smoothed_ms });
        if self.points.is_full() {
            self.slope = slope(&self.points).unwrap_or(self.slope);
        }
        if self.deltas >= 2 {
            let gain = f64::from(self.deltas.min(DELTAS_FULL)) * GAIN;
            self.detector.update(self.slope, self.slope * gain, delta.sent_ms, arrival_ms);
        }
    }

    pub(super) const fn usage(&self) -> Usage {
        self.detector.usage()
    }
}

/// Of the line through `points`; none where all arrived at once.
fn slope(points: &[Point]) -> Option<f64> {
    let count = points.len() as f64;
    let mean_x = points.iter().map(|point| point.arrival_ms).sum::<f64>() / count;
    let mean_y = points.iter().map(|point| point.delay_ms).sum::<f64>() / count;
    let (mut above, mut below) = (0.0, 0.0);
    for point in points {
        let x = point.arrival_ms - mean_x;
        above += x * (point.delay_ms - mean_y);
        below += x * x;
    }
    (below > 0.0).then_some(above / below)
}

/// Groups that the line goes through: 20 of at least 5 ms (libwebrtc).
const GROUPS: usize = 20;
/// Of the old value in the smoothed delay (libwebrtc).
const SMOOTHING: f64 = 0.9;
/// From slope to what is compared with the threshold (libwebrtc).
const GAIN: f64 = 4.0;
/// So many differences make the slope count in full (libwebrtc).
const DELTAS_FULL: u32 = 60;
/// More are not counted (libwebrtc).
const DELTAS_MAX: u32 = 1_000;

#[cfg(test)]
mod tests {
    use super::*;

    /// As libwebrtc's `trendline_estimator_unittest.cc`: 25 packets 20 ms apart, delivered 20 ms times `pace` apart.
    fn usages(pace: f64) -> Vec<Usage> {
        let mut trendline = Trendline::default();
        let arrival = |n: u32| (f64::from(n) * 20.0 * pace).floor();
        let update = |n: u32| {
            #[expect(clippy::cast_possible_truncation, reason = "small whole numbers")]
            let at_us = (arrival(n) * 1000.0) as i64;
            let arrived_ms = arrival(n) - arrival(n - 1);
            trendline.update(&Delta { sent_ms: 20.0, arrived_ms, at_us });
            trendline.usage()
        };
        (1..25).map(update).collect()
    }

    #[test]
    fn packets_at_the_pace_at_which_they_were_sent_are_normal() {
        assert!(usages(1.0).iter().all(|usage| *usage == Usage::Normal));
    }

    #[test]
    fn a_tenth_slower_is_too_much() {
        let usages = usages(1.1);
        assert_eq!(usages.last(), Some(&Usage::Over));
        assert!(!usages.contains(&Usage::Under));
    }

    #[test]
    fn a_seventh_faster_drains_a_queue() {
        let usages = usages(0.85);
        assert_eq!(usages.last(), Some(&Usage::Under));
        assert!(!usages.contains(&Usage::Over));
    }

    #[test]
    fn a_line_has_its_slope_and_a_point_has_none() {
        let line = |n: u32| Point { arrival_ms: n.into(), delay_ms: 3.0 + 0.25 * f64::from(n) };
        let points: Vec<Point> = (0..20).map(line).collect();
        assert!((slope(&points).unwrap() - 0.25).abs() < 1e-12);
        assert_eq!(slope(&[points[3]; 20]), None);
    }
}
