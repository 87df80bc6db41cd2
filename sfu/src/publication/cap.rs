//! How much a participant may send: what is more is dropped.
//!
//! A bucket fills with what may be sent and every packet takes its bytes out of it. Pictures go while there is something in it; sound
//! goes on below that, into a debt that pictures pay, so that whoever sends too much picture is still heard.

use std::time::{Duration, Instant};

use simulcast::Bitrate;

use crate::media::MediaKind;

/// What a participant may send.
#[derive(Clone, Copy, Debug)]
pub struct Cap {
    most: Bitrate,
    /// Bits that may be sent at once; below zero what is owed.
    credit: i64,
    /// The most of it.
    depth: i64,
    filled: Instant,
}

impl Cap {
    /// At most `most` bits a second from `now` on, IP and UDP headers not counted.
    #[must_use]
    pub fn new(most: Bitrate, now: Instant) -> Self {
        let depth = i64::try_from(most.as_bps()).unwrap_or(i64::MAX).clamp(DEPTH_MIN, DEPTH_MAX);
        Self { most, credit: depth, depth, filled: now }
    }

    /// The most bits a second.
    #[must_use]
    pub const fn most(&self) -> Bitrate {
        self.most
    }

    /// Whether a packet of `bytes` may go on; it is paid for then.
    pub fn admits(&mut self, now: Instant, kind: MediaKind, bytes: usize) -> bool {
        self.fill(now);
        let floor = match kind {
            MediaKind::Audio => self.depth.saturating_neg(),
            MediaKind::Video => 0,
        };
        let admitted = self.credit > floor;
        if admitted {
            let bits = i64::try_from(bytes).unwrap_or(i64::MAX).saturating_mul(8);
            self.credit = self.credit.saturating_sub(bits);
        }
        admitted
    }

    fn fill(&mut self, now: Instant) {
        // Arrival times of several sockets may be out of order by a little.
        let passed = now.saturating_duration_since(self.filled).min(FILL_MAX);
        let bits = u128::from(self.most.as_bps()) * passed.as_nanos() / 1_000_000_000;
        let bits = i64::try_from(bits).unwrap_or(i64::MAX);
        self.credit = self.credit.saturating_add(bits).min(self.depth);
        self.filled = self.filled.max(now);
    }
}

/// A keyframe of a small picture passes at once under any cap: else it would never begin.
const DEPTH_MIN: i64 = 400_000;

/// Beyond this a second's worth is no burst any more.
const DEPTH_MAX: i64 = 100_000_000;

/// Two seconds fill any bucket, out of the deepest debt.
const FILL_MAX: Duration = Duration::from_secs(10);

#[cfg(test)]
mod tests {
    use super::*;
    use crate::net::clock::epoch;

    /// Bits that pass in ten seconds of packets of `bytes`, each `apart` from the next.
    fn passes(
        cap: &mut Cap,
        start: Instant,
        kind: MediaKind,
        bytes: usize,
        apart: Duration,
    ) -> u64 {
        let mut bits = 0;
        let mut now = start;
        while now < start + Duration::from_secs(10) {
            if cap.admits(now, kind, bytes) {
                bits += 8 * bytes as u64;
            }
            now += apart;
        }
        bits
    }

    #[test]
    fn what_is_within_the_cap_passes_whole() {
        let (start, _) = epoch();
        let mut cap = Cap::new(Bitrate::kbps(1_000), start);
        // 1,250 bytes every 10 ms are 1 Mbit/s.
        let apart = Duration::from_millis(10);
        assert_eq!(passes(&mut cap, start, MediaKind::Video, 1_250, apart), 10_000_000);
    }

    #[test]
    fn of_fifty_times_as_much_no_more_passes_than_may() {
        let (start, _) = epoch();
        for most in [100, 500, 2_000] {
            let mut cap = Cap::new(Bitrate::kbps(most), start);
            let apart = Duration::from_nanos(1_250 * 8 * 1_000_000 / (most * 50));
            let bits = passes(&mut cap, start, MediaKind::Video, 1_250, apart);
            let may = most * 10_000;
            let burst = (most * 1_000).max(400_000);
            assert!((may..=may + burst + 10_000).contains(&bits), "{most}: {bits}");
        }
    }

    #[test]
    fn sound_goes_on_beside_pictures_that_are_too_much_and_ends_where_it_alone_is() {
        let (start, _) = epoch();
        let mut cap = Cap::new(Bitrate::kbps(200), start);
        let mut heard = 0;
        for millisecond in 0..10_000 {
            let now = start + Duration::from_millis(millisecond);
            cap.admits(now, MediaKind::Video, 1_250);
            if millisecond % 20 == 0 && cap.admits(now, MediaKind::Audio, 120) {
                heard += 1;
            }
        }
        assert_eq!(heard, 500, "all of it");
        let mut cap = Cap::new(Bitrate::kbps(200), start);
        let bits = passes(&mut cap, start, MediaKind::Audio, 1_250, Duration::from_millis(1));
        assert!(bits < 2_000_000 + 2 * 400_000 + 10_000, "{bits}");
    }
}
