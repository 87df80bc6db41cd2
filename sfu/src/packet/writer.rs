//! A place in a caller's buffer that moves on with every write and never past the end.

/// Writes from the start of a buffer; each write returns `None`, and writes nothing, where it does not fit.
#[derive(Debug)]
pub(super) struct Writer<'a> {
    out: &'a mut [u8],
    length: usize,
}

impl<'a> Writer<'a> {
    pub(super) const fn new(out: &'a mut [u8]) -> Self {
        Self { out, length: 0 }
    }

    /// Bytes written so far.
    pub(super) const fn length(&self) -> usize {
        self.length
    }

    /// What was written so far.
    pub(super) fn written(&self) -> &[u8] {
        self.out.get(..self.length).unwrap_or_default()
    }

    #[inline]
    pub(super) fn put(&mut self, bytes: &[u8]) -> Option<()> {
        let end = self.length.checked_add(bytes.len())?;
        self.out.get_mut(self.length..end)?.copy_from_slice(bytes);
        self.length = end;
        Some(())
    }

    pub(super) fn put_u16(&mut self, value: u16) -> Option<()> {
        self.put(&value.to_be_bytes())
    }

    pub(super) fn put_u32(&mut self, value: u32) -> Option<()> {
        self.put(&value.to_be_bytes())
    }

    /// Zeros up to the next multiple of four bytes.
    pub(super) fn pad_to_word(&mut self) -> Option<()> {
        match self.length % 4 {
            1 => self.put(&[0; 3]),
            2 => self.put(&[0; 2]),
            3 => self.put(&[0; 1]),
            _ => Some(()),
        }
    }

    /// Sets bits of a byte that was written at `place`.
    pub(super) fn set_bits(&mut self, place: usize, bits: u8) -> Option<()> {
        *self.out.get_mut(place)? |= bits;
        Some(())
    }

    /// Replaces two bytes that were written at `place`.
    pub(super) fn set_u16(&mut self, place: usize, value: u16) -> Option<()> {
        self.out.get_mut(place..place.checked_add(2)?)?.copy_from_slice(&value.to_be_bytes());
        Some(())
    }
}
