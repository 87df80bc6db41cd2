//! Links that carry little, or lose much: sound goes on, pictures wait no longer than they may, and silence is followed.

use sfu::command::Pictures;
use simulcast::Bitrate;
use tests::client::Devices;
use tests::meeting::Meeting;
use tests::plan::{Link, Step, WIDE, ms, run_on, secs};
use tools::simnet::loss::Loss;
use tools::simnet::random::Probability;

use super::{ALICE, BOB, CAROL, SEEDS};

/// Alone with a microphone: no picture of theirs delays their voice on its way to the server.
const VOICE: Devices = Devices { camera: false, ..Devices::ALL };

fn downlink(kbps: u64) -> Step {
    Step::Downlink { of: BOB, link: Link { kbps, ..WIDE } }
}

/// Alice speaks, Carol shows herself, Bob receives both.
fn to_bob(seed: u64, then: &[Step]) {
    let mut plan = vec![
        Step::Joins { who: ALICE, with: VOICE },
        Step::Joins { who: CAROL, with: Devices { microphone: false, ..Devices::ALL } },
        Step::Joins {
            who: BOB,
            with: Devices { camera: false, microphone: false, ..Devices::ALL },
        },
        Step::Speaks { who: ALICE, level: 20 },
    ];
    plan.extend(then.iter().cloned());
    let _meeting = run_on(1, seed, &plan);
}

/// While pictures are paced (the first seconds with their keyframes, then 900 kbit/s) and the link is probed, sound is not held up.
#[test]
fn sound_waits_for_no_picture_and_no_probe() {
    for seed in SEEDS {
        to_bob(
            seed,
            &[
                Step::Run(secs(8)),
                Step::Sees { who: BOB, of: CAROL, layer: 2 },
                Step::SoundWaits { who: BOB, of: ALICE, p99: ms(5) },
                downlink(900),
                Step::Run(secs(8)),
                Step::SoundWaits { who: BOB, of: ALICE, p99: ms(5) },
                downlink(5_000),
                Step::Run(secs(12)),
                Step::Sees { who: BOB, of: CAROL, layer: 2 },
                Step::SoundWaits { who: BOB, of: ALICE, p99: ms(5) },
            ],
        );
    }
}

/// In a steady state pictures wait 100 ms at p95, never more than half a second.
#[test]
fn pictures_wait_a_tenth_of_a_second_and_half_a_second_at_most() {
    for (kbps, layer) in [(900, 1), (5_000, 2)] {
        for seed in SEEDS {
            to_bob(
                seed,
                &[
                    downlink(kbps),
                    Step::Run(secs(12)),
                    Step::Run(secs(20)),
                    Step::Sees { who: BOB, of: CAROL, layer },
                    Step::PicturesWait { who: BOB, of: CAROL, p95: ms(100), at_most: ms(500) },
                ],
            );
        }
    }
}

/// Three tenths are lost: of the rest nothing is missing, and the server leaves no gap.
#[test]
fn sound_goes_on_where_three_tenths_are_lost() {
    let loss = Loss::Independent(Probability::share(0.3));
    for seed in SEEDS {
        to_bob(
            seed,
            &[
                Step::Run(secs(3)),
                Step::Downlink { of: BOB, link: Link { loss, ..WIDE } },
                Step::Run(secs(20)),
                Step::Suffered { who: BOB },
                Step::Hears { who: BOB, of: ALICE, percent: 65 },
                Step::LongestSilence { who: BOB, of: ALICE, at_most: ms(200) },
            ],
        );
    }
}

/// A voice of 80 bytes each 20 ms is 61 kbit/s on the wire. 70 kbit/s carry it and nothing else; of 50 the rest is lost on the link, while
/// the server goes on.
#[test]
fn a_link_for_one_voice_carries_it() {
    for (kbps, percent) in [(70, 99), (50, 65)] {
        for seed in SEEDS {
            to_bob(
                seed,
                &[
                    Step::Run(secs(3)),
                    downlink(kbps),
                    // What had been sent before leaves the link.
                    Step::Run(secs(5)),
                    Step::Run(secs(20)),
                    Step::DoesNotSee { who: BOB, of: CAROL },
                    Step::Hears { who: BOB, of: ALICE, percent },
                    Step::LongestSilence { who: BOB, of: ALICE, at_most: ms(200) },
                ],
            );
        }
    }
}

/// The budget's own limit, on a wide link.
#[test]
fn a_budget_of_fifty_kilobits_keeps_every_word() {
    for seed in SEEDS {
        let budget = Some(Bitrate::kbps(50));
        to_bob(
            seed,
            &[
                Step::Prefers { who: BOB, budget, pictures: Pictures::Automatic },
                Step::Run(secs(2)),
                Step::Run(secs(10)),
                Step::DoesNotSee { who: BOB, of: CAROL },
                Step::Hears { who: BOB, of: ALICE, percent: 99 },
                Step::LongestSilence { who: BOB, of: ALICE, at_most: ms(200) },
            ],
        );
    }
}

/// Nothing comes back, though everything arrives: pictures end, sound does not, and both are there again once something does.
#[test]
fn without_feedback_only_sound_goes_on_until_it_comes_again() {
    let loss = Loss::Independent(Probability::share(1.0));
    for seed in SEEDS {
        to_bob(
            seed,
            &[
                Step::Run(secs(4)),
                Step::Sees { who: BOB, of: CAROL, layer: 2 },
                Step::Uplink { of: BOB, link: Link { loss, ..WIDE } },
                Step::Run(ms(1_900)),
                Step::Sees { who: BOB, of: CAROL, layer: 2 },
                Step::Run(secs(10)),
                Step::Run(secs(3)),
                Step::DoesNotSee { who: BOB, of: CAROL },
                Step::Hears { who: BOB, of: ALICE, percent: 99 },
                Step::Uplink { of: BOB, link: WIDE },
                Step::Run(secs(5)),
                Step::Sees { who: BOB, of: CAROL, layer: 2 },
            ],
        );
    }
}

/// Of what the old address carried at most half is believed of another, and a probe finds out at once.
#[test]
fn another_address_is_given_half_and_probed() {
    for seed in SEEDS {
        let mut meeting = Meeting::new(seed);
        meeting.join(CAROL, Devices::ALL, WIDE, WIDE);
        meeting.join(BOB, Devices::ALL, WIDE, WIDE);
        meeting.run(secs(5));
        let before = meeting.estimate(BOB).expect("known after 5 s");
        meeting.move_to(BOB, 1);
        let mut past = Vec::new();
        for _ in 0..500 {
            meeting.run(ms(10));
            past.extend(meeting.estimate(BOB));
        }
        let halved = past.iter().position(|it| *it <= before.scaled(1, 2));
        let halved = halved.unwrap_or_else(|| panic!("seed {seed}: never half of {before}"));
        let found = &past[halved..halved + 50];
        assert!(
            found.iter().any(|it| *it >= before.scaled(9, 10)),
            "seed {seed}: {before} before, {:?} half a second after the change",
            found.last()
        );
    }
}
