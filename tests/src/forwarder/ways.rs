//! What lies between the doors and the server: for each direction a bottleneck by a trace, and a way without one.

use tools::simnet::jitter::Jitter;
use tools::simnet::link::LinkPlan;
use tools::simnet::route::{Counts, Route};
use tools::simnet::time::SimTime;
use tools::simnet::{LinkId, Network, RouteId, UDP_OVERHEAD};

use crate::rfc8867::trace::Moment;

/// What the bottleneck is like, each way.
#[derive(Clone, Debug, Default)]
pub struct Shape {
    /// From the server to clients, in seconds since the beginning; boundless without a moment.
    pub down: Vec<Moment>,
    /// From clients to the server.
    pub up: Vec<Moment>,
    /// On top of the delay, both ways.
    pub jitter: Option<Jitter>,
    /// Packets that are lost in a row, in the mean; 1 or less: each by itself.
    pub burst: f64,
    /// Decides every draw.
    pub seed: u64,
}

/// A datagram under way.
#[derive(Clone, Debug, Eq, PartialEq)]
pub(super) struct Datagram {
    /// Whose it is.
    pub(super) flow: usize,
    /// What it carries.
    pub(super) bytes: Vec<u8>,
}

/// A direction.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub(super) enum Toward {
    Client,
    Server,
}

/// Both directions at work.
#[derive(Debug)]
pub(super) struct Ways {
    network: Network<Datagram>,
    down: Way,
    up: Way,
    begun: Option<SimTime>,
    burst: f64,
    /// How far the network has run: nothing arrives before it.
    now: SimTime,
}

/// One direction.
#[derive(Debug)]
struct Way {
    link: LinkId,
    shaped: RouteId,
    direct: RouteId,
    /// The shaped route but for what the trace says.
    plain: Route,
    moments: Vec<Moment>,
    /// The place of the first moment that is still to come.
    next: usize,
}

impl Way {
    fn new(network: &mut Network<Datagram>, moments: Vec<Moment>, jitter: Option<Jitter>) -> Self {
        let link = network.add_link(moments.first().map_or_else(boundless, Moment::link));
        let plain = Route { links: vec![link], jitter, ..Route::default() };
        Self {
            link,
            shaped: network.add_route(plain.clone()),
            direct: network.add_route(Route::default()),
            plain,
            moments,
            next: 0,
        }
    }

    fn change_at(&self, begun: SimTime) -> Option<SimTime> {
        self.moments.get(self.next).map(|moment| begun + moment.at.elapsed())
    }

    /// The next moment of the trace has come.
    fn change(&mut self, network: &mut Network<Datagram>, now: SimTime, burst: f64) {
        let Some(moment) = self.moments.get(self.next) else { return };
        network.change_link(now, self.link, moment.link());
        network.change_route(self.shaped, moment.route(&self.plain, burst));
        self.next += 1;
    }
}

impl Ways {
    pub(super) fn new(shape: Shape) -> Self {
        let mut network = Network::new(shape.seed);
        Self {
            down: Way::new(&mut network, shape.down, shape.jitter),
            up: Way::new(&mut network, shape.up, shape.jitter),
            network,
            begun: None,
            burst: shape.burst,
            now: SimTime::ZERO,
        }
    }

    /// The time of the traces runs from `now`; a second beginning is none.
    pub(super) fn begin(&mut self, now: SimTime) {
        if self.begun.is_none() {
            self.begun = Some(now);
            // At once, and not with the next turn: the first datagram has its losses too.
            self.change(now);
        }
    }

    pub(super) const fn has_begun(&self) -> bool {
        self.begun.is_some()
    }

    /// What happened to shaped flows.
    pub(super) fn counts(&self, toward: Toward) -> Counts {
        self.network.counts(self.way(toward).shaped)
    }

    /// Sends a datagram that arrived at `at`. False where too many are under way.
    pub(super) fn send(
        &mut self,
        at: SimTime,
        toward: Toward,
        is_shaped: bool,
        datagram: Datagram,
    ) -> bool {
        if self.network.under_way() >= UNDER_WAY_MAX {
            return false;
        }
        let way = self.way(toward);
        let route = if is_shaped { way.shaped } else { way.direct };
        let payload = u32::try_from(datagram.bytes.len()).unwrap_or(u32::MAX);
        let size = payload.saturating_add(UDP_OVERHEAD);
        // What arrived during the last turn and was not taken in by it.
        let at = at.max(self.now);
        self.network.send(at, route, size, datagram);
        true
    }

    pub(super) fn next_event(&self) -> Option<SimTime> {
        self.next_change().into_iter().chain(self.network.next_event()).min()
    }

    /// Lets time run to `until`, at most to the next datagram that comes out.
    pub(super) fn poll(&mut self, until: SimTime) -> Option<(Toward, Datagram)> {
        while let Some(at) = self.next_change().filter(|at| *at <= until) {
            if let Some(out) = self.come_out(at) {
                return Some(out);
            }
            self.change(at);
        }
        self.come_out(until)
    }

    fn come_out(&mut self, until: SimTime) -> Option<(Toward, Datagram)> {
        self.now = self.now.max(until);
        let delivery = self.network.poll(until)?;
        let is_down = [self.down.shaped, self.down.direct].contains(&delivery.route);
        Some((if is_down { Toward::Client } else { Toward::Server }, delivery.payload))
    }

    fn next_change(&self) -> Option<SimTime> {
        let begun = self.begun?;
        [&self.down, &self.up].into_iter().filter_map(|way| way.change_at(begun)).min()
    }

    fn change(&mut self, at: SimTime) {
        let Some(begun) = self.begun else { return };
        for way in [&mut self.down, &mut self.up] {
            if way.change_at(begun).is_some_and(|due| due <= at) {
                way.change(&mut self.network, at, self.burst);
            }
        }
    }

    const fn way(&self, toward: Toward) -> &Way {
        match toward {
            Toward::Client => &self.down,
            Toward::Server => &self.up,
        }
    }
}

/// Of a direction whose trace is empty: 100 Gbit/s take 0.1 µs for a datagram, and its queue of a second is never full.
fn boundless() -> LinkPlan {
    LinkPlan {
        queue: std::time::Duration::from_secs(1),
        ..LinkPlan::constant(simulcast::Bitrate::kbps(100_000_000))
    }
}

/// Under way at once: 0.3 s of 100 Mbit/s in full datagrams, twice, and the same for the direct ways. 24 MB at most.
const UNDER_WAY_MAX: usize = 16_384;

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use simulcast::Bitrate;

    use super::*;

    const fn ms(milliseconds: u64) -> SimTime {
        SimTime::milliseconds(milliseconds)
    }

    fn moment(at: u64, kbps: u64, delay: u64) -> Moment {
        Moment {
            at: ms(at),
            rate: Bitrate::kbps(kbps),
            queue: Duration::from_millis(300),
            delay: Duration::from_millis(delay),
            loss: 0.0,
        }
    }

    fn datagram(flow: usize) -> Datagram {
        Datagram { flow, bytes: vec![0; 1472] }
    }

    /// When each comes out, looked at every millisecond.
    fn arrivals(ways: &mut Ways) -> Vec<(u64, Toward, usize)> {
        let mut seen = Vec::new();
        for at in 0..5_000 {
            while let Some((toward, datagram)) = ways.poll(ms(at)) {
                seen.push((at, toward, datagram.flow));
            }
        }
        seen
    }

    #[test]
    fn shaped_flows_follow_the_trace_from_the_beginning_and_others_pass() {
        let shape =
            Shape { down: vec![moment(0, 1_000, 20), moment(100, 100, 30)], ..Shape::default() };
        let mut ways = Ways::new(shape);
        ways.begin(ms(1_000));
        assert!(ways.send(ms(1_000), Toward::Client, true, datagram(0)));
        assert!(ways.send(ms(1_000), Toward::Client, false, datagram(1)));
        assert!(ways.send(ms(1_101), Toward::Client, true, datagram(2)));
        assert!(ways.send(ms(1_100), Toward::Server, true, datagram(3)));
        assert_eq!(
            arrivals(&mut ways),
            [
                (1_000, Toward::Client, 1),
                (1_032, Toward::Client, 0), // 12 ms for 1500 bytes, and 20
                (1_101, Toward::Server, 3), // boundless, which is not at once
                (1_251, Toward::Client, 2), // 120 ms, and 30
            ]
        );
        assert_eq!(ways.counts(Toward::Client).offered, 2);
    }

    #[test]
    fn what_arrived_before_the_last_turn_counts_from_it() {
        let mut ways = Ways::new(Shape::default());
        assert_eq!(ways.poll(ms(10)), None);
        assert!(ways.send(ms(9), Toward::Server, false, datagram(0)));
        assert_eq!(ways.poll(ms(10)), Some((Toward::Server, datagram(0))));
    }

    #[test]
    fn no_more_are_under_way_than_there_is_memory_for() {
        let shape = Shape { up: vec![moment(0, 1_000_000, 60_000)], ..Shape::default() };
        let mut ways = Ways::new(shape);
        ways.begin(ms(0));
        assert_eq!(ways.poll(ms(0)), None);
        let taken = (0..20_000).filter(|_| ways.send(ms(0), Toward::Server, true, datagram(0)));
        assert!((16_000..=UNDER_WAY_MAX).contains(&taken.count()));
        assert!(!ways.send(ms(0), Toward::Client, false, datagram(0)));
    }
}
