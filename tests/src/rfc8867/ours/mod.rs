//! Ours: a shard of Confab driven with bytes, from SRTP to SRTP.
//!
//! ```text
//! publisher: encodes what the estimate allows, seals ─► server: a shard with everybody in it ─► the network
//!        ▲                                                 │                                        │
//!        └── keyframe requests, which encodings are wanted ┘◄── feedback, NACK, reports ── receiver ◄─┘
//! ```
//!
//! Publishers stand beside the shard: no network lies between. The receiver lies behind the simulated one.

pub mod publisher;
pub mod receiver;
pub mod server;
pub mod views;

use std::time::Duration;

use tools::simnet::random::Random;
use tools::simnet::time::SimTime;
use tools::simnet::{RouteId, UDP_OVERHEAD};

use super::algorithm::Settings;
use super::case::{FlowPlan, Picture};
use super::ledger::Ledger;
use super::record::{FlowRecord, Frame};
use super::world::{Load, Outbox, Ways};
use publisher::Publisher;
use receiver::{Arrival, Receiver};
use server::Server;
use views::Views;

/// A flow: publishers, shard and receiver.
#[derive(Debug)]
pub struct Flow {
    plan: FlowPlan,
    start: SimTime,
    ways: Ways,
    random: Random,
    settings: Settings,
    stage: Option<Box<Stage>>,
    estimates: Vec<(SimTime, f64)>,
    layers: Vec<(SimTime, Option<u8>)>,
    sound: u64,
    /// Frames of what plays, whole ones alone, where most that are made are not meant to come.
    shown: Vec<Frame>,
}

/// Everybody, once the flow has begun.
#[derive(Debug)]
struct Stage {
    server: Server,
    publishers: Vec<Publisher>,
    /// Of each publisher and each of its encodings.
    ledgers: Vec<Vec<Ledger>>,
    receiver: Receiver,
    views: Views,
}

/// What of its estimate a source sends, and what sound takes of that, in bits a second.
const SHARE: f64 = 0.94;
const SOUND: f64 = 46_000.0;

/// No more of a target than this is taken for what is sent again.
const REPAIR_MAX: f64 = 0.5;

impl Flow {
    /// A flow that begins at `start`.
    #[must_use]
    pub fn new(
        plan: &FlowPlan,
        start: SimTime,
        ways: Ways,
        random: Random,
        settings: Settings,
    ) -> Self {
        Self {
            plan: plan.clone(),
            start,
            ways,
            random,
            settings,
            stage: None,
            estimates: Vec::new(),
            layers: Vec::new(),
            sound: 0,
            shown: Vec::new(),
        }
    }

    /// When [`Self::poll`] has something to do.
    #[must_use]
    pub fn next_event(&self) -> Option<SimTime> {
        let Some(stage) = &self.stage else { return Some(self.start) };
        let media = stage.publishers.iter().map(Publisher::next);
        let rest = [stage.server.next_event(), stage.receiver.next_event(), stage.views.next()];
        media.chain(rest.into_iter().flatten()).min()
    }

    /// Does what is due.
    pub fn poll(&mut self, now: SimTime, out: &mut Outbox) {
        if self.stage.is_none() {
            let stage = Stage::new(&self.plan, now, self.settings, &mut self.random);
            self.stage = Some(Box::new(stage));
        }
        let Some(stage) = &mut self.stage else { return };
        if let Some(views) = stage.views.poll(now) {
            stage.server.view(now, &views);
        }
        if self.plan.is_active(self.start, now) {
            stage.publish(now, &mut self.random);
        } else {
            stage.publishers.iter_mut().for_each(|it| it.skip(now + Duration::from_nanos(1)));
        }
        stage.server.run(now);
        for bytes in stage.receiver.poll(now) {
            out.push(self.ways.backward, on_wire(&bytes), Load::Media(bytes));
        }
        self.settle(now, out);
    }

    /// A datagram arrives at the shard or at the receiver.
    pub fn handle(&mut self, now: SimTime, route: RouteId, bytes: &[u8], out: &mut Outbox) {
        let Some(stage) = &mut self.stage else { return };
        if route == self.ways.forward {
            match stage.receiver.handle(now, bytes) {
                Some(Arrival::Picture { slot, part }) => self.show(now, slot, part),
                Some(Arrival::Sound) => self.sound += 1,
                None => {}
            }
        } else {
            stage.server.from_receiver(now, bytes);
        }
        self.settle(now, out);
    }

    /// A packet of a picture arrived.
    fn show(&mut self, now: SimTime, slot: usize, part: publisher::Part) {
        let Some(stage) = &mut self.stage else { return };
        let ledger = &mut stage.ledgers[usize::from(part.publisher)][usize::from(part.encoding)];
        if !ledger.arrive(now, part.of_frame) {
            return;
        }
        stage.views.shown(now, slot, part.encoding);
        if slot == 0 && self.layers.last().is_none_or(|(_, last)| *last != Some(part.encoding)) {
            self.layers.push((now, Some(part.encoding)));
        }
        if slot == 0 && self.plan.picture != Picture::Adaptive {
            let made = ledger.made(part.of_frame.frame).unwrap_or(now);
            self.shown.push(Frame { made, whole: Some(now) });
        }
    }

    /// Hands on what the shard sends and says, and lets sources follow.
    fn settle(&mut self, now: SimTime, out: &mut Outbox) {
        let Some(stage) = &mut self.stage else { return };
        stage.server.drain(now);
        for bytes in stage.server.take_sent() {
            stage.receiver.expect(&bytes);
            out.push(self.ways.forward, on_wire(&bytes), Load::Media(bytes));
        }
        for (publisher, wish) in stage.server.take_wishes() {
            stage.publishers[publisher].obey(&wish);
        }
        let estimate = stage.server.estimate();
        if self.estimates.last().is_none_or(|(_, last)| (last - estimate).abs() >= 1.0) {
            self.estimates.push((now, estimate));
        }
        if self.plan.picture == Picture::Adaptive {
            let repair = stage.server.repair_share(now).min(REPAIR_MAX);
            let target = SHARE * (estimate - SOUND) * (1.0 - repair);
            stage.publishers.iter_mut().for_each(|publisher| publisher.follow(now, target));
        }
    }

    /// Puts what was seen into the record.
    pub fn finish(self, record: &mut FlowRecord) {
        record.estimates = self.estimates;
        record.layers = self.layers;
        let Some(stage) = self.stage else { return };
        let stage = *stage;
        record.violations = stage.views.violations();
        record.blank = stage.views.blank().as_secs_f64();
        record.sound = (stage.publishers.iter().map(Publisher::sound).sum(), self.sound);
        record.frames = if self.plan.picture == Picture::Adaptive {
            let ledgers = stage.ledgers.into_iter().flatten();
            ledgers.flat_map(Ledger::finish).collect()
        } else {
            self.shown
        };
    }
}

impl Stage {
    fn new(plan: &FlowPlan, now: SimTime, settings: Settings, random: &mut Random) -> Self {
        let count = match plan.picture {
            Picture::Adaptive | Picture::Simulcast { .. } => 1,
            Picture::Many(count) => count,
        };
        let is_adaptive = plan.picture == Picture::Adaptive;
        let mut server = Server::new(now, count, is_adaptive, settings, random);
        let publishers: Vec<Publisher> = (0..count)
            .map(|place| Publisher::new(now, server.session(place), is_adaptive, random))
            .collect();
        let encodings = if is_adaptive { 1 } else { 3 };
        let ledgers = publishers.iter().map(|_| vec![Ledger::default(); encodings]).collect();
        let receiver = Receiver::new(now, server.receiver_session());
        let views = Views::new(plan, now, random);
        server.view(now, &views.all());
        Self { server, publishers, ledgers, receiver, views }
    }

    fn publish(&mut self, now: SimTime, random: &mut Random) {
        for (publisher, (source, ledgers)) in
            self.publishers.iter_mut().zip(&mut self.ledgers).enumerate()
        {
            for bytes in source.poll(now, ledgers, random) {
                self.server.from_publisher(now, publisher, &bytes);
            }
        }
    }
}

fn on_wire(bytes: &[u8]) -> u32 {
    u32::try_from(bytes.len()).expect("a datagram is short") + UDP_OVERHEAD
}
