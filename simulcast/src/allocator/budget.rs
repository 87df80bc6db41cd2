//! What may be spent on one receiver: by the network, by the person, and by the server.

use super::shed::Shed;
use crate::units::Bitrate;

/// Two limits, of which the lower one holds, and what the server has no power for.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub struct Budget {
    /// What the network carries, as far as is known. It trembles, so that stepping up takes care, and a step that it takes
    /// back was tried too soon.
    pub estimate: Bitrate,
    /// The most that the person wants. It is obeyed at once, both ways, and what it takes back was no mistake.
    pub limit: Bitrate,
    /// Obeyed as the person's limit is.
    pub shed: Shed,
}

impl Budget {
    /// An estimate, nobody who wants less, and a server that has power for it.
    #[must_use]
    pub const fn estimated(estimate: Bitrate) -> Self {
        Self { estimate, limit: Bitrate::MAX, shed: Shed::Nothing }
    }

    /// What may be spent.
    #[must_use]
    pub fn least(self) -> Bitrate {
        self.estimate.min(self.limit)
    }
}
