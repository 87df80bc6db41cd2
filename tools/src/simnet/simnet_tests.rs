use std::time::Duration;

use simulcast::Bitrate;

use super::jitter::Jitter;
use super::link::LinkPlan;
use super::loss::Loss;
use super::passage::{Outcome, Passage};
use super::random::Probability;
use super::route::{Reordering, Route};
use super::schedule::Schedule;
use super::time::SimTime;
use super::{Delivery, LinkId, Network, RouteId};

const fn ms(milliseconds: u64) -> SimTime {
    SimTime::milliseconds(milliseconds)
}

fn drain(network: &mut Network<u32>) -> Vec<(SimTime, u32)> {
    let deliveries = std::iter::from_fn(|| network.poll(SimTime::milliseconds(1_000_000)));
    deliveries.map(|Delivery { at, payload, .. }| (at, payload)).collect()
}

/// 1 Mbit/s and 50 ms: what most hand-computed values here rest on. 1500 bytes take 12 ms.
fn megabit(network: &mut Network<u32>) -> (LinkId, RouteId) {
    let link = network.add_link(LinkPlan::constant(Bitrate::kbps(1000)));
    let route = network.add_route(Route {
        links: vec![link],
        delay: Duration::from_millis(50),
        ..Route::default()
    });
    (link, route)
}

#[test]
fn packets_queue_at_the_bottleneck_and_then_take_the_delay() {
    let mut network = Network::new(1);
    let (_, route) = megabit(&mut network);
    for number in 0..3 {
        network.send(ms(0), route, 1500, number);
    }
    network.send(ms(100), route, 1500, 3);
    assert_eq!(drain(&mut network), [(ms(62), 0), (ms(74), 1), (ms(86), 2), (ms(162), 3)]);
    assert_eq!(network.counts(route).queue_delay_max, Duration::from_millis(24));
}

#[test]
fn what_does_not_fit_is_dropped_and_counted() {
    let mut network = Network::new(1);
    let (_, route) = megabit(&mut network);
    for number in 0..30 {
        network.send(ms(0), route, 1500, number);
    }
    assert_eq!(drain(&mut network).len(), 25, "300 ms at 1 Mbit/s are 25 packets");
    assert_eq!(network.counts(route).queue_full, 5);
    assert_eq!(network.counts(route).offered, 30);
}

#[test]
fn two_routes_share_a_link_in_order_of_arrival_and_keep_their_own_delays() {
    let mut network = Network::new(1);
    let (link, near) = megabit(&mut network);
    let far = network.add_route(Route {
        links: vec![link],
        delay: Duration::from_millis(150),
        ..Route::default()
    });
    network.send(ms(0), far, 1500, 0);
    network.send(ms(0), near, 1500, 1);
    assert_eq!(drain(&mut network), [(ms(74), 1), (ms(162), 0)]);
}

#[test]
fn the_log_has_what_left_what_was_dropped_and_what_was_lost() {
    let mut network = Network::new(1);
    let link = network.add_link(LinkPlan {
        rate: Schedule::constant(Bitrate::kbps(1000)),
        queue: Duration::from_millis(24),
    });
    let route = |loss| Route { links: vec![link], loss, ..Route::default() };
    let whole = network.add_route(route(Loss::None));
    let lossy = network.add_route(route(Loss::Independent(Probability::percent(100.0))));
    network.send(ms(0), whole, 1500, 0);
    assert!(network.poll(ms(0)).is_none());
    assert_eq!(network.take_log(), [], "nobody asked for a log");
    network.keep_log();
    network.send(ms(4), lossy, 1500, 1);
    network.send(ms(5), whole, 1500, 2);
    drain(&mut network);
    let passage = |at, route, outcome| Passage { at: ms(at), route, link, size: 1500, outcome };
    let waited = |milliseconds| Outcome::Sent { queue_delay: Duration::from_millis(milliseconds) };
    assert_eq!(
        network.take_log(),
        [
            passage(5, whole, Outcome::Dropped), // 24 ms are two packets
            passage(12, whole, waited(0)),
            passage(24, lossy, waited(8)),
            passage(24, lossy, Outcome::LostBehind),
        ]
    );
    assert_eq!(network.take_log(), [], "it was taken");
    let early = network.add_route(Route {
        loss_before: Loss::Independent(Probability::percent(100.0)),
        ..route(Loss::None)
    });
    network.send(ms(2_000_000), early, 1500, 3);
    assert_eq!(network.poll(ms(3_000_000)), None);
    assert_eq!(network.take_log(), [passage(2_000_000, early, Outcome::LostBefore)]);
    assert_eq!(network.counts(early).lost, 1);
}

#[test]
fn a_route_over_two_links_waits_at_each() {
    let mut network = Network::new(1);
    let fast = network.add_link(LinkPlan::constant(Bitrate::kbps(2000)));
    let slow = network.add_link(LinkPlan::constant(Bitrate::kbps(1000)));
    let route = network.add_route(Route {
        links: vec![fast, slow],
        delay: Duration::from_millis(10),
        ..Route::default()
    });
    network.send(ms(0), route, 1500, 0);
    network.send(ms(0), route, 1500, 1);
    // 6 ms on the first link; the second begins the first packet at 6 and the second at 18.
    assert_eq!(drain(&mut network), [(ms(28), 0), (ms(40), 1)]);
}

#[test]
fn a_changed_link_takes_effect_with_the_next_packet() {
    let mut network = Network::new(1);
    let (link, route) = megabit(&mut network);
    network.send(ms(0), route, 1500, 0);
    network.send(ms(0), route, 1500, 1);
    assert!(network.poll(ms(6)).is_none());
    network.change_link(ms(6), link, LinkPlan::constant(Bitrate::kbps(100)));
    assert_eq!(drain(&mut network), [(ms(62), 0), (ms(182), 1)], "12, then 120 ms of sending");
}

#[test]
fn a_stalled_link_starts_again_when_its_plan_changes() {
    let mut network = Network::new(1);
    let link = network.add_link(LinkPlan::constant(Bitrate::ZERO));
    let route = network.add_route(Route { links: vec![link], ..Route::default() });
    network.send(ms(0), route, 1500, 0);
    assert!(network.poll(ms(40)).is_none());
    assert_eq!(network.next_event(), None);
    network.change_link(ms(40), link, LinkPlan::constant(Bitrate::kbps(1000)));
    assert_eq!(drain(&mut network), [(ms(52), 0)]);
}

#[test]
fn ties_keep_the_order_of_insertion() {
    let mut network = Network::new(1);
    let routes: Vec<RouteId> = (0..4).map(|_| network.add_route(Route::default())).collect();
    for (number, route) in (0..).zip(routes.iter().rev()) {
        network.send(ms(5), *route, 100, number);
    }
    assert_eq!(drain(&mut network), [(ms(5), 0), (ms(5), 1), (ms(5), 2), (ms(5), 3)]);
}

#[test]
fn jitter_never_reorders_and_keeps_serialisation_between_packets() {
    let mut network = Network::new(5);
    let link = network.add_link(LinkPlan::constant(Bitrate::kbps(1000)));
    let route = network.add_route(Route {
        links: vec![link],
        delay: Duration::from_millis(50),
        jitter: Some(Jitter::STANDARD),
        ..Route::default()
    });
    for number in 0..1000 {
        network.send(ms(u64::from(number) * 13), route, 1500, number);
    }
    let out = drain(&mut network);
    assert_eq!(out.len(), 1000);
    for pair in out.windows(2) {
        assert_eq!(pair[1].1, pair[0].1 + 1);
        assert!(pair[1].0.since(pair[0].0) >= Duration::from_millis(12));
    }
    for (at, number) in out {
        let late = at.since(ms(u64::from(number) * 13 + 62));
        assert!(
            late <= Duration::from_millis(15 + 15),
            "its own and what the one before hands on: {late:?}"
        );
    }
}

#[test]
fn a_blackout_loses_what_leaves_the_link_within_it() {
    let mut network = Network::new(1);
    let link = network.add_link(LinkPlan::constant(Bitrate::kbps(1000)));
    let route = network.add_route(Route {
        links: vec![link],
        blackouts: vec![(ms(12), ms(36))],
        ..Route::default()
    });
    for number in 0..4 {
        network.send(ms(0), route, 1500, number);
    }
    assert_eq!(
        drain(&mut network),
        [(ms(36), 2), (ms(48), 3)],
        "lost: those that left at 12 and 24"
    );
    assert_eq!(network.counts(route).blacked_out, 2);
}

#[test]
fn lost_duplicated_and_reordered_packets_are_counted_as_they_come() {
    let mut network = Network::new(6);
    let route = network.add_route(Route {
        delay: Duration::from_millis(20),
        loss: Loss::Independent(Probability::percent(10.0)),
        duplicates: Probability::percent(5.0),
        reordering: Some(Reordering {
            probability: Probability::percent(5.0),
            by: Duration::from_millis(7),
        }),
        ..Route::default()
    });
    for number in 0..10_000 {
        network.send(ms(u64::from(number)), route, 1000, number);
    }
    let out = drain(&mut network);
    let counts = network.counts(route);
    assert_eq!(out.len() as u64, counts.offered - counts.lost + counts.duplicated);
    assert!((900..1100).contains(&counts.lost), "{counts:?}");
    assert!((380..520).contains(&counts.duplicated), "5 % of 9,000: {counts:?}");
    let late = out.iter().filter(|(at, number)| *at == ms(u64::from(*number) + 27)).count();
    assert_eq!(late as u64, counts.reordered);
    assert!(out.windows(2).any(|pair| pair[1].1 < pair[0].1), "somebody was overtaken");
}

#[test]
fn a_changed_route_keeps_its_links() {
    let mut network = Network::new(1);
    let (_, route) = megabit(&mut network);
    network.change_route(route, Route { delay: Duration::from_millis(1), ..Route::default() });
    network.send(ms(0), route, 1500, 0);
    assert_eq!(drain(&mut network), [(ms(13), 0)]);
}

#[test]
fn one_seed_is_one_run() {
    let run = |seed| {
        let mut network = Network::new(seed);
        let rate = Schedule::constant(Bitrate::kbps(2000)).then(ms(500), Bitrate::kbps(700));
        let link = network.add_link(LinkPlan { rate, queue: Duration::from_millis(70) });
        let route = network.add_route(Route {
            links: vec![link],
            delay: Duration::from_millis(50),
            jitter: Some(Jitter::STANDARD),
            loss: Loss::BURSTS,
            ..Route::default()
        });
        for number in 0..200 {
            network.send(ms(u64::from(number) * 6), route, 1128, number);
        }
        drain(&mut network)
    };
    assert_eq!(run(7), run(7));
    assert_ne!(run(7), run(8));
}
