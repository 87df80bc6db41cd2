//! What a server gives up that has too much to do.

use super::want::Class;

/// Stages, each of which gives up what the one before does and more. Sound is never given up.
#[derive(Clone, Copy, Debug, Default, Eq, Hash, Ord, PartialEq, PartialOrd)]
pub enum Shed {
    /// Nothing: there is power for all.
    #[default]
    Nothing,
    /// More than there is already: nobody gets a picture or a layer that they did not have.
    New,
    /// All but the lowest layers of pictures that are neither pinned nor of who speaks.
    Layers,
    /// All but the lowest layers.
    AllLayers,
    /// All pictures.
    Pictures,
}

impl Shed {
    /// How many of the layers of a want of this class remain, of which it got `level` before.
    pub(super) fn most(self, class: Class, level: usize) -> usize {
        match (self, class) {
            (Self::Nothing, _) => usize::MAX,
            (Self::New, _) | (Self::Layers, Class::Speaker | Class::Pinned) => level,
            (Self::Layers | Self::AllLayers, _) => level.min(1),
            (Self::Pictures, _) => 0,
        }
    }

    /// The next stage; the last one has none.
    #[must_use]
    pub const fn more(self) -> Self {
        match self {
            Self::Nothing => Self::New,
            Self::New => Self::Layers,
            Self::Layers => Self::AllLayers,
            Self::AllLayers | Self::Pictures => Self::Pictures,
        }
    }

    /// The stage before; the first one has none.
    #[must_use]
    pub const fn less(self) -> Self {
        match self {
            Self::Nothing | Self::New => Self::Nothing,
            Self::Layers => Self::New,
            Self::AllLayers => Self::Layers,
            Self::Pictures => Self::AllLayers,
        }
    }
}
