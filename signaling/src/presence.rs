//! Which channels there are: one task that finds them by name, and founds the missing.

use std::collections::BTreeMap;
use std::net::IpAddr;
use std::sync::Arc;

use sfu::media::ChannelId;
use tokio::sync::{Semaphore, mpsc, oneshot};
use tokio::time::Instant;

use crate::channel::{Channel, Closed, Entered, Entrance, Founding};
use crate::config::Limits;
use crate::draw::{Draw, SecretHash};
use crate::fault::Error;
use crate::limited::{Limit, Limited};
use crate::link::Outbox;
use crate::media::Media;
use crate::name::{ChannelName, PersonName};
use crate::sdp::negotiate::Policy;
use crate::throttle::Throttle;
use crate::token::Access;
use crate::token::grant::Grant;

/// A way to the task; cheap to clone.
#[derive(Clone, Debug)]
pub struct Presence {
    calls: mpsc::Sender<Call>,
    places: Arc<Semaphore>,
    participants_max: usize,
    access: Access,
    limited: Limited,
    joins: Throttle,
    messages: Throttle,
}

#[derive(Debug)]
enum Call {
    Found { name: ChannelName, reply: oneshot::Sender<Channel> },
    Find { name: ChannelName, reply: oneshot::Sender<Option<Channel>> },
    Number { id: ChannelId, reply: oneshot::Sender<Option<Channel>> },
    Empty { name: ChannelName, id: ChannelId },
    Count { reply: oneshot::Sender<usize> },
    Stop,
}

impl Presence {
    /// Starts the task.
    #[must_use]
    pub fn start(
        limits: Limits,
        media: Media,
        policies: Arc<[Policy]>,
        access: Access,
        mut draw: Draw,
    ) -> Self {
        let (calls, incoming) = mpsc::channel(CALLS_MAX);
        let places = Arc::new(Semaphore::new(limits.participants));
        let presence = Self {
            calls,
            places,
            participants_max: limits.participants,
            access,
            limited: Limited::default(),
            joins: Throttle::new(limits.joins, draw.number()),
            messages: Throttle::new(limits.messages, draw.number()),
        };
        let directory = Directory {
            channels: BTreeMap::new(),
            next: 1,
            people_max: limits.channel,
            pictures_max: limits.pictures,
            spread: limits.spread,
            media,
            policies,
            draw,
        };
        tokio::spawn(directory.run(incoming, presence.clone()));
        presence
    }

    /// Who decides what somebody may do.
    #[must_use]
    pub const fn access(&self) -> &Access {
        &self.access
    }

    /// How often limits were reached.
    #[must_use]
    pub const fn limited(&self) -> &Limited {
        &self.limited
    }

    /// That somebody at `address` wants to come in: to be asked before [`Access::admit`].
    ///
    /// # Errors
    /// [`Error::TooManyJoins`]: the client's fault, or of others at its address.
    pub fn admit_join(&self, address: IpAddr, now: Instant) -> Result<(), Error> {
        self.joins
            .admits(address, now)
            .then_some(())
            .ok_or_else(|| self.at(Limit::Joins, Error::TooManyJoins))
    }

    /// That a message came from `address`.
    ///
    /// # Errors
    /// [`Error::TooMany`]: the client's fault, or of others at its address.
    pub fn admit_message(&self, address: IpAddr, now: Instant) -> Result<(), Error> {
        self.messages
            .admits(address, now)
            .then_some(())
            .ok_or_else(|| self.at(Limit::Messages, Error::TooMany))
    }

    /// Counts that `limit` was reached, which is told as `error`.
    #[must_use]
    pub fn at(&self, limit: Limit, error: Error) -> Error {
        self.limited.count(limit);
        error
    }

    /// Comes into a channel, or back, with what [`Access::admit`] granted for it.
    ///
    /// # Errors
    /// [`Error::ServerFull`], [`Error::ChannelFull`]: the operator's to widen; [`Error::Internal`].
    pub async fn enter(
        &self,
        name: &ChannelName,
        person: PersonName,
        grant: Grant,
        resume: Option<String>,
        outbox: Outbox,
    ) -> Result<(Channel, Entered), Error> {
        let place = Arc::clone(&self.places)
            .try_acquire_owned()
            .map_err(|_| self.at(Limit::Participants, Error::ServerFull))?;
        let mut entrance = Entrance { name: person, grant, resume, outbox, place };
        for _ in 0..ATTEMPTS_MAX {
            let channel = self.call(|reply| Call::Found { name: name.clone(), reply }).await?;
            match channel.enter(entrance).await {
                Ok(entered) => return Ok((channel, entered)),
                Err(Closed::Refused(error)) => return Err(error),
                Err(Closed::Over(again)) => entrance = again,
            }
        }
        Err(Error::Internal("a channel ended each time somebody came"))
    }

    /// Who is in a channel, at most 100; nobody where it does not exist.
    ///
    /// # Errors
    /// [`Error::Internal`] while the server stops.
    pub async fn names(&self, name: &ChannelName) -> Result<Vec<PersonName>, Error> {
        match self.call(|reply| Call::Find { name: name.clone(), reply }).await? {
            Some(channel) => Ok(channel.names().await),
            None => Ok(Vec::new()),
        }
    }

    /// Sends away whoever has this leave secret.
    ///
    /// # Errors
    /// [`Error::NotFound`] where nobody has it: the client's fault, or it left before.
    pub async fn dismiss(&self, secret: &str) -> Result<(), Error> {
        let number =
            secret.split_once('.').and_then(|(number, _)| u64::from_str_radix(number, 16).ok());
        let id = ChannelId(number.ok_or(Error::NotFound)?);
        let channel =
            self.call(|reply| Call::Number { id, reply }).await?.ok_or(Error::NotFound)?;
        if channel.dismiss(SecretHash::of(secret)).await { Ok(()) } else { Err(Error::NotFound) }
    }

    /// That a channel is empty and takes nobody in again.
    pub async fn empty(&self, name: ChannelName, id: ChannelId) {
        // Where the task has ended, the server stops.
        let _stopping = self.calls.send(Call::Empty { name, id }).await;
    }

    /// Lets go of all channels: each ends when its last socket has.
    pub async fn stop(&self) {
        let _stopped = self.calls.send(Call::Stop).await;
    }

    /// How many channels there are.
    pub async fn channels(&self) -> usize {
        self.call(|reply| Call::Count { reply }).await.unwrap_or(0)
    }

    /// How many participants there are.
    #[must_use]
    pub fn participants(&self) -> usize {
        self.participants_max.saturating_sub(self.places.available_permits())
    }

    async fn call<T>(&self, make: impl FnOnce(oneshot::Sender<T>) -> Call) -> Result<T, Error> {
        let stopping = Error::Internal("the server stops");
        let (reply, answer) = oneshot::channel();
        self.calls.send(make(reply)).await.map_err(|_| stopping.clone())?;
        answer.await.map_err(|_| stopping)
    }
}

/// Calls that wait: each is answered without waiting for anybody.
const CALLS_MAX: usize = 256;

/// How often somebody is sent on to a new channel because the one found had just ended: once is rare, twice needs two people in step.
const ATTEMPTS_MAX: usize = 8;

/// The task's state.
struct Directory {
    channels: BTreeMap<ChannelName, (ChannelId, Channel)>,
    next: u64,
    people_max: usize,
    pictures_max: usize,
    spread: usize,
    media: Media,
    policies: Arc<[Policy]>,
    draw: Draw,
}

impl Directory {
    async fn run(mut self, mut calls: mpsc::Receiver<Call>, presence: Presence) {
        // Channels hold a way back here, so that the queue never closes by itself.
        while let Some(call) = calls.recv().await {
            // Whoever asked and is gone needs no answer.
            match call {
                Call::Found { name, reply } => drop(reply.send(self.found(name, &presence))),
                Call::Find { name, reply } => {
                    drop(reply.send(self.channels.get(&name).map(|(_, channel)| channel.clone())));
                }
                Call::Number { id, reply } => {
                    let found = self.channels.values().find(|(number, _)| *number == id);
                    drop(reply.send(found.map(|(_, channel)| channel.clone())));
                }
                Call::Empty { name, id } => {
                    if self.channels.get(&name).is_some_and(|(number, _)| *number == id) {
                        self.channels.remove(&name);
                    }
                }
                Call::Count { reply } => drop(reply.send(self.channels.len())),
                Call::Stop => break,
            }
        }
    }

    fn found(&mut self, name: ChannelName, presence: &Presence) -> Channel {
        if let Some((_, channel)) = self.channels.get(&name) {
            return channel.clone();
        }
        let id = ChannelId(self.next);
        self.next += 1;
        let channel = Channel::found(Founding {
            id,
            name: name.clone(),
            people_max: self.people_max,
            pictures_max: self.pictures_max,
            spread: self.spread,
            media: self.media.clone(),
            policies: Arc::clone(&self.policies),
            presence: presence.clone(),
            draw: self.draw.split(),
        });
        self.channels.insert(name, (id, channel.clone()));
        channel
    }
}
