//! The cases of RFC 8867, what is taken from RFC 8868 and RFC 8869, and those an SFU needs beside them.

use std::time::Duration;

use simulcast::Bitrate;
use tools::simnet::loss::Loss;
use tools::simnet::random::Probability;
use tools::simnet::schedule::Schedule;
use tools::simnet::time::SimTime;

use super::case::{BulkPlan, Case, FlowPlan, LinkSpec, Picture, Start};
use super::tcp::control::Control;

/// All of them, in the order of the table.
#[must_use]
pub fn all() -> Vec<Case> {
    let mut cases = variable();
    cases.extend(shared());
    cases.extend(tcp());
    cases.extend(paths());
    cases.extend(home());
    cases.extend(forwarding());
    cases
}

/// A case's links, before it has flows.
fn case(
    name: &'static str,
    title: &'static str,
    seconds: u64,
    forward: LinkSpec,
    back: u64,
) -> Case {
    let group = name.split_once('/').map_or(name, |(group, _)| group);
    let back = link(constant(back));
    let delay = ms(50);
    Case {
        name,
        group,
        title,
        seconds,
        links: vec![forward, back],
        delay,
        flows: Vec::new(),
        bulks: Vec::new(),
        shorts: 0,
        filler: None,
    }
}

/// 5.1 to 5.3: capacity that changes.
fn variable() -> Vec<Case> {
    let ratios = [(0, 1_000), (40, 2_500), (60, 600), (80, 1_000)];
    let one = |name, title, delay| {
        let forward = link(steps(&ratios));
        let mut case = case(name, title, 100, forward, 1_000);
        case.delay = ms(delay);
        case.with(&[flow(0, 99)])
    };
    let filled = |case: Case| {
        let free = ratios.map(|(at, kbps)| (at, 4_000 - kbps));
        let mut case = case;
        let available = steps(&ratios);
        case.links[0] = LinkSpec { available, ..link(constant(4_000)) };
        case.filler = Some(steps(&free));
        case
    };
    let two = link(steps(&[(0, 4_000), (25, 2_000), (50, 3_500), (75, 1_000), (100, 2_000)]));
    let congested = |name, title, back: Schedule| {
        let forward = link(steps(&[(0, 2_000), (20, 1_000), (40, 500), (60, 2_000)]));
        let mut case = case(name, title, 100, forward, 1_000);
        case.links[1] = link(back);
        case.with(&[flow(0, 99), backwards(flow(0, 99))])
    };
    vec![
        one("5.1", "variable capacity, one flow", 50),
        one("5.1/100ms", "the same, 100 ms one way", 100),
        filled(one("5.1u", "the same by background UDP", 50)),
        case("5.2", "variable capacity, two flows", 125, two, 2_000)
            .with(&[flow(0, 124), flow(0, 124)]),
        congested("5.3", "congested feedback", steps(&[(0, 2_000), (35, 800), (70, 2_000)])),
        congested("5.3/clear", "unimpaired feedback", constant(2_000)),
    ]
}

/// 5.4, 5.5 and 5.8: several flows at one bottleneck.
fn shared() -> Vec<Case> {
    let five: Vec<FlowPlan> = (0..)
        .zip([10, 25, 50, 100, 150])
        .map(|(place, delay)| FlowPlan { delay: ms(delay), ..flow(place * 10, 299) })
        .collect();
    let mut same = case("5.4", "same algorithm", 120, link(constant(3_500)), 3_500);
    same.flows = vec![flow(0, 119), flow(20, 119), flow(40, 119)];
    let mut fair = case("5.5", "round-trip fairness", 300, link(constant(4_000)), 4_000);
    fair.flows = five;
    let mut pause = case("5.8", "pause and resume", 120, link(constant(3_500)), 3_500);
    let paused = FlowPlan { pause: Some((second(40), second(60))), ..flow(0, 119) };
    pause.flows = vec![flow(0, 119), paused, flow(0, 119)];
    vec![same, fair, pause]
}

/// 5.6 and 5.7: beside TCP.
fn tcp() -> Vec<Case> {
    let long = |name, title, queue, control| {
        let mut case = case(name, title, 120, link(constant(2_000)), 2_000).with(&[flow(5, 119)]);
        case.queue(ms(queue));
        case.bulks = vec![BulkPlan { control, start: second(0), end: second(119) }];
        case
    };
    let mut short = case("5.7", "short TCP", 300, link(constant(2_000)), 2_000);
    short.shorts = 10;
    vec![
        long("5.6/300", "long TCP, queue 300 ms", 300, Control::NewReno),
        long("5.6/1000", "long TCP, queue 1000 ms", 1_000, Control::NewReno),
        long("5.6/cubic", "long TCP (CUBIC), queue 300 ms", 300, Control::Cubic),
        short.with(&[flow(5, 299), flow(5, 299)]),
    ]
}

/// 6.3, and delays, queues and losses.
fn paths() -> Vec<Case> {
    let mut hops = case("6.3", "two bottlenecks", 300, link(constant(2_000)), 20_000);
    hops.links.extend([link(constant(8_000)), link(constant(1_500))]);
    let via = |links: &[usize], delay| FlowPlan {
        forward: links.to_vec(),
        delay: ms(delay),
        ..flow(0, 299)
    };
    hops.flows = vec![via(&[0, 2, 3], 100), via(&[0], 40), via(&[3], 40)];
    let delayed = |name, title, delay| {
        let mut case = case(name, title, 60, link(constant(2_000)), 2_000);
        case.delay = ms(delay);
        case.with(&[flow(0, 60)])
    };
    let queued = |name, title, queue| {
        let mut case = case(name, title, 60, link(constant(1_000)), 1_000);
        case.queue(ms(queue));
        case.with(&[flow(0, 60)])
    };
    let lossy = |name, title, loss| {
        case(name, title, 60, link(constant(2_000)), 2_000)
            .with(&[FlowPlan { loss, ..flow(0, 60) }])
    };
    let percent = |percent| Loss::Independent(Probability::percent(percent));
    vec![
        hops,
        delayed("D/1", "delay 1 ms", 1),
        delayed("D/150", "delay 150 ms", 150),
        delayed("D/300", "delay 300 ms", 300),
        queued("Q/70", "queue 70 ms", 70),
        queued("Q/1000", "queue 1000 ms", 1_000),
        lossy("L/1", "loss 1 %", percent(1.0)),
        lossy("L/5", "loss 5 %", percent(5.0)),
        lossy("L/10", "loss 10 %", percent(10.0)),
        lossy("L/20", "loss 20 %", percent(20.0)),
        lossy("L/bursts", "loss in bursts", Loss::BURSTS),
    ]
}

/// RFC 8869: a home link, and sixteen receivers.
fn home() -> Vec<Case> {
    let both = [flow(0, 119), backwards(flow(0, 119))];
    let filled = |name, title, filler: &[(u64, u64)], available: &[(u64, u64)]| {
        let mut case = case(name, title, 120, link(constant(1_000)), 1_000).with(&both);
        case.links[0].available = steps(available);
        case.filler = Some(steps(filler));
        case
    };
    let start = Start::Within(Duration::from_secs(10));
    let many = vec![FlowPlan { start, ..flow(0, 120) }; 16];
    vec![
        filled("W/0-60", "home link, CBR 0-60 s", &[(0, 500), (60, 0)], &[(0, 500), (60, 1_000)]),
        filled(
            "W/60-119",
            "home link, CBR 60-119 s",
            &[(0, 0), (60, 500), (119, 0)],
            &[(0, 1_000), (60, 500), (119, 1_000)],
        ),
        case("N", "sixteen receivers", 120, link(constant(20_000)), 20_000).with(&many),
    ]
}

/// The cases of an SFU: layers.
fn forwarding() -> Vec<Case> {
    let top = [(0, 2)];
    let one = |name, title, seconds, rate: &[(u64, u64)], wanted: &[(u64, u8)]| {
        let wanted = wanted.iter().map(|(at, layer)| (second(*at), *layer)).collect();
        let picture = Picture::Simulcast { wanted };
        let mut case = case(name, title, seconds, link(steps(rate)), 10_000);
        case.delay = ms(25);
        case.with(&[FlowPlan { picture, ..flow(0, seconds) }])
    };
    let flapping: Vec<(u64, u64)> =
        (0..7).map(|half| (half * 10, if half % 2 == 0 { 2_000 } else { 400 })).collect();
    let mut many = case("S7", "many", 120, link(constant(3_000)), 10_000);
    many.delay = ms(25);
    vec![
        one("S1", "join", 60, &[(0, 5_000)], &top),
        one("S2", "between layers", 120, &[(0, 900)], &top),
        one("S3", "drop and return", 90, &[(0, 5_000), (30, 900), (60, 5_000)], &top),
        one("S4", "thumbnail, then full screen", 90, &[(0, 5_000)], &[(0, 0), (60, 2)]),
        one("S5", "bad start", 60, &[(0, 300), (30, 3_000)], &top),
        one("S6", "flapping link", 70, &flapping, &top),
        many.with(&[FlowPlan { picture: Picture::Many(25), ..flow(0, 120) }]),
    ]
}

impl Case {
    /// With these flows, each with the case's delay.
    fn with(self, flows: &[FlowPlan]) -> Self {
        let flows = flows.iter().map(|flow| FlowPlan { delay: self.delay, ..flow.clone() });
        Self { flows: flows.collect(), ..self }
    }

    /// Another length of all queues.
    fn queue(&mut self, queue: Duration) {
        for link in &mut self.links {
            link.queue = queue;
        }
    }
}

/// An adaptive flow over link 0, whose feedback comes back over link 1.
fn flow(start: u64, end: u64) -> FlowPlan {
    FlowPlan {
        start: Start::At(second(start)),
        end: second(end),
        pause: None,
        delay: ms(50),
        loss: Loss::None,
        forward: vec![0],
        backward: vec![1],
        picture: Picture::Adaptive,
    }
}

/// A flow the other way.
fn backwards(flow: FlowPlan) -> FlowPlan {
    FlowPlan { forward: flow.backward.clone(), backward: flow.forward.clone(), ..flow }
}

fn link(rate: Schedule) -> LinkSpec {
    LinkSpec { available: rate.clone(), rate, queue: ms(300) }
}

const fn constant(kbps: u64) -> Schedule {
    Schedule::constant(Bitrate::kbps(kbps))
}

/// From these seconds on these kbit/s; the first begins at 0.
fn steps(steps: &[(u64, u64)]) -> Schedule {
    let later = steps.iter().skip(1);
    later
        .fold(constant(steps[0].1), |rate, (at, kbps)| rate.then(second(*at), Bitrate::kbps(*kbps)))
}

const fn ms(milliseconds: u64) -> Duration {
    Duration::from_millis(milliseconds)
}

const fn second(seconds: u64) -> SimTime {
    SimTime::milliseconds(seconds * 1_000)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn named(name: &str) -> Case {
        all().into_iter().find(|case| case.name == name).expect("a case of this name")
    }

    #[test]
    fn names_are_unique_and_groups_hold_their_variants() {
        let cases = all();
        let mut names: Vec<&str> = cases.iter().map(|case| case.name).collect();
        names.sort_unstable();
        names.dedup();
        assert_eq!(names.len(), cases.len());
        let asked = |asked: &str| cases.iter().filter(|case| case.is(asked)).count();
        assert_eq!(
            [asked("5.1"), asked("5.1/100ms"), asked("l"), asked("S1"), asked("5")],
            [2, 1, 5, 1, 0]
        );
    }

    #[test]
    fn capacity_is_the_ratio_of_the_reference() {
        let rates = |case: &Case, link: usize, at: &[u64]| -> Vec<u64> {
            at.iter().map(|at| case.links[link].rate.at(second(*at)).as_bps() / 1_000).collect()
        };
        assert_eq!(
            rates(&named("5.2"), 0, &[0, 24, 25, 60, 99, 110]),
            [4_000, 4_000, 2_000, 3_500, 1_000, 2_000]
        );
        assert_eq!(rates(&named("5.3"), 1, &[34, 35, 70]), [2_000, 800, 2_000]);
        let filled = named("5.1u");
        let filler = filled.filler.as_ref().expect("background traffic");
        for at in [0, 40, 60, 80] {
            let sum = filler.at(second(at)) + filled.links[0].available.at(second(at));
            assert_eq!(sum, Bitrate::kbps(4_000));
        }
        let hops = named("6.3");
        assert_eq!((rates(&hops, 2, &[0]), rates(&hops, 3, &[0])), (vec![8_000], vec![1_500]));
    }
}
