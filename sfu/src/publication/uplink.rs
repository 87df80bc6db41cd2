//! What a publisher without transport-wide feedback is told it may send: REMB from its loss.

use std::time::{Duration, Instant};

use simulcast::Bitrate;

/// A receiver-side limit that falls with loss and climbs back without it.
///
/// Plain on purpose: every browser negotiates transport-wide feedback and estimates for itself; this is for the
/// others, who have nothing better. Loss bounds as in libwebrtc's first loss-based controller: below 2 % up by
/// 8 % a second, above 10 % down by half of the lost share.
#[derive(Debug)]
pub struct Uplink {
    limit: Bitrate,
    next: Instant,
}

impl Uplink {
    /// The limit of a publisher that has just come.
    #[must_use]
    pub fn new(now: Instant) -> Self {
        Self { limit: START, next: now + INTERVAL }
    }

    /// When [`Self::poll`] has something to say.
    #[must_use]
    pub fn deadline(&self) -> Instant {
        self.next
    }

    /// The limit to tell now, once a second; `fraction_lost` in 256ths, as in a receiver report.
    pub fn poll(&mut self, now: Instant, fraction_lost: u8) -> Option<Bitrate> {
        if now < self.next {
            return None;
        }
        self.next = now + INTERVAL;
        if fraction_lost < FEW {
            self.limit = self.limit.scaled(108, 100).min(CEILING);
        } else if fraction_lost > MANY {
            self.limit = self.limit.scaled(512 - u64::from(fraction_lost), 512).max(FLOOR);
        }
        Some(self.limit)
    }
}

/// As often as receiver reports are due.
const INTERVAL: Duration = Duration::from_secs(1);
/// 2 % in 256ths.
const FEW: u8 = 5;
/// 10 % in 256ths.
const MANY: u8 = 26;
/// One picture in full, from the start: such clients seldom adapt upward quickly.
const START: Bitrate = Bitrate::kbps(1_500);
/// Enough for sound and the smallest picture.
const FLOOR: Bitrate = Bitrate::kbps(100);
/// A camera in three layers and a screen.
const CEILING: Bitrate = Bitrate::kbps(5_000);

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    #[expect(
        clippy::disallowed_methods,
        reason = "any instant serves as the origin of virtual time"
    )]
    fn loss_lowers_the_limit_and_quiet_raises_it_once_a_second() {
        let start = Instant::now();
        let mut uplink = Uplink::new(start);
        assert_eq!(uplink.poll(start, 0), None);
        let second = |n| start + Duration::from_secs(n);
        assert_eq!(uplink.poll(second(1), 128), Some(Bitrate::kbps(1_125)));
        assert_eq!(uplink.poll(second(1), 128), None);
        assert_eq!(uplink.poll(second(2), 13), Some(Bitrate::kbps(1_125)));
        assert_eq!(uplink.poll(second(3), 0), Some(Bitrate::kbps(1_215)));
    }
}
