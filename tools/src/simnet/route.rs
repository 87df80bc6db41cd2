//! The way of one flow in one direction: over which links, and what happens behind the last of them.

use std::time::Duration;

use super::LinkId;
use super::jitter::{Jitter, Order};
use super::loss::{Loss, Weather};
use super::random::{Probability, Random};
use super::time::SimTime;

/// What a route is like. The default is a way without links, delay or faults.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Route {
    /// In the order of passing them; none for boundless capacity.
    pub links: Vec<LinkId>,
    /// Constant.
    pub delay: Duration,
    /// On top of it, without reordering.
    pub jitter: Option<Jitter>,
    /// Which packets vanish before the first link, whose capacity they do not take.
    pub loss_before: Loss,
    /// Which packets vanish behind the last link.
    pub loss: Loss,
    /// How often a packet comes twice; the copy takes its delay and jitter by itself, in order.
    pub duplicates: Probability,
    /// Which packets are overtaken.
    pub reordering: Option<Reordering>,
    /// From when until when nothing comes through: what leaves the last link in between is lost.
    pub blackouts: Vec<(SimTime, SimTime)>,
}

/// Some packets are held back while later ones pass.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Reordering {
    /// How often.
    pub probability: Probability,
    /// For how long.
    pub by: Duration,
}

/// What happened on a route. A test that asks for a fault checks here that it came.
#[derive(Clone, Copy, Debug, Default, Eq, PartialEq)]
pub struct Counts {
    /// Packets sent into it.
    pub offered: u64,
    /// Dropped since a queue was full.
    pub queue_full: u64,
    /// Lost by chance.
    pub lost: u64,
    /// Lost in a blackout.
    pub blacked_out: u64,
    /// Came twice.
    pub duplicated: u64,
    /// Were held back.
    pub reordered: u64,
    /// The longest wait in a queue.
    pub queue_delay_max: Duration,
}

/// A route at work.
#[derive(Debug)]
pub(super) struct Flight {
    route: Route,
    order: Order,
    weather: Weather,
    weather_before: Weather,
    counts: Counts,
}

/// What becomes of a packet behind the last link.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub(super) enum Fate {
    Lost,
    Arrives {
        at: SimTime,
        /// When its duplicate arrives.
        again: Option<SimTime>,
    },
}

impl Flight {
    pub(super) fn new(route: Route) -> Self {
        Self {
            route,
            order: Order::default(),
            weather: Weather::default(),
            weather_before: Weather::default(),
            counts: Counts::default(),
        }
    }

    /// Links, and the order of what is already under way, stay.
    pub(super) fn change(&mut self, route: Route) {
        let links = std::mem::take(&mut self.route.links);
        self.route = Route { links, ..route };
    }

    pub(super) fn link(&self, hop: usize) -> Option<LinkId> {
        self.route.links.get(hop).copied()
    }

    pub(super) const fn counts(&self) -> Counts {
        self.counts
    }

    pub(super) const fn count_offer(&mut self) {
        self.counts.offered += 1;
    }

    /// Whether a packet that was just sent vanishes before the first link.
    pub(super) fn loses_before(&mut self, random: &mut Random) -> bool {
        let is_lost = self.weather_before.loses(self.route.loss_before, random);
        self.counts.lost += u64::from(is_lost);
        is_lost
    }

    pub(super) const fn count_queue_full(&mut self) {
        self.counts.queue_full += 1;
    }

    pub(super) fn count_queue_delay(&mut self, delay: Duration) {
        self.counts.queue_delay_max = self.counts.queue_delay_max.max(delay);
    }

    /// Decides about a packet that left the last link at `now` after `serialisation` on it.
    pub(super) fn fate(
        &mut self,
        now: SimTime,
        serialisation: Duration,
        random: &mut Random,
    ) -> Fate {
        if self.route.blackouts.iter().any(|(from, to)| (*from..*to).contains(&now)) {
            self.counts.blacked_out += 1;
            return Fate::Lost;
        }
        if self.weather.loses(self.route.loss, random) {
            self.counts.lost += 1;
            return Fate::Lost;
        }
        let at = self.arrival(now, serialisation, random);
        let again = random.chance(self.route.duplicates).then(|| {
            self.counts.duplicated += 1;
            self.arrival(now, serialisation, random)
        });
        Fate::Arrives { at, again }
    }

    fn arrival(&mut self, now: SimTime, serialisation: Duration, random: &mut Random) -> SimTime {
        let jitter = self.route.jitter.map(|jitter| jitter.draw(random)).unwrap_or_default();
        let wanted = now + self.route.delay + jitter;
        match self.route.reordering {
            Some(Reordering { probability, by }) if random.chance(probability) => {
                self.counts.reordered += 1;
                wanted + by
            }
            Some(_) | None => self.order.arrival(wanted, serialisation),
        }
    }
}
