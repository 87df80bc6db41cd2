//! The AV1 aggregation header and the first OBU behind it (AV1 RTP payload format, section 4.4; AV1 specification, section 5).

use super::bits::BitReader;
use super::descriptor::Descriptor;
use super::{DescriptorError, FrameNumbers, PacketInfo, take, take_slice};
use crate::layer::LayerId;

// Aggregation header: Z Y W W N.
const CONTINUES: u8 = 0x80;
const ELEMENTS: u8 = 0x30;
const STARTS_SEQUENCE: u8 = 0x08;
// OBU header: forbidden, type, extension, has_size.
const HAS_EXTENSION: u8 = 0x04;
const HAS_SIZE: u8 = 0x02;
// OBU types (AV1 specification, section 6.2.2).
const SEQUENCE_HEADER: u8 = 1;
const FRAME_HEADER: u8 = 3;
const FRAME: u8 = 6;
/// AV1 specification, section 4.10.5.
const LEB128_BYTES_MAX: u32 = 8;

/// Reads the aggregation header and the first OBU.
///
/// A dependency descriptor decides where frames and keyframes start, since a payload may be encrypted. Without one, a keyframe
/// starts with N or with a sequence header (there are encoders that forget N), and a frame where the first OBU is one that a
/// frame begins with.
///
/// # Errors
/// [`DescriptorError`] where `payload` ends before what its header announces, or continues an OBU and starts a sequence at once:
/// the peer's fault.
pub(super) fn inspect(
    payload: &[u8],
    descriptor: Option<Descriptor>,
) -> Result<PacketInfo, DescriptorError> {
    let mut rest = payload;
    let header = take(&mut rest, "AV1 aggregation header")?;
    let continues = header & CONTINUES != 0;
    let starts_sequence = header & STARTS_SEQUENCE != 0;
    if continues && starts_sequence {
        return Err(DescriptorError::Invalid("N in a packet that continues an OBU"));
    }
    let obu = match Obu::first(header, rest) {
        _ if continues => None,
        Ok(obu) => obu,
        // Encrypted bytes are no OBU.
        Err(_) if descriptor.is_some() => None,
        Err(error) => return Err(error),
    };
    let starts_sequence = starts_sequence || obu.is_some_and(|obu| obu.kind == SEQUENCE_HEADER);
    let begins = obu.is_some_and(|obu| matches!(obu.kind, FRAME_HEADER | FRAME));
    let (starts_frame, starts_keyframe) = match descriptor {
        Some(descriptor) => {
            (descriptor.starts_frame, descriptor.starts_frame && descriptor.has_structure)
        }
        None => (starts_sequence || begins, starts_sequence),
    };
    Ok(PacketInfo {
        starts_frame,
        starts_keyframe,
        ends_frame: false,
        layer: obu.map_or_else(LayerId::default, |obu| obu.layer),
        temporal_switch_up: false,
        height: obu.filter(|obu| obu.kind == SEQUENCE_HEADER).and_then(|obu| size(obu.body)),
        numbers: FrameNumbers::None,
        frame_number: None,
    })
}

/// An OBU, of which `body` may be the beginning.
#[derive(Clone, Copy, Debug)]
struct Obu<'a> {
    kind: u8,
    layer: LayerId,
    body: &'a [u8],
}

impl<'a> Obu<'a> {
    /// The first OBU behind the aggregation header; `None` where its element is empty.
    fn first(aggregation: u8, mut rest: &'a [u8]) -> Result<Option<Self>, DescriptorError> {
        // With W = 1 the only element has no length; it extends to the end of the packet.
        let mut element = rest;
        if aggregation & ELEMENTS != 0x10 {
            let size = leb128(&mut rest, "OBU element size")?;
            element = take_slice(&mut rest, size, "OBU element")?;
        }
        if element.is_empty() {
            return Ok(None);
        }
        let header = take(&mut element, "OBU header")?;
        let mut layer = LayerId::default();
        if header & HAS_EXTENSION != 0 {
            let extension = take(&mut element, "OBU extension header")?;
            layer = LayerId { spatial: (extension >> 3) & 0x03, temporal: extension >> 5 };
        }
        if header & HAS_SIZE != 0 {
            leb128(&mut element, "OBU size")?;
        }
        Ok(Some(Self { kind: (header >> 3) & 0x0f, layer, body: element }))
    }
}

fn leb128(rest: &mut &[u8], field: &'static str) -> Result<usize, DescriptorError> {
    let mut value = 0_u64;
    for place in 0..LEB128_BYTES_MAX {
        let byte = take(rest, field)?;
        value |= u64::from(byte & 0x7f) << (7 * place);
        if byte & 0x80 == 0 {
            return usize::try_from(value).map_err(|_| DescriptorError::Invalid(field));
        }
    }
    Err(DescriptorError::Invalid(field))
}

/// The largest frame's width and height from a sequence header (AV1 specification, section 5.5).
fn size(sequence_header: &[u8]) -> Option<(u16, u16)> {
    let mut reader = BitReader::new(sequence_header);
    reader.bits(4)?; // seq_profile, still_picture
    if reader.bit()? {
        reader.bits(5)?; // reduced_still_picture_header: seq_level_idx alone
    } else {
        let decoder_delay_bits = timing(&mut reader)?;
        operating_points(&mut reader, decoder_delay_bits)?;
    }
    let width_bits = reader.bits(4)? + 1;
    let height_bits = reader.bits(4)? + 1;
    let width = reader.bits(width_bits)?.checked_add(1)?;
    let height = reader.bits(height_bits)?.checked_add(1)?;
    Some((u16::try_from(width).ok()?, u16::try_from(height).ok()?))
}

/// `timing_info` and `decoder_model_info`; gives the width of decoder delays where there is a decoder model.
fn timing(reader: &mut BitReader<'_>) -> Option<Option<u32>> {
    if !reader.bit()? {
        return Some(None);
    }
    reader.bits(64)?; // num_units_in_display_tick, time_scale
    if reader.bit()? {
        reader.exp_golomb()?; // num_ticks_per_picture_minus_1
    }
    if !reader.bit()? {
        return Some(None);
    }
    let delay_bits = reader.bits(5)? + 1;
    reader.bits(32 + 5 + 5)?; // num_units_in_decoding_tick, two lengths
    Some(Some(delay_bits))
}

fn operating_points(reader: &mut BitReader<'_>, decoder_delay_bits: Option<u32>) -> Option<()> {
    let has_display_delay = reader.bit()?;
    for _ in 0..=reader.bits(5)? {
        reader.bits(12)?; // operating_point_idc
        if reader.bits(5)? > LEVEL_WITHOUT_TIER_MAX {
            reader.bit()?; // seq_tier
        }
        if let Some(bits) = decoder_delay_bits
            && reader.bit()?
        {
            reader.bits(2 * bits + 1)?; // two delays, low_delay_mode_flag
        }
        if has_display_delay && reader.bit()? {
            reader.bits(4)?; // initial_display_delay_minus_1
        }
    }
    Some(())
}

/// `seq_tier` follows levels above this (AV1 specification, section 5.5.1).
const LEVEL_WITHOUT_TIER_MAX: u32 = 7;

#[cfg(test)]
mod tests {
    use super::*;

    /// The sequence header of a sample of 960 × 540 pixels, as its av1C box has it.
    const SEQUENCE: [u8; 11] = [0x00, 0x00, 0x00, 0x24, 0xcf, 0x7f, 0x0d, 0xbf, 0xff, 0x30, 0x08];

    #[test]
    fn a_coded_video_sequence_starts_with_n() {
        // W = 2, N; sequence header with its length, then a frame.
        let mut packet = vec![0x28, 12, 0x08];
        packet.extend(SEQUENCE);
        packet.extend([0x30, 0x10, 0x00]);
        let info = inspect(&packet, None).unwrap();
        assert!(info.starts_frame && info.starts_keyframe);
        assert_eq!(info.height, Some((960, 540)));
        // Without N, as one hardware encoder sends it.
        packet[0] = 0x20;
        assert!(inspect(&packet, None).unwrap().starts_keyframe);
    }

    #[test]
    fn a_frame_starts_with_a_frame_obu_and_names_its_layer() {
        // W = 1: a frame OBU with extension, temporal id 2, spatial id 1.
        let info = inspect(&[0x10, 0x34, 0x48, 0x00], None).unwrap();
        assert!(info.starts_frame && !info.starts_keyframe);
        assert_eq!(info.layer, LayerId { spatial: 1, temporal: 2 });
        // Z: the rest of an OBU; and a tile group of its own.
        assert!(!inspect(&[0x90, 0x34, 0x48], None).unwrap().starts_frame);
        assert!(!inspect(&[0x10, 0x20, 0x48], None).unwrap().starts_frame);
    }

    #[test]
    fn a_descriptor_decides_where_there_is_one() {
        let structure = Descriptor::parse(&[0x80, 0, 1, 0x80]).unwrap();
        assert!(inspect(&[0x10, 0xff, 0xff], Some(structure)).unwrap().starts_keyframe);
        let plain = Descriptor::parse(&[0x80, 0, 2]).unwrap();
        let info = inspect(&[0x10, 0xff, 0xff], Some(plain)).unwrap();
        assert!(info.starts_frame && !info.starts_keyframe);
    }

    #[test]
    fn lengths_past_the_end_are_errors() {
        assert_eq!(
            inspect(&[0x88], None).err(),
            Some(DescriptorError::Invalid("N in a packet that continues an OBU"))
        );
        assert_eq!(
            inspect(&[0x20, 9, 0], None).err(),
            Some(DescriptorError::Truncated("OBU element"))
        );
        assert_eq!(
            inspect(&[0x20, 0x80], None).err(),
            Some(DescriptorError::Truncated("OBU element size"))
        );
        let endless = [0x20, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0x01];
        assert_eq!(
            inspect(&endless, None).err(),
            Some(DescriptorError::Invalid("OBU element size"))
        );
    }
}
