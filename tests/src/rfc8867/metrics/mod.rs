//! Figures of a run, as section 3 of the specification computes them: from the links' log and what the receiver could show.

pub mod bottleneck;
pub mod fairness;
pub mod pictures;
pub mod steps;

use tools::simnet::time::SimTime;

use super::case::{Case, Start};
use super::record::Record;
use super::source::FLOW_MAX;
use super::world::bits;

/// From one second to another; the end is not included.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Window {
    /// In seconds.
    pub from: f64,
    /// In seconds.
    pub to: f64,
}

impl Window {
    /// From `from` to `to`.
    #[must_use]
    pub const fn new(from: u32, to: u32) -> Self {
        Self { from: from as f64, to: to as f64 }
    }

    /// Whether `at` lies within.
    #[must_use]
    pub fn contains(self, at: SimTime) -> bool {
        (self.from..self.to).contains(&at.elapsed().as_secs_f64())
    }

    /// In seconds.
    #[must_use]
    pub fn length(self) -> f64 {
        self.to - self.from
    }
}

/// Which flows a figure is of.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub enum Who {
    /// All that pass its link.
    All,
    /// One.
    Flow(usize),
    /// Everything that is TCP.
    Tcp,
}

/// A run with what it was meant to be.
#[derive(Clone, Copy, Debug)]
pub struct Run<'a> {
    /// What was asked for.
    pub case: &'a Case,
    /// What came of it.
    pub record: &'a Record,
}

/// A tenth of a second: how finely capacity and rates are looked at.
pub const STEP: f64 = 0.1;

impl Run<'_> {
    /// The flows of `who` that pass `link`.
    #[must_use]
    pub fn flows(&self, who: Who, link: usize) -> Vec<usize> {
        let plans = self.case.flows.iter().enumerate();
        let passing =
            plans.filter(|(_, plan)| plan.forward.contains(&link)).map(|(place, _)| place);
        match who {
            Who::All => passing.collect(),
            Who::Flow(flow) => passing.filter(|place| *place == flow).collect(),
            Who::Tcp => Vec::new(),
        }
    }

    /// How many of `flows` are meant to send at a moment.
    #[must_use]
    pub fn active(&self, flows: &[usize], at: SimTime) -> usize {
        let is_active = |flow: &&usize| {
            let plan = &self.case.flows[**flow];
            let start = self.record.flows.get(**flow).map(|record| record.start);
            let planned = match plan.start {
                Start::At(start) => start,
                Start::Within(_) => SimTime::ZERO,
            };
            plan.is_active(start.unwrap_or(planned), at)
        };
        flows.iter().filter(is_active).count()
    }

    /// What `flows` could use of `link` at a moment, in bits a second.
    #[must_use]
    pub fn usable(&self, link: usize, flows: &[usize], at: SimTime) -> f64 {
        let capacity = bits(self.case.links[link].available.at(at));
        let active = u32::try_from(self.active(flows, at)).unwrap_or(u32::MAX);
        capacity.min(f64::from(active) * FLOW_MAX)
    }
}

/// A moment of so many seconds.
#[must_use]
pub fn moment(seconds: f64) -> SimTime {
    let after = std::time::Duration::try_from_secs_f64(seconds).unwrap_or_default();
    SimTime::ZERO + after
}

/// The value that `share` of all values do not exceed, by the nearest rank; NaN of none.
#[must_use]
#[expect(
    clippy::cast_possible_truncation,
    clippy::cast_sign_loss,
    clippy::cast_precision_loss,
    reason = "a place in a list"
)]
pub fn quantile(values: &mut [f64], share: f64) -> f64 {
    values.sort_by(f64::total_cmp);
    let rank = (share * values.len() as f64).ceil() as usize;
    values.get(rank.saturating_sub(1)).copied().unwrap_or(f64::NAN)
}

/// The middle value, or the mean of the two in the middle; NaN of none.
#[must_use]
pub fn median(values: &mut [f64]) -> f64 {
    values.sort_by(f64::total_cmp);
    let middle = values.len() / 2;
    match (values.get(middle.wrapping_sub(1)), values.get(middle)) {
        (Some(below), Some(above)) if values.len().is_multiple_of(2) => {
            if below.is_infinite() {
                *below
            } else {
                below.midpoint(*above)
            }
        }
        (_, Some(middle)) => *middle,
        (_, None) => f64::NAN,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_quantile_is_the_value_of_its_rank() {
        let mut values: Vec<f64> = (1..=20).rev().map(f64::from).collect();
        assert!((quantile(&mut values, 0.95) - 19.0).abs() < 1e-9);
        assert!((quantile(&mut values, 1.0) - 20.0).abs() < 1e-9);
        assert!((quantile(&mut values, 0.5) - 10.0).abs() < 1e-9);
        assert!(quantile(&mut [], 0.5).is_nan());
    }

    #[test]
    fn a_median_is_the_middle_and_never_is_the_largest() {
        assert!((median(&mut [3.0, 1.0, 2.0]) - 2.0).abs() < 1e-9);
        assert!((median(&mut [4.0, 1.0, 2.0, 3.0]) - 2.5).abs() < 1e-9);
        assert!((median(&mut [f64::INFINITY, 1.0, 2.0]) - 2.0).abs() < 1e-9);
        assert!(median(&mut [f64::INFINITY, f64::INFINITY, 1.0, 2.0]).is_infinite());
        assert!(median(&mut []).is_nan());
    }
}

#[cfg(test)]
#[path = "metrics_tests.rs"]
mod hand_computed;
