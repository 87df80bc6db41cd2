//! One figure of a run: what is computed, of whom, over which time.

use super::metrics::steps::{Aim, drain, up80};
use super::metrics::{Run, Who, Window, bottleneck, fairness, pictures};

/// What is computed. Links and flows are numbered as the case numbers them.
#[derive(Clone, Debug, PartialEq)]
pub enum Measure {
    /// Percent of what could have been used.
    Utilisation(usize, Who, Window),
    /// The mean of [`Self::Utilisation`] over flows, each against what it could use if it were alone.
    UtilisationEach(usize, Window),
    /// Percent of a share of the link, in kbit/s.
    OfShare(usize, Who, Window, f64),
    /// Milliseconds.
    QueueMean(usize, Who, Window),
    /// Milliseconds.
    QueueP95(usize, Who, Window),
    /// Percent.
    Loss(usize, Who, Window),
    /// Percent beyond what chance takes.
    LossAbove(usize, Who, Window, f64),
    /// kbit/s.
    Rate(usize, Who, Window),
    /// Percent of the link.
    TcpShare(Window),
    /// Seconds after a moment.
    Up80(usize, Who, f64, Aim),
    /// Seconds after a moment.
    Drain(usize, Who, f64),
    /// Jain's index; the lowest of several windows.
    Jain(usize, Vec<Window>),
    /// Largest over smallest rate.
    Spread(usize, Window),
    /// Seconds below a rate in kbit/s, the worst of all flows.
    LongestBelow(usize, f64, Window),
    /// Milliseconds.
    FrameP95(usize, Window),
    /// Percent.
    FramesLost(usize, Window),
    /// Seconds.
    Freeze(usize, Window),
    /// Seconds after a moment until a layer.
    RiseTo(u8, f64),
    /// Seconds after a moment until a layer or less.
    FallTo(u8, f64),
    /// Percent of the window in a layer.
    TimeIn(u8, Window),
    /// Percent of the time after first having it.
    Kept(u8, Window),
    /// Changes of layer.
    Switches(Window),
    /// Something that only ours can say: violations counted by the flow itself.
    Violations,
    /// Seconds in which something visible had no picture, at the longest.
    Blank,
}

impl Measure {
    /// Of a run.
    #[must_use]
    pub fn of(&self, run: Run<'_>) -> f64 {
        match self {
            Self::Utilisation(link, who, window) => {
                bottleneck::utilisation(run, *link, *who, *window)
            }
            Self::UtilisationEach(link, window) => {
                let flows = run.flows(Who::All, *link);
                let each = flows
                    .iter()
                    .map(|flow| bottleneck::utilisation(run, *link, Who::Flow(*flow), *window));
                each.sum::<f64>() / f64::from(u32::try_from(flows.len()).unwrap_or(1))
            }
            Self::OfShare(link, who, window, share) => {
                100.0 * bottleneck::rate(run, *link, *who, *window) / share
            }
            Self::QueueMean(link, who, window) => bottleneck::queue_mean(run, *link, *who, *window),
            Self::QueueP95(link, who, window) => bottleneck::queue_p95(run, *link, *who, *window),
            Self::Loss(link, who, window) => bottleneck::loss(run, *link, *who, *window),
            Self::LossAbove(link, who, window, chance) => {
                bottleneck::loss(run, *link, *who, *window) - chance
            }
            Self::Rate(link, who, window) => bottleneck::rate(run, *link, *who, *window),
            Self::TcpShare(window) => fairness::tcp_share(run, 0, *window),
            Self::Up80(link, who, from, aim) => up80(run, *link, *who, *from, *aim),
            Self::Drain(link, who, from) => drain(run, *link, *who, *from),
            Self::Jain(link, windows) => {
                let indices = windows.iter().map(|window| fairness::jain(run, *link, *window));
                indices.fold(f64::INFINITY, f64::min)
            }
            Self::Spread(link, window) => fairness::spread(run, *link, *window),
            Self::LongestBelow(link, kbps, window) => {
                let flows = run.flows(Who::All, *link).into_iter();
                let longest =
                    flows.map(|flow| fairness::longest_below(run, *link, flow, *kbps, *window));
                longest.fold(0.0, f64::max)
            }
            Self::FrameP95(flow, window) => pictures::frame_p95(run, *flow, *window),
            Self::FramesLost(flow, window) => pictures::frames_lost(run, *flow, *window),
            Self::Freeze(flow, window) => pictures::freeze(run, *flow, *window),
            Self::RiseTo(layer, from) => pictures::rise_to(run, 0, *layer, *from),
            Self::FallTo(layer, from) => pictures::fall_to(run, 0, *layer, *from),
            Self::TimeIn(layer, window) => pictures::time_in(run, 0, *layer, *window),
            Self::Kept(layer, window) => pictures::kept(run, 0, *layer, *window),
            Self::Switches(window) => pictures::switches(run, 0, *window),
            Self::Violations => run.record.flows.iter().map(|flow| flow.violations).sum(),
            Self::Blank => run.record.flows.iter().map(|flow| flow.blank).fold(0.0, f64::max),
        }
    }
}
