//! A UDP socket: datagrams by the batch, stamped and marked by the kernel.

use std::io;
use std::net::SocketAddr;
use std::os::fd::{AsFd, BorrowedFd};

use arrayvec::ArrayVec;
use socket2::{Domain, Protocol, Type};

use super::batch::{Ecn, Path, RUN_MAX, RecvBatch, Run, SendBatch};
use super::clock::Clock;
use super::dscp::Dscp;
use super::syscall::{self, MESSAGES};
use crate::drop::DropReason;
use crate::metrics::{Blocked, Counters, Direction};

/// A bound, non-blocking UDP socket.
#[derive(Debug)]
pub struct Socket {
    socket: socket2::Socket,
    local: u8,
    address: SocketAddr,
    runs: Runs,
}

/// Whether a socket sends runs.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
enum Runs {
    /// It does; so many in a row were refused.
    On { refused: u8 },
    /// The system refuses them all.
    Off,
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
        // Linux before 5.0 has no runs: then every datagram comes alone.
        if let Err(error) = syscall::enable(socket.as_fd(), libc::SOL_UDP, libc::UDP_GRO) {
            tracing::debug!(%address, %error, "datagrams are received one by one");
        }
        socket.bind(&address.into())?;
        let address = socket.local_addr()?.as_socket().unwrap_or(address);
        Ok(Self { socket, local, address, runs: Runs::ON })
    }

    /// Marks all that it sends from here on.
    ///
    /// # Errors
    /// What the system says: it has no such option, which no Linux has yet said.
    pub fn mark(&self, dscp: Dscp) -> io::Result<()> {
        let class = u32::from(dscp.traffic_class());
        if self.address.is_ipv6() {
            self.socket.set_tclass_v6(class)
        } else {
            self.socket.set_tos_v4(class)
        }
    }

    /// The address it is bound to, with the port that port 0 became.
    #[must_use]
    pub const fn address(&self) -> SocketAddr {
        self.address
    }

    /// Moves what has arrived into the free buffers of `batch`, in the order of its arrival, until nothing is left or
    /// the batch is full. Returns how many buffers it used.
    ///
    /// A datagram longer than [`DATAGRAM_MAX`](super::batch::DATAGRAM_MAX) is counted as [`DropReason::DatagramTooLong`]. An error that is pending on the
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
            let segment = message.segment.unwrap_or(message.length).max(1);
            let count = message.length.div_ceil(segment).max(1) as u64;
            counters.runs.count(Direction::Received);
            counters.datagrams.add(Direction::Received, count);
            counters.bytes.add(Direction::Received, message.length as u64);
            let path = message.remote.map(|remote| Path { local: self.local, remote });
            let Some(path) = path.filter(|_| message.length > 0) else {
                counters.dropped.count(DropReason::DatagramUnknown);
                batch.skip();
                continue;
            };
            let (arrival, ecn) = (clock.arrival(message.stamp, now), ecn_of(message.traffic_class));
            if message.truncated || !batch.fill(path, arrival, ecn, message.length, segment) {
                counters.dropped.add(DropReason::DatagramTooLong, count);
                batch.skip();
            }
        }
    }

    /// Sends this socket's datagrams of `batch`, in order, from place `first` on. The other sockets' are passed over.
    ///
    /// A datagram that the system refuses for good is counted by its reason and passed over; the rest goes on.
    pub fn send(&mut self, batch: &SendBatch, first: usize, counters: &mut Counters) -> Sent {
        let (socket, ours) = (self.socket.as_fd(), (self.local, &mut self.runs));
        send_with(batch, ours, first, counters, |runs| syscall::send(socket, runs))
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
    (local, sends): (u8, &mut Runs),
    first: usize,
    counters: &mut Counters,
    mut call: impl FnMut(&ArrayVec<Run<'_>, MESSAGES>) -> io::Result<usize>,
) -> Sent {
    let mut next = first;
    let mut attempts = 0;
    // Up to here datagrams go one by one: a run of them was refused.
    let mut singly = 0;
    loop {
        let runs = gather(batch, local, next, singly, sends.longest());
        let Some(run) = runs.first().copied() else { return Sent::All };
        let after = run.place + run.count;
        let error = match call(&runs) {
            Ok(taken) => {
                for run in runs.iter().take(taken) {
                    sends.took(run.count);
                    counters.runs.count(Direction::Sent);
                    counters.datagrams.add(Direction::Sent, run.count as u64);
                    counters.bytes.add(Direction::Sent, run.data.len() as u64);
                    next = run.place + run.count;
                }
                attempts = 0;
                continue;
            }
            Err(error) => error,
        };
        match Refusal::of(&error, run.count) {
            Refusal::Again if attempts < ERRORS_MAX => {
                attempts += 1;
                continue;
            }
            Refusal::Full(by) => {
                counters.sends_blocked.count(by);
                return Sent::Stopped { at: run.place, by };
            }
            Refusal::Runs => sends.stop(&error),
            Refusal::Run => {
                sends.refuse(&error);
                singly = after;
            }
            Refusal::Again => {
                counters.dropped.add(DropReason::SendFailed, run.count as u64);
                next = after;
            }
            Refusal::Drop(reason) => {
                counters.dropped.add(reason, run.count as u64);
                next = after;
            }
        }
        attempts = 0;
    }
}

/// The next runs of socket `local`, as many as one call takes; those that begin before place `singly` of one datagram.
fn gather(
    batch: &SendBatch,
    local: u8,
    first: usize,
    singly: usize,
    longest: usize,
) -> ArrayVec<Run<'_>, MESSAGES> {
    let mut next = first;
    let mut runs = ArrayVec::new();
    while !runs.is_full() {
        let longest = if next < singly { 1 } else { longest };
        let Some(run) = batch.run_from(next, local, longest) else { break };
        next = run.place + run.count;
        runs.push(run);
    }
    runs
}

impl Runs {
    const ON: Self = Self::On { refused: 0 };

    /// Datagrams of the longest run to be sent.
    const fn longest(self) -> usize {
        match self {
            Self::On { .. } => RUN_MAX,
            Self::Off => 1,
        }
    }

    /// The system took a message of `datagrams`.
    fn took(&mut self, datagrams: usize) {
        if datagrams > 1 && *self != Self::Off {
            *self = Self::ON;
        }
    }

    /// The system refused one run, perhaps for the sake of its way.
    fn refuse(&mut self, error: &io::Error) {
        match self {
            Self::On { refused } if *refused < REFUSED_MAX => *refused += 1,
            Self::On { .. } => self.stop(error),
            Self::Off => {}
        }
    }

    fn stop(&mut self, error: &io::Error) {
        tracing::warn!(%error, "the system sends no runs of datagrams: one by one from here on");
        *self = Self::Off;
    }
}

/// What a failed send means for its first run.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
enum Refusal {
    /// The error is no fault of these datagrams.
    Again,
    /// They will have room later.
    Full(Blocked),
    /// No run will ever be sent by this socket; each of its datagrams may be.
    Runs,
    /// This run will never be sent; each of its datagrams may be.
    Run,
    /// None of it will ever be sent.
    Drop(DropReason),
}

impl Refusal {
    fn of(error: &io::Error, datagrams: usize) -> Self {
        match error.raw_os_error() {
            // ECONNREFUSED tells of an earlier datagram, to whomever.
            Some(libc::EINTR | libc::ECONNREFUSED) => Self::Again,
            Some(libc::EAGAIN) => Self::Full(Blocked::Socket),
            Some(libc::ENOBUFS | libc::ENOMEM) => Self::Full(Blocked::Device),
            // The device cannot compute their checksums.
            Some(libc::EIO) if datagrams > 1 => Self::Runs,
            // Datagrams of it are longer than its way takes (EINVAL from older kernels), or the kernel does not know runs: a receiver
            // behind a narrow tunnel must not cost all others theirs.
            Some(libc::EMSGSIZE | libc::EINVAL) if datagrams > 1 => Self::Run,
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

/// Runs refused in a row, each perhaps for the sake of its way, before a socket sends no more of them: a turn's worth of one receiver
/// is two or three runs, and a turn has several receivers.
const REFUSED_MAX: u8 = 16;

/// Errors in a row, none of them about the datagram at hand, before a socket gives up for this turn (receiving) or on
/// this datagram (sending). A socket has one pending error at a time, so more than this many is a storm.
const ERRORS_MAX: usize = 8;

#[cfg(test)]
#[path = "socket_tests.rs"]
mod tests;
