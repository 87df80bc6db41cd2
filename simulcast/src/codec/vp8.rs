//! The VP8 payload descriptor and what follows it of the frame header (RFC 7741, sections 4.2 and 4.3).

use super::{DescriptorError, FrameNumbers, PacketInfo, PictureId, take};
use crate::layer::LayerId;
use crate::rewriter::Beginning;

/// A parsed payload descriptor. KEYIDX is not read: no decoder needs it, and nothing rewrites it.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub(crate) struct Descriptor {
    starts_frame: bool,
    picture_id: Option<PictureId>,
    tl0: Option<u8>,
    temporal: u8,
    layer_sync: bool,
    keyframe: bool,
    size: Option<(u16, u16)>,
    /// Bytes up to the end of TL0PICIDX.
    numbers_end: usize,
}

// First byte: X R N S R PID.
const EXTENDED: u8 = 0x80;
const START_OF_PARTITION: u8 = 0x10;
const PARTITION: u8 = 0x07;
// Extension byte: I L T K RSV.
const HAS_PICTURE_ID: u8 = 0x80;
const HAS_TL0: u8 = 0x40;
const HAS_TID: u8 = 0x20;
const HAS_KEYIDX: u8 = 0x10;
/// Y in the byte of TID and KEYIDX.
const LAYER_SYNC: u8 = 0x20;
/// P in the first byte of a frame header (section 4.3): 0 in a keyframe.
const INTER_FRAME: u8 = 0x01;
/// Follows the three bytes of a keyframe's tag (RFC 6386, section 9.1).
const START_CODE: [u8; 3] = [0x9d, 0x01, 0x2a];
/// Of the 16 bits of a width or height, the upper two are a scale (RFC 6386, section 9.1).
const SIZE_MASK: u16 = 0x3fff;

impl Descriptor {
    /// Reads `payload` up to the size of a keyframe.
    ///
    /// # Errors
    /// [`DescriptorError::Truncated`] where `payload` ends before what its flags announce: the peer's fault.
    pub(crate) fn parse(payload: &[u8]) -> Result<Self, DescriptorError> {
        let mut rest = payload;
        let first = take(&mut rest, "VP8 payload descriptor")?;
        let starts_frame = first & START_OF_PARTITION != 0 && first & PARTITION == 0;
        let flags = if first & EXTENDED == 0 { 0 } else { take(&mut rest, "I, L, T and K")? };
        let picture_id =
            (flags & HAS_PICTURE_ID != 0).then(|| PictureId::parse(&mut rest)).transpose()?;
        let tl0 = (flags & HAS_TL0 != 0).then(|| take(&mut rest, "TL0PICIDX")).transpose()?;
        let numbers_end = payload.len() - rest.len();
        let layer = if flags & (HAS_TID | HAS_KEYIDX) == 0 {
            0
        } else {
            take(&mut rest, "TID, Y, KEYIDX")?
        };
        let has_tid = flags & HAS_TID != 0;
        let keyframe = starts_frame && take(&mut rest, "VP8 payload header")? & INTER_FRAME == 0;
        Ok(Self {
            starts_frame,
            picture_id,
            tl0,
            temporal: if has_tid { layer >> 6 } else { 0 },
            layer_sync: has_tid && layer & LAYER_SYNC != 0,
            keyframe,
            size: if keyframe { size(rest) } else { None },
            numbers_end,
        })
    }

    /// What the descriptor says, in terms of all codecs.
    pub(crate) const fn info(&self) -> PacketInfo {
        PacketInfo {
            starts_frame: self.starts_frame,
            starts_keyframe: self.keyframe,
            ends_frame: false,
            layer: LayerId { spatial: 0, temporal: self.temporal },
            temporal_switch_up: self.layer_sync,
            height: self.size,
            numbers: FrameNumbers::Vp8 { picture_id: self.picture_id, tl0: self.tl0 },
            frame_number: None,
        }
    }

    /// This descriptor up to the end of TL0PICIDX, whose numbers change by receiver; a picture id becomes 15 bits.
    ///
    /// `payload` is what this was parsed from.
    pub(crate) fn beginning(&self, payload: &[u8]) -> Beginning {
        if self.picture_id.is_none() && self.tl0.is_none() {
            return Beginning::UNCHANGED;
        }
        let fixed = payload.get(..FIXED).unwrap_or_default();
        let beginning = Beginning::of(self.numbers_end).bytes(fixed);
        let beginning = beginning.picture_id(self.picture_id.is_some());
        beginning.tl0(self.tl0.is_some())
    }
}

/// Bytes in front of the picture id: the first and the extension byte.
const FIXED: usize = 2;

/// Width and height of a keyframe from what follows the first byte of its header.
fn size(rest: &[u8]) -> Option<(u16, u16)> {
    let &[_, _, a, b, c, width_low, width_high, height_low, height_high, ..] = rest else {
        return None;
    };
    ([a, b, c] == START_CODE).then(|| {
        (
            u16::from_le_bytes([width_low, width_high]) & SIZE_MASK,
            u16::from_le_bytes([height_low, height_high]) & SIZE_MASK,
        )
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    fn info(payload: &[u8]) -> PacketInfo {
        Descriptor::parse(payload).unwrap().info()
    }

    /// From the capture: SSRC 0x2dca9646, sequence number 18997, the first packet of a keyframe of 1280 × 720.
    const KEYFRAME: [u8; 16] = [
        0x90, 0xe0, 0x81, 0xc3, 0xcf, 0x20, 0xd0, 0x0d, 0x01, 0x9d, 0x01, 0x2a, 0x00, 0x05, 0xd0,
        0x02,
    ];

    #[test]
    fn the_first_packet_of_a_keyframe_of_chromium_tells_all() {
        assert_eq!(
            info(&KEYFRAME),
            PacketInfo {
                starts_frame: true,
                starts_keyframe: true,
                ends_frame: false,
                layer: LayerId { spatial: 0, temporal: 0 },
                temporal_switch_up: true,
                height: Some((1280, 720)),
                numbers: FrameNumbers::Vp8 {
                    picture_id: Some(PictureId::Long(0x1c3)),
                    tl0: Some(0xcf)
                },
                frame_number: None,
            }
        );
    }

    #[test]
    fn later_packets_of_a_keyframe_do_not_start_it() {
        // The next packet of the same frame, sequence number 18998.
        let later = info(&[0x80, 0xe0, 0x81, 0xc3, 0xcf, 0x20, 0x4b, 0x1d]);
        assert!(!later.starts_frame && !later.starts_keyframe);
        assert_eq!(later.numbers.tl0(), Some(0xcf));
    }

    #[test]
    fn a_frame_of_the_upper_temporal_layer_is_no_keyframe() {
        // Sequence number 19002: N is set, TID is 1, Y is 1.
        let upper = info(&[0xb0, 0xe0, 0x81, 0xc4, 0xcf, 0xa0, 0x31, 0x81]);
        assert!(upper.starts_frame && !upper.starts_keyframe);
        assert_eq!(upper.layer, LayerId { spatial: 0, temporal: 2 });
        assert!(upper.temporal_switch_up);
    }

    #[test]
    fn a_later_partition_does_not_start_a_frame() {
        // RFC 7741, section 4.2: S with PID 1 starts the second partition.
        assert!(!info(&[0x11, 0x00]).starts_frame);
    }

    #[test]
    fn a_descriptor_of_one_byte_has_no_numbers() {
        let plain = info(&[0x10, 0x00, 0x00, 0x00]);
        assert!(plain.starts_keyframe);
        assert_eq!(plain.numbers, FrameNumbers::Vp8 { picture_id: None, tl0: None });
    }

    #[test]
    fn a_picture_id_of_seven_bits_is_one_byte() {
        // RFC 7741, section 4.2: X, I, then M = 0.
        let short = info(&[0x90, 0x80, 0x11, 0x01]);
        assert_eq!(short.numbers.picture_id(), Some(PictureId::Short(0x11)));
    }

    #[test]
    fn the_key_index_alone_is_no_layer() {
        let key = info(&[0x90, 0x10, 0xff, 0x01]);
        assert_eq!(key.layer.temporal, 0);
        assert!(!key.temporal_switch_up);
    }

    #[test]
    fn every_cut_names_the_field_that_is_missing() {
        let fields = [
            "VP8 payload descriptor",
            "I, L, T and K",
            "PictureID",
            "PictureID, second byte",
            "TL0PICIDX",
            "TID, Y, KEYIDX",
            "VP8 payload header",
        ];
        for (length, field) in fields.into_iter().enumerate() {
            assert_eq!(
                Descriptor::parse(&KEYFRAME[..length]),
                Err(DescriptorError::Truncated(field))
            );
        }
    }
}
