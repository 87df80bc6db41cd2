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

/// Some of the layers of a stream: any of [`SPATIAL_MAX`] spatial by [`TEMPORAL_MAX`] temporal ones.
///
/// A layer beyond stands for the highest within, so that a layer that was wanted before a stream became simpler still
/// means as much of it as there is.
#[derive(Clone, Copy, Debug, Default, Eq, Hash, PartialEq)]
pub struct LayerSet(u16);

/// Spatial layers told apart: AV1 has two bits for them, and browsers make three.
pub const SPATIAL_MAX: u8 = 4;
/// Temporal layers told apart: VP8 has two bits for them, and browsers make three.
pub const TEMPORAL_MAX: u8 = 4;

impl LayerSet {
    /// None.
    pub const NONE: Self = Self(0);
    /// All.
    pub const ALL: Self = Self(u16::MAX);

    /// The layers that `contains` tells.
    #[must_use]
    pub fn of(contains: impl Fn(LayerId) -> bool) -> Self {
        let cells = all_layers().filter(|layer| contains(*layer));
        cells.fold(Self::NONE, Self::with)
    }

    /// Whether `layer` is among them.
    #[must_use]
    pub const fn contains(self, layer: LayerId) -> bool {
        self.0 & Self::bit(layer) != 0
    }

    /// These and `layer`.
    #[must_use]
    pub const fn with(self, layer: LayerId) -> Self {
        Self(self.0 | Self::bit(layer))
    }

    /// Whether there is none.
    #[must_use]
    pub const fn is_empty(self) -> bool {
        self.0 == 0
    }

    /// Each of them, in the order of their ids.
    pub fn layers(self) -> impl Iterator<Item = LayerId> {
        all_layers().filter(move |layer| self.contains(*layer))
    }

    const fn bit(layer: LayerId) -> u16 {
        let spatial = if layer.spatial < SPATIAL_MAX { layer.spatial } else { SPATIAL_MAX - 1 };
        let temporal =
            if layer.temporal < TEMPORAL_MAX { layer.temporal } else { TEMPORAL_MAX - 1 };
        1 << (spatial * TEMPORAL_MAX + temporal)
    }
}

/// All layers that a [`LayerSet`] may hold.
pub(crate) fn all_layers() -> impl Iterator<Item = LayerId> {
    (0..SPATIAL_MAX)
        .flat_map(|spatial| (0..TEMPORAL_MAX).map(move |temporal| LayerId { spatial, temporal }))
}

/// What the spatial ids of a publication's layers stand for.
#[derive(Clone, Copy, Debug, Default, Eq, PartialEq)]
pub enum Spread {
    /// Its encodings (simulcast): all spatial layers within one are forwarded together.
    #[default]
    Encodings,
    /// The spatial layers of its only encoding (SVC).
    Layers,
}

impl Spread {
    /// The place of the encoding that `layer` belongs to.
    #[must_use]
    pub const fn encoding(self, layer: LayerId) -> u8 {
        match self {
            Self::Encodings => layer.spatial,
            Self::Layers => 0,
        }
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

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_layer_beyond_stands_for_the_highest_within() {
        let top = LayerSet::NONE.with(LayerId { spatial: 7, temporal: 7 });
        assert_eq!(top.layers().collect::<Vec<_>>(), [LayerId { spatial: 3, temporal: 3 }]);
        assert!(top.contains(LayerId { spatial: 9, temporal: 3 }));
        assert!(!top.contains(LayerId { spatial: 3, temporal: 2 }));
        assert_eq!(LayerSet::of(|_| true), LayerSet::ALL);
    }
}
