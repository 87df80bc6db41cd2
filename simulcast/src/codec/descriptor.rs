//! The dependency descriptor, a header extension that tells a frame's place beside any codec, encrypted or not (AV1 RTP
//! payload format, appendix A). Here only the mandatory fields are read, and whether a template structure follows.

use super::DescriptorError;
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

/// Writes the descriptor `data` to `out` with the frame number of `rewrite`; gives the bytes written.
///
/// Nothing is written, and 0 returned, where `data` is no descriptor or does not fit: such a packet goes without.
#[must_use]
pub fn rewrite_descriptor(data: &[u8], rewrite: &Rewrite, out: &mut [u8]) -> usize {
    let Some(out) = out.get_mut(..data.len()) else { return 0 };
    out.copy_from_slice(data);
    let Some([_, high, low, ..]) = out.first_chunk_mut::<3>() else { return 0 };
    [*high, *low] = rewrite.frame_number.to_be_bytes();
    data.len()
}

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
        assert_eq!(rewrite_descriptor(&[0x85, 0x12, 0x34, 0x80, 0x99], &rewrite, &mut out), 5);
        assert_eq!(out, [0x85, 0xab, 0xcd, 0x80, 0x99, 0, 0, 0]);
        assert_eq!(rewrite_descriptor(&[0x85, 0x12], &rewrite, &mut out), 0);
        assert_eq!(rewrite_descriptor(&[0x85, 0x12, 0x34], &rewrite, &mut [0; 2]), 0);
    }
}
