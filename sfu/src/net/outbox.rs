//! What is sealed and on its way: one batch, and how far each socket came with it.

use std::io;
use std::os::fd::AsFd as _;

use super::batch::SendBatch;
use super::poll::{Interest, Poll};
use super::socket::{Sent, Socket};
use crate::metrics::{Blocked, Counters};

/// The sockets of a thread with the batch they are sending. A full socket keeps its part of the batch, goes on when
/// there is room, and lets nothing be written over it; the others finish theirs.
#[derive(Debug)]
pub(super) struct Outbox {
    lanes: Vec<Lane>,
    batch: SendBatch,
}

#[derive(Debug)]
struct Lane {
    socket: Socket,
    progress: Sent,
    watched: Interest,
}

/// What is left after a flush.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
#[must_use]
pub(super) enum Backlog {
    /// Nothing: the batch may be written again.
    None,
    /// A socket is full; the poll wakes when it has room.
    Socket,
    /// A queue behind a socket is full; nobody tells when it has room, so try again soon.
    Device,
}

impl Outbox {
    /// Watches `sockets`, each by its place among them.
    ///
    /// # Errors
    /// Out of memory, or of watches.
    pub(super) fn new(sockets: Vec<Socket>, poll: &Poll) -> io::Result<Self> {
        for (token, socket) in (0..).zip(&sockets) {
            poll.add(socket.as_fd(), token)?;
        }
        let lane = |socket| Lane { socket, progress: Sent::All, watched: Interest::Read };
        Ok(Self { lanes: sockets.into_iter().map(lane).collect(), batch: SendBatch::new() })
    }

    /// The socket that the poll calls `token`.
    pub(super) fn socket(&self, token: u64) -> Option<&Socket> {
        usize::try_from(token).ok().and_then(|place| self.lanes.get(place)).map(|lane| &lane.socket)
    }

    /// The batch, emptied, to be written and then flushed. Only while there is no backlog.
    pub(super) fn begin(&mut self) -> &mut SendBatch {
        debug_assert!(
            self.lanes.iter().all(|lane| lane.progress == Sent::All),
            "a backlog would be lost"
        );
        self.batch.clear();
        for lane in &mut self.lanes {
            lane.progress = START;
        }
        &mut self.batch
    }

    /// Sends what the sockets take of what is left of the batch.
    ///
    /// # Errors
    /// A socket cannot be watched: never known to happen.
    pub(super) fn flush(&mut self, poll: &Poll, counters: &mut Counters) -> io::Result<Backlog> {
        let mut backlog = Backlog::None;
        for (token, lane) in (0..).zip(&mut self.lanes) {
            if let Sent::Stopped { at, .. } = lane.progress {
                lane.progress = lane.socket.send(&self.batch, at, counters);
            }
            let interest = match lane.progress {
                Sent::All => Interest::Read,
                Sent::Stopped { by: Blocked::Socket, .. } => {
                    if backlog == Backlog::None {
                        backlog = Backlog::Socket;
                    }
                    Interest::ReadAndWrite
                }
                // It is writable all the while: watching for that would wake the thread for nothing.
                Sent::Stopped { by: Blocked::Device, .. } => {
                    backlog = Backlog::Device;
                    Interest::Read
                }
            };
            if interest != lane.watched {
                poll.change(lane.socket.as_fd(), token, interest)?;
                lane.watched = interest;
            }
        }
        Ok(backlog)
    }
}

/// A batch of which nothing was tried yet; what stopped it does not matter.
const START: Sent = Sent::Stopped { at: 0, by: Blocked::Socket };

#[cfg(test)]
mod tests {
    use super::*;
    use crate::metrics::Direction;
    use crate::net::batch::{Path, RecvBatch};
    use crate::net::clock::Clock;

    #[test]
    fn each_socket_sends_its_own_and_a_flushed_batch_is_not_sent_again() {
        let poll = Poll::new().unwrap();
        let bind = |local| Socket::bind("127.0.0.1:0".parse().unwrap(), local).unwrap();
        let receiver = bind(9);
        let sockets = vec![bind(0), bind(1)];
        let sources: Vec<_> = sockets.iter().map(Socket::address).collect();
        let mut outbox = Outbox::new(sockets, &poll).unwrap();
        let mut counters = Counters::default();
        let batch = outbox.begin();
        for index in 0..10_u8 {
            let path = Path { local: index % 2, remote: receiver.address() };
            assert!(batch.write(path, |room| {
                room[0] = index;
                Some(1)
            }));
        }
        for _ in 0..2 {
            assert_eq!(outbox.flush(&poll, &mut counters).unwrap(), Backlog::None);
        }
        assert_eq!(counters.datagrams.of(Direction::Sent), 10);
        let mut received = RecvBatch::new();
        assert_eq!(receiver.receive(&Clock::new(), &mut received, &mut counters), 10);
        for datagram in received.datagrams() {
            assert_eq!(datagram.path.remote, sources[usize::from(datagram.data[0] % 2)]);
        }
        assert!(outbox.begin().is_empty());
        assert_eq!(outbox.socket(1).unwrap().address(), sources[1]);
        assert!(outbox.socket(2).is_none());
    }
}
