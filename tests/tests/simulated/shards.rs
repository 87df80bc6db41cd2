//! Several media threads are one server.

use sfu::metrics::Relayed;
use tests::client::{Devices, Person};
use tests::plan::{Link, Step, WIDE, ms, run_on, secs};
use tools::simnet::jitter::Jitter;
use tools::simnet::loss::Loss;

use super::{ALICE, BOB, CAROL, DAVE, SEEDS, others, people};

fn meet(count: u8) -> Vec<Step> {
    let mut plan: Vec<Step> =
        people(count).map(|who| Step::Joins { who, with: Devices::ALL }).collect();
    plan.extend(people(count).map(|who| Step::Speaks { who, level: 10 + 10 * who.0 }));
    plan.push(Step::Run(secs(2)));
    plan
}

/// Alice and Carol sit at shard 1, Bob and Dave at shard 0.
#[test]
fn a_shard_that_panics_takes_only_its_own_people_who_come_back() {
    for seed in SEEDS {
        let mut plan = meet(4);
        plan.extend([Step::ShardEnds { shard: 1 }, Step::Run(secs(3))]);
        for (who, of) in [(BOB, DAVE), (DAVE, BOB)] {
            plan.push(Step::Hears { who, of, percent: 99 });
            plan.push(Step::LongestGap { who, of, at_most: ms(150) });
            for gone in [ALICE, CAROL] {
                plan.push(Step::DoesNotHear { who, of: gone });
            }
        }
        plan.extend([ALICE, CAROL].map(|who| Step::Joins { who, with: Devices::ALL }));
        plan.push(Step::Run(secs(2)));
        plan.push(Step::Run(secs(2)));
        for who in people(4) {
            for of in others(who, 4) {
                plan.push(Step::Hears { who, of, percent: 99 });
                plan.push(Step::LongestGap { who, of, at_most: ms(150) });
            }
        }
        let _meeting = run_on(2, seed, &plan);
    }
}

#[test]
fn everybody_gets_the_same_from_any_number_of_shards() {
    let mut plan = meet(8);
    plan.extend(people(8).map(|who| Step::Views { who, height: 720 }));
    plan.extend([Step::Speaks { who: Person(6), level: 5 }, Step::Run(secs(3))]);
    // With seed 10 two voices change places in the turn in which a packet of one of them waits to leave.
    for seed in SEEDS.into_iter().chain([10]) {
        let alone = run_on(1, seed, &plan);
        for shards in [2, 3] {
            let shared = run_on(shards, seed, &plan);
            assert!(alone.suffered_nothing() && shared.suffered_nothing(), "the network is clean");
            assert_eq!(shared.media(), alone.media(), "seed {seed}, {shards} shards");
        }
    }
}

/// Twenty people who are loud one after another, six of them at a time, so that places change hands all the time; all are heard by
/// few, so little of their sound crosses, and all hear what they would hear on one shard.
#[test]
fn of_many_voices_on_three_shards_those_cross_that_somebody_there_hears() {
    const PEOPLE: u8 = 20;
    let devices = Devices { camera: false, ..Devices::ALL };
    let mut plan: Vec<Step> =
        people(PEOPLE).map(|who| Step::Joins { who, with: devices }).collect();
    plan.push(Step::Run(secs(2)));
    for round in 0..40_u8 {
        // Seven has no divisor in common with the twenty: everybody has a turn.
        let person = |round: u8| Person(round % PEOPLE * 7 % PEOPLE + 1);
        let (who, before) = (person(round), person(round + PEOPLE - 6));
        plan.push(Step::Speaks { who, level: 12 + round % 6 * 5 });
        plan.push(Step::Speaks { who: before, level: 127 });
        plan.push(Step::Run(ms(330)));
    }
    plan.push(Step::Run(secs(2)));
    for seed in SEEDS {
        let alone = run_on(1, seed, &plan);
        assert_eq!(alone.relayed(Relayed::Level) + alone.relayed(Relayed::Sound), 0);
        let shared = run_on(3, seed, &plan);
        assert!(alone.suffered_nothing() && shared.suffered_nothing(), "the network is clean");
        assert_eq!(shared.media(), alone.media(), "seed {seed}");
        let (sound, levels) = (shared.relayed(Relayed::Sound), shared.relayed(Relayed::Level));
        let all = sound + levels;
        println!("seed {seed}: {sound} of {all} packets crossed whole");
        // A listener hears three, so that four are heard by somebody, each at up to two other shards: of 20 that is a fifth. Where a
        // place changes hands, one more may be on its way.
        assert!(sound * 5 <= all * 11 / 10, "{sound} of {all} crossed whole");
        assert!(sound * 10 >= all, "{sound} of {all}: each of the others hears three");
    }
}

/// Losses, jitter and a blackout between shards' people, who must notice no more of it than on one.
#[test]
fn bad_networks_are_as_bad_on_several_shards_as_on_one() {
    let lossy = Link { loss: Loss::BURSTS, jitter: Some(Jitter::STANDARD), ..WIDE };
    for shards in [1, 2, 3] {
        let mut plan = meet(3);
        plan.push(Step::Downlink { of: ALICE, link: lossy });
        plan.push(Step::Uplink { of: BOB, link: lossy });
        plan.extend([Step::Run(secs(20)), Step::Suffered { who: ALICE }]);
        plan.push(Step::WasRepaired { who: ALICE });
        // Each bad link loses 5 % in bursts: of 1,000 packets that is within two standard deviations up to 9 %, of two links 15 %.
        for (who, of, percent) in
            [(ALICE, BOB, 85), (ALICE, CAROL, 91), (CAROL, BOB, 91), (CAROL, ALICE, 99)]
        {
            plan.push(Step::Hears { who, of, percent });
            plan.push(Step::LongestGap { who, of, at_most: ms(1_500) });
        }
        let _meeting = run_on(shards, 1, &plan);
    }
}

#[test]
fn the_same_seed_gives_the_same_bytes_on_any_number_of_shards() {
    let mut plan = meet(5);
    plan.extend([
        Step::Views { who: ALICE, height: 180 },
        Step::Leaves { who: Person(5) },
        Step::Run(secs(1)),
    ]);
    for shards in [1, 2, 3] {
        let digest = |seed| run_on(shards, seed, &plan).digest();
        assert_eq!(digest(7), digest(7), "{shards} shards");
        assert_ne!(digest(7), digest(8), "{shards} shards: the digest sees something");
    }
}

/// The last member of a shard goes, which then needs nothing any more; the next one there gets everything again.
#[test]
fn a_shard_that_a_channel_left_takes_it_up_again() {
    let mut plan = meet(3);
    plan.extend([Step::Leaves { who: BOB }, Step::Run(secs(1))]);
    plan.extend([
        Step::Joins { who: BOB, with: Devices::ALL },
        Step::Run(secs(1)),
        Step::Run(secs(2)),
    ]);
    for of in [ALICE, CAROL] {
        plan.push(Step::Hears { who: BOB, of, percent: 99 });
        plan.push(Step::LongestGap { who: BOB, of, at_most: ms(150) });
        plan.push(Step::Hears { who: of, of: BOB, percent: 99 });
    }
    for shards in [2, 3] {
        let _meeting = run_on(shards, 1, &plan);
    }
}
