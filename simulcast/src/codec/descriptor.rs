//! The dependency descriptor, a header extension that tells a frame's place beside any codec, encrypted or not (AV1 RTP
//! payload format, appendix A). Here only the mandatory fields are read, and whether a template structure follows.

use super::DescriptorError;
use super::bits::BitWriter;
use crate::frames::{Outline, outline};
use crate::rewriter::Rewrite;

/// The mandatory fields. Which layer a template stands for takes the structure of an earlier packet: see
/// [`Frames`](crate::frames::Frames).
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub struct Descriptor {
    /// `start_of_frame`.
    pub starts_frame: bool,
    /// `end_of_frame`.
    pub ends_frame: bool,
    /// `frame_dependency_template_id`, 0 to 63.
    pub template: u8,
    /// `frame_number`.
    pub frame_number: u16,
    /// `template_dependency_structure_present_flag`: a coded video sequence begins here.
    pub has_structure: bool,
}

impl Descriptor {
    /// Reads the data of the header extension.
    ///
    /// # Errors
    /// [`DescriptorError::Truncated`] below three bytes: the peer's fault.
    pub const fn parse(data: &[u8]) -> Result<Self, DescriptorError> {
        let &[first, high, low, ref extended @ ..] = data else {
            return Err(DescriptorError::Truncated("dependency descriptor"));
        };
        let has_structure = match extended {
            [flags, ..] => *flags & 0x80 != 0,
            [] => false,
        };
        Ok(Self {
            starts_frame: first & 0x80 != 0,
            ends_frame: first & 0x40 != 0,
            template: first & 0x3f,
            frame_number: u16::from_be_bytes([high, low]),
            has_structure,
        })
    }
}

/// The decode targets of a coded video sequence, as far as one receiver is concerned.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub struct Targets {
    /// How many there are, 2 to 32.
    pub count: u8,
    /// How many chains protect them.
    pub chains: u8,
    /// Those of which the receiver gets every frame, as bits.
    pub active: u32,
}

/// Writes the descriptor `data` to `out` with the frame number of `rewrite`; gives the bytes written.
///
/// The first packet of a frame tells which of the `targets` are active, with or without a structure: a receiver that misses one
/// learns it from the next. A descriptor that cannot be read by `targets`, or for which there is no room with them, tells what it came with.
/// At most [`DESCRIPTOR_GROWTH`] bytes are added.
///
/// Nothing is written, and 0 returned, where `data` is no descriptor or does not fit: such a packet goes without.
#[must_use]
pub fn rewrite_descriptor(
    data: &[u8],
    rewrite: &Rewrite,
    targets: Option<Targets>,
    out: &mut [u8],
) -> usize {
    let told = targets
        .filter(|_| data.first().is_some_and(|first| first & STARTS_FRAME != 0))
        .and_then(|targets| tell(data, &targets, out));
    let length = told.unwrap_or(data.len());
    let Some(out) = out.get_mut(..length) else { return 0 };
    if told.is_none() {
        out.copy_from_slice(data);
    }
    let Some([_, high, low, ..]) = out.first_chunk_mut::<3>() else { return 0 };
    [*high, *low] = rewrite.frame_number.to_be_bytes();
    length
}

/// Writes `data` with `active_decode_targets_bitmask`.
fn tell(data: &[u8], targets: &Targets, out: &mut [u8]) -> Option<usize> {
    let (mandatory, extended) = data.split_at_checked(MANDATORY)?;
    let length = data.len().saturating_add(DESCRIPTOR_GROWTH).min(out.len());
    let out = out.get_mut(..length)?;
    out.fill(0);
    out.get_mut(..MANDATORY)?.copy_from_slice(mandatory);
    let flags = MANDATORY * 8;
    let mut writer = BitWriter::new(out, flags);
    let outline = match extended {
        [] => Outline { mask: flags, rest: flags, end: flags },
        [_, ..] => outline(data, targets)?,
    };
    // template_dependency_structure_present_flag, active_decode_targets_present_flag, and three that say what is the frame's own.
    if extended.is_empty() {
        [false, true, false, false, false].into_iter().try_for_each(|flag| writer.bit(flag))?;
    } else {
        writer.copy(data, flags, flags + 1)?;
        writer.bit(true)?;
        writer.copy(data, flags + 2, outline.mask)?;
    }
    for target in (0..targets.count).rev() {
        writer.bit(targets.active.checked_shr(target.into())? & 1 == 1)?;
    }
    writer.copy(data, outline.rest, outline.end)?;
    Some(writer.length())
}

const STARTS_FRAME: u8 = 0x80;
/// Bytes of the mandatory fields.
const MANDATORY: usize = 3;

/// By how many bytes a descriptor may grow: five flags and a bit for each of 32 decode targets.
pub const DESCRIPTOR_GROWTH: usize = 5;

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_mandatory_fields_are_where_appendix_a_puts_them() {
        // start_of_frame f(1), end_of_frame f(1), template id f(6), frame_number f(16), structure flag f(1).
        let both = Descriptor::parse(&[0b1000_0101, 0x12, 0x34, 0x80]).unwrap();
        assert_eq!(
            both,
            Descriptor {
                starts_frame: true,
                ends_frame: false,
                template: 5,
                frame_number: 0x1234,
                has_structure: true
            }
        );
        let last = Descriptor::parse(&[0b0111_1111, 0xff, 0xff]).unwrap();
        assert!(last.ends_frame && !last.starts_frame && !last.has_structure);
        assert_eq!(last.template, 63);
        assert!(Descriptor::parse(&[0x80, 0]).is_err());
    }

    #[test]
    fn a_rewrite_touches_nothing_but_the_frame_number() {
        let rewrite = Rewrite { frame_number: 0xabcd, ..Rewrite::default() };
        let mut out = [0; 8];
        assert_eq!(
            rewrite_descriptor(&[0x85, 0x12, 0x34, 0x80, 0x99], &rewrite, None, &mut out),
            5
        );
        assert_eq!(out, [0x85, 0xab, 0xcd, 0x80, 0x99, 0, 0, 0]);
        assert_eq!(rewrite_descriptor(&[0x85, 0x12], &rewrite, None, &mut out), 0);
        assert_eq!(rewrite_descriptor(&[0x85, 0x12, 0x34], &rewrite, None, &mut [0; 2]), 0);
    }

    /// A Chromium's AV1 in the mode L3T3 while it sent two of three spatial layers, and the same frame while it sent all: packets of a
    /// capture in LiveKit's tests (`dependencydescriptorextension_test.go`).
    #[test]
    fn active_decode_targets_are_told_as_chromium_tells_them() {
        let targets = Targets { count: 9, chains: 3, active: 0x3f };
        let rewrite = Rewrite { frame_number: 0x0173, ..Rewrite::default() };
        let told = |data: &[u8], active| {
            let mut out = [0xff; 16];
            let targets = Targets { active, ..targets };
            let length = rewrite_descriptor(data, &rewrite, Some(targets), &mut out);
            out[..length].to_vec()
        };
        let (plain, masked) = ([0x86, 0x01, 0x73], [0x86, 0x01, 0x73, 0x40, 0xfc]);
        assert_eq!(told(&plain, 0x3f), masked);
        assert_eq!(told(&masked, 0x3f), masked);
        // In place of another one; and a packet that is not its frame's first is left alone.
        assert_eq!(told(&[0x86, 0x01, 0x73, 0x47, 0xfc], 0x3f), masked);
        assert_eq!(told(&[0x46, 0x01, 0x73], 0x3f), [0x46, 0x01, 0x73]);
        // Where there is no room it goes as it came.
        let mut short = [0; 4];
        assert_eq!(rewrite_descriptor(&plain, &rewrite, Some(targets), &mut short), 3);
        assert_eq!(short[..3], plain);
    }
}
