//! A voice channel: one task that owns its roster and sessions.

mod rights;
mod switches;

use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;
use std::time::Duration;

use sfu::command::{Command, CommandId};
use sfu::event::{Event, LostReason};
use sfu::media::{ChannelId, ParticipantId};
use tokio::sync::{OwnedSemaphorePermit, mpsc, oneshot};
use tokio::time::Instant;

use crate::draw::{Draw, SecretHash};
use crate::fault::Error;
use crate::limited::Limit;
use crate::link::{Ending, Link, LinkId, Outbox};
use crate::media::{Media, MediaEnded};
use crate::name::{ChannelName, PersonName};
use crate::notice::{Departure, Notice, Welcome};
use crate::presence::Presence;
use crate::rights::{Overdue, Rights};
use crate::sdp::negotiate::{Policy, Track};
use crate::session::{Ask, Session};
use crate::slots::Slots;
use crate::token::grant::Grant;
use crate::token::refusal::Refusal;

/// A way to a channel's task; cheap to clone. The task ends when the channel is empty and the last of these is gone.
#[derive(Clone, Debug)]
pub struct Channel {
    calls: mpsc::Sender<Call>,
}

/// Somebody who wants to come in, or back.
#[derive(Debug)]
pub struct Entrance {
    /// How others see them.
    pub name: PersonName,
    /// What they may do.
    pub grant: Grant,
    /// The secret of an earlier welcome.
    pub resume: Option<String>,
    /// Where to tell things.
    pub outbox: Outbox,
    /// Among those whom the server may hold; given back where an earlier participant goes on.
    pub place: OwnedSemaphorePermit,
}

/// Somebody who is in.
#[derive(Debug)]
pub struct Entered {
    /// Who.
    pub participant: ParticipantId,
    /// By which link.
    pub link: LinkId,
}

/// Why somebody did not come in.
#[derive(Debug)]
pub enum Closed {
    /// For good.
    Refused(Error),
    /// The channel just ended for want of people: ask for it by name again.
    Over(Entrance),
}

/// What the task is asked. The queue is bounded; a full one makes whoever asks wait.
#[derive(Debug)]
enum Call {
    Enter { entrance: Box<Entrance>, reply: oneshot::Sender<Result<Entered, Closed>> },
    Ask { participant: ParticipantId, link: LinkId, ask: Ask },
    Detach { participant: ParticipantId, link: LinkId },
    Dismiss { secret: SecretHash, reply: oneshot::Sender<bool> },
    Names { reply: oneshot::Sender<Vec<PersonName>> },
}

/// What a channel is made with.
#[derive(Debug)]
pub struct Founding {
    /// Its number.
    pub id: ChannelId,
    /// Its name.
    pub name: ChannelName,
    /// The most participants.
    pub people_max: usize,
    /// The most cameras and screens that are on at once.
    pub pictures_max: usize,
    /// Participants by which one shard may be ahead before the channel grows to another.
    pub spread: usize,
    /// The media plane.
    pub media: Media,
    /// What answers are made with, by shard.
    pub policies: Arc<[Policy]>,
    /// Where to say that it is empty.
    pub presence: Presence,
    /// Its own source of chance.
    pub draw: Draw,
}

impl Channel {
    /// Starts an empty channel.
    #[must_use]
    pub fn found(founding: Founding) -> Self {
        let (calls, incoming) = mpsc::channel(CALLS_MAX);
        tokio::spawn(
            Room {
                founding,
                sessions: BTreeMap::new(),
                commands: BTreeMap::new(),
                links: 0,
                over: false,
            }
            .run(incoming),
        );
        Self { calls }
    }

    /// Comes in, or back.
    ///
    /// # Errors
    /// [`Closed`]: see there.
    pub async fn enter(&self, entrance: Entrance) -> Result<Entered, Closed> {
        let (reply, answer) = oneshot::channel();
        let call = Call::Enter { entrance: Box::new(entrance), reply };
        if let Err(mpsc::error::SendError(Call::Enter { entrance, .. })) =
            self.calls.send(call).await
        {
            return Err(Closed::Over(*entrance));
        }
        answer.await.unwrap_or(Err(Closed::Refused(Error::Internal("the channel ended"))))
    }

    /// Asks for something; what comes of it is told through the outbox.
    pub async fn ask(&self, entered: &Entered, ask: Ask) {
        self.call(Call::Ask { participant: entered.participant, link: entered.link, ask }).await;
    }

    /// That a link is gone.
    pub async fn detach(&self, entered: &Entered) {
        self.call(Call::Detach { participant: entered.participant, link: entered.link }).await;
    }

    /// Sends away whoever has this leave secret; whether there was somebody.
    pub async fn dismiss(&self, secret: SecretHash) -> bool {
        let (reply, answer) = oneshot::channel();
        self.call(Call::Dismiss { secret, reply }).await;
        answer.await.unwrap_or(false)
    }

    /// The names of those inside, in order of arrival, at most 100.
    pub async fn names(&self) -> Vec<PersonName> {
        let (reply, answer) = oneshot::channel();
        self.call(Call::Names { reply }).await;
        answer.await.unwrap_or_default()
    }

    async fn call(&self, call: Call) {
        // A task that ended has nobody inside: nothing is lost.
        let _over = self.calls.send(call).await;
    }
}

/// Calls that wait for a channel: a few from each of a hundred people.
const CALLS_MAX: usize = 256;

/// Events that wait for a channel, before they go to its backlog: one for each of a few hundred people.
const EVENTS_MAX: usize = 1024;

/// How long a participant without a link keeps its place (docs/protocol.md, "Coming back").
const KEPT: Duration = Duration::from_secs(30);

/// How many names a stranger may see.
const NAMES_MAX: usize = 100;

/// The task's state.
struct Room {
    founding: Founding,
    /// By id, and ids rise: in order of arrival.
    sessions: BTreeMap<ParticipantId, Session>,
    /// Whose offer a command belongs to. As many as the media plane has not answered.
    commands: BTreeMap<u64, ParticipantId>,
    links: u64,
    /// Whether it was empty and said so: it takes nobody in again.
    over: bool,
}

impl Room {
    async fn run(mut self, mut calls: mpsc::Receiver<Call>) {
        let (events, mut news) = mpsc::channel(EVENTS_MAX);
        let id = self.founding.id;
        if self.founding.media.open(id, events).await.is_err() {
            tracing::error!("a channel cannot start: {MediaEnded}");
        }
        loop {
            let due = self.due();
            tokio::select! {
                call = calls.recv() => match call {
                    Some(call) => self.handle(call).await,
                    None => break,
                },
                Some(event) = news.recv() => self.hear(event).await,
                () = until(due) => self.on_time(Instant::now()).await,
            }
            self.settle().await;
        }
        self.founding.media.close(id).await;
    }

    async fn handle(&mut self, call: Call) {
        match call {
            Call::Enter { entrance, reply } => {
                // Whoever gave up meanwhile is noticed by its closed outbox.
                let _gone = reply.send(self.enter(*entrance).await);
            }
            Call::Ask { participant, link, ask } => {
                if self.sessions.get(&participant).is_some_and(|session| session.link.is(link)) {
                    self.ask(participant, ask).await;
                }
            }
            Call::Detach { participant, link } => {
                if let Some(session) =
                    self.sessions.get_mut(&participant).filter(|session| session.link.is(link))
                {
                    session.link = Link::Lost { since: Instant::now() };
                    let person = session.person();
                    self.tell_others(participant, &Notice::Changed(person));
                }
            }
            Call::Dismiss { secret, reply } => {
                let found = self
                    .sessions
                    .values()
                    .find(|session| session.leave == secret)
                    .map(|session| session.id);
                if let Some(participant) = found {
                    self.remove(participant, Departure::Left, Ending::Left).await;
                }
                let _gone = reply.send(found.is_some());
            }
            Call::Names { reply } => {
                let names =
                    self.sessions.values().take(NAMES_MAX).map(|session| session.name.clone());
                let _gone = reply.send(names.collect());
            }
        }
    }

    async fn enter(&mut self, entrance: Entrance) -> Result<Entered, Closed> {
        if self.over {
            return Err(Closed::Over(entrance));
        }
        let presented = entrance.resume.as_deref().map(SecretHash::of);
        let earlier = self
            .sessions
            .values()
            .find(|session| Some(session.resume) == presented)
            .map(|session| session.id);
        if earlier.is_none() && self.sessions.len() >= self.founding.people_max {
            let full = self.founding.presence.at(Limit::Channel, Error::ChannelFull);
            return Err(Closed::Refused(full));
        }
        self.links += 1;
        let link = LinkId(self.links);
        // A secret that worked goes on working: should this welcome be lost as well, the client has no other.
        let known = entrance.resume.filter(|_| earlier.is_some());
        let resume = known.unwrap_or_else(|| self.founding.draw.secret());
        let leave = self.leave_secret();
        let attached = Link::Attached { id: link, outbox: entrance.outbox };
        let participant = match earlier {
            Some(participant) => {
                if let Some(session) = self.sessions.get_mut(&participant) {
                    session.link.replace(attached, Ending::Replaced);
                    session.name = entrance.name;
                    session.leave = SecretHash::of(&leave);
                    session.watch(false);
                    let commands = session.take_grant(entrance.grant, Instant::now());
                    let person = session.person();
                    self.tell_others(participant, &Notice::Changed(person));
                    // Where the media plane has ended, so has its participant.
                    for command in commands {
                        let _ended = self.command(command).await;
                    }
                }
                participant
            }
            None => {
                let participant = self.founding.media.participant();
                let (resume, leave) = (SecretHash::of(&resume), SecretHash::of(&leave));
                let session = Session::new(
                    participant,
                    entrance.name,
                    attached,
                    resume,
                    leave,
                    (Rights::new(entrance.grant, Instant::now()), entrance.place),
                );
                let person = session.person();
                self.sessions.insert(participant, session);
                self.tell_others(participant, &Notice::Joined(person));
                tracing::info!(channel = self.founding.id.0, participant = participant.0, "joined");
                participant
            }
        };
        self.welcome(participant, resume, leave, earlier.is_some());
        Ok(Entered { participant, link })
    }

    /// A leave secret says which channel it is for, so that no table over all channels is needed.
    fn leave_secret(&mut self) -> String {
        format!("{:x}.{}", self.founding.id.0, self.founding.draw.secret())
    }

    fn welcome(
        &mut self,
        participant: ParticipantId,
        resume: String,
        leave: String,
        resumed: bool,
    ) {
        let people: Vec<_> = self.sessions.values().map(Session::person).collect();
        let others = people.iter().filter(|person| person.id != participant);
        let pictures = others
            .map(|person| usize::from(person.voice.camera) + usize::from(person.voice.screen))
            .sum();
        if let Some(session) = self.sessions.get_mut(&participant) {
            let playing = session.playing();
            session.link.tell(Notice::Welcome(Box::new(Welcome {
                participant,
                resume,
                leave,
                channel: self.founding.name.clone(),
                resumed,
                slots: Slots::for_pictures(pictures),
                granted: session.granted(Instant::now()),
                people,
                playing,
            })));
            session.want_again();
        }
    }

    async fn ask(&mut self, participant: ParticipantId, ask: Ask) {
        let outcome = match ask {
            Ask::Offer { id, sdp, tracks } => self.offer(participant, id, &sdp, &tracks).await,
            Ask::Voice(voice) => self.voice(participant, voice).await,
            Ask::View(views) => {
                match self.sessions.get(&participant).map(|session| session.view(&views)) {
                    Some(Ok(command)) => self.command(command).await.map(drop),
                    Some(Err(error)) => Err((error, None)),
                    None => Ok(()),
                }
            }
            Ask::Prefer { budget, pictures } => {
                let command = self
                    .sessions
                    .get_mut(&participant)
                    .and_then(|s| s.set_prefer(budget, pictures));
                self.commands(command).await
            }
            Ask::Choose(choice) => {
                let session = self.sessions.get_mut(&participant);
                let command = session.and_then(|session| session.set_choice(choice));
                self.commands(command).await
            }
            Ask::Limited { mid, by } => {
                match self.sessions.get_mut(&participant).map(|session| session.limit(&mid, by)) {
                    Some(Ok(command)) => self.commands(command).await,
                    Some(Err(error)) => Err((error, None)),
                    None => Ok(()),
                }
            }
            Ask::Watch { link } => {
                if let Some(session) = self.sessions.get_mut(&participant) {
                    session.watch(link);
                }
                Ok(())
            }
            Ask::Renew(grant) => self.renew(participant, *grant).await,
            Ask::Silence { participant: whom, silenced } => {
                self.silence(participant, whom, silenced).await
            }
            Ask::Remove(whom) => self.send_away(participant, whom).await,
            Ask::Leave => {
                self.remove(participant, Departure::Left, Ending::Left).await;
                Ok(())
            }
            Ask::GiveUp => {
                self.remove(participant, Departure::Lost, Ending::Left).await;
                Ok(())
            }
        };
        if let (Err((error, offer)), Some(session)) = (outcome, self.sessions.get_mut(&participant))
        {
            session.link.tell(Notice::Failed { error, offer });
        }
    }

    async fn offer(
        &mut self,
        participant: ParticipantId,
        id: u64,
        sdp: &str,
        tracks: &[Track],
    ) -> Outcome {
        let taken: BTreeSet<u32> =
            self.sessions.values().flat_map(Session::publications).map(|id| id.0).collect();
        let members = self.sessions.values().filter_map(Session::shard);
        let Founding { id: channel, policies, draw, media, spread, presence, .. } =
            &mut self.founding;
        let place = media.place(members, *spread).map_err(|error| (error.into(), Some(id)))?;
        let Some(session) = self.sessions.get_mut(&participant) else { return Ok(()) };
        let exchange = session
            .offer(*channel, (id, sdp, tracks), (policies, place), taken, draw)
            .inspect_err(|error| {
                if *error == Error::TracksFull {
                    presence.limited().count(Limit::Tracks);
                }
            })
            .map_err(|error| (error, Some(id)))?;
        let mut ids = Vec::with_capacity(exchange.commands.len());
        for command in exchange.commands.clone() {
            let media = &self.founding.media;
            let sent = if let Command::Join(_) = command {
                media.join(self.founding.id, exchange.shard, command).await
            } else {
                media.command(self.founding.id, command).await
            };
            let command = sent.map_err(|error| (error.into(), Some(id)))?;
            self.commands.insert(command.0, participant);
            ids.push(command);
        }
        if let Some(session) = self.sessions.get_mut(&participant) {
            session.await_commands(exchange, ids);
        }
        Ok(())
    }

    async fn commands(&self, command: Option<Command>) -> Outcome {
        match command {
            Some(command) => self.command(command).await.map(drop),
            None => Ok(()),
        }
    }

    async fn command(&self, command: Command) -> Result<CommandId, (Error, Option<u64>)> {
        let sent = self.founding.media.command(self.founding.id, command).await;
        sent.map_err(|error| (error.into(), None))
    }

    async fn hear(&mut self, event: Event) {
        match event {
            Event::Done(id) => {
                if let Some(session) = self.whose(id) {
                    session.done(id);
                }
            }
            Event::Refused(id, reason) => match self.whose(id) {
                Some(session) => session.refused(id, reason),
                None => tracing::debug!(%reason, "the media plane refused a command"),
            },
            Event::Lost(participant, reason) => self.lost(participant, reason),
            Event::Assigned(participant, assigned) => {
                if let Some(session) = self.sessions.get_mut(&participant) {
                    session.assign(assigned);
                }
            }
            Event::SlotsNeeded { participant, audio: _, video } => {
                if let Some(session) = self.sessions.get_mut(&participant) {
                    session.need_pictures(video, Instant::now());
                }
            }
            Event::Wanted { participant, publication, encodings, demand } => {
                if let Some(session) = self.sessions.get_mut(&participant) {
                    let wanted = (0..encodings).map(|encoding| demand.wants(encoding));
                    session.want(publication, wanted.collect());
                }
            }
            Event::Outlook(participant, outlook) => {
                if let Some(session) = self.sessions.get_mut(&participant) {
                    session.look_out(outlook);
                }
            }
            Event::Speakers(_, speakers) => self.tell_all(&Notice::Speakers(speakers)),
            // What a connection means to its client, its browser tells it.
            Event::Connected(_) | Event::Publishing(..) => {}
            // Goes elsewhere.
            Event::Metrics(_) | Event::Stopped(_) => {}
        }
    }

    fn whose(&mut self, id: CommandId) -> Option<&mut Session> {
        let participant = self.commands.remove(&id.0)?;
        self.sessions.get_mut(&participant)
    }

    fn lost(&mut self, participant: ParticipantId, reason: LostReason) {
        if let Some(session) = self.sessions.get_mut(&participant) {
            tracing::debug!(participant = participant.0, %reason, "media lost");
            session.lost(reason);
        }
    }

    /// The next moment at which time alone changes something.
    fn due(&self) -> Option<Instant> {
        let kept = |session: &Session| match session.link {
            Link::Lost { since } => Some(since + KEPT),
            Link::Attached { .. } | Link::Overrun { .. } => None,
        };
        self.sessions
            .values()
            .flat_map(|session| [kept(session), session.wish_due(), session.rights.due()])
            .flatten()
            .min()
    }

    async fn on_time(&mut self, now: Instant) {
        let mut gone = Vec::new();
        for session in self.sessions.values_mut() {
            session.wish_again(now);
            if let Link::Lost { since } = session.link
                && since + KEPT <= now
            {
                gone.push((session.id, Departure::Lost, Ending::Left));
            }
            match session.rights.on_time(now) {
                Some(Overdue::Tell) => {
                    let error = Error::Denied(Refusal::Expired);
                    session.link.tell(Notice::Failed { error, offer: None });
                }
                Some(Overdue::End) => {
                    gone.push((session.id, Departure::Server, Ending::Expired));
                }
                None => {}
            }
        }
        for (participant, departure, ending) in gone {
            self.remove(participant, departure, ending).await;
        }
    }

    /// After each step: whoever does not read counts as lost, and an empty channel says that it is over.
    async fn settle(&mut self) {
        // Telling others of one that was overrun may overrun another: at most once each.
        while let Some(session) =
            self.sessions.values_mut().find(|s| matches!(s.link, Link::Overrun { .. }))
        {
            session.link = Link::Lost { since: Instant::now() };
            let (participant, person) = (session.id, session.person());
            tracing::debug!(participant = participant.0, "cut off: messages are not being read");
            self.tell_others(participant, &Notice::Changed(person));
        }
        if self.sessions.is_empty() && self.links > 0 && !self.over {
            self.over = true;
            self.founding.presence.empty(self.founding.name.clone(), self.founding.id).await;
        }
    }

    async fn remove(&mut self, participant: ParticipantId, departure: Departure, ending: Ending) {
        let Some(mut session) = self.sessions.remove(&participant) else { return };
        session.link.replace(Link::Lost { since: Instant::now() }, ending);
        if let Some(command) = session.end() {
            // Where the media plane has ended, so has its participant.
            let _ended = self.command(command).await;
        }
        self.founding.media.forget(participant).await;
        self.tell_all(&Notice::Left(participant, departure));
        tracing::info!(
            channel = self.founding.id.0,
            participant = participant.0,
            ?departure,
            "left"
        );
    }

    fn tell_all(&mut self, notice: &Notice) {
        for session in self.sessions.values_mut() {
            session.link.tell(notice.clone());
        }
    }

    fn tell_others(&mut self, participant: ParticipantId, notice: &Notice) {
        for session in self.sessions.values_mut().filter(|session| session.id != participant) {
            session.link.tell(notice.clone());
        }
    }
}

/// A failure goes to whoever asked, with the number of the offer it answers.
type Outcome = Result<(), (Error, Option<u64>)>;

/// At `due`, or never.
async fn until(due: Option<Instant>) {
    match due {
        Some(due) => tokio::time::sleep_until(due).await,
        None => std::future::pending().await,
    }
}
