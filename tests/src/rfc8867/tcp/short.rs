//! A client that fetches a little now and then, each time over a fresh connection.

use std::time::Duration;

use tools::simnet::random::Random;
use tools::simnet::time::SimTime;

use super::control::Control;
use super::receiver::Receiver;
use super::segment::{ACKNOWLEDGEMENT_SIZE, Acknowledgement, Segment};
use super::sender::Sender;
use crate::rfc8867::world::{Load, Outbox, Ways};

/// The least that is fetched, in bytes.
const FETCH_MIN: u64 = 30_000;

/// The most.
const FETCH_MAX: u64 = 50_000;

/// Between two fetches, in the mean.
const IDLE_MEAN: Duration = Duration::from_secs(10);

/// Both ends.
#[derive(Clone, Debug)]
pub struct Short {
    state: State,
    connection: u32,
    ways: Ways,
    random: Random,
}

#[derive(Clone, Debug)]
enum State {
    /// Until the next fetch.
    Idle(SimTime),
    Fetching(Box<(Sender, Receiver)>),
}

impl Short {
    /// A client that begins to fetch at once, or idle.
    #[must_use]
    pub fn new(begins: bool, ways: Ways, mut random: Random) -> Self {
        let first = if begins { SimTime::ZERO } else { SimTime::ZERO + idle(&mut random) };
        Self { state: State::Idle(first), connection: 0, ways, random }
    }

    /// When [`Self::poll`] has something to do.
    #[must_use]
    pub fn next_event(&self) -> Option<SimTime> {
        match &self.state {
            State::Idle(until) => Some(*until),
            State::Fetching(ends) => ends.0.deadline(),
        }
    }

    /// Does what is due.
    pub fn poll(&mut self, now: SimTime, out: &mut Outbox) {
        match &mut self.state {
            State::Idle(until) if *until <= now => {
                self.connection += 1;
                let bytes = FETCH_MIN + self.random.below(FETCH_MAX - FETCH_MIN + 1);
                let sender = Sender::new(self.connection, bytes, Control::NewReno);
                self.state = State::Fetching(Box::new((sender, Receiver::default())));
            }
            State::Idle(_) => {}
            State::Fetching(ends) => ends.0.expire(now),
        }
        self.send(now, out);
    }

    /// At the receiving end; what comes late of an old connection is nobody's.
    pub fn receive(&mut self, _now: SimTime, segment: Segment, out: &mut Outbox) {
        if let State::Fetching(ends) = &mut self.state
            && segment.connection == self.connection
        {
            let ack = ends.1.receive(segment);
            out.push(self.ways.backward, ACKNOWLEDGEMENT_SIZE, Load::Acknowledgement(ack));
        }
    }

    /// At the sending end.
    pub fn acknowledge(&mut self, now: SimTime, ack: Acknowledgement, out: &mut Outbox) {
        if let State::Fetching(ends) = &mut self.state
            && ack.connection == self.connection
        {
            ends.0.acknowledge(now, ack);
            if ends.0.is_done() {
                self.state = State::Idle(now + idle(&mut self.random));
            }
        }
        self.send(now, out);
    }

    fn send(&mut self, now: SimTime, out: &mut Outbox) {
        if let State::Fetching(ends) = &mut self.state {
            while let Some(segment) = ends.0.poll(now) {
                out.push(self.ways.forward, segment.size(), Load::Segment(segment));
            }
        }
    }
}

/// Exponentially distributed.
fn idle(random: &mut Random) -> Duration {
    IDLE_MEAN.mul_f64(-(1.0 - random.unit()).ln())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn idle_times_have_a_mean_of_ten_seconds() {
        let mut random = Random::new(3);
        let sum: Duration = (0..20_000).map(|_| idle(&mut random)).sum();
        let mean = sum / 20_000;
        assert!(mean.abs_diff(IDLE_MEAN) < Duration::from_millis(200), "{mean:?}");
    }
}
