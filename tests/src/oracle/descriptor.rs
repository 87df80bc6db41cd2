//! The dependency descriptor as a receiver reads it (AV1 RTP payload format, appendix A), in full.

use crate::bits::BitReader;

/// What the descriptor of a packet says.
#[derive(Clone, Debug, Eq, PartialEq)]
pub struct Descriptor {
    /// The packet is the first of its frame.
    pub starts: bool,
    /// The packet is the last of its frame.
    pub ends: bool,
    /// Counts frames; wraps.
    pub frame_number: u16,
    /// `frame_dependency_template_id`.
    pub template_id: u8,
    /// `active_decode_targets_bitmask`, where the packet has it: what can be decoded from here on.
    pub active: Option<u32>,
    /// Present where a coded video sequence begins.
    pub structure: Option<Structure>,
    /// In place of the template's, where the frame has its own.
    custom_differences: Option<Vec<u16>>,
    custom_chains: Option<Vec<u16>>,
}

/// The templates that frames name.
#[derive(Clone, Debug, Default, Eq, PartialEq)]
pub struct Structure {
    offset: u8,
    decode_targets: u32,
    chains: u32,
    /// The chain of each decode target.
    protected_by: Vec<u32>,
    templates: Vec<Template>,
}

/// What frames of one kind have in common.
#[derive(Clone, Debug, Default, Eq, PartialEq)]
pub struct Template {
    /// Of the frame.
    pub spatial: u8,
    /// Of the frame.
    pub temporal: u8,
    differences: Vec<u16>,
    /// `decode_target_indication` of each target: 0 for a frame that it does not need.
    indications: Vec<u32>,
    /// How far back the last frame of each chain lies.
    chains: Vec<u16>,
}

impl Descriptor {
    /// Reads the data of an extension. Frames between two structures need the `last` one for their own dependencies.
    ///
    /// `None` where it is cut short.
    #[must_use]
    pub fn read(data: &[u8], last: Option<&Structure>) -> Option<Self> {
        let mut reader = BitReader::new(data);
        let (starts, ends) = (reader.flag()?, reader.flag()?);
        let template_id = u8::try_from(reader.bits(6)?).ok()?;
        let frame_number = u16::try_from(reader.bits(16)?).ok()?;
        let (mut structure, mut custom_differences, mut custom_chains) = (None, None, None);
        let mut active = None;
        if data.len() > 3 {
            let has_structure = reader.flag()?;
            let [has_bitmask, own_indications, own_differences, own_chains] =
                [reader.flag()?, reader.flag()?, reader.flag()?, reader.flag()?];
            if has_structure {
                structure = Some(Structure::read(&mut reader)?);
            }
            let known = structure.as_ref().or(last)?;
            if has_bitmask {
                active = Some(reader.bits(known.decode_targets)?);
            }
            if own_indications {
                (0..known.decode_targets).try_for_each(|_| reader.bits(2).map(|_| ()))?;
            }
            if own_differences {
                custom_differences = Some(own(&mut reader)?);
            }
            if own_chains {
                let read = (0..known.chains).map(|_| u16::try_from(reader.bits(8)?).ok());
                custom_chains = Some(read.collect::<Option<Vec<u16>>>()?);
            }
        }
        Some(Self {
            starts,
            ends,
            frame_number,
            template_id,
            active,
            structure,
            custom_differences,
            custom_chains,
        })
    }

    /// How far back the last frame lies of the chain that protects the decode targets of a spatial layer; `None` without chains.
    #[must_use]
    pub fn chain_difference(&self, structure: &Structure, spatial: u8) -> Option<u16> {
        let chain = structure.chain_of(spatial)?;
        let template = structure.template(self.template_id)?;
        self.custom_chains.as_ref().unwrap_or(&template.chains).get(chain).copied()
    }

    /// How far back the frames lie that it needs; `None` where `structure` has no such template.
    #[must_use]
    pub fn differences<'a>(&'a self, structure: &'a Structure) -> Option<&'a [u16]> {
        let template = structure.template(self.template_id)?;
        Some(self.custom_differences.as_ref().unwrap_or(&template.differences))
    }
}

impl Structure {
    /// The template that frames call `id`.
    #[must_use]
    pub fn template(&self, id: u8) -> Option<&Template> {
        self.templates.get(usize::from(id.wrapping_sub(self.offset) & 0x3f))
    }

    /// Whether any of the `active` decode targets needs frames of a template.
    #[must_use]
    pub fn is_needed(&self, id: u8, active: u32) -> bool {
        let needs = |(target, it): (usize, &u32)| *it != 0 && active >> target & 1 == 1;
        self.template(id).is_some_and(|it| it.indications.iter().enumerate().any(needs))
    }

    /// The highest spatial id of frames that the `active` decode targets need.
    #[must_use]
    pub fn highest(&self, active: u32) -> Option<u8> {
        let ids = (0..64).filter(|id| self.is_needed(*id, active));
        ids.filter_map(|id| self.template(id)).map(|it| it.spatial).max()
    }

    /// The chain of the lowest decode target that needs frames of a spatial layer and none above.
    fn chain_of(&self, spatial: u8) -> Option<usize> {
        let highest = |target: &usize| {
            let needs = |it: &&Template| it.indications.get(*target).is_some_and(|it| *it != 0);
            self.templates.iter().filter(needs).map(|it| it.spatial).max()
        };
        let target =
            (0..self.protected_by.len()).find(|target| highest(target) == Some(spatial))?;
        usize::try_from(self.protected_by[target]).ok()
    }

    fn read(reader: &mut BitReader<'_>) -> Option<Self> {
        let offset = u8::try_from(reader.bits(6)?).ok()?;
        let decode_targets = reader.bits(5)? + 1;
        let mut templates = layers(reader)?;
        for template in &mut templates {
            let read = (0..decode_targets).map(|_| reader.bits(2));
            template.indications = read.collect::<Option<Vec<u32>>>()?;
        }
        for template in &mut templates {
            while reader.flag()? {
                template.differences.push(u16::try_from(reader.bits(4)? + 1).ok()?);
            }
        }
        let chains = reader.below(decode_targets + 1)?;
        let mut protected_by = Vec::new();
        if chains > 0 {
            for _ in 0..decode_targets {
                protected_by.push(reader.below(chains)?);
            }
            for template in &mut templates {
                let read = (0..chains).map(|_| u16::try_from(reader.bits(4)?).ok());
                template.chains = read.collect::<Option<Vec<u16>>>()?;
            }
        }
        if reader.flag()? {
            let largest = templates.iter().map(|template| template.spatial).max()?;
            (0..=largest).try_for_each(|_| reader.bits(32).map(|_| ()))?;
        }
        Some(Self { offset, decode_targets, chains, protected_by, templates })
    }
}

/// `template_layers`: each template's layer by what changes from the one before.
fn layers(reader: &mut BitReader<'_>) -> Option<Vec<Template>> {
    let mut templates = vec![Template::default()];
    let (mut spatial, mut temporal) = (0, 0);
    loop {
        match reader.bits(2)? {
            0 => {}
            1 => temporal += 1,
            2 => (spatial, temporal) = (spatial + 1, 0),
            _ => return Some(templates),
        }
        templates.push(Template { spatial, temporal, ..Template::default() });
    }
}

/// `frame_fdiffs`: each with its size in front, in units of four bits.
fn own(reader: &mut BitReader<'_>) -> Option<Vec<u16>> {
    let mut differences = Vec::new();
    loop {
        match reader.bits(2)? {
            0 => return Some(differences),
            size => differences.push(u16::try_from(reader.bits(4 * size)? + 1).ok()?),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::bits::BitWriter;

    /// Two temporal layers, by the syntax of appendix A.8.
    fn with_structure() -> Vec<u8> {
        let mut out = BitWriter::default();
        out.bits(2, 0b10).bits(6, 62).bits(16, 500).bits(5, 0b10000);
        out.bits(6, 62).bits(5, 1).bits(2, 0).bits(2, 1).bits(2, 3).bits(12, 0xaa1);
        out.bits(1, 0).bits(1, 1).bits(4, 1).bits(1, 0).bits(1, 1).bits(4, 0).bits(1, 0);
        out.bits(2, 0b10).bits(12, 0x021).bits(1, 1).bits(32, 0x027f_0167);
        out.bytes()
    }

    #[test]
    fn a_structure_names_what_later_frames_need() {
        let key = Descriptor::read(&with_structure(), None).expect("whole");
        assert!(key.starts && !key.ends);
        assert_eq!((key.frame_number, key.template_id), (500, 62));
        let structure = key.structure.clone().expect("there");
        assert_eq!(key.differences(&structure), Some(&[][..]));
        // Template ids wrap at 64: 62, 63, 0.
        for (id, temporal, needs) in [(63, 0, 2), (0, 1, 1)] {
            let data = [0xc0 | id, 0x01, 0xf5];
            let next = Descriptor::read(&data, Some(&structure)).expect("whole");
            assert_eq!(next.differences(&structure), Some(&[needs][..]));
            assert_eq!(structure.template(id).map(|it| it.temporal), Some(temporal));
        }
        assert_eq!(structure.template(1), None);
    }

    #[test]
    fn a_frame_may_have_dependencies_of_its_own() {
        let structure = Descriptor::read(&with_structure(), None).and_then(|key| key.structure);
        let mut out = BitWriter::default();
        // custom_fdiffs_flag; one of 4 bits, one of 8, no more.
        out.bits(24, 0x00c0_0001 | 62 << 16).bits(5, 0b00010);
        out.bits(2, 1).bits(4, 4).bits(2, 2).bits(8, 199).bits(2, 0);
        let data = out.bytes();
        let frame = Descriptor::read(&data, structure.as_ref()).expect("whole");
        assert_eq!(frame.differences(&structure.expect("there")), Some(&[5, 200][..]));
        assert_eq!(Descriptor::read(&data, None), None, "without a structure nothing is known");
    }

    #[test]
    fn every_cut_is_noticed() {
        let whole = with_structure();
        for length in (0..3).chain(4..whole.len()) {
            assert_eq!(Descriptor::read(&whole[..length], None), None, "{length}");
        }
    }
}
