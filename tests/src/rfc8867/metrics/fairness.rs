//! How a link was shared.

use super::bottleneck::{rate, rates};
use super::{Run, STEP, Who, Window};

/// Jain's index of some shares: 1 where all are equal, 1 / n where one has all (RFC 5166, section 2.3.1.1).
#[must_use]
#[expect(clippy::cast_precision_loss, reason = "few flows")]
pub fn jain_of(shares: &[f64]) -> f64 {
    let sum: f64 = shares.iter().sum();
    let squares: f64 = shares.iter().map(|share| share * share).sum();
    sum * sum / (shares.len() as f64 * squares)
}

/// The largest share over the smallest.
#[must_use]
pub fn spread_of(shares: &[f64]) -> f64 {
    let largest = shares.iter().copied().fold(0.0, f64::max);
    largest / shares.iter().copied().fold(f64::INFINITY, f64::min)
}

/// Of the rates of all flows of a link over a window.
fn shares(run: Run<'_>, link: usize, window: Window) -> Vec<f64> {
    let flows = run.flows(Who::All, link);
    flows.into_iter().map(|flow| rate(run, link, Who::Flow(flow), window)).collect()
}

/// Jain's index of the flows of a link.
#[must_use]
pub fn jain(run: Run<'_>, link: usize, window: Window) -> f64 {
    jain_of(&shares(run, link, window))
}

/// Largest over smallest rate of the flows of a link.
#[must_use]
pub fn spread(run: Run<'_>, link: usize, window: Window) -> f64 {
    spread_of(&shares(run, link, window))
}

/// Of the link's bits in the window, which percentage TCP had.
#[must_use]
pub fn tcp_share(run: Run<'_>, link: usize, window: Window) -> f64 {
    let capacity =
        super::super::world::bits(run.case.links[link].available.at(super::moment(window.from)));
    100.0 * rate(run, link, Who::Tcp, window) * 1_000.0 / capacity
}

/// The longest time in which a flow's rate over 1 s stayed below `kbps`, in seconds.
#[must_use]
pub fn longest_below(run: Run<'_>, link: usize, flow: usize, kbps: f64, window: Window) -> f64 {
    let rates = rates(run, link, Who::Flow(flow));
    let begin = super::bottleneck::step_of(window.from, STEP);
    let end = super::bottleneck::step_of(window.to, STEP).min(rates.len());
    let seconds = rates[begin..end].windows(10).map(|second| second.iter().sum::<f64>() / 10.0);
    let (mut longest, mut current) = (0_u32, 0_u32);
    for rate in seconds {
        current = if rate < kbps * 1_000.0 { current + 1 } else { 0 };
        longest = longest.max(current);
    }
    f64::from(longest) * STEP
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn jain_is_1_for_equals_and_1_in_n_for_one_that_has_all() {
        assert!((jain_of(&[3.0, 3.0, 3.0]) - 1.0).abs() < 1e-12);
        assert!((jain_of(&[5.0, 0.0, 0.0, 0.0]) - 0.25).abs() < 1e-12);
        // (1 + 2)² / (2 · (1 + 4))
        assert!((jain_of(&[1.0, 2.0]) - 0.9).abs() < 1e-12);
        assert!((spread_of(&[1.0, 4.0, 2.0]) - 4.0).abs() < 1e-12);
    }
}
