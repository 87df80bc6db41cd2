//! Why somebody gets what they get, where that is not their network's doing: no common codec, a publisher that does not listen, is short
//! of something or has no more, and a bad way from there.

use sfu::Event;
use sfu::event::Reason;
use sfu::publication::hindrance::Shortage;
use tests::client::picture::svc::Svc;
use tests::client::{Devices, Hearing, Person};
use tests::codec::Codec;
use tests::plan::{Link, Step, WIDE, ms, run, run_on, secs};
use tools::simnet::loss::Loss;
use tools::simnet::random::Probability;

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

const fn because(who: Person, reason: Reason) -> Step {
    Step::Because { who, of: ALICE, reason }
}

/// Bob and Carol see Alice, on one shard and on several; Carol in a view that the middle encoding fills.
fn watched(seed: u64, then: &[Step]) {
    let mut plan = vec![
        Step::Joins { who: ALICE, with: Devices::ALL },
        Step::Joins { who: BOB, with: Devices::ALL },
        Step::Joins { who: CAROL, with: Devices::ALL },
        Step::Run(ms(500)),
        Step::Views { who: CAROL, height: 360 },
        Step::Run(secs(4)),
        Step::Sees { who: BOB, of: ALICE, layer: 2 },
        because(BOB, Reason::Full),
    ];
    plan.extend(then.iter().cloned());
    run(seed, &plan);
}

#[test]
fn a_publisher_that_is_short_of_something_is_named_to_whoever_could_see_more() {
    for (shortage, reason) in [(Shortage::Upload, Reason::Upload), (Shortage::Device, Reason::Busy)]
    {
        let by = Some(shortage);
        for seed in SEEDS {
            watched(
                seed,
                &[
                    Step::Limited { who: ALICE, encodings: 2, by },
                    Step::Run(secs(3)),
                    Step::Run(secs(2)),
                    Step::Sees { who: BOB, of: ALICE, layer: 1 },
                    because(BOB, reason),
                    Step::Gets { who: BOB, of: ALICE, layer: Some(1), wanted: Some(2) },
                    because(CAROL, Reason::Full),
                    // Longer than what nobody wants is sent: it must be wanted for as long as it is missing.
                    Step::Run(secs(20)),
                    because(BOB, reason),
                    Step::Limited { who: ALICE, encodings: 3, by: None },
                    Step::Run(secs(2)),
                    Step::Run(secs(2)),
                    Step::Sees { who: BOB, of: ALICE, layer: 2 },
                    because(BOB, Reason::Full),
                ],
            );
        }
    }
}

/// The largest encoding does not come, and nobody knows why.
#[test]
fn nobody_is_blamed_who_has_not_said_so() {
    for seed in SEEDS {
        watched(
            seed,
            &[
                Step::Limited { who: ALICE, encodings: 2, by: None },
                Step::Run(secs(5)),
                Step::Run(secs(1)),
                Step::Sees { who: BOB, of: ALICE, layer: 1 },
                because(BOB, Reason::Full),
                // Said without anything being less: nothing is missing that could be seen.
                Step::Limited { who: ALICE, encodings: 3, by: Some(Shortage::Upload) },
                Step::Run(secs(3)),
                Step::Run(secs(1)),
                Step::Sees { who: BOB, of: ALICE, layer: 2 },
                because(BOB, Reason::Full),
                because(CAROL, Reason::Full),
            ],
        );
    }
}

/// Of layers within a stream, of encodings, and of one encoding without either.
#[test]
fn a_view_that_is_larger_than_all_there_is_has_its_source_as_the_reason() {
    let svc = Devices::layered(Codec::Vp9, Svc::Full);
    for with in [Devices::ALL, svc, Devices::sending(Codec::Vp9)] {
        for seed in SEEDS {
            run(
                seed,
                &[
                    Step::Joins { who: ALICE, with },
                    Step::Joins { who: BOB, with: Devices::ALL },
                    Step::Run(ms(500)),
                    Step::Views { who: BOB, height: 1_080 },
                    Step::Run(secs(4)),
                    because(BOB, Reason::Source),
                    Step::Views { who: BOB, height: 720 },
                    Step::Run(secs(1)),
                    because(BOB, Reason::Full),
                    Step::Limited { who: ALICE, encodings: 3, by: Some(Shortage::Device) },
                    Step::Views { who: BOB, height: 736 },
                    Step::Run(secs(1)),
                    because(BOB, Reason::Busy),
                ],
            );
        }
    }
}

/// Every other packet of Alice's is lost, and of what is sent again every other too: some are missing for long.
#[test]
fn what_is_lost_on_the_way_from_a_publisher_is_told_while_it_can_be_seen() {
    let lossy = Link { loss: Loss::Independent(Probability::percent(50.0)), ..WIDE };
    for seed in SEEDS {
        watched(
            seed,
            &[
                Step::Uplink { of: ALICE, link: lossy },
                Step::Run(secs(3)),
                because(BOB, Reason::Loss),
                Step::Suffered { who: ALICE },
                Step::Uplink { of: ALICE, link: WIDE },
                Step::Run(secs(5)),
                because(BOB, Reason::Full),
                Step::Sees { who: CAROL, of: ALICE, layer: 1 },
            ],
        );
    }
}

/// One of a hundred is lost, as on many wireless links: all are here again before anybody sees it.
#[test]
fn what_nobody_can_see_is_not_told() {
    let lossy = Link { loss: Loss::Independent(Probability::percent(1.0)), ..WIDE };
    for seed in SEEDS {
        let meeting = run_on(
            1,
            seed,
            &[
                Step::Joins { who: ALICE, with: Devices::ALL },
                Step::Uplink { of: ALICE, link: lossy },
                Step::Joins { who: BOB, with: Devices::ALL },
                Step::Run(secs(20)),
                Step::Suffered { who: ALICE },
            ],
        );
        let is_loss = |event: &Event| matches!(event, Event::Assigned(_, all) if all.iter().any(|it| it.outcome.reason == Reason::Loss));
        assert!(!meeting.events.iter().any(|(_, event)| is_loss(event)), "seed {seed}");
    }
}
