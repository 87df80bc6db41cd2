//! The budget's past, as far as it decides whether a step up is safe.

use std::time::{Duration, Instant};

use arrayvec::ArrayVec;

use crate::units::Bitrate;

/// The least budget of any time up to [`WINDOW_MAX`], from now back.
///
/// The budget counts as unchanged from one call to the next.
#[derive(Clone, Debug, Default, Eq, PartialEq)]
pub(super) struct BudgetPast {
    /// When the first budget was told.
    first: Option<Instant>,
    /// Budgets that no later one undercut, oldest and lowest first, each with the moment when it was last in force.
    minima: ArrayVec<Minimum, MINIMA_MAX>,
}

#[derive(Clone, Copy, Debug, Eq, PartialEq)]
struct Minimum {
    budget: Bitrate,
    until: Instant,
}

/// As far back as anything asks.
pub(super) const WINDOW_MAX: Duration = Duration::from_secs(2);
/// Minima that end in one grain, counted from the first call, are kept as the lower of them: steps come at most this much later.
const GRAIN: Duration = Duration::from_millis(50);
/// One for each grain that `WINDOW_MAX` touches, and the budget in force.
const MINIMA_MAX: usize = 42;

impl BudgetPast {
    /// From `now` on the budget is `budget`.
    pub(super) fn tell(&mut self, now: Instant, budget: Bitrate) {
        self.first = self.first.or(Some(now));
        // The last one was in force until now.
        if let Some(last) = self.minima.last_mut() {
            last.until = last.until.max(now);
        }
        while self.minima.last().is_some_and(|last| last.budget >= budget) {
            self.minima.pop();
        }
        self.minima.retain(|minimum| now.saturating_duration_since(minimum.until) <= WINDOW_MAX);
        self.join(now);
        // One place is free, by the number of grains; were it not, the budget in force is not known to be so for long.
        if self.minima.is_full() {
            self.minima.pop_at(1);
        }
        self.minima.push(Minimum { budget, until: now });
    }

    /// The least budget of the last `window`, where the past is known that far.
    pub(super) fn least(&self, now: Instant, window: Duration) -> Option<Bitrate> {
        if now.saturating_duration_since(self.first?) < window {
            return None;
        }
        let inside = |minimum: &&Minimum| now.saturating_duration_since(minimum.until) < window;
        self.minima.iter().find(inside).or_else(|| self.minima.last()).map(|minimum| minimum.budget)
    }

    /// Makes one minimum of those that end in one grain.
    fn join(&mut self, now: Instant) {
        let first = self.first.unwrap_or(now);
        let grain = |minimum: &Minimum| {
            minimum.until.saturating_duration_since(first).as_millis() / GRAIN.as_millis()
        };
        let mut joined: ArrayVec<Minimum, MINIMA_MAX> = ArrayVec::new();
        for minimum in self.minima.drain(..) {
            match joined.last_mut() {
                Some(last) if grain(last) == grain(&minimum) => last.until = minimum.until,
                Some(_) | None => joined.push(minimum),
            }
        }
        self.minima = joined;
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::super::tests::some_instant;
    use super::*;

    #[test]
    fn a_dip_counts_until_the_window_has_passed_it() {
        let start = some_instant();
        let at = |ms| start + Duration::from_millis(ms);
        let mut past = BudgetPast::default();
        past.tell(at(0), Bitrate::kbps(900));
        past.tell(at(1_000), Bitrate::kbps(400));
        past.tell(at(1_100), Bitrate::kbps(900));
        let two = Duration::from_secs(2);
        assert_eq!(past.least(at(1_500), two), None, "two seconds are not known yet");
        assert_eq!(past.least(at(3_000), two), Some(Bitrate::kbps(400)));
        assert_eq!(past.least(at(3_099), two), Some(Bitrate::kbps(400)));
        assert_eq!(past.least(at(3_100), two), Some(Bitrate::kbps(900)));
        assert_eq!(past.least(at(1_700), Duration::from_millis(500)), Some(Bitrate::kbps(900)));
    }

    proptest! {
        #![proptest_config(ProptestConfig::with_cases(10_000))]

        #[test]
        fn the_least_budget_is_that_of_a_full_record_but_for_one_grain(
            steps in proptest::collection::vec((0..400_u64, 0..1_000_u64), 1..200)
        ) {
            let start = some_instant();
            let (mut past, mut record, mut now) = (BudgetPast::default(), Vec::new(), start);
            for (gap, budget) in steps {
                now += Duration::from_millis(gap);
                past.tell(now, Bitrate::bps(budget));
                record.push((now, budget));
                for window in [Duration::from_millis(500), WINDOW_MAX] {
                    // In force within the window: those whose successor came inside it.
                    let least = |window: Duration| {
                        let ends = record.iter().skip(1).map(|(end, _)| *end).chain([now]);
                        record.iter().zip(ends)
                            .filter(|(_, end)| now.duration_since(*end) < window)
                            .map(|((_, budget), _)| *budget).min()
                    };
                    let known = now.duration_since(record[0].0) >= window;
                    let told = past.least(now, window).map(Bitrate::as_bps);
                    prop_assert_eq!(told.is_some(), known);
                    if known {
                        prop_assert!(told <= least(window));
                        prop_assert!(told >= least(window + GRAIN));
                    }
                }
            }
        }
    }
}
