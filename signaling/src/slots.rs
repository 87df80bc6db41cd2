//! How many receive m-lines a client is to offer.

/// A number of receive m-lines.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub struct Slots {
    /// For sound.
    pub audio: u8,
    /// For pictures.
    pub video: u8,
}

impl Slots {
    /// The smallest step of the protocol with room for `pictures`. Sound is always three: the loudest three are enough, and a step
    /// costs a re-offer.
    #[must_use]
    pub const fn for_pictures(pictures: usize) -> Self {
        let video = match pictures {
            0..=4 => 4,
            5..=8 => 8,
            9..=16 => 16,
            _ => 25,
        };
        Self { audio: 3, video }
    }
}
