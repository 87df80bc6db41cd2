//! What the receivers of a publication want of it, merged: when its publisher is asked for a keyframe, and which of its encodings it is
//! to send at all.

use std::time::{Duration, Instant};

use super::ENCODINGS_MAX;

/// Encodings that somebody wants: what flows, what should, and the next one that an allocator would step up to.
///
/// A value that is merged by the maximum of each encoding's, so that it can be handed up from wherever receivers are.
#[derive(Clone, Copy, Debug, Default, Eq, PartialEq)]
pub struct Demand(u8);

impl Demand {
    /// Nothing is wanted.
    pub const NONE: Self = Self(0);
    /// Everything is.
    pub const ALL: Self = Self(u8::MAX);

    /// This and `encoding`.
    #[must_use]
    pub const fn with(self, encoding: u8) -> Self {
        Self(self.0 | Self::bit(encoding))
    }

    /// What either wants.
    #[must_use]
    pub const fn merged(self, other: Self) -> Self {
        Self(self.0 | other.0)
    }

    /// Whether `encoding` is wanted.
    #[must_use]
    pub const fn wants(self, encoding: u8) -> bool {
        self.0 & Self::bit(encoding) != 0
    }

    const fn bit(encoding: u8) -> u8 {
        // A ninth encoding would be wanted for ever: there are three.
        if encoding < 8 { 1 << encoding } else { u8::MAX }
    }
}

/// Which encodings a publisher was told to send: one that nobody wants any more is switched off after a while, and on at once.
///
/// One of which nothing comes is left on: nobody can want what is not there, and a publisher whose camera or network pauses would never
/// be asked to go on.
#[derive(Debug)]
pub struct LayerDemand {
    told: Demand,
    /// When each was wanted last.
    wanted: [Option<Instant>; ENCODINGS_MAX],
}

impl Default for LayerDemand {
    fn default() -> Self {
        Self { told: Demand::ALL, wanted: [None; ENCODINGS_MAX] }
    }
}

impl LayerDemand {
    /// What to tell the publisher of its first `encodings` encodings now that `demand` is wanted and `flowing` comes; `None` where that
    /// is no news.
    pub fn poll(
        &mut self,
        now: Instant,
        demand: Demand,
        flowing: Demand,
        encodings: u8,
    ) -> Option<Demand> {
        let mut next = self.told;
        for (wanted, encoding) in self.wanted.iter_mut().zip(0..encodings) {
            let last = *wanted.get_or_insert(now);
            if demand.wants(encoding) {
                *wanted = Some(now);
                next = next.with(encoding);
            } else if !flowing.wants(encoding) {
                *wanted = Some(now);
            } else if now.saturating_duration_since(last) >= OFF_AFTER {
                next = Demand(next.0 & !Demand::bit(encoding));
            }
        }
        (next != self.told).then(|| {
            self.told = next;
            next
        })
    }

    /// Takes over what another shard told the publisher; gives what was known before.
    pub const fn learn(&mut self, told: Demand) -> Demand {
        std::mem::replace(&mut self.told, told)
    }

    /// What the publisher was told last; everything, before it was told anything.
    #[must_use]
    pub const fn told(&self) -> Demand {
        self.told
    }
}

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

/// An encoding that nobody wants goes on for this long: people look at one picture after another, and a view that changes twice in a
/// few seconds should find the layer there. It is also the time in which an allocator takes a step back and tries again.
pub const OFF_AFTER: Duration = Duration::from_secs(5);

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

    #[test]
    fn demands_are_merged_by_the_maximum_of_each_encoding() {
        let (one, other) = (Demand::NONE.with(0), Demand::NONE.with(2));
        let both = one.merged(other);
        assert_eq!([0, 1, 2].map(|encoding| both.wants(encoding)), [true, false, true]);
        assert_eq!(both.merged(Demand::ALL), Demand::ALL);
    }

    #[test]
    fn an_encoding_goes_off_after_a_while_and_on_at_once() {
        let (mut layers, now) = (LayerDemand::default(), start());
        let low = Demand::NONE.with(0);
        let mut poll = |at, demand| layers.poll(now + ms(at), demand, Demand::ALL, 3);
        assert_eq!(poll(0, low), None);
        assert_eq!(poll(4_999, low), None);
        let off = poll(5_000, low).expect("news");
        assert_eq!([0, 1, 2].map(|encoding| off.wants(encoding)), [true, false, false]);
        assert_eq!(poll(5_001, low), None);
        let on = poll(5_002, low.with(2)).expect("news");
        assert_eq!([0, 1, 2].map(|encoding| on.wants(encoding)), [true, false, true]);
        // Wanted a moment ago: not off again at once.
        assert_eq!(poll(9_000, low), None);
    }

    #[test]
    fn an_encoding_of_which_nothing_comes_is_not_switched_off() {
        let (mut layers, now) = (LayerDemand::default(), start());
        let mut poll = |at, flowing| layers.poll(now + ms(at), Demand::NONE, flowing, 1);
        assert_eq!(poll(0, Demand::ALL), None);
        assert_eq!(poll(4_900, Demand::NONE), None);
        assert_eq!(poll(60_000, Demand::NONE), None);
        assert_eq!(poll(60_100, Demand::ALL), None, "it has just come back");
        assert_eq!(poll(64_999, Demand::ALL), None);
        assert_eq!(poll(65_000, Demand::ALL).map(|told| told.wants(0)), Some(false));
    }
}
