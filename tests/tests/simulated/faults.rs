//! Links that lose, reorder, double and delay.

use tests::client::Devices;
use tests::plan::{Link, Step, WIDE, ms, run, secs};
use tools::simnet::jitter::Jitter;
use tools::simnet::loss::Loss;
use tools::simnet::random::Probability;
use tools::simnet::route::Reordering;

use super::{ALICE, BOB, SEEDS};

fn losing(percent: f64) -> Link {
    Link { loss: Loss::Independent(Probability::percent(percent)), ..WIDE }
}

/// Alice and Bob talk for six seconds while one of Bob's directions is bad.
fn talk(uplink: Link, downlink: Link, then: &[Step]) {
    for seed in SEEDS {
        let mut plan = vec![
            Step::Joins { who: ALICE, with: Devices::ALL },
            Step::Joins { who: BOB, with: Devices::ALL },
            Step::Run(secs(2)),
            Step::Uplink { of: BOB, link: uplink },
            Step::Downlink { of: BOB, link: downlink },
            Step::Run(secs(6)),
            Step::Suffered { who: BOB },
        ];
        plan.extend(then.iter().cloned());
        run(seed, &plan);
    }
}

#[test]
fn one_percent_of_loss_to_a_receiver_is_repaired() {
    talk(
        WIDE,
        losing(1.0),
        &[
            Step::WasRepaired { who: BOB },
            Step::LongestGap { who: BOB, of: ALICE, at_most: ms(300) },
            Step::Hears { who: BOB, of: ALICE, percent: 97 },
        ],
    );
}

#[test]
fn five_percent_of_loss_to_a_receiver_are_repaired() {
    talk(
        WIDE,
        losing(5.0),
        &[
            Step::WasRepaired { who: BOB },
            Step::LongestGap { who: BOB, of: ALICE, at_most: ms(500) },
            Step::Hears { who: BOB, of: ALICE, percent: 92 },
        ],
    );
}

#[test]
fn twenty_percent_of_loss_to_a_receiver_still_show_a_picture() {
    talk(
        WIDE,
        losing(20.0),
        &[
            Step::WasRepaired { who: BOB },
            Step::LongestGap { who: BOB, of: ALICE, at_most: ms(1500) },
            Step::Hears { who: BOB, of: ALICE, percent: 74 },
        ],
    );
}

#[test]
fn five_percent_of_loss_from_a_publisher_are_repaired() {
    talk(
        losing(5.0),
        WIDE,
        &[
            Step::LongestGap { who: ALICE, of: BOB, at_most: ms(500) },
            Step::Hears { who: ALICE, of: BOB, percent: 92 },
        ],
    );
}

#[test]
fn twenty_percent_of_loss_from_a_publisher_still_show_a_picture() {
    talk(
        losing(20.0),
        WIDE,
        &[
            Step::LongestGap { who: ALICE, of: BOB, at_most: ms(1500) },
            Step::Hears { who: ALICE, of: BOB, percent: 74 },
        ],
    );
}

#[test]
fn at_thirty_percent_of_loss_two_thirds_of_the_sound_arrive_and_no_silence_is_ours() {
    talk(
        WIDE,
        losing(30.0),
        &[
            Step::Hears { who: BOB, of: ALICE, percent: 65 },
            Step::LongestSilence { who: BOB, of: ALICE, at_most: ms(200) },
        ],
    );
    talk(
        losing(30.0),
        WIDE,
        &[
            Step::Hears { who: ALICE, of: BOB, percent: 65 },
            Step::LongestSilence { who: ALICE, of: BOB, at_most: ms(200) },
        ],
    );
}

#[test]
fn bursts_of_loss_are_repaired() {
    let bursts = Link { loss: Loss::BURSTS, ..WIDE };
    talk(
        WIDE,
        bursts,
        &[
            Step::WasRepaired { who: BOB },
            Step::LongestGap { who: BOB, of: ALICE, at_most: ms(800) },
        ],
    );
}

#[test]
fn reordered_packets_are_put_in_order() {
    let reordering = Some(Reordering { probability: Probability::percent(5.0), by: ms(12) });
    let link = Link { reordering, ..WIDE };
    talk(
        link,
        link,
        &[
            Step::LongestGap { who: BOB, of: ALICE, at_most: ms(200) },
            Step::LongestGap { who: ALICE, of: BOB, at_most: ms(200) },
            Step::Hears { who: ALICE, of: BOB, percent: 98 },
        ],
    );
}

#[test]
fn doubled_packets_are_forwarded_once() {
    let link = Link { duplicates: Probability::percent(10.0), ..WIDE };
    talk(
        link,
        WIDE,
        &[
            Step::LongestGap { who: ALICE, of: BOB, at_most: ms(100) },
            Step::HearsNothingTwice { who: ALICE, of: BOB },
        ],
    );
}

#[test]
fn jitter_disturbs_nobody() {
    let link = Link {
        jitter: Some(Jitter::STANDARD),
        loss: Loss::Independent(Probability::percent(0.2)),
        ..WIDE
    };
    talk(
        link,
        link,
        &[
            Step::LongestGap { who: BOB, of: ALICE, at_most: ms(300) },
            Step::LongestGap { who: ALICE, of: BOB, at_most: ms(300) },
        ],
    );
}
