//! Spatial and temporal layers of one stream: selected by view and budget, and no reference is ever broken.

use sfu::command::Pictures;
use simulcast::Bitrate;
use tests::client::Devices;
use tests::client::picture::svc::Svc;
use tests::codec::Codec;
use tests::plan::{Link, Step, WIDE, ms, run, secs};
use tools::simnet::loss::Loss;
use tools::simnet::random::Probability;
use tools::simnet::route::Reordering;

use super::{ALICE, BOB, CAROL, DAVE, SEEDS};

const MODES: [(Codec, Svc); 4] = [
    (Codec::Vp9, Svc::Full),
    (Codec::Vp9, Svc::Key),
    (Codec::Av1, Svc::Full),
    (Codec::Av1, Svc::Key),
];

/// Alice sends three spatial and three temporal layers in each mode, Bob sees her; then what the plan says.
fn in_each_mode(then: impl Fn(Svc) -> Vec<Step>) {
    for ((codec, svc), seed) in MODES.into_iter().flat_map(|mode| SEEDS.map(|seed| (mode, seed))) {
        println!("{codec:?} {svc:?}"); // seen where it fails
        let mut plan = vec![
            Step::Joins { who: ALICE, with: Devices::layered(codec, svc) },
            Step::Joins { who: BOB, with: Devices::ALL },
            Step::Run(secs(2)),
            Step::Sees { who: BOB, of: ALICE, layer: 2 },
        ];
        plan.extend(then(svc));
        run(seed, &plan);
    }
}

const fn losing(percent: f64) -> Link {
    Link { loss: Loss::Independent(Probability::percent(percent)), ..WIDE }
}

fn prefers(kbps: Option<u64>) -> Step {
    let budget = kbps.map(Bitrate::kbps);
    Step::Prefers { who: BOB, budget, pictures: Pictures::Automatic }
}

#[test]
fn all_layers_flow_to_whoever_shows_them_large() {
    in_each_mode(|_| {
        vec![
            Step::Run(secs(3)),
            Step::Sees { who: BOB, of: ALICE, layer: 2 },
            Step::LongestGap { who: BOB, of: ALICE, at_most: ms(100) },
            Step::NoKeyframeRequests,
        ]
    });
}

#[test]
fn the_spatial_layer_follows_the_view_both_ways() {
    in_each_mode(|_| {
        let mut plan = Vec::new();
        for (height, layer) in [(180, 0), (360, 1), (720, 2), (360, 1), (90, 0), (720, 2)] {
            plan.push(Step::Views { who: BOB, height });
            plan.push(Step::Run(secs(2)));
            plan.push(Step::Sees { who: BOB, of: ALICE, layer });
            plan.push(Step::LongestGap { who: BOB, of: ALICE, at_most: ms(150) });
        }
        plan
    });
}

/// Down within full SVC needs no keyframe: whoever has the upper layers has the lower ones.
#[test]
fn the_way_down_asks_for_no_keyframe_where_nothing_is_lacking() {
    in_each_mode(|svc| match svc {
        Svc::Full => vec![
            Step::Views { who: BOB, height: 360 },
            Step::Run(secs(1)),
            Step::Sees { who: BOB, of: ALICE, layer: 1 },
            Step::NoKeyframeRequests,
            Step::Views { who: BOB, height: 180 },
            Step::Run(secs(1)),
            Step::Sees { who: BOB, of: ALICE, layer: 0 },
            Step::NoKeyframeRequests,
        ],
        Svc::Key => vec![
            Step::Views { who: BOB, height: 180 },
            Step::Run(secs(1)),
            Step::Sees { who: BOB, of: ALICE, layer: 0 },
            Step::KeyframeRequests { of: ALICE, apart: ms(500) },
        ],
    });
}

/// Of 1.5 Mbit/s an eighth is the lowest layer, another two eighths the middle one; a quarter of each is temporal layer 0.
#[test]
fn layers_follow_the_budget_both_ways() {
    in_each_mode(|_| {
        let mut plan = Vec::new();
        for (kbps, layer, gap) in
            [(Some(800), 1, 100), (Some(300), 0, 100), (Some(80), 0, 300), (None, 2, 200)]
        {
            plan.push(prefers(kbps));
            plan.push(Step::Run(secs(2)));
            plan.push(Step::Run(secs(2)));
            plan.push(Step::Sees { who: BOB, of: ALICE, layer });
            plan.push(Step::LongestGap { who: BOB, of: ALICE, at_most: ms(gap) });
            // The budget is for pictures; a voice has 32 kbit/s more.
            let rate = kbps.map(|kbps| Bitrate::kbps(kbps + 40));
            plan.extend(rate.map(|rate| Step::ReceivesAtMost { who: BOB, rate }));
        }
        plan
    });
}

#[test]
fn layers_switch_without_a_broken_reference_on_a_network_that_loses() {
    in_each_mode(|_| {
        let mut plan = vec![
            Step::Uplink { of: ALICE, link: losing(3.0) },
            Step::Downlink { of: BOB, link: losing(3.0) },
        ];
        for (height, kbps, layer) in [
            (180, None, 0),
            (720, None, 2),
            (720, Some(800), 1),
            (720, Some(80), 0),
            (360, None, 1),
            (720, None, 2),
        ] {
            plan.push(Step::Views { who: BOB, height });
            plan.push(prefers(kbps));
            plan.push(Step::Run(secs(3)));
            plan.push(Step::Sees { who: BOB, of: ALICE, layer });
            plan.push(Step::LongestGap { who: BOB, of: ALICE, at_most: ms(1_000) });
        }
        plan.push(Step::WasRepaired { who: BOB });
        plan
    });
}

#[test]
fn layers_switch_where_packets_overtake_each_other() {
    in_each_mode(|_| {
        let reordering = Some(Reordering { probability: Probability::percent(20.0), by: ms(12) });
        let mut plan = vec![Step::Uplink { of: ALICE, link: Link { reordering, ..WIDE } }];
        for (height, layer) in [(180, 0), (720, 2), (360, 1), (720, 2), (180, 0), (360, 1)] {
            plan.push(Step::Views { who: BOB, height });
            plan.push(Step::Run(secs(1)));
            plan.push(Step::Sees { who: BOB, of: ALICE, layer });
            plan.push(Step::LongestGap { who: BOB, of: ALICE, at_most: ms(200) });
        }
        plan
    });
}

/// Three who want different layers of one stream: a keyframe that one needs changes nothing for the others.
#[test]
fn receivers_of_one_stream_get_layers_of_their_own() {
    for ((codec, svc), seed) in MODES.into_iter().flat_map(|mode| SEEDS.map(|seed| (mode, seed))) {
        let mut plan = vec![Step::Joins { who: ALICE, with: Devices::layered(codec, svc) }];
        for (who, height) in [(BOB, 180), (CAROL, 360), (DAVE, 720)] {
            plan.push(Step::Joins { who, with: Devices::ALL });
            plan.push(Step::Views { who, height });
        }
        plan.push(Step::Run(secs(3)));
        for _ in 0..3 {
            plan.push(Step::Run(secs(1)));
            for (who, layer) in [(BOB, 0), (CAROL, 1), (DAVE, 2)] {
                plan.push(Step::Sees { who, of: ALICE, layer });
                plan.push(Step::LongestGap { who, of: ALICE, at_most: ms(150) });
            }
            plan.push(Step::Views { who: CAROL, height: 720 });
            plan.push(Step::Run(secs(1)));
            plan.push(Step::Sees { who: CAROL, of: ALICE, layer: 2 });
            plan.push(Step::Sees { who: BOB, of: ALICE, layer: 0 });
            plan.push(Step::Views { who: CAROL, height: 360 });
            plan.push(Step::Run(secs(1)));
        }
        run(seed, &plan);
    }
}
