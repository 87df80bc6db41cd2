use std::time::{Duration, Instant};

use proptest::prelude::*;

use super::*;
use crate::layer::LayerId;
use crate::units::Bitrate;

/// Any moment: only distances count.
#[expect(
    clippy::disallowed_methods,
    reason = "a test needs some moment, and nothing else makes one"
)]
pub(super) fn some_instant() -> Instant {
    Instant::now()
}

/// A want with the layers of its publication.
#[derive(Clone, Debug)]
struct Wish {
    want: Want,
    layers: Vec<Layer>,
}

/// One allocation as the property tests make it.
fn run(now: Instant, budget: u64, wishes: &[Wish], previous: &Targets) -> Targets {
    run_limited(now, Budget::estimated(Bitrate::bps(budget)), wishes, previous)
}

fn run_limited(now: Instant, budget: Budget, wishes: &[Wish], previous: &Targets) -> Targets {
    let wants: Vec<Want> = wishes.iter().map(|wish| wish.want).collect();
    let layers: Vec<&[Layer]> = wishes.iter().map(|wish| wish.layers.as_slice()).collect();
    allocate(now, budget, &wants, &layers, previous)
}

fn fresh(budget: u64, wishes: &[Wish]) -> Targets {
    run(some_instant(), budget, wishes, &Targets::default())
}

fn any_layers() -> impl Strategy<Value = Vec<Layer>> {
    proptest::collection::vec(
        (0..4_u8, 0..3_u8, 0..5_u16, 0..3_u8, 0..2_000_u64, proptest::bool::weighted(0.9)),
        0..7,
    )
    .prop_map(|layers| {
        let layer = |(spatial, temporal, height, frame_rate, bitrate, active)| Layer {
            id: LayerId { spatial, temporal },
            height: height * 180,
            frame_rate: frame_rate * 15,
            bitrate: Bitrate::bps(bitrate),
            active,
        };
        layers.into_iter().map(layer).collect()
    })
}

fn any_want() -> impl Strategy<Value = Want> {
    let class = prop_oneof![
        Just(Class::Thumbnail),
        Just(Class::Visible),
        Just(Class::Speaker),
        Just(Class::Pinned)
    ];
    let choice = prop_oneof![
        6 => Just(Choice::Automatic), 1 => Just(Choice::Lowest), 1 => Just(Choice::Paused)
    ];
    let kind = prop_oneof![Just(Kind::Camera), Just(Kind::Screen)];
    (kind, class, 0..5_u16, 0..3_u32, 0..3_u8, choice).prop_map(
        |(kind, class, height, size, frame_rate, choice)| Want {
            id: WantId(0),
            kind,
            class,
            height: height * 200,
            size,
            frame_rate: frame_rate * 15,
            choice,
        },
    )
}

fn any_wishes() -> impl Strategy<Value = Vec<Wish>> {
    proptest::collection::vec((any_want(), any_layers()), 0..7).prop_map(|wishes| {
        let wish = |(id, (want, layers))| Wish { want: Want { id: WantId(id), ..want }, layers };
        (0..).zip(wishes).map(wish).collect()
    })
}

fn any_shed() -> impl Strategy<Value = Shed> {
    prop_oneof![
        Just(Shed::Nothing),
        Just(Shed::New),
        Just(Shed::Layers),
        Just(Shed::AllLayers),
        Just(Shed::Pictures)
    ]
}

/// The layers that a want may get in the order of its steps, with their costs: section 5's words, written apart from `Ladder`.
fn rungs(wish: &Wish) -> Vec<(LayerId, u64)> {
    let Wish { want, layers } = wish;
    if want.height == 0 || want.choice == Choice::Paused {
        return Vec::new();
    }
    let mut active: Vec<Layer> = layers.iter().copied().filter(|layer| layer.active).collect();
    active.sort_by_key(|layer| (layer.id, layer.bitrate, layer.height, layer.frame_rate));
    active.dedup_by_key(|layer| layer.id);
    let Some(lowest) = active.iter().map(|layer| layer.id.spatial).min() else { return Vec::new() };
    let most = active.iter().map(|layer| layer.id.spatial).max().unwrap();
    let seen = active.iter().filter(|layer| layer.height >= want.height);
    let top = seen.map(|layer| layer.id.spatial).min().unwrap_or(most);
    active.retain(|layer| layer.id.spatial <= top);
    let all = active.clone();
    // Of each picture size no frame rate above the lowest that suffices.
    active.retain(|layer| {
        want.frame_rate == 0
            || !all.iter().any(|below| {
                below.id.spatial == layer.id.spatial
                    && below.id.temporal < layer.id.temporal
                    && below.frame_rate >= want.frame_rate
            })
    });
    let all = active.clone();
    active.retain(|layer| {
        let same = all.iter().filter(|other| other.id.spatial == layer.id.spatial);
        let temporal = same.map(|other| other.id.temporal);
        match want.kind {
            Kind::Camera => layer.id.spatial == lowest || Some(layer.id.temporal) == temporal.max(),
            Kind::Screen => layer.id.spatial == top || Some(layer.id.temporal) == temporal.min(),
        }
    });
    if want.choice == Choice::Lowest {
        active.truncate(1);
    }
    let mut cost = 0;
    let rung = |layer: Layer| {
        cost = layer.bitrate.as_bps().max(cost);
        (layer.id, cost)
    };
    active.into_iter().map(rung).collect()
}

/// A step as the order has it: whose, to which level (1 is the lowest layer), at which price.
#[derive(Clone, Copy, Debug)]
struct Step {
    wish: usize,
    level: usize,
    cost: u64,
}

/// All steps in the order of section 5's table, by sorting on what the table says.
fn ordered(wishes: &[Wish]) -> Vec<Step> {
    let mut steps = Vec::new();
    for (wish, one) in wishes.iter().enumerate() {
        let mut below = 0;
        for (rung, (_, cost)) in rungs(one).into_iter().enumerate() {
            steps.push(Step { wish, level: rung + 1, cost: cost - below });
            below = cost;
        }
    }
    let rank = |wish: usize| {
        let want = wishes[wish].want;
        (std::cmp::Reverse(want.class), std::cmp::Reverse(want.size), want.id)
    };
    steps.sort_by_key(|step| {
        let pinned = wishes[step.wish].want.class == Class::Pinned;
        let (phase, round) = match (step.level, pinned) {
            (1, _) => (1, 0),
            (_, true) => (2, 0),
            (level, false) => (3, level),
        };
        (phase, round, rank(step.wish), step.level)
    });
    steps
}

fn level(wish: &Wish, target: &Target) -> usize {
    target.layer.map_or(0, |layer| {
        1 + rungs(wish).iter().position(|(id, _)| *id == layer).expect("a layer of the ladder")
    })
}

fn levels(wishes: &[Wish], targets: &Targets) -> Vec<usize> {
    wishes.iter().zip(&targets.targets).map(|(wish, target)| level(wish, target)).collect()
}

/// What the targets cost by the ladder, which is never less than what their layers were measured at.
fn cost(wishes: &[Wish], targets: &Targets) -> u64 {
    wishes
        .iter()
        .zip(levels(wishes, targets))
        .map(|(wish, level)| if level == 0 { 0 } else { rungs(wish)[level - 1].1 })
        .sum()
}

/// One call of a trace: how long after the last, the budget, and whether the wants are new ones.
type Call = (u64, u64, Option<Vec<Wish>>);

fn any_trace() -> impl Strategy<Value = Vec<Call>> {
    let change = proptest::option::weighted(0.15, any_wishes());
    let call = (0..700_u64, prop_oneof![0..8_000_u64, 3_000..4_000_u64], change);
    (any_wishes(), proptest::collection::vec(call, 1..40)).prop_map(|(first, mut calls)| {
        calls[0].2 = Some(first);
        calls
    })
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(10_000))]

    #[test]
    fn the_first_allocation_takes_each_step_that_fits_in_their_order(
        wishes in any_wishes(), budget in 0..8_000_u64
    ) {
        let targets = fresh(budget, &wishes);
        let mut expected = vec![0; wishes.len()];
        let mut left = budget;
        for step in ordered(&wishes) {
            if expected[step.wish] + 1 == step.level && step.cost <= left {
                expected[step.wish] = step.level;
                left -= step.cost;
            }
        }
        prop_assert_eq!(levels(&wishes, &targets), expected);
        prop_assert_eq!(targets.total.as_bps(), budget - left);
    }

    #[test]
    fn more_budget_never_gives_a_lexicographically_smaller_choice(
        wishes in any_wishes(), less in 0..8_000_u64, more in 0..2_000_u64
    ) {
        let bits = |budget| -> Vec<bool> {
            let levels = levels(&wishes, &fresh(budget, &wishes));
            ordered(&wishes).iter().map(|step| levels[step.wish] >= step.level).collect()
        };
        prop_assert!(bits(less + more) >= bits(less));
    }

    #[test]
    fn nothing_that_fits_is_left_and_nobody_starves(wishes in any_wishes(), budget in 0..8_000_u64) {
        let targets = fresh(budget, &wishes);
        let levels = levels(&wishes, &targets);
        let left = budget - cost(&wishes, &targets);
        let second = levels.iter().any(|level| *level > 1);
        for step in ordered(&wishes) {
            let untaken = levels[step.wish] + 1 == step.level;
            prop_assert!(!untaken || step.cost > left, "waste");
            // Who has no layer while others have a second: it did not fit when only lowest layers had been given.
            if untaken && step.level == 1 && second {
                let lowest: u64 = ordered(&wishes).iter()
                    .filter(|other| other.level == 1 && levels[other.wish] > 0)
                    .map(|other| other.cost).sum();
                prop_assert!(lowest + step.cost > budget, "starved");
            }
        }
    }

    #[test]
    fn of_equal_wants_the_higher_class_never_has_the_lower_layer(
        wishes in any_wishes(), budget in 0..8_000_u64
    ) {
        let mut wishes = wishes;
        if let Some((first, rest)) = wishes.split_first_mut() {
            for wish in rest {
                wish.layers = first.layers.clone();
                wish.want = Want { class: wish.want.class, size: wish.want.size, id: wish.want.id, ..first.want };
            }
        }
        let levels = levels(&wishes, &fresh(budget, &wishes));
        for (one, level) in wishes.iter().zip(&levels) {
            for (other, other_level) in wishes.iter().zip(&levels) {
                prop_assert!(one.want.class <= other.want.class || level >= other_level);
            }
        }
    }

    #[test]
    fn order_does_not_matter(
        wishes in any_wishes(), budget in 0..8_000_u64, next in 0..8_000_u64, turn in 0..7_usize
    ) {
        let start = some_instant();
        let twice = |wishes: &[Wish]| {
            let first = run(start, budget, wishes, &Targets::default());
            run(start + Duration::from_secs(3), next, wishes, &first)
        };
        let mut turned = wishes.clone();
        let turn = turn % wishes.len().max(1);
        turned.rotate_left(turn);
        for wish in &mut turned {
            wish.layers.reverse();
        }
        let (mut plain, permuted) = (twice(&wishes), twice(&turned));
        plain.targets.rotate_left(turn);
        prop_assert_eq!(plain, permuted);
    }

    #[test]
    fn every_target_says_why_it_is_not_more(wishes in any_wishes(), budget in 0..8_000_u64) {
        let targets = fresh(budget, &wishes);
        let mut desired = 0;
        for (wish, target) in wishes.iter().zip(&targets.targets) {
            let (rungs, level) = (rungs(wish), level(wish, target));
            desired += rungs.last().map_or(0, |rung| rung.1);
            let unlimited = Wish { want: Want { choice: Choice::Automatic, ..wish.want }, ..wish.clone() };
            let expected = match wish.want.choice {
                _ if wish.want.height == 0 => Reason::Hidden,
                Choice::Paused => Reason::Chosen,
                _ if level < rungs.len() => Reason::Starting,
                Choice::Lowest if self::rungs(&unlimited).len() > 1 => Reason::Chosen,
                Choice::Lowest | Choice::Automatic => Reason::Full,
            };
            prop_assert_eq!(target.reason, expected);
            prop_assert_eq!(target.short_by > Bitrate::ZERO, level < rungs.len());
        }
        prop_assert_eq!(targets.desired.as_bps(), desired);
        // The next step is the one that a budget larger by its cost takes.
        let levels = levels(&wishes, &targets);
        let next = ordered(&wishes).into_iter().find(|step| levels[step.wish] + 1 == step.level);
        prop_assert_eq!(targets.next_step.map(Bitrate::as_bps), next.map(|step| step.cost));
    }
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(10_000))]

    #[test]
    fn over_any_past_the_budget_holds_and_the_result_is_a_fixpoint(trace in any_trace()) {
        let (mut now, mut previous, mut wishes) = (some_instant(), Targets::default(), Vec::new());
        for (gap, budget, change) in trace {
            now += Duration::from_millis(gap);
            wishes = change.unwrap_or(wishes);
            let targets = run(now, budget, &wishes, &previous);
            prop_assert!(cost(&wishes, &targets) <= budget);
            prop_assert_eq!(targets.total.as_bps(), cost(&wishes, &targets));
            prop_assert_eq!(&run(now, budget, &wishes, &targets), &targets);
            previous = targets;
        }
    }

    #[test]
    fn neither_the_network_nor_the_person_is_ever_overspent(
        wishes in any_wishes(),
        calls in proptest::collection::vec((0..700_u64, 0..8_000_u64, 0..8_000_u64), 1..40)
    ) {
        let (mut now, mut previous) = (some_instant(), Targets::default());
        for (gap, estimate, limit) in calls {
            now += Duration::from_millis(gap);
            let budget = Budget { limit: Bitrate::bps(limit), ..Budget::estimated(Bitrate::bps(estimate)) };
            let targets = run_limited(now, budget, &wishes, &previous);
            prop_assert!(cost(&wishes, &targets) <= estimate.min(limit));
            prop_assert_eq!(&run_limited(now, budget, &wishes, &targets), &targets);
            for (wish, target) in wishes.iter().zip(&targets.targets) {
                // Whoever lacks a step for want of network is short of that much, and more where the person is in the way.
                let missing = level(wish, target) < rungs(wish).len();
                prop_assert!(target.short_by == Bitrate::ZERO || missing);
            }
            previous = targets;
        }
    }

    #[test]
    fn a_limit_leaves_no_trace(wishes in any_wishes(), limits in proptest::collection::vec(0..8_000_u64, 1..8)) {
        // The network has had room for all for long; whatever was set in between, one want gets what the limit says.
        let mut wishes = wishes;
        wishes.truncate(1);
        let (mut now, mut previous) = (some_instant(), Targets::default());
        for limit in std::iter::repeat_n(8_000, 60).chain(limits) {
            now += Duration::from_millis(100);
            let budget = Budget { limit: Bitrate::bps(limit), ..Budget::estimated(Bitrate::MAX) };
            previous = run_limited(now, budget, &wishes, &previous);
            prop_assert_eq!(levels(&wishes, &previous), levels(&wishes, &fresh(limit, &wishes)));
        }
    }

    #[test]
    fn a_higher_class_takes_room_from_lower_ones_at_once(
        wishes in any_wishes(), budget in 0..8_000_u64, raised in 0..7_usize
    ) {
        // A budget that has been the same for long: whatever is wanted now, its past permits every step.
        let (mut now, mut previous, mut wishes) = (some_instant(), Targets::default(), wishes);
        for _ in 0..80 {
            now += Duration::from_millis(100);
            previous = run(now, budget, &wishes, &previous);
        }
        let raised = raised % wishes.len().max(1);
        for (place, wish) in wishes.iter_mut().enumerate() {
            let class = if place == raised { Class::Pinned } else { wish.want.class.min(Class::Speaker) };
            wish.want.class = class;
        }
        let targets = run(now + Duration::from_millis(100), budget, &wishes, &previous);
        if let Some((wish, target)) = wishes.iter().zip(&targets.targets).nth(raised) {
            // Before its second step come only the lowest layers of the others; a tenth must be to spare.
            let others = wishes.iter().enumerate().filter(|(place, _)| *place != raised);
            let lowest: u64 = others.filter_map(|(_, other)| rungs(other).first().map(|rung| rung.1)).sum();
            let fits = |before: u64, cost: u64| (before + cost) * 11 <= budget * 10;
            let rungs = rungs(wish);
            let least = (1..=rungs.len())
                .take_while(|level| fits(if *level == 1 { 0 } else { lowest }, rungs[level - 1].1))
                .count();
            prop_assert!(level(wish, target) >= least, "{} of {least}", level(wish, target));
        }
    }

    #[test]
    fn what_the_server_has_no_power_for_goes_at_once_and_comes_back(
        (wishes, shed) in (any_wishes(), any_shed()), budget in 0..8_000_u64, others in 0..8_000_u64,
    ) {
        let before = fresh(budget, &wishes);
        let busy = Budget { shed, ..Budget::estimated(Bitrate::bps(others)) };
        let now = some_instant() + Duration::from_secs(3);
        let during = run_limited(now, busy, &wishes, &before);
        let had = levels(&wishes, &before);
        for ((wish, target), had) in wishes.iter().zip(&during.targets).zip(&had) {
            let all = rungs(wish).len();
            let most = match (shed, wish.want.class) {
                (Shed::Nothing, _) => all,
                (Shed::Layers, Class::Thumbnail | Class::Visible) | (Shed::AllLayers, _) => 1.min(*had),
                (Shed::New | Shed::Layers, _) => *had,
                (Shed::Pictures, _) => 0,
            };
            let got = level(wish, target);
            prop_assert!(got <= most);
            if got == most && most < all {
                prop_assert_eq!((target.reason, target.next), (Reason::Server, None));
            }
        }
        // Nothing of it is remembered: a receiver that had nothing before gets all that fits.
        let nothing = Budget { shed: Shed::Pictures, ..Budget::estimated(Bitrate::bps(budget)) };
        let mut after = run_limited(some_instant(), nothing, &wishes, &Targets::default());
        prop_assert_eq!(cost(&wishes, &after), 0);
        for tenths in 1..100 {
            let now = some_instant() + Duration::from_millis(100 * tenths);
            after = run_limited(now, Budget::estimated(Bitrate::MAX), &wishes, &after);
        }
        prop_assert_eq!(levels(&wishes, &after), wishes.iter().map(|wish| rungs(wish).len()).collect::<Vec<_>>());
    }

    #[test]
    fn a_step_up_takes_care(trace in any_trace()) {
        let (mut now, mut previous, mut wishes) = (some_instant(), Targets::default(), Vec::<Wish>::new());
        let start = now;
        let (mut budgets, mut begun) = (Vec::<(Instant, u64)>::new(), None);
        let mut down: Vec<Option<Instant>> = Vec::new();
        let mut reduced = false;
        for (gap, budget, change) in trace {
            now += Duration::from_millis(gap);
            budgets.push((now, budget));
            let changed = change.is_some();
            wishes = change.unwrap_or(wishes);
            let targets = run(now, budget, &wishes, &previous);
            let after = levels(&wishes, &targets);
            if changed {
                down = vec![None; wishes.len()];
            } else {
                let before = levels(&wishes, &previous);
                reduced |= cost(&wishes, &previous) > budget;
                let least = |window| {
                    let ends = budgets.iter().skip(1).map(|(at, _)| *at).chain([now]);
                    let inside = budgets.iter().zip(ends)
                        .filter(|(_, end)| now.duration_since(*end) < window);
                    inside.map(|((_, budget), _)| *budget).min().unwrap()
                };
                let quick = |before: usize| before == 0
                    || (!reduced && now.duration_since(begun.unwrap()) < Duration::from_secs(5));
                let window = |before| Duration::from_millis(if quick(before) { 500 } else { 2_000 });
                // Wants that join at this moment had more room, and may have come last.
                let joined: u64 = wishes.iter().zip(Iterator::zip(before.iter(), &after))
                    .filter(|(_, (before, after))| **before == 0 && **after > 0)
                    .map(|(wish, (_, after))| rungs(wish)[after - 1].1).sum();
                for (place, (before, after)) in before.iter().zip(&after).enumerate() {
                    if after > before && begun.is_some() {
                        let spent = cost(&wishes, &targets) - if *before == 0 { 0 } else { joined };
                        prop_assert!(now.duration_since(budgets[0].0) >= window(*before));
                        prop_assert!(spent * 11 <= least(window(*before)) * 10 + 11);
                        prop_assert!(down[place].is_none_or(|at| now - at >= Duration::from_secs(2)));
                    }
                    if after < before {
                        down[place] = Some(now);
                    }
                }
            }
            begun = begun.or_else(|| wishes.iter().any(|wish| !rungs(wish).is_empty()).then_some(now));
            previous = targets;
        }
        prop_assert!(now >= start);
    }
}

const LADDER: [(u16, u64); 3] = [(180, 150_000), (360, 500_000), (720, 1_500_000)];

/// The ladder of rfc8867's simulcast source.
fn camera(id: u32, class: Class, height: u16) -> Wish {
    let layer = |(place, (height, bitrate)): (u8, (u16, u64))| Layer {
        id: LayerId::spatial(place),
        height,
        frame_rate: 30,
        bitrate: Bitrate::bps(bitrate),
        active: true,
    };
    let (id, kind, choice) = (WantId(id), Kind::Camera, Choice::Automatic);
    let want = Want { id, kind, class, height, size: height.into(), frame_rate: 0, choice };
    Wish { want, layers: (0..).zip(LADDER).map(layer).collect() }
}

/// A receiver over time, called each 100 ms.
struct Receiver {
    now: Instant,
    limit: Bitrate,
    wishes: Vec<Wish>,
    targets: Targets,
}

impl Receiver {
    fn new(wishes: Vec<Wish>) -> Self {
        Self { now: some_instant(), limit: Bitrate::MAX, wishes, targets: Targets::default() }
    }

    /// Goes on until the moment that `tenths` of a second from now `budget` has been in force; gives the levels then.
    fn after(&mut self, tenths: u32, budget: u64) -> Vec<usize> {
        for tenth in 0..=tenths {
            if tenth > 0 {
                self.now += Duration::from_millis(100);
            }
            let budget = Budget { limit: self.limit, ..Budget::estimated(Bitrate::bps(budget)) };
            self.targets = run_limited(self.now, budget, &self.wishes, &self.targets);
        }
        levels(&self.wishes, &self.targets)
    }

    fn reason(&self, place: usize) -> Reason {
        self.targets.targets[place].reason
    }
}

#[test]
fn the_first_seconds_climb_fast_and_later_steps_wait_two_seconds() {
    let mut receiver = Receiver::new(vec![camera(1, Class::Visible, 720)]);
    assert_eq!(receiver.after(0, 300_000), [1]);
    assert_eq!(receiver.reason(0), Reason::Starting);
    assert_eq!(receiver.after(4, 2_000_000), [1]);
    assert_eq!(receiver.after(1, 2_000_000), [3], "half a second of room");
    assert_eq!(receiver.reason(0), Reason::Full);
    assert_eq!(receiver.after(60, 2_000_000), [3]);
    assert_eq!(receiver.after(60, 800_000), [2], "down at once");
    assert_eq!(receiver.reason(0), Reason::Budget);
    assert_eq!(receiver.after(0, 2_000_000), [2]);
    assert_eq!(receiver.after(19, 2_000_000), [2]);
    assert_eq!(receiver.after(1, 2_000_000), [3], "two seconds of room");
}

#[test]
fn a_tenth_must_be_to_spare() {
    let mut receiver = Receiver::new(vec![camera(1, Class::Visible, 720)]);
    receiver.after(100, 400_000);
    assert_eq!(receiver.after(50, 549_999), [1]);
    assert_eq!(receiver.targets.targets[0].short_by, Bitrate::bps(1));
    assert_eq!(receiver.after(21, 550_000), [2]);
    assert_eq!(receiver.after(0, 500_000), [2], "what flows needs nothing to spare");
    assert_eq!(receiver.after(0, 499_999), [1]);
}

#[test]
fn a_step_that_failed_waits_longer_and_the_steps_below_it_do_not() {
    let mut receiver = Receiver::new(vec![camera(1, Class::Visible, 720)]);
    receiver.after(100, 160_000);
    assert_eq!(receiver.after(30, 2_000_000), [3]);
    assert_eq!(receiver.after(0, 160_000), [1], "both steps are undone");
    assert_eq!(receiver.after(49, 2_000_000), [1]);
    assert_eq!(receiver.after(1, 2_000_000), [3], "five seconds later");
    assert_eq!(receiver.after(0, 600_000), [2], "one is undone, the second time");
    assert_eq!(receiver.after(99, 2_000_000), [2]);
    assert_eq!(receiver.after(1, 2_000_000), [3], "ten seconds later");
    receiver.after(101, 2_000_000);
    receiver.after(0, 160_000);
    assert_eq!(receiver.after(19, 600_000), [1]);
    assert_eq!(receiver.after(2, 600_000), [2], "it had held for ten seconds");
}

#[test]
fn a_limit_that_a_person_sets_is_obeyed_at_once_both_ways() {
    let mut receiver = Receiver::new(vec![camera(1, Class::Visible, 720)]);
    assert_eq!(receiver.after(100, 2_000_000), [3]);
    for _ in 0..5 {
        for (limit, level, reason) in [
            (400_000, 1, Reason::Chosen),
            (500_000, 2, Reason::Chosen),
            (149_999, 0, Reason::Chosen),
            (3_000_000, 3, Reason::Full),
        ] {
            receiver.limit = Bitrate::bps(limit);
            assert_eq!(receiver.after(0, 2_000_000), [level], "{limit}: nothing to spare");
            assert_eq!(receiver.reason(0), reason);
        }
    }
    assert_eq!(receiver.after(0, 160_000), [1], "what the network takes back failed");
    assert_eq!(receiver.after(49, 2_000_000), [1]);
    assert_eq!(receiver.after(1, 2_000_000), [3], "five seconds later");
}

#[test]
fn a_joiner_gets_its_lowest_layer_from_the_others_second_steps() {
    let mut receiver = Receiver::new(vec![camera(1, Class::Pinned, 720)]);
    assert_eq!(receiver.after(100, 1_600_000), [3]);
    receiver.wishes.push(camera(2, Class::Thumbnail, 180));
    assert_eq!(receiver.after(0, 1_600_000), [2, 1], "at once: the room was there for long");
}

#[test]
fn a_higher_class_takes_room_at_once_and_an_equal_one_does_not() {
    let settled = || {
        let mut receiver =
            Receiver::new(vec![camera(1, Class::Visible, 720), camera(2, Class::Visible, 180)]);
        assert_eq!(receiver.after(100, 1_700_000), [3, 1]);
        receiver
    };
    let mut receiver = settled();
    receiver.wishes[1] = camera(2, Class::Visible, 720);
    assert_eq!(receiver.after(100, 1_700_000), [3, 1]);
    assert_eq!(receiver.reason(1), Reason::Budget);
    let mut receiver = settled();
    receiver.wishes[1] = camera(2, Class::Pinned, 360);
    assert_eq!(receiver.after(0, 1_700_000), [2, 2]);
}

#[test]
fn a_view_that_shrinks_or_hides_is_no_failure() {
    let mut receiver = Receiver::new(vec![camera(1, Class::Visible, 720)]);
    assert_eq!(receiver.after(100, 3_000_000), [3]);
    for (height, level, reason) in [
        (100, 1, Reason::Full),
        (720, 3, Reason::Full),
        (0, 0, Reason::Hidden),
        (360, 2, Reason::Full),
    ] {
        receiver.wishes[0] = camera(1, Class::Visible, height);
        assert_eq!(receiver.after(0, 3_000_000), [level], "{height}: at once");
        assert_eq!(receiver.reason(0), reason);
    }
}

#[test]
fn without_room_for_the_lowest_layer_the_picture_is_paused() {
    let mut receiver = Receiver::new(vec![camera(1, Class::Visible, 720)]);
    receiver.after(100, 100_000);
    assert_eq!(receiver.reason(0), Reason::Paused);
    assert_eq!(receiver.targets.targets[0].short_by, Bitrate::bps(65_000));
    assert_eq!(receiver.targets.next_step, Some(Bitrate::bps(150_000)));
    assert_eq!(receiver.targets.desired, Bitrate::bps(1_500_000));
}

#[test]
fn any_input_is_decided() {
    let rates = [0, 1, u64::MAX / 2, u64::MAX];
    for rate in rates {
        for budget in rates {
            let mut wishes: Vec<Wish> =
                (0..50).map(|id| camera(id, Class::Visible, u16::MAX)).collect();
            wishes
                .iter_mut()
                .flat_map(|wish| &mut wish.layers)
                .for_each(|layer| layer.bitrate = Bitrate::bps(rate));
            let first = fresh(budget, &wishes);
            let again = run(some_instant(), budget / 3, &wishes, &first);
            assert!(first.total.as_bps() <= budget && again.total.as_bps() <= budget / 3);
        }
    }
    let many: Vec<Wish> = (0..10_000).map(|id| camera(id, Class::Thumbnail, 180)).collect();
    let targets = fresh(150_000 * 2_500, &many);
    assert_eq!(targets.targets.iter().filter(|target| target.layer.is_some()).count(), 2_500);
    // More wants than layers, one id twice, time that goes back.
    let want = many[0].want;
    let later =
        allocate(some_instant(), Budget::estimated(Bitrate::MAX), &[want, want], &[], &targets);
    let before = some_instant().checked_sub(Duration::from_secs(60)).unwrap();
    let back = allocate(
        before,
        Budget::estimated(Bitrate::ZERO),
        &[want, want],
        &[&many[0].layers],
        &later,
    );
    assert_eq!(back.total, Bitrate::ZERO);
}

/// A generator for the flicker test: xorshift64*, so that a seed is a run.
fn noise(state: &mut u64) -> u64 {
    *state ^= *state >> 12;
    *state ^= *state << 25;
    *state ^= *state >> 27;
    state.wrapping_mul(0x2545_f491_4f6c_dd1d) >> 33
}

/// Changes of each want in the 60 s after the first five, with a budget that is off by up to ±10 % each 100 ms. Without care each
/// allocation is made as if it were the first.
fn changes(seed: u64, budget: u64, wants: u32, is_careful: bool) -> Vec<usize> {
    let class = |want| [Class::Visible, Class::Pinned, Class::Thumbnail][want as usize % 3];
    let wishes: Vec<Wish> = (0..wants).map(|want| camera(want, class(want), 720)).collect();
    let mut receiver = Receiver::new(wishes);
    let mut state = seed.wrapping_mul(0x9e37_79b9_7f4a_7c15) | 1;
    let mut before = Vec::new();
    let mut changes = vec![0; wants as usize];
    for tenth in 0..650 {
        let wave = 900 + noise(&mut state) % 201;
        if !is_careful {
            receiver.targets = Targets::default();
        }
        let after = receiver.after(0, budget * wave / 1_000);
        receiver.now += Duration::from_millis(100);
        if tenth > 50 {
            for (count, (before, after)) in
                changes.iter_mut().zip(Iterator::zip(before.iter(), &after))
            {
                *count += usize::from(before != after);
            }
        }
        before = after;
    }
    changes
}

#[test]
fn a_budget_that_trembles_does_not_make_pictures_flicker() {
    for wants in 1..=6 {
        for step in 0..60 {
            let budget = 100_000 + u64::from(wants) * 28_000 * step;
            let seed = u64::from(wants) * 1_000 + step;
            let changes = changes(seed, budget, wants, true);
            assert!(changes.iter().all(|count| *count <= 1), "{wants} at {budget}: {changes:?}");
        }
    }
}

/// The same without care, at budgets that tremble around a step: the bound above would not hold.
#[test]
fn without_care_a_budget_that_trembles_makes_pictures_flicker() {
    for budget in [150_000, 500_000, 1_500_000] {
        let changes = changes(1, budget, 1, false);
        assert!(changes[0] > 100, "{budget}: {changes:?}");
    }
}
