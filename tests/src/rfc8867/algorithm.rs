//! Who is measured.

use simulcast::Bitrate;
use simulcast::estimator::Parts;

/// Whose estimate decides.
#[derive(Clone, Copy, Debug, PartialEq)]
pub enum Algorithm {
    /// str0m, which the model is calibrated by and which stands beside ours for good.
    Reference,
    /// A shard of Confab, driven with bytes.
    Ours(Settings),
}

/// What may be different from the server in a run of ours: what a person could set, and parts that are left out to see what turns red.
#[derive(Clone, Copy, Debug, Default, PartialEq)]
pub struct Settings {
    /// The most to send to the receiver; none for no limit.
    pub budget: Option<Bitrate>,
    /// The first estimate; none for a server's.
    pub start: Option<Bitrate>,
    /// What the estimate is made of.
    pub parts: Parts,
}

impl Algorithm {
    /// Its name in tables and files.
    #[must_use]
    pub const fn name(self) -> &'static str {
        match self {
            Self::Reference => "str0m",
            Self::Ours(_) => "ours",
        }
    }
}
