//! One seed is one run, byte for byte.

use tests::client::{Devices, Person};
use tests::plan::{Link, Step, WIDE, ms, run, secs};
use tools::simnet::jitter::Jitter;
use tools::simnet::loss::Loss;

use super::{ALICE, BOB, people};

fn plan() -> Vec<Step> {
    let mut plan: Vec<Step> =
        people(5).map(|who| Step::Joins { who, with: Devices::ALL }).collect();
    plan.extend(
        people(5).zip([10, 30, 20, 50, 40]).map(|(who, level)| Step::Speaks { who, level }),
    );
    plan.extend([
        Step::Run(secs(1)),
        Step::Downlink {
            of: BOB,
            link: Link { loss: Loss::BURSTS, jitter: Some(Jitter::STANDARD), ..WIDE },
        },
        Step::Views { who: ALICE, height: 180 },
        Step::Run(secs(2)),
        Step::Leaves { who: Person(5) },
        Step::Speaks { who: Person(4), level: 5 },
        Step::Run(ms(1500)),
    ]);
    plan
}

#[test]
fn the_same_seed_gives_the_same_bytes() {
    let plan = plan();
    let first = run(7, &plan);
    assert_eq!(run(7, &plan), first);
    assert_ne!(run(8, &plan), first, "the digest sees something");
}
