//! The template structure of dependency descriptors (AV1 RTP payload format, appendix A.8), and what a frame says by it.

use super::{OLDER, REACH};
use crate::codec::DescriptorError;
use crate::codec::bits::BitReader;
use crate::codec::descriptor::Targets;
use crate::layer::{LayerId, LayerSet, SPATIAL_MAX, TEMPORAL_MAX, all_layers};

/// What frames of one kind have in common.
#[derive(Clone, Copy, Debug, Default, Eq, PartialEq)]
struct Template {
    layer: LayerId,
    /// Decode targets, as bits, that need a frame of it: indications other than "not present".
    present: u32,
    /// Frames it needs, as bits by distance.
    needs: u64,
}

/// The templates that the frames of a coded video sequence name.
#[derive(Clone, Debug)]
pub(super) struct Structure {
    offset: u8,
    decode_targets: u8,
    chains: u8,
    templates: [Template; TEMPLATES_MAX],
    count: u8,
    /// Of each decode target: the highest spatial and temporal id of frames that it needs.
    targets: [LayerId; TARGETS_MAX],
    /// The decode target that stands for each layer, by its place among all: the highest one that is not above it.
    standing: [u8; LAYERS],
    /// For each layer, by its place among all: the decode targets of which its receivers get every frame, as bits.
    whole: [u32; LAYERS],
    /// Heights of spatial layers in pixels; 0 where none are told.
    pub(super) heights: [u16; SPATIAL_MAX as usize],
    /// The width of the largest, where told.
    pub(super) width: u16,
}

/// What one packet's descriptor says of its frame.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub(super) struct Described {
    pub(super) layer: LayerId,
    /// Receivers of which layers need the frame.
    pub(super) within: LayerSet,
    /// Frames it needs, as bits by distance.
    pub(super) needs: u64,
    /// `active_decode_targets_bitmask`, where the packet has one.
    pub(super) active: Option<u32>,
}

/// `frame_dependency_template_id` has six bits.
const TEMPLATES_MAX: usize = 64;
/// `dt_cnt_minus_one` has five bits.
const TARGETS_MAX: usize = 32;
const LAYERS: usize = SPATIAL_MAX as usize * TEMPORAL_MAX as usize;
/// Bytes of the mandatory fields.
const MANDATORY: usize = 3;
/// `next_layer_idc`.
const SAME_LAYER: u32 = 0;
const NEXT_TEMPORAL: u32 = 1;
const NEXT_SPATIAL: u32 = 2;

const SHORT: DescriptorError = DescriptorError::Truncated("template dependency structure");

/// Where the bits of a descriptor stand that tell the active decode targets.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub(crate) struct Outline {
    /// The first bit behind the structure, where `active_decode_targets_bitmask` stands or would.
    pub(crate) mask: usize,
    /// The first bit behind that.
    pub(crate) rest: usize,
    /// The first bit of the padding.
    pub(crate) end: usize,
}

/// The outline of a descriptor with extended fields; `None` where it ends before what it announces.
pub(crate) fn outline(data: &[u8], targets: &Targets) -> Option<Outline> {
    let mut reader = BitReader::new(data.get(MANDATORY..)?);
    let all = data.len() * 8;
    let flags = Extended::read(&mut reader)?;
    if flags.structure {
        Structure::read(&mut reader)?;
    }
    let mask = all - reader.left();
    if flags.bitmask {
        bitmask(&mut reader, targets.count)?;
    }
    let rest = all - reader.left();
    if flags.indications {
        indications(&mut reader, targets.count)?;
    }
    if flags.differences {
        differences(&mut reader)?;
    }
    if flags.chains {
        reader.bits(8 * u32::from(targets.chains))?;
    }
    Some(Outline { mask, rest, end: all - reader.left() })
}

/// The five flags behind the mandatory fields.
#[derive(Clone, Copy, Debug, Default)]
#[expect(clippy::struct_excessive_bools, reason = "five flags of the wire")]
struct Extended {
    structure: bool,
    bitmask: bool,
    indications: bool,
    differences: bool,
    chains: bool,
}

impl Extended {
    fn read(reader: &mut BitReader<'_>) -> Option<Self> {
        Some(Self {
            structure: reader.bit()?,
            bitmask: reader.bit()?,
            indications: reader.bit()?,
            differences: reader.bit()?,
            chains: reader.bit()?,
        })
    }
}

/// The structure that a descriptor carries; `None` where it carries none.
///
/// # Errors
/// Where the descriptor ends before what it announces: the peer's fault.
pub(super) fn structure(data: &[u8]) -> Result<Option<Structure>, DescriptorError> {
    let Some(rest) = data.get(MANDATORY..).filter(|rest| !rest.is_empty()) else {
        return Ok(None);
    };
    let mut reader = BitReader::new(rest);
    let flags = Extended::read(&mut reader).ok_or(SHORT)?;
    if flags.structure { Structure::read(&mut reader).ok_or(SHORT).map(Some) } else { Ok(None) }
}

impl Structure {
    fn read(reader: &mut BitReader<'_>) -> Option<Self> {
        let offset = u8::try_from(reader.bits(6)?).ok()?;
        let decode_targets = u8::try_from(reader.bits(5)? + 1).ok()?;
        let mut structure = Self {
            offset,
            decode_targets,
            chains: 0,
            templates: [Template::default(); TEMPLATES_MAX],
            count: 0,
            targets: [LayerId::default(); TARGETS_MAX],
            standing: [0; LAYERS],
            whole: [0; LAYERS],
            heights: [0; SPATIAL_MAX as usize],
            width: 0,
        };
        structure.read_layers(reader)?;
        structure.read_dependencies(reader)?;
        structure.read_chains(reader)?;
        structure.read_sizes(reader)?;
        structure.find_targets();
        Some(structure)
    }

    fn known(&mut self) -> &mut [Template] {
        self.templates.get_mut(..usize::from(self.count)).unwrap_or_default()
    }

    /// `template_layers`: what changes from one template to the next.
    fn read_layers(&mut self, reader: &mut BitReader<'_>) -> Option<()> {
        let mut layer = LayerId::default();
        for template in &mut self.templates {
            template.layer = layer;
            self.count += 1;
            match reader.bits(2)? {
                SAME_LAYER => {}
                NEXT_TEMPORAL => layer.temporal += 1,
                NEXT_SPATIAL => layer = LayerId { spatial: layer.spatial + 1, temporal: 0 },
                _ => return Some(()),
            }
        }
        // More templates than there are ids.
        None
    }

    /// `template_dtis` and `template_fdiffs`.
    fn read_dependencies(&mut self, reader: &mut BitReader<'_>) -> Option<()> {
        let decode_targets = self.decode_targets;
        for template in self.known() {
            template.present = indications(reader, decode_targets)?;
        }
        for template in self.known() {
            while reader.bit()? {
                template.needs |= distance(reader.bits(4)? + 1);
            }
        }
        Some(())
    }

    /// `template_chains`: read over, since references say more precisely what a frame needs.
    fn read_chains(&mut self, reader: &mut BitReader<'_>) -> Option<()> {
        let targets = u32::from(self.decode_targets);
        let chains = reader.below(targets + 1)?;
        self.chains = u8::try_from(chains).ok()?;
        if chains > 0 {
            for _ in 0..targets {
                reader.below(chains)?;
            }
            reader.bits(4 * chains * u32::from(self.count))?;
        }
        Some(())
    }

    /// `render_resolutions`.
    fn read_sizes(&mut self, reader: &mut BitReader<'_>) -> Option<()> {
        if !reader.bit()? {
            return Some(());
        }
        let largest = self.known().iter().map(|template| template.layer.spatial).max()?;
        for spatial in 0..=largest {
            let (width, height) = (reader.bits(16)?, reader.bits(16)?);
            self.width = u16::try_from(width).ok()?.saturating_add(1);
            if let Some(place) = self.heights.get_mut(usize::from(spatial)) {
                *place = u16::try_from(height).ok()?.saturating_add(1);
            }
        }
        Some(())
    }

    /// Which layer each decode target is, and which target stands for each layer.
    fn find_targets(&mut self) {
        let templates = self.templates;
        for (target, layer) in (0..self.decode_targets).zip(&mut self.targets) {
            for template in templates.iter().filter(|it| it.present >> target & 1 == 1) {
                layer.spatial = layer.spatial.max(template.layer.spatial);
                layer.temporal = layer.temporal.max(template.layer.temporal);
            }
        }
        let targets = self.targets;
        for (layer, place) in all_layers().zip(&mut self.standing) {
            let known = (0..self.decode_targets).zip(targets);
            let below = known.clone().filter(|(_, target)| {
                target.spatial <= layer.spatial && target.temporal <= layer.temporal
            });
            let lowest = known.min_by_key(|(_, target)| *target);
            *place = below.max_by_key(|(_, target)| *target).or(lowest).map_or(0, |it| it.0);
        }
        let count = usize::from(self.count);
        for (whole, standing) in self.whole.iter_mut().zip(self.standing) {
            let gets = |it: &&Template| it.present >> standing & 1 == 1;
            let missing = templates.iter().take(count).filter(|it| !gets(it));
            *whole = !missing.fold(0, |missing, template| missing | template.present);
        }
    }

    /// What a receiver of `layer` is to be told, where `sent` are the targets that the publisher sends; `None` of a single one.
    pub(super) fn targets(&self, layer: LayerId, sent: u32) -> Option<Targets> {
        let place = all_layers().position(|it| LayerSet::NONE.with(layer).contains(it))?;
        let (count, chains) = (self.decode_targets, self.chains);
        let active = self.whole.get(place)? & sent;
        (count > 1).then_some(Targets { count, chains, active })
    }

    /// The layers there are, of which `active` targets are sent.
    pub(super) fn offered(&self, active: u32) -> LayerSet {
        let known = (0..self.decode_targets).zip(self.targets);
        let sent = known.filter(|(target, _)| active >> target & 1 == 1);
        sent.fold(LayerSet::NONE, |set, (_, layer)| set.with(layer))
    }

    /// The largest spatial id.
    pub(super) fn largest(&self) -> u8 {
        let known = self.templates.iter().take(self.count.into());
        known.map(|template| template.layer.spatial).max().unwrap_or(0)
    }

    /// What the descriptor `data` says of its frame; `None` where it names no template of this structure, or ends before
    /// what it announces.
    pub(super) fn describe(&self, data: &[u8]) -> Option<Described> {
        let (mandatory, rest) = data.split_at_checked(MANDATORY)?;
        let id = mandatory.first()? & 0x3f;
        let place = usize::from(id.wrapping_sub(self.offset) & 0x3f);
        let template = self.templates.get(..usize::from(self.count))?.get(place)?;
        let (mut present, mut needs, mut active) = (template.present, template.needs, None);
        if !rest.is_empty() {
            let mut reader = BitReader::new(rest);
            let flags = Extended::read(&mut reader)?;
            if flags.structure {
                Self::read(&mut reader)?;
                active = Some(u32::MAX);
            }
            if flags.bitmask {
                active = Some(bitmask(&mut reader, self.decode_targets)?);
            }
            if flags.indications {
                present = indications(&mut reader, self.decode_targets)?;
            }
            if flags.differences {
                needs = differences(&mut reader)?;
            }
            if flags.chains {
                reader.bits(8 * u32::from(self.chains))?;
            }
        }
        let standing = all_layers().zip(self.standing);
        let within = standing
            .filter(|(_, target)| present >> target & 1 == 1)
            .fold(LayerSet::NONE, |set, (layer, _)| set.with(layer));
        Some(Described { layer: template.layer, within, needs, active })
    }
}

/// `decode_target_indication` of each target: 0 is "not present".
fn indications(reader: &mut BitReader<'_>, decode_targets: u8) -> Option<u32> {
    let mut present = 0;
    for target in 0..decode_targets {
        present |= u32::from(reader.bits(2)? != 0) << target;
    }
    Some(present)
}

/// `active_decode_targets_bitmask`, whose last bit is target 0.
fn bitmask(reader: &mut BitReader<'_>, decode_targets: u8) -> Option<u32> {
    reader.bits(decode_targets.into())
}

/// `frame_fdiffs`: each with its size in front, in units of four bits.
fn differences(reader: &mut BitReader<'_>) -> Option<u64> {
    let mut needs = 0;
    loop {
        match reader.bits(2)? {
            0 => return Some(needs),
            size => needs |= distance(reader.bits(4 * size)? + 1),
        }
    }
}

const fn distance(frames: u32) -> u64 {
    if frames < REACH { 1 << frames } else { OLDER }
}
