//! Datagrams on their way in and out of a shard, a turn at a time.

use std::net::SocketAddr;
use std::time::Instant;

use super::stream::STREAM;

/// Between which addresses a datagram travels.
#[derive(Clone, Copy, Debug, Eq, Hash, Ord, PartialEq, PartialOrd)]
pub struct Path {
    /// Which of the shard's sockets; from 128 on, which of its TCP listeners.
    pub local: u8,
    /// The other end.
    pub remote: SocketAddr,
}

impl Path {
    /// Whether it is a TCP connection.
    #[must_use]
    pub const fn is_stream(&self) -> bool {
        self.local >= STREAM
    }
}

/// What a datagram may wait for where it goes over a stream that backs up.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub enum Urgency {
    /// Sound, control, handshakes.
    Prompt,
    /// Part of a picture.
    Picture,
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

/// Datagrams that arrived within one turn, in buffers that are reused. A buffer holds one datagram, or a run of them that
/// the kernel has put together (UDP GRO).
#[derive(Debug)]
pub struct RecvBatch {
    /// [`RECV_MAX`] times [`BUFFER_BYTES`]; a page that nothing was ever received into costs no memory.
    buffers: Box<[u8]>,
    /// What arrived in the first of the buffers, one by one; `None` where a buffer holds nothing to be handed on.
    arrived: Vec<Option<Arrived>>,
}

#[derive(Clone, Copy, Debug)]
struct Arrived {
    path: Path,
    arrival: Instant,
    ecn: Ecn,
    length: usize,
    /// Every datagram of the run is this long, but the last, which may be shorter.
    segment: usize,
}

/// A buffer for a message of the kernel.
pub(super) type Buffer = [u8; BUFFER_BYTES];

impl RecvBatch {
    /// An empty batch with [`RECV_MAX`] buffers.
    #[must_use]
    pub fn new() -> Self {
        Self {
            buffers: vec![0; RECV_MAX * BUFFER_BYTES].into_boxed_slice(),
            arrived: Vec::with_capacity(RECV_MAX),
        }
    }

    /// Adds a copy of `data`, as simulations do. False where the batch is full, or `data` empty or longer than
    /// [`DATAGRAM_MAX`].
    #[must_use]
    pub fn push(&mut self, path: Path, arrival: Instant, ecn: Ecn, data: &[u8]) -> bool {
        let Some(buffer) = self.free().first_mut() else { return false };
        let Some(place) = buffer.get_mut(..data.len()).filter(|_| data.len() <= DATAGRAM_MAX)
        else {
            return false;
        };
        place.copy_from_slice(data);
        self.fill(path, arrival, ecn, data.len(), data.len())
    }

    /// The buffers that a socket may receive into, in the order in which [`Self::fill`] takes them.
    pub(super) fn free(&mut self) -> &mut [Buffer] {
        let (buffers, _) = self.buffers.as_chunks_mut();
        buffers.get_mut(self.arrived.len()..).unwrap_or_default()
    }

    /// Takes the first free buffer as datagrams of `segment` bytes, `length` bytes in all. False for datagrams that are
    /// empty or longer than [`DATAGRAM_MAX`]: the buffer is then still free.
    #[must_use]
    pub(super) fn fill(
        &mut self,
        path: Path,
        arrival: Instant,
        ecn: Ecn,
        length: usize,
        segment: usize,
    ) -> bool {
        let fits = (1..=DATAGRAM_MAX).contains(&segment) && (1..=BUFFER_BYTES).contains(&length);
        if fits {
            self.arrived.push(Some(Arrived { path, arrival, ecn, length, segment }));
        }
        fits
    }

    /// Passes over the first free buffer: what is in it will not be handed on.
    pub(super) fn skip(&mut self) {
        self.arrived.push(None);
    }

    /// The datagrams in the order of their arrival.
    pub fn datagrams(&mut self) -> impl Iterator<Item = Datagram<'_>> {
        let (buffers, _) = self.buffers.as_chunks_mut::<BUFFER_BYTES>();
        let filled = self.arrived.iter().zip(buffers);
        let filled = filled.filter_map(|(arrived, buffer)| {
            let arrived = (*arrived)?;
            Some((arrived, buffer.get_mut(..arrived.length)?))
        });
        filled.flat_map(|(Arrived { path, arrival, ecn, segment, .. }, run)| {
            run.chunks_mut(segment).map(move |data| Datagram { path, arrival, ecn, data })
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
    /// Whether any of them goes over TCP.
    streamed: bool,
}

#[derive(Clone, Copy, Debug)]
struct Written {
    path: Path,
    start: usize,
    length: usize,
    urgency: Urgency,
}

impl SendBatch {
    /// An empty batch.
    #[must_use]
    pub fn new() -> Self {
        Self {
            arena: vec![0; SEND_BYTES].into_boxed_slice(),
            used: 0,
            datagrams: Vec::with_capacity(SEND_MAX),
            streamed: false,
        }
    }

    /// Lets `write` put a datagram of at most [`DATAGRAM_MAX`] bytes to `path` straight into the arena; it returns the
    /// length, or `None` for no datagram after all. Returns whether the batch still had room to ask it.
    #[must_use]
    pub fn write(&mut self, path: Path, write: impl FnOnce(&mut [u8]) -> Option<usize>) -> bool {
        self.write_as(Urgency::Prompt, path, write)
    }

    /// The same for a datagram of this urgency.
    #[must_use]
    #[inline]
    pub fn write_as(
        &mut self,
        urgency: Urgency,
        path: Path,
        write: impl FnOnce(&mut [u8]) -> Option<usize>,
    ) -> bool {
        if self.datagrams.len() >= SEND_MAX {
            return false;
        }
        let Some(room) = self.arena.get_mut(self.used..self.used + DATAGRAM_MAX) else {
            return false;
        };
        if let Some(length) = write(room) {
            let length = length.min(DATAGRAM_MAX);
            self.datagrams.push(Written { path, start: self.used, length, urgency });
            self.streamed |= path.is_stream();
            self.used += length;
        }
        true
    }

    /// Whether another datagram has room.
    #[must_use]
    pub fn has_room(&self) -> bool {
        self.datagrams.len() < SEND_MAX && self.used + DATAGRAM_MAX <= self.arena.len()
    }

    /// How long the last datagram is, where it goes to `path`.
    #[must_use]
    pub fn last_to(&self, path: Path) -> Option<usize> {
        self.datagrams.last().filter(|last| last.path == path).map(|last| last.length)
    }

    /// The datagrams in the order in which they were written.
    pub fn datagrams(&self) -> impl Iterator<Item = (Path, &[u8])> {
        self.datagrams.iter().filter_map(|&Written { path, start, length, .. }| {
            Some((path, self.arena.get(start..start + length)?))
        })
    }

    /// Whether any of them goes over TCP.
    pub(super) const fn has_streamed(&self) -> bool {
        self.streamed
    }

    /// Those that go over TCP.
    pub(super) fn streamed(&self) -> impl Iterator<Item = (Path, Urgency, &[u8])> {
        let streamed = self.datagrams.iter().filter(|written| written.path.is_stream());
        streamed.filter_map(|&Written { path, start, length, urgency }| {
            Some((path, urgency, self.arena.get(start..start + length)?))
        })
    }

    /// The run that begins with the first datagram of socket `local` at `first` or later: at most `longest` datagrams.
    pub(super) fn run_from(&self, first: usize, local: u8, longest: usize) -> Option<Run<'_>> {
        let mut rest = self.datagrams.iter().enumerate().skip(first);
        let (place, head) = rest.find(|(_, written)| written.path.local == local)?;
        let mut end = head.start + head.length;
        let mut count = 1;
        for (_, next) in rest.take(longest.min(RUN_MAX).saturating_sub(1)) {
            let fits = next.path == head.path
                && (1..=head.length).contains(&next.length)
                && next.start + next.length - head.start <= RUN_BYTES;
            if !fits {
                break;
            }
            end = next.start + next.length;
            count += 1;
            if next.length < head.length {
                break;
            }
        }
        let data = self.arena.get(head.start..end)?;
        Some(Run { place, count, remote: head.path.remote, data, segment: head.length })
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
        self.streamed = false;
    }
}

/// Datagrams to one remote that lie end to end and can be sent as one message (UDP GSO).
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub(super) struct Run<'a> {
    /// Of the first of them in the batch; the others follow.
    pub(super) place: usize,
    /// How many.
    pub(super) count: usize,
    /// To whom.
    pub(super) remote: SocketAddr,
    /// Their bytes.
    pub(super) data: &'a [u8],
    /// How long each is, but the last, which may be shorter.
    pub(super) segment: usize,
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

/// Messages a turn takes in at once. More would only delay what came first.
pub const RECV_MAX: usize = 64;

/// The largest message: what UDP can carry, one datagram or a run that the kernel put together.
const BUFFER_BYTES: usize = 1 << 16;

/// The longest run, by the kernel's first limit (`UDP_MAX_SEGMENTS`, include/linux/udp.h; 128 since Linux 6.10).
pub(super) const RUN_MAX: usize = 64;

/// Bytes of a run: what a length field of 16 bits leaves beside the headers of UDP and IP, which IPv4 counts too.
const RUN_BYTES: usize = 65_535 - 8 - 20;

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
        assert!(batch.fill(path(3), now, Ecn::Capable, 5, 5));
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
    fn a_run_that_the_kernel_put_together_is_handed_on_one_by_one() {
        let mut batch = RecvBatch::new();
        let now = Clock::new().now();
        batch.free()[0][..8].copy_from_slice(b"aaabbbcc");
        assert!(batch.fill(path(1), now, Ecn::NotCapable, 8, 3));
        assert!(batch.push(path(2), now, Ecn::NotCapable, b"d"));
        let seen: Vec<_> = batch.datagrams().map(|datagram| datagram.data.to_vec()).collect();
        assert_eq!(seen, [&b"aaa"[..], b"bbb", b"cc", b"d"]);
        for (length, segment) in [(0, 1), (1, 0), (2000, DATAGRAM_MAX + 1)] {
            assert!(!batch.fill(path(1), now, Ecn::NotCapable, length, segment));
        }
        assert_eq!(batch.free().len(), RECV_MAX - 2);
    }

    fn batch_of(datagrams: &[(u16, &str)]) -> SendBatch {
        let mut batch = SendBatch::new();
        for (port, data) in datagrams {
            assert!(batch.write(path(*port), |room| {
                room[..data.len()].copy_from_slice(data.as_bytes());
                Some(data.len())
            }));
        }
        batch
    }

    /// The bytes of each run, one after another.
    fn runs(batch: &SendBatch, longest: usize) -> Vec<(usize, usize, String)> {
        let mut runs = Vec::new();
        let mut next = 0;
        while let Some(run) = batch.run_from(next, 0, longest) {
            runs.push((run.count, run.segment, String::from_utf8(run.data.to_vec()).unwrap()));
            next = run.place + run.count;
        }
        runs
    }

    #[test]
    fn a_run_is_of_one_length_to_one_remote_and_only_its_last_is_shorter() {
        let batch = batch_of(&[(1, "aa"), (1, "bb"), (1, "c"), (1, "d"), (2, "ee"), (2, "fff")]);
        let whole = [(3, 2, "aabbc"), (1, 1, "d"), (1, 2, "ee"), (1, 3, "fff")];
        assert_eq!(runs(&batch, RUN_MAX), whole.map(|(n, s, data)| (n, s, data.to_owned())));
        assert_eq!(runs(&batch, 1).len(), 6);
        assert_eq!(batch.run_from(0, 1, RUN_MAX), None, "nothing of another socket's");
    }

    #[test]
    fn a_run_keeps_to_what_the_kernel_takes() {
        let packet = "x".repeat(1200);
        let batch = batch_of(&vec![(1, &*packet); RUN_MAX + 1]);
        let counts = |batch| runs(batch, usize::MAX).iter().map(|run| run.0).collect::<Vec<_>>();
        assert_eq!(counts(&batch), [54, 11], "65,507 bytes");
        let batch = batch_of(&vec![(1, "x"); RUN_MAX + 1]);
        assert_eq!(counts(&batch), [RUN_MAX, 1]);
    }

    #[test]
    fn a_send_batch_can_be_read_and_emptied() {
        let mut batch = batch_of(&[(1, "a"), (2, "bb"), (3, "ccc")]);
        assert!(batch.write(path(4), |_| None));
        let all: Vec<_> = batch.datagrams().collect();
        assert_eq!(all, [(path(1), &b"a"[..]), (path(2), b"bb"), (path(3), b"ccc")]);
        batch.clear();
        assert_eq!(batch.datagrams().count(), 0);
        assert_eq!(batch.run_from(0, 0, RUN_MAX), None);
    }
}
