//! Virtual time as the shard sees it.

use std::time::Instant;

use tools::simnet::time::SimTime;

/// Ties the beginning of virtual time to an [`Instant`], which nothing but a clock can make.
#[derive(Clone, Copy, Debug)]
pub struct Clock {
    start: Instant,
}

impl Clock {
    /// A clock whose virtual time begins at a moment that does not matter: only differences to it are ever used.
    #[must_use]
    pub fn new() -> Self {
        Self { start: sfu::net::clock::Clock::new().now() }
    }

    /// The instant of a virtual moment.
    #[must_use]
    pub fn instant(&self, time: SimTime) -> Instant {
        self.start + time.elapsed()
    }

    /// The virtual moment of an instant at or after the beginning.
    #[must_use]
    pub fn time(&self, instant: Instant) -> SimTime {
        SimTime::ZERO + instant.saturating_duration_since(self.start)
    }
}

impl Default for Clock {
    fn default() -> Self {
        Self::new()
    }
}
