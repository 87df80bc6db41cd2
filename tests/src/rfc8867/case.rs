//! One case: links, flows, and whom they share the links with.

use std::time::Duration;

use tools::simnet::loss::Loss;
use tools::simnet::schedule::Schedule;
use tools::simnet::time::SimTime;

use super::tcp::control::Control;
use super::trace::Moment;

/// A case. Link 0 is the forward bottleneck, link 1 the way back; some have more.
#[derive(Clone, Debug)]
pub struct Case {
    /// What it is asked for by: its group's name, and what makes it different within the group.
    pub name: &'static str,
    /// The section it belongs to.
    pub group: &'static str,
    /// In a few words.
    pub title: &'static str,
    /// How long it takes, in seconds.
    pub seconds: u64,
    /// By number.
    pub links: Vec<LinkSpec>,
    /// One way, of whatever says nothing else.
    pub delay: Duration,
    /// Media.
    pub flows: Vec<FlowPlan>,
    /// TCP with endless data.
    pub bulks: Vec<BulkPlan>,
    /// Short TCP clients.
    pub shorts: u64,
    /// Background traffic on link 0.
    pub filler: Option<Schedule>,
}

/// A link.
#[derive(Clone, Debug)]
pub struct LinkSpec {
    /// How fast it is.
    pub rate: Schedule,
    /// What of that media and TCP can have.
    pub available: Schedule,
    /// How long its queue is.
    pub queue: Duration,
}

/// A flow: a picture and a voice.
#[derive(Clone, Debug)]
pub struct FlowPlan {
    /// When it begins.
    pub start: Start,
    /// When it ends.
    pub end: SimTime,
    /// From when until when nothing is made.
    pub pause: Option<(SimTime, SimTime)>,
    /// One way, in each direction.
    pub delay: Duration,
    /// What is lost before the first link of its way forward.
    pub loss: Loss,
    /// The links that media passes.
    pub forward: Vec<usize>,
    /// The links that feedback passes.
    pub backward: Vec<usize>,
    /// What is sent.
    pub picture: Picture,
}

/// When something begins.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub enum Start {
    /// Then.
    At(SimTime),
    /// Sometime from 0 until then, as the seed has it.
    Within(Duration),
}

/// What a flow shows.
#[derive(Clone, Debug, Eq, PartialEq)]
pub enum Picture {
    /// One encoding that follows the estimate.
    Adaptive,
    /// Three encodings, of which one goes.
    Simulcast {
        /// From when on which layer is the highest of use.
        wanted: Vec<(SimTime, u8)>,
    },
    /// So many publications of three encodings, whose views change every 5 s.
    Many(u8),
}

/// A TCP connection with endless data.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub struct BulkPlan {
    /// By which law its window grows.
    pub control: Control,
    /// When it begins.
    pub start: SimTime,
    /// When it ends.
    pub end: SimTime,
}

impl Case {
    /// When it ends.
    #[must_use]
    pub const fn end(&self) -> SimTime {
        SimTime::milliseconds(self.seconds * 1_000)
    }

    /// This case with a capacity by `trace`, if there is one; what else of it changes is told to the network as it happens.
    #[must_use]
    pub fn following(mut self, trace: &[Moment]) -> Self {
        if let (Some(first), Some(link)) = (trace.first(), self.links.first_mut()) {
            let rate = Schedule::constant(first.rate);
            link.rate = trace.iter().fold(rate, |rate, moment| rate.then(moment.at, moment.rate));
            link.available = link.rate.clone();
        }
        self
    }

    /// Whether `asked` names this case, or the group it is in.
    #[must_use]
    pub fn is(&self, asked: &str) -> bool {
        self.name.eq_ignore_ascii_case(asked) || self.group.eq_ignore_ascii_case(asked)
    }
}

impl FlowPlan {
    /// Whether it is meant to send at `now`; `start` is when it began.
    #[must_use]
    pub fn is_active(&self, start: SimTime, now: SimTime) -> bool {
        let paused = self.pause.is_some_and(|(from, to)| (from..to).contains(&now));
        (start..self.end).contains(&now) && !paused
    }

    /// The highest layer of use at `now`.
    #[must_use]
    pub fn wanted(&self, now: SimTime) -> u8 {
        match &self.picture {
            Picture::Adaptive | Picture::Many(_) => 2,
            Picture::Simulcast { wanted } => {
                let past = wanted.iter().rev().find(|(from, _)| *from <= now);
                past.map_or(0, |(_, layer)| *layer)
            }
        }
    }
}
