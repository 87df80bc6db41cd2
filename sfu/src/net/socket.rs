//! A UDP socket: datagrams by the batch, stamped and marked by the kernel.

use std::io;
use std::net::SocketAddr;
use std::os::fd::{AsFd, BorrowedFd};

use arrayvec::ArrayVec;
use socket2::{Domain, Protocol, Type};

use super::batch::{Ecn, Path, RecvBatch, SendBatch};
use super::clock::Clock;
use super::syscall::{self, MESSAGES};
use crate::drop::DropReason;
use crate::metrics::{Blocked, Counters, Direction};

/// A bound, non-blocking UDP socket.
#[derive(Debug)]
pub struct Socket {
    socket: socket2::Socket,
    local: u8,
    address: SocketAddr,
}

/// How far a socket came with a batch.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
#[must_use]
pub enum Sent {
    /// Nothing of the batch is left for this socket.
    All,
    /// The system takes no more at present.
    Stopped {
        /// The place in the batch to go on from.
        at: usize,
        /// What is full.
        by: Blocked,
    },
}

impl Socket {
    /// Binds `address`; what arrives will carry `local` in its [`Path`]. An IPv6 socket takes IPv6 only, so that
    /// both families can be bound to one port. Buffers are as large as the system allows, up to [`BUFFER_BYTES`].
    ///
    /// # Errors
    /// What the system says: `AddrInUse`, `AddrNotAvailable` and `PermissionDenied` are the operator's to mend.
    pub fn bind(address: SocketAddr, local: u8) -> io::Result<Self> {
        let domain = Domain::for_address(address);
        let socket = socket2::Socket::new(domain, Type::DGRAM.nonblocking(), Some(Protocol::UDP))?;
        if address.is_ipv6() {
            socket.set_only_v6(true)?;
            socket.set_recv_tclass_v6(true)?;
        } else {
            socket.set_recv_tos_v4(true)?;
        }
        // Linux silently takes less where net.core.rmem_max and wmem_max are lower.
        socket.set_recv_buffer_size(BUFFER_BYTES)?;
        socket.set_send_buffer_size(BUFFER_BYTES)?;
        syscall::enable(socket.as_fd(), libc::SOL_SOCKET, libc::SO_TIMESTAMPNS)?;
        socket.bind(&address.into())?;
        let address = socket.local_addr()?.as_socket().unwrap_or(address);
        Ok(Self { socket, local, address })
    }

    /// The address it is bound to, with the port that port 0 became.
    #[must_use]
    pub const fn address(&self) -> SocketAddr {
        self.address
    }

    /// Moves what has arrived into the free buffers of `batch`, in the order of its arrival, until nothing is left or
    /// the batch is full. Returns how many buffers it used.
    ///
    /// A datagram longer than its buffer is counted as [`DropReason::DatagramTooLong`]. An error that is pending on the
    /// socket (a port somewhere that was unreachable) is counted and passed over: it costs no datagram.
    pub fn receive(&self, clock: &Clock, batch: &mut RecvBatch, counters: &mut Counters) -> usize {
        let mut used = 0;
        let mut errors = 0;
        while !batch.free().is_empty() && errors < ERRORS_MAX {
            let room = batch.free().len().min(MESSAGES);
            match syscall::receive(self.socket.as_fd(), batch.free()) {
                Ok(messages) => {
                    self.take_in(&messages, clock, batch, counters);
                    used += messages.len();
                    if messages.len() < room {
                        break;
                    }
                }
                Err(error) if error.kind() == io::ErrorKind::WouldBlock => break,
                Err(error) => {
                    errors += 1;
                    if error.kind() != io::ErrorKind::Interrupted {
                        tracing::debug!(socket = %self.address, %error, "receiving");
                        counters.receive_errors.count();
                    }
                }
            }
        }
        used
    }

    fn take_in(
        &self,
        messages: &[syscall::Message],
        clock: &Clock,
        batch: &mut RecvBatch,
        counters: &mut Counters,
    ) {
        let now = clock.now();
        for message in messages {
            counters.datagrams.count(Direction::Received);
            counters.bytes.add(Direction::Received, message.length as u64);
            match message.remote {
                Some(remote) if !message.truncated => {
                    let path = Path { local: self.local, remote };
                    let arrival = clock.arrival(message.stamp, now);
                    batch.fill(path, arrival, ecn_of(message.traffic_class), message.length);
                }
                Some(_) => {
                    counters.dropped.count(DropReason::DatagramTooLong);
                    batch.skip();
                }
                None => {
                    counters.dropped.count(DropReason::DatagramUnknown);
                    batch.skip();
                }
            }
        }
    }

    /// Sends this socket's datagrams of `batch`, in order, from place `first` on. The other sockets' are passed over.
    ///
    /// A datagram that the system refuses for good is counted by its reason and passed over; the rest goes on.
    pub fn send(&self, batch: &SendBatch, first: usize, counters: &mut Counters) -> Sent {
        send_with(batch, self.local, first, counters, |datagrams| {
            syscall::send(self.socket.as_fd(), datagrams)
        })
    }
}

impl AsFd for Socket {
    fn as_fd(&self) -> BorrowedFd<'_> {
        self.socket.as_fd()
    }
}

/// As [`Socket::send`], with `call` in the place of `sendmmsg`.
fn send_with(
    batch: &SendBatch,
    local: u8,
    first: usize,
    counters: &mut Counters,
    mut call: impl FnMut(&ArrayVec<(SocketAddr, &[u8]), MESSAGES>) -> io::Result<usize>,
) -> Sent {
    let mut next = first;
    let mut attempts = 0;
    loop {
        let mut chunk = ArrayVec::new();
        let mut places = ArrayVec::<usize, MESSAGES>::new();
        let ours = batch.datagrams_from(next).filter(|(_, path, _)| path.local == local);
        for (place, path, data) in ours.take(MESSAGES) {
            chunk.push((path.remote, data));
            places.push(place);
        }
        let Some(&place) = places.first() else { return Sent::All };
        let refusal = match call(&chunk) {
            Ok(taken) => {
                let sent = chunk.iter().take(taken);
                counters.datagrams.add(Direction::Sent, sent.len() as u64);
                counters.bytes.add(Direction::Sent, sent.map(|(_, data)| data.len() as u64).sum());
                next = places
                    .get(taken)
                    .copied()
                    .unwrap_or_else(|| places.last().map_or(batch.len(), |last| last + 1));
                attempts = 0;
                continue;
            }
            Err(error) => Refusal::of(&error),
        };
        match refusal {
            Refusal::Again if attempts < ERRORS_MAX => attempts += 1,
            Refusal::Full(by) => {
                counters.sends_blocked.count(by);
                return Sent::Stopped { at: place, by };
            }
            Refusal::Again => next = drop_one(place, DropReason::SendFailed, counters),
            Refusal::Drop(reason) => next = drop_one(place, reason, counters),
        }
        if next > place {
            attempts = 0;
        }
    }
}

fn drop_one(place: usize, reason: DropReason, counters: &mut Counters) -> usize {
    counters.dropped.count(reason);
    place + 1
}

/// What a failed send means for its first datagram.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
enum Refusal {
    /// The error is no fault of this datagram.
    Again,
    /// It will have room later.
    Full(Blocked),
    /// It will never be sent.
    Drop(DropReason),
}

impl Refusal {
    fn of(error: &io::Error) -> Self {
        match error.raw_os_error() {
            // ECONNREFUSED tells of an earlier datagram, to whomever.
            Some(libc::EINTR | libc::ECONNREFUSED) => Self::Again,
            Some(libc::EAGAIN) => Self::Full(Blocked::Socket),
            Some(libc::ENOBUFS | libc::ENOMEM) => Self::Full(Blocked::Device),
            Some(libc::EMSGSIZE) => Self::Drop(DropReason::SendTooLong),
            Some(
                libc::ENETUNREACH
                | libc::EHOSTUNREACH
                | libc::ENETDOWN
                | libc::EHOSTDOWN
                | libc::EADDRNOTAVAIL
                | libc::EAFNOSUPPORT,
            ) => Self::Drop(DropReason::SendUnreachable),
            Some(libc::EPERM | libc::EACCES) => Self::Drop(DropReason::SendForbidden),
            Some(_) | None => Self::Drop(DropReason::SendFailed),
        }
    }
}

/// The two lower bits of the traffic class (RFC 3168, section 5).
const fn ecn_of(traffic_class: u8) -> Ecn {
    match traffic_class & 0b11 {
        0b00 => Ecn::NotCapable,
        0b11 => Ecn::CongestionExperienced,
        _ => Ecn::Capable,
    }
}

/// Receiving: 4 MiB are 100 ms of 320 Mbit/s, longer than any turn. Sending: what the pacers release at once fits.
pub const BUFFER_BYTES: usize = 4 << 20;

/// Errors in a row, none of them about the datagram at hand, before a socket gives up for this turn (receiving) or on
/// this datagram (sending). A socket has one pending error at a time, so more than this many is a storm.
const ERRORS_MAX: usize = 8;

#[cfg(test)]
#[path = "socket_tests.rs"]
mod tests;
