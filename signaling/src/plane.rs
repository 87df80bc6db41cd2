//! The media thread as signaling holds it: commands in, events out. The one file that names it.

use std::net::SocketAddr;

use sfu::command::{Command, CommandId};
use sfu::config::{Limits, ShardConfig};
use sfu::event::Event;
use sfu::net::dscp::Dscp;
use sfu::net::{CommandQueueFull, MediaConfig, MediaError, MediaThread};
use sfu::shard::Shard;
use sfu::transport::dtls::{Certificate, CertificateError, Fingerprint};
use thiserror::Error;
use tokio::sync::mpsc;

use crate::draw::Draw;

/// A running shard, seen from outside its thread.
#[derive(Debug)]
pub struct Plane {
    /// Where it receives media.
    pub addresses: Vec<SocketAddr>,
    /// Of the certificate it presents.
    pub fingerprint: Fingerprint,
    /// Its news, in order; ended when the thread has ended.
    pub events: mpsc::Receiver<Event>,
    thread: Thread,
}

/// What takes the commands.
#[derive(Debug)]
enum Thread {
    Media(MediaThread),
    #[cfg(test)]
    Fake(mpsc::Sender<(CommandId, Command)>),
}

/// A command for which there was no room, to be tried again.
#[derive(Debug)]
pub struct NoRoom {
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
            Self::Media(MediaError::PortBusy(_) | MediaError::Forbidden(_)) => {
                "; choose another with --media-port PORT, or --media ADDRESS:PORT"
            }
            Self::Media(MediaError::NotOurAddress(_) | MediaError::Bind { .. }) => {
                "; choose another with --media ADDRESS:PORT"
            }
            Self::Media(
                MediaError::NoAddress | MediaError::TooManyAddresses | MediaError::System(_),
            )
            | Self::Certificate(_) => "",
        }
    }
}

impl Plane {
    /// Starts the media thread on `bind`, with room for `participants`; what it sends is marked `dscp`.
    ///
    /// # Errors
    /// [`PlaneError`]: a port that is taken or an address that is not ours is the operator's.
    pub fn start(
        bind: Vec<SocketAddr>,
        participants: usize,
        dscp: Dscp,
        draw: &mut Draw,
    ) -> Result<Self, PlaneError> {
        let certificate = Certificate::generate()?;
        let fingerprint = certificate.fingerprint();
        let hash_seed = draw.number();
        let make = move |start, start_ntp| {
            let limits = Limits { participants, ..Limits::default() };
            Shard::new(ShardConfig { start, start_ntp, hash_seed, certificate, limits })
        };
        let (sender, events) = mpsc::channel(EVENTS_MAX);
        let sink = move |event| sender.try_send(event).map_err(|refused| refused.into_inner());
        let config = MediaConfig { name: "media-0".to_owned(), bind, dscp };
        let thread = MediaThread::start(config, make, Box::new(sink))?;
        let addresses = thread.local_addresses().to_vec();
        Ok(Self { addresses, fingerprint, events, thread: Thread::Media(thread) })
    }

    /// Hands the shard a command.
    ///
    /// # Errors
    /// [`NoRoom`] gives it back: as many wait as may. Nobody's fault; try again in a moment.
    pub fn command(&mut self, id: CommandId, command: Command) -> Result<(), NoRoom> {
        match &mut self.thread {
            Thread::Media(thread) => {
                let refused = thread.command(id, command);
                refused.map_err(|CommandQueueFull { id, command }| NoRoom { id, command })
            }
            #[cfg(test)]
            Thread::Fake(commands) => commands.try_send((id, command)).map_err(|refused| {
                let (id, command) = refused.into_inner();
                NoRoom { id, command: Box::new(command) }
            }),
        }
    }

    /// Ends the thread and waits until it has ended, which takes a turn: not to be called where that would block others.
    pub fn stop(self) {
        // The thread hands its last events to a queue that is gone, and ends.
        let Self { events, thread, .. } = self;
        drop(events);
        match thread {
            Thread::Media(thread) => thread.stop(),
            #[cfg(test)]
            Thread::Fake(commands) => drop(commands),
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

    /// The thread's side.
    pub(crate) struct FakeThread {
        pub(crate) commands: mpsc::Receiver<(CommandId, Command)>,
        pub(crate) events: mpsc::Sender<Event>,
    }

    /// A plane with room for `room` commands.
    pub(crate) fn plane(room: usize) -> (Plane, FakeThread) {
        let (command_sender, commands) = mpsc::channel(room);
        let (events, incoming) = mpsc::channel(EVENTS_MAX);
        let plane = Plane {
            addresses: vec!["127.0.0.1:3478".parse().unwrap()],
            fingerprint: Fingerprint([7; 32]),
            events: incoming,
            thread: Thread::Fake(command_sender),
        };
        (plane, FakeThread { commands, events })
    }

    impl FakeThread {
        /// The next command, carried out.
        pub(crate) async fn carry_out(&mut self) -> Command {
            let (id, command) = self.commands.recv().await.unwrap();
            self.tell(Event::Done(id)).await;
            command
        }

        pub(crate) async fn tell(&self, event: Event) {
            self.events.send(event).await.unwrap();
        }
    }
}
