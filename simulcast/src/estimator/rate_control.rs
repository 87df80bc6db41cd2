//! What to send while delay is watched: up in steps, down by a share.

use std::time::{Duration, Instant};

use super::detector::Usage;
use super::link_capacity::LinkCapacity;

/// Raises the rate while nothing queues: by 8 % a second as long as the link is unknown, by half a packet a response time near what it
/// is known to carry. Lowers it to 0.85 of what arrives once a queue grows (libwebrtc,
/// `modules/remote_bitrate_estimator/aimd_rate_control.cc`).
#[derive(Debug)]
pub(super) struct RateControl {
    rate: f64,
    min: f64,
    max: f64,
    state: State,
    capacity: LinkCapacity,
    throughput: f64,
    round_trip: Duration,
    /// When the rate was last changed, or held.
    changed: Option<Instant>,
    decreased: Option<Instant>,
}

#[derive(Clone, Copy, Debug, Eq, PartialEq)]
enum State {
    Hold,
    Increase,
}

impl RateControl {
    pub(super) const fn new(start: f64, min: f64, max: f64) -> Self {
        Self {
            rate: start,
            min,
            max,
            state: State::Hold,
            capacity: LinkCapacity::new(),
            throughput: start,
            round_trip: ROUND_TRIP,
            changed: None,
            decreased: None,
        }
    }

    pub(super) const fn rate(&self) -> f64 {
        self.rate
    }

    pub(super) const fn set_round_trip(&mut self, round_trip: Duration) {
        self.round_trip = round_trip;
    }

    /// When the rate last went down.
    pub(super) const fn decreased(&self) -> Option<Instant> {
        self.decreased
    }

    /// Sets the rate: a probe found it.
    pub(super) fn set(&mut self, now: Instant, rate: f64) {
        if rate < self.rate {
            self.decreased = Some(now);
        }
        self.rate = rate.clamp(self.min, self.max);
        self.changed = Some(now);
    }

    /// Lets the time pass in which nothing was known: it does not count towards the next increase.
    pub(super) const fn hold(&mut self, now: Instant) {
        self.changed = Some(now);
    }

    /// Whether another decrease may follow: a round trip after the last, when its effect shows, or at once where much less arrives.
    pub(super) fn may_decrease(&self, now: Instant, throughput: f64) -> bool {
        let wait = self.round_trip.clamp(DECREASE_WAIT_MIN, DECREASE_WAIT_MAX);
        self.changed.is_none_or(|at| now.saturating_duration_since(at) >= wait)
            || throughput < 0.5 * self.rate
    }

    pub(super) fn update(&mut self, now: Instant, usage: Usage, throughput: Option<f64>) {
        let throughput = throughput.unwrap_or(self.throughput);
        self.throughput = throughput;
        match (usage, self.state) {
            (Usage::Over, _) => self.decrease(now, throughput),
            (Usage::Under, _) => self.state = State::Hold,
            (Usage::Normal, State::Hold) => {
                self.changed = Some(now);
                self.state = State::Increase;
                self.increase(now, throughput);
            }
            (Usage::Normal, State::Increase) => self.increase(now, throughput),
        }
        self.rate = self.rate.clamp(self.min, self.max);
    }

    fn increase(&mut self, now: Instant, throughput: f64) {
        if self.capacity.is_exceeded_by(throughput) {
            self.capacity.forget();
        }
        // More than half above what arrives would be a guess.
        let most = 1.5 * throughput + 10_000.0;
        let passed = self.changed.map_or(Duration::ZERO, |at| now.saturating_duration_since(at));
        let seconds = passed.as_secs_f64();
        if self.rate < most {
            let more = match self.capacity.rate() {
                Some(_) => self.slope() * seconds,
                None => (self.rate * (GROWTH.powf(seconds.min(1.0)) - 1.0)).max(1_000.0),
            };
            self.rate = (self.rate + more).min(most);
        }
        self.changed = Some(now);
    }

    fn decrease(&mut self, now: Instant, throughput: f64) {
        let mut lower = throughput * BACK_OFF;
        if lower > MARGIN {
            lower -= MARGIN;
        }
        if lower > self.rate
            && let Some(capacity) = self.capacity.rate()
        {
            lower = capacity * BACK_OFF;
        }
        self.rate = self.rate.min(lower);
        if self.capacity.exceeds(throughput) {
            self.capacity.forget();
        }
        self.capacity.overused(throughput);
        self.state = State::Hold;
        (self.changed, self.decreased) = (Some(now), Some(now));
    }

    /// Bits per second and second, near the capacity: half a packet of a frame in the time in which the answer comes.
    fn slope(&self) -> f64 {
        let frame = self.rate / 8.0 / FRAMES;
        let packets = (frame / PACKET).ceil().max(1.0);
        let response = (self.round_trip + DETECTION) * 2;
        (frame / packets * 8.0 / response.as_secs_f64()).max(SLOPE_MIN)
    }
}

/// Until one is known (libwebrtc).
const ROUND_TRIP: Duration = Duration::from_millis(200);
/// Of what arrives, so that what queued drains (libwebrtc).
const BACK_OFF: f64 = 0.85;
/// A little more, in bits per second (libwebrtc).
const MARGIN: f64 = 5_000.0;
/// A second's growth while the link is unknown (libwebrtc).
const GROWTH: f64 = 1.08;
/// Frames a second that the slope assumes (libwebrtc).
const FRAMES: f64 = 30.0;
/// Bytes of a packet that the slope assumes (libwebrtc).
const PACKET: f64 = 1_200.0;
/// What the detector takes (libwebrtc).
const DETECTION: Duration = Duration::from_millis(100);
/// Bits per second and second (libwebrtc).
const SLOPE_MIN: f64 = 4_000.0;
/// Between two decreases, whatever the round trip (libwebrtc).
const DECREASE_WAIT_MIN: Duration = Duration::from_millis(10);
/// Between two decreases, whatever the round trip (libwebrtc).
const DECREASE_WAIT_MAX: Duration = Duration::from_millis(200);

#[cfg(test)]
mod tests {
    use super::super::tests::{ms, start};
    use super::*;

    fn at(rate: f64) -> RateControl {
        RateControl::new(rate, 5_000.0, 30_000_000.0)
    }

    /// The three figures of libwebrtc's `aimd_rate_control_unittest.cc`.
    #[test]
    fn the_slope_near_the_capacity_is_half_a_packet_a_response_time() {
        assert!((at(30_000.0).slope() - 4_000.0).abs() < 1e-6);
        assert!((at(90_000.0).slope() - 5_000.0).abs() < 1e-6);
        let mut near = at(60_000.0);
        near.set_round_trip(ms(100));
        assert!((near.slope() - 5_000.0).abs() < 1e-6);
    }

    /// `BweLimitedByAckedBitrate` and `BweNotLimitedByDecreasingAckedBitrate` of the same.
    #[test]
    fn it_rises_to_half_above_what_arrives_and_stays_when_less_does() {
        let (mut control, mut now) = (at(10_000.0), start());
        for _ in 0..200 {
            control.update(now, Usage::Normal, Some(10_000.0));
            now += ms(100);
        }
        assert!((control.rate() - 25_000.0).abs() < 1e-6);
        control.update(now, Usage::Normal, Some(5_000.0));
        assert!((control.rate() - 25_000.0).abs() < 1e-6);
    }

    /// `ExpectedPeriodAfterTypicalDrop` of the same: 264 kbit/s with 260 arriving fall to 216, from where 12 a second come back.
    #[test]
    fn too_much_lowers_it_to_a_share_of_what_arrives() {
        let (mut control, now) = (at(264_000.0), start());
        control.update(now, Usage::Over, Some(221_000.0 / 0.85));
        assert!((control.rate() - 216_000.0).abs() < 1e-6);
        assert!((control.slope() - 12_000.0).abs() < 1e-6);
        control.update(now + ms(100), Usage::Normal, Some(216_000.0));
        control.update(now + ms(600), Usage::Normal, Some(259_000.0));
        assert!((control.rate() - 222_000.0).abs() < 1e-6, "{}", control.rate());
    }

    #[test]
    fn eight_percent_a_second_while_the_link_is_unknown() {
        let (mut control, now) = (at(300_000.0), start());
        control.update(now, Usage::Normal, Some(1_000_000.0));
        let first = control.rate();
        control.update(now + ms(1_000), Usage::Normal, Some(1_000_000.0));
        assert!((control.rate() - first * 1.08).abs() < 1e-6);
        control.update(now + ms(9_000), Usage::Normal, Some(1_000_000.0));
        assert!((control.rate() - first * 1.08 * 1.08).abs() < 1e-6, "a pause counts as a second");
    }

    #[test]
    fn a_second_decrease_waits_for_the_effect_of_the_first() {
        let (mut control, now) = (at(1_000_000.0), start());
        control.set_round_trip(ms(80));
        assert!(control.may_decrease(now, 900_000.0));
        control.update(now, Usage::Over, Some(900_000.0));
        assert!(!control.may_decrease(now + ms(79), 700_000.0));
        assert!(control.may_decrease(now + ms(79), 300_000.0));
        assert!(control.may_decrease(now + ms(80), 700_000.0));
    }
}
