//! The sending end: window, fast recovery (RFC 6582), timeout (RFC 6298).

use std::time::Duration;

use tools::simnet::time::SimTime;

use super::control::{Control, Window};
use super::segment::{Acknowledgement, SEGMENT, Segment};

/// A sender with `total` bytes to send.
#[derive(Clone, Debug)]
pub struct Sender {
    connection: u32,
    total: u64,
    /// The first byte that is not acknowledged.
    acknowledged: u64,
    /// The first byte that was never sent.
    fresh: u64,
    /// Where sending goes on; behind `fresh` after a timeout.
    next: u64,
    window: Window,
    duplicates: u32,
    /// Until which byte recovery lasts.
    recovery: Option<u64>,
    /// Whether recovery has seen a partial acknowledgement.
    is_partial: bool,
    /// Duplicates of what was sent before the last loss tell of no other one (RFC 6582, section 3.2, `recover`).
    recovered: u64,
    /// Segments that left the network during recovery.
    inflation: f64,
    timer: Timer,
    /// What is to be sent again at once.
    repair: Option<u64>,
}

/// RFC 6298.
#[derive(Clone, Copy, Debug)]
struct Timer {
    smoothed: Option<(f64, f64)>,
    timeout: Duration,
    deadline: Option<SimTime>,
}

/// The shortest timeout: Linux's.
const TIMEOUT_MIN: Duration = Duration::from_millis(200);

/// The first timeout (RFC 6298, section 2.1).
const TIMEOUT_FIRST: Duration = Duration::from_secs(1);

/// The longest (RFC 6298, section 2.5).
const TIMEOUT_MAX: Duration = Duration::from_secs(60);

/// Duplicate acknowledgements that mean a loss.
const DUPLICATES: u32 = 3;

impl Sender {
    /// A fresh connection.
    #[must_use]
    pub fn new(connection: u32, total: u64, control: Control) -> Self {
        Self {
            connection,
            total,
            acknowledged: 0,
            fresh: 0,
            next: 0,
            window: Window::new(control),
            duplicates: 0,
            recovery: None,
            is_partial: false,
            recovered: 0,
            inflation: 0.0,
            timer: Timer { smoothed: None, timeout: TIMEOUT_FIRST, deadline: None },
            repair: None,
        }
    }

    /// Whether all is acknowledged.
    #[must_use]
    pub const fn is_done(&self) -> bool {
        self.acknowledged >= self.total
    }

    /// When [`Self::expire`] is due.
    #[must_use]
    pub const fn deadline(&self) -> Option<SimTime> {
        self.timer.deadline
    }

    /// The next segment that may go now.
    pub fn poll(&mut self, now: SimTime) -> Option<Segment> {
        if let Some(from) = self.repair.take() {
            return Some(self.segment(now, from));
        }
        let allowed = (self.window.size() + self.inflation).floor() * SEGMENT_F;
        if self.next >= self.total || as_f64(self.next - self.acknowledged) + SEGMENT_F > allowed {
            return None;
        }
        let from = self.next;
        let segment = self.segment(now, from);
        self.next = segment.to;
        self.fresh = self.fresh.max(self.next);
        Some(segment)
    }

    fn segment(&mut self, now: SimTime, from: u64) -> Segment {
        if self.timer.deadline.is_none() {
            self.timer.deadline = Some(now + self.timer.timeout);
        }
        let to = (from + SEGMENT).min(self.total);
        Segment { connection: self.connection, from, to, stamp: stamp(now) }
    }

    /// Takes an acknowledgement in.
    pub fn acknowledge(&mut self, now: SimTime, ack: Acknowledgement) {
        if ack.next > self.acknowledged {
            let round_trip = Duration::from_nanos(stamp(now).saturating_sub(ack.stamp));
            self.timer.measure(round_trip);
            let was_partial = self.is_partial;
            self.progress(now, ack.next, round_trip);
            if self.acknowledged >= self.fresh {
                self.timer.deadline = None;
            } else if !(was_partial && self.is_partial) {
                // Of partial acknowledgements the first alone gives time (RFC 6582, section 3.2, step 3): where much is lost, the timeout
                // is the faster way out.
                self.timer.deadline = Some(now + self.timer.timeout);
            }
        } else if ack.next == self.acknowledged && self.acknowledged < self.fresh {
            self.duplicate();
        }
    }

    /// New bytes were acknowledged.
    fn progress(&mut self, now: SimTime, next: u64, round_trip: Duration) {
        let segments = as_f64(next - self.acknowledged) / SEGMENT_F;
        self.acknowledged = next;
        self.next = self.next.max(next);
        self.duplicates = 0;
        match self.recovery {
            Some(until) if next >= until => {
                self.recovery = None;
                self.is_partial = false;
                self.inflation = 0.0;
                // No burst of what the window has room for (RFC 6582, section 3.2, step 3, option 1).
                self.window.enter(as_f64(self.next - next) / SEGMENT_F + 1.0);
            }
            // A partial acknowledgement names the next loss (RFC 6582, section 3.2, step 5).
            Some(_) => {
                self.repair = Some(next);
                self.is_partial = true;
                self.inflation = (self.inflation - segments + 1.0).max(0.0);
            }
            None => self.window.grow(now, segments, round_trip),
        }
    }

    fn duplicate(&mut self) {
        self.duplicates += 1;
        if self.recovery.is_some() {
            self.inflation += 1.0;
        } else if self.duplicates == DUPLICATES && self.acknowledged >= self.recovered {
            self.window.reduce(as_f64(self.fresh - self.acknowledged) / SEGMENT_F);
            self.recovery = Some(self.fresh);
            self.recovered = self.fresh;
            self.inflation = f64::from(DUPLICATES);
            self.repair = Some(self.acknowledged);
        }
    }

    /// The timeout passed: everything is sent again, slowly.
    pub fn expire(&mut self, now: SimTime) {
        if self.timer.deadline.is_none_or(|deadline| now < deadline) {
            return;
        }
        self.window.collapse(as_f64(self.next - self.acknowledged) / SEGMENT_F);
        self.recovery = None;
        self.is_partial = false;
        self.recovered = self.fresh;
        self.inflation = 0.0;
        self.duplicates = 0;
        self.repair = None;
        self.next = self.acknowledged;
        self.timer.timeout = (self.timer.timeout * 2).min(TIMEOUT_MAX);
        self.timer.deadline = Some(now + self.timer.timeout);
    }
}

impl Timer {
    fn measure(&mut self, round_trip: Duration) {
        let sample = round_trip.as_secs_f64();
        let (smoothed, variation) = match self.smoothed {
            None => (sample, sample / 2.0),
            Some((smoothed, variation)) => (
                0.875 * smoothed + 0.125 * sample,
                0.75 * variation + 0.25 * (smoothed - sample).abs(),
            ),
        };
        self.smoothed = Some((smoothed, variation));
        let timeout = Duration::from_secs_f64(smoothed + 4.0 * variation);
        self.timeout = timeout.clamp(TIMEOUT_MIN, TIMEOUT_MAX);
    }
}

#[expect(clippy::cast_precision_loss, reason = "a small number")]
const SEGMENT_F: f64 = SEGMENT as f64;

#[expect(clippy::cast_precision_loss, reason = "bytes in flight are far below 2⁵³")]
const fn as_f64(bytes: u64) -> f64 {
    bytes as f64
}

fn stamp(now: SimTime) -> u64 {
    u64::try_from(now.elapsed().as_nanos()).unwrap_or(u64::MAX)
}

#[cfg(test)]
mod tests {
    use super::*;

    const fn ms(milliseconds: u64) -> SimTime {
        SimTime::milliseconds(milliseconds)
    }

    fn burst(sender: &mut Sender, now: SimTime) -> Vec<u64> {
        std::iter::from_fn(|| sender.poll(now)).map(|segment| segment.from / SEGMENT).collect()
    }

    fn ack(sender: &mut Sender, now: SimTime, segments: u64, sent: SimTime) {
        let next = segments * SEGMENT;
        sender.acknowledge(now, Acknowledgement { connection: 0, next, stamp: stamp(sent) });
    }

    #[test]
    fn ten_segments_go_first_and_two_for_each_acknowledged() {
        let mut sender = Sender::new(0, u64::MAX, Control::NewReno);
        assert_eq!(burst(&mut sender, ms(0)), (0..10).collect::<Vec<_>>());
        ack(&mut sender, ms(100), 1, ms(0));
        assert_eq!(burst(&mut sender, ms(100)), [10, 11]);
    }

    #[test]
    fn three_duplicates_resend_the_lost_segment_and_halve_the_window() {
        let mut sender = Sender::new(0, u64::MAX, Control::NewReno);
        burst(&mut sender, ms(0));
        // The first is lost; the other nine are answered by duplicates.
        for _ in 0..2 {
            ack(&mut sender, ms(100), 0, ms(0));
            assert_eq!(burst(&mut sender, ms(100)), Vec::<u64>::new());
        }
        ack(&mut sender, ms(100), 0, ms(0));
        assert_eq!(burst(&mut sender, ms(100)), [0]);
        // 5 + 9 duplicates allow 14 in flight: four new ones.
        for _ in 0..6 {
            ack(&mut sender, ms(100), 0, ms(0));
        }
        assert_eq!(burst(&mut sender, ms(100)), [10, 11, 12, 13]);
        ack(&mut sender, ms(200), 10, ms(100));
        assert!(sender.recovery.is_none());
        assert!((sender.window.size() - 5.0).abs() < 1e-9, "4 are on their way: 4 + 1 is no less");
        assert!((sender.window.threshold() - 5.0).abs() < 1e-9);
    }

    #[test]
    fn a_partial_acknowledgement_names_the_next_loss() {
        let mut sender = Sender::new(0, u64::MAX, Control::NewReno);
        burst(&mut sender, ms(0));
        (0..8).for_each(|_| ack(&mut sender, ms(100), 0, ms(0)));
        assert_eq!(burst(&mut sender, ms(100))[0], 0);
        ack(&mut sender, ms(200), 4, ms(100));
        assert_eq!(burst(&mut sender, ms(200))[0], 4);
        assert!(sender.recovery.is_some());
        let deadline = sender.deadline();
        assert!(deadline > Some(ms(400)), "the first one gives time: {deadline:?}");
        ack(&mut sender, ms(300), 6, ms(200));
        assert_eq!(burst(&mut sender, ms(300))[0], 6);
        assert_eq!(sender.deadline(), deadline, "the second does not");
    }

    #[test]
    fn silence_sends_everything_again_and_doubles_the_timeout() {
        let mut sender = Sender::new(0, 3 * SEGMENT, Control::NewReno);
        assert_eq!(burst(&mut sender, ms(0)), [0, 1, 2]);
        assert_eq!(sender.deadline(), Some(ms(1_000)));
        sender.expire(ms(999));
        assert_eq!(burst(&mut sender, ms(999)), Vec::<u64>::new());
        sender.expire(ms(1_000));
        assert_eq!(burst(&mut sender, ms(1_000)), [0]);
        assert_eq!(sender.deadline(), Some(ms(3_000)));
        ack(&mut sender, ms(1_100), 1, ms(1_000));
        assert_eq!(burst(&mut sender, ms(1_100)), [1, 2]);
        ack(&mut sender, ms(1_200), 3, ms(1_100));
        assert!(sender.is_done());
        assert_eq!(sender.deadline(), None);
    }

    #[test]
    fn the_timeout_is_never_below_200_ms() {
        let mut sender = Sender::new(0, u64::MAX, Control::NewReno);
        burst(&mut sender, ms(0));
        ack(&mut sender, ms(10), 1, ms(0));
        assert_eq!(sender.deadline(), Some(ms(210)));
    }
}
