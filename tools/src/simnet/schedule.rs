//! How fast a link is, and when that changes.

use simulcast::Bitrate;

use super::time::SimTime;

/// Rates from moments on, in order of time.
#[derive(Clone, Debug, Eq, PartialEq)]
pub struct Schedule {
    first: Bitrate,
    changes: Vec<(SimTime, Bitrate)>,
}

impl Schedule {
    /// One rate for ever.
    #[must_use]
    pub const fn constant(rate: Bitrate) -> Self {
        Self { first: rate, changes: Vec::new() }
    }

    /// These rates from `at` on; until then as before. Calls go forward in time.
    #[must_use]
    pub fn then(mut self, at: SimTime, rate: Bitrate) -> Self {
        debug_assert!(self.changes.last().is_none_or(|(last, _)| *last <= at), "forward in time");
        self.changes.push((at, rate));
        self
    }

    /// The rate at `time`.
    #[must_use]
    pub fn at(&self, time: SimTime) -> Bitrate {
        let past = self.changes.partition_point(|(at, _)| *at <= time);
        self.changes.get(..past).and_then(<[_]>::last).map_or(self.first, |(_, rate)| *rate)
    }

    /// The first moment, `time` or later, at which anything can be sent; `None` if there is none.
    #[must_use]
    pub fn sends_from(&self, time: SimTime) -> Option<SimTime> {
        if self.at(time) > Bitrate::ZERO {
            return Some(time);
        }
        let later = |(at, rate): &&(SimTime, Bitrate)| *at > time && *rate > Bitrate::ZERO;
        self.changes.iter().find(later).map(|(at, _)| *at)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_rate_holds_from_its_moment_on() {
        let ms = SimTime::milliseconds;
        let schedule = Schedule::constant(Bitrate::kbps(1))
            .then(ms(10), Bitrate::ZERO)
            .then(ms(20), Bitrate::kbps(2));
        assert_eq!(schedule.at(SimTime::nanoseconds(9_999_999)), Bitrate::kbps(1));
        assert_eq!(schedule.at(ms(10)), Bitrate::ZERO);
        assert_eq!(schedule.at(ms(20)), Bitrate::kbps(2));
        assert_eq!(schedule.sends_from(ms(9)), Some(ms(9)));
        assert_eq!(schedule.sends_from(ms(10)), Some(ms(20)));
        assert_eq!(Schedule::constant(Bitrate::ZERO).sends_from(ms(0)), None);
    }
}
