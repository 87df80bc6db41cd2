//! Between channels and the media threads: one task hands on commands and brings each event to the channel it concerns.

use std::collections::BTreeMap;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicU64, AtomicUsize, Ordering};
use std::time::Duration;

use sfu::command::{Command, CommandError, CommandId};
use sfu::event::{Event, LostReason};
use sfu::media::{ChannelId, ParticipantId};
use sfu::metrics::Snapshot;
use sfu::relay::ShardIndex;
use thiserror::Error;
use tokio::sync::{mpsc, oneshot, watch};
use tokio::time::MissedTickBehavior;

use crate::backlog::Backlog;
use crate::fault::Error;
use crate::placement::{Load, place};
use crate::plane::{NoRoom, Plane};

/// A channel's way to the media plane; cheap to clone.
#[derive(Clone, Debug)]
pub struct Media {
    requests: mpsc::Sender<Request>,
    commands: Arc<AtomicU64>,
    participants: Arc<AtomicU64>,
    shards: Arc<[Shard]>,
}

/// What placing needs to know of a shard.
#[derive(Debug, Default)]
struct Shard {
    participants: AtomicUsize,
    ended: AtomicBool,
}

/// All media threads have ended, and with them all media: the server must be started again.
#[derive(Clone, Copy, Debug, Eq, Error, PartialEq)]
#[error("the media plane has ended")]
pub struct MediaEnded;

impl From<MediaEnded> for Error {
    fn from(MediaEnded: MediaEnded) -> Self {
        Self::Internal("the media plane has ended")
    }
}

/// What the task is told. The queue is bounded; a full one makes the channels wait.
#[derive(Debug)]
enum Request {
    Open { channel: ChannelId, events: mpsc::Sender<Event> },
    Close { channel: ChannelId },
    Command { channel: ChannelId, id: CommandId, command: Box<Command>, shard: Option<ShardIndex> },
    Forget { participant: ParticipantId },
    Stop { done: oneshot::Sender<()> },
}

impl Media {
    /// Starts the task that owns `plane`. The receiver shows the newest counters.
    #[must_use]
    pub fn start(plane: Plane) -> (Self, watch::Receiver<Snapshot>) {
        let (requests, incoming) = mpsc::channel(REQUESTS_MAX);
        let (metrics, snapshots) = watch::channel(Snapshot::default());
        let shards: Arc<[Shard]> = plane.addresses.iter().map(|_| Shard::default()).collect();
        let router = Router {
            snapshots: shards.iter().map(|_| Snapshot::default()).collect(),
            shards: Arc::clone(&shards),
            plane,
            metrics,
            routes: BTreeMap::new(),
            participants: BTreeMap::new(),
            awaited: BTreeMap::new(),
            held: None,
        };
        tokio::spawn(router.run(incoming));
        let media = Self {
            requests,
            commands: Arc::default(),
            participants: Arc::new(AtomicU64::new(1)),
            shards,
        };
        (media, snapshots)
    }

    /// The shard for a new member of a channel whose members are on the shards `members` (each once for each member).
    ///
    /// # Errors
    /// [`MediaEnded`]: Confab's fault.
    pub fn place(
        &self,
        members: impl Iterator<Item = ShardIndex>,
        spread: usize,
    ) -> Result<ShardIndex, MediaEnded> {
        let load = |shard: &Shard| Load {
            participants: shard.participants.load(Ordering::Relaxed),
            members: 0,
            ended: shard.ended.load(Ordering::Relaxed),
        };
        let mut loads: Vec<_> = self.shards.iter().map(load).collect();
        for shard in members {
            if let Some(load) = loads.get_mut(usize::from(shard.0)) {
                load.members += 1;
            }
        }
        place(&loads, spread).ok_or(MediaEnded)
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

    /// Hands a command to the shard of whom it concerns; its answer comes to `channel` with the id returned.
    ///
    /// # Errors
    /// [`MediaEnded`]: Confab's fault.
    pub async fn command(
        &self,
        channel: ChannelId,
        command: Command,
    ) -> Result<CommandId, MediaEnded> {
        self.send(channel, command, None).await
    }

    /// Brings a participant to a shard; its answer comes to `channel` with the id returned.
    ///
    /// # Errors
    /// [`MediaEnded`]: Confab's fault.
    pub async fn join(
        &self,
        channel: ChannelId,
        shard: ShardIndex,
        join: Command,
    ) -> Result<CommandId, MediaEnded> {
        self.send(channel, join, Some(shard)).await
    }

    async fn send(
        &self,
        channel: ChannelId,
        command: Command,
        shard: Option<ShardIndex>,
    ) -> Result<CommandId, MediaEnded> {
        let id = CommandId(self.commands.fetch_add(1, Ordering::Relaxed));
        let command = Box::new(command);
        self.request(Request::Command { channel, id, command, shard }).await?;
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
    /// The last snapshot of each shard.
    snapshots: Vec<Snapshot>,
    shards: Arc<[Shard]>,
    participants: BTreeMap<ParticipantId, Place>,
    /// Where a command's answer comes from and goes to. One entry for each command that has not been answered.
    awaited: BTreeMap<u64, Place>,
    /// A command for which its shard had no room: no other is taken before it is gone.
    held: Option<NoRoom>,
}

/// Where somebody is.
#[derive(Clone, Copy, Debug)]
struct Place {
    channel: ChannelId,
    shard: ShardIndex,
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
                    Some((shard, event)) => self.route(shard, event),
                    None => {
                        tracing::error!("all media threads have ended; nobody can hear anybody until the server is started again");
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
                let closed = self.participants.extract_if(.., |_, place| place.channel == channel);
                let closed: Vec<_> = closed.map(|(_, place)| place).collect();
                closed.into_iter().for_each(|place| self.left(Some(place)));
            }
            Request::Command { channel, id, command, shard } => {
                let participant = command.participant();
                if let Some(shard) = shard {
                    let before = self.participants.insert(participant, Place { channel, shard });
                    self.left(before);
                    self.shard(shard, |count| count.saturating_add(1));
                }
                match self.participants.get(&participant) {
                    Some(&Place { shard, .. }) => {
                        self.awaited.insert(id.0, Place { channel, shard });
                        self.held = Some(NoRoom { shard, id, command });
                        self.send_held();
                    }
                    None => self.refuse(channel, id),
                }
            }
            Request::Forget { participant } => {
                let place = self.participants.remove(&participant);
                self.left(place);
            }
            // Taken out by the loop.
            Request::Stop { .. } => {}
        }
    }

    /// Somebody is not there any more.
    fn left(&self, place: Option<Place>) {
        if let Some(place) = place {
            self.shard(place.shard, |count| count.saturating_sub(1));
        }
    }

    /// Tells those who place people how many a shard has: this task alone writes it.
    fn shard(&self, shard: ShardIndex, change: impl FnOnce(usize) -> usize) {
        if let Some(shard) = self.shards.get(usize::from(shard.0)) {
            let count = shard.participants.load(Ordering::Relaxed);
            shard.participants.store(change(count), Ordering::Relaxed);
        }
    }

    fn try_again(&mut self) {
        self.send_held();
        for route in self.routes.values_mut() {
            route.late.flush(&route.events);
        }
    }

    fn send_held(&mut self) {
        if let Some(NoRoom { shard, id, command }) = self.held.take() {
            self.held = self.plane.command(shard, id, *command).err();
        }
    }

    fn route(&mut self, shard: ShardIndex, event: Event) {
        let channel = match &event {
            Event::Done(id) | Event::Refused(id, _) => {
                self.awaited.remove(&id.0).map(|place| place.channel)
            }
            Event::Connected(participant)
            | Event::Lost(participant, _)
            | Event::Assigned(participant, _)
            | Event::SlotsNeeded { participant, .. }
            | Event::Wanted { participant, .. }
            | Event::Outlook(participant, _)
            | Event::Publishing(participant, _) => {
                // What comes from where somebody was before concerns nobody.
                let place = self.participants.get(participant);
                place.filter(|place| place.shard == shard).map(|place| place.channel)
            }
            Event::Speakers(channel, _) => Some(*channel),
            Event::Stopped(reason) => {
                tracing::error!(shard = shard.0, %reason, "a media thread has ended; who was on it is told to come again");
                self.end(shard);
                None
            }
            Event::Metrics(snapshot) => {
                self.measured(shard, Snapshot::clone(snapshot));
                None
            }
        };
        if let Some(channel) = channel {
            self.offer(channel, event);
        }
    }

    fn measured(&mut self, shard: ShardIndex, snapshot: Snapshot) {
        if let Some(last) = self.snapshots.get_mut(usize::from(shard.0)) {
            *last = snapshot;
        }
        let mut sum = Snapshot::default();
        self.snapshots.iter().for_each(|snapshot| sum += snapshot.counters());
        self.metrics.send_replace(sum);
    }

    /// A shard has ended: whoever was on it has lost the connection, and what it was told will not be done.
    fn end(&mut self, shard: ShardIndex) {
        if let Some(ended) = self.shards.get(usize::from(shard.0)) {
            ended.ended.store(true, Ordering::Relaxed);
        }
        self.held = self.held.take().filter(|held| held.shard != shard);
        let lost: Vec<_> = of_shard(&self.participants, shard);
        let unanswered: Vec<_> = of_shard(&self.awaited, shard);
        for (id, channel) in unanswered {
            self.awaited.remove(&id);
            self.refuse(channel, CommandId(id));
        }
        for (participant, channel) in lost {
            let place = self.participants.remove(&participant);
            self.left(place);
            self.offer(channel, Event::Lost(participant, LostReason::ShardStopped));
        }
    }

    fn refuse(&mut self, channel: ChannelId, id: CommandId) {
        self.offer(channel, Event::Refused(id, CommandError::UnknownParticipant));
    }

    fn offer(&mut self, channel: ChannelId, event: Event) {
        if let Some(route) = self.routes.get_mut(&channel) {
            route.late.offer(event, &route.events);
        }
    }
}

/// Whatever is on a shard, each with its channel.
fn of_shard<K: Copy>(places: &BTreeMap<K, Place>, shard: ShardIndex) -> Vec<(K, ChannelId)> {
    let there = places.iter().filter(|(_, place)| place.shard == shard);
    there.map(|(key, place)| (*key, place.channel)).collect()
}

#[cfg(test)]
#[path = "media_tests.rs"]
mod tests;
