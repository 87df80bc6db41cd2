//! What links did to packets: the log from which everything about a bottleneck is measured.

use std::time::Duration;

use super::time::SimTime;
use super::{LinkId, RouteId};

/// One packet at one link.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub struct Passage {
    /// When its fate was decided.
    pub at: SimTime,
    /// On whose way.
    pub route: RouteId,
    /// Where; for what chance took before the first link or behind the last, that link.
    pub link: LinkId,
    /// Bytes on the wire.
    pub size: u32,
    /// What became of it.
    pub outcome: Outcome,
}

/// What became of a packet at a link.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub enum Outcome {
    /// The queue was full when it came.
    Dropped,
    /// It left the link.
    Sent {
        /// From its arrival to the start of its transmission.
        queue_delay: Duration,
    },
    /// It was lost by chance before it came to the link.
    LostBefore,
    /// It had left the link and was lost by chance.
    LostBehind,
}
