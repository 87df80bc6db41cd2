//! One direction of a relay: a bounded ring of messages, and one of the bytes that packets carry.

use std::collections::VecDeque;

use rtrb::{Consumer, Producer, PushError, RingBuffer};

use super::message::{Head, Heard, Message, Packet};
use crate::net::batch::DATAGRAM_MAX;
use crate::publication::Incoming;

/// Where a shard puts what another is to have.
#[derive(Debug)]
pub struct Outlet {
    messages: Producer<Message>,
    bytes: Producer<u8>,
    /// Messages, never packets, for which there was no room yet.
    backlog: VecDeque<Message>,
}

/// Where a shard takes what another sent.
#[derive(Debug)]
pub struct Inlet {
    messages: Consumer<Message>,
    bytes: Consumer<u8>,
    /// The variable parts of the packet taken last.
    packet: Box<[u8; DATAGRAM_MAX]>,
}

/// What came over a relay.
#[derive(Debug)]
pub enum Taken<'a> {
    /// A packet.
    Packet(Packet<'a>),
    /// Anything else.
    Message(Message),
}

/// There is no room: the other shard is behind.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub struct Full;

/// A ring.
#[must_use]
pub fn ring() -> (Outlet, Inlet) {
    let (message_producer, message_consumer) = RingBuffer::new(MESSAGES_MAX);
    let (byte_producer, byte_consumer) = RingBuffer::new(BYTES_MAX);
    let outlet =
        Outlet { messages: message_producer, bytes: byte_producer, backlog: VecDeque::new() };
    let packet = Box::new([0; DATAGRAM_MAX]);
    (outlet, Inlet { messages: message_consumer, bytes: byte_consumer, packet })
}

impl Outlet {
    /// Puts a message in, or behind those that wait for room.
    pub fn tell(&mut self, message: Message) {
        self.flush();
        if !self.backlog.is_empty() {
            self.backlog.push_back(message);
        } else if let Err(PushError::Full(message)) = self.messages.push(message) {
            self.backlog.push_back(message);
        }
    }

    /// Puts a packet in.
    ///
    /// # Errors
    /// [`Full`]: there is no room for it, or something waits for room already.
    pub fn send(&mut self, packet: &Packet<'_>) -> Result<(), Full> {
        self.flush();
        let descriptor = packet.incoming.extensions.dependency_descriptor.unwrap_or_default();
        let payload = packet.incoming.payload;
        if !self.backlog.is_empty() || self.messages.is_full() {
            return Err(Full);
        }
        let length = descriptor.len() + payload.len();
        if length > DATAGRAM_MAX || self.bytes.slots() < length {
            return Err(Full);
        }
        // The bytes go first: whoever sees the message finds them.
        for part in [descriptor, payload] {
            self.bytes.push_entire_slice(part).map_err(|_| Full)?;
        }
        let head = Head {
            publication: packet.publication,
            incoming: packet.incoming.without_bytes(),
            descriptor: short(descriptor.len()),
            payload: short(payload.len()),
        };
        self.messages.push(Message::Packet(head)).map_err(|PushError::Full(_)| Full)
    }

    /// Puts in how loud a packet is.
    ///
    /// # Errors
    /// [`Full`]: there is no room for it, or something waits for room already.
    pub fn note(&mut self, heard: Heard) -> Result<(), Full> {
        self.flush();
        if !self.backlog.is_empty() {
            return Err(Full);
        }
        self.messages.push(Message::Heard(heard)).map_err(|PushError::Full(_)| Full)
    }

    /// Puts in what waits, as far as there is room; returns whether there was room for any of it.
    pub fn flush(&mut self) -> bool {
        let before = self.backlog.len();
        while let Some(message) = self.backlog.pop_front() {
            if let Err(PushError::Full(message)) = self.messages.push(message) {
                self.backlog.push_front(message);
                break;
            }
        }
        self.backlog.len() < before
    }

    /// Whether something waits for room.
    #[must_use]
    pub fn waits(&self) -> bool {
        !self.backlog.is_empty()
    }

    /// Whether the other shard has ended, or does not run any more.
    #[must_use]
    pub fn is_dead(&self) -> bool {
        self.messages.is_abandoned() || self.backlog.len() > BACKLOG_MAX
    }
}

impl Inlet {
    /// The next message or packet, in the order in which they were put in.
    pub fn take(&mut self) -> Option<Taken<'_>> {
        let message = self.messages.pop().ok()?;
        let Message::Packet(head) = message else { return Some(Taken::Message(message)) };
        let length = usize::from(head.descriptor) + usize::from(head.payload);
        let whole = self.packet.get_mut(..length)?;
        self.bytes.pop_entire_slice(whole).ok()?;
        let (descriptor, payload) = whole.split_at_checked(head.descriptor.into())?;
        let mut incoming: Incoming<'_> = head.incoming;
        incoming.payload = payload;
        incoming.extensions.dependency_descriptor = (!descriptor.is_empty()).then_some(descriptor);
        Some(Taken::Packet(Packet { publication: head.publication, incoming }))
    }

    /// Whether something is there to take.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.messages.is_empty()
    }

    /// Whether the other shard has ended. What it sent before can still be taken.
    #[must_use]
    pub fn is_abandoned(&self) -> bool {
        self.messages.is_abandoned()
    }
}

fn short(length: usize) -> u16 {
    u16::try_from(length).unwrap_or(u16::MAX)
}

/// Packets of 2 ms, the longest turn, at half a million a second.
const MESSAGES_MAX: usize = 1_024;

/// 2 ms of 1 Gbit/s: a shard behind by more has worse troubles than a gap.
const BYTES_MAX: usize = 256 * 1024;

/// Every member of a full shard negotiating at once, six publications each.
pub const BACKLOG_MAX: usize = 65_536;

#[cfg(test)]
#[path = "ring_tests.rs"]
mod tests;
