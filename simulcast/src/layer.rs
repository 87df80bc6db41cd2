//! One simulcast encoding, or one spatial or temporal layer of a stream, and what it costs.

use crate::units::Bitrate;

/// Which layer of a publication: rising quality, spatial before temporal.
///
/// For simulcast the spatial id is the place of the encoding in the offer's order, lowest first.
#[derive(Clone, Copy, Debug, Default, Eq, Hash, Ord, PartialEq, PartialOrd)]
pub struct LayerId {
    /// 0 is the smallest picture.
    pub spatial: u8,
    /// 0 is the lowest frame rate.
    pub temporal: u8,
}

impl LayerId {
    /// The layer with this spatial id and no temporal layers of its own.
    #[must_use]
    pub const fn spatial(spatial: u8) -> Self {
        Self { spatial, temporal: 0 }
    }
}

/// A layer as a publication measures it.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub struct Layer {
    /// Which one it is.
    pub id: LayerId,
    /// Height of its picture in pixels; 0 while unknown.
    pub height: u16,
    /// Frames per second, of this layer with all it depends on; 0 while unknown.
    pub frame_rate: u8,
    /// Measured rate (a peak that decays), or the declared one while unmeasured, with all it depends on.
    pub bitrate: Bitrate,
    /// Whether its packets arrive.
    pub active: bool,
}
