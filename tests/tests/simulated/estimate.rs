//! A receiver gets the layer that its link carries, without being told what that is.

use sfu::Source;
use sfu::command::Pictures;
use sfu::event::Reason;
use simulcast::Bitrate;
use tests::client::{Devices, feedback};
use tests::codec::Codec;
use tests::meeting::Meeting;
use tests::plan::{Link, Step, WIDE, ms, run, run_on, secs};

use super::{ALICE, BOB, CAROL, SEEDS};

fn downlink(kbps: u64) -> Step {
    Step::Downlink { of: BOB, link: Link { kbps, ..WIDE } }
}

/// 5 Mbit/s carry the top layer, 900 kbit/s the middle one with a voice, and 100 the voice. What follows a change may take some seconds;
/// then it is steady.
#[test]
fn the_layer_follows_the_link_down_and_up_again() {
    for seed in SEEDS {
        // Where a queue decides, a tenth of a millisecond does: on several shards each moment is another.
        let _meeting = run_on(
            1,
            seed,
            &[
                Step::Joins { who: ALICE, with: Devices::ALL },
                Step::Joins { who: BOB, with: Devices::ALL },
                downlink(5_000),
                Step::Run(secs(3)),
                Step::Sees { who: BOB, of: ALICE, layer: 2 },
                Step::Gets { who: BOB, of: ALICE, layer: Some(2), wanted: Some(2) },
                downlink(900),
                Step::Run(secs(10)),
                Step::Sees { who: BOB, of: ALICE, layer: 1 },
                Step::Because { who: BOB, of: ALICE, reason: Reason::Budget },
                Step::Gets { who: BOB, of: ALICE, layer: Some(1), wanted: Some(2) },
                Step::Knows { who: BOB, least: Bitrate::kbps(600), most: Bitrate::kbps(990) },
                Step::Run(secs(6)),
                Step::LongestGap { who: BOB, of: ALICE, at_most: ms(300) },
                Step::Hears { who: BOB, of: ALICE, percent: 99 },
                downlink(5_000),
                Step::Run(secs(10)),
                Step::Sees { who: BOB, of: ALICE, layer: 2 },
            ],
        );
    }
}

/// Where the link carries no picture at all, the sound goes on.
#[test]
fn a_link_for_sound_alone_carries_sound_alone() {
    for seed in SEEDS {
        run(
            seed,
            &[
                Step::Joins { who: ALICE, with: Devices::ALL },
                Step::Joins { who: BOB, with: Devices::ALL },
                Step::Speaks { who: ALICE, level: 20 },
                Step::Run(secs(3)),
                downlink(90),
                Step::Run(secs(8)),
                Step::Run(secs(4)),
                Step::DoesNotSee { who: BOB, of: ALICE },
                Step::Because { who: BOB, of: ALICE, reason: Reason::Paused },
                Step::Gets { who: BOB, of: ALICE, layer: None, wanted: Some(2) },
                Step::Hears { who: BOB, of: ALICE, percent: 99 },
            ],
        );
    }
}

/// Whoever only hears tells what arrived, and what it would take, as browsers do: nothing is estimated before there is a picture.
#[test]
fn sound_alone_costs_no_estimate() {
    for seed in SEEDS {
        let mut meeting = Meeting::new(seed);
        let ears = Devices { camera: false, microphone: false, ..Devices::ALL };
        meeting.join(ALICE, Devices { camera: false, ..Devices::ALL }, WIDE, WIDE);
        meeting.join(BOB, ears, WIDE, WIDE);
        meeting.client(ALICE).speak(20);
        for _ in 0..5 {
            meeting.run(secs(1));
            let client = &meeting.seat(BOB).client;
            let slots = client.slots().iter().map(|slot| slot.ssrc()).collect();
            let remb = feedback::remb(client.session().own_ssrc(), slots, 500_000.0);
            meeting.say(BOB, &remb);
        }
        meeting.run(secs(1));
        let client = &meeting.seat(BOB).client;
        let heard: usize = client.slots().iter().map(|slot| slot.played.len()).sum();
        assert!(heard > 200, "seed {seed}: {heard}");
        assert!(client.feedbacks() > 20, "seed {seed}: {}", client.feedbacks());
        assert_eq!(meeting.estimate(BOB), None, "seed {seed}");
        meeting.join(CAROL, Devices::ALL, WIDE, WIDE);
        meeting.run(secs(2));
        assert!(meeting.estimate(BOB).is_some(), "seed {seed}");
    }
}

/// A limit holds where the link carries more.
#[test]
fn a_limit_holds_also_while_the_link_is_probed() {
    for seed in SEEDS {
        let budget = Some(Bitrate::kbps(300));
        run(
            seed,
            &[
                Step::Joins { who: ALICE, with: Devices::ALL },
                Step::Joins { who: BOB, with: Devices::ALL },
                Step::Prefers { who: BOB, budget, pictures: Pictures::Automatic },
                Step::Run(secs(4)),
                Step::Run(secs(20)),
                Step::Sees { who: BOB, of: ALICE, layer: 0 },
                Step::ReceivesAtMost { who: BOB, rate: Bitrate::kbps(400) },
            ],
        );
    }
}

/// One size alone, of 1.5 Mbit/s, that has been measured before somebody comes whose link is not known yet: with a voice beside it or
/// without, it is there within two seconds.
#[test]
fn a_picture_in_one_large_size_is_seen_by_whoever_comes_late() {
    let only_eyes = Devices { camera: false, microphone: false, ..Devices::ALL };
    for seed in SEEDS {
        for microphone in [true, false] {
            for codec in [Codec::Vp9, Codec::Av1] {
                run(
                    seed,
                    &[
                        Step::Joins {
                            who: ALICE,
                            with: Devices { microphone, ..Devices::sending(codec) },
                        },
                        Step::Joins { who: CAROL, with: only_eyes },
                        Step::Run(secs(5)),
                        Step::Joins { who: BOB, with: only_eyes },
                        Step::Run(secs(2)),
                        Step::SeesPeople { who: BOB, count: 1 },
                        Step::Run(secs(5)),
                        Step::LongestGap { who: BOB, of: ALICE, at_most: ms(100) },
                    ],
                );
            }
        }
    }
}

/// A picture in one size that the link has no room for is paused; it is back when there is, also where there is no sound whose feedback
/// tells of the link.
#[test]
fn a_paused_picture_in_one_size_comes_back_with_or_without_sound() {
    let only_eyes = Devices { camera: false, microphone: false, ..Devices::ALL };
    for seed in SEEDS {
        for microphone in [true, false] {
            run(
                seed,
                &[
                    Step::Joins {
                        who: ALICE,
                        with: Devices { microphone, ..Devices::sending(Codec::Vp9) },
                    },
                    Step::Joins { who: BOB, with: only_eyes },
                    Step::Run(secs(5)),
                    Step::SeesPeople { who: BOB, count: 1 },
                    downlink(100),
                    Step::Run(secs(5)),
                    Step::Run(secs(15)),
                    Step::DoesNotSee { who: BOB, of: ALICE },
                    downlink(5_000),
                    Step::Run(secs(12)),
                    Step::Run(secs(1)),
                    Step::SeesPeople { who: BOB, count: 1 },
                ],
            );
        }
    }
}

/// A shared screen that nearly stands still for a minute, between two slides: what the link carries is not forgotten,
/// and the next slide of 100 KB is there within half a second on 5 Mbit/s.
#[test]
fn a_slide_after_a_minute_of_silence_is_there_within_half_a_second() {
    let only_eyes = Devices { camera: false, microphone: false, ..Devices::ALL };
    for seed in SEEDS {
        let mut meeting = Meeting::new(seed);
        let picture = Source::Screen;
        let screen = Devices { microphone: false, picture, ..Devices::sending(Codec::Vp9) };
        meeting.join(ALICE, screen, WIDE, WIDE);
        meeting.join(BOB, only_eyes, WIDE, Link { kbps: 5_000, ..WIDE });
        meeting.run(secs(10));
        let before = meeting.estimate(BOB).expect("known after 10 s");
        meeting.client(ALICE).hold_still();
        meeting.run(secs(60));
        let after = meeting.estimate(BOB).expect("known after a minute");
        assert!(after >= before.scaled(9, 10), "seed {seed}: {before}, then {after}");
        let now = meeting.now();
        let slide = meeting.client(ALICE).change_slide(now, 100_000).expect("a camera");
        meeting.run(secs(2));
        let of = ALICE.publication(picture).0;
        let slots = meeting.seat(BOB).client.slots().iter();
        let mut seen = slots.flat_map(|slot| &slot.played);
        let seen = seen.find(|(_, stamp)| stamp.number == slide && stamp.publication == of);
        let (at, _) = seen.unwrap_or_else(|| panic!("seed {seed}: slide {slide} never came"));
        assert!(at.since(now) <= ms(500), "seed {seed}: {:?}", at.since(now));
        assert_eq!(meeting.complaints(), Vec::<String>::new(), "seed {seed}");
    }
}
