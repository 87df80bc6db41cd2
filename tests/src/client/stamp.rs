//! What synthetic frames and voices carry, so that a receiver can tell what it got.

/// Stands at the beginning of each synthetic payload.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub struct Stamp {
    /// Whose.
    pub publication: u32,
    /// Which encoding, or which spatial layer of the only one; 0 for a voice.
    pub layer: u8,
    /// Counts frames of the camera, whether or not this encoding was sent then, or packets of a voice, from 0.
    pub number: u32,
    /// The frame without which this one cannot be decoded; a keyframe needs none.
    pub needs: Option<u32>,
    /// It cannot be decoded without the frame of the layer below in its picture.
    pub needs_below: bool,
}

/// Marks a stamp that needs the layer below, beside the layer.
const NEEDS_BELOW: u8 = 0x80;

impl Stamp {
    /// Bytes it takes.
    pub const LENGTH: usize = 4 + 1 + 4 + 4;

    /// `length` bytes of payload that begin with this stamp; the rest follows from it. Shorter ones hold the stamp alone.
    #[must_use]
    pub fn fill(&self, length: usize) -> Vec<u8> {
        let mut out = Vec::with_capacity(length);
        out.extend(self.publication.to_be_bytes());
        out.push(self.layer | if self.needs_below { NEEDS_BELOW } else { 0 });
        out.extend(self.number.to_be_bytes());
        out.extend(self.needs.unwrap_or(u32::MAX).to_be_bytes());
        let seed = self
            .publication
            .wrapping_mul(31)
            .wrapping_add(self.number)
            .wrapping_add(u32::from(self.layer));
        let [_, _, _, mut byte] = seed.to_be_bytes();
        while out.len() < length {
            out.push(byte);
            byte = byte.wrapping_mul(5).wrapping_add(17);
        }
        out
    }

    /// Reads the stamp of a payload and checks every byte behind it; `None` where anything was changed on the way.
    #[must_use]
    pub fn check(payload: &[u8]) -> Option<Self> {
        let word = |at: usize| payload.get(at..at + 4).map(|bytes| crate::packet::be32(bytes, 0));
        let needs = word(9)?;
        let stamp = Self {
            publication: word(0)?,
            layer: *payload.get(4)? & !NEEDS_BELOW,
            number: word(5)?,
            needs: (needs != u32::MAX).then_some(needs),
            needs_below: *payload.get(4)? & NEEDS_BELOW != 0,
        };
        (stamp.fill(payload.len()) == payload).then_some(stamp)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_stamp_notices_any_changed_byte() {
        let stamp = Stamp {
            publication: 12,
            layer: 2,
            number: 70_000,
            needs: Some(69_999),
            needs_below: true,
        };
        let payload = stamp.fill(100);
        assert_eq!(Stamp::check(&payload), Some(stamp));
        for at in 0..100 {
            let mut changed = payload.clone();
            changed[at] ^= 1;
            assert_ne!(Stamp::check(&changed), Some(stamp), "{at}");
        }
        assert_eq!(Stamp::check(&payload[..12]), None);
    }
}
