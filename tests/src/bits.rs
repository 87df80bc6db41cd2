//! Bits in the order in which codecs write them, highest first: written and read apart from the code under test.

/// Writes bits.
#[derive(Clone, Debug, Default)]
pub struct BitWriter {
    bytes: Vec<u8>,
    used: u32,
}

/// Reads bits.
#[derive(Clone, Copy, Debug)]
pub struct BitReader<'a> {
    bytes: &'a [u8],
    at: usize,
}

impl BitWriter {
    /// Appends the lowest `count` bits of `value`.
    pub fn bits(&mut self, count: u32, value: u32) -> &mut Self {
        for place in (0..count).rev() {
            if self.used.is_multiple_of(8) {
                self.bytes.push(0);
            }
            let bit = u8::from(value >> place & 1 == 1);
            *self.bytes.last_mut().expect("just pushed") |= bit << (7 - self.used % 8);
            self.used += 1;
        }
        self
    }

    /// Appends an unsigned Exp-Golomb code (H.264, section 9.1).
    pub fn exp_golomb(&mut self, value: u32) -> &mut Self {
        let length = (value + 1).ilog2();
        self.bits(length, 0).bits(length + 1, value + 1)
    }

    /// Appends a one, as parameter sets of H264 and OBUs of AV1 end; zeros fill the last byte.
    pub fn stop(&mut self) -> &mut Self {
        self.bits(1, 1)
    }

    /// What was written; zeros fill the last byte.
    #[must_use]
    pub fn bytes(&self) -> Vec<u8> {
        self.bytes.clone()
    }
}

impl<'a> BitReader<'a> {
    /// At the first bit of `bytes`.
    #[must_use]
    pub const fn new(bytes: &'a [u8]) -> Self {
        Self { bytes, at: 0 }
    }

    /// The next `count` bits, at most 32; `None` past the end.
    pub fn bits(&mut self, count: u32) -> Option<u32> {
        let mut value = 0;
        for _ in 0..count {
            let byte = *self.bytes.get(self.at / 8)?;
            value = value << 1 | u32::from(byte >> (7 - self.at % 8) & 1);
            self.at += 1;
        }
        Some(value)
    }

    /// The next bit.
    pub fn flag(&mut self) -> Option<bool> {
        self.bits(1).map(|bit| bit == 1)
    }

    /// A value below `count` in as few bits as that takes: `ns(n)` of the AV1 specification, section 4.10.7.
    pub fn below(&mut self, count: u32) -> Option<u32> {
        let width = count.ilog2() + 1;
        let short = (1 << width) - count;
        let value = self.bits(width - 1)?;
        if value < short { Some(value) } else { Some((value << 1) - short + self.bits(1)?) }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// H.264, table 9-2: codes of 0 to 4 are 1, 010, 011, 00100, 00101.
    #[test]
    fn exp_golomb_codes_are_those_of_the_table() {
        let mut writer = BitWriter::default();
        (0..5).for_each(|value| {
            writer.exp_golomb(value);
        });
        assert_eq!(writer.bytes(), [0b1010_0110, 0b0100_0010, 0b1000_0000]);
    }

    /// `ns(5)` codes 0 to 4 as 00, 01, 10, 110, 111 (AV1 specification, section 4.10.7).
    #[test]
    fn values_below_a_count_take_as_few_bits_as_they_can() {
        let mut reader = BitReader::new(&[0b0001_1011, 0b0111_0000]);
        assert_eq!([(); 5].map(|()| reader.below(5)), [0, 1, 2, 3, 4].map(Some));
        assert_eq!(BitReader::new(&[]).below(1), Some(0));
    }

    #[test]
    fn bits_come_back_as_they_were_written() {
        let mut writer = BitWriter::default();
        writer.bits(3, 5).bits(13, 4242).stop();
        let bytes = writer.bytes();
        let mut reader = BitReader::new(&bytes);
        assert_eq!((reader.bits(3), reader.bits(13)), (Some(5), Some(4242)));
        assert_eq!((reader.flag(), reader.bits(7), reader.bits(1)), (Some(true), Some(0), None));
    }
}
