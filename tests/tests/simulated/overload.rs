//! A media thread that has too much to do gives up pictures in stages, tells why, and never gives up sound.

use sfu::event::Reason;
use simulcast::Bitrate;
use tests::client::{Devices, Person};
use tests::plan::{Step, ms, run, secs};

use super::{ALICE, BOB, CAROL, SEEDS};

const BUSY: Step = Step::Busy { permille: 900 };
/// Neither busy nor calm: what was given up stays so.
const BETWEEN: Step = Step::Busy { permille: 700 };

const fn because(who: Person, reason: Reason) -> Step {
    Step::Because { who, of: ALICE, reason }
}

/// Alice speaks and shows herself to Bob; then media threads work for nine tenths of the time, for `busy`.
fn after(seed: u64, busy: u64, then: &[Step]) {
    let mut plan = vec![
        Step::Joins { who: ALICE, with: Devices::ALL },
        Step::Joins { who: BOB, with: Devices::ALL },
        Step::Speaks { who: ALICE, level: 20 },
        Step::Run(secs(4)),
        Step::Sees { who: BOB, of: ALICE, layer: 2 },
        BUSY,
        Step::Run(ms(busy)),
        BETWEEN,
    ];
    plan.extend(then.iter().cloned());
    run(seed, &plan);
}

#[test]
fn at_first_nobody_new_gets_a_picture_and_everybody_gets_sound() {
    for seed in SEEDS {
        after(
            seed,
            2_500,
            &[
                Step::Joins { who: CAROL, with: Devices::ALL },
                Step::Run(secs(2)),
                Step::Run(secs(4)),
                Step::DoesNotSee { who: CAROL, of: ALICE },
                because(CAROL, Reason::Server),
                Step::Hears { who: CAROL, of: ALICE, percent: 99 },
                Step::Sees { who: BOB, of: ALICE, layer: 2 },
                because(BOB, Reason::Full),
                Step::DoesNotSee { who: BOB, of: CAROL },
                Step::Hears { who: BOB, of: ALICE, percent: 99 },
                Step::Busy { permille: 300 },
                Step::Run(secs(12)),
                Step::Run(secs(1)),
                Step::Sees { who: CAROL, of: ALICE, layer: 2 },
                because(CAROL, Reason::Full),
                Step::Sees { who: BOB, of: CAROL, layer: 2 },
            ],
        );
    }
}

#[test]
fn then_layers_go_then_pictures_and_all_come_back() {
    for seed in SEEDS {
        after(
            seed,
            3_500,
            &[
                Step::Run(secs(2)),
                Step::Run(secs(2)),
                Step::Sees { who: BOB, of: ALICE, layer: 0 },
                because(BOB, Reason::Server),
                Step::Hears { who: BOB, of: ALICE, percent: 99 },
                BUSY,
                Step::Run(secs(3)),
                Step::Run(secs(2)),
                Step::DoesNotSee { who: BOB, of: ALICE },
                because(BOB, Reason::Server),
                Step::Hears { who: BOB, of: ALICE, percent: 99 },
                Step::Busy { permille: 300 },
                Step::Run(secs(30)),
                Step::Run(secs(1)),
                Step::Sees { who: BOB, of: ALICE, layer: 2 },
                because(BOB, Reason::Full),
                Step::Hears { who: BOB, of: ALICE, percent: 99 },
            ],
        );
    }
}

/// What may be sent is a load like work: near it pictures go, with the same reason, and sound stays.
#[test]
fn a_server_that_may_send_no_more_gives_up_pictures_and_all_hear() {
    for seed in SEEDS {
        run(
            seed,
            &[
                Step::Joins { who: ALICE, with: Devices::ALL },
                Step::Joins { who: BOB, with: Devices::ALL },
                Step::Speaks { who: ALICE, level: 20 },
                Step::Run(secs(4)),
                Step::Sees { who: BOB, of: ALICE, layer: 2 },
                Step::Egress { most: Some(Bitrate::kbps(600)) },
                Step::Run(secs(8)),
                Step::Run(secs(4)),
                Step::ReceivesAtMost { who: BOB, rate: Bitrate::kbps(600) },
                Step::Hears { who: BOB, of: ALICE, percent: 99 },
                because(BOB, Reason::Server),
                Step::Egress { most: None },
                Step::Run(secs(40)),
                Step::Sees { who: BOB, of: ALICE, layer: 2 },
                because(BOB, Reason::Full),
            ],
        );
    }
}
