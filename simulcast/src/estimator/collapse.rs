//! Whether the link has just collapsed, and how much of it is believed for a while after that.

use std::time::{Duration, Instant};

/// Remembers the estimate of the last second, and holds it at [`SHARE`] of that for [`WARY`] where it fell to [`FALL`] of it.
///
/// A link that loses two thirds within a second is a radio, or is shared with something that bursts: it comes back as suddenly, and goes
/// again. Whoever has filled it each time loses the picture each time, until a keyframe of a lower layer has come through what queued.
/// Half of it loses nothing: the layer below is there already when the link falls.
#[derive(Debug, Default)]
pub(super) struct Collapse {
    highest: Option<Moment>,
    ceiling: Option<Moment>,
}

#[derive(Clone, Copy, Debug)]
struct Moment {
    at: Instant,
    rate: f64,
}

impl Collapse {
    /// The most to estimate where all else says `rate`; `None` while there is nothing to be wary of.
    pub(super) fn limit(&mut self, now: Instant, rate: f64) -> Option<f64> {
        let is_within = |moment: &Moment, time| now.saturating_duration_since(moment.at) <= time;
        self.highest = self.highest.filter(|highest| is_within(highest, RECENT));
        if let Some(highest) = self.highest.filter(|highest| rate < FALL * highest.rate) {
            self.ceiling = Some(Moment { at: now, rate: highest.rate * SHARE });
            self.highest = None;
        }
        if self.highest.is_none_or(|highest| rate > highest.rate) {
            self.highest = Some(Moment { at: now, rate });
        }
        self.ceiling = self.ceiling.filter(|ceiling| is_within(ceiling, WARY));
        self.ceiling.map(|ceiling| ceiling.rate)
    }
}

/// How far back a fall is looked for: what a link that narrows step by step takes longer than.
const RECENT: Duration = Duration::from_secs(1);
/// Of the highest, a collapse. What makes room for others falls to a half; a share of 0.85 taken three times is 0.6.
const FALL: f64 = 0.35;
/// Of the highest, until the collapse is forgotten.
const SHARE: f64 = 0.5;
/// Until then. Longer is felt where a link has come back for good, shorter finds the next collapse of one that flaps each ten seconds.
const WARY: Duration = Duration::from_secs(20);

#[cfg(test)]
mod tests {
    use super::super::tests::{ms, start};
    use super::*;

    #[test]
    fn after_a_collapse_half_of_what_was_is_the_most_for_twenty_seconds() {
        let (mut collapse, now) = (Collapse::default(), start());
        assert_eq!(collapse.limit(now, 2e6), None);
        assert_eq!(collapse.limit(now + ms(500), 0.8e6), None, "0.4 of it");
        assert_eq!(collapse.limit(now + ms(900), 0.6e6), Some(1e6));
        assert_eq!(collapse.limit(now + ms(20_900), 2e6), Some(1e6));
        assert_eq!(collapse.limit(now + ms(20_901), 2e6), None);
    }

    #[test]
    fn what_falls_in_more_than_a_second_is_no_collapse() {
        let (mut collapse, now) = (Collapse::default(), start());
        for step in 0..20_u64 {
            let rate = 2e6 * 0.85_f64.powf(step as f64);
            assert_eq!(collapse.limit(now + ms(step * 300), rate), None, "step {step}");
        }
    }

    #[test]
    fn another_collapse_is_measured_by_what_there_was_before_it() {
        let (mut collapse, now) = (Collapse::default(), start());
        collapse.limit(now, 2e6);
        collapse.limit(now + ms(500), 0.4e6);
        assert_eq!(collapse.limit(now + ms(10_000), 1e6), Some(1e6));
        assert_eq!(collapse.limit(now + ms(10_500), 0.3e6), Some(0.5e6));
        assert_eq!(collapse.limit(now + ms(30_500), 0.9e6), Some(0.5e6));
        assert_eq!(collapse.limit(now + ms(30_501), 0.9e6), None);
    }
}
