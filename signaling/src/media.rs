//! Between channels and the media thread: one task hands on commands and brings each event to the channel it concerns.

use std::collections::BTreeMap;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::Duration;

use sfu::command::{Command, CommandId};
use sfu::event::Event;
use sfu::media::{ChannelId, ParticipantId};
use sfu::metrics::Snapshot;
use thiserror::Error;
use tokio::sync::{mpsc, oneshot, watch};
use tokio::time::MissedTickBehavior;

use crate::backlog::Backlog;
use crate::plane::{NoRoom, Plane};

/// A channel's way to the media plane; cheap to clone.
#[derive(Clone, Debug)]
pub struct Media {
    requests: mpsc::Sender<Request>,
    commands: Arc<AtomicU64>,
    participants: Arc<AtomicU64>,
}

/// The media thread has ended, and with it all media: the server must be started again.
#[derive(Clone, Copy, Debug, Eq, Error, PartialEq)]
#[error("the media plane has ended")]
pub struct MediaEnded;

/// What the task is told. The queue is bounded; a full one makes the channels wait.
#[derive(Debug)]
enum Request {
    Open { channel: ChannelId, events: mpsc::Sender<Event> },
    Close { channel: ChannelId },
    Command { channel: ChannelId, id: CommandId, command: Box<Command> },
    Forget { participant: ParticipantId },
    Stop { done: oneshot::Sender<()> },
}

impl Media {
    /// Starts the task that owns `plane`. The receiver shows the newest counters.
    #[must_use]
    pub fn start(plane: Plane) -> (Self, watch::Receiver<Snapshot>) {
        let (requests, incoming) = mpsc::channel(REQUESTS_MAX);
        let (metrics, snapshots) = watch::channel(Snapshot::default());
        let router = Router {
            plane,
            metrics,
            routes: BTreeMap::new(),
            participants: BTreeMap::new(),
            awaited: BTreeMap::new(),
            held: None,
        };
        tokio::spawn(router.run(incoming));
        let media =
            Self { requests, commands: Arc::default(), participants: Arc::new(AtomicU64::new(1)) };
        (media, snapshots)
    }

    /// An id that no participant of this process had.
    #[must_use]
    pub fn participant(&self) -> ParticipantId {
        ParticipantId(self.participants.fetch_add(1, Ordering::Relaxed))
    }

    /// Brings events of `channel` to `events` from here on.
    ///
    /// # Errors
    /// [`MediaEnded`]: Confab's fault.
    pub async fn open(
        &self,
        channel: ChannelId,
        events: mpsc::Sender<Event>,
    ) -> Result<(), MediaEnded> {
        self.request(Request::Open { channel, events }).await
    }

    /// Forgets a channel.
    pub async fn close(&self, channel: ChannelId) {
        // Nobody to tell where the media plane has ended.
        let _ended = self.request(Request::Close { channel }).await;
    }

    /// Hands on a command; its answer comes to `channel` with the id returned.
    ///
    /// # Errors
    /// [`MediaEnded`]: Confab's fault.
    pub async fn command(
        &self,
        channel: ChannelId,
        command: Command,
    ) -> Result<CommandId, MediaEnded> {
        let id = CommandId(self.commands.fetch_add(1, Ordering::Relaxed));
        let command = Box::new(command);
        self.request(Request::Command { channel, id, command }).await?;
        Ok(id)
    }

    /// Brings no more events of a participant.
    pub async fn forget(&self, participant: ParticipantId) {
        let _ended = self.request(Request::Forget { participant }).await;
    }

    /// Ends the media thread and waits for it.
    pub async fn stop(&self) {
        let (done, ended) = oneshot::channel();
        if self.request(Request::Stop { done }).await.is_ok() {
            let _ended = ended.await;
        }
    }

    async fn request(&self, request: Request) -> Result<(), MediaEnded> {
        self.requests.send(request).await.map_err(|_| MediaEnded)
    }
}

/// Requests that wait for the task: a command of each of some hundred channels.
const REQUESTS_MAX: usize = 256;

/// How long a full command queue or a slow channel is given before it is tried again: a turn of the shard is at most 2 ms.
const RETRY: Duration = Duration::from_millis(5);

/// The task.
struct Router {
    plane: Plane,
    metrics: watch::Sender<Snapshot>,
    routes: BTreeMap<ChannelId, Route>,
    participants: BTreeMap<ParticipantId, ChannelId>,
    /// Which channel a command's answer goes to. One entry for each command the shard has not answered.
    awaited: BTreeMap<u64, ChannelId>,
    /// A command for which the shard had no room: no other is taken before it is gone.
    held: Option<NoRoom>,
}

struct Route {
    events: mpsc::Sender<Event>,
    late: Backlog,
}

impl Router {
    async fn run(mut self, mut incoming: mpsc::Receiver<Request>) {
        let mut retry = tokio::time::interval(RETRY);
        retry.set_missed_tick_behavior(MissedTickBehavior::Delay);
        let mut stopped = None;
        loop {
            let late =
                self.held.is_some() || self.routes.values().any(|route| !route.late.is_empty());
            tokio::select! {
                event = self.plane.events.recv() => match event {
                    Some(event) => self.route(event),
                    None => {
                        tracing::error!("the media thread has ended; nobody can hear anybody until the server is started again");
                        break;
                    }
                },
                _ = retry.tick(), if late => self.try_again(),
                request = incoming.recv(), if self.held.is_none() => match request {
                    Some(Request::Stop { done }) => {
                        stopped = Some(done);
                        break;
                    }
                    Some(request) => self.handle(request),
                    None => break,
                },
            }
        }
        let plane = self.plane;
        let _joined = tokio::task::spawn_blocking(|| plane.stop()).await;
        if let Some(done) = stopped {
            let _gone = done.send(());
        }
    }

    fn handle(&mut self, request: Request) {
        match request {
            Request::Open { channel, events } => {
                self.routes.insert(channel, Route { events, late: Backlog::default() });
            }
            Request::Close { channel } => {
                self.routes.remove(&channel);
                self.participants.retain(|_, of| *of != channel);
            }
            Request::Command { channel, id, command } => {
                if let Command::Join(join) = &*command {
                    self.participants.insert(join.participant, channel);
                }
                self.awaited.insert(id.0, channel);
                self.held = Some(NoRoom { id, command });
                self.send_held();
            }
            Request::Forget { participant } => {
                self.participants.remove(&participant);
            }
            // Taken out by the loop.
            Request::Stop { .. } => {}
        }
    }

    fn try_again(&mut self) {
        self.send_held();
        for route in self.routes.values_mut() {
            route.late.flush(&route.events);
        }
    }

    fn send_held(&mut self) {
        if let Some(NoRoom { id, command }) = self.held.take() {
            self.held = self.plane.command(id, *command).err();
        }
    }

    fn route(&mut self, event: Event) {
        let channel = match &event {
            Event::Done(id) | Event::Refused(id, _) => self.awaited.remove(&id.0),
            Event::Connected(participant)
            | Event::Lost(participant, _)
            | Event::Assigned(participant, _)
            | Event::SlotsNeeded { participant, .. }
            | Event::Wanted { participant, .. }
            | Event::Publishing(participant, _) => self.participants.get(participant).copied(),
            Event::Speakers(channel, _) => Some(*channel),
            // The queue of events ends after it, which says the same.
            Event::Stopped(_) => None,
            Event::Metrics(snapshot) => {
                self.metrics.send_replace(Snapshot::clone(snapshot));
                None
            }
        };
        if let Some(route) = channel.and_then(|channel| self.routes.get_mut(&channel)) {
            route.late.offer(event, &route.events);
        }
    }
}

#[cfg(test)]
#[path = "media_tests.rs"]
mod tests;
