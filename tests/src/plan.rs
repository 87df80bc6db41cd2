//! A scenario as data: what happens, and what must then be so.

use std::time::Duration;

use sfu::command::{Command, Pictures, Silenced, Voice};
use sfu::event::{Outcome, Reason};
use sfu::publication::hindrance::Shortage;
use sfu::{Event, Source};
use simulcast::Bitrate;
use tools::simnet::jitter::Jitter;
use tools::simnet::link::LinkPlan;
use tools::simnet::loss::Loss;
use tools::simnet::random::Probability;
use tools::simnet::route::{Reordering, Route};
use tools::simnet::schedule::Schedule;
use tools::simnet::time::SimTime;

use crate::client::feedback::Request;
use crate::client::incoming::Incoming;
use crate::client::stamp::Stamp;
use crate::client::{Devices, Person};
use crate::digest::Digest;
use crate::meeting::{Media, Meeting};
use crate::oracle::stream::Stream;

/// One direction of somebody's network.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Link {
    /// Kilobits a second.
    pub kbps: u64,
    /// How long its queue is.
    pub queue: Duration,
    /// One way.
    pub delay: Duration,
    /// On top of the delay.
    pub jitter: Option<Jitter>,
    /// What vanishes.
    pub loss: Loss,
    /// What comes twice.
    pub duplicates: Probability,
    /// What is overtaken.
    pub reordering: Option<Reordering>,
}

/// A good home connection: 50 Mbit/s, 20 ms each way.
pub const WIDE: Link = Link {
    kbps: 50_000,
    queue: ms(300),
    delay: ms(20),
    jitter: None,
    loss: Loss::None,
    duplicates: Probability::NEVER,
    reordering: None,
};

/// One line of a plan.
#[derive(Clone, Debug)]
#[expect(missing_docs, reason = "the doc of each line names its fields; `who` and `of` are people")]
pub enum Step {
    /// Comes in, over [`WIDE`] links.
    Joins { who: Person, with: Devices },
    /// Goes, and says so.
    Leaves { who: Person },
    /// Their way to the server changes.
    Uplink { of: Person, link: Link },
    /// The way to them changes.
    Downlink { of: Person, link: Link },
    /// Nothing comes through, either way.
    Blackout { of: Person, lasts: Duration },
    /// As loud as this, in −dBov.
    Speaks { who: Person, level: u8 },
    /// Switches the microphone or the sound off or on.
    Voice { who: Person, muted: bool, deafened: bool },
    /// A moderator silences somebody's microphone, or their camera, or lets it be heard and seen again.
    Silence { who: Person, source: Source, silenced: bool },
    /// May send at most so much.
    Capped { who: Person, most: Option<Bitrate> },
    /// No media thread is to send more than this.
    Egress { most: Option<Bitrate> },
    /// Shows all pictures this high, in a width of 16 : 9; 0 to hide them.
    Views { who: Person, height: u16 },
    /// Wants at most so much.
    Prefers { who: Person, budget: Option<Bitrate>, pictures: Pictures },
    /// Sends no more than the lowest encodings of the camera, whatever is wanted, and says why, or says nothing of it.
    Limited { who: Person, encodings: usize, by: Option<Shortage> },
    /// Has another address from one packet to the next.
    Moves { who: Person, place: u8 },
    /// Restarts ICE.
    RestartsIce { who: Person, generation: u8 },
    /// Says nothing any more, as if the machine were gone.
    Vanishes { who: Person },
    /// Sends these encodings of a camera and no others, since the last run began.
    Sends { who: Person, encodings: Vec<bool> },
    /// Was told last that this is why they get what they get of somebody's camera.
    Because { who: Person, of: Person, reason: Reason },
    /// Was told last that of somebody's camera this layer flows, and that that one could be seen.
    Gets { who: Person, of: Person, layer: Option<u8>, wanted: Option<u8> },
    /// Was told last that their link carries something between these.
    Knows { who: Person, least: Bitrate, most: Bitrate },
    /// From now on media threads work for this many of a thousand parts of the time, as far as they know.
    Busy { permille: u32 },
    /// A media thread panics, and its people are gone.
    ShardEnds { shard: usize },
    /// Time passes. What follows speaks of this time.
    Run(Duration),
    /// Decodes this layer of somebody's camera, up to now.
    Sees { who: Person, of: Person, layer: u8 },
    /// Decoded something of so many people's cameras, or more.
    SeesPeople { who: Person, count: usize },
    /// Decoded nothing of somebody's camera.
    DoesNotSee { who: Person, of: Person },
    /// At least this many percent of somebody's packets of sound came.
    Hears { who: Person, of: Person, percent: usize },
    /// Nothing of somebody's sound came, but for the first 100 ms.
    DoesNotHear { who: Person, of: Person },
    /// No packet of somebody's sound came twice.
    HearsNothingTwice { who: Person, of: Person },
    /// Between two decoded frames of somebody's camera.
    LongestGap { who: Person, of: Person, at_most: Duration },
    /// Between two packets of somebody's sound, as the server sent them.
    LongestSilence { who: Person, of: Person, at_most: Duration },
    /// How much later than the promptest packet those of somebody's sound left the server: 99 of 100.
    SoundWaits { who: Person, of: Person, p99: Duration },
    /// The same of somebody's camera: 95 of 100, and all.
    PicturesWait { who: Person, of: Person, p95: Duration, at_most: Duration },
    /// Between two requests for a keyframe of one encoding; and there was one.
    KeyframeRequests { of: Person, apart: Duration },
    /// No keyframe was asked of anybody.
    NoKeyframeRequests,
    /// The shard gave them up.
    IsLost { who: Person },
    /// The shard has not given them up.
    IsNotLost { who: Person },
    /// Bits a second that reached somebody are at most this.
    ReceivesAtMost { who: Person, rate: Bitrate },
    /// The links of somebody lost, doubled or reordered packets: the faults asked for came.
    Suffered { who: Person },
    /// Lost packets came again.
    WasRepaired { who: Person },
}

/// A duration, short to write.
#[must_use]
pub const fn ms(milliseconds: u64) -> Duration {
    Duration::from_millis(milliseconds)
}

/// A duration, short to write.
#[must_use]
pub const fn secs(seconds: u64) -> Duration {
    Duration::from_secs(seconds)
}

/// Runs a plan on one, two and three shards. At its end nothing may have been wrong with what was sent or came, whatever the plan asks
/// for; and where the networks did nothing wrong, the same media came to everybody. Only a change of layer may come some frames sooner
/// or later, since each shard counts its tenths of a second from another moment.
///
/// Returns the digest of all that the server sent from one shard.
///
/// # Panics
/// Where something is not so: the message has the seed and the line.
pub fn run(seed: u64, steps: &[Step]) -> Digest {
    let alone = run_on(1, seed, steps);
    for shards in [2, 3] {
        let shared = run_on(shards, seed, steps);
        if alone.suffered_nothing() && shared.suffered_nothing() {
            assert_same(&alone.media(), &shared.media(), &format!("seed {seed}, {shards} shards"));
        }
    }
    alone.digest()
}

fn assert_same(alone: &Media, shared: &Media, where_: &str) {
    assert!(alone.keys().eq(shared.keys()), "{where_}: of others");
    for (whose, ours) in alone {
        let theirs = &shared[whose];
        let changes: Vec<u32> = [ours, theirs]
            .iter()
            .flat_map(|media| media.windows(2).filter(|pair| pair[0].1 != pair[1].1))
            .map(|pair| pair[1].0)
            .collect();
        let steady = |media: &[(u32, u8)]| {
            let is_steady = |number: u32| changes.iter().all(|it| it.abs_diff(number) > PHASE);
            media.iter().copied().filter(|it| is_steady(it.0)).collect::<Vec<_>>()
        };
        assert_eq!(steady(theirs), steady(ours), "{where_}: {whose:?}");
    }
}

/// Frames by which a change of layer may be apart: a fifth of a second of 30 frames a second.
const PHASE: u32 = 6;

/// Runs a plan on so many shards.
///
/// # Panics
/// As [`run`].
#[must_use]
pub fn run_on(shards: usize, seed: u64, steps: &[Step]) -> Meeting {
    let mut run = Running { meeting: Meeting::on_shards(seed, shards), since: SimTime::ZERO };
    for (line, step) in steps.iter().enumerate() {
        if let Err(what) = run.step(step) {
            panic!(
                "{shards} shards, seed {seed}, line {line}, at {:?}: {step:?}: {what}; complaints: {:#?}",
                run.meeting.now().elapsed(),
                first(&run.meeting.complaints())
            );
        }
    }
    let complaints = run.meeting.complaints();
    assert!(
        complaints.is_empty(),
        "{shards} shards, seed {seed}: {} complaints, the first: {:#?}",
        complaints.len(),
        first(&complaints)
    );
    run.meeting
}

fn first(complaints: &[String]) -> &[String] {
    &complaints[..complaints.len().min(10)]
}

struct Running {
    meeting: Meeting,
    /// When the last run began.
    since: SimTime,
}

impl Running {
    /// Does what a line says, or checks what it asks.
    fn step(&mut self, step: &Step) -> Result<(), String> {
        match *step {
            Step::Joins { who, with } => self.meeting.join(who, with, WIDE, WIDE),
            Step::Leaves { who } => self.meeting.leave(who),
            Step::Uplink { of, link } => self.meeting.change_uplink(of, link),
            Step::Downlink { of, link } => self.meeting.change_downlink(of, link),
            Step::Blackout { of, lasts } => self.meeting.black_out(of, lasts),
            Step::Speaks { who, level } => self.meeting.client(who).speak(level),
            Step::Voice { who, muted, deafened } => {
                let voice = Voice { muted, deafened, ..Voice::default() };
                self.meeting.command(Command::Voice { participant: who.participant(), voice });
            }
            Step::Silence { who, source, silenced } => self.silenced(who, source, silenced),
            Step::Capped { who, most } => {
                self.meeting.command(Command::Cap { participant: who.participant(), most });
            }
            Step::Egress { most } => self.meeting.limit_egress(most),
            Step::Views { who, height } => self.meeting.view(who, height),
            Step::Prefers { who, budget, pictures } => {
                self.meeting.command(Command::Prefer {
                    participant: who.participant(),
                    budget,
                    pictures,
                });
            }
            Step::Limited { who, encodings, by } => self.limited(who, encodings, by),
            Step::Moves { who, place } => self.meeting.move_to(who, place),
            Step::RestartsIce { who, generation } => self.meeting.restart_ice(who, generation),
            Step::Busy { permille } => self.meeting.busy_permille = permille,
            Step::ShardEnds { shard } => self.meeting.end_shard(shard),
            Step::Vanishes { who } => self.meeting.client(who).fall_silent(),
            Step::Run(lasts) => {
                self.since = self.meeting.now();
                self.meeting.run(lasts);
            }
            Step::Sends { who, ref encodings } => return self.sends(who, encodings),
            Step::Because { who, of, reason } => return self.because(who, of, reason),
            Step::Gets { who, of, layer, wanted } => return self.gets(who, of, [layer, wanted]),
            Step::Knows { who, least, most } => return self.knows(who, least, most),
            Step::Sees { who, of, layer } => return self.sees(who, of, layer),
            Step::SeesPeople { who, count } => return self.sees_people(who, count),
            Step::HearsNothingTwice { who, of } => return self.hears_nothing_twice(who, of),
            Step::DoesNotSee { who, of } => return none(&self.frames(who, of)),
            Step::Hears { who, of, percent } => return self.hears(who, of, percent),
            Step::DoesNotHear { who, of } => return self.does_not_hear(who, of),
            Step::LongestGap { who, of, at_most } => return self.gap(who, of, at_most),
            Step::LongestSilence { who, of, at_most } => return self.silence(who, of, at_most),
            Step::SoundWaits { who, of, p99 } => return self.sound_waits(who, of, p99),
            Step::PicturesWait { who, of, p95, at_most } => {
                return self.pictures_wait(who, of, p95, at_most);
            }
            Step::KeyframeRequests { of, apart } => return self.keyframe_requests(of, apart),
            Step::NoKeyframeRequests => return self.no_keyframe_requests(),
            Step::IsLost { who } => return holds(self.is_lost(who), "is still there"),
            Step::IsNotLost { who } => return holds(!self.is_lost(who), "was given up"),
            Step::ReceivesAtMost { who, rate } => return self.receives_at_most(who, rate),
            Step::Suffered { who } => return self.suffered(who),
            Step::WasRepaired { who } => return self.was_repaired(who),
        }
        Ok(())
    }

    fn limited(&mut self, who: Person, encodings: usize, shortage: Option<Shortage>) {
        self.meeting.client(who).hold_back(encodings);
        let (participant, publication) = (who.participant(), who.publication(Source::Camera));
        self.meeting.command(Command::Hinder { participant, publication, shortage });
    }

    fn silenced(&mut self, who: Person, source: Source, silenced: bool) {
        let what = match source {
            Source::Microphone => Silenced::Microphone,
            Source::Camera | Source::Screen | Source::ScreenSound => {
                Silenced::Publication(who.publication(source))
            }
        };
        let participant = who.participant();
        self.meeting.command(Command::Silence { participant, what, silenced });
    }

    fn sound_waits(&self, who: Person, of: Person, p99: Duration) -> Result<(), String> {
        within(&self.waits(who, of, Source::Microphone)?, 99, p99)
    }

    fn pictures_wait(
        &self,
        who: Person,
        of: Person,
        p95: Duration,
        at_most: Duration,
    ) -> Result<(), String> {
        let waits = self.waits(who, of, Source::Camera)?;
        within(&waits, 95, p95).and_then(|()| within(&waits, 100, at_most))
    }

    fn sends(&self, who: Person, encodings: &[bool]) -> Result<(), String> {
        let sent = self.meeting.seat(who).client.sent_since(self.since);
        (sent == encodings).then_some(()).ok_or_else(|| format!("sends {sent:?}"))
    }

    fn because(&self, who: Person, of: Person, reason: Reason) -> Result<(), String> {
        let told = self.outcome(who, of)?.reason;
        (told == reason).then_some(()).ok_or_else(|| format!("was told {told:?}"))
    }

    fn gets(&self, who: Person, of: Person, expected: [Option<u8>; 2]) -> Result<(), String> {
        let told = self.outcome(who, of)?;
        let is = [told.layer, told.wanted] == expected;
        is.then_some(()).ok_or_else(|| format!("was told {told:?}"))
    }

    fn knows(&self, who: Person, least: Bitrate, most: Bitrate) -> Result<(), String> {
        let told = self.meeting.events.iter().rev().find_map(|(_, event)| {
            if let Event::Outlook(participant, outlook) = event
                && *participant == who.participant()
            {
                Some(outlook.estimate)
            } else {
                None
            }
        });
        let told = told.ok_or("was told nothing")?;
        (least..=most).contains(&told).then_some(()).ok_or_else(|| format!("was told {told:?}"))
    }

    fn outcome(&self, who: Person, of: Person) -> Result<Outcome, String> {
        let told = self.meeting.events.iter().rev().find_map(|(_, event)| {
            if let Event::Assigned(participant, all) = event
                && *participant == who.participant()
            {
                Some(all)
            } else {
                None
            }
        });
        let camera = of.publication(Source::Camera);
        let all = told.ok_or("was told nothing")?;
        let shown = all.iter().find(|it| it.publication == camera).ok_or("has no slot for it")?;
        Ok(shown.outcome)
    }

    fn does_not_hear(&self, who: Person, of: Person) -> Result<(), String> {
        let heard = self.played(who, of, Source::Microphone);
        let late: Vec<_> =
            heard.into_iter().filter(|(at, _)| at.since(self.since) > ms(100)).collect();
        none(&late)
    }

    fn gap(&self, who: Person, of: Person, at_most: Duration) -> Result<(), String> {
        let times = self.frames(who, of).into_iter().map(|(at, _)| at);
        at_most_apart(self.since, times, self.meeting.now(), at_most)
    }

    fn suffered(&self, who: Person) -> Result<(), String> {
        let (up, down) = self.meeting.counts(who);
        let faults = [up, down].map(|side| {
            side.lost + side.blacked_out + side.duplicated + side.reordered + side.queue_full
        });
        holds(faults.iter().sum::<u64>() > 0, "no fault came")
    }

    fn was_repaired(&self, who: Person) -> Result<(), String> {
        let repaired: u32 =
            self.meeting.seat(who).client.slots().iter().map(|slot| slot.repaired).sum();
        holds(repaired > 0, "nothing was sent again")
    }

    /// What `who` decoded or heard of `of`'s track since the last run began, in order of time.
    fn played(&self, who: Person, of: Person, source: Source) -> Vec<(SimTime, Stamp)> {
        let publication = of.publication(source).0;
        let mut played: Vec<(SimTime, Stamp)> = Vec::new();
        for slot in self.meeting.seat(who).client.slots() {
            let matching = slot.played.iter().filter(|(_, stamp)| stamp.publication == publication);
            played.extend(matching.filter(|(at, _)| *at >= self.since));
        }
        played.sort_by_key(|(at, stamp)| (*at, stamp.number));
        played
    }

    fn frames(&self, who: Person, of: Person) -> Vec<(SimTime, Stamp)> {
        self.played(who, of, Source::Camera)
    }

    fn sees(&self, who: Person, of: Person, layer: u8) -> Result<(), String> {
        match self.frames(who, of).last() {
            Some((at, _)) if self.meeting.now().since(*at) > ms(500) => {
                Err(format!("the last frame came at {:?}", at.elapsed()))
            }
            Some((_, stamp)) if stamp.layer == layer => Ok(()),
            Some((_, stamp)) => Err(format!("sees layer {}", stamp.layer)),
            None => Err("decoded no frame".to_owned()),
        }
    }

    fn sees_people(&self, who: Person, count: usize) -> Result<(), String> {
        let others =
            self.meeting.seats().keys().filter(|of| !self.frames(who, **of).is_empty()).count();
        if others >= count { Ok(()) } else { Err(format!("sees {others}")) }
    }

    fn hears_nothing_twice(&self, who: Person, of: Person) -> Result<(), String> {
        let mut numbers: Vec<u32> = self
            .played(who, of, Source::Microphone)
            .iter()
            .map(|(_, stamp)| stamp.number)
            .collect();
        let all = numbers.len();
        numbers.sort_unstable();
        numbers.dedup();
        holds(numbers.len() == all, "a packet came twice")
    }

    fn hears(&self, who: Person, of: Person, percent: usize) -> Result<(), String> {
        let heard = self.played(who, of, Source::Microphone).len();
        let spoken =
            usize::try_from(self.meeting.now().since(self.since).as_millis() / 20).expect("short");
        (heard * 100 >= spoken * percent)
            .then_some(())
            .ok_or_else(|| format!("{heard} packets of {spoken}"))
    }

    fn silence(&self, who: Person, of: Person, at_most: Duration) -> Result<(), String> {
        let stream = self.stream(who, of.publication(Source::Microphone).0)?;
        let gap = stream.longest_gap(self.since, self.meeting.now());
        (gap <= at_most).then_some(()).ok_or_else(|| format!("nothing for {gap:?}"))
    }

    /// What the server sent `who` of a publication.
    fn stream(&self, who: Person, publication: u32) -> Result<&Stream, String> {
        let seat = self.meeting.seat(who);
        let of = |slot: &&Incoming| {
            slot.played.iter().any(|(_, stamp)| stamp.publication == publication)
        };
        let slot = seat.client.slots().iter().find(of);
        let stream = slot.and_then(|slot| seat.sent.stream(slot.ssrc()));
        stream.ok_or_else(|| "was never sent".to_owned())
    }

    /// How long packets waited in the server since the last run began, shortest first.
    fn waits(&self, who: Person, of: Person, source: Source) -> Result<Vec<Duration>, String> {
        let rate = match source {
            Source::Microphone | Source::ScreenSound => 48_000,
            Source::Camera | Source::Screen => 90_000,
        };
        let waits = self.stream(who, of.publication(source).0)?.waits(self.since, rate);
        (waits.len() > 100).then_some(waits).ok_or_else(|| "too little was sent".to_owned())
    }

    fn keyframe_requests(&self, of: Person, apart: Duration) -> Result<(), String> {
        let asked = &self.meeting.seat(of).asked;
        let mut last: Vec<(u32, SimTime)> = Vec::new();
        for (at, request) in asked {
            let Request::Keyframe { ssrc } = request else { continue };
            if let Some((_, before)) = last.iter().rev().find(|(earlier, _)| earlier == ssrc)
                && at.since(*before) < apart
            {
                return Err(format!(
                    "{ssrc} was asked at {:?} and {:?}",
                    before.elapsed(),
                    at.elapsed()
                ));
            }
            last.push((*ssrc, *at));
        }
        (!last.is_empty()).then_some(()).ok_or_else(|| "was never asked".to_owned())
    }

    fn no_keyframe_requests(&self) -> Result<(), String> {
        for (who, seat) in self.meeting.seats() {
            let is_request = |request: &Request| matches!(request, Request::Keyframe { .. });
            if let Some((at, _)) =
                seat.asked.iter().find(|(at, request)| *at >= self.since && is_request(request))
            {
                return Err(format!("{who:?} was asked at {:?}", at.elapsed()));
            }
        }
        Ok(())
    }

    fn is_lost(&self, who: Person) -> bool {
        let is_lost = |event: &Event| matches!(event, Event::Lost(participant, _) if *participant == who.participant());
        self.meeting.events.iter().any(|(_, event)| is_lost(event))
    }

    fn receives_at_most(&self, who: Person, rate: Bitrate) -> Result<(), String> {
        let seat = self.meeting.seat(who);
        let bytes: u64 = seat.client.slots().iter().map(|slot| slot.bytes_since(self.since)).sum();
        let milliseconds =
            u64::try_from(self.meeting.now().since(self.since).as_millis()).expect("short").max(1);
        let received = Bitrate::bps(bytes * 8_000 / milliseconds);
        (received <= rate).then_some(()).ok_or_else(|| format!("received {received}"))
    }
}

fn holds(condition: bool, otherwise: &str) -> Result<(), String> {
    if condition { Ok(()) } else { Err(otherwise.to_owned()) }
}

/// Whether so many percent of what is sorted are at most that.
fn within(waits: &[Duration], percent: usize, at_most: Duration) -> Result<(), String> {
    let wait = waits[(waits.len() * percent).div_ceil(100) - 1];
    (wait <= at_most).then_some(()).ok_or_else(|| format!("{percent} of 100 wait {wait:?}"))
}

fn none(played: &[(SimTime, Stamp)]) -> Result<(), String> {
    match played.last() {
        None => Ok(()),
        Some((at, stamp)) => {
            Err(format!("{} times, the last at {:?}: {stamp:?}", played.len(), at.elapsed()))
        }
    }
}

fn at_most_apart(
    from: SimTime,
    times: impl Iterator<Item = SimTime>,
    now: SimTime,
    at_most: Duration,
) -> Result<(), String> {
    let mut last = from;
    for at in times.chain([now]) {
        if at.since(last) > at_most {
            return Err(format!("nothing from {:?} to {:?}", last.elapsed(), at.elapsed()));
        }
        last = at;
    }
    Ok(())
}

impl Link {
    /// Its bottleneck in the simulated network.
    #[must_use]
    pub const fn bottleneck(&self) -> LinkPlan {
        LinkPlan { rate: Schedule::constant(Bitrate::kbps(self.kbps)), queue: self.queue }
    }

    /// What lies behind the bottleneck.
    #[must_use]
    pub const fn route(
        &self,
        links: Vec<tools::simnet::LinkId>,
        blackouts: Vec<(SimTime, SimTime)>,
    ) -> Route {
        Route {
            links,
            delay: self.delay,
            jitter: self.jitter,
            loss_before: Loss::None,
            loss: self.loss,
            duplicates: self.duplicates,
            reordering: self.reordering,
            blackouts,
        }
    }
}
