//! The media threads as signaling holds them: commands in, events out. The one file that names them.

use std::net::SocketAddr;

use sfu::command::{Command, CommandId};
use sfu::config::{Limits, ShardConfig};
use sfu::event::Event;
use sfu::net::clock::epoch;
use sfu::net::dscp::Dscp;
use sfu::net::{Bells, CommandQueueFull, MediaConfig, MediaError, MediaThread};
use sfu::relay::{ShardIndex, mesh};
use sfu::shard::Shard;
use sfu::transport::dtls::{Certificate, CertificateError, Fingerprint};
use thiserror::Error;
use tokio::sync::mpsc;

use crate::draw::Draw;

/// A node's running shards, seen from outside their threads.
#[derive(Debug)]
pub struct Plane {
    /// Where each shard receives media.
    pub addresses: Vec<Vec<SocketAddr>>,
    /// Of the certificate they present.
    pub fingerprint: Fingerprint,
    /// Their news, those of each in order; ended when all threads have ended.
    pub events: mpsc::Receiver<(ShardIndex, Event)>,
    threads: Vec<Thread>,
}

/// What takes the commands.
#[derive(Debug)]
enum Thread {
    Media(MediaThread),
    #[cfg(test)]
    Fake(ShardIndex, mpsc::Sender<(ShardIndex, CommandId, Command)>),
}

/// A command for which there was no room, to be tried again.
#[derive(Debug)]
pub struct NoRoom {
    /// For which shard.
    pub shard: ShardIndex,
    /// Its id.
    pub id: CommandId,
    /// The command.
    pub command: Box<Command>,
}

/// Why there is no media plane.
#[derive(Debug, Error)]
pub enum PlaneError {
    /// The sockets or the thread could not be made.
    #[error(transparent)]
    Media(#[from] MediaError),
    /// No certificate could be made: the cipher library refuses.
    #[error("cannot make the certificate of DTLS: {0}")]
    Certificate(#[from] CertificateError),
}

impl PlaneError {
    /// What an operator can do about it, to be read after the error.
    #[must_use]
    pub const fn hint(&self) -> &'static str {
        match self {
            Self::Media(
                MediaError::PortBusy(_) | MediaError::TcpPortBusy(_) | MediaError::Forbidden(_),
            ) => "; choose another with --media-port PORT, or --media ADDRESS:PORT",
            Self::Media(MediaError::NotOurAddress(_) | MediaError::Bind { .. }) => {
                "; choose another with --media ADDRESS:PORT"
            }
            Self::Media(
                MediaError::NoAddress
                | MediaError::NoBell
                | MediaError::TooManyAddresses
                | MediaError::System(_),
            )
            | Self::Certificate(_) => "",
        }
    }
}

impl Plane {
    /// Starts a media thread for each of `bind`'s places, each with room for `participants`; what they send is marked `dscp`.
    ///
    /// # Errors
    /// [`PlaneError`]: a port that is taken or an address that is not ours is the operator's.
    pub fn start(
        bind: Vec<Vec<SocketAddr>>,
        participants: usize,
        dscp: Dscp,
        draw: &mut Draw,
    ) -> Result<Self, PlaneError> {
        let certificate = Certificate::generate()?;
        let fingerprint = certificate.fingerprint();
        let (start, start_ntp) = epoch();
        let bells = Bells::new(bind.len())?;
        let (sender, events) = mpsc::channel(EVENTS_MAX);
        let mut threads = Vec::with_capacity(bind.len());
        for (bind, relays) in bind.iter().cloned().zip(mesh(bind.len())) {
            let shard = relays.index;
            let limits = Limits { participants, ..Limits::default() };
            let (hash_seed, certificate) = (draw.number(), certificate.clone());
            let config = ShardConfig { start, start_ntp, hash_seed, certificate, limits };
            let sender = sender.clone();
            let sink = move |event| {
                sender.try_send((shard, event)).map_err(|refused| refused.into_inner().1)
            };
            let media = MediaConfig { name: format!("media-{}", shard.0), bind, shard, dscp };
            let make = move || Shard::with_relays(config, relays);
            threads.push(MediaThread::start(media, &bells, make, Box::new(sink))?);
        }
        let addresses = threads.iter().map(|thread| thread.local_addresses().to_vec()).collect();
        let threads = threads.into_iter().map(Thread::Media).collect();
        Ok(Self { addresses, fingerprint, events, threads })
    }

    /// Hands a shard a command. One for a shard that is not there is lost: nobody is there who could carry it out.
    ///
    /// # Errors
    /// [`NoRoom`] gives it back: as many wait as may. Nobody's fault; try again in a moment.
    pub fn command(
        &mut self,
        shard: ShardIndex,
        id: CommandId,
        command: Command,
    ) -> Result<(), NoRoom> {
        match self.threads.get_mut(usize::from(shard.0)) {
            Some(Thread::Media(thread)) => thread
                .command(id, command)
                .map_err(|CommandQueueFull { id, command }| NoRoom { shard, id, command }),
            #[cfg(test)]
            Some(Thread::Fake(shard, commands)) => {
                commands.try_send((*shard, id, command)).map_err(|refused| {
                    let (shard, id, command) = refused.into_inner();
                    NoRoom { shard, id, command: Box::new(command) }
                })
            }
            None => Ok(()),
        }
    }

    /// Ends the threads and waits until they have ended, which takes a turn: not to be called where that would block others.
    pub fn stop(self) {
        // The threads hand their last events to a queue that is gone, and end.
        let Self { events, threads, .. } = self;
        drop(events);
        for thread in threads {
            match thread {
                Thread::Media(thread) => thread.stop(),
                #[cfg(test)]
                Thread::Fake(_, commands) => drop(commands),
            }
        }
    }
}

/// Events on their way from the thread to signaling. A second of news from a channel of a few hundred people is below this; when
/// full, the thread keeps the rest and offers it again.
pub const EVENTS_MAX: usize = 4096;

#[cfg(test)]
pub(crate) mod fake {
    //! A plane without media: tests see the commands and tell the events.

    use super::*;

    /// The threads' side.
    pub(crate) struct FakeThread {
        pub(crate) commands: mpsc::Receiver<(ShardIndex, CommandId, Command)>,
        pub(crate) events: mpsc::Sender<(ShardIndex, Event)>,
    }

    /// A plane of one shard with room for `room` commands.
    pub(crate) fn plane(room: usize) -> (Plane, FakeThread) {
        planes(1, room)
    }

    /// A plane of `shards` with room for `room` commands in all.
    pub(crate) fn planes(shards: u8, room: usize) -> (Plane, FakeThread) {
        let (command_sender, commands) = mpsc::channel(room);
        let (events, incoming) = mpsc::channel(EVENTS_MAX);
        let address = |shard| vec![SocketAddr::from(([127, 0, 0, 1], 3478 + u16::from(shard)))];
        let thread = |shard| Thread::Fake(ShardIndex(shard), command_sender.clone());
        let plane = Plane {
            addresses: (0..shards).map(address).collect(),
            fingerprint: Fingerprint([7; 32]),
            events: incoming,
            threads: (0..shards).map(thread).collect(),
        };
        (plane, FakeThread { commands, events })
    }

    impl FakeThread {
        /// The next command, carried out.
        pub(crate) async fn carry_out(&mut self) -> Command {
            let (shard, id, command) = self.commands.recv().await.unwrap();
            self.tell_of(shard, Event::Done(id)).await;
            command
        }

        /// News of the first shard.
        pub(crate) async fn tell(&self, event: Event) {
            self.tell_of(ShardIndex(0), event).await;
        }

        pub(crate) async fn tell_of(&self, shard: ShardIndex, event: Event) {
            self.events.send((shard, event)).await.unwrap();
        }
    }
}
