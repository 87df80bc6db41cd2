//! How a congestion window grows and shrinks: NewReno (RFC 5681, RFC 6582) and CUBIC (RFC 9438).

use std::time::Duration;

use tools::simnet::time::SimTime;

/// By which law.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub enum Control {
    /// RFC 5681.
    NewReno,
    /// RFC 9438.
    Cubic,
}

/// Segments at the beginning (RFC 6928).
pub const INITIAL_WINDOW: f64 = 10.0;

/// RFC 9438, section 4.1.2.
const CUBIC_C: f64 = 0.4;

/// What is left of the window after a loss (RFC 9438, section 4.6).
const CUBIC_BETA: f64 = 0.7;

/// A window, in segments.
#[derive(Clone, Copy, Debug)]
pub struct Window {
    control: Control,
    size: f64,
    threshold: f64,
    cubic: Cubic,
}

/// CUBIC's own memory.
#[derive(Clone, Copy, Debug, Default)]
struct Cubic {
    /// The window before the last reduction.
    maximum: f64,
    /// When congestion avoidance began, and the time from then to the plateau.
    epoch: Option<(SimTime, f64)>,
    /// What Reno would have.
    reno: f64,
}

impl Window {
    /// A window at its beginning.
    #[must_use]
    pub fn new(control: Control) -> Self {
        Self { control, size: INITIAL_WINDOW, threshold: f64::INFINITY, cubic: Cubic::default() }
    }

    /// In segments.
    #[must_use]
    pub const fn size(&self) -> f64 {
        self.size
    }

    /// Where slow start ends.
    #[must_use]
    pub const fn threshold(&self) -> f64 {
        self.threshold
    }

    /// `segments` were acknowledged outside of recovery.
    pub fn grow(&mut self, now: SimTime, segments: f64, round_trip: Duration) {
        if self.size < self.threshold {
            self.size += segments.min(self.threshold - self.size);
            return;
        }
        match self.control {
            Control::NewReno => self.size += segments / self.size,
            Control::Cubic => self.grow_cubic(now, segments, round_trip),
        }
    }

    fn grow_cubic(&mut self, now: SimTime, segments: f64, round_trip: Duration) {
        let size = self.size;
        let (since, plateau) = *self.cubic.epoch.get_or_insert_with(|| {
            self.cubic.reno = size;
            self.cubic.maximum = self.cubic.maximum.max(size);
            (now, ((self.cubic.maximum - size) / CUBIC_C).cbrt())
        });
        // RFC 9438, section 4.3: what Reno would have, whose share per round trip is 3·(1 − β)/(1 + β).
        let share = if self.cubic.reno < self.cubic.maximum {
            3.0 * (1.0 - CUBIC_BETA) / (1.0 + CUBIC_BETA)
        } else {
            1.0
        };
        self.cubic.reno += share * segments / size;
        let at = |time: f64| CUBIC_C * (time - plateau).powi(3) + self.cubic.maximum;
        let elapsed = now.since(since).as_secs_f64();
        if at(elapsed) < self.cubic.reno {
            self.size = self.size.max(self.cubic.reno);
        } else {
            let target = at(elapsed + round_trip.as_secs_f64()).clamp(size, 1.5 * size);
            self.size += (target - size) / size * segments;
        }
    }

    /// A segment was lost while `flight` segments were on their way: the window after recovery.
    pub fn reduce(&mut self, flight: f64) {
        let after = match self.control {
            Control::NewReno => flight / 2.0,
            Control::Cubic => {
                // Fast convergence (RFC 9438, section 4.7): leave room for others.
                self.cubic.maximum = if self.size < self.cubic.maximum {
                    self.size * (1.0 + CUBIC_BETA) / 2.0
                } else {
                    self.size
                };
                self.size * CUBIC_BETA
            }
        };
        self.cubic.epoch = None;
        self.threshold = after.max(2.0);
        self.size = self.threshold;
    }

    /// Recovery is over: the window that follows is at most `size`, and grows to the threshold from there.
    pub const fn enter(&mut self, size: f64) {
        self.size = self.threshold.min(size);
    }

    /// Nothing was acknowledged for too long.
    pub fn collapse(&mut self, flight: f64) {
        self.reduce(flight);
        self.size = 1.0;
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const RTT: Duration = Duration::from_millis(100);

    #[test]
    fn slow_start_doubles_and_avoidance_adds_one_segment_a_round_trip() {
        let mut window = Window::new(Control::NewReno);
        window.grow(SimTime::ZERO, 10.0, RTT);
        assert!((window.size() - 20.0).abs() < 1e-9);
        window.reduce(20.0);
        assert!((window.size() - 10.0).abs() < 1e-9, "half of the flight");
        for _ in 0..10 {
            window.grow(SimTime::ZERO, 1.0, RTT);
        }
        assert!((window.size() - 11.0).abs() < 0.05, "{}", window.size());
        window.collapse(11.0);
        assert!((window.size() - 1.0).abs() < 1e-9);
        assert!((window.threshold() - 5.5).abs() < 1e-9);
    }

    #[test]
    fn cubic_is_back_at_its_plateau_after_k_seconds() {
        // A window of 100 reduced to 70: K = cbrt(100 · 0.3 / 0.4) = 4.217 s.
        let mut window = Window::new(Control::Cubic);
        window.grow(SimTime::ZERO, 90.0, RTT);
        window.reduce(100.0);
        assert!((window.size() - 70.0).abs() < 1e-9);
        let mut at = [0.0; 3];
        for step in 0..80 {
            let now = SimTime::milliseconds(step * 100);
            window.grow(now, window.size(), RTT);
            match step {
                20 => at[0] = window.size(),
                41 => at[1] = window.size(),
                _ => at[2] = window.size(),
            }
        }
        // W(2.1) = 0.4 · (2.1 − 4.217)³ + 100 = 96.2; W(4.2) = 100; W(8.0) = 0.4 · 3.783³ + 100 = 121.7.
        assert!((at[0] - 96.2).abs() < 1.0, "{at:?}");
        assert!((at[1] - 100.0).abs() < 0.5, "{at:?}");
        assert!((at[2] - 121.7).abs() < 2.0, "{at:?}");
    }
}
