//! Datagrams on their way in and out of a shard, a turn at a time.

use std::net::SocketAddr;
use std::time::Instant;

/// Between which addresses a datagram travels.
#[derive(Clone, Copy, Debug, Eq, Hash, PartialEq)]
pub struct Path {
    /// Which of the shard's sockets.
    pub local: u8,
    /// The other end.
    pub remote: SocketAddr,
}

/// The congestion mark of an IP packet (RFC 3168).
#[derive(Clone, Copy, Debug, Default, Eq, PartialEq)]
pub enum Ecn {
    /// The sender does not take part.
    #[default]
    NotCapable,
    /// Capable, unmarked.
    Capable,
    /// A queue on the way was filling.
    CongestionExperienced,
}

/// A datagram that arrived. The shard may change its bytes: SRTP is opened in place.
#[derive(Debug)]
pub struct Datagram<'a> {
    /// Where from, on which socket.
    pub path: Path,
    /// When, by the kernel.
    pub arrival: Instant,
    /// The mark it carried.
    pub ecn: Ecn,
    /// What it carried.
    pub data: &'a mut [u8],
}

/// Datagrams that arrived within one turn, each in a buffer of its own; the buffers are reused.
#[derive(Debug)]
pub struct RecvBatch {
    buffers: Vec<[u8; DATAGRAM_MAX]>,
    /// What arrived in the first of the buffers, one by one; `None` where a buffer holds nothing to be handed on.
    arrived: Vec<Option<Arrived>>,
}

#[derive(Clone, Copy, Debug)]
struct Arrived {
    path: Path,
    arrival: Instant,
    ecn: Ecn,
    length: usize,
}

impl RecvBatch {
    /// An empty batch with room for [`RECV_MAX`] datagrams.
    #[must_use]
    pub fn new() -> Self {
        Self { buffers: vec![[0; DATAGRAM_MAX]; RECV_MAX], arrived: Vec::with_capacity(RECV_MAX) }
    }

    /// Adds a copy of `data`, as simulations do. False where the batch is full or `data` longer than [`DATAGRAM_MAX`].
    #[must_use]
    pub fn push(&mut self, path: Path, arrival: Instant, ecn: Ecn, data: &[u8]) -> bool {
        let Some(buffer) = self.buffers.get_mut(self.arrived.len()) else { return false };
        let Some(place) = buffer.get_mut(..data.len()) else { return false };
        place.copy_from_slice(data);
        self.arrived.push(Some(Arrived { path, arrival, ecn, length: data.len() }));
        true
    }

    /// The buffers that a socket may receive into, in the order in which [`Self::fill`] takes them.
    pub(super) fn free(&mut self) -> &mut [[u8; DATAGRAM_MAX]] {
        self.buffers.get_mut(self.arrived.len()..).unwrap_or_default()
    }

    /// Takes the first free buffer as a datagram of `length` bytes.
    pub(super) fn fill(&mut self, path: Path, arrival: Instant, ecn: Ecn, length: usize) {
        self.arrived.push(Some(Arrived { path, arrival, ecn, length }));
    }

    /// Passes over the first free buffer: what is in it will not be handed on.
    pub(super) fn skip(&mut self) {
        self.arrived.push(None);
    }

    /// The datagrams in the order of their arrival.
    pub fn datagrams(&mut self) -> impl Iterator<Item = Datagram<'_>> {
        self.arrived.iter().zip(&mut self.buffers).filter_map(|(arrived, buffer)| {
            let Arrived { path, arrival, ecn, length } = (*arrived)?;
            Some(Datagram { path, arrival, ecn, data: buffer.get_mut(..length)? })
        })
    }

    /// Empties the batch.
    pub fn clear(&mut self) {
        self.arrived.clear();
    }
}

impl Default for RecvBatch {
    fn default() -> Self {
        Self::new()
    }
}

/// Datagrams to send, one after another in one arena.
#[derive(Debug)]
pub struct SendBatch {
    arena: Box<[u8]>,
    used: usize,
    datagrams: Vec<Written>,
}

#[derive(Clone, Copy, Debug)]
struct Written {
    path: Path,
    start: usize,
    length: usize,
}

impl SendBatch {
    /// An empty batch.
    #[must_use]
    pub fn new() -> Self {
        Self {
            arena: vec![0; SEND_BYTES].into_boxed_slice(),
            used: 0,
            datagrams: Vec::with_capacity(SEND_MAX),
        }
    }

    /// Lets `write` put a datagram of at most [`DATAGRAM_MAX`] bytes to `path` straight into the arena; it returns the
    /// length, or `None` for no datagram after all. Returns whether the batch still had room to ask it.
    #[must_use]
    pub fn write(&mut self, path: Path, write: impl FnOnce(&mut [u8]) -> Option<usize>) -> bool {
        if self.datagrams.len() >= SEND_MAX {
            return false;
        }
        let Some(room) = self.arena.get_mut(self.used..self.used + DATAGRAM_MAX) else {
            return false;
        };
        if let Some(length) = write(room) {
            let length = length.min(DATAGRAM_MAX);
            self.datagrams.push(Written { path, start: self.used, length });
            self.used += length;
        }
        true
    }

    /// Whether another datagram has room.
    #[must_use]
    pub fn has_room(&self) -> bool {
        self.datagrams.len() < SEND_MAX && self.used + DATAGRAM_MAX <= self.arena.len()
    }

    /// The datagrams in the order in which they were written.
    pub fn datagrams(&self) -> impl Iterator<Item = (Path, &[u8])> {
        self.datagrams_from(0).map(|(_, path, data)| (path, data))
    }

    /// The datagrams from place `first` on, each with its place: a socket that was full goes on where it stopped.
    pub(super) fn datagrams_from(
        &self,
        first: usize,
    ) -> impl Iterator<Item = (usize, Path, &[u8])> {
        self.datagrams.iter().enumerate().skip(first).filter_map(|(place, written)| {
            let &Written { path, start, length } = written;
            Some((place, path, self.arena.get(start..start + length)?))
        })
    }

    /// How many datagrams it holds.
    #[must_use]
    pub const fn len(&self) -> usize {
        self.datagrams.len()
    }

    /// Whether it holds none.
    #[must_use]
    pub const fn is_empty(&self) -> bool {
        self.datagrams.is_empty()
    }

    /// Empties the batch.
    pub fn clear(&mut self) {
        self.used = 0;
        self.datagrams.clear();
    }
}

impl Default for SendBatch {
    fn default() -> Self {
        Self::new()
    }
}

/// What a shard says after it has written what it could.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
#[must_use]
pub enum Fill {
    /// Nothing is left to send.
    Empty,
    /// The batch is full: send it, clear it, ask again.
    Full,
}

/// The longest datagram: an Ethernet frame's worth. Larger ones are fragmented on the way or dropped by it.
pub const DATAGRAM_MAX: usize = 1500;

/// Datagrams a turn takes in at once. More would only delay what came first.
pub const RECV_MAX: usize = 64;

/// Datagrams a turn sends at once: the kernel's limit of one sendmmsg call is 1,024.
pub const SEND_MAX: usize = 1024;

/// Bytes of the send arena: most packets are 1,200 bytes, so this holds some 850 of them.
const SEND_BYTES: usize = 1 << 20;

#[cfg(test)]
mod tests {
    use super::*;
    use crate::net::clock::Clock;

    fn path(port: u16) -> Path {
        Path { local: 0, remote: SocketAddr::from(([127, 0, 0, 1], port)) }
    }

    #[test]
    fn a_skipped_buffer_is_not_handed_on_and_its_neighbours_keep_their_bytes() {
        let mut batch = RecvBatch::new();
        let now = Clock::new().now();
        assert!(batch.push(path(1), now, Ecn::NotCapable, b"one"));
        batch.skip();
        batch.free()[0][..5].copy_from_slice(b"three");
        batch.fill(path(3), now, Ecn::Capable, 5);
        let seen: Vec<_> = batch
            .datagrams()
            .map(|datagram| (datagram.path.remote.port(), datagram.data.to_vec()))
            .collect();
        assert_eq!(seen, [(1, b"one".to_vec()), (3, b"three".to_vec())]);
        assert_eq!(batch.free().len(), RECV_MAX - 3);
    }

    #[test]
    fn a_full_receive_batch_takes_nothing_more_and_a_cleared_one_does() {
        let mut batch = RecvBatch::new();
        let now = Clock::new().now();
        for _ in 0..RECV_MAX {
            assert!(batch.push(path(1), now, Ecn::NotCapable, b"x"));
        }
        assert!(!batch.push(path(1), now, Ecn::NotCapable, b"x"));
        assert!(batch.free().is_empty());
        batch.clear();
        assert!(!batch.push(path(1), now, Ecn::NotCapable, &[0; DATAGRAM_MAX + 1]));
        assert!(batch.push(path(1), now, Ecn::NotCapable, &[0; DATAGRAM_MAX]));
    }

    #[test]
    fn a_send_batch_can_be_read_from_any_place() {
        let mut batch = SendBatch::new();
        for (port, data) in [(1, "a"), (2, "bb"), (3, "ccc")] {
            assert!(batch.write(path(port), |room| {
                room[..data.len()].copy_from_slice(data.as_bytes());
                Some(data.len())
            }));
        }
        assert!(batch.write(path(4), |_| None));
        let rest: Vec<_> = batch.datagrams_from(1).collect();
        assert_eq!(rest, [(1, path(2), &b"bb"[..]), (2, path(3), b"ccc")]);
        assert_eq!(batch.datagrams().count(), 3);
        batch.clear();
        assert_eq!(batch.datagrams().count(), 0);
    }
}
