//! Why somebody gets what they get, where that is not the network's doing: no common codec, or a publisher that does not listen.

use sfu::event::Reason;
use tests::client::{Devices, Hearing};
use tests::codec::Codec;
use tests::plan::{Step, ms, run, secs};

use super::{ALICE, BOB, CAROL, SEEDS};

#[test]
fn without_a_common_codec_the_sound_goes_on_and_the_reason_is_told() {
    for seed in SEEDS {
        let only_vp8 = Devices { decodes: Some(Codec::Vp8), ..Devices::ALL };
        run(
            seed,
            &[
                Step::Joins { who: ALICE, with: Devices::sending(Codec::Av1) },
                Step::Joins { who: BOB, with: only_vp8 },
                Step::Joins { who: CAROL, with: Devices::ALL },
                Step::Run(secs(1)),
                Step::Run(secs(2)),
                Step::Because { who: BOB, of: ALICE, reason: Reason::Codec },
                Step::DoesNotSee { who: BOB, of: ALICE },
                Step::Sees { who: BOB, of: CAROL, layer: 2 },
                Step::Because { who: BOB, of: CAROL, reason: Reason::Full },
                Step::Because { who: CAROL, of: ALICE, reason: Reason::Full },
                Step::Sees { who: CAROL, of: ALICE, layer: 0 },
            ],
        );
    }
}

#[test]
fn without_a_common_codec_somebody_who_speaks_is_heard() {
    for seed in SEEDS {
        let only_vp8 = Devices { decodes: Some(Codec::Vp8), ..Devices::ALL };
        run(
            seed,
            &[
                Step::Joins { who: ALICE, with: Devices::sending(Codec::Av1) },
                Step::Joins { who: BOB, with: only_vp8 },
                Step::Speaks { who: ALICE, level: 20 },
                Step::Run(secs(2)),
                Step::Run(secs(3)),
                Step::Hears { who: BOB, of: ALICE, percent: 99 },
                Step::DoesNotSee { who: BOB, of: ALICE },
            ],
        );
    }
}

/// Alice was there first, so her only keyframe is gone when Bob comes.
fn whoever_comes_later(hearing: Hearing, after: u64) {
    for seed in SEEDS {
        run(
            seed,
            &[
                Step::Joins { who: ALICE, with: Devices { hearing, ..Devices::ALL } },
                Step::Run(secs(2)),
                Step::Joins { who: BOB, with: Devices::ALL },
                Step::Speaks { who: ALICE, level: 20 },
                Step::Run(ms(after)),
                Step::Because { who: BOB, of: ALICE, reason: Reason::Keyframe },
                Step::DoesNotSee { who: BOB, of: ALICE },
                Step::Run(secs(2)),
                Step::Because { who: BOB, of: ALICE, reason: Reason::Keyframe },
                Step::Hears { who: BOB, of: ALICE, percent: 99 },
            ],
        );
    }
}

#[test]
fn a_publisher_who_cannot_be_asked_makes_joiners_wait_and_they_know_why() {
    whoever_comes_later(Hearing::Unreachable, 500);
}

#[test]
fn a_publisher_who_never_answers_makes_joiners_wait_and_they_know_why() {
    // Asked ten times, once a second; only then it counts as deaf.
    whoever_comes_later(Hearing::Deaf, 11_500);
}
