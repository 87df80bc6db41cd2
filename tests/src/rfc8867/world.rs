//! Everything that happens in one case with one seed, one moment after another.

use std::collections::BTreeMap;
use std::time::Duration;

use simulcast::Bitrate;
use tools::simnet::jitter::Jitter;
use tools::simnet::link::LinkPlan;
use tools::simnet::loss::Loss;
use tools::simnet::random::Random;
use tools::simnet::route::Route;
use tools::simnet::time::SimTime;
use tools::simnet::{LinkId, Network, RouteId};

use super::algorithm::Algorithm;
use super::case::{Case, FlowPlan, Start};
use super::cbr::Filler;
use super::ours;
use super::record::{FlowRecord, Record};
use super::reference;
use super::tcp::bulk::Bulk;
use super::tcp::segment::{Acknowledgement, Segment};
use super::tcp::short::Short;
use super::trace::Moment;

/// What travels.
#[derive(Clone, Debug)]
pub enum Load {
    /// Sealed RTP or RTCP.
    Media(Vec<u8>),
    /// Of a TCP connection.
    Segment(Segment),
    /// Of a TCP connection.
    Acknowledgement(Acknowledgement),
    /// Nobody waits for it.
    Filler,
}

/// What an actor sends in one moment.
#[derive(Debug, Default)]
pub struct Outbox {
    sent: Vec<(RouteId, u32, Load)>,
}

impl Outbox {
    /// Sends `load`, which weighs `size` bytes on the wire.
    pub fn push(&mut self, route: RouteId, size: u32, load: Load) {
        self.sent.push((route, size, load));
    }
}

/// The two ways between the ends of an actor.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub struct Ways {
    /// Data.
    pub forward: RouteId,
    /// Feedback.
    pub backward: RouteId,
}

/// Who sends and receives: both ends in one.
#[derive(Debug)]
enum Actor {
    Reference(Box<reference::Flow>),
    Ours(Box<ours::Flow>),
    Bulk(Box<Bulk>),
    Short(Box<Short>),
    Filler(Filler),
}

/// One case at work.
#[derive(Debug)]
struct World<'a> {
    case: &'a Case,
    now: SimTime,
    network: Network<Load>,
    links: Vec<LinkId>,
    actors: Vec<Actor>,
    /// When each actor has something to do.
    due: Vec<Option<SimTime>>,
    /// To which actor a route belongs.
    owners: BTreeMap<RouteId, usize>,
    /// What each flow's routes are like, for traces that change them.
    flow_routes: Vec<(RouteId, Route)>,
    out: Outbox,
    record: Record,
}

/// More rounds than this at one moment mean that time stands still.
const ROUNDS_MAX: u32 = 100_000;

/// Runs `case` with `seed`. `trace` replaces what the case says of the forward link.
#[must_use]
pub fn run(case: &Case, algorithm: Algorithm, seed: u64, trace: &[Moment]) -> Record {
    let mut world = World::new(case, seed);
    world.populate(algorithm, seed);
    world.live(trace);
    world.finish()
}

impl<'a> World<'a> {
    fn new(case: &'a Case, seed: u64) -> Self {
        let mut network = Network::new(seed);
        network.keep_log();
        let plans = case.links.iter();
        let links = plans
            .map(|link| network.add_link(LinkPlan { rate: link.rate.clone(), queue: link.queue }))
            .collect();
        Self {
            case,
            now: SimTime::ZERO,
            network,
            links,
            actors: Vec::new(),
            due: Vec::new(),
            owners: BTreeMap::new(),
            flow_routes: Vec::new(),
            out: Outbox::default(),
            record: Record::default(),
        }
    }

    fn populate(&mut self, algorithm: Algorithm, seed: u64) {
        for (place, plan) in (0..).zip(&self.case.flows) {
            let mut random = Random::new(seed.wrapping_mul(1_000_003).wrapping_add(place));
            let ways = self.ways(plan);
            let start = match plan.start {
                Start::At(start) => start,
                Start::Within(span) => span_of(span, &mut random),
            };
            self.record.flows.push(FlowRecord { start, end: plan.end, ..FlowRecord::default() });
            let actor = match algorithm {
                Algorithm::Reference => {
                    Actor::Reference(Box::new(reference::Flow::new(plan, start, ways, random)))
                }
                Algorithm::Ours(settings) => {
                    Actor::Ours(Box::new(ours::Flow::new(plan, start, ways, random, settings)))
                }
            };
            self.add(actor, ways);
            self.record.routes.push(ways.forward);
        }
        for plan in &self.case.bulks {
            let ways = self.plain_ways();
            self.record.tcp_routes.push(ways.forward);
            self.add(
                Actor::Bulk(Box::new(Bulk::new(plan.control, plan.start, plan.end, ways))),
                ways,
            );
        }
        for place in 0..self.case.shorts {
            let ways = self.plain_ways();
            self.record.tcp_routes.push(ways.forward);
            let random = Random::new(seed.wrapping_mul(7_000_003).wrapping_add(place));
            let begins = place < SHORTS_AT_START;
            self.add(Actor::Short(Box::new(Short::new(begins, ways, random))), ways);
        }
        if let Some(rate) = &self.case.filler {
            let ways = self.plain_ways();
            let filler = Filler::new(rate.clone(), self.case.end(), ways.forward);
            self.add(Actor::Filler(filler), ways);
        }
    }

    fn add(&mut self, actor: Actor, ways: Ways) {
        let place = self.actors.len();
        self.due.push(actor.next_event());
        self.actors.push(actor);
        self.owners.insert(ways.forward, place);
        self.owners.insert(ways.backward, place);
    }

    fn ways(&mut self, plan: &FlowPlan) -> Ways {
        let forward = self.route(&plan.forward, plan.delay, plan.loss);
        let ways = Ways {
            forward: self.network.add_route(forward.clone()),
            backward: {
                let route = self.route(&plan.backward, plan.delay, Loss::None);
                self.network.add_route(route)
            },
        };
        self.flow_routes.push((ways.forward, forward));
        ways
    }

    fn plain_ways(&mut self) -> Ways {
        let forward = self.route(&[0], self.case.delay, Loss::None);
        let backward = self.route(&[1], self.case.delay, Loss::None);
        Ways {
            forward: self.network.add_route(forward),
            backward: self.network.add_route(backward),
        }
    }

    fn route(&self, links: &[usize], delay: Duration, loss: Loss) -> Route {
        Route {
            links: links.iter().map(|link| self.links[*link]).collect(),
            delay,
            jitter: Some(Jitter::STANDARD),
            loss_before: loss,
            ..Route::default()
        }
    }

    fn live(&mut self, trace: &[Moment]) {
        let end = self.case.end();
        let mut changes = trace.iter().peekable();
        let mut rounds = 0;
        loop {
            let due = self.due.iter().flatten().copied();
            let change = changes.peek().map(|moment| moment.at);
            let next = due.chain(self.network.next_event()).chain(change).min();
            let Some(next) = next.filter(|next| *next <= end) else { return };
            rounds = if next > self.now { 0 } else { rounds + 1 };
            assert!(rounds < ROUNDS_MAX, "time stands still at {:?}", self.now.elapsed());
            self.now = self.now.max(next);
            while let Some(moment) = changes.next_if(|moment| moment.at <= self.now) {
                self.change(*moment);
            }
            self.turn();
        }
    }

    /// Everything that happens at this moment.
    fn turn(&mut self) {
        while let Some(delivery) = self.network.poll(self.now) {
            let Some(place) = self.owners.get(&delivery.route).copied() else { continue };
            self.actors[place].handle(self.now, delivery.route, delivery.payload, &mut self.out);
            self.settle(place);
        }
        for place in 0..self.actors.len() {
            if self.due[place].is_some_and(|due| due <= self.now) {
                self.actors[place].poll(self.now, &mut self.out);
                self.settle(place);
            }
        }
    }

    fn settle(&mut self, place: usize) {
        for (route, size, load) in self.out.sent.drain(..) {
            self.network.send(self.now, route, size, load);
        }
        self.due[place] = self.actors[place].next_event();
    }

    fn change(&mut self, moment: Moment) {
        self.network.change_link(self.now, self.links[0], moment.link());
        for (id, route) in &self.flow_routes {
            self.network.change_route(*id, moment.route(route, 1.0));
        }
    }

    fn finish(mut self) -> Record {
        self.record.links = self.links;
        self.record.passages = self.network.take_log();
        for (flow, actor) in self.record.flows.iter_mut().zip(self.actors) {
            match actor {
                Actor::Reference(reference) => reference.finish(flow),
                Actor::Ours(ours) => ours.finish(flow),
                Actor::Bulk(_) | Actor::Short(_) | Actor::Filler(_) => {}
            }
        }
        self.record
    }
}

impl Actor {
    fn next_event(&self) -> Option<SimTime> {
        match self {
            Self::Reference(flow) => flow.next_event(),
            Self::Ours(flow) => flow.next_event(),
            Self::Bulk(bulk) => bulk.next_event(),
            Self::Short(short) => short.next_event(),
            Self::Filler(filler) => filler.next_event(),
        }
    }

    fn poll(&mut self, now: SimTime, out: &mut Outbox) {
        match self {
            Self::Reference(flow) => flow.poll(now, out),
            Self::Ours(flow) => flow.poll(now, out),
            Self::Bulk(bulk) => bulk.poll(now, out),
            Self::Short(short) => short.poll(now, out),
            Self::Filler(filler) => filler.poll(now, out),
        }
    }

    fn handle(&mut self, now: SimTime, route: RouteId, load: Load, out: &mut Outbox) {
        match (self, load) {
            (Self::Reference(flow), Load::Media(bytes)) => flow.handle(now, route, &bytes, out),
            (Self::Ours(flow), Load::Media(bytes)) => flow.handle(now, route, &bytes, out),
            (Self::Bulk(bulk), Load::Segment(segment)) => bulk.receive(segment, out),
            (Self::Bulk(bulk), Load::Acknowledgement(ack)) => bulk.acknowledge(now, ack, out),
            (Self::Short(short), Load::Segment(segment)) => short.receive(now, segment, out),
            (Self::Short(short), Load::Acknowledgement(ack)) => short.acknowledge(now, ack, out),
            (Self::Filler(_), Load::Filler) => {}
            (actor, load) => panic!("{load:?} is not for {actor:?}"),
        }
    }
}

/// Of the ten short clients, two begin to fetch at once.
const SHORTS_AT_START: u64 = 2;

fn span_of(span: Duration, random: &mut Random) -> SimTime {
    SimTime::ZERO + span.mul_f64(random.unit())
}

/// A rate as the model's figures have it.
#[must_use]
#[expect(clippy::cast_precision_loss, reason = "rates here are far below 2⁵³ bits a second")]
pub fn bits(rate: Bitrate) -> f64 {
    rate.as_bps() as f64
}

#[cfg(test)]
#[path = "world_tests.rs"]
mod tests;
