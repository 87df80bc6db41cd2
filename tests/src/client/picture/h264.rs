//! H264 by RFC 6184, packetization-mode 1: parameter sets in front of each IDR picture, small NAL units together
//! (STAP-A), large ones in fragments (FU-A). Bytes against emulated start codes are left out: nothing looks into slices.

use super::{PAYLOAD_MAX, Payload, Picture};
use crate::bits::BitWriter;
use crate::client::stamp::Stamp;

/// Picture parameter set 0 of sequence parameter set 0: CAVLC, one slice group, no weighting (H.264, section 7.3.2.2).
const PICTURE_PARAMETERS: [u8; 4] = [0x68, 0xce, 0x38, 0x80];

/// Type 24, with the highest importance (NRI) of what it holds.
const STAP_A: u8 = 24;

/// Type 28.
const FU_A: u8 = 28;

pub(super) fn payloads(picture: &Picture) -> Vec<Payload> {
    let mut units = Vec::new();
    if picture.is_key() {
        units.push(sequence_parameters(picture.pixels));
        units.push(PICTURE_PARAMETERS.to_vec());
    }
    units.extend(slices(picture));
    packets(units).into_iter().map(Payload::plain).collect()
}

/// An odd picture is two slices, another one.
fn slices(picture: &Picture) -> Vec<Vec<u8>> {
    let body = picture.stamp(picture.encoding).fill(picture.size.max(2 * Stamp::LENGTH));
    // Type 5 or 1, nal_ref_idc 3; 0 for what nothing needs.
    let header = match (picture.is_key(), picture.is_odd) {
        (true, _) => 0x65,
        (false, false) => 0x61,
        (false, true) => 0x01,
    };
    let slices = if picture.is_odd { 2 } else { 1 };
    let slice = |(place, part): (u32, &[u8])| {
        let mut slice = vec![header];
        let mut begin = BitWriter::default();
        // first_mb_in_slice; slice_type P or I, all slices alike; pic_parameter_set_id.
        begin.exp_golomb(place).exp_golomb(if picture.is_key() { 7 } else { 5 }).exp_golomb(0);
        slice.extend(begin.bits(16, 0).bytes().iter().take(SLICE_HEADER));
        slice.extend(part);
        slice
    };
    (0..).zip(body.chunks(body.len().div_ceil(slices))).map(slice).collect()
}

/// Bytes of what stands in front of a stamp in a slice.
const SLICE_HEADER: usize = 2;

/// Constrained baseline, level 3.1, one reference, frames only (H.264, section 7.3.2.1.1).
fn sequence_parameters((width, height): (u16, u16)) -> Vec<u8> {
    let (width, height) = (u32::from(width), u32::from(height));
    let mut set = BitWriter::default();
    set.bits(8, 0x67).bits(8, 66).bits(8, 0xe0).bits(8, 31);
    set.exp_golomb(0).exp_golomb(0).exp_golomb(2).exp_golomb(1).bits(1, 0);
    set.exp_golomb(width.div_ceil(16) - 1).exp_golomb(height.div_ceil(16) - 1);
    set.bits(1, 1).bits(1, 1);
    // Cropped at the bottom, in units of two lines.
    let cropped = (height.next_multiple_of(16) - height) / 2;
    set.bits(1, u32::from(cropped > 0));
    if cropped > 0 {
        set.exp_golomb(0).exp_golomb(0).exp_golomb(0).exp_golomb(cropped);
    }
    set.bits(1, 0).stop().bytes()
}

/// NAL units in as few packets as they fit in.
fn packets(units: Vec<Vec<u8>>) -> Vec<Vec<u8>> {
    let mut packets = Vec::new();
    let mut together: Vec<Vec<u8>> = Vec::new();
    for unit in units {
        let held: usize = together.iter().map(|unit| unit.len() + 2).sum();
        if held + unit.len() + 2 > PAYLOAD_MAX {
            packets.extend(aggregated(std::mem::take(&mut together)));
        }
        // Without its header, which fragments do not repeat: one alone must not be the whole unit (section 5.8).
        if unit.len() - 1 > PAYLOAD_MAX {
            packets.extend(fragments(&unit));
        } else {
            together.push(unit);
        }
    }
    packets.extend(aggregated(together));
    packets
}

/// One unit as it is, several in one STAP-A (section 5.7.1).
fn aggregated(mut units: Vec<Vec<u8>>) -> Option<Vec<u8>> {
    if units.len() < 2 {
        return units.pop();
    }
    let importance = units.iter().map(|unit| unit[0] & 0x60).max()?;
    let mut packet = vec![importance | STAP_A];
    for unit in units {
        packet.extend(u16::try_from(unit.len()).expect("short").to_be_bytes());
        packet.extend(unit);
    }
    Some(packet)
}

/// A unit in fragments (section 5.8): its header is split between FU indicator and FU header.
fn fragments(unit: &[u8]) -> Vec<Vec<u8>> {
    let (header, body) = unit.split_first().expect("a unit has a header");
    let count = body.chunks(PAYLOAD_MAX).len();
    let fragment = |(place, part): (usize, &[u8])| {
        let start = u8::from(place == 0) << 7;
        let end = u8::from(place + 1 == count) << 6;
        let mut packet = vec![header & 0xe0 | FU_A, start | end | header & 0x1f];
        packet.extend(part);
        packet
    };
    body.chunks(PAYLOAD_MAX).enumerate().map(fragment).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    /// As libwebrtc's sps_parser_unittest.cc has them: 45 × 16 lines need no cropping, 23 × 16 are eight too many.
    #[test]
    fn a_parameter_set_has_its_size_in_macroblocks() {
        let hd = sequence_parameters((1280, 720));
        assert_eq!(hd[..4], [0x67, 66, 0xe0, 31]);
        // ue(0) ue(0) ue(2) ue(1) 0 | ue(79) = 0000001010000 | ue(44) = 00000101101 | 1 1 0 0 1.
        let bits = "1101101000000001010000000001011011100100";
        let expected: Vec<u8> = bits
            .as_bytes()
            .chunks(8)
            .map(|byte| u8::from_str_radix(std::str::from_utf8(byte).unwrap(), 2).unwrap())
            .collect();
        assert_eq!(hd[4..9], expected[..]);
        assert_eq!(hd.len(), 9);
        assert_ne!(sequence_parameters((640, 360)), sequence_parameters((640, 368)));
    }

    #[test]
    fn a_unit_too_large_is_split_and_small_ones_travel_together() {
        let large = vec![0x65; 2 * PAYLOAD_MAX];
        let packets = packets(vec![vec![0x67, 1], vec![0x68, 2], large]);
        assert_eq!(packets[0], [0x78, 0, 2, 0x67, 1, 0, 2, 0x68, 2]);
        assert_eq!(packets[1][..2], [0x7c, 0x85]);
        assert_eq!(packets[2][..2], [0x7c, 0x45]);
        assert_eq!(packets.len(), 3);
    }

    #[test]
    fn a_unit_that_would_be_one_fragment_is_none() {
        let just = packets(vec![vec![0x67, 1], vec![0x61; PAYLOAD_MAX + 1]]);
        assert_eq!(just.iter().map(|packet| packet[0]).collect::<Vec<_>>(), [0x67, 0x61]);
        assert_eq!(packets(vec![vec![0x61; PAYLOAD_MAX + 2]]).len(), 2);
    }
}
