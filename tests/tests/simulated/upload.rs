//! Somebody who sends more than they may: what is more goes no further, and they are heard.

use simulcast::Bitrate;
use tests::client::Devices;
use tests::plan::{Step, run, secs};

use super::{ALICE, BOB, SEEDS};

/// Alice's encoders heed no feedback: their three sizes come to several times the cap.
#[test]
fn what_is_above_the_cap_reaches_nobody_and_sound_goes_on() {
    for seed in SEEDS {
        let mut plan: Vec<Step> =
            [ALICE, BOB].map(|who| Step::Joins { who, with: Devices::ALL }).to_vec();
        plan.extend([
            Step::Speaks { who: ALICE, level: 20 },
            Step::Run(secs(3)),
            Step::Sees { who: BOB, of: ALICE, layer: 2 },
            Step::Capped { who: ALICE, most: Some(Bitrate::kbps(300)) },
            Step::Run(secs(2)),
            Step::Run(secs(5)),
            Step::Hears { who: BOB, of: ALICE, percent: 99 },
            Step::ReceivesAtMost { who: BOB, rate: Bitrate::kbps(360) },
            Step::Capped { who: ALICE, most: None },
            Step::Run(secs(12)),
            Step::Sees { who: BOB, of: ALICE, layer: 2 },
        ]);
        run(seed, &plan);
    }
}
