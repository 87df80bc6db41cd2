//! Figures of small records whose values are computed by hand.

use std::time::Duration;

use simulcast::Bitrate;
use tools::simnet::link::LinkPlan;
use tools::simnet::passage::{Outcome, Passage};
use tools::simnet::route::Route;
use tools::simnet::schedule::Schedule;
use tools::simnet::time::SimTime;
use tools::simnet::{LinkId, Network, RouteId};

use super::steps::{Aim, drain, up80};
use super::{Run, Who, Window, bottleneck, fairness, pictures};
use crate::rfc8867::case::Case;
use crate::rfc8867::cases;
use crate::rfc8867::record::{FlowRecord, Frame, Record};

const fn ms(milliseconds: u64) -> SimTime {
    SimTime::milliseconds(milliseconds)
}

/// Ids of a network, which nothing but one can make.
fn ids() -> (LinkId, [RouteId; 3]) {
    let mut network: Network<()> = Network::new(1);
    let link = network.add_link(LinkPlan::constant(Bitrate::kbps(1)));
    (link, [(); 3].map(|()| network.add_route(Route::default())))
}

/// Two flows over one link of 1 Mbit/s, then 2 from 10 s on; the second flow from 5 s on. The third route is TCP's.
fn scene(passages: Vec<(u64, usize, u32, Outcome)>) -> (Case, Record) {
    let mut case = cases::all().into_iter().find(|case| case.name == "5.4").expect("5.4");
    case.seconds = 20;
    case.flows.truncate(2);
    let rate = Schedule::constant(Bitrate::kbps(1_000)).then(ms(10_000), Bitrate::kbps(2_000));
    case.links[0].available = rate;
    let (link, routes) = ids();
    let flow = |start| FlowRecord { start: ms(start), end: ms(20_000), ..FlowRecord::default() };
    let passages = passages.into_iter().map(|(at, route, size, outcome)| Passage {
        at: ms(at),
        route: routes[route],
        link,
        size,
        outcome,
    });
    let record = Record {
        links: vec![link],
        passages: passages.collect(),
        routes: routes[..2].to_vec(),
        tcp_routes: vec![routes[2]],
        flows: vec![flow(0), flow(5_000)],
    };
    (case, record)
}

const fn sent(queue_ms: u64) -> Outcome {
    Outcome::Sent { queue_delay: Duration::from_millis(queue_ms) }
}

fn near(value: f64, expected: f64) {
    assert!((value - expected).abs() < 1e-6, "{value}, not {expected}");
}

#[test]
fn utilisation_is_what_left_over_what_could_be_used() {
    let (case, record) = scene(vec![
        (0, 0, 1_250, sent(0)),
        (999, 0, 1_250, sent(0)),
        (999, 0, 1_250, Outcome::Dropped),
        (999, 2, 9_000, sent(0)),
        (1_000, 0, 1_250, sent(0)), // no more within
    ]);
    let run = Run { case: &case, record: &record };
    let window = Window::new(0, 1);
    // 20,000 bits over 1 Mbit/s of one second; TCP's do not count.
    near(bottleneck::utilisation(run, 0, Who::All, window), 2.0);
    near(bottleneck::rate(run, 0, Who::All, window), 20.0);
    near(bottleneck::rate(run, 0, Who::Tcp, window), 72.0);
    near(fairness::tcp_share(run, 0, window), 7.2);
    near(bottleneck::loss(run, 0, Who::All, window), 100.0 / 3.0);
}

#[test]
fn no_more_can_be_used_than_flows_have() {
    let (mut case, record) = scene(Vec::new());
    case.links[0].available = Schedule::constant(Bitrate::kbps(9_000));
    case.flows[1].start = crate::rfc8867::case::Start::At(ms(5_000));
    let run = Run { case: &case, record: &record };
    near(run.usable(0, &[0, 1], ms(4_999)), 1_647_000.0);
    near(run.usable(0, &[0, 1], ms(5_000)), 3_294_000.0);
    near(run.usable(0, &[1], ms(4_999)), 0.0);
}

#[test]
fn the_queue_is_of_what_was_delivered() {
    let mut passages: Vec<_> = (1..=20).map(|delay| (delay, 0, 100, sent(delay))).collect();
    passages.push((21, 0, 100, Outcome::Dropped));
    passages.push((22, 1, 100, sent(500)));
    let (case, record) = scene(passages);
    let run = Run { case: &case, record: &record };
    let window = Window::new(0, 1);
    near(bottleneck::queue_mean(run, 0, Who::Flow(0), window), 10.5);
    near(bottleneck::queue_p95(run, 0, Who::Flow(0), window), 19.0);
    near(bottleneck::queue_p95(run, 0, Who::Flow(1), window), 500.0);
    assert!(bottleneck::queue_mean(run, 0, Who::Flow(1), Window::new(5, 6)).is_nan());
}

#[test]
fn loss_counts_what_chance_takes_before_and_behind_the_link() {
    let (case, record) = scene(vec![
        (1, 0, 100, sent(0)),
        (2, 0, 100, sent(0)),
        (2, 0, 100, Outcome::LostBehind),
        (3, 0, 100, Outcome::LostBefore),
        (4, 0, 100, sent(0)),
    ]);
    let run = Run { case: &case, record: &record };
    // Four were offered; one came to nothing before the link and one behind it.
    near(bottleneck::loss(run, 0, Who::All, Window::new(0, 1)), 50.0);
}

/// One packet of `bytes` in each tenth of a second.
fn steady(from: u64, to: u64, route: usize, bytes: u32) -> Vec<(u64, usize, u32, Outcome)> {
    (from..to).map(|tenth| (tenth * 100 + 50, route, bytes, sent(0))).collect()
}

#[test]
fn up80_is_when_the_last_second_reached_it_and_stayed_for_two() {
    // 500 kbit/s until 12 s, then 1,600, which is exactly 80 % of 2 Mbit/s; one flow could use 1,647, and 80 % of that are 1,317.6.
    let mut passages = steady(0, 120, 0, 6_250);
    passages.extend(steady(120, 200, 0, 20_000));
    let (case, record) = scene(passages);
    let run = Run { case: &case, record: &record };
    // The second up to 12.8 s has 8 tenths of 1,600 and 2 of 500: 1,380. That up to 12.7 has 1,270.
    near(up80(run, 0, Who::Flow(0), 10.0, Aim::Usable), 2.8);
    near(up80(run, 0, Who::Flow(0), 10.0, Aim::Share(2_000_000.0)), 3.0);
    assert!(up80(run, 0, Who::Flow(0), 10.0, Aim::Share(2_100_000.0)).is_infinite());
}

#[test]
fn up80_begins_anew_where_the_rate_falls_within_two_seconds() {
    let mut passages = steady(0, 120, 0, 20_000);
    passages.extend(steady(120, 130, 0, 0));
    passages.extend(steady(130, 200, 0, 20_000));
    let (case, record) = scene(passages);
    let run = Run { case: &case, record: &record };
    // From 10 s on the first second is full at 11 s, where it would have to last until 13 s; it is full again from 14 s on.
    near(up80(run, 0, Who::Flow(0), 10.0, Aim::Share(2_000_000.0)), 4.0);
}

#[test]
fn drain_is_when_no_delay_of_a_span_is_long_for_two_seconds() {
    let mut passages = steady(0, 200, 0, 100);
    for passage in &mut passages {
        if (10_000..13_700).contains(&passage.0) {
            passage.3 = sent(60);
        } else if passage.0 >= 13_700 {
            passage.3 = sent(59);
        }
    }
    let (case, record) = scene(passages.clone());
    // The span from 13.6 to 13.8 s still has a delay of 60 ms.
    near(drain(Run { case: &case, record: &record }, 0, Who::All, 10.0), 3.8);
    passages.iter_mut().filter(|it| it.0 == 19_050).for_each(|it| it.3 = sent(61));
    let (case, record) = scene(passages.clone());
    near(drain(Run { case: &case, record: &record }, 0, Who::All, 10.0), 3.8);
    passages.iter_mut().filter(|it| it.0 == 15_050).for_each(|it| it.3 = sent(61));
    let (case, record) = scene(passages);
    near(drain(Run { case: &case, record: &record }, 0, Who::All, 10.0), 5.2);
}

#[test]
fn fairness_is_of_the_rates_of_a_window() {
    let mut passages = steady(100, 200, 0, 1_000);
    passages.extend(steady(100, 200, 1, 2_000));
    let (case, record) = scene(passages);
    let run = Run { case: &case, record: &record };
    near(fairness::jain(run, 0, Window::new(10, 20)), 0.9);
    near(fairness::spread(run, 0, Window::new(10, 20)), 2.0);
}

#[test]
fn the_longest_time_below_a_rate_counts_seconds_of_it() {
    let mut passages = steady(0, 100, 0, 2_000);
    passages.extend(steady(130, 200, 0, 2_000));
    let (case, record) = scene(passages);
    let run = Run { case: &case, record: &record };
    // 160 kbit/s but for three seconds; windows of a second that touch the hole are 39, each below 150.
    near(fairness::longest_below(run, 0, 0, 150.0, Window::new(0, 20)), 3.9);
    near(fairness::longest_below(run, 0, 0, 150.0, Window::new(0, 10)), 0.0);
}

#[test]
fn frames_are_judged_by_their_last_packet() {
    let (case, mut record) = scene(Vec::new());
    let frame =
        |made, took: Option<u64>| Frame { made: ms(made), whole: took.map(|took| ms(made + took)) };
    let mut frames: Vec<Frame> = (1..=19).map(|took| frame(took, Some(took))).collect();
    frames.push(frame(20, None));
    frames.push(frame(1_500, None)); // within the last second: it may still come
    record.flows[0].frames = frames;
    let run = Run { case: &case, record: &record };
    near(pictures::frame_p95(run, 0, Window::new(0, 2)), 19.0);
    near(pictures::frames_lost(run, 0, Window::new(0, 2)), 5.0);
}

#[test]
fn freezes_of_a_flow_are_those_within_the_window() {
    let (case, mut record) = scene(Vec::new());
    let shown = (0..40).map(|place| place * 33).chain([1_800, 1_833]);
    let frames = shown.map(|at| Frame { made: ms(at), whole: Some(ms(at)) });
    record.flows[0].frames = frames.collect();
    let run = Run { case: &case, record: &record };
    near(pictures::freeze(run, 0, Window::new(0, 2)), 0.513); // 1,800 − 39 · 33
    near(pictures::freeze(run, 0, Window::new(0, 1)), 0.0);
}

#[test]
fn layers_are_followed_over_time() {
    let (case, mut record) = scene(Vec::new());
    record.flows[0].layers =
        vec![(ms(200), Some(0)), (ms(1_000), Some(2)), (ms(3_000), Some(1)), (ms(4_000), Some(2))];
    let run = Run { case: &case, record: &record };
    near(pictures::rise_to(run, 0, 2, 0.0), 1.0);
    near(pictures::rise_to(run, 0, 2, 2.0), 0.0);
    near(pictures::rise_to(run, 0, 2, 3.5), 0.5);
    near(pictures::fall_to(run, 0, 1, 2.0), 1.0);
    assert!(pictures::fall_to(run, 0, 0, 2.0).is_infinite());
    near(pictures::time_in(run, 0, 2, Window::new(0, 10)), 80.0);
    near(pictures::time_in(run, 0, 1, Window::new(0, 10)), 10.0);
    near(pictures::kept(run, 0, 2, Window::new(0, 10)), 800.0 / 9.0);
    near(pictures::kept(run, 0, 3, Window::new(0, 10)), 0.0);
    near(pictures::switches(run, 0, Window::new(0, 4)), 2.0);
    near(pictures::switches(run, 0, Window::new(0, 5)), 3.0);
}
