//! What nobody wants is not sent by its publisher, and comes back when it is wanted.

use sfu::command::Pictures;
use simulcast::Bitrate;
use tests::client::Devices;
use tests::codec::Codec;
use tests::plan::{Step, ms, run, secs};

use super::{ALICE, BOB, CAROL, SEEDS};

fn sends(encodings: [bool; 3]) -> Step {
    Step::Sends { who: ALICE, encodings: encodings.to_vec() }
}

/// Alice in three encodings, Bob who sees the largest.
fn alice_and_bob(seed: u64, then: &[Step]) {
    let mut plan = vec![
        Step::Joins { who: ALICE, with: Devices::ALL },
        Step::Joins { who: BOB, with: Devices::ALL },
        Step::Run(secs(3)),
        Step::Sees { who: BOB, of: ALICE, layer: 2 },
        sends([true; 3]),
    ];
    plan.extend(then.iter().cloned());
    run(seed, &plan);
}

#[test]
fn a_layer_nobody_wants_goes_off_and_is_back_within_half_a_second() {
    for seed in SEEDS {
        alice_and_bob(
            seed,
            &[
                Step::Views { who: BOB, height: 180 },
                Step::Run(secs(3)),
                Step::Sees { who: BOB, of: ALICE, layer: 0 },
                Step::Run(secs(3)),
                Step::Run(secs(2)),
                sends([true, false, false]),
                Step::LongestGap { who: BOB, of: ALICE, at_most: ms(100) },
                Step::Views { who: BOB, height: 720 },
                Step::Run(ms(500)),
                Step::Sees { who: BOB, of: ALICE, layer: 2 },
                Step::LongestGap { who: BOB, of: ALICE, at_most: ms(150) },
                Step::Run(secs(6)),
                Step::Run(secs(1)),
                sends([false, false, true]),
                Step::Sees { who: BOB, of: ALICE, layer: 2 },
                Step::LongestGap { who: BOB, of: ALICE, at_most: ms(100) },
            ],
        );
    }
}

#[test]
fn a_picture_nobody_sees_is_not_sent_at_all_and_is_there_for_whoever_comes() {
    for seed in SEEDS {
        for with in [Devices::ALL, Devices::sending(Codec::Vp9)] {
            let none = Step::Sends {
                who: ALICE,
                encodings: vec![false; if with == Devices::ALL { 3 } else { 1 }],
            };
            run(
                seed,
                &[
                    Step::Joins { who: ALICE, with },
                    Step::Run(secs(6)),
                    Step::Run(secs(1)),
                    none.clone(),
                    Step::Joins { who: BOB, with: Devices::ALL },
                    Step::Run(ms(700)),
                    Step::SeesPeople { who: BOB, count: 1 },
                    // Before it gets the largest, it learns what the link carries.
                    Step::Run(ms(1_300)),
                    Step::Sees {
                        who: BOB,
                        of: ALICE,
                        layer: if with == Devices::ALL { 2 } else { 1 },
                    },
                    Step::Leaves { who: BOB },
                    Step::Run(secs(6)),
                    Step::Run(secs(1)),
                    none,
                ],
            );
        }
    }
}

/// What one wants is sent for all, and nobody loses what they see when another goes.
#[test]
fn the_wants_of_all_are_merged() {
    for seed in SEEDS {
        alice_and_bob(
            seed,
            &[
                Step::Joins { who: CAROL, with: Devices::ALL },
                Step::Views { who: CAROL, height: 180 },
                Step::Run(secs(7)),
                Step::Run(secs(1)),
                sends([true, false, true]),
                Step::Sees { who: CAROL, of: ALICE, layer: 0 },
                Step::Sees { who: BOB, of: ALICE, layer: 2 },
                Step::Leaves { who: BOB },
                Step::Run(secs(6)),
                Step::Run(secs(1)),
                sends([true, false, false]),
                Step::LongestGap { who: CAROL, of: ALICE, at_most: ms(100) },
            ],
        );
    }
}

/// What the allocator would step up to is kept awake: a budget that grows finds it.
#[test]
fn the_next_layer_stays_awake_for_whoever_lacks_budget() {
    for seed in SEEDS {
        let budget = Some(Bitrate::kbps(350));
        alice_and_bob(
            seed,
            &[
                Step::Prefers { who: BOB, budget, pictures: Pictures::Automatic },
                Step::Run(secs(7)),
                Step::Run(secs(1)),
                Step::Sees { who: BOB, of: ALICE, layer: 0 },
                sends([true, true, false]),
                Step::Prefers { who: BOB, budget: None, pictures: Pictures::Automatic },
                Step::Run(ms(500)),
                Step::Sees { who: BOB, of: ALICE, layer: 2 },
            ],
        );
    }
}

/// A hole of 15 s in what she sends, as of a tunnel or a camera that hangs: nobody can want what is not there, which is no reason to
/// switch it off.
#[test]
fn a_publisher_from_whom_nothing_comes_for_a_while_is_seen_again_at_once() {
    for seed in SEEDS {
        alice_and_bob(
            seed,
            &[
                Step::Blackout { of: ALICE, lasts: secs(15) },
                Step::Run(secs(15)),
                Step::DoesNotHear { who: BOB, of: ALICE },
                Step::Run(secs(2)),
                Step::Run(secs(3)),
                Step::IsNotLost { who: ALICE },
                sends([true; 3]),
                Step::Sees { who: BOB, of: ALICE, layer: 2 },
                Step::LongestGap { who: BOB, of: ALICE, at_most: ms(100) },
            ],
        );
    }
}
