//! An address that changes, with an ICE restart and without.

use tests::client::Devices;
use tests::plan::{Step, ms, run, secs};

use super::{ALICE, BOB, SEEDS};

#[test]
fn an_ice_restart_at_a_new_place_interrupts_nothing_for_long() {
    for seed in SEEDS {
        run(
            seed,
            &[
                Step::Joins { who: ALICE, with: Devices::ALL },
                Step::Joins { who: BOB, with: Devices::ALL },
                Step::Run(secs(3)),
                Step::Moves { who: BOB, place: 1 },
                Step::RestartsIce { who: BOB, generation: 1 },
                Step::Run(secs(2)),
                Step::IsNotLost { who: BOB },
                Step::LongestGap { who: ALICE, of: BOB, at_most: ms(1000) },
                Step::LongestGap { who: BOB, of: ALICE, at_most: ms(1000) },
                Step::Hears { who: ALICE, of: BOB, percent: 90 },
                Step::Hears { who: BOB, of: ALICE, percent: 90 },
            ],
        );
    }
}

#[test]
fn an_ice_restart_at_the_same_place_interrupts_nothing() {
    for seed in SEEDS {
        run(
            seed,
            &[
                Step::Joins { who: ALICE, with: Devices::ALL },
                Step::Joins { who: BOB, with: Devices::ALL },
                Step::Run(secs(3)),
                Step::RestartsIce { who: BOB, generation: 1 },
                Step::Run(secs(2)),
                Step::LongestGap { who: BOB, of: ALICE, at_most: ms(150) },
                Step::Hears { who: BOB, of: ALICE, percent: 98 },
            ],
        );
    }
}

/// The client goes on sending from elsewhere; its next check nominates the new address.
#[test]
fn an_address_that_changes_without_a_restart_is_followed() {
    for seed in SEEDS {
        run(
            seed,
            &[
                Step::Joins { who: ALICE, with: Devices::ALL },
                Step::Joins { who: BOB, with: Devices::ALL },
                Step::Run(secs(3)),
                Step::Moves { who: BOB, place: 1 },
                Step::Run(secs(8)),
                Step::Run(secs(3)),
                Step::IsNotLost { who: BOB },
                Step::LongestGap { who: ALICE, of: BOB, at_most: ms(150) },
                Step::LongestGap { who: BOB, of: ALICE, at_most: ms(150) },
                Step::Hears { who: BOB, of: ALICE, percent: 99 },
            ],
        );
    }
}
