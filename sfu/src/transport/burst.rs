//! A probe on its way out: when its next packet is due, and when it is over.

use std::time::{Duration, Instant};

use simulcast::Bitrate;
use simulcast::estimator::{Probe, ProbeId};

/// Packets that leave at the rate of a probe, from when the first of them does: what waits to be sent, and padding where nothing does.
#[derive(Clone, Copy, Debug)]
pub struct Burst {
    id: ProbeId,
    rate: Bitrate,
    begun: Option<Instant>,
    /// Bytes on the wire, and packets, that are left.
    bytes: usize,
    packets: u8,
    sent: usize,
}

impl Burst {
    /// A probe of which nothing was sent yet.
    #[must_use]
    pub fn new(probe: &Probe) -> Self {
        Self {
            id: probe.id,
            rate: probe.rate,
            begun: None,
            bytes: usize::try_from(probe.bytes).unwrap_or(usize::MAX),
            packets: probe.packets,
            sent: 0,
        }
    }

    /// The probe.
    #[must_use]
    pub const fn id(&self) -> ProbeId {
        self.id
    }

    /// Whether all of it was sent.
    #[must_use]
    pub const fn is_over(&self) -> bool {
        self.bytes == 0 && self.packets == 0
    }

    /// When its next packet is due; `None` for at once.
    #[must_use]
    pub fn due(&self) -> Option<Instant> {
        let nanos = u64::try_from(self.sent).unwrap_or(u64::MAX).saturating_mul(8 * 1_000_000_000);
        let after = nanos.checked_div(self.rate.as_bps()).unwrap_or(u64::MAX);
        self.begun.map(|begun| begun + Duration::from_nanos(after).min(LONGEST))
    }

    /// A packet of it was sent.
    pub fn sent(&mut self, now: Instant, bytes: usize) {
        self.begun.get_or_insert(now);
        self.sent = self.sent.saturating_add(bytes);
        self.bytes = self.bytes.saturating_sub(bytes);
        self.packets = self.packets.saturating_sub(1);
    }
}

/// A probe of five packets at the lowest estimate takes a second and a half.
const LONGEST: Duration = Duration::from_secs(2);

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    #[expect(
        clippy::disallowed_methods,
        reason = "any instant serves as the start of virtual time"
    )]
    fn packets_leave_at_the_rate_until_bytes_and_packets_are_enough() {
        let rate = Bitrate::kbps(960);
        let mut burst = Burst::new(&Probe { id: ProbeId::FIRST, rate, bytes: 4_800, packets: 5 });
        let now = Instant::now();
        assert_eq!(burst.due(), None);
        // 1,200 bytes take 10 ms.
        for n in 0..5 {
            assert!(!burst.is_over(), "{n}");
            burst.sent(now + Duration::from_millis(n * 10), 1_200);
            assert_eq!(burst.due(), Some(now + Duration::from_millis(n * 10 + 10)));
        }
        assert!(burst.is_over());
    }
}
