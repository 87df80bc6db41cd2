//! Outgoing timestamps: the true distance of captures over every switch, never back, never ahead of the time that passed.

use std::time::Duration;

use super::Capture;
use crate::sequence::RtpTimestamp;

/// When a packet's frame was captured and when the packet came.
#[derive(Clone, Copy, Debug)]
pub(super) struct Moment {
    pub(super) clock_rate: u32,
    pub(super) capture: Capture,
    pub(super) arrival: Duration,
}

/// The newest frame that was sent.
#[derive(Clone, Copy, Debug)]
struct Frame {
    timestamp: RtpTimestamp,
    /// Ticks since the first frame of all: the timestamp, not wrapped.
    position: i64,
    moment: Moment,
}

/// Gives the packets of a run their timestamps.
#[derive(Clone, Copy, Debug)]
pub(super) struct Timeline {
    first: RtpTimestamp,
    newest: Option<Frame>,
    /// From an incoming timestamp to an outgoing one, in this run.
    offset: u32,
    /// Ticks from one frame to the next; 0 before that is known.
    frame_ticks: i64,
    /// How far frames were ahead of their arrival, in ticks, where the way was fastest; a peak that decays.
    lead: i64,
    /// Ticks by which switches had to advance more than the captures did, to be taken back; negative by which they could only advance
    /// less, to be given back where there is room.
    ahead: i64,
}

/// All picture formats count at this rate. Sound counts samples, and its frames must not overlap: a jitter buffer drops one that
/// begins before the last one's end.
const PICTURE_CLOCK: u32 = 90_000;
/// The part of the lead's distance that it loses with each frame: about 4 s of pictures, so that it follows a clock
/// that drifts, and yet remembers the fast packets of the last seconds.
const LEAD_DECAY: i64 = 128;
/// A switch takes back at most this part of a second, less than a frame at any frame rate below 100, and gives back no more than that
/// or a frame.
const TAKEN_BACK: i64 = 100;
/// More than this part of a second is not given back: layers of one camera arrive less far apart, and a clock that leapt is forgotten.
const GIVEN_BACK: i64 = 10;
/// So many longer steps move the length of a frame most of the way.
const FRAME_GROWTH: i64 = 16;
/// Longest step that counts as one frame, as a part of a second: anything longer is a pause.
const FRAMES_PER_SECOND_MIN: u32 = 5;

impl Timeline {
    pub(super) const fn new(first: RtpTimestamp) -> Self {
        Self { first, newest: None, offset: 0, frame_ticks: 0, lead: 0, ahead: 0 }
    }

    /// Whether a first packet was sent.
    pub(super) const fn has_begun(&self) -> bool {
        self.newest.is_some()
    }

    /// From an incoming timestamp to an outgoing one, in this run.
    pub(super) const fn offset(&self) -> u32 {
        self.offset
    }

    /// The outgoing timestamp of the first packet of a run.
    pub(super) fn start_run(&mut self, timestamp: RtpTimestamp, moment: Moment) -> RtpTimestamp {
        let frame = match self.newest {
            None => {
                self.lead = -ticks(moment.arrival, moment.clock_rate);
                Frame { timestamp: self.first, position: 0, moment }
            }
            Some(newest) => {
                let advance = self.advance(newest, moment);
                let forward = u32::try_from(advance).unwrap_or(u32::MAX / 2);
                Frame {
                    timestamp: newest.timestamp.plus(forward),
                    position: newest.position.saturating_add(advance),
                    moment,
                }
            }
        };
        self.offset = frame.timestamp.0.wrapping_sub(timestamp.0);
        self.newest = Some(frame);
        self.follow(frame);
        frame.timestamp
    }

    /// The outgoing timestamp of a packet within a run.
    pub(super) fn continue_run(&mut self, timestamp: RtpTimestamp, moment: Moment) -> RtpTimestamp {
        let timestamp = timestamp.plus(self.offset);
        if let Some(newest) = self.newest {
            let step = i64::from(timestamp.distance_from(newest.timestamp));
            if step > 0 {
                if step <= i64::from(moment.clock_rate / FRAMES_PER_SECOND_MIN) {
                    // At once to less, slowly to more: a long step may be frames that were lost.
                    let known = if self.frame_ticks == 0 { step } else { self.frame_ticks };
                    self.frame_ticks = step.min(known + (step - known) / FRAME_GROWTH);
                }
                let position = newest.position.saturating_add(step);
                let frame = Frame { timestamp, position, moment };
                self.newest = Some(frame);
                self.follow(frame);
            }
        }
        timestamp
    }

    /// Ticks from `newest` to the first frame of another run.
    fn advance(&mut self, newest: Frame, moment: Moment) -> i64 {
        let second = i64::from(moment.clock_rate);
        let passed = moment.arrival.saturating_sub(newest.moment.arrival);
        let captured = captured_between(newest.moment, moment)
            .unwrap_or_else(|| ticks(passed, moment.clock_rate));
        // A frame that is captured later than the fastest way allows is the publisher's clock being wrong.
        let room = ticks(moment.arrival, moment.clock_rate)
            .saturating_add(self.lead)
            .saturating_sub(newest.position);
        let given_back = (-self.ahead).clamp(0, self.frame_ticks.max(second / TAKEN_BACK));
        let true_advance = captured.saturating_add(given_back).min(room);
        let least = if moment.clock_rate == PICTURE_CLOCK { 1 } else { self.frame_ticks.max(1) };
        // Together with what is missing anyway.
        let less = second / TAKEN_BACK - captured.saturating_sub(true_advance).min(second);
        let taken_back = self.ahead.clamp(0, less.max(0));
        let advance = true_advance.saturating_sub(taken_back).max(least);
        let ahead = self.ahead.saturating_add(advance).saturating_sub(captured);
        self.ahead = ahead.clamp(-second / GIVEN_BACK, second);
        advance
    }

    fn follow(&mut self, frame: Frame) {
        let lead = frame.position - ticks(frame.moment.arrival, frame.moment.clock_rate);
        self.lead = lead.max(self.lead - (self.lead - lead) / LEAD_DECAY);
    }
}

/// Ticks between two captures, where both are known by one clock.
fn captured_between(from: Moment, to: Moment) -> Option<i64> {
    let (Capture::Known { clock: a, ntp: from }, Capture::Known { clock: b, ntp }) =
        (from.capture, to.capture)
    else {
        return None;
    };
    let seconds = i128::from(ntp.wrapping_sub(from).cast_signed()) * i128::from(to.clock_rate);
    if a == b { i64::try_from(seconds >> 32).ok() } else { None }
}

/// `time` in ticks of a clock, rounded down.
fn ticks(time: Duration, clock_rate: u32) -> i64 {
    let rate = u64::from(clock_rate);
    let whole = time.as_secs().saturating_mul(rate);
    let part = u64::from(time.subsec_nanos()) * rate / NANOS_PER_SECOND;
    i64::try_from(whole.saturating_add(part)).unwrap_or(i64::MAX / 2)
}

const NANOS_PER_SECOND: u64 = 1_000_000_000;

#[cfg(test)]
mod tests {
    use super::*;

    const CLOCK: u32 = 90_000;

    fn moment(arrival_ms: u64, capture: Capture) -> Moment {
        Moment { clock_rate: CLOCK, capture, arrival: Duration::from_millis(arrival_ms) }
    }

    fn captured(ms: u64) -> Capture {
        Capture::Known { clock: 1, ntp: (ms << 32) / 1_000 }
    }

    /// A timeline at timestamp 1000, 33 ms after its start.
    fn started(captures: bool) -> Timeline {
        let known = |ms| if captures { captured(ms) } else { Capture::Unknown };
        let mut timeline = Timeline::new(RtpTimestamp(1_000));
        timeline.start_run(RtpTimestamp(7), moment(50, known(0)));
        timeline.continue_run(RtpTimestamp(7 + 33 * 90), moment(83, known(33)));
        timeline
    }

    #[test]
    fn a_switch_advances_by_what_the_captures_did() {
        // Captured 40 ms later, arrived 60 ms later.
        let mut timeline = started(true);
        let next = timeline.start_run(RtpTimestamp(5), moment(143, captured(73)));
        assert!(next.distance_from(RtpTimestamp(1_000 + 73 * 90)).abs() <= 1);
    }

    #[test]
    fn without_a_common_clock_arrival_decides() {
        for capture in [Capture::Unknown, Capture::Known { clock: 2, ntp: 9 << 32 }] {
            let mut timeline = started(true);
            let next = timeline.start_run(RtpTimestamp(5), moment(143, capture));
            assert_eq!(next, RtpTimestamp(1_000 + (33 + 60) * 90));
        }
    }

    #[test]
    fn a_clock_that_runs_ahead_of_the_time_that_passed_is_not_believed() {
        let mut timeline = started(true);
        let next = timeline.start_run(RtpTimestamp(5), moment(93, captured(60_000)));
        assert_eq!(next, RtpTimestamp(1_000 + 43 * 90));
    }

    #[test]
    fn a_frame_that_waited_may_be_caught_up_with() {
        // The last frame of the old layer was held up by 200 ms; the new one, captured 100 ms after it, comes 1 ms later.
        let mut timeline = started(true);
        timeline.continue_run(RtpTimestamp(7 + 66 * 90), moment(316, captured(66)));
        let next = timeline.start_run(RtpTimestamp(5), moment(317, captured(166)));
        assert!(next.distance_from(RtpTimestamp(1_000 + 166 * 90)).abs() <= 1);
    }

    #[test]
    fn time_never_goes_back_and_what_was_added_is_taken_back() {
        let mut timeline = started(true);
        // A keyframe of the frame that was just sent, and then one captured before it.
        let same = timeline.start_run(RtpTimestamp(5), moment(84, captured(33)));
        assert_eq!(same.distance_from(RtpTimestamp(1_000 + 33 * 90)), 1);
        let older = timeline.start_run(RtpTimestamp(5), moment(85, captured(28)));
        assert_eq!(older.distance_from(same), 1);
        // 100 ms later all of it is taken back.
        let later = timeline.start_run(RtpTimestamp(5), moment(185, captured(120)));
        assert!(later.distance_from(RtpTimestamp(1_000 + 120 * 90)).abs() <= 2, "{later:?}");
    }

    #[test]
    fn what_late_layers_hide_does_not_add_up() {
        // Two layers of one camera, the second of which comes 20 ms later; each flows for a second, over and over.
        let mut timeline = Timeline::new(RtpTimestamp(0));
        timeline.start_run(RtpTimestamp(0), moment(0, captured(0)));
        for second in 0..60_u32 {
            let late = u64::from(second % 2) * 20;
            for frame in u32::from(second == 0)..25 {
                let ms = second * 1_000 + frame * 40;
                let moment = moment(u64::from(ms) + late, captured(ms.into()));
                let sent = if frame == 0 {
                    timeline.start_run(RtpTimestamp(ms * 90), moment)
                } else {
                    timeline.continue_run(RtpTimestamp(ms * 90), moment)
                };
                let off = sent.distance_from(RtpTimestamp(ms * 90));
                assert!(off.abs() <= 20 * 90, "{off} after {ms} ms");
            }
        }
    }

    #[test]
    fn a_gap_of_lost_frames_does_not_stretch_what_is_taken_back() {
        // Two frames of three are lost, then a keyframe from before the last one sent makes the line run 66 ms ahead.
        let mut timeline = Timeline::new(RtpTimestamp(0));
        timeline.start_run(RtpTimestamp(0), moment(0, captured(0)));
        timeline.continue_run(RtpTimestamp(66 * 90), moment(66, captured(66)));
        timeline.start_run(RtpTimestamp(5), moment(67, captured(0)));
        let last = timeline.continue_run(RtpTimestamp(5 + 99 * 90), moment(99, captured(99)));
        let next = timeline.start_run(RtpTimestamp(9), moment(198, captured(198)));
        let off = 99 * 90 - next.distance_from(last);
        assert!((1..33 * 90).contains(&off), "{off}");
    }

    #[test]
    fn sound_of_another_voice_does_not_overlap_the_last_frame() {
        let at = |ms| Moment {
            clock_rate: 48_000,
            capture: Capture::Unknown,
            arrival: Duration::from_millis(ms),
        };
        let mut timeline = Timeline::new(RtpTimestamp(0));
        timeline.start_run(RtpTimestamp(9), at(0));
        timeline.continue_run(RtpTimestamp(9 + 960), at(20));
        assert_eq!(timeline.start_run(RtpTimestamp(5_000), at(25)), RtpTimestamp(1_920));
    }

    #[test]
    fn a_lead_forgets_so_that_a_slow_clock_is_followed() {
        // The publisher's clock loses 1 ms a second; an hour later its frames would be 3.6 s behind.
        let mut timeline = Timeline::new(RtpTimestamp(0));
        timeline.start_run(RtpTimestamp(0), moment(0, Capture::Unknown));
        let mut last = RtpTimestamp(0);
        for frame in 1..=108_000_u32 {
            let arrival = Duration::from_nanos(u64::from(frame) * 33_366_700);
            let moment = Moment { clock_rate: CLOCK, capture: captured(0), arrival };
            last = timeline.continue_run(RtpTimestamp(frame * 3_000), moment);
        }
        let arrival = Duration::from_nanos(108_000 * 33_366_700 + 10_000_000);
        let liar = Moment { clock_rate: CLOCK, capture: captured(60_000), arrival };
        let next = timeline.start_run(RtpTimestamp(5), liar);
        // 10 ms passed; the lead lags by LEAD_DECAY frames of 33 µs, and rounding.
        let limit = 90 * (10 + 6);
        assert!((1..=limit).contains(&next.distance_from(last)), "{}", next.distance_from(last));
    }
}
