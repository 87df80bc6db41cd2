//! How much one receiver's link carries, from what became of the packets sent over it.
//!
//! ```text
//!  sent ──► application_limited: is there more to send? ─────────────────────────┐
//!                                                                               ▼
//!  feedback ─┬─► throughput: what arrives ──────────────┬──────────────┐      prober ──► Probe
//!            ├─► group ─► trendline ─► detector ─► rate_control ──┐    │        ▲
//!            ├─► queue_guard: does a queue stand? ─► 0.75 × ──────┼────┼─► min ─┴─► estimate
//!            ├─► loss: which rate explains what is lost? ─────────┘◄───┘    ▲
//!            └─► probe: at which rate did a burst arrive? ─► rate_control   │
//!  REMB, receiver reports ─► fallback ──────────────────────────────────────┘
//! ```
//!
//! The parts are those of libwebrtc's `goog_cc`, whose constants they keep and name, with two additions: a probe each 5 s whenever
//! more is wanted (`prober`), and the queue guard (`queue_guard`). docs/simulcast.md says what each does to which case.
//!
//! Rates are bits per second on the wire, IP and UDP included: what the link counts. Time is an argument; nothing here allocates.
//! Whatever feedback says, the estimate is a number between the least and the highest of [`Settings`].

mod application_limited;
mod delay;
mod detector;
mod fallback;
mod group;
mod link_capacity;
mod loss;
mod parts;
mod probe;
mod prober;
mod queue_guard;
mod rate_control;
mod throughput;
mod trendline;

use std::time::{Duration, Instant};

use crate::units::Bitrate;
use application_limited::ApplicationLimited;
use delay::DelayBased;
use detector::Usage;
use fallback::Fallback;
use group::micros;
use loss::{LossBased, LossInput, LossState};
pub use parts::{Part, Parts};
use probe::ProbeResults;
pub use probe::{Probe, ProbeId, Probes};
pub use prober::Wanted;
use prober::{Conditions, Prober};
use queue_guard::QueueGuard;
use throughput::Throughput;

/// The estimate of one transport.
#[derive(Debug)]
pub struct Estimator {
    settings: Settings,
    throughput: Throughput,
    limited: ApplicationLimited,
    delay: DelayBased,
    loss: LossBased,
    guard: QueueGuard,
    results: ProbeResults,
    prober: Prober,
    fallback: Fallback,
    silence: Silence,
    round_trip: Option<Duration>,
    /// When the first feedback came: the zero of one-way delays.
    start: Option<Instant>,
    has_feedback: bool,
    /// When feedback told something last.
    told: Option<Instant>,
    /// What probes found so far.
    found: Probes,
    /// Until when delays may be those that the last probe made.
    echo_end: Option<Instant>,
    estimate: f64,
}

/// What an estimator is told when it is made.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub struct Settings {
    /// The first estimate.
    pub start: Bitrate,
    /// Never less: sound goes whatever the estimate, and something must be sent to learn of a link's return.
    pub min: Bitrate,
    /// Never more.
    pub max: Bitrate,
    /// What it is made of.
    pub parts: Parts,
}

impl Default for Settings {
    fn default() -> Self {
        Self {
            // libwebrtc's.
            start: Bitrate::kbps(300),
            // One voice, with its headers.
            min: Bitrate::kbps(30),
            // Twenty-five pictures of 4 Mbit/s.
            max: Bitrate::kbps(100_000),
            parts: Parts::ALL,
        }
    }
}

/// What feedback tells of one packet.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Told {
    /// When it was sent.
    pub sent: Instant,
    /// Its bytes on the wire, and those of packets sent before it of which feedback never tells.
    pub bytes: u32,
    /// The probe it was part of.
    pub probe: Option<ProbeId>,
    /// What became of it.
    pub fate: Fate,
}

/// What became of a packet.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub enum Fate {
    /// It arrived.
    Arrived {
        /// Microseconds on the receiver's clock, whose zero is anywhere.
        at_us: i64,
        /// It was told lost before.
        was_lost: bool,
    },
    /// It has not arrived.
    Lost,
    /// The feedback about it was lost.
    Unreported,
}

/// How long sending has gone unanswered.
#[derive(Clone, Copy, Debug, Default)]
struct Silence {
    /// When the first packet since the last feedback was sent.
    since: Option<Instant>,
    last_sent: Option<Instant>,
    halved: u32,
    /// The estimate before it was halved.
    before: f64,
    /// When the last silence ended in which it was, or the route changed: what was lost until then was lost with the link.
    ended: Option<Instant>,
}

/// What one feedback said, taken together.
#[derive(Clone, Copy, Debug, Default)]
struct Round {
    last_us: Option<i64>,
    /// The least of arrival plus time passed since departure.
    answer_us: Option<i64>,
    /// Packets lost or arrived.
    told: u32,
}

impl Estimator {
    /// An estimator that has heard nothing yet.
    #[must_use]
    pub fn new(settings: Settings) -> Self {
        let max = settings.max.as_f64().max(1_000.0);
        let min = settings.min.as_f64().clamp(1_000.0, max);
        let start = settings.start.as_f64().clamp(min, max);
        let probes = settings.parts.has(Part::Probing) && settings.parts.has(Part::Estimate);
        Self {
            settings,
            throughput: Throughput::default(),
            limited: ApplicationLimited::new(start),
            delay: DelayBased::new(start, min, max),
            loss: LossBased::new(min, max),
            guard: QueueGuard::new(),
            results: ProbeResults::default(),
            prober: Prober::new(probes, start, max),
            fallback: Fallback::new(start),
            silence: Silence::default(),
            round_trip: None,
            start: None,
            has_feedback: false,
            told: None,
            found: Probes::default(),
            echo_end: None,
            estimate: start,
        }
    }

    /// What the link carries, as far as is known.
    #[must_use]
    pub const fn estimate(&self) -> Bitrate {
        Bitrate::from_f64(self.estimate)
    }

    /// What arrives, once that is known.
    #[must_use]
    pub fn throughput(&self) -> Option<Bitrate> {
        self.throughput.rate().map(Bitrate::from_f64)
    }

    /// The share of what was sent that was lost of late, 0 to 1.
    #[must_use]
    pub const fn loss(&self) -> f64 {
        self.loss.average()
    }

    /// From a packet's departure to the feedback about it, less what the receiver held that back.
    #[must_use]
    pub const fn round_trip(&self) -> Option<Duration> {
        self.round_trip
    }

    /// Whether transport-wide feedback has ever come.
    #[must_use]
    pub const fn has_feedback(&self) -> bool {
        self.has_feedback
    }

    /// Probes so far.
    #[must_use]
    pub const fn probes(&self) -> Probes {
        Probes { made: self.prober.made(), ..self.found }
    }

    /// Whether the link has never shown a limit: no queue grew, and no losses did.
    #[must_use]
    pub fn is_unhindered(&self) -> bool {
        self.delay.control.decreased().is_none()
            && self.usage() != Usage::Over
            && self.loss.state() == LossState::Unlimited
    }

    /// Whether what is sent leaves much of the estimate unused, and the link has shown no limit for half a minute.
    #[must_use]
    pub fn has_room(&self, now: Instant) -> bool {
        let calm = |at: Instant| now.saturating_duration_since(at) > ROOM;
        self.limited.is_on()
            && self.delay.control.decreased().is_none_or(calm)
            && self.loss.state() == LossState::Unlimited
    }

    /// What is to be sent at least, padding included: to find out whether losses that limited the estimate still do.
    #[must_use]
    pub fn padding(&self) -> Option<Bitrate> {
        (self.loss.state() == LossState::Rising).then(|| self.estimate())
    }

    /// The next probe to be sent.
    pub fn poll_probe(&mut self) -> Option<Probe> {
        let probe = self.prober.poll()?;
        self.results.expect(&probe);
        Some(probe)
    }

    /// A packet of so many bytes on the wire was sent, of which feedback will tell.
    pub fn sent(&mut self, now: Instant, bytes: usize) {
        self.silence.since.get_or_insert(now);
        self.silence.last_sent = Some(now);
        let was_limited = self.limited.is_on();
        self.limited.sent(now, f64::from(u32::try_from(bytes).unwrap_or(u32::MAX)));
        if was_limited && !self.limited.is_on() {
            self.throughput.expect_change();
        }
    }

    /// What sending aims at.
    pub fn want(&mut self, now: Instant, wanted: Wanted) {
        self.prober.set_wanted(wanted);
        self.prober.tick(now, &self.conditions(now));
    }

    /// Takes in one feedback: its packets in the order of their numbers, each told once, or twice where it was lost at first.
    pub fn feedback(&mut self, now: Instant, packets: impl Iterator<Item = Told>) {
        let mut round = Round::default();
        let mut packets = packets.peekable();
        if packets.peek().is_some() {
            self.told = Some(now);
            self.end_silence(now);
        }
        for packet in packets {
            let packet = Told { sent: packet.sent.min(now), ..packet };
            self.packet(now, &packet, &mut round);
        }
        if round.told == 0 {
            return;
        }
        self.has_feedback = true;
        if let Some(answer_us) = round.answer_us {
            // Departure to arrival, on two clocks: only its changes mean something.
            let start = *self.start.get_or_insert(now);
            self.guard.update(now, answer_us.saturating_sub(micros(start, now)));
        }
        self.learn_round_trip(&round);
        self.conclude(now);
    }

    /// A REMB: the receiver's own estimate.
    pub fn remb(&mut self, now: Instant, rate: Bitrate) {
        self.fallback.limit(rate.as_f64());
        self.settle(now);
    }

    /// A receiver report says that of 256 packets so many were lost. It counts only while no transport-wide feedback has come.
    pub fn report(&mut self, now: Instant, fraction_lost: u8) {
        self.fallback.report(now, fraction_lost, self.bounds());
        self.settle(now);
    }

    /// The remote has another address: at most half is kept, and probed from there.
    pub fn route_changed(&mut self, now: Instant) {
        let (min, max) = self.bounds();
        let half = (self.estimate / 2.0).max(min);
        self.delay = DelayBased::new(half, min, max);
        self.throughput = Throughput::default();
        self.loss = LossBased::new(min, max);
        self.guard = QueueGuard::new();
        let last_sent = self.silence.last_sent;
        self.silence = Silence { last_sent, ended: Some(now), ..Silence::default() };
        self.fallback.halve();
        self.prober.restart(half);
        self.settle(now);
        self.prober.tick(now, &self.conditions(now));
    }

    /// Does what is due by time: see [`Self::deadline`].
    pub fn timeout(&mut self, now: Instant) {
        self.bear_silence(now);
        self.forget(now);
        self.prober.tick(now, &self.conditions(now));
    }

    /// When [`Self::timeout`] has something to do; `None` while only feedback can change anything.
    #[must_use]
    pub fn deadline(&self) -> Option<Instant> {
        let goes_on = self.has_feedback && self.silence.halved < HALVINGS_MAX;
        let silent = self.silence.since.filter(|_| goes_on);
        let silent = silent.map(|since| since + SILENCE + HALVING * self.silence.halved);
        silent.into_iter().chain(self.prober.deadline()).min()
    }

    fn has(&self, part: Part) -> bool {
        self.settings.parts.has(part)
    }

    fn bounds(&self) -> (f64, f64) {
        let max = self.settings.max.as_f64().max(1_000.0);
        (self.settings.min.as_f64().clamp(1_000.0, max), max)
    }

    fn packet(&mut self, now: Instant, packet: &Told, round: &mut Round) {
        let bytes = f64::from(packet.bytes);
        match packet.fate {
            Fate::Arrived { at_us, was_lost } => {
                round.arrived(now, packet.sent, at_us);
                self.throughput.arrived(at_us, bytes);
                self.delay.packet(now, packet.sent, at_us);
                if let Some(probe) = packet.probe {
                    self.results.arrived(probe, packet.sent, at_us, bytes);
                }
                if was_lost {
                    self.loss.recovered(bytes);
                } else {
                    self.loss.packet(packet.sent, bytes, false);
                }
            }
            Fate::Unreported if self.has(Part::FeedbackLoss) => self.throughput.begin_sample(),
            Fate::Lost | Fate::Unreported => {
                round.told = round.told.saturating_add(1);
                if self.silence.ended.is_none_or(|ended| packet.sent >= ended) {
                    self.loss.packet(packet.sent, bytes, true);
                }
            }
        }
    }

    fn learn_round_trip(&mut self, round: &Round) {
        let Some((answer, last)) = round.answer_us.zip(round.last_us) else { return };
        let sample = u64::try_from(answer.saturating_sub(last)).unwrap_or(0);
        let sample = Duration::from_micros(sample).min(ROUND_TRIP_MAX);
        let smoothed = self.round_trip.map_or(sample, |known| (known * 7 + sample) / 8);
        self.round_trip = Some(smoothed);
        self.delay.control.set_round_trip(smoothed);
    }

    /// From all that was told to the estimate.
    fn conclude(&mut self, now: Instant) {
        let throughput = self.throughput.rate();
        let usage = self.usage();
        let probe = self.results.take().map(|found| self.accepted(found, throughput));
        if let Some(rate) = probe {
            self.found.find(self.results.take_answered(), rate > self.estimate);
            self.echo_end = Some(now + ECHO);
        }
        let usage = if usage == Usage::Over && self.is_excused(now) { Usage::Under } else { usage };
        let arriving = match usage {
            Usage::Over => self.arriving_over(now),
            Usage::Normal | Usage::Under => throughput,
        };
        self.delay.follow(now, usage, arriving, probe);
        if self.has(Part::Loss) {
            self.loss.update(&LossInput {
                delay_based: self.delay.control.rate(),
                throughput,
                application_limited: self.is_limited(),
            });
        }
        self.settle(now);
        let conditions = self.conditions(now);
        if self.delay.take_recovery() {
            self.prober.recovered(now, &conditions);
        }
        self.prober.tick(now, &conditions);
    }

    /// What the delays say, where they are asked.
    fn usage(&self) -> Usage {
        if self.has(Part::Delay) { self.delay.usage() } else { Usage::Normal }
    }

    fn is_limited(&self) -> bool {
        self.has(Part::ApplicationLimited) && self.limited.is_on()
    }

    /// Whether delays that grow are no reason to send less: a probe made the queue that they tell of, or less is sent than might be
    /// and no queue worth the name is there. Lowering the estimate to a share of what arrives would cost a layer that fits.
    fn is_excused(&self, now: Instant) -> bool {
        let queue_ms = self.guard.queue_ms();
        let is_echo = self.echo_end.is_some_and(|end| now < end) && queue_ms < QUEUE_OF_PROBE_MS;
        is_echo || self.is_limited() && queue_ms < QUEUE_SMALL_MS
    }

    /// What arrives through a queue, which is what the link carries. Who has just begun to send more has filled the link for a moment
    /// only, which belief does not follow so soon; and that little came while little was sent says nothing of the link.
    fn arriving_over(&self, now: Instant) -> Option<f64> {
        let step = self.throughput.step().filter(|_| self.limited.was_on(now));
        let leap = self.throughput.leap().filter(|_| !self.limited.is_on());
        step.or(leap).or_else(|| self.throughput.rate())
    }

    /// What a probe found, but not much less than what arrives anyway.
    fn accepted(&self, found: f64, throughput: Option<f64>) -> f64 {
        let arrives = throughput.unwrap_or(0.0) * PROBE_FLOOR;
        found.max(arrives.min(self.delay.control.rate()))
    }

    /// Makes the estimate of its parts, and tells it to those who follow it.
    fn settle(&mut self, now: Instant) {
        if !self.has(Part::Estimate) {
            return;
        }
        let (min, max) = self.bounds();
        let mut rate =
            if self.has_feedback { self.delay.control.rate() } else { self.fallback.rate() };
        if self.loss.state() != LossState::Unlimited {
            rate = rate.min(self.loss.rate().unwrap_or(max));
        }
        if let Some(limit) = self.guard_limit() {
            rate = rate.min(limit);
        }
        rate = rate.min(self.fallback.remb().unwrap_or(max));
        self.estimate = if rate.is_finite() { rate.clamp(min, max) } else { min };
        self.limited.set_estimate(self.estimate);
        let conditions = self.conditions(now);
        self.prober.set_estimate(now, self.estimate, &conditions);
    }

    fn guard_limit(&self) -> Option<f64> {
        let is_on = self.has(Part::QueueGuard) && self.has(Part::Delay);
        self.guard.limit(self.throughput.rate()).filter(|_| is_on)
    }

    fn conditions(&self, now: Instant) -> Conditions {
        Conditions {
            is_clear: (self.usage() == Usage::Normal || self.is_stale(now))
                && self.loss.state() == LossState::Unlimited
                && self.guard_limit().is_none()
                && self.silence.halved == 0
                && self.has_feedback,
            was_limited: self.has(Part::ApplicationLimited) && self.limited.was_on(now),
            decreased: self.delay.control.decreased(),
            sent: self.silence.last_sent,
        }
    }

    /// Whether nothing has gone over the link for so long that what was seen of it then says nothing of it now.
    fn is_stale(&self, now: Instant) -> bool {
        let passed = |told| now.saturating_duration_since(told) >= STALE;
        self.silence.since.is_none() && self.told.is_some_and(passed)
    }

    /// Forgets what stood and was lost on a link over which nothing goes any more, or a paused picture would never be probed for.
    fn forget(&mut self, now: Instant) {
        if !self.is_stale(now) {
            return;
        }
        let is_limited = self.loss.state() != LossState::Unlimited;
        if is_limited {
            let (min, max) = self.bounds();
            self.loss = LossBased::new(min, max);
        }
        if self.guard.forget() || is_limited {
            self.settle(now);
        }
    }

    /// Lowers the estimate while nothing answers.
    fn bear_silence(&mut self, now: Instant) {
        let Some(since) = self.silence.since.filter(|_| self.has_feedback) else { return };
        let passed = now.saturating_duration_since(since);
        while passed >= SILENCE + HALVING * self.silence.halved
            && self.silence.halved < HALVINGS_MAX
        {
            if self.silence.halved == 0 {
                self.silence.before = self.estimate;
            }
            self.silence.halved += 1;
            self.delay.control.set(now, self.delay.control.rate().min(self.estimate) / 2.0);
            self.settle(now);
        }
    }

    fn end_silence(&mut self, now: Instant) {
        let Silence { since, halved, before, .. } = self.silence;
        let passed = since.map_or(Duration::ZERO, |since| now.saturating_duration_since(since));
        if passed >= PAUSE {
            self.delay.control.hold(now);
        }
        (self.silence.since, self.silence.halved) = (None, 0);
        if halved > 0 {
            let (min, max) = self.bounds();
            self.silence.ended = Some(now);
            self.loss = LossBased::new(min, max);
            self.prober.resume(now, before);
        }
    }
}

impl Round {
    fn arrived(&mut self, now: Instant, sent: Instant, at_us: i64) {
        let flight = at_us.saturating_add(micros(sent, now));
        self.told = self.told.saturating_add(1);
        self.last_us = Some(self.last_us.map_or(at_us, |last| last.max(at_us)));
        self.answer_us = Some(self.answer_us.map_or(flight, |least| least.min(flight)));
    }
}

/// Without feedback for so long nothing is raised.
const PAUSE: Duration = Duration::from_millis(500);
/// Nothing sent and nothing told for so long: queues have drained, and what was lost is over.
const STALE: Duration = Duration::from_secs(4);
/// Without feedback for so long the estimate is halved.
const SILENCE: Duration = Duration::from_secs(2);
/// And again each.
const HALVING: Duration = Duration::from_secs(1);
/// 100 Mbit/s are below one voice by then.
const HALVINGS_MAX: u32 = 12;
/// Longer than any round trip over which people can talk.
const ROUND_TRIP_MAX: Duration = Duration::from_secs(5);
/// Of what arrives: a probe that found less met a queue (libwebrtc, `goog_cc_network_control.cc`).
const PROBE_FLOOR: f64 = 0.85;
/// After a probe's result, for so long the delays are its own: until what it left has drained at a tenth less than the link carries.
const ECHO: Duration = Duration::from_millis(500);
/// The most that probes queue: 20 ms by 40 of them at half above the rate, and 40 by those at twice the rate that may follow.
const QUEUE_OF_PROBE_MS: f64 = 60.0;
/// Less than this is jitter, or a burst of the pacer.
const QUEUE_SMALL_MS: f64 = 25.0;

/// A link that shows its limit every few seconds is full on average, whatever is sent at the moment; see [`Estimator::has_room`].
const ROOM: Duration = Duration::from_secs(30);

#[cfg(test)]
#[path = "estimator_tests.rs"]
mod tests;
