//! Numbers that wrap: RTP sequence numbers and timestamps (RFC 3550, section 5.1).

/// A 16-bit RTP sequence number. Any value is valid.
#[derive(Clone, Copy, Debug, Default, Eq, Hash, PartialEq)]
pub struct SequenceNumber(pub u16);

impl SequenceNumber {
    /// The number that follows this one.
    #[must_use]
    pub const fn next(self) -> Self {
        Self(self.0.wrapping_add(1))
    }

    /// This number moved forward by `count`.
    #[must_use]
    pub const fn plus(self, count: u16) -> Self {
        Self(self.0.wrapping_add(count))
    }

    /// How far this number is ahead of `other`: −32,768 to 32,767, the shorter way round.
    #[must_use]
    pub const fn distance_from(self, other: Self) -> i16 {
        self.0.wrapping_sub(other.0).cast_signed()
    }

    /// Whether this number comes after `other`, the shorter way round.
    #[must_use]
    pub const fn is_after(self, other: Self) -> bool {
        self.distance_from(other) > 0
    }
}

/// A 32-bit RTP timestamp in units of its codec's clock. Any value is valid.
#[derive(Clone, Copy, Debug, Default, Eq, Hash, PartialEq)]
pub struct RtpTimestamp(pub u32);

impl RtpTimestamp {
    /// This timestamp moved forward by `ticks` of its clock.
    #[must_use]
    pub const fn plus(self, ticks: u32) -> Self {
        Self(self.0.wrapping_add(ticks))
    }

    /// How far this timestamp is ahead of `other` in ticks, the shorter way round.
    #[must_use]
    pub const fn distance_from(self, other: Self) -> i32 {
        self.0.wrapping_sub(other.0).cast_signed()
    }
}

/// Follows a 16-bit number that wraps and tells how often it has: the index of RFC 3711, section 3.3.1.
#[derive(Clone, Copy, Debug, Default, Eq, PartialEq)]
pub struct Unwrapper {
    highest: Option<u64>,
}

impl Unwrapper {
    /// The full index of `number`, nearest to the highest seen so far, which it may raise.
    ///
    /// The first number of all counts from 65,536, so that an older one that arrives late has an index too.
    pub fn unwrap(&mut self, number: SequenceNumber) -> u64 {
        let index = self.peek(number);
        self.highest = Some(self.highest.map_or(index, |highest| highest.max(index)));
        index
    }

    /// As [`Self::unwrap`], without remembering `number`.
    #[must_use]
    pub fn peek(&self, number: SequenceNumber) -> u64 {
        let Some(highest) = self.highest else {
            return (1 << 16) | u64::from(number.0);
        };
        let low = SequenceNumber((highest & 0xffff) as u16);
        highest.saturating_add_signed(i64::from(number.distance_from(low)))
    }

    /// The highest index so far, if there was any.
    #[must_use]
    pub const fn highest(&self) -> Option<u64> {
        self.highest
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn distance_takes_the_shorter_way_round() {
        assert_eq!(SequenceNumber(2).distance_from(SequenceNumber(65_534)), 4);
        assert!(!SequenceNumber(65_534).is_after(SequenceNumber(2)));
        assert_eq!(RtpTimestamp(5).distance_from(RtpTimestamp(u32::MAX)), 6);
    }

    #[test]
    fn an_unwrapper_counts_the_turns_and_accepts_late_numbers() {
        let mut unwrapper = Unwrapper::default();
        let first = unwrapper.unwrap(SequenceNumber(65_535));
        assert_eq!(unwrapper.unwrap(SequenceNumber(0)), first + 1);
        assert_eq!(unwrapper.unwrap(SequenceNumber(65_534)), first - 1);
        assert_eq!(unwrapper.highest(), Some(first + 1));
    }
}
