//! Background traffic that follows nobody: packets of one size at a given rate.

use std::time::Duration;

use simulcast::Bitrate;
use tools::simnet::RouteId;
use tools::simnet::schedule::Schedule;
use tools::simnet::time::SimTime;

use super::world::{Load, Outbox};

/// Bytes of each packet on the wire.
const SIZE: u32 = 1500;

/// Packets at a rate.
#[derive(Clone, Debug)]
pub struct Filler {
    rate: Schedule,
    end: SimTime,
    route: RouteId,
    next: Option<SimTime>,
}

impl Filler {
    /// Sends at `rate` until `end`.
    #[must_use]
    pub fn new(rate: Schedule, end: SimTime, route: RouteId) -> Self {
        let next = rate.sends_from(SimTime::ZERO).filter(|at| *at < end);
        Self { rate, end, route, next }
    }

    /// When the next packet is due.
    #[must_use]
    pub const fn next_event(&self) -> Option<SimTime> {
        self.next
    }

    /// Sends what is due.
    pub fn poll(&mut self, now: SimTime, out: &mut Outbox) {
        while let Some(at) = self.next.filter(|at| *at <= now) {
            out.push(self.route, SIZE, Load::Filler);
            let later = at + interval(self.rate.at(at));
            self.next = self.rate.sends_from(later).filter(|at| *at < self.end);
        }
    }
}

fn interval(rate: Bitrate) -> Duration {
    Duration::from_nanos(u64::from(SIZE) * 8_000_000_000 / rate.as_bps().max(1))
}
