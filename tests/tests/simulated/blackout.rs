//! Nothing comes through for three seconds, and then it does again.

use tests::client::Devices;
use tests::plan::{Step, ms, run, secs};

use super::{ALICE, BOB, CAROL, SEEDS};

#[test]
fn after_three_seconds_of_nothing_all_goes_on_and_others_notice_little() {
    for seed in SEEDS {
        run(
            seed,
            &[
                Step::Joins { who: ALICE, with: Devices::ALL },
                Step::Joins { who: BOB, with: Devices::ALL },
                Step::Joins { who: CAROL, with: Devices::ALL },
                Step::Run(secs(3)),
                Step::Blackout { of: BOB, lasts: secs(3) },
                Step::Run(secs(3)),
                Step::Suffered { who: BOB },
                Step::DoesNotHear { who: BOB, of: ALICE },
                Step::LongestGap { who: CAROL, of: ALICE, at_most: ms(150) },
                Step::Hears { who: CAROL, of: ALICE, percent: 99 },
                Step::Run(secs(2)),
                Step::Run(secs(3)),
                Step::IsNotLost { who: BOB },
                Step::LongestGap { who: BOB, of: ALICE, at_most: ms(100) },
                Step::LongestGap { who: ALICE, of: BOB, at_most: ms(100) },
                Step::Hears { who: BOB, of: ALICE, percent: 99 },
                Step::Hears { who: ALICE, of: BOB, percent: 99 },
                Step::LongestGap { who: CAROL, of: ALICE, at_most: ms(150) },
            ],
        );
    }
}
