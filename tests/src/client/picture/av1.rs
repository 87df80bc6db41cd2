//! AV1 by its RTP payload format: an aggregation header (section 4.4) in front of OBU elements, and beside it, where
//! asked for, the dependency descriptor (appendix A). One spatial layer, two temporal ones.

use tools::simnet::random::Random;

use super::{PAYLOAD_MAX, Payload, Picture};
use crate::bits::BitWriter;

/// The numbers of one stream.
#[derive(Clone, Copy, Debug)]
pub struct Packetizer {
    has_descriptor: bool,
    frame_number: u16,
    /// `template_id_offset`, another one in each coded video sequence.
    offset: u8,
}

// Aggregation header: Z Y W W N.
const CONTINUES: u8 = 0x80;
const CONTINUED: u8 = 0x40;
const STARTS_SEQUENCE: u8 = 0x08;

/// More elements than W can count must all have lengths (section 4.4).
const COUNTED_MAX: usize = 3;

impl Packetizer {
    pub(super) fn new(has_descriptor: bool, random: &mut Random) -> Self {
        let [frame_high, frame_low, ..] = random.next().to_be_bytes();
        Self {
            has_descriptor,
            frame_number: u16::from_be_bytes([frame_high, frame_low]),
            offset: frame_high & 0x3f,
        }
    }

    pub(super) fn payloads(&mut self, picture: &Picture) -> Vec<Payload> {
        if picture.is_key() {
            self.offset = (self.offset + TEMPLATES) & 0x3f;
        }
        let mut units = Vec::new();
        if picture.is_key() {
            units.push(sequence_header(picture.pixels));
        }
        units.push(frame(picture));
        // Either form of lengths is met: with W, and without.
        let packets = packets(&units, picture.is_key(), picture.is_odd);
        let count = packets.len();
        let payload = |(place, bytes)| Payload {
            bytes,
            descriptor: self
                .has_descriptor
                .then(|| self.descriptor(picture, place == 0, place + 1 == count)),
        };
        let payloads = packets.into_iter().enumerate().map(payload).collect();
        self.frame_number = self.frame_number.wrapping_add(1);
        payloads
    }

    /// Descriptors beside the packets of a picture of another codec in the same two temporal layers.
    pub(super) fn beside(&mut self, picture: &Picture, packets: usize) -> Vec<Vec<u8>> {
        if picture.is_key() {
            self.offset = (self.offset + TEMPLATES) & 0x3f;
        }
        let descriptor = |place| self.descriptor(picture, place == 0, place + 1 == packets);
        let descriptors = (0..packets).map(descriptor).collect();
        self.frame_number = self.frame_number.wrapping_add(1);
        descriptors
    }

    /// The mandatory fields; on the first packet of a keyframe the structure too.
    fn descriptor(&self, picture: &Picture, starts: bool, ends: bool) -> Vec<u8> {
        let template = match (picture.is_key(), picture.is_odd) {
            (true, _) => 0,
            (false, false) => 1,
            (false, true) => 2,
        };
        let mut out = BitWriter::default();
        out.bits(1, u32::from(starts)).bits(1, u32::from(ends));
        out.bits(6, u32::from((self.offset + template) & 0x3f));
        out.bits(16, u32::from(self.frame_number));
        if picture.is_key() && starts {
            // Structure present; no bitmask, no custom DTIs, frame differences or chains.
            out.bits(5, 0b10000);
            self.structure(&mut out, picture.pixels);
        }
        out.bytes()
    }

    /// Two decode targets, three templates (keyframe, even, odd), one chain that protects both targets.
    fn structure(&self, out: &mut BitWriter, (width, height): (u16, u16)) {
        out.bits(6, self.offset.into()).bits(5, 1);
        // next_layer_idc: the same layer, the next temporal one, no more.
        out.bits(2, 0).bits(2, 1).bits(2, 3);
        // DTIs: switch and switch, switch and switch, not present and discardable.
        out.bits(4, 0b1010).bits(4, 0b1010).bits(4, 0b0001);
        // Frame differences: none, 2, 1.
        out.bits(1, 0).bits(1, 1).bits(4, 1).bits(1, 0).bits(1, 1).bits(4, 0).bits(1, 0);
        // chain_cnt of 0 to 2 in ns(3): 1 is `10`. With one chain decode_target_protected_by takes no bits.
        out.bits(2, 0b10).bits(4, 0).bits(4, 2).bits(4, 1);
        out.bits(1, 1).bits(16, u32::from(width) - 1).bits(16, u32::from(height) - 1);
    }
}

const TEMPLATES: u8 = 3;

/// Profile 0, one operating point at level 3.1, nothing optional (AV1 specification, section 5.5).
pub(super) fn sequence_header((width, height): (u16, u16)) -> Vec<u8> {
    let mut header = BitWriter::default();
    // OBU header: type 1, no extension, no size.
    header.bits(8, 0x08);
    // seq_profile, still_picture, reduced_still_picture_header, timing_info, initial_display_delay.
    header.bits(3, 0).bits(4, 0);
    // operating_points_cnt_minus_1, operating_point_idc (temporal layers 0 and 1), seq_level_idx.
    header.bits(5, 0).bits(12, 0x103).bits(5, 5);
    header.bits(4, 15).bits(4, 15).bits(16, u32::from(width) - 1).bits(16, u32::from(height) - 1);
    // frame_id_numbers to enable_order_hint; seq_choose_screen_content_tools, seq_choose_integer_mv; superres, cdef,
    // restoration; the seven bits of color_config; film_grain_params.
    header.bits(9, 0).bits(2, 3).bits(3, 0).bits(7, 0).bits(1, 0);
    header.stop().bytes()
}

/// A frame OBU: type 6, an extension with the temporal id, no size; show_existing_frame 0, frame_type KEY or INTER,
/// show_frame 1 (section 5.9.2); then the stamp.
fn frame(picture: &Picture) -> Vec<u8> {
    let type_and_show = if picture.is_key() { 0x10 } else { 0x30 };
    let mut frame = vec![0x34, u8::from(picture.is_odd) << 5, type_and_show];
    frame.extend(picture.stamp(picture.encoding).fill(picture.size));
    frame
}

/// OBUs in packets, an OBU that does not fit split between them.
pub(super) fn packets(
    units: &[Vec<u8>],
    starts_sequence: bool,
    always_lengths: bool,
) -> Vec<Vec<u8>> {
    let mut packets = Vec::new();
    let mut rest: Vec<&[u8]> = units.iter().map(Vec::as_slice).rev().collect();
    let mut continues = false;
    while !rest.is_empty() {
        let (mut elements, mut room, mut continued) = (Vec::new(), PAYLOAD_MAX, false);
        while room > 0
            && let Some(unit) = rest.pop()
        {
            let (element, left) = unit.split_at(unit.len().min(room));
            elements.push(element);
            room -= element.len();
            if !left.is_empty() {
                rest.push(left);
                continued = true;
                break;
            }
        }
        let counts = !always_lengths && elements.len() <= COUNTED_MAX;
        let mut packet = vec![aggregation_header(
            continues,
            continued,
            if counts { elements.len() } else { 0 },
            starts_sequence && packets.is_empty(),
        )];
        for (place, element) in elements.iter().enumerate() {
            if !counts || place + 1 < elements.len() {
                packet.extend(leb128(element.len()));
            }
            packet.extend(*element);
        }
        packets.push(packet);
        continues = continued;
    }
    packets
}

fn aggregation_header(continues: bool, continued: bool, count: usize, starts: bool) -> u8 {
    let count = u8::try_from(count).expect("at most COUNTED_MAX");
    let mut header = count << 4;
    header |= if continues { CONTINUES } else { 0 };
    header |= if continued { CONTINUED } else { 0 };
    header | if starts { STARTS_SEQUENCE } else { 0 }
}

/// AV1 specification, section 4.10.5.
fn leb128(mut value: usize) -> Vec<u8> {
    let mut out = Vec::new();
    loop {
        let byte = u8::try_from(value & 0x7f).expect("seven bits");
        value >>= 7;
        out.push(byte | u8::from(value > 0) << 7);
        if value == 0 {
            return out;
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_obu_that_does_not_fit_continues_in_the_next_packet() {
        let packets = packets(&[vec![0x08; 9], vec![0x30; 2 * PAYLOAD_MAX]], true, false);
        // Y, W = 2, N; the first element with its length.
        assert_eq!(packets[0][..3], [0x68, 9, 0x08]);
        assert_eq!(packets[1][..2], [0xd0, 0x30]);
        assert_eq!(packets[2][..2], [0x90, 0x30]);
        assert_eq!(packets.iter().map(Vec::len).sum::<usize>(), 9 + 2 * PAYLOAD_MAX + 3 + 1);
    }

    #[test]
    fn a_length_of_more_than_seven_bits_takes_two_bytes() {
        // AV1 specification, section 4.10.5: lowest seven bits first.
        assert_eq!(leb128(127), [127]);
        assert_eq!(leb128(300), [0xac, 0x02]);
    }

    #[test]
    fn a_descriptor_with_its_structure_fits_an_extension_of_sixteen_bytes() {
        let packetizer = Packetizer { has_descriptor: true, frame_number: 0x1234, offset: 61 };
        let picture = Picture {
            publication: 1,
            encoding: 0,
            number: 0,
            needs: None,
            is_odd: false,
            size: 40,
            pixels: (1280, 720),
            since_key: 0,
        };
        let descriptor = packetizer.descriptor(&picture, true, false);
        assert_eq!(descriptor[..4], [0x80 | 61, 0x12, 0x34, 0b1000_0111]);
        assert_eq!(descriptor.len(), 15);
        assert_eq!(packetizer.descriptor(&picture, false, true), [0x40 | 61, 0x12, 0x34]);
    }
}
