//! What a person looks at first: capacity, estimate, what was sent, queue and layer over time.

use super::metrics::{Run, STEP, Who, bottleneck, moment};
use super::world::bits;

/// Everything there is to see of a run, in steps of [`STEP`].
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Plot {
    /// Of link 0, what flows can have, in kbit/s.
    pub capacity: Vec<f64>,
    /// What left link 0 of each flow, over the last second, in kbit/s.
    pub sent: Vec<Vec<f64>>,
    /// What each flow's estimator said, in kbit/s.
    pub estimates: Vec<Vec<f64>>,
    /// The longest delay in the queue of link 0, in milliseconds.
    pub queue: Vec<f64>,
    /// Which layer the first flow's receiver had: 0 for none, 1 for the lowest.
    pub layer: Vec<f64>,
}

/// How many flows are drawn; more are a tangle.
const FLOWS_MAX: usize = 5;

impl Plot {
    /// Of a run.
    #[must_use]
    pub fn of(run: Run<'_>) -> Self {
        let capacity: Vec<f64> = moments(run)
            .map(|at| bits(run.case.links[0].available.at(moment(at))) / 1_000.0)
            .collect();
        let flows = 0..run.case.flows.len().min(FLOWS_MAX);
        let link = |flow: usize| run.case.flows[flow].forward[0];
        let sent = flows.clone().map(|flow| {
            let rates = bottleneck::rates(run, link(flow), Who::Flow(flow));
            (0..rates.len()).map(|step| over_a_second(&rates, step)).collect()
        });
        let estimates = flows.map(|flow| {
            let said = &run.record.flows[flow].estimates;
            moments(run)
                .map(|at| {
                    let past = said.partition_point(|(from, _)| *from <= moment(at));
                    past.checked_sub(1).map_or(0.0, |last| said[last].1 / 1_000.0)
                })
                .collect()
        });
        let layers = &run.record.flows[0].layers;
        let layer = |at: f64| {
            let past = layers.partition_point(|(from, _)| *from <= moment(at));
            let last = past.checked_sub(1).and_then(|last| layers[last].1);
            last.map_or(0.0, |layer| f64::from(layer) + 1.0)
        };
        Self {
            capacity,
            sent: sent.collect(),
            estimates: estimates.collect(),
            queue: bottleneck::longest_delays(run, 0, Who::All, STEP),
            layer: if layers.is_empty() { Vec::new() } else { moments(run).map(layer).collect() },
        }
    }
}

fn moments(run: Run<'_>) -> impl Iterator<Item = f64> {
    let steps = u32::try_from(run.case.seconds * 10).unwrap_or(u32::MAX);
    (0..steps).map(|step| f64::from(step) * STEP)
}

#[expect(clippy::cast_precision_loss, reason = "ten steps")]
fn over_a_second(rates: &[f64], step: usize) -> f64 {
    let from = (step + 1).saturating_sub(10);
    let second = &rates[from..=step];
    second.iter().sum::<f64>() / second.len() as f64 / 1_000.0
}
