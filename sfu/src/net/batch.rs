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
    arrived: Vec<Arrived>,
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
        self.arrived.push(Arrived { path, arrival, ecn, length: data.len() });
        true
    }

    /// The datagrams in the order of their arrival.
    pub fn datagrams(&mut self) -> impl Iterator<Item = Datagram<'_>> {
        self.arrived.iter().zip(&mut self.buffers).filter_map(|(arrived, buffer)| {
            let Arrived { path, arrival, ecn, length } = *arrived;
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
    datagrams: Vec<(Path, usize)>,
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
            self.used += length;
            self.datagrams.push((path, length));
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
        let mut rest: &[u8] = &self.arena;
        self.datagrams.iter().filter_map(move |&(path, length)| {
            let (data, after) = rest.split_at_checked(length)?;
            rest = after;
            Some((path, data))
        })
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
