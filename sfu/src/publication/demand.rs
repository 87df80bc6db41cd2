//! When a publisher is asked for a keyframe: once for all receivers that wait, and again until it comes.

use std::time::{Duration, Instant};

/// Whether receivers of one encoding wait for a keyframe, and when its publisher is asked next (PLI, RFC 4585, 6.3.1).
#[derive(Debug, Default)]
pub struct KeyframeDemand(State);

#[derive(Clone, Copy, Debug, Eq, PartialEq)]
enum State {
    /// Nobody waits.
    Satisfied { asked: Option<Instant> },
    /// Somebody waits; the publisher was asked `tries` times for it, `asked` being the last time it was asked at all.
    Wanted { asked: Option<Instant>, due: Instant, tries: u8 },
    /// Somebody waits, and the publisher seems not to listen.
    Deaf { asked: Instant },
}

impl Default for State {
    fn default() -> Self {
        Self::Satisfied { asked: None }
    }
}

impl KeyframeDemand {
    /// A receiver needs a keyframe. Any number of them are one demand.
    pub fn want(&mut self, now: Instant) {
        match self.0 {
            State::Satisfied { asked } => {
                let due = asked.map_or(now, |asked| now.max(asked + INTERVAL_MIN));
                self.0 = State::Wanted { asked, due, tries: 0 };
            }
            State::Wanted { .. } | State::Deaf { .. } => {}
        }
    }

    /// The first packet of a keyframe has arrived, or nobody waits any more: nothing more is asked.
    pub fn keyframe_arrived(&mut self) {
        self.0 = match self.0 {
            State::Satisfied { asked } | State::Wanted { asked, .. } => State::Satisfied { asked },
            State::Deaf { asked } => State::Satisfied { asked: Some(asked) },
        };
    }

    /// Whether to ask the publisher now; counts as asked when true.
    #[must_use]
    pub fn poll(&mut self, now: Instant) -> bool {
        if self.deadline().is_none_or(|deadline| now < deadline) {
            return false;
        }
        self.0 = match self.0 {
            State::Wanted { tries, .. } if tries < TRIES => {
                State::Wanted { asked: Some(now), due: now + REPEAT, tries: tries + 1 }
            }
            State::Wanted { .. } | State::Deaf { .. } | State::Satisfied { .. } => {
                State::Deaf { asked: now }
            }
        };
        true
    }

    /// When [`Self::poll`] is true next; `None` while nobody waits.
    #[must_use]
    pub fn deadline(&self) -> Option<Instant> {
        match self.0 {
            State::Satisfied { .. } => None,
            State::Wanted { due, .. } => Some(due),
            State::Deaf { asked } => Some(asked + REPEAT_DEAF),
        }
    }

    /// Whether the publisher was asked [`TRIES`] times, had [`REPEAT`] after the last, and sent no keyframe. Those who
    /// wait should be told that they do.
    #[must_use]
    pub const fn is_deaf(&self) -> bool {
        matches!(self.0, State::Deaf { .. })
    }
}

/// A keyframe costs the publisher as much as some ten other frames, so that joiners and losses must not add up: twice a
/// second leaves it most of its bitrate, and nobody waits long. (libwebrtc's encoder answers at most each 300 ms.)
pub const INTERVAL_MIN: Duration = Duration::from_millis(500);

/// A request or its keyframe may be lost. A round trip, an encoder's pause and the keyframe's own way through a slow
/// uplink seldom exceed this.
pub const REPEAT: Duration = Duration::from_secs(1);

/// As many requests in a row are not lost by chance, even at 30 % loss each way.
pub const TRIES: u8 = 10;

/// A deaf publisher may be a camera that is starved or paused; it is asked on, but costs next to nothing.
pub const REPEAT_DEAF: Duration = Duration::from_secs(5);

#[cfg(test)]
mod tests {
    use super::*;

    #[expect(
        clippy::disallowed_methods,
        reason = "any instant serves as the start of virtual time"
    )]
    fn start() -> Instant {
        Instant::now()
    }

    fn ms(ms: u64) -> Duration {
        Duration::from_millis(ms)
    }

    /// Polls each 10 ms for `time`; the milliseconds at which it was true.
    fn asked(demand: &mut KeyframeDemand, from: Instant, time: u64) -> Vec<u64> {
        (0..time).step_by(10).filter(|at| demand.poll(from + ms(*at))).collect()
    }

    #[test]
    fn nobody_is_asked_without_a_need() {
        let mut demand = KeyframeDemand::default();
        assert!(asked(&mut demand, start(), 3000).is_empty());
        assert_eq!(demand.deadline(), None);
    }

    #[test]
    fn receivers_are_one_demand_that_ends_with_the_keyframe() {
        let (mut demand, now) = (KeyframeDemand::default(), start());
        demand.want(now);
        demand.want(now);
        assert_eq!(demand.deadline(), Some(now));
        assert!(demand.poll(now));
        demand.want(now + ms(100));
        assert_eq!(asked(&mut demand, now, 900), []);
        demand.keyframe_arrived();
        assert_eq!(asked(&mut demand, now + ms(900), 9000), []);
    }

    #[test]
    fn a_second_need_waits_for_half_a_second() {
        let (mut demand, now) = (KeyframeDemand::default(), start());
        demand.want(now);
        assert!(demand.poll(now));
        demand.keyframe_arrived();
        demand.want(now + ms(60));
        assert_eq!(asked(&mut demand, now, 1000), [500]);
        demand.keyframe_arrived();
        demand.want(now + ms(5000));
        assert_eq!(demand.deadline(), Some(now + ms(5000)));
    }

    #[test]
    fn a_silent_publisher_is_asked_each_second_then_each_five() {
        let (mut demand, now) = (KeyframeDemand::default(), start());
        demand.want(now);
        let each_second: Vec<u64> = (0..10).map(|n| n * 1000).collect();
        assert_eq!(asked(&mut demand, now, 10_000), each_second);
        assert!(!demand.is_deaf());
        assert_eq!(asked(&mut demand, now + ms(10_000), 11_000), [0, 5000, 10_000]);
        assert!(demand.is_deaf());
        demand.keyframe_arrived();
        assert!(!demand.is_deaf());
        assert_eq!(demand.deadline(), None);
    }
}
