//! Redundant audio (RFC 2198): whole for whoever asked for it, plain for all others. Redundancy within Opus: untouched.

use std::collections::BTreeSet;

use sfu::Source;
use tests::client::stamp::Stamp;
use tests::client::{Devices, Person};
use tests::meeting::Meeting;
use tests::plan::{Link, Step, WIDE, ms, run, run_on, secs};
use tools::simnet::loss::Loss;
use tools::simnet::random::Probability;
use tools::simnet::time::SimTime;

use super::{ALICE, BOB, SEEDS};

/// Has Alice's payload types; all others have types of their own.
const TWIN: Person = Person(ALICE.0 + 8);

const EARS: Devices = Devices { camera: false, microphone: false, ..Devices::ALL };

/// The numbers of Alice's packets that came to somebody, and those that came again as redundant blocks.
fn heard(meeting: &Meeting, who: Person) -> (BTreeSet<u32>, BTreeSet<u32>) {
    let slots = meeting.seat(who).client.slots();
    (
        numbers(slots.iter().flat_map(|slot| &slot.played)),
        numbers(slots.iter().flat_map(|slot| &slot.again)),
    )
}

fn numbers<'a>(came: impl Iterator<Item = &'a (SimTime, Stamp)>) -> BTreeSet<u32> {
    let publication = ALICE.publication(Source::Microphone).0;
    let of_alice = came.filter(|(_, stamp)| stamp.publication == publication);
    of_alice.map(|(_, stamp)| stamp.number).collect()
}

/// Nobody here negotiated redundant audio to receive: each gets the primary block, plain.
#[test]
fn redundant_audio_is_plain_for_whoever_did_not_ask_for_it() {
    for seed in SEEDS {
        run(
            seed,
            &[
                Step::Joins { who: ALICE, with: Devices { red: true, ..Devices::ALL } },
                Step::Joins { who: BOB, with: Devices::ALL },
                Step::Speaks { who: ALICE, level: 20 },
                Step::Run(secs(1)),
                Step::Run(secs(2)),
                Step::Hears { who: BOB, of: ALICE, percent: 99 },
                Step::HearsNothingTwice { who: BOB, of: ALICE },
            ],
        );
    }
}

/// With the publisher's number for Opus or another one, which then stands in each block's header: a client knows no number but its own.
#[test]
fn redundant_audio_is_whole_for_whoever_asked_for_it() {
    for seed in SEEDS {
        for shards in [1, 2] {
            let red = Devices { hears_red: true, ..EARS };
            let meeting = run_on(
                shards,
                seed,
                &[
                    Step::Joins { who: ALICE, with: Devices { red: true, ..Devices::ALL } },
                    Step::Joins { who: BOB, with: red },
                    Step::Joins { who: TWIN, with: red },
                    Step::Speaks { who: ALICE, level: 20 },
                    Step::Run(secs(1)),
                    Step::Run(secs(4)),
                    Step::Hears { who: BOB, of: ALICE, percent: 99 },
                    Step::Hears { who: TWIN, of: ALICE, percent: 99 },
                ],
            );
            for who in [BOB, TWIN] {
                let (plain, again) = heard(&meeting, who);
                assert!(plain.len() > 200, "seed {seed}: {}", plain.len());
                // Each but the last came a second time, and so did the one before the first.
                let lacking = plain.iter().rev().skip(1).filter(|it| !again.contains(it)).count();
                assert_eq!(lacking, 0, "seed {seed}, {who:?}");
            }
        }
    }
}

/// Bob hears Alice for half a minute in which three tenths are lost on his link; of `more` is judged, too.
fn meeting_with_loss(seed: u64, alice: Devices, bob: Devices, more: &[Step]) -> Meeting {
    let loss = Loss::Independent(Probability::share(0.3));
    let mut plan = vec![
        Step::Joins { who: ALICE, with: alice },
        Step::Joins { who: BOB, with: bob },
        Step::Speaks { who: ALICE, level: 20 },
        Step::Run(secs(1)),
        Step::Downlink { of: BOB, link: Link { loss, ..WIDE } },
        Step::Run(secs(30)),
        Step::Suffered { who: BOB },
        Step::Hears { who: BOB, of: ALICE, percent: 65 },
        Step::LongestSilence { who: BOB, of: ALICE, at_most: ms(200) },
    ];
    plan.extend(more.iter().cloned());
    run_on(1, seed, &plan)
}

/// Of what was lost seven tenths come with the next packet: 91 of 100 can be heard.
fn assert_repaired(seed: u64, plain: &BTreeSet<u32>, all: usize) {
    let (first, last) = (plain.first().expect("some"), plain.last().expect("some"));
    let spoken = usize::try_from(last - first).expect("short") + 1;
    assert!(plain.len() * 100 < spoken * 80, "seed {seed}: {} of {spoken}", plain.len());
    assert!(all * 100 >= spoken * 89, "seed {seed}: {all} of {spoken}");
}

#[test]
fn redundant_audio_repairs_most_of_what_is_lost() {
    for seed in SEEDS {
        let (alice, bob) =
            (Devices { red: true, ..Devices::ALL }, Devices { hears_red: true, ..EARS });
        let (plain, again) = heard(&meeting_with_loss(seed, alice, bob, &[]), BOB);
        assert_repaired(seed, &plain, plain.union(&again).count());
    }
}

/// The same by Opus itself, whose packets pass byte for byte, or a client would complain: each but the first repeats the one before.
#[test]
fn in_band_fec_passes_and_repairs_most_of_what_is_lost() {
    for seed in SEEDS {
        let alice = Devices { fec: true, ..Devices::ALL };
        let once = Step::HearsNothingTwice { who: BOB, of: ALICE };
        let meeting = meeting_with_loss(seed, alice, EARS, &[once]);
        let (plain, _) = heard(&meeting, BOB);
        let with_fec: u32 = meeting.seat(BOB).client.slots().iter().map(|it| it.with_fec).sum();
        assert_eq!(usize::try_from(with_fec), Ok(plain.len()), "seed {seed}");
        let repeated = plain.iter().filter_map(|number| number.checked_sub(1));
        let all = repeated.chain(plain.iter().copied()).collect::<BTreeSet<u32>>().len();
        assert_repaired(seed, &plain, all);
    }
}
