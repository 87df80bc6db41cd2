//! A network in virtual time: what is sent comes out later, or not at all, and always the same for one seed.
//!
//! ```text
//! send ─► loss ─► link: FIFO, drop tail, rate by schedule ─► … next link ─► route: blackout, loss, duplication
//!                                                                            ─► delay, jitter, reordering ─► poll
//! ```
//!
//! Time is integer nanoseconds. One heap holds all events, ties in insertion order, and one generator draws all chance.
//! A `Link` is a bottleneck that several routes may share; a `Route` is one flow in one direction.
//! Sizes are what the caller says: UDP payload and [`UDP_OVERHEAD`] for rates on the wire.

pub mod jitter;
pub mod link;
pub mod loss;
pub mod passage;
pub mod random;
pub mod route;
pub mod schedule;
pub mod time;

use std::cmp::Reverse;
use std::collections::{BTreeMap, BinaryHeap};

use link::{Link, LinkPlan, Offer, Sent};
use passage::{Outcome, Passage};
use random::Random;
use route::{Counts, Fate, Flight, Route};
use time::SimTime;

/// IPv4 and UDP headers: what a datagram weighs on the wire beyond its payload.
pub const UDP_OVERHEAD: u32 = 28;

/// Which link of a network.
#[derive(Clone, Copy, Debug, Eq, Hash, Ord, PartialEq, PartialOrd)]
pub struct LinkId(usize);

/// Which route of a network.
#[derive(Clone, Copy, Debug, Eq, Hash, Ord, PartialEq, PartialOrd)]
pub struct RouteId(usize);

/// A packet that came out at the far end.
#[derive(Clone, Debug, Eq, PartialEq)]
pub struct Delivery<P> {
    /// When.
    pub at: SimTime,
    /// On which route.
    pub route: RouteId,
    /// What was sent.
    pub payload: P,
}

/// Links, routes over them, and what is under way.
#[derive(Debug)]
pub struct Network<P> {
    now: SimTime,
    random: Random,
    links: Vec<Link<Packet<P>>>,
    routes: Vec<Flight>,
    heap: BinaryHeap<Reverse<(SimTime, u64)>>,
    events: BTreeMap<u64, Step<P>>,
    inserted: u64,
    /// What links did, where somebody wants to know.
    log: Option<Vec<Passage>>,
}

/// A packet under way.
#[derive(Debug)]
struct Packet<P> {
    route: RouteId,
    size: u32,
    /// Links already passed.
    hops: usize,
    payload: P,
}

#[derive(Debug)]
enum Step<P> {
    /// A packet reaches the next link of its route, or the end of them.
    Reach(Packet<P>),
    /// A link has sent the packet at its head.
    Sent(LinkId),
    /// A packet comes out.
    Deliver(RouteId, P),
}

impl<P: Clone> Network<P> {
    /// An empty network; `seed` decides every draw.
    #[must_use]
    pub fn new(seed: u64) -> Self {
        Self {
            now: SimTime::ZERO,
            random: Random::new(seed),
            links: Vec::new(),
            routes: Vec::new(),
            heap: BinaryHeap::new(),
            events: BTreeMap::new(),
            inserted: 0,
            log: None,
        }
    }

    /// Keeps a log from now on. Whoever asks for it takes it out with [`Self::take_log`] now and then: it grows.
    pub fn keep_log(&mut self) {
        self.log.get_or_insert_default();
    }

    /// What links did since the last call, in order of time.
    pub fn take_log(&mut self) -> Vec<Passage> {
        self.log.as_mut().map(std::mem::take).unwrap_or_default()
    }

    /// Adds a link.
    pub fn add_link(&mut self, plan: LinkPlan) -> LinkId {
        self.links.push(Link::new(plan));
        LinkId(self.links.len() - 1)
    }

    /// Changes a link. A new rate applies to the next packet; what is queued stays.
    pub fn change_link(&mut self, now: SimTime, id: LinkId, plan: LinkPlan) {
        if let Some(link) = self.links.get_mut(id.0)
            && let Some(sent) = link.change(now, plan)
        {
            self.schedule(sent, Step::Sent(id));
        }
    }

    /// Adds a route; the links it names must exist.
    pub fn add_route(&mut self, route: Route) -> RouteId {
        self.routes.push(Flight::new(route));
        RouteId(self.routes.len() - 1)
    }

    /// Changes a route for whatever leaves its last link from now on. Its links stay what they were.
    pub fn change_route(&mut self, id: RouteId, route: Route) {
        if let Some(flight) = self.routes.get_mut(id.0) {
            flight.change(route);
        }
    }

    /// What happened on a route so far.
    #[must_use]
    pub fn counts(&self, id: RouteId) -> Counts {
        self.routes.get(id.0).map(Flight::counts).unwrap_or_default()
    }

    /// Sends `payload`, which weighs `size` bytes on the wire. `now` is no earlier than what was polled last.
    pub fn send(&mut self, now: SimTime, route: RouteId, size: u32, payload: P) {
        debug_assert!(now >= self.now, "time runs forward");
        if let Some(flight) = self.routes.get_mut(route.0) {
            flight.count_offer();
            if flight.loses_before(&mut self.random) {
                if let Some(link) = flight.link(0) {
                    let outcome = Outcome::LostBefore;
                    self.note(Passage { at: now, route, link, size, outcome });
                }
                return;
            }
            self.schedule(now, Step::Reach(Packet { route, size, hops: 0, payload }));
        }
    }

    /// How much is under way: packets in queues and behind them, and for each busy link the end of its transmission. What
    /// memory is held against where senders obey nobody.
    #[must_use]
    pub fn under_way(&self) -> usize {
        self.events.len() + self.links.iter().map(Link::len).sum::<usize>()
    }

    /// When something happens next.
    #[must_use]
    pub fn next_event(&self) -> Option<SimTime> {
        self.heap.peek().map(|Reverse((at, _))| *at)
    }

    /// Lets time run to `until`, at most to the next packet that comes out.
    pub fn poll(&mut self, until: SimTime) -> Option<Delivery<P>> {
        while self.next_event().is_some_and(|at| at <= until) {
            let Some(Reverse((at, order))) = self.heap.pop() else { break };
            self.now = at;
            match self.events.remove(&order) {
                Some(Step::Reach(packet)) => self.reach(at, packet),
                Some(Step::Sent(link)) => self.sent(at, link),
                Some(Step::Deliver(route, payload)) => {
                    return Some(Delivery { at, route, payload });
                }
                None => {}
            }
        }
        self.now = self.now.max(until);
        None
    }

    fn note(&mut self, passage: Passage) {
        if let Some(log) = &mut self.log {
            log.push(passage);
        }
    }

    fn schedule(&mut self, at: SimTime, step: Step<P>) {
        self.heap.push(Reverse((at, self.inserted)));
        self.events.insert(self.inserted, step);
        self.inserted += 1;
    }

    /// A packet stands before its next link, or has passed them all.
    fn reach(&mut self, now: SimTime, packet: Packet<P>) {
        let Some(flight) = self.routes.get_mut(packet.route.0) else { return };
        let Some(id) = flight.link(packet.hops) else {
            self.fly(now, Sent::at_once(packet));
            return;
        };
        let Some(link) = self.links.get_mut(id.0) else { return };
        let (route, size) = (packet.route, packet.size);
        match link.offer(now, size, packet) {
            Offer::Dropped => {
                flight.count_queue_full();
                let outcome = Outcome::Dropped;
                self.note(Passage { at: now, route, link: id, size, outcome });
            }
            Offer::Queued => {}
            Offer::Started { until } => self.schedule(until, Step::Sent(id)),
        }
    }

    /// A link has sent its head: that packet goes on, and the next one is in service.
    fn sent(&mut self, now: SimTime, id: LinkId) {
        let Some(link) = self.links.get_mut(id.0) else { return };
        let (sent, next) = link.finish(now);
        if let Some(until) = next {
            self.schedule(until, Step::Sent(id));
        }
        let Some(mut sent) = sent else { return };
        let Some(flight) = self.routes.get_mut(sent.item.route.0) else { return };
        flight.count_queue_delay(sent.queue_delay);
        sent.item.hops += 1;
        let goes_on = flight.link(sent.item.hops).is_some();
        let Packet { route, size, .. } = sent.item;
        let outcome = Outcome::Sent { queue_delay: sent.queue_delay };
        self.note(Passage { at: now, route, link: id, size, outcome });
        if goes_on {
            self.reach(now, sent.item);
        } else {
            self.fly(now, sent);
        }
    }

    /// Behind the last link: chance, delay and jitter.
    fn fly(&mut self, now: SimTime, sent: Sent<Packet<P>>) {
        let Sent { item: packet, serialisation, .. } = sent;
        let Some(flight) = self.routes.get_mut(packet.route.0) else { return };
        match flight.fate(now, serialisation, &mut self.random) {
            Fate::Lost => {
                let Packet { route, size, hops, .. } = packet;
                if let Some(link) = hops.checked_sub(1).and_then(|last| flight.link(last)) {
                    self.note(Passage { at: now, route, link, size, outcome: Outcome::LostBehind });
                }
            }
            Fate::Arrives { at, again: None } => {
                self.schedule(at, Step::Deliver(packet.route, packet.payload));
            }
            Fate::Arrives { at, again: Some(again) } => {
                self.schedule(at, Step::Deliver(packet.route, packet.payload.clone()));
                self.schedule(again, Step::Deliver(packet.route, packet.payload));
            }
        }
    }
}

#[cfg(test)]
#[path = "simnet_tests.rs"]
mod tests;
