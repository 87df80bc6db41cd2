//! What a slot's sender reports say: RFC 3550, section 6.4.1.

use simulcast::RtpTimestamp;

/// Counts of one slot's stream, and the pair of times that its sender report carries.
#[derive(Clone, Copy, Debug, Default)]
pub struct SlotReport {
    packets: u32,
    octets: u32,
    last: Option<(RtpTimestamp, u64)>,
}

/// The sender information of a report.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub struct SenderInformation {
    /// Wall time of the report, NTP.
    pub ntp: u64,
    /// The same moment in the slot's media time.
    pub timestamp: RtpTimestamp,
    /// Packets sent on the slot's SSRC.
    pub packets: u32,
    /// Payload bytes sent on it.
    pub octets: u32,
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
    pub fn sender_information(&self, now_ntp: u64, clock_rate: u32) -> Option<SenderInformation> {
        let (timestamp, capture) = self.last.filter(|_| self.packets > 0)?;
        let since = i128::from(now_ntp.wrapping_sub(capture).cast_signed());
        // 2^32 NTP units are a second. A capture lies at most minutes from now, so the product fits easily.
        let ticks = (since * i128::from(clock_rate)) >> 32;
        let ticks = i32::try_from(ticks).unwrap_or_default().cast_unsigned();
        let timestamp = timestamp.plus(ticks);
        Some(SenderInformation { ntp: now_ntp, timestamp, packets: self.packets, octets: self.octets })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_report_pairs_now_with_the_media_time_of_now() {
        let mut report = SlotReport::default();
        assert_eq!(report.sender_information(9 << 32, 48_000), None);
        report.forwarded(RtpTimestamp(u32::MAX), 10 << 32);
        report.sent(100);
        // Half a second after the capture: 24,000 ticks of Opus' clock, over the wrap.
        let now = (10 << 32) + (1 << 31);
        let expected = SenderInformation { ntp: now, timestamp: RtpTimestamp(23_999), packets: 1, octets: 100 };
        assert_eq!(report.sender_information(now, 48_000), Some(expected));
    }
}
