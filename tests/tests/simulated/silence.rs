//! A moderator's mute is kept by the shard, whatever the participant says of itself.

use sfu::Source;
use tests::client::Devices;
use tests::plan::{Step, ms, run, secs};

use super::{ALICE, BOB, CAROL, SEEDS};

fn all_hear_alice(then: &[Step]) {
    for seed in SEEDS {
        let mut plan: Vec<Step> =
            [ALICE, BOB, CAROL].map(|who| Step::Joins { who, with: Devices::ALL }).to_vec();
        plan.extend([
            Step::Speaks { who: ALICE, level: 20 },
            Step::Run(secs(2)),
            Step::Run(secs(1)),
            Step::Hears { who: BOB, of: ALICE, percent: 99 },
            Step::Sees { who: BOB, of: ALICE, layer: 2 },
        ]);
        plan.extend(then.iter().cloned());
        run(seed, &plan);
    }
}

#[test]
fn a_silenced_microphone_is_heard_by_nobody_whatever_its_owner_says() {
    let source = Source::Microphone;
    let unmutes = Step::Voice { who: ALICE, muted: false, deafened: false };
    all_hear_alice(&[
        Step::Silence { who: ALICE, source, silenced: true },
        Step::Run(secs(1)),
        Step::DoesNotHear { who: BOB, of: ALICE },
        Step::DoesNotHear { who: CAROL, of: ALICE },
        unmutes,
        Step::Run(secs(2)),
        Step::DoesNotHear { who: BOB, of: ALICE },
        Step::Sees { who: BOB, of: ALICE, layer: 2 },
        Step::Silence { who: ALICE, source, silenced: false },
        Step::Run(ms(500)),
        Step::Run(secs(1)),
        Step::Hears { who: BOB, of: ALICE, percent: 99 },
    ]);
}

#[test]
fn lifting_it_does_not_switch_on_what_its_owner_switched_off() {
    let source = Source::Microphone;
    all_hear_alice(&[
        Step::Silence { who: ALICE, source, silenced: true },
        Step::Voice { who: ALICE, muted: true, deafened: false },
        Step::Silence { who: ALICE, source, silenced: false },
        Step::Run(secs(1)),
        Step::DoesNotHear { who: BOB, of: ALICE },
    ]);
}

#[test]
fn a_silenced_picture_is_seen_by_nobody_and_comes_back() {
    let source = Source::Camera;
    all_hear_alice(&[
        Step::Silence { who: ALICE, source, silenced: true },
        Step::Run(ms(200)),
        Step::Run(secs(1)),
        Step::DoesNotSee { who: BOB, of: ALICE },
        Step::Hears { who: CAROL, of: ALICE, percent: 99 },
        Step::Silence { who: ALICE, source, silenced: false },
        Step::Run(secs(1)),
        Step::SeesPeople { who: BOB, count: 2 },
        // Two pictures in full cost more than the first probes look for; another looks for it once it is wanted.
        Step::Run(secs(1)),
        Step::Sees { who: BOB, of: ALICE, layer: 2 },
    ]);
}
