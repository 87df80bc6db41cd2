//! A media thread: starting it, telling it, stopping it.

use std::io;
use std::net::SocketAddr;
use std::os::fd::AsFd as _;
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::sync::Arc;
use std::thread::JoinHandle;

use rtrb::{Consumer, Producer, RingBuffer};
use thiserror::Error;

use super::clock::Clock;
use super::dscp::Dscp;
use super::gather::Gather;
use super::outbox::Outbox;
use super::poll::{Bell, Poll};
use super::socket::Socket;
use super::stream::{Listener, STREAM, Streams};
use super::turn::{COMMANDS_MAX, EVENT_RETRY, Next, Turns};
use crate::command::{Command, CommandId};
use crate::event::{Event, StopReason};
use crate::fault::Fault;
use crate::relay::ShardIndex;
use crate::shard::Shard;

/// What a media thread needs to start.
#[derive(Clone, Debug)]
pub struct MediaConfig {
    /// The thread's name, as `top` and a panic show it; Linux shows 15 bytes of it.
    pub name: String,
    /// Addresses to receive on, each on UDP and TCP, at most 128. Their places here are the [`Path::local`](super::batch::Path::local)
    /// of what arrives there by UDP.
    pub bind: Vec<SocketAddr>,
    /// Which of the node's shards it drives.
    pub shard: ShardIndex,
    /// How all that is sent is marked.
    pub dscp: Dscp,
}

/// How the media threads of a node wake each other when one has put something into a relay.
#[derive(Clone, Debug)]
pub struct Bells(Vec<Arc<Bell>>);

impl Bells {
    /// For as many threads.
    ///
    /// # Errors
    /// [`MediaError::System`]: too many open files.
    pub fn new(threads: usize) -> Result<Self, MediaError> {
        let bells = (0..threads).map(|_| Bell::new().map(Arc::new));
        bells.collect::<Result<_, _>>().map(Self).map_err(MediaError::System)
    }

    /// Wakes the thread of a shard.
    pub(super) fn ring(&self, shard: ShardIndex) {
        if let Some(bell) = self.of(shard) {
            bell.ring();
        }
    }

    fn ring_all(&self) {
        self.0.iter().for_each(|bell| bell.ring());
    }

    fn of(&self, shard: ShardIndex) -> Option<&Arc<Bell>> {
        self.0.get(usize::from(shard.0))
    }
}

/// A running media thread with its shard. Dropping it stops the thread as [`Self::stop`] does.
#[derive(Debug)]
pub struct MediaThread {
    /// `None` once the thread is told to stop, which is what its absence tells it.
    commands: Option<Producer<(CommandId, Command)>>,
    bell: Arc<Bell>,
    addresses: Vec<SocketAddr>,
    thread: Option<JoinHandle<()>>,
}

impl MediaThread {
    /// Binds the sockets, then starts a thread that calls `make` for its shard, which never leaves it, and tells `sink`
    /// every event. `bells` are those of all threads whose shards
    /// have relays between them.
    ///
    /// `sink` must not block. An event it has no room for it gives back: that one is offered again within 10 ms, and
    /// until it is taken the shard keeps the others. Should the thread end without being asked to, the last event is
    /// [`Event::Stopped`]; the process goes on.
    ///
    /// # Errors
    /// [`MediaError`]; nothing runs then, and nothing stays bound.
    pub fn start(
        config: MediaConfig,
        bells: &Bells,
        make: impl FnOnce() -> Shard + Send + 'static,
        sink: Box<dyn FnMut(Event) -> Result<(), Event> + Send>,
    ) -> Result<Self, MediaError> {
        let (sockets, listeners) = bind(&config.bind, config.dscp)?;
        let addresses = sockets.iter().map(Socket::address).collect();
        let poll = Poll::new().map_err(MediaError::System)?;
        let bell = Arc::clone(bells.of(config.shard).ok_or(MediaError::NoBell)?);
        poll.add(bell.as_fd(), BELL).map_err(MediaError::System)?;
        let outbox = Outbox::new(sockets, &poll).map_err(MediaError::System)?;
        let streams = Streams::new(listeners, &poll).map_err(MediaError::System)?;
        let (producer, commands) = RingBuffer::new(COMMANDS_MAX);
        let ends = Ends { poll, bell: Arc::clone(&bell), bells: bells.clone(), commands, sink };
        let thread = std::thread::Builder::new()
            .name(config.name)
            .spawn(move || ends.run((outbox, streams), make))
            .map_err(MediaError::System)?;
        Ok(Self { commands: Some(producer), bell, addresses, thread: Some(thread) })
    }

    /// Hands a command to the shard and wakes it. Cost: a ring's slot and a write of 8 bytes.
    ///
    /// # Errors
    /// [`CommandQueueFull`] gives the command back: 256 are waiting (try again in a moment), or the thread has
    /// ended, as [`Event::Stopped`] tells.
    pub fn command(&mut self, id: CommandId, command: Command) -> Result<(), CommandQueueFull> {
        let Some(commands) = self.commands.as_mut().filter(|commands| !commands.is_abandoned())
        else {
            return Err(CommandQueueFull { id, command: Box::new(command) });
        };
        let pushed = commands.push((id, command));
        // Also when full: it may have been so since before the thread last slept.
        self.bell.ring();
        pushed.map_err(|rtrb::PushError::Full((id, command))| CommandQueueFull {
            id,
            command: Box::new(command),
        })
    }

    /// What it is bound to, in the order of [`MediaConfig::bind`]; port 0 has become the port it was given.
    #[must_use]
    pub fn local_addresses(&self) -> &[SocketAddr] {
        &self.addresses
    }

    /// Lets the thread carry out the commands it was given, send what the sockets take, and tell its events, as far as
    /// there is room for them; returns when it has ended.
    pub fn stop(self) {
        drop(self);
    }
}

impl Drop for MediaThread {
    fn drop(&mut self) {
        self.commands = None;
        self.bell.ring();
        if let Some(thread) = self.thread.take()
            && thread.join().is_err()
        {
            tracing::error!("a media thread panicked while telling that it had ended");
        }
    }
}

fn bind(addresses: &[SocketAddr], dscp: Dscp) -> Result<(Vec<Socket>, Vec<Listener>), MediaError> {
    if addresses.is_empty() {
        return Err(MediaError::NoAddress);
    }
    let bound = addresses.iter().enumerate().map(|(place, &address)| {
        let local = u8::try_from(place).ok().filter(|place| *place < STREAM);
        let local = local.ok_or(MediaError::TooManyAddresses)?;
        // A port that is free for UDP may be taken for TCP: any other will do.
        let tries = if address.port() == 0 { ANY_PORT_TRIES } else { 1 };
        let mut outcome = bind_both(address, local, dscp);
        for _ in 1..tries {
            outcome = outcome.or_else(|_| bind_both(address, local, dscp));
        }
        outcome
    });
    bound.collect()
}

/// An address on UDP, and on TCP with the same port.
fn bind_both(address: SocketAddr, local: u8, dscp: Dscp) -> Result<(Socket, Listener), MediaError> {
    let marked = Socket::bind(address, local).and_then(|socket| {
        socket.mark(dscp)?;
        Ok(socket)
    });
    let socket = marked.map_err(|error| MediaError::bind(address, error))?;
    let address = socket.address();
    let listener = Listener::bind(address, dscp).map_err(|error| {
        let is_busy = error.kind() == io::ErrorKind::AddrInUse;
        if is_busy { MediaError::TcpPortBusy(address) } else { MediaError::bind(address, error) }
    })?;
    Ok((socket, listener))
}

/// The thread's ends of what it shares with the rest of the process: they outlive its shard.
struct Ends {
    poll: Poll,
    bell: Arc<Bell>,
    bells: Bells,
    commands: Consumer<(CommandId, Command)>,
    sink: Box<dyn FnMut(Event) -> Result<(), Event> + Send>,
}

impl Ends {
    fn run(mut self, ways: (Outbox, Streams), make: impl FnOnce() -> Shard) {
        // Unwind safety: what the panic may have left half done (shard, sockets, batches) is dropped with it; of what
        // stays, the poll and the bell are the kernel's, and a sink that panicked itself is asked once more at most.
        let ended = catch_unwind(AssertUnwindSafe(|| self.turns(ways, make)));
        // Its relays are gone with it: whoever has the other ends is to see that.
        self.bells.ring_all();
        match ended {
            Ok(Ok(())) => {}
            Ok(Err(error)) => {
                tracing::error!(%error, "a media thread cannot wait for its sockets and ends");
                self.report(StopReason::WaitFailed);
            }
            Err(_panic) => {
                tracing::error!("a media thread panicked and ends");
                self.report(StopReason::Panicked);
            }
        }
    }

    fn turns(&mut self, ways: (Outbox, Streams), make: impl FnOnce() -> Shard) -> io::Result<()> {
        let shard = make();
        let clock = Clock::new();
        let wait = (&mut self.poll, &*self.bell, &self.bells);
        let (gather, commands) = (Gather::new()?, &mut self.commands);
        let mut turns = Turns::new(clock, wait, gather, commands, ways, shard, &mut *self.sink);
        while turns.turn()? == Next::Another {}
        Ok(())
    }

    /// Tells the last event, as often as it takes, until there is room for it or nobody is left to hear it.
    fn report(&mut self, reason: StopReason) {
        let mut event = Event::Stopped(reason);
        while let Err(refused) = (self.sink)(event) {
            event = refused;
            let waited = self.poll.wait(Some(EVENT_RETRY));
            self.bell.silence();
            if waited.is_err() || self.commands.is_abandoned() {
                return;
            }
        }
    }
}

/// Why a media thread did not start.
#[derive(Debug, Error)]
pub enum MediaError {
    /// No address was given: the operator's fault.
    #[error("no address to receive media on")]
    NoAddress,
    /// There is no bell for this shard: a mistake of ours.
    #[error("a media thread has no bell")]
    NoBell,
    /// More addresses than a path can name (128): the operator's fault.
    #[error("more than 128 addresses to receive media on")]
    TooManyAddresses,
    /// Another program, or another Confab, has the port: the operator's to choose.
    #[error("UDP port {port} of {ip} is in use by another program", port = .0.port(), ip = .0.ip())]
    PortBusy(SocketAddr),
    /// The same for TCP.
    #[error("TCP port {port} of {ip} is in use by another program", port = .0.port(), ip = .0.ip())]
    TcpPortBusy(SocketAddr),
    /// This machine does not have the address.
    #[error("this machine does not have the address {ip}", ip = .0.ip())]
    NotOurAddress(SocketAddr),
    /// The port needs more rights than the process has.
    #[error("no permission to bind UDP port {port} of {ip}", port = .0.port(), ip = .0.ip())]
    Forbidden(SocketAddr),
    /// The socket could not be made for another reason, for instance IPv6 switched off.
    #[error("cannot bind UDP {address}: {source}")]
    Bind {
        /// Which one.
        address: SocketAddr,
        /// Why.
        source: io::Error,
    },
    /// The system gives no thread, or no descriptor for it.
    #[error("cannot start a media thread: {0}")]
    System(#[source] io::Error),
}

impl MediaError {
    /// Whose fault it is: nearly all of these are mended by the operator.
    #[must_use]
    pub const fn fault(&self) -> Fault {
        match self {
            Self::NoAddress
            | Self::TooManyAddresses
            | Self::PortBusy(_)
            | Self::TcpPortBusy(_)
            | Self::NotOurAddress(_)
            | Self::Forbidden(_)
            | Self::Bind { .. }
            | Self::System(_) => Fault::Operator,
            Self::NoBell => Fault::Confab,
        }
    }

    fn bind(address: SocketAddr, source: io::Error) -> Self {
        match source.raw_os_error() {
            Some(libc::EADDRINUSE) => Self::PortBusy(address),
            Some(libc::EADDRNOTAVAIL) => Self::NotOurAddress(address),
            Some(libc::EACCES | libc::EPERM) => Self::Forbidden(address),
            Some(_) | None => Self::Bind { address, source },
        }
    }
}

/// A command that found no room, to be tried again.
#[derive(Clone, Debug, Error)]
#[error("the media thread has 256 commands waiting, or has ended")]
pub struct CommandQueueFull {
    /// Its id.
    pub id: CommandId,
    /// The command itself.
    pub command: Box<Command>,
}

/// How often any port is tried to be one that is free for both.
const ANY_PORT_TRIES: usize = 8;

/// What the poll calls the bell: no socket's place.
const BELL: u64 = u64::MAX;

#[cfg(test)]
#[path = "thread_tests.rs"]
mod tests;
