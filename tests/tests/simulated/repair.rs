//! What is sent again: whatever is a second old, once a round trip, and no more than a quarter of what may be spent.

use sfu::MediaKind;
use sfu::command::{Command, Pictures};
use simulcast::Bitrate;
use simulcast::estimator::{Part, Parts};
use tests::client::Devices;
use tests::client::feedback::{self, Wish};
use tests::meeting::Meeting;
use tests::plan::{Link, WIDE, ms, secs};
use tools::simnet::loss::Loss;
use tools::simnet::random::Probability;
use tools::simnet::time::SimTime;

use super::{ALICE, BOB, SEEDS};

const EYES: Devices = Devices { camera: false, microphone: false, ..Devices::ALL };

/// The slot in which Bob sees Alice.
fn slot(meeting: &Meeting) -> u32 {
    let mut slots = meeting.seat(BOB).client.slots().iter();
    let seen = slots.find(|slot| slot.kind() == MediaKind::Video && !slot.played.is_empty());
    seen.expect("Bob sees Alice").ssrc()
}

/// Bob asks for one packet of a slot again.
fn ask(meeting: &mut Meeting, ssrc: u32, number: u16) {
    let own = meeting.seat(BOB).client.session().own_ssrc();
    meeting.say(BOB, &feedback::wish(own, ssrc, &Wish::Packets(vec![number])));
}

/// A round trip is 200 ms. Bob asks three times for a packet that was lost: so that he is heard when it is a second old, 150 ms later and
/// 70 ms after that.
#[test]
fn what_is_a_second_old_is_sent_again_once_a_round_trip() {
    let far = Link { delay: ms(100), ..WIDE };
    for seed in SEEDS {
        let mut meeting = Meeting::new(seed);
        meeting.join(ALICE, Devices { microphone: false, ..Devices::ALL }, WIDE, WIDE);
        meeting.join(BOB, EYES, far, far);
        meeting.run(secs(5));
        meeting.client(BOB).ask_for_nothing();
        let lost = Loss::Independent(Probability::share(1.0));
        meeting.change_downlink(BOB, Link { loss: lost, ..far });
        meeting.run(ms(40));
        meeting.change_downlink(BOB, far);
        let ssrc = slot(&meeting);
        let stream = meeting.seat(BOB).sent.stream(ssrc).expect("was sent");
        let (sent, number) = stream.newest().expect("was sent");
        for wait in [900, 150, 70] {
            meeting.run(ms(wait));
            ask(&mut meeting, ssrc, number);
        }
        meeting.run(secs(1));
        let again = meeting.seat(BOB).again.iter();
        let again = again.filter(|(_, it)| it.ssrc == ssrc && it.number == Some(number));
        let ages: Vec<u128> = again.map(|(at, _)| at.since(sent).as_millis()).collect();
        let [first, second] = ages[..] else { panic!("seed {seed}: {ages:?}") };
        assert!((1_000..1_050).contains(&first), "seed {seed}: {ages:?}");
        assert!((1_220..1_270).contains(&second), "seed {seed}: {ages:?}");
    }
}

/// Bob wants less than his link carries; of that, a quarter at most is spent on what was lost, over any second. The estimate is made without
/// the part that follows losses: where that has lowered it, it is probed with padding, which cannot be told from what is sent again.
#[test]
fn what_is_sent_again_is_a_quarter_of_the_budget_at_most() {
    let setting = Bitrate::kbps(700);
    for seed in SEEDS {
        for percent in [5.0, 10.0, 20.0, 30.0] {
            let loss = Loss::Independent(Probability::percent(percent));
            let mut meeting = Meeting::lacking(seed, Parts::ALL.without(Part::Loss));
            meeting.join(ALICE, Devices { microphone: false, ..Devices::ALL }, WIDE, WIDE);
            meeting.join(BOB, EYES, WIDE, WIDE);
            let (participant, budget) = (BOB.participant(), Some(setting));
            meeting.command(Command::Prefer { participant, budget, pictures: Pictures::Automatic });
            meeting.run(secs(5));
            meeting.change_downlink(BOB, Link { loss, ..WIDE });
            let from = meeting.now();
            let mut limits: Vec<(SimTime, Bitrate)> = Vec::new();
            for _ in 0..2_000 {
                let estimate = meeting.estimate(BOB).expect("known after 5 s");
                limits.push((meeting.now(), estimate.min(setting)));
                meeting.run(ms(10));
            }
            let most = most_again(&meeting, from, &limits);
            assert!(most <= 0.25, "seed {seed}, {percent} %: {most}");
            assert!(percent < 30.0 || most > 0.2, "seed {seed}, {percent} %: {most}");
        }
    }
}

/// Of the highest limit in it, the share of a second that was spent on sending again, in the second in which that was most.
fn most_again(meeting: &Meeting, from: SimTime, limits: &[(SimTime, Bitrate)]) -> f64 {
    let again = &meeting.seat(BOB).again;
    let second = |until: SimTime, at: SimTime| at <= until && until.since(at) < secs(1);
    let share = |until: SimTime| {
        let inside = again.iter().filter(|(at, _)| second(until, *at));
        let bytes: usize = inside.map(|(_, it)| it.wire).sum();
        let limit = limits.iter().filter(|(at, _)| second(until, *at)).map(|it| it.1).max();
        let limit = limit.expect("there is one each 10 ms").as_bps();
        let bits = u32::try_from(bytes * 8).expect("few");
        f64::from(bits) / f64::from(u32::try_from(limit).expect("no more than was set"))
    };
    let ends = again.iter().map(|(at, _)| *at).filter(|at| *at >= from + secs(1));
    ends.map(share).fold(0.0, f64::max)
}
