//! What one remote's link carries, and what of it is used.

use std::time::{Duration, Instant};

use simulcast::Bitrate;
use simulcast::allocator::Targets;
use simulcast::estimator::{Estimator, Part, Probe, Probes, Settings, Told, Wanted};

use super::burst::Burst;
use super::spent::{Spending, Spent};

/// The estimate of a transport, once something of a picture came back; before that, and for somebody who receives sound alone, a few
/// bytes.
#[derive(Debug)]
pub struct Bandwidth {
    settings: Settings,
    watch: Option<Box<Watch>>,
}

/// What costs memory.
#[derive(Debug)]
struct Watch {
    estimator: Estimator,
    begun: Instant,
    spent: Spent,
    burst: Option<Burst>,
    /// Bytes sent since the last packet with a number of its own.
    uncounted: usize,
    /// The estimate that the last allocation used.
    allocated: Bitrate,
    wanted: Bitrate,
    /// The most that the person wants.
    limit: Bitrate,
    told: Option<(Instant, Outlook)>,
    /// When everything sent so far would have left at the estimate.
    filled: Instant,
    /// Packets of padding so far.
    padded: usize,
    probes: Probes,
}

/// What is told of a participant's link. All rates on the wire.
#[derive(Clone, Copy, Debug, Default, Eq, PartialEq)]
pub struct Outlook {
    /// What it carries, as far as is known.
    pub estimate: Bitrate,
    /// What was sent over it in the last second.
    pub used: Bitrate,
    /// What everything that is looked at would cost in full.
    pub wanted: Bitrate,
    /// Of a thousand packets, those lost of late.
    pub loss_permille: u16,
    /// There and back.
    pub round_trip: Option<Duration>,
}

/// How fast packets leave.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub enum Pace {
    /// At once.
    None,
    /// At about this rate, of which nothing is known.
    Guessed(Bitrate),
    /// At this rate.
    At(Bitrate),
}

/// A packet that left.
#[derive(Clone, Copy, Debug)]
pub struct Departure {
    /// What it is for.
    pub spending: Spending,
    /// Its bytes on the wire.
    pub wire: usize,
    /// Its payload as the publisher sent it.
    pub payload: usize,
    /// Whether feedback tells of it.
    pub counted: bool,
}

impl Bandwidth {
    /// Of a link of which nothing is known.
    #[must_use]
    pub const fn new(settings: Settings) -> Self {
        Self { settings, watch: None }
    }

    /// Whether it has `part`: a server has them all.
    #[must_use]
    pub const fn has(&self, part: Part) -> bool {
        self.settings.parts.has(part)
    }

    /// What the link carries; `None` before anything is known.
    #[must_use]
    pub fn estimate(&self) -> Option<Bitrate> {
        self.watch.as_ref().map(|watch| watch.estimator.estimate())
    }

    /// The rate of the pacer.
    #[must_use]
    pub fn pacing(&self, now: Instant) -> Pace {
        if !self.has(Part::Pacing) {
            return Pace::None;
        }
        let known = self
            .watch
            .as_ref()
            .map_or(Bitrate::ZERO, |watch| watch.estimator.estimate().scaled(PACING.0, PACING.1));
        if self.is_unknown(now) {
            let guess = self.settings.start.scaled(PACING_UNKNOWN.0, PACING_UNKNOWN.1);
            Pace::Guessed(guess.max(known))
        } else {
            Pace::At(known)
        }
    }

    /// Whether the link carries clearly more than what is sent.
    #[must_use]
    pub fn has_room(&self, now: Instant) -> bool {
        self.watch.as_ref().is_some_and(|watch| watch.estimator.has_room(now))
    }

    /// Whether nothing speaks against what is sent yet: in the first [`UNKNOWN_MAX`], unless the link shows a limit.
    fn is_unknown(&self, now: Instant) -> bool {
        self.watch.as_ref().is_none_or(|watch| {
            let passed = now.saturating_duration_since(watch.begun);
            watch.estimator.is_unhindered() && passed < UNKNOWN_MAX
        })
    }

    /// What may be spent on pictures, of which those that were given would cost `given` now, and the cheapest one that is looked at
    /// `least`.
    ///
    /// While nothing is known of the link, layers that turn out to cost more than their first packets said are kept: taking them back
    /// would be a guess as well, and a step that is taken back is not tried again for seconds. No more than `GIVEN_MAX`. And one picture
    /// is tried whatever it costs, up to `LEAST_MAX`: where nothing is sent, nothing would ever be known.
    #[must_use]
    pub fn budget(&self, now: Instant, given: Bitrate, least: Bitrate) -> Bitrate {
        if !self.has(Part::Budget) {
            return self.settings.max;
        }
        let known = self.known_budget(now);
        if self.is_unknown(now) {
            known.max(given.min(GIVEN_MAX)).max(least.min(LEAST_MAX))
        } else {
            known
        }
    }

    /// What may be spent on pictures, as their publishers send them: the estimate less sound and what was sent again in the last
    /// second, less the headers of what is left.
    fn known_budget(&self, now: Instant) -> Bitrate {
        let Some(watch) = &self.watch else { return self.settings.start };
        let estimate = watch.estimator.estimate();
        let spent = |spending| watch.spent.rate(now, spending);
        let mut left = estimate - spent(Spending::Sound);
        if self.has(Part::Repair) {
            // No more than half: a storm of losses must not stop what it is about.
            left = left - spent(Spending::Repair).min(estimate.scaled(1, 2));
        }
        watch.spent.without_headers(left)
    }

    /// Bytes on the wire that may be sent again now: more would crowd out what it repairs.
    ///
    /// Of the most that the person wants, `limit`, they take no more than `REPAIR_MAX` over any second. Of the estimate the same is an
    /// average, which the answer to one NACK may exceed: counted by the packet, it leaves 1.4 % of frames lost for good where a fifth of all
    /// packets is, instead of 0.3 (`rfc8867 --case L`).
    #[must_use]
    pub fn repair_room(&self, now: Instant, limit: Option<Bitrate>) -> usize {
        let Some(watch) = &self.watch else { return usize::MAX };
        let quarter = watch.estimator.estimate().scaled(REPAIR_MAX.0, REPAIR_MAX.1);
        if watch.spent.rate(now, Spending::Repair) > quarter {
            return 0;
        }
        let Some(limit) = limit else { return usize::MAX };
        let most = limit.scaled(REPAIR_MAX.0, REPAIR_MAX.1 * 8).as_bps();
        let left = most.saturating_sub(watch.spent.repair_bytes(now));
        usize::try_from(left).unwrap_or(usize::MAX)
    }

    /// Begins to estimate, if that has not begun: something came back about a picture.
    fn watch(&mut self, now: Instant) -> &mut Watch {
        self.watch.get_or_insert_with(|| {
            Box::new(Watch {
                estimator: Estimator::new(self.settings),
                begun: now,
                spent: Spent::new(now),
                burst: None,
                uncounted: 0,
                allocated: Bitrate::ZERO,
                wanted: Bitrate::ZERO,
                limit: Bitrate::MAX,
                told: None,
                filled: now,
                padded: 0,
                probes: Probes::default(),
            })
        })
    }

    /// A packet left.
    #[inline]
    pub fn sent(&mut self, now: Instant, departure: &Departure) {
        let Some(watch) = &mut self.watch else { return };
        let Departure { spending, wire, payload, counted } = *departure;
        watch.spent.add(now, spending, wire, payload);
        watch.fill(now, wire);
        if counted {
            watch.estimator.sent(now, wire + std::mem::take(&mut watch.uncounted));
        } else {
            watch.uncounted += wire;
        }
    }

    /// Transport-wide feedback came.
    pub fn feedback(&mut self, now: Instant, told: impl Iterator<Item = Told>) {
        self.watch(now).estimator.feedback(now, told);
    }

    /// A REMB came.
    pub fn remb(&mut self, now: Instant, rate: Bitrate) {
        self.watch(now).estimator.remb(now, rate);
    }

    /// A receiver report about pictures came.
    pub fn report(&mut self, now: Instant, fraction_lost: u8) {
        let watch = self.watch(now);
        if !watch.estimator.has_feedback() {
            watch.estimator.report(now, fraction_lost);
        }
    }

    /// The remote has another address.
    pub fn route_changed(&mut self, now: Instant) {
        if let Some(watch) = &mut self.watch {
            watch.burst = None;
            watch.estimator.route_changed(now);
        }
    }

    /// What was allocated, and what everything there is could cost: what probing aims at. `limit` is the most that the person wants.
    pub fn allocated(&mut self, now: Instant, targets: &Targets, most: Bitrate, limit: Bitrate) {
        let Some(watch) = &mut self.watch else { return };
        let sound = watch.spent.rate(now, Spending::Sound);
        let wire = |rate: Bitrate| match rate.min(limit) {
            Bitrate::ZERO => Bitrate::ZERO,
            rate => watch.spent.with_headers(rate) + sound,
        };
        let next_step = targets.next_step.map_or(Bitrate::ZERO, |step| targets.total + step);
        let most = targets.desired.max(most.min(UNASKED_MAX));
        let wanted =
            Wanted { desired: wire(targets.desired), next_step: wire(next_step), most: wire(most) };
        let most_wanted = if limit == Bitrate::MAX { limit } else { wire(Bitrate::MAX) };
        (watch.wanted, watch.limit) = (wanted.desired, most_wanted);
        watch.allocated = watch.estimator.estimate();
        watch.estimator.want(now, wanted);
    }

    /// Whether the estimate is so much lower than at the last allocation that another cannot wait.
    #[must_use]
    pub fn has_dropped(&self) -> bool {
        self.watch.as_ref().is_some_and(|watch| {
            watch.estimator.estimate() < watch.allocated.scaled(DROP.0, DROP.1)
        })
    }

    /// Does what is due by time.
    pub fn timeout(&mut self, now: Instant) {
        if let Some(watch) = &mut self.watch
            && watch.estimator.deadline().is_some_and(|deadline| deadline <= now)
        {
            watch.estimator.timeout(now);
        }
    }

    /// When [`Self::timeout`] or [`Self::burst`] have something to do.
    #[must_use]
    pub fn deadline(&self) -> Option<Instant> {
        self.watch.as_ref().and_then(|watch| watch.estimator.deadline())
    }

    /// Whether anything is known of the link, so that what is sent is of interest.
    #[must_use]
    #[inline]
    pub const fn is_watching(&self) -> bool {
        self.watch.is_some()
    }

    /// The probe that is being sent.
    #[inline]
    pub fn burst(&mut self) -> Option<&mut Burst> {
        let watch = self.watch.as_mut()?;
        if watch.burst.as_ref().is_none_or(Burst::is_over) {
            watch.burst = watch.estimator.poll_probe().map(|probe: Probe| Burst::new(&probe));
        }
        watch.burst.as_mut()
    }

    /// When a packet of padding is due: while it is being found out whether losses still limit the estimate, all of that is sent, unless
    /// the person wants no more anyway.
    #[must_use]
    #[inline]
    pub fn padding_due(&self) -> Option<Instant> {
        let watch = self.watch.as_ref()?;
        watch.estimator.padding().filter(|rate| *rate <= watch.limit).map(|_| watch.filled)
    }

    /// Gives up the probe that is being sent, and padding for a while: there is nothing to send.
    pub fn end_padding(&mut self, now: Instant) {
        if let Some(watch) = &mut self.watch {
            watch.burst = None;
            watch.filled = now + FILLED_MAX;
        }
    }

    /// Counts a packet of padding; returns how many there were before.
    pub fn count_padding(&mut self) -> usize {
        self.watch.as_mut().map_or(0, |watch| {
            let before = watch.padded;
            watch.padded = before.wrapping_add(1);
            before
        })
    }

    /// Probes since this was last asked.
    pub fn count_probes(&mut self) -> Probes {
        let Some(watch) = &mut self.watch else { return Probes::default() };
        let now = watch.estimator.probes();
        now.since(std::mem::replace(&mut watch.probes, now))
    }

    /// What is to be told of the link: at most each `OUTLOOK_INTERVAL`, and only where something changed by a tenth.
    pub fn outlook(&mut self, now: Instant) -> Option<Outlook> {
        let watch = self.watch.as_mut()?;
        let is_early = |at| now.saturating_duration_since(at) < OUTLOOK_INTERVAL;
        if watch.told.is_some_and(|(at, _)| is_early(at)) {
            return None;
        }
        let outlook = watch.outlook(now);
        if watch.told.is_some_and(|(_, told)| outlook.is_near(&told)) {
            return None;
        }
        watch.told = Some((now, outlook));
        Some(outlook)
    }
}

impl Watch {
    fn fill(&mut self, now: Instant, wire: usize) {
        let bits = u64::try_from(wire).unwrap_or(u64::MAX).saturating_mul(8 * 1_000_000_000);
        let nanos = bits.checked_div(self.estimator.estimate().as_bps()).unwrap_or(0);
        let from = self.filled.max(now.checked_sub(CATCHING_UP).unwrap_or(now));
        self.filled = (from + Duration::from_nanos(nanos)).min(now + FILLED_MAX);
    }

    fn outlook(&self, now: Instant) -> Outlook {
        // Between 0 and 1,000.
        let loss = Bitrate::from_f64(self.estimator.loss() * 1_000.0).as_bps();
        Outlook {
            estimate: self.estimator.estimate(),
            used: self.spent.all(now),
            wanted: self.wanted,
            loss_permille: u16::try_from(loss).unwrap_or(1_000),
            round_trip: self.estimator.round_trip(),
        }
    }
}

impl Outlook {
    /// Whether nothing differs by more than a tenth; of losses by more than a hundredth of all packets.
    fn is_near(&self, told: &Self) -> bool {
        let near = |a: u64, b: u64| a.abs_diff(b) <= a.max(b) / 10;
        let rates =
            [(self.estimate, told.estimate), (self.used, told.used), (self.wanted, told.wanted)];
        let millis = |time: Option<Duration>| {
            time.map_or(0, |time| u64::try_from(time.as_millis()).unwrap_or(u64::MAX))
        };
        let (now, then) = (millis(self.round_trip), millis(told.round_trip));
        rates.iter().all(|(now, then)| near(now.as_bps(), then.as_bps()))
            && self.loss_permille.abs_diff(told.loss_permille) <= 10
            && (near(now, then) || now.abs_diff(then) <= 10)
    }
}

/// Of the estimate, at which packets leave: a little more, so that no queue forms here (libwebrtc,
/// `goog_cc_network_control.cc`, `kDefaultPaceMultiplierWithSendSideBwe`).
const PACING: (u64, u64) = (11, 10);
/// The same, before anything is known (libwebrtc, `kDefaultPaceMultiplier`).
const PACING_UNKNOWN: (u64, u64) = (5, 2);
/// The top layer of one camera, which the probes of the start aim at too.
const GIVEN_MAX: Bitrate = Bitrate::kbps(2_500);
/// What programs for broadcasting send in one size.
const LEAST_MAX: Bitrate = Bitrate::kbps(10_000);
/// The first probes have an answer by then, or none comes.
const UNKNOWN_MAX: Duration = Duration::from_millis(1_000);
/// Of what may be spent, at most, for what is sent again.
const REPAIR_MAX: (u64, u64) = (1, 4);
/// Of the estimate at the last allocation, below which another follows at once.
const DROP: (u64, u64) = (97, 100);
/// Nobody is probed for more than this that looks at less (libwebrtc, `probe_controller.cc`, `kDefaultMaxProbingBitrate`).
const UNASKED_MAX: Bitrate = Bitrate::kbps(5_000);
/// Padding makes up for no more than this: it stands in for what might have been sent, not for what was not.
const CATCHING_UP: Duration = Duration::from_millis(20);
/// A keyframe is not waited for longer than this.
const FILLED_MAX: Duration = Duration::from_millis(500);
/// People look at it.
const OUTLOOK_INTERVAL: Duration = Duration::from_secs(1);

#[cfg(test)]
#[path = "bandwidth_tests.rs"]
mod tests;
