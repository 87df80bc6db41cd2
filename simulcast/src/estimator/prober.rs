//! When to probe, and at which rate.

use std::time::{Duration, Instant};

use arrayvec::ArrayVec;

use super::probe::{Probe, ProbeId};
use crate::units::Bitrate;

/// What sending aims at; all with sound, on the wire.
#[derive(Clone, Copy, Debug, Default, Eq, PartialEq)]
pub struct Wanted {
    /// What everything that is looked at would cost in full.
    pub desired: Bitrate,
    /// What everything would cost with the next step up; zero where none is missing.
    pub next_step: Bitrate,
    /// What everything there is could cost, looked at or not: a thumbnail may fill the screen in a moment.
    pub most: Bitrate,
}

/// Decides on probes: at the start, further ones after a success, after a drop, when more is wanted at once, and each
/// [`INTERVAL`] while more is wanted than the estimate allows. None while a queue or a loss says that there is too much already.
///
/// The first four are libwebrtc's (`goog_cc/probe_controller.cc`). The last is there since nothing else finds a link that has become
/// wider while all of the old estimate is used: growth of 8 % a second takes 12 s to what one probe of 40 ms finds.
#[derive(Debug)]
pub(super) struct Prober {
    is_on: bool,
    start: f64,
    max: f64,
    wanted: Wanted,
    phase: Phase,
    pending: ArrayVec<Probe, PENDING_MAX>,
    next_id: ProbeId,
    last: Option<Instant>,
    /// The rate of the last probe, where no further one followed for want of a use.
    enough: Option<f64>,
    /// More is wanted than the time before.
    grows: bool,
    /// When [`Self::tick`] last had nothing to do although it was time.
    refused: Option<Instant>,
    estimate: f64,
    drop: Option<Drop>,
    /// When a drop was last answered by a probe.
    answered: Option<Instant>,
    made: u32,
}

#[derive(Clone, Copy, Debug)]
enum Phase {
    /// Nothing was probed yet.
    Initial,
    /// A result above `further` leads to another probe.
    Waiting {
        since: Instant,
        further: f64,
    },
    Idle,
}

/// The last large drop of the estimate.
#[derive(Clone, Copy, Debug)]
struct Drop {
    at: Instant,
    before: f64,
}

/// What decides whether a probe may go.
#[derive(Clone, Copy, Debug)]
pub(super) struct Conditions {
    /// No queue grows or drains, no loss limits the rate, and feedback comes.
    pub(super) is_clear: bool,
    /// The application is the limit, or was of late.
    pub(super) was_limited: bool,
    /// When the estimate was last lowered.
    pub(super) decreased: Option<Instant>,
    /// When something was last sent.
    pub(super) sent: Option<Instant>,
}

impl Prober {
    pub(super) const fn new(is_on: bool, start: f64, max: f64) -> Self {
        Self {
            is_on,
            start,
            max,
            wanted: Wanted {
                desired: Bitrate::ZERO,
                next_step: Bitrate::ZERO,
                most: Bitrate::ZERO,
            },
            phase: Phase::Initial,
            pending: ArrayVec::new_const(),
            next_id: ProbeId::FIRST,
            last: None,
            enough: None,
            grows: false,
            refused: None,
            estimate: start,
            drop: None,
            answered: None,
            made: 0,
        }
    }

    /// The next probe to be sent.
    pub(super) fn poll(&mut self) -> Option<Probe> {
        self.pending.pop_at(0)
    }

    /// How many were decided on.
    pub(super) const fn made(&self) -> u32 {
        self.made
    }

    pub(super) fn set_wanted(&mut self, wanted: Wanted) {
        self.grows = wanted.desired > self.wanted.desired;
        self.wanted = wanted;
    }

    /// The estimate has changed, or feedback has confirmed it.
    pub(super) fn set_estimate(&mut self, now: Instant, estimate: f64, conditions: &Conditions) {
        if estimate < DROP * self.estimate {
            self.drop = Some(Drop { at: now, before: self.estimate });
        }
        self.estimate = estimate;
        if let Phase::Waiting { further, .. } = self.phase
            && estimate > further
            && conditions.is_clear
        {
            self.probe(now, &[2.0 * estimate], true);
        }
    }

    /// A queue has drained.
    pub(super) fn recovered(&mut self, now: Instant, conditions: &Conditions) {
        let within = |at: Instant, time| now.saturating_duration_since(at) < time;
        let Some(drop) = self.drop.filter(|drop| within(drop.at, DROP_RECENT)) else { return };
        let rate = DROP_PROBE * drop.before;
        let is_new = self.answered.is_none_or(|at| !within(at, INTERVAL));
        if matches!(self.phase, Phase::Idle)
            && conditions.was_limited
            && is_new
            && rate * (1.0 - UNCERTAINTY) > self.estimate
        {
            self.answered = Some(now);
            self.probe(now, &[rate], false);
        }
    }

    /// Feedback comes again after a silence in which the estimate was lowered from `before`.
    pub(super) fn resume(&mut self, now: Instant, before: f64) {
        self.probe(now, &[(DROP_PROBE * before).min(self.estimate * RESUME_MAX)], true);
    }

    /// The link is another one: from the start, with `estimate`.
    pub(super) fn restart(&mut self, estimate: f64) {
        self.start = estimate;
        self.estimate = estimate;
        self.phase = Phase::Initial;
        self.pending.clear();
        (self.drop, self.last) = (None, None);
    }

    /// Does what is due by time.
    pub(super) fn tick(&mut self, now: Instant, conditions: &Conditions) {
        if let Phase::Waiting { since, .. } = self.phase
            && now.saturating_duration_since(since) > RESULT
        {
            self.phase = Phase::Idle;
        }
        let is_news = self.is_news(now, conditions);
        self.grows = false;
        match self.phase {
            Phase::Initial if self.wanted.most > Bitrate::ZERO && conditions.sent.is_some() => {
                self.probe(now, &[3.0 * self.start, 6.0 * self.start], true);
            }
            Phase::Idle if is_news => {
                let aim = self.wanted.desired.as_f64() * ENOUGH;
                self.probe(now, &[aim.min(self.estimate * 2.0)], true);
            }
            Phase::Idle if self.is_due(now, conditions) => {
                self.scout(now);
            }
            Phase::Initial | Phase::Idle | Phase::Waiting { .. } => self.refused = Some(now),
        }
    }

    /// When [`Self::tick`] may have something to do, feedback aside.
    pub(super) fn deadline(&self) -> Option<Instant> {
        if !self.is_on {
            return None;
        }
        match self.phase {
            Phase::Initial => None,
            Phase::Waiting { since, .. } => Some(since + RESULT + Duration::from_millis(1)),
            Phase::Idle => {
                let again = self.refused.map(|at| at + AGAIN);
                self.wants_more().then_some((self.last? + INTERVAL).max(again?))
            }
        }
    }

    fn wants_more(&self) -> bool {
        self.estimate < (self.wanted.most.as_f64() * ENOUGH).min(self.max)
    }

    /// Whether more is looked at than the estimate allows, and that is new: more than a moment ago, or more than had a use when the
    /// last probe was made no faster.
    fn is_news(&self, now: Instant, conditions: &Conditions) -> bool {
        let aim = self.wanted.desired.as_f64() * ENOUGH;
        let since = |at: Option<Instant>| at.map(|at| now.saturating_duration_since(at));
        let is_steady = since(conditions.decreased).is_none_or(|passed| passed >= STEADY);
        (self.grows || self.enough.is_some_and(|enough| aim > enough))
            && self.estimate < aim
            && conditions.is_clear
            && (conditions.was_limited || is_steady)
            && since(self.last).is_none_or(|passed| passed >= RESULT)
    }

    fn is_due(&self, now: Instant, conditions: &Conditions) -> bool {
        let since = |at: Option<Instant>| at.map(|at| now.saturating_duration_since(at));
        self.wants_more()
            && conditions.is_clear
            && since(self.last).is_none_or(|passed| passed >= INTERVAL)
            && since(conditions.decreased).is_none_or(|passed| passed >= STEADY)
            && conditions.sent.is_some()
    }

    /// Decides on probes at `rates`; `further`: on more of them where the last finds most of its rate.
    fn probe(&mut self, now: Instant, rates: &[f64], further: bool) {
        if !self.is_on {
            return;
        }
        let most = (self.wanted.most.as_f64() * AIM_MAX).max(AIM_LEAST).min(self.max);
        let mut highest = 0.0;
        for rate in rates {
            if highest >= most {
                break;
            }
            highest = rate.min(most);
            self.push(highest);
        }
        self.last = Some(now);
        self.enough = (highest >= most).then_some(highest);
        self.phase = if further && highest < most {
            Phase::Waiting { since: now, further: highest * FURTHER }
        } else {
            Phase::Idle
        };
    }

    /// A slower probe, after which a full one goes where it found something: most find nothing, and what they queue stands for the
    /// longer the fuller the link is.
    fn scout(&mut self, now: Instant) {
        let rate = SCOUT * self.estimate;
        self.probe(now, &[rate], true);
        if let Phase::Waiting { further, .. } = &mut self.phase {
            *further = rate * SCOUT_FURTHER;
        }
    }

    fn push(&mut self, rate: f64) {
        let probe = Probe {
            id: self.next_id,
            rate: Bitrate::from_f64(rate),
            bytes: bytes(rate * DURATION.as_secs_f64() / 8.0),
            packets: PACKETS_MIN,
        };
        if self.pending.try_push(probe).is_ok() {
            self.next_id = self.next_id.next();
            self.made = self.made.wrapping_add(1);
        }
    }
}

fn bytes(count: f64) -> u32 {
    u32::try_from(Bitrate::from_f64(count).as_bps()).unwrap_or(u32::MAX)
}

/// Probes that wait to be sent: at the start two at once, and room for those of a drop meanwhile.
const PENDING_MAX: usize = 4;
/// Between two probes while more is wanted (libwebrtc, `alr_probing_interval`).
const INTERVAL: Duration = Duration::from_secs(5);
/// Until a probe that had to wait is thought of again.
const AGAIN: Duration = Duration::from_millis(100);
/// Since the estimate was lowered.
const STEADY: Duration = Duration::from_secs(3);
/// Of a probe. Bursts of 15 ms are noisy under 15 ms of jitter, those of 100 ms fill queues.
const DURATION: Duration = Duration::from_millis(40);
/// So many packets are needed to tell a rate (libwebrtc, `min_probe_packets_sent`).
const PACKETS_MIN: u8 = 5;
/// A result comes within this or not at all (libwebrtc).
const RESULT: Duration = Duration::from_secs(1);
/// Of the last probe's rate, for another (libwebrtc).
const FURTHER: f64 = 0.7;
/// Times the estimate, each [`INTERVAL`]. Slower ones are lost in jitter: 1.4 leaves the worst of S5 at 20 s.
const SCOUT: f64 = 1.5;
/// Of a scout's rate, for a full probe: 1.28 of the estimate.
const SCOUT_FURTHER: f64 = 0.85;
/// Times what is wanted: a step up asks for a tenth more than its cost, and rates vary.
const ENOUGH: f64 = 1.2;
/// Times what is wanted, the most to probe for.
const AIM_MAX: f64 = 1.5;
/// A probe may go this high whatever is wanted, in bits per second: the top layer of a camera with a step's margin. Layers are measured
/// for some seconds before their rates are known, and a thumbnail may fill the screen in a moment.
const AIM_LEAST: f64 = 2_500e3;
/// Of the estimate before: a large drop (libwebrtc).
const DROP: f64 = 0.66;
/// Of the estimate before a drop, to be probed (libwebrtc).
const DROP_PROBE: f64 = 0.85;
/// An older drop is over (libwebrtc).
const DROP_RECENT: Duration = Duration::from_secs(5);
/// A probe whose result may be this much lower is of no use (libwebrtc).
const UNCERTAINTY: f64 = 0.05;
/// Times the estimate that a silence has left, the most to probe for.
const RESUME_MAX: f64 = 8.0;

#[cfg(test)]
mod tests {
    use super::super::tests::{ms, start};
    use super::*;

    fn clear(now: Instant) -> Conditions {
        Conditions { is_clear: true, was_limited: true, decreased: None, sent: Some(now) }
    }

    fn wanting(kbps: u64) -> Wanted {
        let rate = Bitrate::kbps(kbps);
        Wanted { desired: rate, next_step: rate, most: rate }
    }

    fn rates(prober: &mut Prober) -> Vec<u64> {
        std::iter::from_fn(|| prober.poll()).map(|probe| probe.rate.as_bps() / 1000).collect()
    }

    /// Past the first two probes, which found nothing.
    fn settled(kbps: u64) -> (Prober, Instant) {
        let (mut prober, now) = (Prober::new(true, 300e3, 1e8), start());
        prober.set_wanted(wanting(kbps));
        prober.tick(now, &clear(now));
        rates(&mut prober);
        let now = now + ms(1_001);
        prober.tick(now, &clear(now));
        (prober, now)
    }

    #[test]
    fn the_first_probes_are_three_and_six_times_the_start_and_success_leads_further() {
        let (mut prober, now) = (Prober::new(true, 300e3, 1e8), start());
        prober.tick(now, &clear(now));
        assert_eq!(rates(&mut prober), [0; 0], "nothing is wanted");
        prober.set_wanted(wanting(10_000));
        prober.tick(now, &clear(now));
        assert_eq!(rates(&mut prober), [900, 1800]);
        prober.set_estimate(now, 880e3, &clear(now));
        assert_eq!(rates(&mut prober), [0; 0]);
        prober.set_estimate(now, 1_780e3, &clear(now));
        assert_eq!(rates(&mut prober), [3560]);
        prober.set_estimate(now, 2_400e3, &clear(now));
        assert_eq!(rates(&mut prober), [0; 0], "below 0.7 of it");
    }

    #[test]
    fn no_probe_goes_beyond_one_and_a_half_of_what_is_wanted() {
        let (mut prober, now) = (Prober::new(true, 300e3, 1e8), start());
        prober.set_wanted(wanting(1_500));
        prober.tick(now, &clear(now));
        assert_eq!(rates(&mut prober), [900, 1800]);
        prober.set_estimate(now, 1_790e3, &clear(now));
        assert_eq!(rates(&mut prober), [2500]);
        prober.set_estimate(now, 2_490e3, &clear(now));
        assert_eq!(rates(&mut prober), [0; 0]);
    }

    #[test]
    fn while_more_is_wanted_a_probe_goes_each_five_seconds() {
        let (mut prober, begin) = settled(10_000);
        let mut at = Vec::new();
        for tenth in 0..120 {
            let now = begin + ms(tenth * 100);
            prober.tick(now, &clear(now));
            at.extend(rates(&mut prober).iter().map(|rate| (tenth, *rate)));
        }
        assert_eq!(at, [(40, 450), (90, 450)]);
    }

    #[test]
    fn one_of_those_that_finds_something_leads_to_a_faster_one_at_once() {
        let (mut prober, begin) = settled(10_000);
        let now = begin + ms(4_000);
        prober.tick(now, &clear(now));
        assert_eq!(rates(&mut prober), [450]);
        prober.set_estimate(now, 380e3, &clear(now));
        assert_eq!(rates(&mut prober), [0; 0], "jitter");
        prober.set_estimate(now, 440e3, &clear(now));
        assert_eq!(rates(&mut prober), [880]);
    }

    #[test]
    fn none_goes_after_a_decrease_or_before_anything_was_sent_or_while_a_queue_grows() {
        let (mut prober, now) = settled(10_000);
        let later = now + ms(6_000);
        let decreased = Conditions { decreased: Some(later - ms(2_999)), ..clear(later) };
        let silent = Conditions { sent: None, ..clear(later) };
        let congested = Conditions { is_clear: false, ..clear(later) };
        for conditions in [decreased, silent, congested] {
            prober.tick(later, &conditions);
            assert_eq!(rates(&mut prober), [0; 0]);
        }
        prober.set_estimate(later, 12_000e3, &clear(later));
        prober.tick(later, &clear(later));
        assert_eq!(rates(&mut prober), [0; 0], "enough");
        prober.set_estimate(later, 11_900e3, &clear(later));
        prober.tick(later, &clear(later));
        assert_eq!(rates(&mut prober), [15_000]);
    }

    #[test]
    fn a_drop_is_probed_once_the_queue_has_drained() {
        let (mut prober, now) = settled(1_500);
        prober.set_estimate(now, 1_400e3, &clear(now));
        prober.recovered(now, &clear(now));
        assert_eq!(rates(&mut prober), [0; 0]);
        prober.set_estimate(now, 400e3, &clear(now));
        prober.recovered(now + ms(1_000), &clear(now));
        assert_eq!(rates(&mut prober), [1190]);
        prober.recovered(now + ms(1_500), &clear(now));
        assert_eq!(rates(&mut prober), [0; 0], "once");
    }

    #[test]
    fn what_is_wanted_at_once_is_probed_at_once_as_far_as_twice_the_estimate() {
        let (mut prober, now) = settled(300);
        prober.set_estimate(now, 400e3, &clear(now));
        prober.set_wanted(wanting(1_600));
        prober.tick(now, &clear(now));
        assert_eq!(rates(&mut prober), [800]);
        let now = now + ms(100);
        prober.set_estimate(now, 790e3, &clear(now));
        assert_eq!(rates(&mut prober), [1580]);
    }

    /// As where layers are not measured yet when the first probes go.
    #[test]
    fn what_turns_out_to_cost_more_while_a_probe_is_under_way_is_not_forgotten() {
        let (mut prober, now) = (Prober::new(true, 300e3, 1e8), start());
        prober.set_wanted(wanting(500));
        prober.tick(now, &clear(now));
        prober.set_estimate(now + ms(100), 1_790e3, &clear(now));
        assert_eq!(rates(&mut prober), [900, 1800, 2500], "no more than one layer may cost");
        prober.set_estimate(now + ms(200), 2_490e3, &clear(now));
        prober.set_wanted(wanting(4_500));
        prober.tick(now + ms(300), &clear(now));
        assert_eq!(rates(&mut prober), [0; 0], "the last one may still be answered");
        let later = now + ms(1_200);
        prober.set_wanted(wanting(4_500));
        prober.tick(later, &clear(later));
        assert_eq!(rates(&mut prober), [4_980]);
        prober.set_estimate(later + ms(100), 3_000e3, &clear(later));
        prober.tick(later + ms(1_200), &clear(later));
        assert_eq!(rates(&mut prober), [0; 0], "it was no want of a use that limited this one");
    }

    #[test]
    fn switched_off_nothing_is_probed() {
        let (mut prober, now) = (Prober::new(false, 300e3, 1e8), start());
        prober.set_wanted(wanting(10_000));
        prober.tick(now, &clear(now));
        prober.resume(now, 1e6);
        assert_eq!(rates(&mut prober), [0; 0]);
        assert_eq!(prober.deadline(), None);
    }
}
