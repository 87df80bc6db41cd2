//! The layer a receiver gets follows the size of its view, and its budget.

use sfu::command::Pictures;
use simulcast::Bitrate;
use tests::client::Devices;
use tests::plan::{Link, Step, WIDE, ms, run, run_on, secs};

use super::{ALICE, BOB, CAROL, DAVE, SEEDS};

/// Two people, and Bob's wishes between the two.
fn bob_wishes(seed: u64, then: &[Step]) {
    let mut plan = vec![
        Step::Joins { who: ALICE, with: Devices::ALL },
        Step::Joins { who: BOB, with: Devices::ALL },
        Step::Run(secs(3)),
        Step::Sees { who: BOB, of: ALICE, layer: 2 },
    ];
    plan.extend(then.iter().cloned());
    run(seed, &plan);
}

#[test]
fn the_layer_follows_the_size_of_the_view_both_ways() {
    for seed in SEEDS {
        let mut plan = Vec::new();
        for (height, layer) in [(180, 0), (360, 1), (720, 2), (360, 1), (90, 0), (720, 2)] {
            plan.push(Step::Views { who: BOB, height });
            plan.push(Step::Run(secs(3)));
            plan.push(Step::Sees { who: BOB, of: ALICE, layer });
            plan.push(Step::LongestGap { who: BOB, of: ALICE, at_most: ms(200) });
        }
        bob_wishes(seed, &plan);
    }
}

/// 25 ms each way: at no switch does a frame come more than 150 ms later than frames do on average, a thirtieth of a second.
#[test]
fn no_switch_freezes_the_picture() {
    let link = Link { delay: ms(25), ..WIDE };
    for seed in SEEDS {
        let mut plan = vec![
            Step::Joins { who: ALICE, with: Devices::ALL },
            Step::Joins { who: BOB, with: Devices::ALL },
            Step::Run(secs(3)),
        ];
        for of in [ALICE, BOB] {
            plan.extend([Step::Uplink { of, link }, Step::Downlink { of, link }]);
        }
        plan.push(Step::Run(secs(1)));
        for (height, layer) in [(180, 0), (720, 2), (360, 1), (180, 0), (360, 1), (720, 2)] {
            plan.push(Step::Views { who: BOB, height });
            plan.push(Step::Run(secs(3)));
            plan.push(Step::Sees { who: BOB, of: ALICE, layer });
            plan.push(Step::LongestGap { who: BOB, of: ALICE, at_most: ms(150 + 33) });
        }
        let _meeting = run_on(1, seed, &plan);
    }
}

#[test]
fn a_hidden_picture_is_not_sent_and_comes_back() {
    for seed in SEEDS {
        bob_wishes(
            seed,
            &[
                Step::Views { who: BOB, height: 0 },
                Step::Run(ms(500)),
                Step::Run(secs(2)),
                Step::DoesNotSee { who: BOB, of: ALICE },
                Step::Hears { who: BOB, of: ALICE, percent: 99 },
                Step::Views { who: BOB, height: 720 },
                Step::Run(secs(2)),
                Step::Sees { who: BOB, of: ALICE, layer: 2 },
            ],
        );
    }
}

/// What fits, with 1.5, 0.5 and 0.15 Mbit/s of picture and three voices of 32 kbit/s at most.
#[test]
fn the_layer_follows_the_budget_both_ways() {
    for seed in SEEDS {
        let mut plan = Vec::new();
        for (kbps, layer) in
            [(Some(900), 1), (Some(350), 0), (None, 2), (Some(350), 0), (Some(3000), 2)]
        {
            let budget = kbps.map(Bitrate::kbps);
            plan.push(Step::Prefers { who: BOB, budget, pictures: Pictures::Automatic });
            plan.push(Step::Run(secs(1)));
            plan.push(Step::Run(secs(2)));
            plan.push(Step::Sees { who: BOB, of: ALICE, layer });
            plan.push(Step::LongestGap { who: BOB, of: ALICE, at_most: ms(200) });
            plan.extend(budget.map(|rate| Step::ReceivesAtMost { who: BOB, rate }));
        }
        bob_wishes(seed, &plan);
    }
}

#[test]
fn a_budget_too_small_for_any_picture_pauses_it_and_keeps_the_sound() {
    for seed in SEEDS {
        bob_wishes(
            seed,
            &[
                Step::Prefers {
                    who: BOB,
                    budget: Some(Bitrate::kbps(50)),
                    pictures: Pictures::Automatic,
                },
                Step::Run(secs(1)),
                Step::Run(secs(3)),
                Step::DoesNotSee { who: BOB, of: ALICE },
                Step::Hears { who: BOB, of: ALICE, percent: 99 },
            ],
        );
    }
}

/// Of the 150 kbit/s of the lowest encoding half is temporal layer 0, 15 pictures a second. The budget is for pictures; a voice has 32
/// kbit/s more.
#[test]
fn a_budget_for_half_the_pictures_halves_the_frame_rate() {
    for seed in SEEDS {
        let budget = Some(Bitrate::kbps(110));
        bob_wishes(
            seed,
            &[
                Step::Prefers { who: BOB, budget, pictures: Pictures::Automatic },
                Step::Run(secs(3)),
                Step::Run(secs(3)),
                Step::Sees { who: BOB, of: ALICE, layer: 0 },
                Step::LongestGap { who: BOB, of: ALICE, at_most: ms(100) },
                Step::ReceivesAtMost { who: BOB, rate: Bitrate::kbps(110 + 40) },
            ],
        );
    }
}

#[test]
fn save_data_and_sound_only_are_obeyed() {
    for seed in SEEDS {
        bob_wishes(
            seed,
            &[
                Step::Prefers { who: BOB, budget: None, pictures: Pictures::SaveData },
                Step::Run(secs(3)),
                Step::Sees { who: BOB, of: ALICE, layer: 0 },
                Step::Prefers { who: BOB, budget: None, pictures: Pictures::SoundOnly },
                Step::Run(secs(1)),
                Step::Run(secs(2)),
                Step::DoesNotSee { who: BOB, of: ALICE },
                Step::Hears { who: BOB, of: ALICE, percent: 99 },
                Step::Prefers { who: BOB, budget: None, pictures: Pictures::Automatic },
                Step::Run(secs(3)),
                Step::Sees { who: BOB, of: ALICE, layer: 2 },
            ],
        );
    }
}

/// 1,000 kbit/s carry three lowest layers, and one more step for one of them; nobody goes without.
#[test]
fn a_budget_is_shared_so_that_nobody_goes_without() {
    for seed in SEEDS {
        run(
            seed,
            &[
                Step::Joins { who: ALICE, with: Devices::ALL },
                Step::Joins { who: BOB, with: Devices::ALL },
                Step::Joins { who: CAROL, with: Devices::ALL },
                Step::Joins { who: DAVE, with: Devices::ALL },
                Step::Prefers {
                    who: DAVE,
                    budget: Some(Bitrate::kbps(1000)),
                    pictures: Pictures::Automatic,
                },
                Step::Run(secs(3)),
                Step::Run(secs(4)),
                Step::LongestGap { who: DAVE, of: ALICE, at_most: ms(300) },
                Step::LongestGap { who: DAVE, of: BOB, at_most: ms(300) },
                Step::LongestGap { who: DAVE, of: CAROL, at_most: ms(300) },
                Step::ReceivesAtMost { who: DAVE, rate: Bitrate::kbps(1000) },
            ],
        );
    }
}
