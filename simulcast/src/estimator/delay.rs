//! The delay-based part: groups of packets, the trend of their delays, and the rate that follows from it.

use std::time::{Duration, Instant};

use super::detector::Usage;
use super::group::Groups;
use super::rate_control::RateControl;
use super::trendline::Trendline;

/// From arrivals to a rate.
#[derive(Debug)]
pub(super) struct DelayBased {
    groups: Groups,
    trendline: Trendline,
    pub(super) control: RateControl,
    told: Option<Instant>,
    /// Whether a queue that drained has come to its end since [`Self::take_recovery`].
    recovered: bool,
}

impl DelayBased {
    pub(super) fn new(start: f64, min: f64, max: f64) -> Self {
        Self {
            groups: Groups::default(),
            trendline: Trendline::default(),
            control: RateControl::new(start, min, max),
            told: None,
            recovered: false,
        }
    }

    pub(super) const fn usage(&self) -> Usage {
        self.trendline.usage()
    }

    /// Feedback told at `now` of a packet that arrived.
    pub(super) fn packet(&mut self, now: Instant, sent: Instant, at_us: i64) {
        if self.told.is_some_and(|told| now.saturating_duration_since(told) > FORGOTTEN) {
            self.forget_delays();
        }
        self.told = Some(now);
        if let Some(delta) = self.groups.packet(now, sent, at_us) {
            let before = self.usage();
            self.trendline.update(&delta);
            self.recovered |= before == Usage::Under && self.usage() == Usage::Normal;
        }
    }

    /// Forgets what is not comparable with what comes.
    pub(super) fn forget_delays(&mut self) {
        self.groups = Groups::default();
        self.trendline = Trendline::default();
    }

    /// Whether a queue has drained, told once.
    pub(super) const fn take_recovery(&mut self) -> bool {
        std::mem::replace(&mut self.recovered, false)
    }

    /// Follows what one feedback said: `usage` as it is to be taken, what arrives, and what a probe found.
    pub(super) fn follow(
        &mut self,
        now: Instant,
        usage: Usage,
        throughput: Option<f64>,
        probe: Option<f64>,
    ) {
        let control = &mut self.control;
        match (usage, throughput, probe) {
            (Usage::Over, Some(rate), _) if control.may_decrease(now, rate) => {
                control.update(now, usage, throughput);
            }
            // Too much before it is known what arrives: half of it, as often as the effect shows.
            (Usage::Over, None, _) if control.may_decrease(now, control.rate() / 2.0) => {
                control.set(now, control.rate() / 2.0);
            }
            (Usage::Over, _, _) => {}
            (Usage::Normal | Usage::Under, _, Some(rate)) => control.set(now, rate),
            (Usage::Normal | Usage::Under, _, None) => control.update(now, usage, throughput),
        }
    }
}

/// Without any packet for so long delays say nothing about one another (libwebrtc, `delay_based_bwe.cc`).
const FORGOTTEN: Duration = Duration::from_secs(2);
