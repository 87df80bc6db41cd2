//! Opus packets (RFC 7587), plain and as redundant audio (RFC 2198).

use super::{DescriptorError, take};

/// F in a block header of RFC 2198: another header follows.
const MORE_BLOCKS: u8 = 0x80;

/// At or below this size an Opus packet carries no speech: one or two bytes are discontinuous transmission (RFC 7587,
/// section 3.1.3; libopus sends the TOC and at most one byte), three are libopus's encoding of digital silence (f8 ff fe). Speech
/// at Opus's lowest rate, 6 kbit/s in frames of 20 ms, takes 15.
const SILENCE_MAX: usize = 3;

/// The primary block of a redundant payload: the Opus packet of this packet's own timestamp, with no redundancy.
///
/// # Errors
/// [`DescriptorError::Truncated`] where the headers or the blocks they announce pass the end: the peer's fault.
///
/// Format: RFC 2198, section 3.
pub fn primary(payload: &[u8]) -> Result<&[u8], DescriptorError> {
    let mut rest = payload;
    let mut redundant = 0_usize;
    while take(&mut rest, "RED block header")? & MORE_BLOCKS != 0 {
        // 14 bits of timestamp offset, 10 of length.
        take(&mut rest, "RED timestamp offset")?;
        let high = take(&mut rest, "RED block length")?;
        let low = take(&mut rest, "RED block length, second byte")?;
        redundant += usize::from(u16::from_be_bytes([high & 0x03, low]));
    }
    rest.get(redundant..).ok_or(DescriptorError::Truncated("RED blocks"))
}

/// Writes the block headers of a redundant payload to `out`, with the payload type `to` in the place of `from`: payload types are agreed
/// with each receiver for itself. Returns how many bytes that are, in the payload too; what is behind them stays as it is. `None` where
/// the payload ends before its headers do, or `out` does.
///
/// Format: RFC 2198, section 3.
#[must_use]
pub fn renumber(payload: &[u8], (from, to): (u8, u8), out: &mut [u8]) -> Option<usize> {
    let mut at = 0;
    loop {
        let header = *payload.get(at)?;
        let length = if header & MORE_BLOCKS == 0 { 1 } else { 4 };
        let place = out.get_mut(at..at + length)?;
        place.copy_from_slice(payload.get(at..at + length)?);
        if header & !MORE_BLOCKS == from {
            *place.first_mut()? = header & MORE_BLOCKS | to & !MORE_BLOCKS;
        }
        at += length;
        if length == 1 {
            return Some(at);
        }
    }
}

/// Whether an Opus packet is too small to carry speech: discontinuous transmission, or digital silence.
#[must_use]
pub const fn is_silence(packet: &[u8]) -> bool {
    packet.len() <= SILENCE_MAX
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_primary_block_is_the_last() {
        // RFC 2198, section 4: one redundant block (here of 4 bytes, 960 ticks back), then the primary.
        let red = [0xef, 0x0f, 0x00, 0x04, 0x6f, 1, 2, 3, 4, 0xf8, 0xff, 0xfe];
        assert_eq!(primary(&red), Ok(&[0xf8, 0xff, 0xfe][..]));
        assert!(is_silence(primary(&red).unwrap()));
    }

    #[test]
    fn each_block_of_opus_gets_the_receivers_number_and_no_other_block() {
        // Blocks of payload types 111, 5 and 111, of 4, 2 and 3 bytes.
        let red = [0xef, 0x0f, 0, 4, 0x85, 0x0f, 0, 2, 0x6f, 1, 2, 3, 4, 5, 6, 7, 8, 9];
        let mut out = [0; 20];
        assert_eq!(renumber(&red, (111, 96), &mut out), Some(9));
        assert_eq!(out[..9], [0xe0, 0x0f, 0, 4, 0x85, 0x0f, 0, 2, 0x60]);
        assert_eq!(renumber(&red[..8], (111, 96), &mut out), None);
        assert_eq!(renumber(&red[..6], (111, 96), &mut out), None);
        assert_eq!(renumber(&red, (111, 96), &mut out[..8]), None);
        assert_eq!(renumber(&[], (111, 96), &mut out), None);
    }

    #[test]
    fn lengths_take_ten_bits() {
        let mut red = vec![0xef, 0x0f, 0x03, 0xff, 0x6f];
        red.extend([7; 1023]);
        red.push(9);
        assert_eq!(primary(&red), Ok(&[9][..]));
    }

    #[test]
    fn a_payload_without_redundancy_is_its_primary_block() {
        assert_eq!(primary(&[0x6f, 1, 2, 3, 4]), Ok(&[1, 2, 3, 4][..]));
    }

    #[test]
    fn blocks_past_the_end_are_an_error() {
        assert_eq!(primary(&[]), Err(DescriptorError::Truncated("RED block header")));
        assert_eq!(primary(&[0xef, 0, 0, 1]), Err(DescriptorError::Truncated("RED block header")));
        let long = [0xef, 0, 0, 9, 0x6f, 1];
        assert_eq!(primary(&long), Err(DescriptorError::Truncated("RED blocks")));
    }
}
