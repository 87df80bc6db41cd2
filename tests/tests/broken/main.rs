//! Proof that the tests can fail: what is left out of an estimator or of a shard turns the rows red that it is there for.
//!
//! Nothing here is a build of its own: a part is left out by an argument ([`Parts`]), and a server has them all. Each row is run with all
//! parts and without one, with the same seeds: with all it holds, without it it is short at the same bar. docs/simulcast.md has the table,
//! and which parts turn no row red.

mod study;

use simulcast::Bitrate;
use simulcast::estimator::{Part, Parts};
use tests::client::{Devices, Person};
use tests::meeting::Meeting;
use tests::plan::{Link, WIDE, ms, secs};
use tests::rfc8867::algorithm::Settings;
use tools::simnet::loss::Loss;
use tools::simnet::random::Probability;

use study::{loss_of_short_queue, switches, turns_red};

const ALICE: Person = Person(1);
const BOB: Person = Person(2);

/// All but one.
fn without(part: Part) -> Settings {
    Settings { parts: Parts::ALL.without(part), ..Settings::default() }
}

#[test]
fn a_constant_estimate_of_a_megabit_is_seen() {
    let constant = Settings { start: Some(Bitrate::kbps(1_000)), ..without(Part::Estimate) };
    for (row, figure) in [
        ("5.1 40-60", "utilisation %"),
        ("5.1 60-80", "loss %"),
        ("5.2 75-100", "loss %"),
        ("S1", "top kept %"),
        ("S3", "up s"),
    ] {
        turns_red(constant, row, figure, 1..=1);
    }
}

#[test]
fn without_the_delay_based_part_queues_stand() {
    for (row, figure) in [("5.1 0-40", "queue p95 ms"), ("Q 1000 ms", "queue p95 ms")] {
        turns_red(without(Part::Delay), row, figure, 1..=1);
    }
}

#[test]
fn without_probing_wider_links_are_found_late() {
    for (row, figure) in [
        ("5.1 times", "up80 at 40 s"),
        ("S1", "top kept %"),
        ("S3", "up s"),
        ("S5", "to the top s"),
    ] {
        turns_red(without(Part::Probing), row, figure, 1..=1);
    }
}

/// S2 itself holds without care too (one switch, with and without): on its link the estimate is never near a step. On links that carry a
/// little more than a step, layers flap.
#[test]
fn without_care_layers_flap_where_a_link_carries_little_more_than_a_step() {
    for kbps in [680, 1_750] {
        let [whole, broken] =
            [Settings::default(), without(Part::Care)].map(|it| switches(kbps, it, 1));
        eprintln!("{kbps} kbit/s: {whole} switches with all, {broken} without");
        assert!(whole <= SWITCHES_MAX && broken > SWITCHES_MAX, "{kbps}: {whole}, then {broken}");
    }
}

/// S2's bar.
const SWITCHES_MAX: f64 = 6.0;

/// No row of section 4 needs the loss-based part: a queue of 70 ms is seen by its delay, and where chance takes a fifth of all packets
/// more arrives without it. A queue little longer than jitter is seen by its losses alone: there it saves more than half of them.
#[test]
fn without_the_loss_based_part_a_short_queue_overflows() {
    for queue in [10, 20, 30] {
        let [whole, broken] = [Settings::default(), without(Part::Loss)]
            .map(|it| loss_of_short_queue(ms(queue), it, 1));
        eprintln!("queue of {queue} ms: {whole:.1} % lost with all, {broken:.1} % without");
        assert!(broken > 2.0 * whole, "{queue}: {whole}, then {broken}");
    }
}

#[test]
#[ignore = "long: five seeds of three flows"]
fn without_pacing_or_the_delay_based_part_three_flows_queue() {
    turns_red(without(Part::Delay), "5.4 60-119", "queue p95 ms", 1..=5);
    turns_red(without(Part::Pacing), "5.4 60-119", "queue p95 ms", 1..=5);
}

/// What is complained of in a call in which Bob's view shrinks and grows.
fn switching(seed: u64, parts: Parts) -> Vec<String> {
    let mut meeting = Meeting::lacking(seed, parts);
    meeting.join(ALICE, Devices::ALL, WIDE, WIDE);
    meeting.join(BOB, Devices::ALL, WIDE, WIDE);
    for height in [720, 180, 720] {
        meeting.view(BOB, height);
        meeting.run(secs(3));
    }
    meeting.complaints()
}

#[test]
fn switching_without_a_keyframe_is_seen_as_undecodable_frames() {
    for seed in 1..=3 {
        assert_eq!(switching(seed, Parts::ALL), Vec::<String>::new(), "seed {seed}");
        let complaints = switching(seed, Parts::ALL.without(Part::Keyframes));
        let undecodable = complaints.iter().filter(|it| it.contains("needs"));
        assert!(undecodable.count() > 0, "seed {seed}: {complaints:#?}");
    }
}

/// The estimate for Bob, of whose feedback three tenths are lost, on a link of 5 Mbit/s.
fn deafened(seed: u64, parts: Parts) -> Bitrate {
    let mut meeting = Meeting::lacking(seed, parts);
    meeting.join(ALICE, Devices::ALL, WIDE, WIDE);
    let listener = Devices { camera: false, microphone: false, ..Devices::ALL };
    let loss = Loss::Independent(Probability::share(0.3));
    meeting.join(BOB, listener, Link { loss, ..WIDE }, Link { kbps: 5_000, ..WIDE });
    let mut least = Bitrate::MAX;
    meeting.run(secs(10));
    for _ in 0..200 {
        meeting.run(ms(100));
        least = least.min(meeting.estimate(BOB).expect("known after 10 s"));
    }
    least
}

#[test]
fn feedback_loss_taken_for_packet_loss_lowers_the_estimate() {
    // What the top layer and a voice cost: below that a layer is lost for nothing.
    let needed = Bitrate::kbps(1_700);
    for seed in 1..=3 {
        let (whole, broken) =
            (deafened(seed, Parts::ALL), deafened(seed, Parts::ALL.without(Part::FeedbackLoss)));
        eprintln!("seed {seed}: at least {whole} with all, {broken} without");
        assert!(whole >= needed && broken < needed, "seed {seed}: {whole}, then {broken}");
    }
}
