//! The deterministic core of one media thread.

mod control;
mod egress;
mod ingress;

/// All state of one media thread.
#[derive(Debug)]
pub struct Shard {}
