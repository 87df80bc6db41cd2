//! Many participants, each with a socket of its own, on one thread and one clock.

use std::collections::BTreeSet;
use std::io;
use std::net::{IpAddr, Ipv4Addr, SocketAddr};
use std::os::fd::{AsFd as _, AsRawFd as _};
use std::time::Instant;

use mio::unix::SourceFd;
use mio::{Events, Interest, Poll, Token};
use sfu::metrics::Counters;
use sfu::net::batch::{RECV_MAX, RecvBatch, SendBatch};
use sfu::net::clock::Clock;
use sfu::net::socket::{Sent, Socket};

use super::Peer;
use super::tally::{Heard, Tally};

/// Participants and what they have in common. Their places are the order in which they were let in.
#[derive(Debug)]
pub struct Crowd {
    poll: Poll,
    events: Events,
    clock: Clock,
    epoch: Instant,
    members: Vec<Member>,
    /// Each member's deadline.
    due: BTreeSet<(Instant, usize)>,
    received: RecvBatch,
    sending: SendBatch,
    counters: Counters,
    unsent: u64,
}

/// A participant with its socket.
#[derive(Debug)]
pub struct Member {
    /// The participant.
    pub peer: Peer,
    /// What it received.
    pub tally: Tally,
    socket: Socket,
    due: Instant,
}

impl Crowd {
    /// Nobody.
    ///
    /// # Errors
    /// What the system says: too many open files.
    pub fn new() -> io::Result<Self> {
        let clock = Clock::new();
        Ok(Self {
            poll: Poll::new()?,
            events: Events::with_capacity(EVENTS),
            epoch: clock.now(),
            clock,
            members: Vec::new(),
            due: BTreeSet::new(),
            received: RecvBatch::new(),
            sending: SendBatch::new(),
            counters: Counters::default(),
            unsent: 0,
        })
    }

    /// The time, and the moment from which stamps count: what a [`Peer`] is made with.
    #[must_use]
    pub fn now(&self) -> (Instant, Instant) {
        (self.clock.now(), self.epoch)
    }

    /// Lets somebody in; returns their place.
    ///
    /// # Errors
    /// What the system says: too many open files, most likely.
    pub fn admit(&mut self, peer: Peer) -> io::Result<usize> {
        let any_port = SocketAddr::new(IpAddr::V4(Ipv4Addr::LOCALHOST), 0);
        let socket = Socket::bind(any_port, 0)?;
        let place = self.members.len();
        let descriptor = socket.as_fd().as_raw_fd();
        self.poll.registry().register(
            &mut SourceFd(&descriptor),
            Token(place),
            Interest::READABLE,
        )?;
        let due = self.clock.now();
        self.due.insert((due, place));
        self.members.push(Member { peer, tally: Tally::default(), socket, due });
        Ok(place)
    }

    /// Everybody.
    #[must_use]
    pub fn members(&self) -> &[Member] {
        &self.members
    }

    /// Everybody, to be told something.
    pub fn members_mut(&mut self) -> &mut [Member] {
        &mut self.members
    }

    /// Datagrams that found their socket full.
    #[must_use]
    pub const fn unsent(&self) -> u64 {
        self.unsent
    }

    /// Lets everybody do what they have to until `end`, or until `is_over` says so, which is asked about every millisecond and
    /// more often.
    ///
    /// # Errors
    /// The poll failed: nothing that is known to happen.
    pub fn run(
        &mut self,
        end: Instant,
        mut is_over: impl FnMut(&[Member]) -> bool,
    ) -> io::Result<()> {
        self.run_hearing(end, &mut |_, _| {}, &mut is_over)
    }

    /// As [`Self::run`]; `hear` is told of each packet that came, with the place of whom it came to.
    ///
    /// # Errors
    /// As of [`Self::run`].
    pub fn run_hearing(
        &mut self,
        end: Instant,
        hear: &mut impl FnMut(usize, &Heard<'_>),
        is_over: &mut impl FnMut(&[Member]) -> bool,
    ) -> io::Result<()> {
        loop {
            let now = self.clock.begin_turn();
            self.act(now);
            if now >= end || is_over(&self.members) {
                return Ok(());
            }
            let next = self.due.first().map_or(end, |(due, _)| *due).min(end);
            let timeout = next.saturating_duration_since(self.clock.now());
            match self.poll.poll(&mut self.events, Some(timeout)) {
                Err(error) if error.kind() != io::ErrorKind::Interrupted => return Err(error),
                Ok(()) | Err(_) => {}
            }
            let ready: Vec<usize> = self.events.iter().map(|event| event.token().0).collect();
            for place in ready {
                self.receive(place, hear);
            }
        }
    }

    /// Lets whoever is due send.
    fn act(&mut self, now: Instant) {
        while let Some(place) = self.due.first().filter(|(due, _)| *due <= now).map(|it| it.1) {
            self.send(place, now);
        }
    }

    fn send(&mut self, place: usize, now: Instant) {
        let Some(member) = self.members.get_mut(place) else { return };
        member.peer.poll(now, &mut self.sending);
        if let Sent::Stopped { at, .. } = member.socket.send(&self.sending, 0, &mut self.counters) {
            self.unsent += self.sending.len().saturating_sub(at) as u64;
        }
        self.sending.clear();
        self.due.remove(&(member.due, place));
        member.due = member.peer.deadline(now);
        self.due.insert((member.due, place));
    }

    /// Takes in all that has come to somebody.
    fn receive(&mut self, place: usize, hear: &mut impl FnMut(usize, &Heard<'_>)) {
        loop {
            let Some(member) = self.members.get_mut(place) else { return };
            let used = member.socket.receive(&self.clock, &mut self.received, &mut self.counters);
            let now = self.clock.now();
            let tally = &mut member.tally;
            for datagram in self.received.datagrams() {
                member.peer.handle(now, datagram.arrival, datagram.data, &mut |heard, skipped| {
                    tally.note(heard, skipped);
                    hear(place, heard);
                });
            }
            self.received.clear();
            self.due.remove(&(member.due, place));
            member.due = member.peer.deadline(now);
            self.due.insert((member.due, place));
            // The poll tells once of what has come: everything is taken then.
            if used < RECV_MAX {
                return;
            }
        }
    }
}

/// Sockets told at once; the others are told by the next call.
const EVENTS: usize = 1_024;
