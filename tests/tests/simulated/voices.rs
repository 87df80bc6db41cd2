//! The loudest voices are heard, by everybody but their owners.

use tests::client::{Devices, Person};
use tests::plan::{Step, ms, run, secs};

use super::{ALICE, BOB, SEEDS, others, people};

/// Eight people come in; those with a level speak.
fn eight(levels: &[(u8, u8)]) -> Vec<Step> {
    let devices = Devices { camera: false, ..Devices::ALL };
    let mut plan: Vec<Step> = people(8).map(|who| Step::Joins { who, with: devices }).collect();
    plan.extend(
        levels.iter().map(|(number, level)| Step::Speaks { who: Person(*number), level: *level }),
    );
    plan.push(Step::Run(secs(2)));
    plan.push(Step::Run(secs(3)));
    plan
}

#[test]
fn everybody_hears_the_three_loudest_others_and_nobody_himself() {
    for seed in SEEDS {
        let mut plan = eight(&[(1, 10), (2, 15), (3, 20), (4, 25), (5, 30)]);
        for who in people(8) {
            plan.push(Step::DoesNotHear { who, of: who });
            let loudest: Vec<Person> = others(who, 5).take(3).collect();
            plan.extend(loudest.iter().map(|of| Step::Hears { who, of: *of, percent: 98 }));
            let rest = others(who, 5).filter(|of| !loudest.contains(of));
            plan.extend(rest.map(|of| Step::DoesNotHear { who, of }));
        }
        run(seed, &plan);
    }
}

#[test]
fn a_new_voice_is_heard_at_once_and_a_pause_loses_nobody_their_place() {
    for seed in SEEDS {
        let mut plan = eight(&[(1, 10), (2, 15), (3, 20)]);
        plan.extend([
            Step::Speaks { who: Person(4), level: 12 },
            Step::Run(secs(1)),
            Step::Hears { who: Person(8), of: Person(4), percent: 70 },
            Step::Speaks { who: Person(1), level: 127 },
            Step::Run(ms(200)),
            Step::Hears { who: Person(8), of: Person(1), percent: 90 },
        ]);
        run(seed, &plan);
    }
}

#[test]
fn whoever_is_muted_is_heard_by_nobody_and_whoever_is_deafened_hears_nobody() {
    for seed in SEEDS {
        run(
            seed,
            &[
                Step::Joins { who: ALICE, with: Devices::ALL },
                Step::Joins { who: BOB, with: Devices::ALL },
                Step::Speaks { who: ALICE, level: 20 },
                Step::Speaks { who: BOB, level: 20 },
                Step::Run(secs(2)),
                Step::Voice { who: ALICE, muted: true, deafened: false },
                Step::Run(secs(2)),
                Step::DoesNotHear { who: BOB, of: ALICE },
                Step::Hears { who: ALICE, of: BOB, percent: 98 },
                Step::Voice { who: ALICE, muted: false, deafened: true },
                Step::Run(secs(2)),
                Step::Hears { who: BOB, of: ALICE, percent: 95 },
                Step::DoesNotHear { who: ALICE, of: BOB },
                Step::Voice { who: ALICE, muted: false, deafened: false },
                Step::Run(secs(2)),
                Step::Hears { who: ALICE, of: BOB, percent: 95 },
            ],
        );
    }
}
