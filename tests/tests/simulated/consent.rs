//! Whoever falls silent is given up after 30 seconds (RFC 7675), and not before.

use tests::client::Devices;
use tests::plan::{Step, ms, run, secs};

use super::{ALICE, BOB, CAROL};

#[test]
fn whoever_says_nothing_for_thirty_seconds_is_given_up() {
    run(
        1,
        &[
            Step::Joins { who: ALICE, with: Devices::ALL },
            Step::Joins { who: BOB, with: Devices::ALL },
            Step::Joins { who: CAROL, with: Devices::ALL },
            Step::Run(secs(2)),
            Step::Vanishes { who: BOB },
            Step::Run(secs(23)),
            Step::IsNotLost { who: BOB },
            Step::Run(secs(10)),
            Step::IsLost { who: BOB },
            Step::IsNotLost { who: ALICE },
            Step::LongestGap { who: ALICE, of: CAROL, at_most: ms(150) },
        ],
    );
}
