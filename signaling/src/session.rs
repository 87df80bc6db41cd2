//! A participant as signaling sees it, whatever the dialect: what it may ask, and what holds of it.

use std::collections::{BTreeMap, BTreeSet, VecDeque};
use std::time::Duration;

use sfu::command::{
    Choice, Command, CommandError, CommandId, Join, Keying, Negotiate, Pictures, Silenced, View,
    Voice,
};
use sfu::event::{Assignment, LostReason, Outlook};
use sfu::media::{ChannelId, MediaKind, ParticipantId, PublicationId};
use sfu::publication::hindrance::Shortage;
use sfu::relay::ShardIndex;
use simulcast::Bitrate;
use tokio::sync::OwnedSemaphorePermit;
use tokio::time::Instant;

pub use crate::ask::{Ask, MidView};
use crate::draw::{Draw, SecretHash};
use crate::fault::Error;
use crate::link::Link;
use crate::name::PersonName;
use crate::notice::{Granted, Notice, Person, Playing, Wanted};
use crate::rights::Rights;
use crate::sdp::SdpError;
use crate::sdp::negotiate::{Agreed, Negotiated, Policy, Track, negotiate};
use crate::sdp::read::Offer;
use crate::slots::Slots;
use crate::token::grant::Grant;

/// One participant.
#[derive(Debug)]
pub struct Session {
    /// Its id.
    pub id: ParticipantId,
    /// Its name.
    pub name: PersonName,
    /// Its switches.
    pub voice: Voice,
    /// Its dialect, while there is one.
    pub link: Link,
    /// What brings it back.
    pub resume: SecretHash,
    /// What sends it away.
    pub leave: SecretHash,
    /// What it may do.
    pub rights: Rights,
    prefer: Option<(Option<Bitrate>, Pictures)>,
    choice: Choice,
    connection: Option<Connection>,
    waiting: VecDeque<Waiting>,
    assigned: Vec<Assignment>,
    /// Of each track, what was told last of its encodings.
    wanted: Vec<(PublicationId, Vec<bool>)>,
    /// Of each track, what its client says that limits it: a change alone is news.
    limited: BTreeMap<PublicationId, Shortage>,
    wish: Option<Wish>,
    /// What is known of its link.
    outlook: Option<Outlook>,
    /// Whether its client looks at that.
    watches: bool,
    /// Its place among those the server may hold; given back when it ends.
    _place: OwnedSemaphorePermit,
}

/// A media connection as negotiated so far.
#[derive(Debug)]
struct Connection {
    agreed: Agreed,
    /// Which shard receives it.
    shard: ShardIndex,
    /// Until the media plane has taken it in: what is told before that concerns an earlier connection.
    joining: Option<CommandId>,
}

/// An answer that waits for the media plane to carry out what it promises.
#[derive(Debug)]
struct Waiting {
    offer: u64,
    answer: String,
    commands: Vec<CommandId>,
}

/// Slots that would be used and are not there.
#[derive(Debug)]
struct Wish {
    slots: Slots,
    again: Instant,
}

/// What an offer leads to: commands for the media plane, then an answer.
#[derive(Debug)]
pub struct Exchange {
    /// In order.
    pub commands: Vec<Command>,
    /// Where the participant is, or joins.
    pub shard: ShardIndex,
    offer: u64,
    answer: String,
}

impl Session {
    /// A participant without media.
    #[must_use]
    pub fn new(
        id: ParticipantId,
        name: PersonName,
        link: Link,
        resume: SecretHash,
        leave: SecretHash,
        (rights, place): (Rights, OwnedSemaphorePermit),
    ) -> Self {
        Self {
            id,
            name,
            voice: Voice::SILENT,
            link,
            resume,
            leave,
            rights,
            prefer: None,
            choice: Choice::All,
            connection: None,
            waiting: VecDeque::new(),
            assigned: Vec::new(),
            wanted: Vec::new(),
            limited: BTreeMap::new(),
            wish: None,
            outlook: None,
            watches: false,
            _place: place,
        }
    }

    /// What others see.
    #[must_use]
    pub fn person(&self) -> Person {
        Person {
            id: self.id,
            name: self.name.clone(),
            voice: self.voice,
            silenced: self.rights.silenced,
            metadata: self.rights.grant.metadata.clone(),
            connected: self.link.is_attached(),
        }
    }

    /// The ids of its tracks.
    pub fn publications(&self) -> impl Iterator<Item = PublicationId> {
        self.connection.iter().flat_map(|connection| connection.agreed.publications())
    }

    /// What plays in its slots.
    #[must_use]
    pub fn playing(&self) -> Vec<Playing> {
        let Some(connection) = &self.connection else { return Vec::new() };
        let playing = |assignment: &Assignment| {
            Some(Playing {
                mid: connection.agreed.mid(assignment.slot)?,
                publication: assignment.publication,
                publisher: assignment.publisher,
                source: assignment.source,
                outcome: assignment.outcome,
            })
        };
        self.assigned.iter().filter_map(playing).collect()
    }

    /// Which shard receives its media.
    #[must_use]
    pub fn shard(&self) -> Option<ShardIndex> {
        self.connection.as_ref().map(|connection| connection.shard)
    }

    /// Answers an offer. `taken` holds the ids of the channel's publications; `policies` are those of all
    /// shards, of which `place` is for a new connection.
    ///
    /// An offer of another peer connection than the last ends that one and begins anew: new slots, new ids.
    ///
    /// # Errors
    /// [`Error::BadSdp`] and [`Error::Unsupported`]: the client's fault. [`Error::TracksFull`] where it would send more
    /// tracks than it is granted. Nothing changed then.
    pub fn offer(
        &mut self,
        channel: ChannelId,
        (id, sdp, tracks): (u64, &str, &[Track]),
        (policies, place): (&[Policy], ShardIndex),
        taken: BTreeSet<u32>,
        draw: &mut Draw,
    ) -> Result<Exchange, Error> {
        if self.waiting.len() >= OFFERS_MAX {
            return Err(SdpError::Busy.into());
        }
        let offer = Offer::read(sdp)?;
        let going_on =
            self.connection.as_ref().filter(|connection| connection.agreed.continues_with(&offer));
        let fresh = going_on.is_none();
        let shard = going_on.map_or(place, |connection| connection.shard);
        let mut before =
            going_on.map_or_else(|| Agreed::new(draw), |connection| connection.agreed.clone());
        before.granted = self.rights.grant.media;
        let policy = policies.get(usize::from(shard.0)).ok_or(Error::Internal("no such shard"))?;
        let negotiated = negotiate(&offer, tracks, policy, &before, taken, draw)?;
        let publications_max = self.rights.grant.limits.publications.unwrap_or(usize::MAX);
        if negotiated.publications.len() > publications_max {
            return Err(Error::TracksFull);
        }
        let commands = self.commands(channel, &offer, &negotiated, fresh);
        let joining = match self.connection.take() {
            Some(connection) if !fresh => connection.joining,
            Some(_) | None => None,
        };
        if fresh {
            self.assigned.clear();
            self.wanted.clear();
            self.limited.clear();
        }
        self.connection = Some(Connection { agreed: negotiated.agreed, shard, joining });
        self.wish = self.wish.take().filter(|wish| !self.has(wish.slots));
        Ok(Exchange { commands, shard, offer: id, answer: negotiated.answer.to_string() })
    }

    fn commands(
        &self,
        channel: ChannelId,
        offer: &Offer,
        negotiated: &Negotiated,
        fresh: bool,
    ) -> Vec<Command> {
        let participant = self.id;
        let Agreed { local, cname, .. } = &negotiated.agreed;
        let negotiate = Command::Negotiate(Box::new(Negotiate {
            participant,
            publications: negotiated.publications.clone(),
            slots: negotiated.slots.clone(),
            cname: *cname,
        }));
        let local = local.clone();
        let mut commands = Vec::new();
        if fresh {
            if self.connection.is_some() {
                commands.push(Command::Leave { participant });
            }
            let keying = Keying::Dtls { fingerprint: offer.fingerprint, role: offer.role };
            let join = Join { participant, channel, local, keying, consent: CONSENT };
            commands.push(Command::Join(Box::new(join)));
            commands.push(negotiate);
            commands.push(self.voice_command());
            commands.extend(self.prefer_command());
            let is_capped = self.rights.grant.limits.bitrate_up.is_some();
            commands.extend(is_capped.then(|| self.cap_command()));
            commands.extend(self.rights.silenced.then(|| self.silence_command()));
            commands.extend((self.choice != Choice::All).then(|| self.choice_command()));
        } else {
            if negotiated.restart {
                commands.push(Command::RestartIce { participant, local });
            }
            commands.push(negotiate);
        }
        commands
    }

    /// Remembers under which ids the commands of `exchange` went out: its answer is told when all are done.
    pub fn await_commands(&mut self, exchange: Exchange, ids: Vec<CommandId>) {
        let joins =
            exchange.commands.iter().position(|command| matches!(command, Command::Join(_)));
        if let (Some(connection), Some(&id)) =
            (&mut self.connection, joins.and_then(|place| ids.get(place)))
        {
            connection.joining = Some(id);
        }
        // A participant that the media plane lost meanwhile cannot leave it, which is as good.
        let awaited = ids.into_iter().zip(&exchange.commands);
        let commands = awaited
            .filter(|(_, command)| !matches!(command, Command::Leave { .. }))
            .map(|(id, _)| id);
        let commands = commands.collect();
        self.waiting.push_back(Waiting {
            offer: exchange.offer,
            answer: exchange.answer,
            commands,
        });
    }

    /// That a command was carried out. Tells the answer that waited for it, where it was the last.
    pub fn done(&mut self, id: CommandId) {
        if let Some(connection) = &mut self.connection
            && connection.joining == Some(id)
        {
            connection.joining = None;
        }
        for waiting in &mut self.waiting {
            waiting.commands.retain(|awaited| *awaited != id);
        }
        while self.waiting.front().is_some_and(|waiting| waiting.commands.is_empty()) {
            if let Some(Waiting { offer, answer, .. }) = self.waiting.pop_front() {
                self.link.tell(Notice::Answer { id: offer, sdp: answer });
            }
        }
    }

    /// That a command was refused: the offer it came from gets that instead of an answer.
    pub fn refused(&mut self, id: CommandId, reason: CommandError) {
        let Some(place) = self.waiting.iter().position(|waiting| waiting.commands.contains(&id))
        else {
            tracing::debug!(participant = self.id.0, %reason, "the media plane refused a command");
            return;
        };
        let offer = self.waiting.remove(place).map(|waiting| waiting.offer);
        let (error, gone) = match reason {
            CommandError::ShardFull => (Error::ServerFull, true),
            CommandError::UnknownParticipant => (Error::MediaLost(LostReason::Closed), true),
            CommandError::ParticipantExists => {
                (Error::Internal("a participant's id was used twice"), true)
            }
            CommandError::UnusableKeys => (Error::Internal("keys do not fit their profile"), true),
            // No command of an offer names a single publication.
            CommandError::UnknownPublication => (Error::Internal("a publication is gone"), false),
            CommandError::Contradiction(what) => (
                SdpError::Line {
                    rule: "the m-lines contradict one another",
                    line: what.to_owned(),
                }
                .into(),
                false,
            ),
        };
        let joining = self.connection.as_ref().and_then(|connection| connection.joining);
        if gone || joining == Some(id) {
            self.connection = None;
        }
        self.link.tell(Notice::Failed { error, offer });
    }

    /// That the media connection ended, unless that was an earlier one. The participant stays, and may offer anew.
    pub fn lost(&mut self, reason: LostReason) {
        if self.takes_news() {
            self.forget_media(reason);
        }
    }

    fn forget_media(&mut self, reason: LostReason) {
        self.connection = None;
        self.assigned.clear();
        self.wanted.clear();
        self.limited.clear();
        self.wish = None;
        self.outlook = None;
        self.link.tell(Notice::Failed { error: Error::MediaLost(reason), offer: None });
    }

    /// What the slots carry now.
    pub fn assign(&mut self, assigned: Vec<Assignment>) {
        if self.takes_news() {
            self.assigned = assigned;
            let playing = self.playing();
            self.link.tell(Notice::Slots(playing));
        }
    }

    /// Whether the client wants to be told of its link: what is known is told at once.
    pub fn watch(&mut self, link: bool) {
        self.watches = link;
        self.tell_outlook();
    }

    /// What the link carries.
    pub fn look_out(&mut self, outlook: Outlook) {
        if self.takes_news() {
            self.outlook = Some(outlook);
            self.tell_outlook();
        }
    }

    fn tell_outlook(&mut self) {
        if let Some(outlook) = self.outlook.filter(|_| self.watches) {
            self.link.tell(Notice::Link(outlook));
        }
    }

    /// Which encodings of a track somebody wants.
    pub fn want(&mut self, publication: PublicationId, encodings: Vec<bool>) {
        if self.takes_news() {
            self.wanted.retain(|(known, _)| *known != publication);
            self.wanted.push((publication, encodings));
            self.tell_wanted(self.wanted.len().saturating_sub(1));
        }
    }

    /// Repeats what is wanted of all tracks: whoever comes back may have missed it.
    pub fn want_again(&mut self) {
        self.tell_wanted(0);
    }

    /// Tells what is wanted of the tracks from `first` on.
    fn tell_wanted(&mut self, first: usize) {
        let Some(connection) = &self.connection else { return };
        for (publication, encodings) in self.wanted.iter().skip(first) {
            if let Some(mid) = connection.agreed.mid_of(*publication) {
                let encodings = encodings.clone();
                self.link.tell(Notice::Wanted(Wanted { mid, encodings }));
            }
        }
    }

    /// That slots for so many pictures would be used: tells the step above, until an offer shows it.
    pub fn need_pictures(&mut self, pictures: u8, now: Instant) {
        if self.takes_news() {
            let slots = Slots::for_pictures(usize::from(pictures));
            let known = self.wish.as_ref().is_some_and(|wish| wish.slots == slots);
            if self.has(slots) {
                self.wish = None;
            } else if !known {
                self.link.tell(Notice::SlotsNeeded(slots));
                self.wish = Some(Wish { slots, again: now + WISH_INTERVAL });
            }
        }
    }

    /// When [`Self::wish_again`] is due.
    #[must_use]
    pub fn wish_due(&self) -> Option<Instant> {
        self.wish.as_ref().map(|wish| wish.again)
    }

    /// Repeats what is still needed, where that is due.
    pub fn wish_again(&mut self, now: Instant) {
        if let Some(wish) = self.wish.as_mut().filter(|wish| wish.again <= now) {
            wish.again = now + WISH_INTERVAL;
            let slots = wish.slots;
            self.link.tell(Notice::SlotsNeeded(slots));
        }
    }

    fn has(&self, slots: Slots) -> bool {
        let count = |kind| {
            self.connection.as_ref().map_or(0, |connection| connection.agreed.slot_count(kind))
        };
        count(MediaKind::Audio) >= usize::from(slots.audio)
            && count(MediaKind::Video) >= usize::from(slots.video)
    }

    fn takes_news(&self) -> bool {
        self.connection.as_ref().is_some_and(|connection| connection.joining.is_none())
    }

    /// The switches, for the media plane, where it knows this participant.
    #[must_use]
    pub fn set_voice(&mut self, voice: Voice) -> Option<Command> {
        self.voice = voice;
        self.connection.as_ref().map(|_| self.voice_command())
    }

    const fn voice_command(&self) -> Command {
        Command::Voice { participant: self.id, voice: self.voice }
    }

    /// The limit, for the media plane, where it knows this participant.
    #[must_use]
    pub fn set_prefer(&mut self, budget: Option<Bitrate>, pictures: Pictures) -> Option<Command> {
        self.prefer = Some((budget, pictures));
        self.connection.as_ref().and_then(|_| self.prefer_command())
    }

    /// What the person wants, and no more than the token grants.
    fn prefer_command(&self) -> Option<Command> {
        let most = self.rights.grant.limits.bitrate_down;
        if self.prefer.is_none() && most.is_none() {
            return None;
        }
        let (wanted, pictures) = self.prefer.unwrap_or_default();
        let budget = wanted.into_iter().chain(most).min();
        Some(Command::Prefer { participant: self.id, budget, pictures })
    }

    /// Whether it is silenced, for the media plane, where that knows this participant.
    #[must_use]
    pub fn silence(&self) -> Option<Command> {
        self.connection.as_ref().map(|_| self.silence_command())
    }

    const fn silence_command(&self) -> Command {
        let Rights { silenced, .. } = self.rights;
        Command::Silence { participant: self.id, what: Silenced::Microphone, silenced }
    }

    const fn cap_command(&self) -> Command {
        Command::Cap { participant: self.id, most: self.rights.grant.limits.bitrate_up }
    }

    /// Takes another grant from `now` on: the commands that follow. One that takes media away ends the connection, and the client is
    /// told to offer anew.
    pub fn renew(&mut self, grant: Grant, now: Instant) -> Vec<Command> {
        let commands = self.take_grant(grant, now);
        self.link.tell(Notice::Granted(self.granted(now)));
        commands
    }

    /// As [`Self::renew`], without a word: the welcome has it.
    pub fn take_grant(&mut self, grant: Grant, now: Instant) -> Vec<Command> {
        if let Some(name) = &grant.name {
            self.name = name.clone();
        }
        let bounds = self.rights.grant.limits;
        let shrinks = self.rights.renew(grant, now);
        if self.connection.is_none() || !(shrinks || bounds != self.rights.grant.limits) {
            return Vec::new();
        }
        if shrinks {
            let leave = self.end();
            self.forget_media(LostReason::Closed);
            return leave.into_iter().collect();
        }
        let (budget, pictures) = (None, Pictures::default());
        let lifted = Command::Prefer { participant: self.id, budget, pictures };
        vec![self.prefer_command().unwrap_or(lifted), self.cap_command()]
    }

    /// What the client is told of its rights.
    #[must_use]
    pub fn granted(&self, now: Instant) -> Granted {
        let Grant { media, moderate, .. } = self.rights.grant;
        Granted { media, moderate, lasts: self.rights.left(now) }
    }

    /// Whose pictures come first, for the media plane, where it knows this participant.
    #[must_use]
    pub fn set_choice(&mut self, choice: Choice) -> Option<Command> {
        self.choice = choice;
        self.connection.as_ref().map(|_| self.choice_command())
    }

    const fn choice_command(&self) -> Command {
        Command::Choose { participant: self.id, choice: self.choice }
    }

    /// Sizes by slot, for the media plane; of two for one slot the last counts.
    ///
    /// # Errors
    /// [`Error::BadView`] where one names no slot of this participant: the client's fault; none counts then.
    pub fn view(&self, views: &[MidView]) -> Result<Command, Error> {
        let mut by_slot = BTreeMap::new();
        for MidView { mid, width, height, priority } in views {
            let slot = self.connection.as_ref().and_then(|connection| connection.agreed.slot(mid));
            // Echoed, hence cut.
            let slot = slot.ok_or_else(|| Error::BadView(mid.chars().take(16).collect()))?;
            let priority = (*priority).clamp(1, 3);
            by_slot.insert(slot, View { slot, width: *width, height: *height, priority });
        }
        Ok(Command::View { participant: self.id, views: by_slot.into_values().collect() })
    }

    /// What limits a track, for the media plane, where that is news.
    ///
    /// # Errors
    /// [`Error::BadLimit`] where `mid` is no track of this participant: the client's fault.
    pub fn limit(&mut self, mid: &str, by: Option<Shortage>) -> Result<Option<Command>, Error> {
        let agreed = self.connection.as_ref().map(|connection| &connection.agreed);
        let publication = agreed.and_then(|agreed| agreed.publication(mid));
        // Echoed, hence cut.
        let publication =
            publication.ok_or_else(|| Error::BadLimit(mid.chars().take(16).collect()))?;
        let before = match by {
            Some(by) => self.limited.insert(publication, by),
            None => self.limited.remove(&publication),
        };
        let command = Command::Hinder { participant: self.id, publication, shortage: by };
        Ok((before != by).then_some(command))
    }

    /// The last command, where the media plane knows this participant.
    #[must_use]
    pub fn end(&mut self) -> Option<Command> {
        self.connection.take().map(|_| Command::Leave { participant: self.id })
    }
}

/// Offers of one participant that may wait for the media plane at once: it answers within milliseconds, and a client waits for its answer.
const OFFERS_MAX: usize = 4;

/// How long media consent lasts without a valid STUN request (RFC 7675, section 5.1).
const CONSENT: Duration = Duration::from_secs(30);

/// How often needed slots are told again: a client that missed it should not wait longer for a face.
const WISH_INTERVAL: Duration = Duration::from_secs(5);
