//! What a stream costs: its measured rate, as a peak that decays.

use std::time::{Duration, Instant};

use simulcast::Bitrate;

/// The highest rate over one second of late: a receiver must bear a layer's peaks, and a layer that looks cheap between
/// two of them would be given and taken away in turns.
#[derive(Clone, Copy, Debug)]
pub(super) struct PeakRate {
    start: Instant,
    /// Bytes in each of the last buckets; that of bucket `n` is at `n % BUCKETS`.
    buckets: [u32; BUCKETS],
    /// The bucket being filled, counted from `start`.
    current: u64,
    peak: Bitrate,
}

impl PeakRate {
    pub(super) const fn new(start: Instant) -> Self {
        Self { start, buckets: [0; BUCKETS], current: 0, peak: Bitrate::ZERO }
    }

    pub(super) fn add(&mut self, now: Instant, bytes: usize) {
        self.advance(now);
        if let Some(bucket) = self.buckets.get_mut(place(self.current)) {
            *bucket = bucket.saturating_add(u32::try_from(bytes).unwrap_or(u32::MAX));
        }
    }

    /// The peak as it has decayed by `now`. In its first half second a stream counts as if that had passed.
    pub(super) fn peak(&self, now: Instant) -> Bitrate {
        let mut later = *self;
        later.advance(now);
        later.peak.max(later.window())
    }

    fn advance(&mut self, now: Instant) {
        let since_start = now.saturating_duration_since(self.start);
        let bucket =
            u64::try_from(since_start.as_millis() / BUCKET.as_millis()).unwrap_or(u64::MAX);
        if bucket.saturating_sub(self.current) > FORGOTTEN {
            *self = Self { current: bucket, buckets: [0; BUCKETS], peak: Bitrate::ZERO, ..*self };
        }
        while self.current < bucket {
            let rate = self.window();
            let decayed = self.peak - (self.peak - rate).scaled(1, DECAY);
            self.peak = rate.max(decayed);
            self.current += 1;
            if let Some(oldest) = self.buckets.get_mut(place(self.current)) {
                *oldest = 0;
            }
        }
    }

    /// The rate over the last second, the present bucket included.
    fn window(&self) -> Bitrate {
        let bytes: u64 = self.buckets.iter().copied().map(u64::from).sum();
        let buckets = (self.current + 1).clamp(BUCKETS as u64 / 2, BUCKETS as u64);
        Bitrate::bps(bytes.saturating_mul(8)).scaled(10, buckets)
    }
}

#[expect(clippy::cast_possible_truncation, reason = "the remainder is below BUCKETS")]
const fn place(bucket: u64) -> usize {
    (bucket % BUCKETS as u64) as usize
}

/// A tenth of the second that the rate is taken over: it moves smoothly while old bytes leave the window.
const BUCKET: Duration = Duration::from_millis(100);

/// One second: longer than a keyframe and the pause after it, shorter than a change of scene.
const BUCKETS: usize = 10;

/// A bucket takes one fiftieth of what the peak has too much, so two thirds are gone in 5 s: keyframes that joiners ask for
/// are not forgotten in between, a camera that was covered is.
const DECAY: u64 = 50;

/// After a silence of so many buckets nothing is left of any peak (e⁻¹² of it after 60 s).
const FORGOTTEN: u64 = 600;

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

    /// 1,250 bytes each 10 ms are 1 Mbit/s.
    fn fill(rate: &mut PeakRate, start: Instant, from: u64, to: u64) {
        (from..to).step_by(10).for_each(|at| rate.add(start + ms(at), 1250));
    }

    fn kbps(rate: &PeakRate, now: Instant) -> u64 {
        rate.peak(now).as_bps() / 1000
    }

    #[test]
    fn a_steady_stream_has_its_rate_from_half_a_second_on() {
        let now = start();
        let mut rate = PeakRate::new(now);
        fill(&mut rate, now, 0, 100);
        assert_eq!(kbps(&rate, now + ms(99)), 200);
        fill(&mut rate, now, 100, 20_000);
        for at in [500, 1000, 5000, 19_990] {
            let mut early = PeakRate::new(now);
            fill(&mut early, now, 0, at);
            assert!((900..=1000).contains(&kbps(&early, now + ms(at - 1))), "{at}");
        }
        assert_eq!(kbps(&rate, now + ms(19_999)), 1000);
    }

    #[test]
    fn a_peak_decays_to_a_third_in_five_seconds() {
        let now = start();
        let mut rate = PeakRate::new(now);
        fill(&mut rate, now, 0, 3000);
        assert_eq!(kbps(&rate, now + ms(3000)), 1000);
        // While the window empties, ten times 2 % of half on average: 0.9 is left. Then 0.98⁵⁰ = 0.364 of that.
        let later = kbps(&rate, now + ms(3000 + 1000 + 5000));
        assert!((320..=345).contains(&later), "{later}");
        assert!(kbps(&rate, now + ms(40_000)) < 10);
        assert_eq!(rate.peak(now + ms(70_000)), Bitrate::ZERO);
    }
}
