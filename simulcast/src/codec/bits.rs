//! Bits in the order in which video headers write them, highest first.

/// Reads bits from a byte string; every read past its end is `None`.
#[derive(Clone, Debug)]
pub(crate) struct BitReader<'a> {
    bytes: std::slice::Iter<'a, u8>,
    current: u8,
    /// Bits of `current` not read yet.
    left: u8,
    /// Zero bytes in a row just before the next byte, where escapes are removed.
    zeros: u8,
    escaped: bool,
}

impl<'a> BitReader<'a> {
    /// Reads `bytes` as they are.
    pub(crate) fn new(bytes: &'a [u8]) -> Self {
        Self { bytes: bytes.iter(), current: 0, left: 0, zeros: 0, escaped: false }
    }

    /// Reads `bytes` without their emulation prevention bytes (H.264, section 7.4.1: 00 00 03).
    pub(crate) fn escaped(bytes: &'a [u8]) -> Self {
        Self { escaped: true, ..Self::new(bytes) }
    }

    pub(crate) fn bit(&mut self) -> Option<bool> {
        if self.left == 0 {
            self.current = self.next_byte()?;
            self.left = 8;
        }
        self.left -= 1;
        Some((self.current >> self.left) & 1 == 1)
    }

    /// Bits that are left.
    pub(crate) fn left(&self) -> usize {
        self.bytes.len() * 8 + usize::from(self.left)
    }

    /// The next `count` bits, of which the last 32 are kept.
    pub(crate) fn bits(&mut self, count: u32) -> Option<u32> {
        (0..count).try_fold(0_u32, |value, _| Some((value << 1) | u32::from(self.bit()?)))
    }

    /// A value below `count` in as few bits as that takes: `ns(n)` of the AV1 specification, section 4.10.7.
    pub(crate) fn below(&mut self, count: u32) -> Option<u32> {
        let width = count.checked_ilog2()? + 1;
        let short = 1_u32.checked_shl(width)?.checked_sub(count)?;
        let value = self.bits(width - 1)?;
        if value < short {
            Some(value)
        } else {
            Some((value << 1) - short + u32::from(self.bit()?))
        }
    }

    /// An unsigned Exp-Golomb code (H.264, section 9.1; AV1's uvlc). Codes above 32 bits are `None`.
    pub(crate) fn exp_golomb(&mut self) -> Option<u32> {
        let mut zeros = 0;
        while !self.bit()? {
            zeros += 1;
            if zeros > LONGEST_CODE {
                return None;
            }
        }
        Some((1_u32 << zeros) - 1 + self.bits(zeros)?)
    }

    /// A signed Exp-Golomb code (H.264, section 9.1.1).
    pub(crate) fn signed_exp_golomb(&mut self) -> Option<i64> {
        let code = i64::from(self.exp_golomb()?);
        Some(if code % 2 == 0 { -(code / 2) } else { code / 2 + 1 })
    }

    fn next_byte(&mut self) -> Option<u8> {
        let mut byte = *self.bytes.next()?;
        if self.escaped && self.zeros >= 2 && byte == 3 {
            self.zeros = 0;
            byte = *self.bytes.next()?;
        }
        self.zeros = if byte == 0 { self.zeros.saturating_add(1) } else { 0 };
        Some(byte)
    }
}

/// Writes bits into a byte string that is zero.
#[derive(Debug)]
pub(crate) struct BitWriter<'a> {
    bytes: &'a mut [u8],
    used: usize,
}

impl<'a> BitWriter<'a> {
    /// Writes `bytes` from bit `used` on.
    pub(crate) const fn new(bytes: &'a mut [u8], used: usize) -> Self {
        Self { bytes, used }
    }

    /// Writes a bit; `None` where there is no room.
    pub(crate) fn bit(&mut self, bit: bool) -> Option<()> {
        *self.bytes.get_mut(self.used / 8)? |= u8::from(bit) << (7 - self.used % 8);
        self.used += 1;
        Some(())
    }

    /// Writes bits `from..to` of `data`; `None` where either ends before.
    pub(crate) fn copy(&mut self, data: &[u8], from: usize, to: usize) -> Option<()> {
        (from..to).try_for_each(|at| self.bit(data.get(at / 8)? >> (7 - at % 8) & 1 == 1))
    }

    /// Bytes written, the last of them in part.
    pub(crate) const fn length(&self) -> usize {
        self.used.div_ceil(8)
    }
}

/// Leading zeros of the longest code whose value fits 32 bits.
const LONGEST_CODE: u32 = 31;

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn exp_golomb_codes_read_as_in_table_9_2_of_h264() {
        // 1 | 010 | 011 | 00100 | 00101 → 0 1 2 3 4
        let bytes = [0b1010_0110, 0b0100_0010, 0b1000_0000];
        let mut reader = BitReader::new(&bytes);
        for expected in 0..5 {
            assert_eq!(reader.exp_golomb(), Some(expected));
        }
        let mut reader = BitReader::new(&bytes);
        for expected in [0, 1, -1, 2, -2] {
            assert_eq!(reader.signed_exp_golomb(), Some(expected));
        }
    }

    #[test]
    fn values_below_five_are_those_of_the_table() {
        // AV1 specification, section 4.10.7: 00, 01, 10, 110, 111.
        let mut reader = BitReader::new(&[0b0001_1011, 0b0111_0000]);
        for expected in 0..5 {
            assert_eq!(reader.below(5), Some(expected));
        }
        assert_eq!(BitReader::new(&[]).below(1), Some(0));
        assert_eq!(BitReader::new(&[0]).below(0), None);
    }

    #[test]
    fn an_escape_is_no_part_of_the_bits() {
        let mut reader = BitReader::escaped(&[0, 0, 3, 1]);
        assert_eq!(reader.bits(24), Some(1));
        assert_eq!(reader.bit(), None);
    }

    #[test]
    fn the_longest_code_fits() {
        let mut longest = vec![0, 0, 0, 1];
        longest.extend([0xff; 4]);
        assert_eq!(BitReader::new(&longest).exp_golomb(), Some(u32::MAX - 1));
        assert_eq!(BitReader::new(&[0; 9]).exp_golomb(), None);
    }
}
