//! What the receiver could show: frames, freezes, layers.

use std::collections::VecDeque;

use super::{Run, Window, moment, quantile};
use crate::rfc8867::record::Frame;

/// Over how many gaps the average of getStats' freezes goes.
const GAPS: usize = 30;

/// A gap this much above the average is a freeze, in seconds (getStats, `freezeCount`).
const FREEZE_ABOVE: f64 = 0.15;

/// Frames of a flow that were made within the window.
fn frames(run: Run<'_>, flow: usize, window: Window) -> impl Iterator<Item = &Frame> {
    let frames = run.record.flows[flow].frames.iter();
    frames.filter(move |frame| window.contains(frame.made))
}

/// The 95th percentile of the time from a frame's creation to its last needed packet, in milliseconds.
#[must_use]
pub fn frame_p95(run: Run<'_>, flow: usize, window: Window) -> f64 {
    let latencies = frames(run, flow, window).filter_map(Frame::latency);
    let mut latencies: Vec<f64> = latencies.map(|it| it.as_secs_f64() * 1_000.0).collect();
    quantile(&mut latencies, 0.95)
}

/// Frames that were never whole, in percent. Those of the last second may still be under way and do not count.
#[must_use]
pub fn frames_lost(run: Run<'_>, flow: usize, window: Window) -> f64 {
    let window = Window { to: window.to - 1.0, ..window };
    let (mut made, mut lost) = (0_u32, 0_u32);
    for frame in frames(run, flow, window) {
        made += 1;
        lost += u32::from(frame.whole.is_none());
    }
    100.0 * f64::from(lost) / f64::from(made)
}

/// Seconds of freezes in sum, as getStats counts them: gaps between whole frames above max(3 · average, average + 150 ms).
#[must_use]
pub fn freeze(run: Run<'_>, flow: usize, window: Window) -> f64 {
    let wholes = run.record.flows[flow].frames.iter().filter_map(|frame| frame.whole);
    let mut wholes: Vec<f64> = wholes
        .filter(|whole| window.contains(*whole))
        .map(|whole| whole.elapsed().as_secs_f64())
        .collect();
    wholes.sort_by(f64::total_cmp);
    freezes_of(&wholes)
}

/// Of frames shown at these seconds.
#[must_use]
#[expect(clippy::cast_precision_loss, reason = "thirty gaps")]
pub fn freezes_of(shown: &[f64]) -> f64 {
    let mut gaps: VecDeque<f64> = VecDeque::new();
    let mut frozen = 0.0;
    for pair in shown.windows(2) {
        let gap = pair[1] - pair[0];
        if gaps.len() == GAPS {
            let average = gaps.iter().sum::<f64>() / GAPS as f64;
            if gap > (3.0 * average).max(average + FREEZE_ABOVE) {
                frozen += gap;
            }
            gaps.pop_front();
        }
        gaps.push_back(gap);
    }
    frozen
}

/// The layer that a flow's receiver had at a moment.
fn layer_at(layers: &[(tools::simnet::time::SimTime, Option<u8>)], at: f64) -> Option<u8> {
    let past = layers.partition_point(|(from, _)| *from <= moment(at));
    layers.get(past.checked_sub(1)?).and_then(|(_, layer)| *layer)
}

/// Seconds from `from` until the receiver has `layer` or a higher one; infinite if never.
#[must_use]
pub fn rise_to(run: Run<'_>, flow: usize, layer: u8, from: f64) -> f64 {
    let layers = &run.record.flows[flow].layers;
    if layer_at(layers, from) >= Some(layer) {
        return 0.0;
    }
    let rises = layers.iter().filter(|(at, _)| *at > moment(from));
    rises
        .filter(|(_, now)| *now >= Some(layer))
        .map(|(at, _)| at.elapsed().as_secs_f64() - from)
        .next()
        .unwrap_or(f64::INFINITY)
}

/// Seconds from `from` until the receiver has `layer` or a lower one; infinite if never.
#[must_use]
pub fn fall_to(run: Run<'_>, flow: usize, layer: u8, from: f64) -> f64 {
    let layers = &run.record.flows[flow].layers;
    if layer_at(layers, from) <= Some(layer) {
        return 0.0;
    }
    let falls = layers.iter().filter(|(at, _)| *at > moment(from));
    falls
        .filter(|(_, now)| *now <= Some(layer))
        .map(|(at, _)| at.elapsed().as_secs_f64() - from)
        .next()
        .unwrap_or(f64::INFINITY)
}

/// How much of a window the receiver had exactly `layer`, in percent.
#[must_use]
pub fn time_in(run: Run<'_>, flow: usize, layer: u8, window: Window) -> f64 {
    let layers = &run.record.flows[flow].layers;
    let borders = layers.iter().map(|(at, _)| at.elapsed().as_secs_f64());
    let mut borders: Vec<f64> = borders.filter(|at| *at > window.from && *at < window.to).collect();
    borders.insert(0, window.from);
    borders.push(window.to);
    let spans = borders.windows(2).filter(|span| layer_at(layers, span[0]) == Some(layer));
    100.0 * spans.map(|span| span[1] - span[0]).sum::<f64>() / window.length()
}

/// How much of the time after first having `layer` the receiver had it, in percent; 0 if never.
#[must_use]
pub fn kept(run: Run<'_>, flow: usize, layer: u8, window: Window) -> f64 {
    let first = window.from + rise_to(run, flow, layer, window.from);
    if first.is_finite() && first < window.to {
        time_in(run, flow, layer, Window { from: first, ..window })
    } else {
        0.0
    }
}

/// How often the layer changed within a window; the first picture is no change.
#[must_use]
pub fn switches(run: Run<'_>, flow: usize, window: Window) -> f64 {
    let changes = run.record.flows[flow].layers.iter().skip(1);
    let count = changes.filter(|(at, _)| window.contains(*at)).count();
    f64::from(u32::try_from(count).unwrap_or(u32::MAX))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_freeze_is_a_gap_far_above_the_average_of_the_last_thirty() {
        // Thirty gaps of 33 ms; then 180 ms, which is below 33 + 150; then 190 ms, above 38 + 150.
        let mut shown: Vec<f64> = (0..=30).map(|frame| f64::from(frame) * 0.033).collect();
        shown.push(shown[30] + 0.180);
        assert!(freezes_of(&shown).abs() < 1e-9);
        shown.push(shown[31] + 0.190);
        assert!((freezes_of(&shown) - 0.190).abs() < 1e-9);
        // The average is (28 · 33 + 180 + 190) / 30 = 43.1 ms: 193 is not enough, 194 is.
        let with = |gap: f64| {
            let mut more = shown.clone();
            more.push(shown[32] + gap);
            freezes_of(&more)
        };
        assert!((with(0.193) - 0.190).abs() < 1e-9);
        assert!((with(0.194) - 0.384).abs() < 1e-9);
    }

    #[test]
    fn nothing_is_a_freeze_before_thirty_gaps_are_known() {
        assert!(freezes_of(&[0.0, 0.033, 5.0]).abs() < 1e-9);
    }
}
