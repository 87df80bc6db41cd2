//! Waiting: for sockets, for the bell, for a deadline.

use std::fs::File;
use std::io::{self, Read as _, Write as _};
use std::os::fd::{AsFd, BorrowedFd, OwnedFd};
use std::time::Duration;

use arrayvec::ArrayVec;

use super::syscall;

/// Watches the sockets and the bell of one thread (level-triggered: what was not dealt with is told again).
#[derive(Debug)]
pub struct Poll {
    epoll: OwnedFd,
    /// Whether the kernel knows `epoll_pwait2`: milliseconds alone would break p99 ≤ 1 ms.
    precise: bool,
}

/// What a descriptor is watched for.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub(super) enum Interest {
    /// Something to read.
    Read,
    /// Something to read, or room to write.
    ReadAndWrite,
}

/// A descriptor with something to read, or with an error to be read. Room to write wakes, and is not told.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub struct Readable(pub u64);

impl Poll {
    /// Watches nothing yet.
    ///
    /// # Errors
    /// Too many open files.
    pub fn new() -> io::Result<Self> {
        Ok(Self { epoll: syscall::epoll_create()?, precise: true })
    }

    /// Watches `descriptor` for something to read, calling it `token`; closing it ends that.
    ///
    /// # Errors
    /// Out of memory, or of watches.
    pub fn add(&self, descriptor: BorrowedFd<'_>, token: u64) -> io::Result<()> {
        let event = event(Interest::Read, token);
        syscall::epoll_control(self.epoll.as_fd(), libc::EPOLL_CTL_ADD, descriptor, event)
    }

    /// Changes what a watched descriptor is watched for.
    ///
    /// # Errors
    /// A descriptor that was never added.
    pub(super) fn change(
        &self,
        descriptor: BorrowedFd<'_>,
        token: u64,
        interest: Interest,
    ) -> io::Result<()> {
        let event = event(interest, token);
        syscall::epoll_control(self.epoll.as_fd(), libc::EPOLL_CTL_MOD, descriptor, event)
    }

    /// Sleeps until something happens or `timeout` is over; for ever with `None`. A signal ends it early.
    ///
    /// # Errors
    /// None that a valid `Poll` is known to give.
    pub fn wait(&mut self, timeout: Option<Duration>) -> io::Result<ArrayVec<Readable, EVENTS>> {
        let mut events = [libc::epoll_event { events: 0, u64: 0 }; EVENTS];
        let written = loop {
            let wait =
                if self.precise { syscall::epoll_wait_precise } else { syscall::epoll_wait_coarse };
            match wait(self.epoll.as_fd(), &mut events, timeout) {
                Ok(written) => break written,
                Err(error) if error.kind() == io::ErrorKind::Interrupted => break 0,
                // A kernel before 5.11 says ENOSYS, a seccomp filter that does not know the call EPERM.
                Err(error)
                    if self.precise
                        && matches!(error.raw_os_error(), Some(libc::ENOSYS | libc::EPERM)) =>
                {
                    tracing::info!("no epoll_pwait2: deadlines are rounded up to milliseconds");
                    self.precise = false;
                }
                Err(error) => return Err(error),
            }
        };
        let told = events.iter().take(written).copied();
        Ok(told
            .filter(|event| { event.events } & !WRITABLE != 0)
            .map(|event| Readable(event.u64))
            .collect())
    }
}

/// Wakes a thread that waits. Any number of rings before it wakes are one.
#[derive(Debug)]
pub(super) struct Bell(File);

impl Bell {
    /// # Errors
    /// Too many open files.
    pub(super) fn new() -> io::Result<Self> {
        Ok(Self(syscall::eventfd()?.into()))
    }

    /// Rings. It cannot fail: a bell that is rung already stays so.
    pub(super) fn ring(&self) {
        let _full_is_rung = (&self.0).write(&1_u64.to_ne_bytes());
    }

    /// Ends the ringing.
    pub(super) fn silence(&self) {
        let _silent_already = (&self.0).read(&mut [0; 8]);
    }
}

impl AsFd for Bell {
    fn as_fd(&self) -> BorrowedFd<'_> {
        self.0.as_fd()
    }
}

fn event(interest: Interest, token: u64) -> libc::epoll_event {
    let events = match interest {
        Interest::Read => READABLE,
        Interest::ReadAndWrite => READABLE | WRITABLE,
    };
    libc::epoll_event { events, u64: token }
}

const READABLE: u32 = libc::EPOLLIN.cast_unsigned();
const WRITABLE: u32 = libc::EPOLLOUT.cast_unsigned();

/// Descriptors told at once; a shard has a handful of sockets, and more would be told by the next call.
pub const EVENTS: usize = 32;

#[cfg(test)]
mod tests {
    use super::*;
    use crate::net::clock::Clock;

    fn poll_with_bell() -> (Poll, Bell) {
        let (poll, bell) = (Poll::new().unwrap(), Bell::new().unwrap());
        poll.add(bell.as_fd(), 7).unwrap();
        (poll, bell)
    }

    #[test]
    fn a_bell_wakes_until_it_is_silenced() {
        let (mut poll, bell) = poll_with_bell();
        bell.ring();
        bell.ring();
        for _ in 0..2 {
            assert_eq!(poll.wait(None).unwrap().as_slice(), [Readable(7)]);
        }
        bell.silence();
        assert!(poll.wait(Some(Duration::ZERO)).unwrap().is_empty());
    }

    #[test]
    fn a_deadline_is_kept_to_the_microsecond_and_never_early() {
        let (mut poll, _bell) = poll_with_bell();
        let clock = Clock::new();
        for precise in [true, false] {
            poll.precise = precise;
            let timeout = Duration::from_micros(300);
            // The best of some: the machine may be busy, but not always.
            let took = (0..20).map(|_| {
                let start = clock.now();
                assert!(poll.wait(Some(timeout)).unwrap().is_empty());
                clock.now() - start
            });
            let best = took.min().unwrap();
            assert!(best >= timeout, "{best:?}");
            if precise {
                assert!(best < Duration::from_micros(900), "{best:?}");
            }
        }
    }

    #[test]
    fn room_to_write_wakes_only_when_it_is_watched_for() {
        let mut poll = Poll::new().unwrap();
        let socket = std::net::UdpSocket::bind("127.0.0.1:0").unwrap();
        poll.add(socket.as_fd(), 1).unwrap();
        let clock = Clock::new();
        poll.change(socket.as_fd(), 1, Interest::ReadAndWrite).unwrap();
        let start = clock.now();
        assert!(poll.wait(Some(Duration::from_secs(5))).unwrap().is_empty());
        assert!(clock.now() - start < Duration::from_secs(5), "woken at once");
        poll.change(socket.as_fd(), 1, Interest::Read).unwrap();
        let timeout = Duration::from_millis(2);
        let start = clock.now();
        assert!(poll.wait(Some(timeout)).unwrap().is_empty());
        assert!(clock.now() - start >= timeout, "not woken");
    }
}
