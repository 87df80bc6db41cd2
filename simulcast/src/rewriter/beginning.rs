//! The beginning of a payload, whose numbers differ by receiver.

use super::Rewrite;
use crate::codec::{Codec, vp8, vp9};

/// How the beginning of a payload changes.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub struct Prefix {
    /// Bytes written, which come first.
    pub written: usize,
    /// Bytes at the beginning of the payload that they stand for; the rest follows as it is.
    pub consumed: usize,
}

impl Prefix {
    /// The payload stays as it is.
    pub const UNCHANGED: Self = Self { written: 0, consumed: 0 };

    /// The most bytes that [`Beginning::write`] writes: VP8's X byte, extension byte, picture id of two and TL0PICIDX; VP9's first
    /// byte, picture id of two, layer indices and TL0PICIDX.
    pub const MAX: usize = 5;
}

/// The beginning of one payload with gaps for the numbers that differ by receiver: found once, written for each of them.
///
/// Only VP8 and VP9 have numbers in their payload; all others stay as they are, as does a payload that is no such descriptor. A
/// picture id of 7 bits becomes one of 15, so that a receiver sees one width whatever the publisher chose: the payload grows by a
/// byte.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub struct Beginning {
    bytes: [u8; Prefix::MAX],
    length: usize,
    picture_id_at: Option<usize>,
    tl0_at: Option<usize>,
    consumed: usize,
}

impl Beginning {
    /// Nothing changes.
    pub const UNCHANGED: Self = Self::of(0);

    /// The beginning of a payload of `codec`.
    #[must_use]
    pub fn new(codec: Codec, payload: &[u8]) -> Self {
        match codec {
            Codec::Vp8 => vp8::Descriptor::parse(payload)
                .map_or(Self::UNCHANGED, |descriptor| descriptor.beginning(payload)),
            Codec::Vp9 => vp9::Descriptor::parse(payload)
                .map_or(Self::UNCHANGED, |descriptor| descriptor.beginning(payload)),
            Codec::Opus | Codec::Red | Codec::H264 | Codec::Av1 => Self::UNCHANGED,
        }
    }

    /// Writes it with the numbers of `rewrite` to `out`, which takes [`Prefix::MAX`] bytes; those behind what is written are
    /// undefined then.
    #[must_use]
    #[inline]
    pub fn write(&self, rewrite: &Rewrite, out: &mut [u8]) -> Prefix {
        if self.length == 0 {
            return Prefix::UNCHANGED;
        }
        let Some(place) = out.first_chunk_mut::<{ Prefix::MAX }>() else {
            debug_assert!(false, "a prefix needs Prefix::MAX bytes");
            return Prefix::UNCHANGED;
        };
        *place = self.bytes;
        if let Some(gap) = self.picture_id_at.and_then(|at| place.get_mut(at..at + 2)) {
            gap.copy_from_slice(&rewrite.picture_id_bytes());
        }
        if let Some(gap) = self.tl0_at.and_then(|at| place.get_mut(at)) {
            *gap = rewrite.tl0;
        }
        Prefix { written: self.length, consumed: self.consumed }
    }

    /// Nothing yet, in the place of `consumed` bytes.
    pub(crate) const fn of(consumed: usize) -> Self {
        let bytes = [0; Prefix::MAX];
        Self { bytes, length: 0, picture_id_at: None, tl0_at: None, consumed }
    }

    /// Then these, which are the same for all.
    pub(crate) fn bytes(mut self, bytes: &[u8]) -> Self {
        let end = self.length + bytes.len();
        if let Some(place) = self.bytes.get_mut(self.length..end) {
            place.copy_from_slice(bytes);
            self.length = end;
        }
        self
    }

    /// Then the picture id, where there is one.
    pub(crate) fn picture_id(self, there: bool) -> Self {
        let at = there.then_some(self.length);
        let picture_id: &[u8] = if there { &[0; 2] } else { &[] };
        Self { picture_id_at: at, ..self.bytes(picture_id) }
    }

    /// Then TL0PICIDX, where there is one.
    pub(crate) fn tl0(self, there: bool) -> Self {
        let at = there.then_some(self.length);
        let tl0: &[u8] = if there { &[0] } else { &[] };
        Self { tl0_at: at, ..self.bytes(tl0) }
    }
}
