//! Endless data over one connection.

use tools::simnet::time::SimTime;

use super::control::Control;
use super::receiver::Receiver;
use super::segment::{ACKNOWLEDGEMENT_SIZE, Acknowledgement, Segment};
use super::sender::Sender;
use crate::rfc8867::world::{Load, Outbox, Ways};

/// Both ends.
#[derive(Clone, Debug)]
pub struct Bulk {
    sender: Sender,
    receiver: Receiver,
    start: SimTime,
    end: SimTime,
    ways: Ways,
    has_begun: bool,
}

impl Bulk {
    /// From `start` until `end`.
    #[must_use]
    pub fn new(control: Control, start: SimTime, end: SimTime, ways: Ways) -> Self {
        let sender = Sender::new(0, u64::MAX, control);
        Self { sender, receiver: Receiver::default(), start, end, ways, has_begun: false }
    }

    /// When [`Self::poll`] has something to do.
    #[must_use]
    pub fn next_event(&self) -> Option<SimTime> {
        let next = if self.has_begun { self.sender.deadline() } else { Some(self.start) };
        next.filter(|next| *next < self.end)
    }

    /// Does what is due.
    pub fn poll(&mut self, now: SimTime, out: &mut Outbox) {
        self.has_begun = true;
        self.sender.expire(now);
        self.send(now, out);
    }

    /// At the receiving end.
    pub fn receive(&mut self, segment: Segment, out: &mut Outbox) {
        let ack = self.receiver.receive(segment);
        out.push(self.ways.backward, ACKNOWLEDGEMENT_SIZE, Load::Acknowledgement(ack));
    }

    /// At the sending end.
    pub fn acknowledge(&mut self, now: SimTime, ack: Acknowledgement, out: &mut Outbox) {
        self.sender.acknowledge(now, ack);
        self.send(now, out);
    }

    fn send(&mut self, now: SimTime, out: &mut Outbox) {
        while now < self.end {
            let Some(segment) = self.sender.poll(now) else { return };
            out.push(self.ways.forward, segment.size(), Load::Segment(segment));
        }
    }
}
