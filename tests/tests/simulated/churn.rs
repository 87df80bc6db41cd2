//! People come and go.

use tests::client::{Devices, Person};
use tests::plan::{Step, ms, run, secs};

use super::{ALICE, BOB, SEEDS};

#[test]
fn two_people_who_talk_notice_nothing_of_those_who_come_and_go() {
    for seed in SEEDS {
        let mut plan = vec![
            Step::Joins { who: ALICE, with: Devices::ALL },
            Step::Joins { who: BOB, with: Devices::ALL },
            Step::Speaks { who: ALICE, level: 15 },
            Step::Speaks { who: BOB, level: 15 },
            Step::Run(secs(3)),
        ];
        for round in 0..12_u8 {
            let who = Person(10 + round % 3);
            plan.push(Step::Joins { who, with: Devices::ALL });
            plan.push(Step::Speaks { who, level: 40 });
            plan.push(Step::Run(ms(700)));
            plan.push(Step::Hears { who: ALICE, of: BOB, percent: 97 });
            plan.push(Step::Hears { who: BOB, of: ALICE, percent: 97 });
            plan.push(Step::LongestGap { who: ALICE, of: BOB, at_most: ms(200) });
            plan.push(Step::LongestGap { who: BOB, of: ALICE, at_most: ms(200) });
            plan.push(Step::Leaves { who });
            plan.push(Step::Run(ms(150)));
        }
        run(seed, &plan);
    }
}

#[test]
fn a_slot_that_becomes_free_is_given_to_whoever_comes_next() {
    let devices = Devices::ALL.with_video_slots(1);
    for seed in SEEDS {
        run(
            seed,
            &[
                Step::Joins { who: ALICE, with: devices },
                Step::Joins { who: BOB, with: devices },
                Step::Run(secs(2)),
                Step::Sees { who: ALICE, of: BOB, layer: 2 },
                Step::Leaves { who: BOB },
                Step::Joins { who: Person(9), with: devices },
                Step::Run(secs(2)),
                Step::Sees { who: ALICE, of: Person(9), layer: 2 },
                Step::DoesNotHear { who: ALICE, of: BOB },
            ],
        );
    }
}
