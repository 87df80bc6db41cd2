//! Datagrams over TCP (RFC 6544): for clients whose network lets no UDP through.
//!
//! A shard listens on the TCP ports with the numbers of its UDP ports and connects to nobody. A connection is a path like any other:
//! the shard neither knows nor cares. What UDP would lose in a queue, a stream keeps in order, so that everything behind it is late;
//! hence [`shed`] leaves out what would be.
//!
//! Left out on purpose: active and simultaneous-open candidates (RFC 6544, section 4.1), which a server that is reached needs not.

mod connection;
mod framing;
mod shed;

use std::collections::BTreeMap;
use std::io;
use std::net::{SocketAddr, TcpListener};
use std::os::fd::AsFd as _;
use std::time::{Duration, Instant};

use socket2::{Domain, Protocol, SockRef, Type};

use self::connection::{Connection, End};
use self::framing::FRAME_MAX;
use super::batch::{Ecn, Path, RecvBatch, SendBatch};
use super::clock::Clock;
use super::dscp::Dscp;
use super::poll::{Interest, Poll};
use crate::drop::DropReason;
use crate::metrics::{Counters, Direction, StreamEnd};
use crate::shard::Shard;

/// A TCP port on which connections are accepted.
#[derive(Debug)]
pub(super) struct Listener {
    listener: TcpListener,
    dscp: Dscp,
}

impl Listener {
    /// Listens on `address`; what it accepts is marked `dscp`.
    ///
    /// # Errors
    /// What the system says, as for a UDP socket.
    pub(super) fn bind(address: SocketAddr, dscp: Dscp) -> io::Result<Self> {
        let domain = Domain::for_address(address);
        let socket = socket2::Socket::new(domain, Type::STREAM.nonblocking(), Some(Protocol::TCP))?;
        if address.is_ipv6() {
            socket.set_only_v6(true)?;
        }
        // Connections of an earlier run that are still being closed are no reason not to start.
        socket.set_reuse_address(true)?;
        socket.bind(&address.into())?;
        socket.listen(BACKLOG)?;
        Ok(Self { listener: socket.into(), dscp })
    }

    fn accept(&self) -> io::Result<(std::net::TcpStream, SocketAddr)> {
        let (stream, remote) = self.listener.accept()?;
        stream.set_nonblocking(true)?;
        stream.set_nodelay(true)?;
        let class = u32::from(self.dscp.traffic_class());
        let socket = SockRef::from(&stream);
        let _unmarked = match remote {
            SocketAddr::V4(_) => socket.set_tos_v4(class),
            SocketAddr::V6(_) => socket.set_tclass_v6(class),
        };
        Ok((stream, remote))
    }
}

/// The listeners of a thread with their connections.
#[derive(Debug)]
pub(super) struct Streams {
    listeners: Vec<Listener>,
    /// By number; `None` where one has ended, until another takes its place.
    connections: Vec<Option<Connection>>,
    numbers: BTreeMap<Path, usize>,
    scratch: Box<[u8]>,
    /// When the next look at who has proved nothing is due.
    look: Option<Instant>,
}

impl Streams {
    /// Watches `listeners`.
    ///
    /// # Errors
    /// Out of memory, or of watches.
    pub(super) fn new(listeners: Vec<Listener>, poll: &Poll) -> io::Result<Self> {
        for (place, listener) in (0..).zip(&listeners) {
            poll.add(listener.listener.as_fd(), LISTENERS + place)?;
        }
        Ok(Self {
            listeners,
            connections: Vec::new(),
            numbers: BTreeMap::new(),
            scratch: vec![0; SCRATCH_BYTES].into_boxed_slice(),
            look: None,
        })
    }

    /// Deals with what the poll tells of `token`; false where that is none of ours.
    pub(super) fn ready(
        &mut self,
        token: u64,
        clock: &Clock,
        (poll, shard): (&Poll, &mut Shard),
        batch: &mut RecvBatch,
        counters: &mut Counters,
    ) -> bool {
        let number = |first: u64| token.checked_sub(first).and_then(|it| usize::try_from(it).ok());
        if let Some(number) = number(CONNECTIONS).filter(|number| *number < CONNECTIONS_MAX) {
            self.receive(number, clock, shard, batch, counters);
        } else if let Some(place) = number(LISTENERS).filter(|place| *place < self.listeners.len())
        {
            self.accept(place, clock.now(), poll, counters);
        } else {
            return false;
        }
        true
    }

    fn accept(&mut self, place: usize, now: Instant, poll: &Poll, counters: &mut Counters) {
        let Some(local) = u8::try_from(place).ok().and_then(|place| place.checked_add(STREAM))
        else {
            return;
        };
        for _ in 0..ACCEPTS_MAX {
            let Some(Ok((stream, remote))) = self.listeners.get(place).map(Listener::accept) else {
                return;
            };
            let path = Path { local, remote };
            let of_one = self.numbers.keys().filter(|path| path.remote.ip() == remote.ip()).count();
            let free = self.connections.iter().position(Option::is_none);
            let number = free.unwrap_or(self.connections.len());
            if number >= CONNECTIONS_MAX || of_one >= OF_ONE_ADDRESS_MAX {
                counters.streams_ended.count(StreamEnd::Refused);
                continue;
            }
            let connection = Connection::new(stream, path, now);
            if poll.add(connection.as_fd(), token(number)).is_err() {
                counters.streams_ended.count(StreamEnd::Refused);
                continue;
            }
            match self.connections.get_mut(number) {
                Some(place) => *place = Some(connection),
                None => self.connections.push(Some(connection)),
            }
            self.numbers.insert(path, number);
            self.look.get_or_insert(now + LOOK);
            counters.streams_accepted.count();
        }
    }

    fn receive(
        &mut self,
        number: usize,
        clock: &Clock,
        shard: &mut Shard,
        batch: &mut RecvBatch,
        counters: &mut Counters,
    ) {
        let Some(connection) = self.connections.get_mut(number).and_then(Option::as_mut) else {
            return;
        };
        let (path, now) = (connection.path, clock.now());
        let outcome = connection.receive(&mut self.scratch, |datagram| {
            counters.datagrams.count(Direction::Received);
            counters.runs.count(Direction::Received);
            counters.bytes.add(Direction::Received, datagram.len() as u64);
            if batch.free().is_empty() {
                shard.handle_batch(now, batch);
                batch.clear();
            }
            let _fits = batch.push(path, now, Ecn::NotCapable, datagram);
        });
        shard.handle_batch(now, batch);
        batch.clear();
        if let Err(end) = outcome {
            self.close(number, end.into(), counters);
        }
    }

    /// Sends those datagrams of a batch that go over TCP: each once, now or never.
    pub(super) fn send(&mut self, now: Instant, batch: &SendBatch, counters: &mut Counters) {
        if !batch.has_streamed() {
            return;
        }
        let mut looked = None;
        for (path, urgency, datagram) in batch.streamed() {
            let number = self.numbers.get(&path);
            let place = number.and_then(|number| self.connections.get_mut(*number));
            let Some(connection) = place.and_then(Option::as_mut) else {
                counters.dropped.count(DropReason::StreamGone);
                continue;
            };
            if looked.replace(path) != Some(path) {
                connection.look(now);
            }
            match connection.send(datagram, urgency) {
                Ok(()) => {
                    counters.datagrams.count(Direction::Sent);
                    counters.runs.count(Direction::Sent);
                    counters.bytes.add(Direction::Sent, datagram.len() as u64);
                }
                Err(reason) => counters.dropped.count(reason),
            }
        }
    }

    /// Goes on with frames that were written in part, and has room watched for where one still is.
    ///
    /// # Errors
    /// A connection cannot be watched: never known to happen.
    pub(super) fn go_on(&mut self, poll: &Poll) -> io::Result<()> {
        for (number, connection) in self.connections.iter_mut().enumerate() {
            let Some(connection) = connection else { continue };
            let is_behind = !connection.go_on();
            if is_behind != connection.watched_for_room {
                let interest = if is_behind { Interest::ReadAndWrite } else { Interest::Read };
                poll.change(connection.as_fd(), token(number), interest)?;
                connection.watched_for_room = is_behind;
            }
        }
        Ok(())
    }

    /// When [`Self::look`] is due.
    pub(super) const fn deadline(&self) -> Option<Instant> {
        self.look
    }

    /// Closes connections over which nobody has proved to belong here, or no longer does.
    pub(super) fn look(&mut self, now: Instant, shard: &Shard, counters: &mut Counters) {
        if self.look.is_none_or(|due| due > now) {
            return;
        }
        let is_idle = |connection: &Connection| {
            now.saturating_duration_since(connection.opened) >= PROOF_MAX
                && !shard.knows(&connection.path)
        };
        for number in 0..self.connections.len() {
            let connection = self.connections.get(number).and_then(Option::as_ref);
            if connection.is_some_and(is_idle) {
                self.close(number, StreamEnd::Unproved, counters);
            }
        }
        self.look = (!self.numbers.is_empty()).then_some(now + LOOK);
    }

    fn close(&mut self, number: usize, end: StreamEnd, counters: &mut Counters) {
        if let Some(connection) = self.connections.get_mut(number).and_then(Option::take) {
            self.numbers.remove(&connection.path);
            counters.streams_ended.count(end);
        }
    }
}

impl From<End> for StreamEnd {
    fn from(end: End) -> Self {
        match end {
            End::Gone => Self::Gone,
            End::TooLong => Self::TooLong,
        }
    }
}

/// What the poll calls a connection.
fn token(number: usize) -> u64 {
    u64::try_from(number).unwrap_or(u64::MAX).saturating_add(CONNECTIONS)
}

/// From here on [`Path::local`] names a listener: half of what a byte can name.
pub(super) const STREAM: u8 = 128;

/// What the poll calls the first listener: sockets come before.
const LISTENERS: u64 = 1 << 32;
/// What the poll calls the first connection.
const CONNECTIONS: u64 = 1 << 33;

/// Connections of one shard. A connection costs 4 KiB, and one in ten of a shard's 10,000 participants comes over TCP at most.
const CONNECTIONS_MAX: usize = 1_024;
/// Connections from one address: a company behind one, of whom most come over UDP.
const OF_ONE_ADDRESS_MAX: usize = 64;
/// Connections accepted in one turn; the others wait in the system's queue.
const ACCEPTS_MAX: usize = 16;
/// The system's queue: what comes within a few turns.
const BACKLOG: i32 = 128;
/// What is read of a connection in one turn: more waits in the system, whose window then tells the sender to wait.
const SCRATCH_BYTES: usize = 16 * 1024;
const _: () = assert!(SCRATCH_BYTES > 2 * FRAME_MAX);
const _: () = assert!(Connection::BYTES <= 4 * 1024);
/// Without a checked STUN request for so long a connection is closed: a client's first one comes with the connection.
const PROOF_MAX: Duration = Duration::from_secs(10);
/// How often that is looked at.
const LOOK: Duration = Duration::from_secs(1);

#[cfg(test)]
#[path = "stream_tests.rs"]
mod tests;
