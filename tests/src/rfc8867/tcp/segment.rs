//! What TCP sends.

/// Payload of a segment.
pub const SEGMENT: u64 = 1448;

/// What a segment weighs on the wire beyond its payload: IPv4, TCP, timestamps.
pub const SEGMENT_OVERHEAD: u32 = 52;

/// What an acknowledgement weighs on the wire.
pub const ACKNOWLEDGEMENT_SIZE: u32 = 52;

/// Data from one byte to another.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub struct Segment {
    /// Which connection of its client's.
    pub connection: u32,
    /// The first byte's place in the stream.
    pub from: u64,
    /// The first byte's place behind it.
    pub to: u64,
    /// Echoed by the acknowledgement: when this was sent, in nanoseconds.
    pub stamp: u64,
}

impl Segment {
    /// On the wire.
    ///
    /// # Panics
    /// For a segment beyond [`SEGMENT`] by far.
    #[must_use]
    pub fn size(&self) -> u32 {
        u32::try_from(self.to - self.from).expect("a segment is short") + SEGMENT_OVERHEAD
    }
}

/// All bytes before `next` are here.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub struct Acknowledgement {
    /// Which connection.
    pub connection: u32,
    /// The first byte that is missing.
    pub next: u64,
    /// Of the segment that caused this.
    pub stamp: u64,
}
