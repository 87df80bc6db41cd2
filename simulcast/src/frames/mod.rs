//! The frames of one encoding as they depend on each other: receivers of which layers need a frame, and what it needs.
//!
//! ```text
//!   dependency descriptor: templates, decode targets ─┐
//!   VP9: SID, TID, Z, D, P, P_DIFF, U ────────────────┼─► Place {number, within, needs, ends} ─► Selector
//!   VP8: PictureID, TID, Y ───────────────────────────┘
//! ```
//!
//! Where a packet has a dependency descriptor, that decides. One that names a template of a structure that is still on its way
//! has no place until then: read it again once the structure is there. A stream that tells nothing of its frames (H264 or AV1
//! without a descriptor, VP8 without picture ids) is forwarded whole.
//!
//! Chains are read over, on purpose: they tell a receiver at once what was lost; which frame may be left out follows from the
//! references, frame by frame. Left out on purpose, too: AV1's temporal ids of the OBU extension without a descriptor beside
//! them, since nothing tells then where a receiver may step up.

mod dependency;
mod past;

use crate::codec::descriptor::Targets;
use crate::codec::{Codec, DescriptorError, PacketInfo, PictureId, inspect, vp9};
use crate::layer::{LayerId, LayerSet, SPATIAL_MAX, Spread};
use dependency::{Described, Structure};
pub(crate) use dependency::{Outline, outline};
use past::{Frame, Past};

/// A frame's place among those of its encoding, as one of its packets tells it.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub struct Place {
    /// Counts frames, of all spatial layers, and never wraps; numbers may be left out. `None` where the stream tells nothing of
    /// its frames.
    pub number: Option<u32>,
    /// Receivers of which layers need the frame. A layer beyond those of the stream means the highest.
    pub within: LayerSet,
    /// Which frames it needs: bit n for the one whose number is n less. Bit 0 stands for something older than [`REACH`] or unknown.
    pub needs: u64,
    /// The packet is the last of the frame.
    pub ends: bool,
}

/// How far back references are followed, in frames: 2 s of one layer, and 21 pictures of three. No encoder of a browser looks
/// further back than 8 pictures.
pub const REACH: u32 = 64;

/// The bit of [`Place::needs`] for what is older than [`REACH`].
pub const OLDER: u64 = 1;

impl Place {
    /// Of a packet of a stream that is forwarded whole.
    pub const WHOLE: Self = Self { number: None, within: LayerSet::ALL, needs: 0, ends: false };

    /// Of a packet whose frame is not known yet: nobody gets it.
    pub const UNKNOWN: Self = Self { within: LayerSet::NONE, ..Self::WHOLE };

    /// Whether the frame is known, and needs no other.
    #[must_use]
    pub const fn is_intra(&self) -> bool {
        self.number.is_some() && self.needs == 0
    }

    /// This place among the layers of a publication whose encoding number `encoding` it is.
    #[must_use]
    pub fn spread(self, spread: Spread, encoding: u8) -> Self {
        match spread {
            Spread::Encodings => self.of_encoding(encoding),
            Spread::Layers => self,
        }
    }

    /// This place where the encoding is number `encoding` of a simulcast publication: all its spatial layers are one.
    #[must_use]
    pub fn of_encoding(self, encoding: u8) -> Self {
        let within = LayerSet::of(|LayerId { spatial, temporal }| {
            spatial == encoding && self.within.contains(LayerId { spatial: u8::MAX, temporal })
        });
        Self { within, ..self }
    }
}

/// What is known of one encoding's frames.
#[derive(Clone, Debug, Default)]
pub struct Frames {
    source: Source,
    counter: Counter,
    /// Of the last coded video sequence.
    structure: Option<Box<Sequence>>,
    /// Of the one before it, of which packets may still come.
    before: Option<Box<Sequence>>,
    past: Past,
    /// The highest spatial layer of VP9: by its structure, or of the last picture.
    top: u8,
    /// The newest picture of VP9, and the highest layer seen of it.
    picture: (u32, u8),
    offered: LayerSet,
    heights: [u16; SPATIAL_MAX as usize],
}

/// A coded video sequence: what its templates say.
#[derive(Clone, Debug)]
struct Sequence {
    /// The number of the frame that began it.
    first: u32,
    structure: Structure,
    /// The decode targets that are sent, as bits, as was told last.
    active: u32,
}

/// Whose words decide, from one keyframe to the next.
#[derive(Clone, Copy, Debug, Default, Eq, PartialEq)]
enum Source {
    #[default]
    Nothing,
    Descriptor,
    Vp8,
    Vp9,
}

impl Frames {
    /// Reads a packet: what its payload says ([`inspect`]), and the place of its frame; `None` where that is known only once
    /// the packet with its structure has come ([`Self::sequence`] tells).
    ///
    /// # Errors
    /// [`DescriptorError`] where the bytes break their format: the peer's fault.
    pub fn read(
        &mut self,
        codec: Codec,
        payload: &[u8],
        marker: bool,
        descriptor: Option<&[u8]>,
    ) -> Result<(PacketInfo, Option<Place>), DescriptorError> {
        let mut info = inspect(codec, payload, marker, descriptor)?;
        let structure = descriptor.map(dependency::structure).transpose()?.flatten();
        if info.starts_keyframe || structure.is_some() {
            self.choose(codec, structure.is_some());
        }
        let place = match (self.source, descriptor) {
            (Source::Descriptor, Some(data)) => {
                let place = self.described(&mut info, data, structure);
                return Ok((info, place));
            }
            // It cannot be the first of its stream.
            (Source::Nothing, Some(_)) if codec == Codec::Av1 => return Ok((info, None)),
            (Source::Vp8, _) => self.vp8(&info),
            (Source::Vp9, _) => self.vp9(&info, vp9::Descriptor::parse(payload)?),
            (Source::Nothing | Source::Descriptor, _) => None,
        };
        Ok((info, Some(place.unwrap_or(Place::WHOLE))))
    }

    /// Which coded video sequence is the newest whose structure is known, by the number of its first frame.
    #[must_use]
    pub fn sequence(&self) -> Option<u32> {
        self.structure.as_ref().map(|sequence| sequence.first)
    }

    /// The layers that the stream says it has; none where it does not say.
    #[must_use]
    pub const fn offered(&self) -> LayerSet {
        self.offered
    }

    /// Whether the dependency descriptor says which layers there are: then at once, else as their frames come.
    #[must_use]
    pub fn is_described(&self) -> bool {
        self.source == Source::Descriptor
    }

    /// The height in pixels of a spatial layer; 0 while unknown.
    #[must_use]
    pub fn height(&self, spatial: u8) -> u16 {
        self.heights.get(usize::from(spatial)).copied().unwrap_or(0)
    }

    fn choose(&mut self, codec: Codec, has_structure: bool) {
        let source = match codec {
            _ if has_structure => Source::Descriptor,
            Codec::Vp8 => Source::Vp8,
            Codec::Vp9 => Source::Vp9,
            Codec::Opus | Codec::Red | Codec::H264 | Codec::Av1 => Source::Nothing,
        };
        if source != self.source {
            // Numbers of another kind: nothing before is any frame's neighbour.
            self.counter.restart();
            self.past = Past::default();
            self.offered = LayerSet::NONE;
            self.heights = [0; SPATIAL_MAX as usize];
            self.source = source;
        }
    }

    fn described(
        &mut self,
        info: &mut PacketInfo,
        data: &[u8],
        structure: Option<Structure>,
    ) -> Option<Place> {
        let is_new = structure.is_some();
        let mut counter = self.counter;
        let number = counter.unwrap(info.frame_number?.into(), 1 << 16, is_new);
        if let Some(structure) = structure {
            self.adopt(Sequence { first: number, structure, active: u32::MAX });
        }
        // The payload's own words may differ: H264 starts a picture behind its parameter sets once more.
        let ends = data.first().is_some_and(|first| first & ENDS != 0);
        info.starts_frame = data.first().is_some_and(|first| first & STARTS != 0);
        info.starts_keyframe &= info.starts_frame;
        let mut known = [&mut self.structure, &mut self.before].into_iter().flatten();
        let sequence = known.find(|sequence| number >= sequence.first)?;
        let structure = &sequence.structure;
        let Described { layer, within, needs, active } = structure.describe(data)?;
        self.counter = counter;
        if let Some(active) = active {
            self.offered = structure.offered(active);
            sequence.active = active;
        }
        info.layer = layer;
        let largest = usize::from(structure.largest());
        if is_new && let Some(height) = self.heights.get(largest).filter(|height| **height > 0) {
            info.height = Some((structure.width, *height));
        }
        Some(Place { number: Some(number), within, needs, ends })
    }

    /// The decode targets that remain of the frame at `place` for a receiver of `layer`; `None` where no descriptor tells them, or one
    /// is all there is.
    #[must_use]
    pub fn targets(&self, place: &Place, layer: LayerId) -> Option<Targets> {
        let number = place.number.filter(|_| self.is_described())?;
        let mut known = [&self.structure, &self.before].into_iter().flatten();
        let sequence = known.find(|sequence| number >= sequence.first)?;
        sequence.structure.targets(layer, sequence.active)
    }

    /// Takes a structure over, unless a newer one is known: its packet may have been lost at first.
    fn adopt(&mut self, sequence: Sequence) {
        let newest = self.sequence();
        if newest.is_none_or(|newest| sequence.first > newest) {
            self.heights = sequence.structure.heights;
            // The box of the one that is forgotten serves the new one.
            std::mem::swap(&mut self.structure, &mut self.before);
            put(&mut self.structure, sequence);
        } else if newest != Some(sequence.first)
            && self.before.as_ref().is_none_or(|before| sequence.first > before.first)
        {
            put(&mut self.before, sequence);
        }
    }

    fn vp8(&mut self, info: &PacketInfo) -> Option<Place> {
        let (id, wrap) = picture_id(info)?;
        let number = self.counter.unwrap(id, wrap, info.starts_keyframe);
        let (layer, key) = (info.layer, info.starts_keyframe);
        let frame = Frame { number, layer, cuts: info.temporal_switch_up, key };
        // A keyframe says so in its first packet alone.
        let key = key || self.past.is_key(number);
        let frame = Frame { key, ..frame };
        self.past.add(frame);
        self.offered = self.offered.with(layer);
        let within = LayerSet::of(|wanted| wanted.temporal >= layer.temporal);
        let needs = self.past.needs_vp8(frame);
        Some(Place { number: Some(number), within, needs, ends: info.ends_frame })
    }

    fn vp9(&mut self, info: &PacketInfo, descriptor: vp9::Descriptor) -> Option<Place> {
        let (id, wrap) = picture_id(info)?;
        let layer = info.layer;
        if layer.spatial >= SPATIAL_MAX {
            return None;
        }
        let picture = self.counter.unwrap(id, wrap, info.starts_keyframe);
        self.follow(picture, layer.spatial, &descriptor);
        let stride = u32::from(SPATIAL_MAX);
        let number = picture.checked_mul(stride)?.checked_add(layer.spatial.into())?;
        let inter = descriptor.is_inter_picture();
        let key = !inter && layer.spatial == 0;
        let frame = Frame { number, layer, cuts: info.temporal_switch_up, key: !inter };
        self.past.add(frame);
        self.offered = self.offered.with(layer);
        let mut needs = if descriptor.needs_below() && !key { 1 << 1 } else { 0 };
        if inter {
            needs |= match descriptor.references() {
                None => self.past.needs_vp9(frame, stride),
                Some(named) => named.fold(0, |needs, pictures| {
                    let distance = u32::from(pictures) * stride;
                    needs | if distance < REACH { 1 << distance } else { OLDER }
                }),
            };
        }
        let (is_top, above) = (layer.spatial >= self.top, !descriptor.is_not_needed_above());
        let within = LayerSet::of(|wanted| {
            let spatial = wanted.spatial == layer.spatial
                || wanted.spatial > layer.spatial && (above || is_top);
            spatial && wanted.temporal >= layer.temporal
        });
        Some(Place { number: Some(number), within, needs, ends: descriptor.ends_frame() })
    }

    /// Keeps up with how many spatial layers VP9 has: as its structure says, and fewer once a picture has fewer.
    fn follow(&mut self, picture: u32, spatial: u8, descriptor: &vp9::Descriptor) {
        let (newest, highest) = self.picture;
        if picture > newest {
            self.top = highest;
            self.picture = (picture, spatial);
        } else if picture == newest {
            self.picture.1 = highest.max(spatial);
        }
        if let Some(structure) = descriptor.structure() {
            self.top = structure.spatial_layers.saturating_sub(1).min(SPATIAL_MAX - 1);
            let (top, known) = (self.top, self.offered);
            self.offered = LayerSet::of(|LayerId { spatial, temporal }| {
                spatial <= top && (temporal == 0 || known.contains(LayerId { spatial, temporal }))
            });
            for (height, told) in self.heights.iter_mut().zip(structure.heights) {
                *height = told;
            }
        }
    }
}

/// Puts a sequence into a box that is there, or a new one.
fn put(place: &mut Option<Box<Sequence>>, sequence: Sequence) {
    match place {
        Some(known) => **known = sequence,
        None => *place = Some(Box::new(sequence)),
    }
}

/// `start_of_frame` and `end_of_frame`.
const STARTS: u8 = 0x80;
const ENDS: u8 = 0x40;

fn picture_id(info: &PacketInfo) -> Option<(u32, u32)> {
    Some(match info.numbers.picture_id()? {
        PictureId::Short(id) => (id.into(), 1 << 7),
        PictureId::Long(id) => (id.into(), 1 << 15),
    })
}

/// Counts numbers that wrap.
#[derive(Clone, Copy, Debug, Default)]
struct Counter {
    highest: Option<u32>,
    /// What is added to numbers of the present count, less whole wraps.
    offset: u32,
}

impl Counter {
    /// The next number starts a count of its own, out of reach of all before.
    const fn restart(&mut self) {
        if let Some(highest) = self.highest {
            self.offset = highest.saturating_add(2 * REACH);
            self.highest = None;
        }
    }

    /// The full number of `value`, which wraps at `wrap`, a power of two: the nearest to the highest so far. Where a keyframe
    /// comes from further back than a late one can, the encoder has begun anew.
    fn unwrap(&mut self, value: u32, wrap: u32, is_key: bool) -> u32 {
        if let Some(highest) = self.highest {
            let ahead = value.wrapping_sub(highest.wrapping_sub(self.offset)) & (wrap - 1);
            let behind = wrap - ahead;
            if ahead < wrap / 2 {
                let number = highest.saturating_add(ahead);
                self.highest = Some(number);
                return number;
            }
            if !is_key || behind < REACH {
                return highest.saturating_sub(behind);
            }
            self.restart();
        }
        // Whatever comes late must have a number too.
        let start = self.offset.max(wrap);
        self.offset = start.wrapping_sub(value);
        self.highest = Some(start);
        start
    }
}

#[cfg(test)]
#[path = "frames_tests.rs"]
mod tests;
