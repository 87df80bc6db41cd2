//! What a slot's sender reports say: RFC 3550, section 6.4.1.

use simulcast::RtpTimestamp;

use crate::media::Ssrc;
use crate::packet::feedback::SenderReport;

/// Counts of one slot's stream, and the pair of times that its sender report carries.
#[derive(Clone, Copy, Debug, Default)]
pub struct SlotReport {
    packets: u32,
    octets: u32,
    last: Option<(RtpTimestamp, u64)>,
}

impl SlotReport {
    /// A packet with `timestamp`, captured at `capture_ntp` of our clock, was accepted for sending.
    pub fn forwarded(&mut self, timestamp: RtpTimestamp, capture_ntp: u64) {
        self.last = Some((timestamp, capture_ntp));
    }

    /// A packet with this many payload bytes went out. Counts wrap, as RFC 3550 has it.
    pub fn sent(&mut self, octets: usize) {
        self.packets = self.packets.wrapping_add(1);
        self.octets = self.octets.wrapping_add(u32::try_from(octets).unwrap_or_default());
    }

    /// What to report at `now_ntp`; `None` until something was sent.
    #[must_use]
    pub fn sender_report(&self, now_ntp: u64, ssrc: Ssrc, clock_rate: u32) -> Option<SenderReport> {
        let (timestamp, capture) = self.last.filter(|_| self.packets > 0)?;
        let since = i128::from(now_ntp.wrapping_sub(capture).cast_signed());
        // 2^32 NTP units are a second. A capture lies at most minutes from now, so the product fits easily.
        let ticks = (since * i128::from(clock_rate)) >> 32;
        let ticks = i32::try_from(ticks).unwrap_or_default().cast_unsigned();
        let timestamp = timestamp.plus(ticks);
        let (packets, octets) = (self.packets, self.octets);
        Some(SenderReport { ssrc, ntp: now_ntp, timestamp, packets, octets })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_report_pairs_now_with_the_media_time_of_now() {
        let (mut report, ssrc) = (SlotReport::default(), Ssrc(7));
        assert_eq!(report.sender_report(9 << 32, ssrc, 48_000), None);
        report.forwarded(RtpTimestamp(u32::MAX), 10 << 32);
        report.sent(100);
        // Half a second after the capture: 24,000 ticks of Opus' clock, over the wrap.
        let now = (10 << 32) + (1 << 31);
        let timestamp = RtpTimestamp(23_999);
        let expected = SenderReport { ssrc, ntp: now, timestamp, packets: 1, octets: 100 };
        assert_eq!(report.sender_report(now, ssrc, 48_000), Some(expected));
    }
}
