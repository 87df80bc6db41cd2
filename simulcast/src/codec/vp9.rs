//! The VP9 payload descriptor with its scalability structure (RFC 9628, section 4.2).

use super::{DescriptorError, FrameNumbers, PacketInfo, PictureId, take, take_slice};
use crate::layer::LayerId;
use crate::rewriter::Beginning;

/// A parsed payload descriptor. The pictures that a picture refers to are relative, and nothing rewrites them.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub(crate) struct Descriptor {
    flags: u8,
    picture_id: Option<PictureId>,
    /// The byte of TID, U, SID and D.
    layer: Option<u8>,
    tl0: Option<u8>,
    /// P_DIFF of each reference, in flexible mode; 0 for none.
    references: [u8; REFERENCES_MAX],
    structure: Option<Structure>,
    /// Bytes up to the end of TL0PICIDX, or of the layer indices where there is none.
    numbers_end: usize,
}

/// What a scalability structure says, as far as anything needs it.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub(crate) struct Structure {
    /// How many spatial layers there are: N_S + 1.
    pub(crate) spatial_layers: u8,
    /// Width and height of the largest in pixels, where told.
    pub(crate) size: Option<(u16, u16)>,
    /// Height of each in pixels; 0 where none are told.
    pub(crate) heights: [u16; SPATIAL_LAYERS_MAX],
}

/// N_S has three bits.
pub(crate) const SPATIAL_LAYERS_MAX: usize = 8;

// First byte: I P L F B E V Z.
const HAS_PICTURE_ID: u8 = 0x80;
const INTER_PICTURE: u8 = 0x40;
const HAS_LAYER: u8 = 0x20;
const FLEXIBLE: u8 = 0x10;
const STARTS_FRAME: u8 = 0x08;
const ENDS_FRAME: u8 = 0x04;
const HAS_STRUCTURE: u8 = 0x02;
const NOT_NEEDED_ABOVE: u8 = 0x01;
/// U in the byte of layer indices.
const SWITCHING_UP: u8 = 0x10;
/// D in the byte of layer indices.
const NEEDS_BELOW: u8 = 0x01;
/// N in a reference index: another one follows.
const MORE_REFERENCES: u8 = 0x01;
/// RFC 9628, section 4.2: at most three reference indices.
const REFERENCES_MAX: usize = 3;
// First byte of the scalability structure: N_S Y G.
const HAS_SIZES: u8 = 0x10;
const HAS_GROUP: u8 = 0x08;

impl Descriptor {
    /// Reads the descriptor of `payload`, in full.
    ///
    /// # Errors
    /// [`DescriptorError`] where `payload` ends before what its flags announce or names more than three references:
    /// the peer's fault.
    pub(crate) fn parse(payload: &[u8]) -> Result<Self, DescriptorError> {
        let mut rest = payload;
        let flags = take(&mut rest, "VP9 payload descriptor")?;
        let picture_id =
            (flags & HAS_PICTURE_ID != 0).then(|| PictureId::parse(&mut rest)).transpose()?;
        let layer =
            (flags & HAS_LAYER != 0).then(|| take(&mut rest, "TID, U, SID, D")).transpose()?;
        let flexible = flags & FLEXIBLE != 0;
        let tl0 =
            (layer.is_some() && !flexible).then(|| take(&mut rest, "TL0PICIDX")).transpose()?;
        let numbers_end = payload.len() - rest.len();
        let references = if flexible && flags & INTER_PICTURE != 0 {
            references(&mut rest)?
        } else {
            [0; REFERENCES_MAX]
        };
        let structure = (flags & HAS_STRUCTURE != 0).then(|| structure(&mut rest)).transpose()?;
        Ok(Self { flags, picture_id, layer, tl0, references, structure, numbers_end })
    }

    /// The scalability structure, where this packet carries one.
    pub(crate) const fn structure(&self) -> Option<Structure> {
        self.structure
    }

    /// Whether the packet is the last of its layer frame (E).
    pub(crate) const fn ends_frame(&self) -> bool {
        self.flags & ENDS_FRAME != 0
    }

    /// Whether the frame needs frames of earlier pictures (P).
    pub(crate) const fn is_inter_picture(&self) -> bool {
        self.flags & INTER_PICTURE != 0
    }

    /// Whether no upper spatial layer of the same picture needs the frame (Z).
    pub(crate) const fn is_not_needed_above(&self) -> bool {
        self.flags & NOT_NEEDED_ABOVE != 0
    }

    /// Whether the frame needs the spatial layer below in its picture (D).
    pub(crate) const fn needs_below(&self) -> bool {
        matches!(self.layer, Some(indices) if indices & NEEDS_BELOW != 0)
    }

    /// How many pictures back those lie that the frame needs; none where it does not name them.
    pub(crate) fn references(&self) -> Option<impl Iterator<Item = u8> + use<>> {
        let named = self.flags & FLEXIBLE != 0;
        named.then(|| self.references.into_iter().filter(|difference| *difference > 0))
    }

    /// What the descriptor says, in terms of all codecs.
    pub(crate) const fn info(&self) -> PacketInfo {
        let indices = match self.layer {
            Some(indices) => indices,
            None => 0,
        };
        let layer = LayerId { spatial: (indices >> 1) & 0x07, temporal: indices >> 5 };
        let starts_frame = self.flags & STARTS_FRAME != 0;
        PacketInfo {
            starts_frame,
            starts_keyframe: starts_frame && self.flags & INTER_PICTURE == 0 && layer.spatial == 0,
            ends_frame: false,
            layer,
            temporal_switch_up: indices & SWITCHING_UP != 0,
            height: match self.structure {
                Some(structure) => structure.size,
                None => None,
            },
            numbers: FrameNumbers::Vp9 { picture_id: self.picture_id, tl0: self.tl0 },
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
        let first = payload.get(..1).unwrap_or_default();
        let beginning = Beginning::of(self.numbers_end).bytes(first);
        let beginning = beginning.picture_id(self.picture_id.is_some());
        beginning.bytes(self.layer.as_slice()).tl0(self.tl0.is_some())
    }
}

fn references(rest: &mut &[u8]) -> Result<[u8; REFERENCES_MAX], DescriptorError> {
    let mut references = [0; REFERENCES_MAX];
    for place in &mut references {
        let index = take(rest, "P_DIFF")?;
        *place = index >> 1;
        if index & MORE_REFERENCES == 0 {
            return Ok(references);
        }
    }
    Err(DescriptorError::Invalid("number of reference indices"))
}

fn structure(rest: &mut &[u8]) -> Result<Structure, DescriptorError> {
    let first = take(rest, "scalability structure")?;
    let mut structure = Structure {
        spatial_layers: (first >> 5) + 1,
        size: None,
        heights: [0; SPATIAL_LAYERS_MAX],
    };
    if first & HAS_SIZES != 0 {
        for height in structure.heights.iter_mut().take(structure.spatial_layers.into()) {
            let bytes = take_slice(rest, 4, "WIDTH and HEIGHT")?;
            if let &[a, b, c, d] = bytes {
                *height = u16::from_be_bytes([c, d]);
                structure.size = Some((u16::from_be_bytes([a, b]), *height));
            }
        }
    }
    if first & HAS_GROUP != 0 {
        for _ in 0..take(rest, "N_G")? {
            let references = (take(rest, "TID, U, R")? >> 2) & 0x03;
            take_slice(rest, usize::from(references), "P_DIFF of the picture group")?;
        }
    }
    Ok(structure)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn info(payload: &[u8]) -> PacketInfo {
        Descriptor::parse(payload).unwrap().info()
    }

    /// As Chromium starts a stream of one spatial and three temporal layers: I L B V, picture id 0x1234, TID 0, TL0PICIDX 7,
    /// one size (1280 × 720), a picture group of four (RFC 9628, figure 8's shape).
    const KEYFRAME: [u8; 22] = [
        0xaa, 0x92, 0x34, 0x00, 0x07, 0x18, 0x05, 0x00, 0x02, 0xd0, 0x04, 0x04, 0x04, 0x54, 0x01,
        0x38, 0x01, 0x02, 0x58, 0x01, 0x02, 0x82,
    ];

    #[test]
    fn a_keyframe_with_its_structure_tells_all() {
        // The group as written: four pictures with 1, 1, 2 and 2 references.
        assert_eq!(
            info(&KEYFRAME),
            PacketInfo {
                starts_frame: true,
                starts_keyframe: true,
                ends_frame: false,
                layer: LayerId { spatial: 0, temporal: 0 },
                temporal_switch_up: false,
                height: Some((1280, 720)),
                numbers: FrameNumbers::Vp9 {
                    picture_id: Some(PictureId::Long(0x1234)),
                    tl0: Some(7)
                },
                frame_number: None,
            }
        );
    }

    #[test]
    fn the_size_is_that_of_the_largest_spatial_layer() {
        // B V; N_S = 2, Y: 320 × 180, 640 × 360, 1280 × 720.
        let svc = info(&[0x0a, 0x50, 1, 64, 0, 180, 2, 128, 1, 104, 5, 0, 2, 208]);
        assert_eq!(svc.height, Some((1280, 720)));
    }

    #[test]
    fn an_upper_spatial_layer_of_a_keyframe_does_not_start_it() {
        // I L B, picture id of 7 bits, SID 1 with D, TL0PICIDX.
        let upper = info(&[0xa8, 0x11, 0x03, 0x09]);
        assert!(upper.starts_frame && !upper.starts_keyframe);
        assert_eq!(upper.layer, LayerId { spatial: 1, temporal: 0 });
        assert_eq!(upper.numbers.picture_id(), Some(PictureId::Short(0x11)));
    }

    #[test]
    fn flexible_mode_has_references_in_place_of_tl0picidx() {
        // I P L F B: picture id, TID 2 with U, two references.
        let flexible = info(&[0xf8, 0x05, 0x50, 0x03, 0x04]);
        assert_eq!(flexible.layer.temporal, 2);
        assert!(flexible.temporal_switch_up && !flexible.starts_keyframe);
        assert_eq!(flexible.numbers.tl0(), None);
        assert_eq!(
            Descriptor::parse(&[0xf8, 0x05, 0x50, 0x03, 0x03, 0x03, 0x00]),
            Err(DescriptorError::Invalid("number of reference indices"))
        );
    }

    #[test]
    fn every_cut_is_an_error() {
        for length in 0..KEYFRAME.len() - 1 {
            assert!(Descriptor::parse(&KEYFRAME[..length]).is_err(), "{length}");
        }
    }
}
