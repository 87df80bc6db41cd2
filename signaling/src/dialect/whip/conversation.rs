//! A session: one task that holds the participant's side, as a socket's task does, and answers what is asked of its URL.
//!
//! ```text
//! POST ─► open ─► Ask ────► channel
//! PATCH, DELETE ─► Request ─► the task ◄─ Notice ◄─ inbox
//! ```
//!
//! It ends when it is told to by `DELETE`, when the participant is sent away, when the media connection ends, or with the server. The
//! participant goes with it, at once: by HTTP nobody comes back.

use std::time::Duration;

use sfu::media::ParticipantId;
use tokio::sync::{mpsc, oneshot, watch};
use tokio::time::{Instant, timeout};

use super::Whip;
use super::description::Description;
use super::director::Director;
use super::entity_tag::{Condition, EntityTag};
use super::fragment::Fragment;
use super::problem::Problem;
use super::role::Role;
use crate::channel::{Channel, Entered};
use crate::draw::SecretHash;
use crate::fault::Error;
use crate::link::{Inbox, Outbox};
use crate::name::{ChannelName, PersonName};
use crate::notice::Notice;
use crate::session::{Ask, MidView};
use crate::token::grant::Grant;

/// What somebody comes in with.
#[derive(Debug)]
pub(super) struct Opening {
    /// Which way.
    pub(super) role: Role,
    /// Where.
    pub(super) channel: ChannelName,
    /// As whom.
    pub(super) name: PersonName,
    /// With which rights.
    pub(super) grant: Grant,
    /// With what.
    pub(super) offer: Description,
    /// Whom to see alone; ignored where nothing is played.
    pub(super) chosen: Option<ParticipantId>,
}

/// What they are answered.
#[derive(Debug)]
pub(super) struct Opened {
    /// The last part of the session's URL: whoever has it may end the session.
    pub(super) secret: String,
    /// The answer.
    pub(super) answer: String,
    /// Of its ICE session.
    pub(super) tag: EntityTag,
}

/// What is asked of a session's URL.
#[derive(Debug)]
pub(super) enum Request {
    /// That it is there.
    Look {
        /// Told when it is.
        reply: oneshot::Sender<()>,
    },
    /// `PATCH`: candidates, or an ICE restart.
    Patch {
        /// Which ICE session it is for.
        condition: Condition,
        /// Its body.
        fragment: Fragment,
        /// What it is answered.
        reply: oneshot::Sender<Result<Patched, Problem>>,
    },
    /// `DELETE`.
    Delete {
        /// Told when it has ended.
        reply: oneshot::Sender<()>,
    },
}

/// What a `PATCH` came to.
#[derive(Clone, Debug, Eq, PartialEq)]
pub(super) enum Patched {
    /// Candidates were taken in.
    Trickled,
    /// ICE was restarted.
    Restarted {
        /// Our side of the ICE session.
        fragment: String,
        /// Of it.
        tag: EntityTag,
    },
}

/// Comes in and offers. The session goes on by itself.
///
/// # Errors
/// [`Problem`]; nothing is left then.
pub(super) async fn open(whip: Whip, opening: Opening) -> Result<Opened, Problem> {
    let (reply, opened) = oneshot::channel();
    // A task of its own: whoever asked may be gone before the answer, and is no participant then.
    tokio::spawn(hold(whip, opening, reply));
    opened.await.unwrap_or(Err(Problem::Other(Error::Internal("the session ended"))))
}

async fn hold(whip: Whip, opening: Opening, reply: oneshot::Sender<Result<Opened, Problem>>) {
    let Whip { presence, sessions, stopping } = whip;
    let Opening { role, channel, name, grant, offer, chosen } = opening;
    let (outbox, mut inbox) = Outbox::new();
    let entered = match presence.enter(&channel, name, grant, None, outbox).await {
        Ok(entered) => entered,
        Err(error) => return drop(reply.send(Err(error.into()))),
    };
    let Some(Notice::Welcome(welcome)) = inbox.notices.recv().await else {
        return drop(reply.send(Err(Problem::Other(Error::Internal("the channel ended")))));
    };
    let (channel, entered) = entered;
    let (requests, asked) = mpsc::channel(REQUESTS_MAX);
    let (tag, offers) = (EntityTag::of_answer(""), 0);
    let mut conversation =
        Conversation { channel, entered, inbox, asked, offer, tag, offers, director: None };
    if role == Role::Play {
        if chosen.is_some_and(|chosen| welcome.people.iter().all(|person| person.id != chosen)) {
            conversation.end(Ending::Over(None)).await;
            return drop(reply.send(Err(Problem::Absent)));
        }
        conversation.director = Some(Director::new(chosen, &welcome.people));
    }
    match conversation.begin(role).await {
        Ok(answer) => {
            let secret = SecretHash::of(&welcome.leave);
            let tag = conversation.tag.clone();
            sessions.enter(secret, requests).await;
            let opened = Opened { secret: welcome.leave, answer, tag };
            let ending = match reply.send(Ok(opened)) {
                Ok(()) => conversation.hold(stopping).await,
                Err(_gone) => Ending::Over(None),
            };
            conversation.end(ending).await;
            sessions.leave(secret).await;
        }
        Err(stop) => {
            conversation.end(Ending::Over(None)).await;
            drop(reply.send(Err(stop.problem())));
        }
    }
}

/// Requests that wait for one session: a client has a few under way at most (RFC 9725, section 4.3.1). Further ones are refused.
const REQUESTS_MAX: usize = 4;

/// How long the media plane may take to answer: it does within milliseconds, and a client gives up later than this.
const ANSWER_MAX: Duration = Duration::from_secs(5);

struct Conversation {
    channel: Channel,
    entered: Entered,
    inbox: Inbox,
    asked: mpsc::Receiver<Request>,
    offer: Description,
    tag: EntityTag,
    offers: u64,
    /// Of a player.
    director: Option<Director>,
}

/// What happens next to a session.
enum Next {
    Told(Option<Notice>),
    Asked(Request),
    Due,
    Stop,
}

/// How a session ends.
enum Ending {
    /// The participant is gone already.
    Gone,
    /// Its client does without it, and may want to know when that is done.
    Over(Option<oneshot::Sender<()>>),
    /// The media connection ended.
    Lost,
}

/// Why there is no answer.
enum Stop {
    /// The offer was refused; the session goes on.
    Refused(Problem),
    /// So ends the session.
    Ends(Ending),
}

impl Stop {
    fn problem(self) -> Problem {
        match self {
            Self::Refused(problem) => problem,
            Self::Ends(_) => Problem::NoSession,
        }
    }
}

impl Conversation {
    /// Says what is on, offers, and waits for the answer.
    async fn begin(&mut self, role: Role) -> Result<String, Stop> {
        self.ask(Ask::Voice(self.offer.voice(role))).await;
        if let Some(director) = &self.director {
            self.ask(Ask::Choose(director.choice())).await;
        }
        let answer = self.exchange(self.offer.text()).await?;
        self.tag = EntityTag::of_answer(&answer);
        if role == Role::Play {
            let views = self.offer.video.iter().map(|mid| MidView {
                mid: mid.clone(),
                width: VIEW.0,
                height: VIEW.1,
                priority: 3,
            });
            self.ask(Ask::View(views.collect())).await;
        }
        Ok(answer)
    }

    /// Until it ends.
    async fn hold(&mut self, mut stopping: watch::Receiver<bool>) -> Ending {
        loop {
            let due = self.director.as_ref().and_then(Director::due);
            let next = tokio::select! {
                // An error means that the server is gone altogether.
                _ = stopping.wait_for(|stopping| *stopping) => Next::Stop,
                notice = next(&mut self.inbox) => Next::Told(notice),
                Some(request) = self.asked.recv() => Next::Asked(request),
                () = until(due) => Next::Due,
            };
            let step = match next {
                Next::Stop => Err(Ending::Over(None)),
                Next::Told(Some(notice)) => self.note(&notice).await,
                Next::Due => {
                    self.direct(|director, now| director.decide(now)).await;
                    Ok(())
                }
                Next::Told(None) => Err(Ending::Gone),
                Next::Asked(request) => self.answer(request).await,
            };
            if let Err(ending) = step {
                return ending;
            }
        }
    }

    async fn end(&self, ending: Ending) {
        match ending {
            Ending::Gone => {}
            Ending::Over(reply) => {
                self.ask(Ask::Leave).await;
                if let Some(reply) = reply {
                    let _gone = reply.send(());
                }
            }
            Ending::Lost => self.ask(Ask::GiveUp).await,
        }
    }

    async fn ask(&self, ask: Ask) {
        self.channel.ask(&self.entered, ask).await;
    }

    /// Offers `sdp` and waits for the answer.
    async fn exchange(&mut self, sdp: String) -> Result<String, Stop> {
        self.offers += 1;
        let id = self.offers;
        self.ask(Ask::Offer { id, sdp, tracks: Vec::new() }).await;
        let answered = async {
            loop {
                match next(&mut self.inbox).await {
                    Some(Notice::Answer { id: answered, sdp }) if answered == id => return Ok(sdp),
                    Some(Notice::Failed { error, offer: Some(refused) }) if refused == id => {
                        return Err(Stop::Refused(error.into()));
                    }
                    Some(notice) if is_loss(&notice) => return Err(Stop::Ends(Ending::Lost)),
                    Some(notice) => {
                        if let Some(director) = &mut self.director {
                            // Asked for with whatever is told next: nobody is shown before the answer.
                            let _changed = director.note(Instant::now(), &notice);
                        }
                    }
                    None => return Err(Stop::Ends(Ending::Gone)),
                }
            }
        };
        let late = Problem::Other(Error::Internal("the media plane does not answer"));
        timeout(ANSWER_MAX, answered).await.unwrap_or(Err(Stop::Refused(late)))
    }

    async fn note(&mut self, notice: &Notice) -> Result<(), Ending> {
        self.direct(|director, now| director.note(now, notice)).await;
        if is_loss(notice) { Err(Ending::Lost) } else { Ok(()) }
    }

    /// Lets the director of a player decide, and asks for what it chose where that is another.
    async fn direct(&mut self, decide: impl FnOnce(&mut Director, Instant) -> bool) {
        if let Some(director) = &mut self.director
            && decide(director, Instant::now())
        {
            let choice = director.choice();
            self.ask(Ask::Choose(choice)).await;
        }
    }

    async fn answer(&mut self, request: Request) -> Result<(), Ending> {
        // Whoever asked and is gone needs no answer.
        match request {
            Request::Look { reply } => {
                let _gone = reply.send(());
                Ok(())
            }
            Request::Delete { reply } => Err(Ending::Over(Some(reply))),
            Request::Patch { condition, fragment, reply } => {
                match self.patch(&condition, &fragment).await {
                    Ok(patched) => {
                        let _gone = reply.send(Ok(patched));
                        Ok(())
                    }
                    Err(Stop::Refused(problem)) => {
                        let _gone = reply.send(Err(problem));
                        Ok(())
                    }
                    Err(Stop::Ends(ending)) => {
                        let _gone = reply.send(Err(Problem::NoSession));
                        Err(ending)
                    }
                }
            }
        }
    }

    /// Candidates change nothing: an ICE-lite side sends no checks. Other credentials than the present ones restart ICE.
    async fn patch(&mut self, condition: &Condition, fragment: &Fragment) -> Result<Patched, Stop> {
        if !condition.holds(&self.tag) {
            return Err(Stop::Refused(Problem::TagOutdated));
        }
        if let Some(foreign) = fragment.mids.iter().find(|mid| !self.offer.has(mid)) {
            // Echoed, hence cut.
            let mid: String = foreign.chars().take(16).collect();
            return Err(Stop::Refused(Problem::Rule(format!(
                "mid {mid:?} is no m-line of this session"
            ))));
        }
        let Some(ice) = fragment.ice.as_ref().filter(|ice| **ice != self.offer.ice) else {
            return Ok(Patched::Trickled);
        };
        let offer = self.offer.restarted(ice);
        let answer = self.exchange(offer.text()).await?;
        self.offer = offer;
        self.tag = EntityTag::of_answer(&answer);
        Ok(Patched::Restarted { fragment: Fragment::of_answer(&answer), tag: self.tag.clone() })
    }
}

/// What the channel tells; `None` when there will be nothing more.
async fn next(inbox: &mut Inbox) -> Option<Notice> {
    tokio::select! {
        // Past the queue, as for a socket.
        biased;
        Ok(_) = &mut inbox.ending => None,
        notice = inbox.notices.recv() => notice,
    }
}

/// At `due`, or never.
async fn until(due: Option<Instant>) {
    match due {
        Some(due) => tokio::time::sleep_until(due).await,
        None => std::future::pending().await,
    }
}

/// Whether the media connection ended by itself.
fn is_loss(notice: &Notice) -> bool {
    matches!(notice, Notice::Failed { error: Error::MediaLost(_), offer: None })
}

/// How large a player shows its picture: it cannot say, and a stream is mostly watched alone.
const VIEW: (u16, u16) = (1920, 1080);
