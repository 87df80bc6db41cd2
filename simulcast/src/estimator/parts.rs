//! The parts of an estimator, so that a test can leave one out and see what it is there for.

/// A set of [`Part`]s.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub struct Parts(u16);

/// What can be left out. Each is one of the broken builds with which tests prove that they can fail; a server has them all.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub enum Part {
    /// Estimating at all: without it the estimate stays what it was at the start.
    Estimate,
    /// The delay-based part, with what empties queues.
    Delay,
    /// The loss-based part.
    Loss,
    /// Probes.
    Probing,
    /// Knowing when the application is the limit.
    ApplicationLimited,
    /// Telling lost feedback from lost packets.
    FeedbackLoss,
    /// Emptying queues that stand.
    QueueGuard,
    /// Spreading packets over time: the owner's part.
    Pacing,
    /// Taking what is sent again out of the budget: the owner's part.
    Repair,
    /// A budget for pictures: the owner's part. Without it every layer that is looked at goes, as in the cases of RFC 8867, whose
    /// sources obey the estimate themselves.
    Budget,
    /// Stepping up with care: the owner's part. Without it each allocation is made as if it were the first.
    Care,
    /// Joining another encoding at a keyframe: the owner's part.
    Keyframes,
}

impl Parts {
    /// All of them.
    pub const ALL: Self = Self(u16::MAX);

    /// These without `part`.
    #[must_use]
    pub const fn without(self, part: Part) -> Self {
        Self(self.0 & !(1 << part as u8))
    }

    /// Whether `part` is one of these.
    #[must_use]
    pub const fn has(self, part: Part) -> bool {
        self.0 & 1 << part as u8 != 0
    }
}

impl Default for Parts {
    fn default() -> Self {
        Self::ALL
    }
}
