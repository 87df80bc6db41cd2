//! One TCP connection: datagrams both ways.

use std::io::{self, ErrorKind, IoSlice, Read as _, Write as _};
use std::net::TcpStream;
use std::os::fd::{AsFd, BorrowedFd};
use std::time::Instant;

use arrayvec::ArrayVec;

use super::framing::{FRAME_MAX, FrameTooLong, LENGTH_BYTES, prefix, split};
use super::shed::Shed;
use crate::drop::DropReason;
use crate::net::batch::{Path, Urgency};
use crate::net::syscall;

/// A connection, and what is half read and half written of it.
#[derive(Debug)]
pub(super) struct Connection {
    stream: TcpStream,
    pub(super) path: Path,
    pub(super) opened: Instant,
    /// The beginning of a frame of which the rest has not come.
    partial: Box<ArrayVec<u8, FRAME_MAX>>,
    /// The rest of a frame of which the system took the beginning.
    pending: Box<ArrayVec<u8, FRAME_MAX>>,
    /// Bytes that the system has taken so far.
    written: u64,
    /// Of these, those that wait within it.
    waiting: u64,
    shed: Shed,
    /// Whether it is watched for room to write.
    pub(super) watched_for_room: bool,
}

/// Why a connection has to end.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub(super) enum End {
    /// The other side ended it, or the network did.
    Gone,
    /// A frame that is too long: the other side's fault.
    TooLong,
}

impl From<FrameTooLong> for End {
    fn from(FrameTooLong(length): FrameTooLong) -> Self {
        tracing::debug!(length, "a frame that is too long ends a connection");
        Self::TooLong
    }
}

impl Connection {
    /// What one takes of memory.
    pub(super) const BYTES: usize = size_of::<Self>() + 2 * size_of::<ArrayVec<u8, FRAME_MAX>>();

    pub(super) fn new(stream: TcpStream, path: Path, now: Instant) -> Self {
        Self {
            stream,
            path,
            opened: now,
            partial: Box::default(),
            pending: Box::default(),
            written: 0,
            waiting: 0,
            shed: Shed::default(),
            watched_for_room: false,
        }
    }

    /// Reads what has come, up to what `scratch` holds, and hands whole datagrams to `take`. `scratch` is to hold more than two frames.
    ///
    /// # Errors
    /// [`End`]: the connection is to be closed.
    pub(super) fn receive(
        &mut self,
        scratch: &mut [u8],
        mut take: impl FnMut(&[u8]),
    ) -> Result<(), End> {
        let kept = self.partial.len();
        if let Some(place) = scratch.get_mut(..kept) {
            place.copy_from_slice(&self.partial);
        }
        let room = scratch.get_mut(kept..).unwrap_or_default();
        let read = match self.stream.read(room) {
            Ok(0) => return Err(End::Gone),
            Ok(read) => read,
            Err(error) if is_for_now(&error) => return Ok(()),
            Err(_) => return Err(End::Gone),
        };
        let bytes = scratch.get(..kept + read).unwrap_or_default();
        let used = split(bytes, &mut take)?;
        let rest = bytes.get(used..).unwrap_or_default();
        self.partial.clear();
        // Less than a frame, which is what there is room for.
        self.partial.try_extend_from_slice(rest).map_err(|_| End::TooLong)
    }

    /// Asks how much of what was written still waits: before datagrams are sent.
    pub(super) fn look(&mut self, now: Instant) {
        self.waiting = syscall::unsent(self.stream.as_fd()).unwrap_or(0);
        self.shed.tell(now, self.written, self.waiting);
    }

    /// Sends a datagram, or the beginning of it; the rest follows by [`Self::go_on`].
    ///
    /// # Errors
    /// [`DropReason::StreamFull`] where it is left out because the stream backs up, and others wherever it cannot be sent at all.
    pub(super) fn send(&mut self, datagram: &[u8], urgency: Urgency) -> Result<(), DropReason> {
        let _gone = self.go_on();
        let length = prefix(datagram.len()).ok_or(DropReason::SendTooLong)?;
        // Behind the rest of another frame nothing goes: the system has no room.
        let waiting = if self.pending.is_empty() { self.waiting } else { u64::MAX };
        if !self.shed.lets(datagram, urgency, waiting) {
            return Err(DropReason::StreamFull);
        }
        let parts = [IoSlice::new(&length), IoSlice::new(datagram)];
        let taken = match self.stream.write_vectored(&parts) {
            Ok(taken) => taken,
            Err(error) if is_for_now(&error) => {
                // So that the rest of its frame is left out as well.
                let _refused = self.shed.lets(datagram, urgency, u64::MAX);
                return Err(DropReason::StreamFull);
            }
            Err(_) => return Err(DropReason::StreamGone),
        };
        self.count(taken);
        let rest = length.iter().chain(datagram).skip(taken).copied();
        self.pending.extend(rest.take(FRAME_MAX));
        debug_assert!(taken + self.pending.len() == LENGTH_BYTES + datagram.len());
        Ok(())
    }

    /// Writes what is left of a frame. Whether nothing is left.
    pub(super) fn go_on(&mut self) -> bool {
        while !self.pending.is_empty() {
            match self.stream.write(&self.pending) {
                Ok(taken) if taken > 0 => {
                    self.pending.drain(..taken.min(self.pending.len()));
                    self.count(taken);
                }
                // Reading will tell if it is gone.
                Ok(_) | Err(_) => return false,
            }
        }
        true
    }

    fn count(&mut self, taken: usize) {
        let taken = u64::try_from(taken).unwrap_or(u64::MAX);
        self.written = self.written.saturating_add(taken);
        self.waiting = self.waiting.saturating_add(taken);
    }
}

impl AsFd for Connection {
    fn as_fd(&self) -> BorrowedFd<'_> {
        self.stream.as_fd()
    }
}

/// Nothing there, or no room, at present.
fn is_for_now(error: &io::Error) -> bool {
    matches!(error.kind(), ErrorKind::WouldBlock | ErrorKind::Interrupted)
}
