//! Keyframe requests of many become few.

use std::collections::BTreeMap;

use tests::client::feedback::Request;
use tests::client::{Devices, Person};
use tests::plan::{Link, Step, WIDE, ms, run, run_on, secs};
use tools::simnet::loss::Loss;
use tools::simnet::random::Probability;

use super::{ALICE, SEEDS};

#[test]
fn a_publisher_is_asked_at_most_twice_a_second_for_each_encoding() {
    for seed in SEEDS {
        let mut plan = vec![Step::Joins { who: ALICE, with: Devices::ALL }, Step::Run(secs(1))];
        for number in 2..10 {
            plan.push(Step::Joins { who: Person(number), with: Devices::ALL });
            plan.push(Step::Downlink {
                of: Person(number),
                link: Link { loss: Loss::Independent(Probability::percent(25.0)), ..WIDE },
            });
            plan.push(Step::Run(ms(90)));
        }
        plan.push(Step::Run(secs(4)));
        plan.push(Step::KeyframeRequests { of: ALICE, apart: ms(500) });
        run(seed, &plan);
    }
}

/// Fifty come within a second, and see the picture: at most three requests for each encoding.
#[test]
fn fifty_who_come_at_once_cost_a_publisher_three_keyframes() {
    let eyes = Devices {
        camera: false,
        microphone: false,
        audio_slots: 1,
        video_slots: 1,
        ..Devices::ALL
    };
    let joiners = || (2..52).map(Person);
    for seed in SEEDS {
        let mut plan = vec![Step::Joins { who: ALICE, with: Devices::ALL }, Step::Run(secs(2))];
        for who in joiners() {
            plan.extend([Step::Joins { who, with: eyes }, Step::Run(ms(20))]);
        }
        plan.extend([Step::Run(secs(2)), Step::Run(secs(1))]);
        plan.extend(joiners().map(|who| Step::SeesPeople { who, count: 1 }));
        let meeting = run_on(1, seed, &plan);
        let mut asked: BTreeMap<u32, usize> = BTreeMap::new();
        for (_, request) in &meeting.seat(ALICE).asked {
            if let Request::Keyframe { ssrc } = request {
                *asked.entry(*ssrc).or_default() += 1;
            }
        }
        assert!(!asked.is_empty(), "seed {seed}: nobody was asked");
        assert!(asked.values().all(|count| *count <= 3), "seed {seed}: {asked:?}");
    }
}
