//! H264, VP9 and AV1 are carried as VP8 is; and whatever the codec, a switch of layer costs no picture on a bad network.

use sfu::command::Pictures;
use simulcast::Bitrate;
use tests::client::{Devices, Person};
use tests::codec::Codec;
use tests::plan::{Link, Step, WIDE, ms, run, secs};
use tools::simnet::jitter::Jitter;
use tools::simnet::loss::Loss;
use tools::simnet::random::Probability;
use tools::simnet::route::Reordering;

use super::{ALICE, BOB, DAVE, SEEDS};

const OTHERS: [Codec; 3] = [Codec::H264, Codec::Vp9, Codec::Av1];

/// The highest layer of a codec's camera: an encoding, or a spatial layer.
const fn top(codec: Codec) -> u8 {
    match codec {
        Codec::Vp8 | Codec::H264 => 2,
        Codec::Vp9 => 1,
        Codec::Av1 => 0,
    }
}

/// Alice and Bob send this codec; then what the plan says.
fn two(codec: Codec, seed: u64, then: &[Step]) {
    println!("{codec:?}"); // seen where it fails
    let with = Devices::sending(codec);
    let mut plan = vec![
        Step::Joins { who: ALICE, with },
        Step::Joins { who: BOB, with },
        Step::Run(secs(2)),
        Step::Sees { who: BOB, of: ALICE, layer: top(codec) },
    ];
    plan.extend(then.iter().cloned());
    run(seed, &plan);
}

fn losing(percent: f64) -> Link {
    Link { loss: Loss::Independent(Probability::percent(percent)), ..WIDE }
}

fn reordering(percent: f64) -> Link {
    let probability = Probability::percent(percent);
    Link { reordering: Some(Reordering { probability, by: ms(12) }), ..WIDE }
}

#[test]
fn two_people_see_each_other_in_every_codec() {
    for (codec, seed) in OTHERS.into_iter().flat_map(|codec| SEEDS.map(|seed| (codec, seed))) {
        two(
            codec,
            seed,
            &[
                Step::Run(secs(3)),
                Step::Sees { who: ALICE, of: BOB, layer: top(codec) },
                Step::Sees { who: BOB, of: ALICE, layer: top(codec) },
                Step::LongestGap { who: ALICE, of: BOB, at_most: ms(100) },
                Step::LongestGap { who: BOB, of: ALICE, at_most: ms(100) },
                Step::NoKeyframeRequests,
            ],
        );
    }
}

#[test]
fn loss_either_way_is_repaired_in_every_codec() {
    for (codec, seed) in OTHERS.into_iter().flat_map(|codec| SEEDS.map(|seed| (codec, seed))) {
        two(
            codec,
            seed,
            &[
                Step::Uplink { of: ALICE, link: losing(4.0) },
                Step::Downlink { of: BOB, link: losing(4.0) },
                Step::Run(secs(4)),
                Step::Suffered { who: ALICE },
                Step::WasRepaired { who: BOB },
                Step::LongestGap { who: BOB, of: ALICE, at_most: ms(800) },
                Step::Downlink { of: BOB, link: Link { jitter: Some(Jitter::STANDARD), ..WIDE } },
                Step::Uplink { of: ALICE, link: reordering(5.0) },
                Step::Run(secs(1)),
                Step::Run(secs(3)),
                Step::LongestGap { who: BOB, of: ALICE, at_most: ms(250) },
            ],
        );
    }
}

/// Bob's view grows and shrinks while packets are overtaken on their way to the server: a keyframe's first one too.
#[test]
fn a_switch_at_a_keyframe_out_of_order_costs_no_picture() {
    for codec in [Codec::Vp8, Codec::H264] {
        for seed in SEEDS {
            let mut plan = vec![Step::Uplink { of: ALICE, link: reordering(20.0) }];
            for (height, layer) in [(180, 0), (720, 2), (360, 1), (720, 2), (180, 0), (360, 1)] {
                plan.push(Step::Views { who: BOB, height });
                plan.push(Step::Run(secs(1)));
                plan.push(Step::Sees { who: BOB, of: ALICE, layer });
                plan.push(Step::LongestGap { who: BOB, of: ALICE, at_most: ms(150) });
            }
            two(codec, seed, &plan);
        }
    }
}

#[test]
fn layers_follow_the_view_on_a_network_that_loses() {
    for codec in [Codec::Vp8, Codec::H264] {
        for seed in SEEDS {
            let mut plan = vec![
                Step::Uplink { of: ALICE, link: losing(3.0) },
                Step::Downlink { of: BOB, link: losing(3.0) },
            ];
            for (height, layer) in [(180, 0), (720, 2), (360, 1), (90, 0), (720, 2)] {
                plan.push(Step::Views { who: BOB, height });
                plan.push(Step::Run(secs(3)));
                plan.push(Step::Sees { who: BOB, of: ALICE, layer });
                plan.push(Step::LongestGap { who: BOB, of: ALICE, at_most: ms(1000) });
            }
            plan.push(Step::WasRepaired { who: BOB });
            two(codec, seed, &plan);
        }
    }
}

#[test]
fn layers_of_h264_follow_the_budget() {
    for seed in SEEDS {
        let mut plan = Vec::new();
        for (kbps, layer) in [(Some(900), 1), (Some(350), 0), (None, 2)] {
            let budget = kbps.map(Bitrate::kbps);
            plan.push(Step::Prefers { who: BOB, budget, pictures: Pictures::Automatic });
            plan.push(Step::Run(secs(1)));
            plan.push(Step::Run(secs(2)));
            plan.push(Step::Sees { who: BOB, of: ALICE, layer });
            plan.push(Step::LongestGap { who: BOB, of: ALICE, at_most: ms(100) });
            plan.extend(budget.map(|rate| Step::ReceivesAtMost { who: BOB, rate }));
        }
        two(Codec::H264, seed, &plan);
    }
}

/// Alice's pictures have dependency descriptors beside them, which tell two temporal layers of H264: half of the 150 kbit/s of the
/// lowest encoding is the lower one. Dave's have none, and go whole or not at all.
#[test]
fn temporal_layers_of_h264_are_known_by_their_descriptors() {
    for seed in SEEDS {
        let budget = Some(Bitrate::kbps(110));
        for (who, is_seen) in [(ALICE, true), (DAVE, false)] {
            let mut plan = vec![
                Step::Joins { who, with: Devices::sending(Codec::H264) },
                Step::Joins { who: BOB, with: Devices::ALL },
                Step::Run(secs(2)),
                Step::Sees { who: BOB, of: who, layer: 2 },
                Step::Prefers { who: BOB, budget, pictures: Pictures::Automatic },
                Step::Run(secs(3)),
                Step::Run(secs(3)),
                Step::ReceivesAtMost { who: BOB, rate: Bitrate::kbps(110 + 40) },
            ];
            if is_seen {
                plan.push(Step::Sees { who: BOB, of: who, layer: 0 });
                plan.push(Step::LongestGap { who: BOB, of: who, at_most: ms(100) });
            } else {
                plan.push(Step::DoesNotSee { who: BOB, of: who });
            }
            run(seed, &plan);
        }
    }
}

/// Where not even the lowest layer fits the budget, a picture is paused; it comes back with a keyframe.
#[test]
fn one_encoding_is_paused_for_want_of_budget_and_comes_back() {
    for (codec, seed) in
        [Codec::Vp9, Codec::Av1].into_iter().flat_map(|codec| SEEDS.map(|seed| (codec, seed)))
    {
        let prefers = |budget| Step::Prefers { who: BOB, budget, pictures: Pictures::Automatic };
        two(
            codec,
            seed,
            &[
                prefers(Some(Bitrate::kbps(100))),
                Step::Run(ms(500)),
                Step::Run(secs(1)),
                Step::DoesNotSee { who: BOB, of: ALICE },
                prefers(None),
                Step::Run(secs(1)),
                Step::Run(secs(1)),
                Step::Sees { who: BOB, of: ALICE, layer: top(codec) },
                Step::LongestGap { who: BOB, of: ALICE, at_most: ms(100) },
            ],
        );
    }
}

/// People come and go in Alice's only slot, whose numbers go on from one to the next.
fn in_one_slot(cameras: &[Codec]) {
    let one = |codec| Devices::sending(codec).with_video_slots(1);
    for seed in SEEDS {
        let mut plan = vec![Step::Joins { who: ALICE, with: one(Codec::Vp8) }];
        for (number, codec) in (11..).zip(cameras.iter().copied()) {
            let who = Person(number);
            plan.push(Step::Joins { who, with: one(codec) });
            plan.push(Step::Run(secs(1)));
            plan.push(Step::SeesPeople { who: ALICE, count: 1 });
            // What the link carries is learnt with the first picture.
            plan.push(Step::Run(secs(1)));
            plan.push(Step::Sees { who: ALICE, of: who, layer: top(codec) });
            plan.push(Step::Leaves { who });
        }
        run(seed, &plan);
    }
}

#[test]
fn a_slot_goes_on_from_one_h264_camera_to_the_next() {
    in_one_slot(&[Codec::H264; 4]);
}

#[test]
fn a_slot_goes_on_from_one_vp9_camera_to_the_next() {
    in_one_slot(&[Codec::Vp9; 5]);
}

#[test]
fn a_slot_goes_on_from_one_av1_camera_to_the_next() {
    in_one_slot(&[Codec::Av1; 5]);
}

#[test]
fn a_slot_changes_its_codec_with_who_is_in_it() {
    use Codec::{Av1, H264, Vp8, Vp9};
    in_one_slot(&[Av1, H264, Vp9, Vp8, Av1, Vp9]);
}
