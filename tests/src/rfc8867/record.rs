//! What is known of a run when it is over: the log of the links, and what receivers could show.

use std::time::Duration;

use tools::simnet::passage::Passage;
use tools::simnet::time::SimTime;
use tools::simnet::{LinkId, RouteId};

/// A run.
#[derive(Debug, Default)]
pub struct Record {
    /// As the case numbers them.
    pub links: Vec<LinkId>,
    /// What every link did, in order of time.
    pub passages: Vec<Passage>,
    /// The way of each flow's media.
    pub routes: Vec<RouteId>,
    /// The ways of TCP data.
    pub tcp_routes: Vec<RouteId>,
    /// What each flow's receiver got.
    pub flows: Vec<FlowRecord>,
}

/// A flow.
#[derive(Clone, Debug, Default)]
pub struct FlowRecord {
    /// When it began.
    pub start: SimTime,
    /// When it ended.
    pub end: SimTime,
    /// Its frames, in the order in which they were made.
    pub frames: Vec<Frame>,
    /// What its estimator said, in bits a second, at each change.
    pub estimates: Vec<(SimTime, f64)>,
    /// Which layer the receiver got, at each change; none for no picture.
    pub layers: Vec<(SimTime, Option<u8>)>,
    /// Sound: packets made, and those that came.
    pub sound: (u64, u64),
    /// How often something was that must not be, where the flow can tell.
    pub violations: f64,
    /// The longest time in which something visible had no picture, in seconds, where the flow can tell.
    pub blank: f64,
}

/// A frame.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub struct Frame {
    /// When it was made.
    pub made: SimTime,
    /// When its last packet was there, if it ever was.
    pub whole: Option<SimTime>,
}

impl Frame {
    /// How long it took.
    #[must_use]
    pub fn latency(&self) -> Option<Duration> {
        self.whole.map(|whole| whole.since(self.made))
    }
}
