//! Stands between the server and its clients with real sockets, and makes the way of some of them as bad as it should be.
//!
//! ```text
//! client ─► door: a socket at an address that the server announces ─► ways: simnet ─► the flow's own socket ─► server
//!        ◄─────────────────────────────────────────────────────────── ways: simnet ◄─
//! ```
//!
//! - What is lost, dropped or late is decided by `tools::simnet` and nothing else; here are only sockets and the clock. Arrivals are
//!   those of the kernel, so a late turn of this thread delays a datagram but neither stretches a queue nor thins a rate.
//! - A flow is one client's address at one door; the server sees it at a port of its own. Flows that come before [`Forwarder::begin`]
//!   pass untouched, those that come after it share one bottleneck each way.
//! - Flows and datagrams under way are bounded; what is beyond is dropped and counted.

mod flows;
pub mod ways;

use std::io;
use std::net::SocketAddr;
use std::os::fd::{AsFd, BorrowedFd};
use std::time::Instant;

use sfu::metrics::Counters;
use sfu::net::batch::{Path, RECV_MAX, RecvBatch, SendBatch};
use sfu::net::clock::Clock;
use sfu::net::poll::Poll;
use sfu::net::socket::{Sent, Socket};
use tools::simnet::route::Counts;
use tools::simnet::time::SimTime;

use flows::{Flow, Flows};
use ways::{Datagram, Shape, Toward, Ways};

/// An address for clients, and the server's behind it.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub struct Door {
    /// Where clients send to. Port 0 becomes a free one.
    pub outer: SocketAddr,
    /// Where the server is.
    pub inner: SocketAddr,
}

/// Forwards while it is turned.
#[derive(Debug)]
pub struct Forwarder {
    clock: Clock,
    epoch: Instant,
    poll: Poll,
    /// Those of the doors, and behind them one of each flow; its place is what a socket calls `local`.
    sockets: Vec<Socket>,
    doors: Vec<Door>,
    flows: Flows,
    ways: Ways,
    received: RecvBatch,
    sending: SendBatch,
    counters: Counters,
    refused: u64,
    unsent: u64,
}

/// What happened so far.
#[derive(Clone, Copy, Debug, Default, Eq, PartialEq)]
pub struct Tally {
    /// Flows, shaped ones included.
    pub flows: usize,
    /// Those that came after the beginning.
    pub shaped: usize,
    /// From the server to shaped flows.
    pub down: Counts,
    /// From shaped flows to the server.
    pub up: Counts,
    /// Datagrams beyond the bounds of this forwarder.
    pub refused: u64,
    /// Datagrams that the system did not take.
    pub unsent: u64,
}

impl Forwarder {
    /// Opens the doors.
    ///
    /// # Errors
    /// What the system says: an address in use, or not of this machine.
    pub fn open(doors: &[Door], shape: Shape) -> io::Result<Self> {
        let clock = Clock::new();
        let mut forwarder = Self {
            epoch: clock.now(),
            clock,
            poll: Poll::new()?,
            sockets: Vec::new(),
            doors: doors.to_vec(),
            flows: Flows::default(),
            ways: Ways::new(shape),
            received: RecvBatch::new(),
            sending: SendBatch::new(),
            counters: Counters::default(),
            refused: 0,
            unsent: 0,
        };
        for door in doors {
            forwarder.add_socket(door.outer)?;
        }
        Ok(forwarder)
    }

    /// Where clients reach a door.
    #[must_use]
    pub fn address(&self, door: usize) -> Option<SocketAddr> {
        self.sockets.get(..self.doors.len())?.get(door).map(Socket::address)
    }

    /// Has [`Self::turn`] say when `control` has something to read.
    ///
    /// # Errors
    /// A descriptor that cannot be waited for, as a regular file.
    pub fn watch(&self, control: BorrowedFd<'_>) -> io::Result<()> {
        self.poll.add(control, CONTROL)
    }

    /// From here on new flows are shaped, and the time of the traces runs.
    pub fn begin(&mut self) {
        let now = self.time(self.clock.now());
        self.ways.begin(now);
    }

    /// What happened so far.
    #[must_use]
    pub fn tally(&self) -> Tally {
        Tally {
            flows: self.flows.all().len(),
            shaped: self.flows.all().iter().filter(|flow| flow.is_shaped).count(),
            down: self.ways.counts(Toward::Client),
            up: self.ways.counts(Toward::Server),
            refused: self.refused,
            unsent: self.unsent,
        }
    }

    /// Waits until something is due, and does it. True where the watched control has something to read.
    ///
    /// # Errors
    /// Waiting failed, or a flow got no socket.
    pub fn turn(&mut self) -> io::Result<bool> {
        let now = self.time(self.clock.now());
        let timeout = self.ways.next_event().map(|at| at.since(now));
        let ready = self.poll.wait(timeout)?;
        self.clock.begin_turn();
        let mut is_told = false;
        for token in ready.iter().map(|readable| readable.0) {
            if token == CONTROL {
                is_told = true;
            } else {
                self.receive(usize::try_from(token).unwrap_or(usize::MAX))?;
            }
        }
        self.deliver();
        Ok(is_told)
    }

    /// Takes in what a socket has.
    fn receive(&mut self, place: usize) -> io::Result<()> {
        for _ in 0..ROUNDS_MAX {
            let Some(socket) = self.sockets.get(place) else { return Ok(()) };
            let used = socket.receive(&self.clock, &mut self.received, &mut self.counters);
            let arrived = self.received.datagrams();
            let arrived: Vec<(SocketAddr, Instant, Vec<u8>)> = arrived
                .map(|datagram| (datagram.path.remote, datagram.arrival, datagram.data.to_vec()))
                .collect();
            self.received.clear();
            for (remote, arrival, bytes) in arrived {
                self.take_in(place, remote, self.time(arrival), bytes)?;
            }
            if used < RECV_MAX {
                break;
            }
        }
        Ok(())
    }

    /// A datagram from `remote` came to the socket in this place.
    fn take_in(
        &mut self,
        place: usize,
        remote: SocketAddr,
        at: SimTime,
        bytes: Vec<u8>,
    ) -> io::Result<()> {
        let (flow, toward) = match place.checked_sub(self.doors.len()) {
            None => (self.flow_of(place, remote)?, Toward::Server),
            Some(flow) => {
                let known = self.flows.all().get(flow).map(|flow| self.doors[flow.door].inner);
                (known.filter(|inner| *inner == remote).map(|_| flow), Toward::Client)
            }
        };
        let is_taken = flow.is_some_and(|flow| {
            let is_shaped = self.flows.all()[flow].is_shaped;
            self.ways.send(at, toward, is_shaped, Datagram { flow, bytes })
        });
        self.refused += u64::from(!is_taken);
        Ok(())
    }

    /// The flow of a client at a door; a new one where it was not known. `None` where there is no room for another.
    fn flow_of(&mut self, door: usize, client: SocketAddr) -> io::Result<Option<usize>> {
        if let Some(flow) = self.flows.find(door, client) {
            return Ok(Some(flow));
        }
        let flow = self.flows.add(Flow { door, client, is_shaped: self.ways.has_begun() });
        if flow.is_some() {
            self.add_socket(SocketAddr::new(self.doors[door].inner.ip(), 0))?;
        }
        Ok(flow)
    }

    fn add_socket(&mut self, address: SocketAddr) -> io::Result<()> {
        let place = u8::try_from(self.sockets.len()).map_err(io::Error::other)?;
        let socket = Socket::bind(address, place)?;
        self.poll.add(socket.as_fd(), place.into())?;
        self.sockets.push(socket);
        Ok(())
    }

    /// Sends whatever has arrived by now.
    fn deliver(&mut self) {
        let now = self.time(self.clock.now());
        while let Some((toward, datagram)) = self.ways.poll(now) {
            let Some(flow) = self.flows.all().get(datagram.flow) else { continue };
            let (place, remote) = match toward {
                Toward::Client => (flow.door, flow.client),
                Toward::Server => (self.doors.len() + datagram.flow, self.doors[flow.door].inner),
            };
            let Ok(local) = u8::try_from(place) else { continue };
            if !self.sending.has_room() {
                self.flush();
            }
            let is_written = self.sending.write(Path { local, remote }, |room| {
                room.get_mut(..datagram.bytes.len())?.copy_from_slice(&datagram.bytes);
                Some(datagram.bytes.len())
            });
            self.unsent += u64::from(!is_written);
        }
        self.flush();
    }

    fn flush(&mut self) {
        if self.sending.is_empty() {
            return;
        }
        for socket in &mut self.sockets {
            match socket.send(&self.sending, 0, &mut self.counters) {
                Sent::All => {}
                Sent::Stopped { at, .. } => self.unsent += (self.sending.len() - at) as u64,
            }
        }
        self.sending.clear();
    }

    fn time(&self, instant: Instant) -> SimTime {
        SimTime::ZERO + instant.saturating_duration_since(self.epoch)
    }
}

/// What the control is called where sockets are called by their places.
const CONTROL: u64 = u64::MAX;

/// Full batches of one socket in one turn: a thousand datagrams are more than come while a turn lasts, and the other sockets wait.
const ROUNDS_MAX: usize = 16;
