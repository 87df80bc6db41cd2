//! How quickly flows follow a step of capacity.

use super::bottleneck::{longest_delays, rates, step_of};
use super::{Run, STEP, Who, moment};

/// Of what a flow is to reach 80 %.
#[derive(Clone, Copy, Debug, PartialEq)]
pub enum Aim {
    /// What it could use of the link.
    Usable,
    /// This share of the link, in bits a second.
    Share(f64),
}

/// How much of its aim is enough.
const ENOUGH: f64 = 0.8;

/// Over how many steps a rate is looked at: 1 s.
const RATE_STEPS: usize = 10;

/// How many steps in a row it must stay: 2 s.
const STAY_STEPS: usize = 20;

/// A queue below this has drained, in milliseconds.
const DRAINED_MS: f64 = 60.0;

/// In spans of this many seconds the longest delay counts.
const DRAIN_STEP: f64 = 0.2;

/// How many spans in a row must be drained: 2 s.
const DRAIN_STEPS: usize = 10;

/// Seconds from `from` until the rate of the last second is, and for 2 s stays, at least 80 % of the aim; infinite if never.
#[must_use]
pub fn up80(run: Run<'_>, link: usize, who: Who, from: f64, aim: Aim) -> f64 {
    let rates = rates(run, link, who);
    let flows = run.flows(who, link);
    let first = step_of(from, STEP);
    let is_enough = |end: usize| {
        let begin = end.saturating_sub(RATE_STEPS).max(first);
        #[expect(clippy::cast_precision_loss, reason = "few steps")]
        let (rate, at) =
            (rates[begin..end].iter().sum::<f64>() / RATE_STEPS as f64, (end as f64 - 0.5) * STEP);
        let aim = match aim {
            Aim::Usable => run.usable(link, &flows, moment(at)),
            Aim::Share(share) => share,
        };
        rate >= ENOUGH * aim
    };
    let found = (first + 1..=rates.len().saturating_sub(STAY_STEPS))
        .find(|end| (*end..=end + STAY_STEPS).all(is_enough));
    found.map_or(f64::INFINITY, |end| steps_as_seconds(end - first, STEP))
}

/// Seconds from `from` until the longest queue delay of each 0.2 s is, and for 2 s stays, below 60 ms; infinite if never.
#[must_use]
pub fn drain(run: Run<'_>, link: usize, who: Who, from: f64) -> f64 {
    let longest = longest_delays(run, link, who, DRAIN_STEP);
    let first = step_of(from, DRAIN_STEP);
    let end = longest.len() / 2;
    let found = (first..=end.saturating_sub(DRAIN_STEPS))
        .find(|step| longest[*step..step + DRAIN_STEPS].iter().all(|delay| *delay < DRAINED_MS));
    found.map_or(f64::INFINITY, |step| steps_as_seconds(step - first, DRAIN_STEP))
}

#[expect(clippy::cast_precision_loss, reason = "few steps")]
fn steps_as_seconds(steps: usize, step: f64) -> f64 {
    steps as f64 * step
}
