//! Keyframe requests of many become few.

use tests::client::{Devices, Person};
use tests::plan::{Link, Step, WIDE, ms, run, secs};
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
