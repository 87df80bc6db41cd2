//! Counters and gauges of a shard.

/// A copy of all counters and gauges.
#[derive(Clone, Debug, Default, Eq, PartialEq)]
pub struct Snapshot {}
