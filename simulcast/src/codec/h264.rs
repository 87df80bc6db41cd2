//! NAL units in RTP, packetization-mode 1 (RFC 6184), as far as a keyframe's start and size.
//!
//! A keyframe starts with its sequence parameter set: every browser sends it in front of each IDR picture. An IDR picture
//! without one starts nothing here, since a receiver that has not seen that set (we hand none through in SDP) could not
//! decode it, and one whose set was lost would be switched to a picture that it cannot show.

use super::bits::BitReader;
use super::{DescriptorError, PacketInfo, take, take_slice};

// NAL unit types (H.264, table 7-1; RFC 6184, table 1).
const SLICE: u8 = 1;
const IDR_SLICE: u8 = 5;
const SEI: u8 = 6;
const SEQUENCE_PARAMETERS: u8 = 7;
const PICTURE_PARAMETERS: u8 = 8;
const ACCESS_UNIT_DELIMITER: u8 = 9;
const STAP_A: u8 = 24;
const FU_A: u8 = 28;

const TYPE_MASK: u8 = 0x1f;
/// S in the FU header: the first fragment.
const FIRST_FRAGMENT: u8 = 0x80;
/// The first bit of a slice header is 1 where `first_mb_in_slice` is 0 (H.264, sections 7.3.3 and 9.1).
const FIRST_MACROBLOCK_ZERO: u8 = 0x80;

/// Reads the packet's NAL units.
///
/// # Errors
/// [`DescriptorError`] where a unit passes the end of `payload`, or has a type that mode 1 does not know: the peer's fault.
pub(super) fn inspect(payload: &[u8]) -> Result<PacketInfo, DescriptorError> {
    let mut rest = payload;
    let header = take(&mut rest, "NAL unit header")?;
    let mut info = PacketInfo::default();
    match header & TYPE_MASK {
        1..STAP_A => unit(&mut info, header, rest),
        STAP_A => {
            while !rest.is_empty() {
                let high = take(&mut rest, "NAL unit size")?;
                let low = take(&mut rest, "NAL unit size, second byte")?;
                let size = usize::from(u16::from_be_bytes([high, low]));
                if let [header, body @ ..] = take_slice(&mut rest, size, "NAL unit of STAP-A")? {
                    unit(&mut info, *header, body);
                }
            }
        }
        FU_A => {
            let fragment = take(&mut rest, "FU header")?;
            if fragment & FIRST_FRAGMENT != 0 {
                unit(&mut info, fragment, rest);
            }
        }
        _ => return Err(DescriptorError::Invalid("NAL unit type")),
    }
    Ok(info)
}

/// Adds what a unit says, of which `body` is all or the beginning.
fn unit(info: &mut PacketInfo, header: u8, body: &[u8]) {
    match header & TYPE_MASK {
        SLICE | IDR_SLICE => {
            let first = body.first().is_some_and(|byte| byte & FIRST_MACROBLOCK_ZERO != 0);
            info.starts_frame |= first;
        }
        SEQUENCE_PARAMETERS => {
            info.starts_frame = true;
            info.starts_keyframe = true;
            info.height = size(body).or(info.height);
        }
        SEI | PICTURE_PARAMETERS | ACCESS_UNIT_DELIMITER => info.starts_frame = true,
        // Data partitions, end of sequence, extensions: nothing that starts a picture.
        _ => {}
    }
}

/// Width and height from a sequence parameter set (H.264, section 7.3.2.1.1), cropping taken off.
fn size(set: &[u8]) -> Option<(u16, u16)> {
    let mut reader = BitReader::escaped(set);
    let profile = reader.bits(8)?;
    reader.bits(16)?; // constraints and level
    reader.exp_golomb()?; // seq_parameter_set_id
    let chroma = if HAS_CHROMA_FORMAT.contains(&profile) { chroma(&mut reader)? } else { YUV_420 };
    reader.exp_golomb()?; // log2_max_frame_num_minus4
    picture_order(&mut reader)?;
    reader.exp_golomb()?; // max_num_ref_frames
    reader.bit()?; // gaps_in_frame_num_value_allowed_flag
    let width_mbs = reader.exp_golomb()?.checked_add(1)?;
    let height_units = reader.exp_golomb()?.checked_add(1)?;
    let fields = if reader.bit()? { 1 } else { 2 }; // frame_mbs_only_flag
    if fields == 2 {
        reader.bit()?; // mb_adaptive_frame_field_flag
    }
    reader.bit()?; // direct_8x8_inference_flag
    let [left, right, top, bottom] = if reader.bit()? {
        [reader.exp_golomb()?, reader.exp_golomb()?, reader.exp_golomb()?, reader.exp_golomb()?]
    } else {
        [0; 4]
    };
    // Units of cropping: table 6-1, equations 7-19 to 7-22.
    let unit_x = if matches!(chroma, YUV_420 | YUV_422) { 2 } else { 1 };
    let unit_y = if chroma == YUV_420 { 2 } else { 1 } * fields;
    let shown = |size: u32, before: u32, after: u32, unit: u32| {
        let cropped = before.checked_add(after)?.checked_mul(unit)?;
        u16::try_from(size.checked_mul(MACROBLOCK)?.checked_sub(cropped)?).ok()
    };
    let width = shown(width_mbs, left, right, unit_x)?;
    let height = shown(height_units.checked_mul(fields)?, top, bottom, unit_y)?;
    Some((width, height))
}

/// Profiles whose parameter sets carry `chroma_format_idc` (section 7.3.2.1.1).
const HAS_CHROMA_FORMAT: [u32; 13] = [100, 110, 122, 244, 44, 83, 86, 118, 128, 138, 139, 134, 135];
// chroma_format_idc (table 6-1).
const YUV_420: u32 = 1;
const YUV_422: u32 = 2;
const YUV_444: u32 = 3;
/// Pixels along an edge of a macroblock.
const MACROBLOCK: u32 = 16;
/// `num_ref_frames_in_pic_order_cnt_cycle` is at most this (section 7.4.2.1.1).
const ORDER_CYCLE_MAX: u32 = 255;

/// From `chroma_format_idc`, which is returned, to the scaling lists.
fn chroma(reader: &mut BitReader<'_>) -> Option<u32> {
    let chroma = reader.exp_golomb()?;
    if chroma == YUV_444 {
        reader.bit()?; // separate_colour_plane_flag
    }
    reader.exp_golomb()?; // bit_depth_luma_minus8
    reader.exp_golomb()?; // bit_depth_chroma_minus8
    reader.bit()?; // qpprime_y_zero_transform_bypass_flag
    if reader.bit()? {
        for list in 0..if chroma == YUV_444 { 12 } else { 8 } {
            if reader.bit()? {
                skip_scaling_list(reader, if list < 6 { 16 } else { 64 })?;
            }
        }
    }
    Some(chroma)
}

/// Section 7.3.2.1.1.1.
fn skip_scaling_list(reader: &mut BitReader<'_>, size: u8) -> Option<()> {
    let (mut last, mut next) = (8_i64, 8_i64);
    for _ in 0..size {
        if next != 0 {
            next = (last + reader.signed_exp_golomb()?).rem_euclid(256);
        }
        last = if next == 0 { last } else { next };
    }
    Some(())
}

/// The fields that `pic_order_cnt_type` decides.
fn picture_order(reader: &mut BitReader<'_>) -> Option<()> {
    match reader.exp_golomb()? {
        0 => {
            reader.exp_golomb()?; // log2_max_pic_order_cnt_lsb_minus4
        }
        1 => {
            reader.bit()?; // delta_pic_order_always_zero_flag
            reader.signed_exp_golomb()?; // offset_for_non_ref_pic
            reader.signed_exp_golomb()?; // offset_for_top_to_bottom_field
            let cycle = reader.exp_golomb()?;
            for _ in 0..cycle.min(ORDER_CYCLE_MAX) {
                reader.signed_exp_golomb()?;
            }
        }
        _ => {}
    }
    Some(())
}

#[cfg(test)]
mod tests {
    use super::*;

    // Parameter sets of libwebrtc's sps_parser_unittest.cc, without their NAL unit header.
    const HD: [u8; 23] = [
        0x7a, 0x00, 0x1f, 0xbc, 0xd9, 0x40, 0x50, 0x05, 0xba, 0x10, 0x00, 0x00, 0x03, 0x00, 0xc0,
        0x00, 0x00, 0x2a, 0xe0, 0xf1, 0x83, 0x19, 0x60,
    ];
    const VGA: [u8; 24] = [
        0x7a, 0x00, 0x1e, 0xbc, 0xd9, 0x40, 0xa0, 0x2f, 0xf8, 0x98, 0x40, 0x00, 0x00, 0x03, 0x01,
        0x80, 0x00, 0x00, 0x56, 0x83, 0xc5, 0x8b, 0x65, 0x80,
    ];
    const CROPPED: [u8; 23] = [
        0x7a, 0x00, 0x0d, 0xbc, 0xd9, 0x43, 0x43, 0x3e, 0x5e, 0x10, 0x00, 0x00, 0x03, 0x00, 0x60,
        0x00, 0x00, 0x15, 0xa0, 0xf1, 0x42, 0x99, 0x60,
    ];
    /// Of mux.js's test-sps.js.
    const BASELINE: [u8; 24] =
        [66, 192, 30, 217, 0, 180, 53, 249, 225, 0, 0, 3, 0, 1, 0, 0, 3, 0, 60, 15, 22, 46, 72, 0];

    #[test]
    fn sizes_are_those_that_libwebrtc_and_mux_js_read() {
        assert_eq!(size(&HD), Some((1280, 720)));
        assert_eq!(size(&VGA), Some((640, 360)));
        assert_eq!(size(&CROPPED), Some((200, 400)));
        assert_eq!(size(&BASELINE), Some((720, 404)));
        assert_eq!(size(&HD[..6]), None);
    }

    #[test]
    fn parameter_sets_in_one_packet_start_a_keyframe() {
        let mut packet = vec![24, 0, 24, 0x67];
        packet.extend(HD);
        packet.extend([0, 4, 0x68, 0xce, 0x3c, 0x80]);
        let info = inspect(&packet).unwrap();
        assert!(info.starts_frame && info.starts_keyframe);
        assert_eq!(info.height, Some((1280, 720)));
    }

    #[test]
    fn an_idr_picture_without_parameters_starts_a_frame_only() {
        for packet in [&[0x65, 0x88, 0x84][..], &[0x7c, 0x85, 0x88]] {
            let info = inspect(packet).unwrap();
            assert!(info.starts_frame && !info.starts_keyframe);
        }
    }

    #[test]
    fn slices_start_a_frame_with_their_first_macroblock() {
        assert!(inspect(&[0x41, 0x9a]).unwrap().starts_frame);
        assert!(!inspect(&[0x41, 0x42]).unwrap().starts_frame);
        // FU-A of a slice: the first fragment, one between, the last (RFC 6184, section 5.8).
        assert!(inspect(&[0x5c, 0x81, 0x9a]).unwrap().starts_frame);
        assert!(!inspect(&[0x5c, 0x01, 0x9a]).unwrap().starts_frame);
        assert!(!inspect(&[0x5c, 0x41, 0x9a]).unwrap().starts_frame);
    }

    #[test]
    fn modes_that_were_not_negotiated_are_errors() {
        // STAP-B, MTAP16, MTAP24 and FU-B are mode 2; 0, 30 and 31 are undefined.
        for kind in [0, 25, 26, 27, 29, 30, 31] {
            assert_eq!(inspect(&[kind, 0]), Err(DescriptorError::Invalid("NAL unit type")));
        }
        assert_eq!(
            inspect(&[24, 0, 9, 0x67]),
            Err(DescriptorError::Truncated("NAL unit of STAP-A"))
        );
        assert_eq!(inspect(&[28]), Err(DescriptorError::Truncated("FU header")));
    }
}
