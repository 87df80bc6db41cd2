//! Steps down to a smaller encoding, whose keyframe does not come.

use std::time::Duration;

use sfu::command::{Command, Pictures};
use sfu::event::Reason;
use sfu::{Event, MediaKind};
use simulcast::Bitrate;
use tests::client::Devices;
use tests::meeting::Meeting;
use tests::plan::{Link, WIDE, ms, secs};
use tools::simnet::time::SimTime;

use super::{ALICE, BOB, CAROL, SEEDS};

/// Beside a round trip, what flowed goes on for so long.
const AT_MOST: Duration = ms(150);

/// What is taken for it, of somebody whose reports tell none.
const ROUND_TRIP: Duration = ms(100);

/// Until a decision shows.
const SOON: Duration = ms(50);

/// Bob sees the camera of Alice in its largest size, Carol in its smallest, so that it is sent; from here on Alice makes no keyframes.
fn meeting(seed: u64) -> Meeting {
    let mut meeting = Meeting::new(seed);
    let eyes = Devices { camera: false, microphone: false, ..Devices::ALL };
    meeting.join(ALICE, Devices::ALL, WIDE, WIDE);
    meeting.join(BOB, eyes, WIDE, WIDE);
    meeting.join(CAROL, eyes, WIDE, WIDE);
    meeting.run(secs(1));
    meeting.view(CAROL, 180);
    meeting.run(secs(3));
    meeting.client(ALICE).fall_deaf();
    let now = meeting.now();
    assert_eq!(told(&meeting), (Some(2), Reason::Full), "seed {seed}");
    meeting.run(secs(1));
    assert!((29..=31).contains(&pictures(&meeting, now, secs(1))), "seed {seed}");
    meeting
}

/// Pictures that were sent to Bob in the time that `lasts` from then on.
fn pictures(meeting: &Meeting, from: SimTime, lasts: Duration) -> usize {
    let seat = meeting.seat(BOB);
    let slots = seat.client.slots().iter().filter(|slot| slot.kind() == MediaKind::Video);
    let streams = slots.filter_map(|slot| seat.sent.stream(slot.ssrc()));
    streams.map(|stream| stream.pictures(from, from + lasts)).sum()
}

/// What Bob was told of the picture last.
fn told(meeting: &Meeting) -> (Option<u8>, Reason) {
    let told = meeting.events.iter().rev().find_map(|(_, event)| {
        let Event::Assigned(participant, all) = event else { return None };
        let mut pictures =
            all.iter().map(|it| it.outcome).filter(|it| it.layer.is_some() || it.wanted.is_some());
        let of_bob = *participant == BOB.participant();
        pictures.next().filter(|_| of_bob).map(|it| (it.layer, it.reason))
    });
    told.expect("Bob was told of a picture")
}

fn limit(meeting: &mut Meeting, budget: Option<Bitrate>) {
    let (participant, pictures) = (BOB.participant(), Pictures::Automatic);
    meeting.command(Command::Prefer { participant, budget, pictures });
}

/// Every second picture is of the upper temporal layer.
#[test]
fn the_least_of_the_old_encoding_flows_for_a_while_and_then_the_picture_waits() {
    for seed in SEEDS {
        let mut meeting = meeting(seed);
        meeting.change_downlink(BOB, Link { kbps: 800, ..WIDE });
        let start = meeting.now();
        while told(&meeting).1 != Reason::Budget {
            meeting.run(ms(1));
            assert!(meeting.now().since(start) < secs(5), "seed {seed}: the link is too narrow");
        }
        let now = meeting.now();
        meeting.run(secs(3));
        let lasts = ROUND_TRIP + AT_MOST;
        let whole = usize::try_from(lasts.as_millis() / 33).expect("few");
        let went = pictures(&meeting, now, lasts + SOON);
        assert!((2..=whole / 2 + 2).contains(&went), "seed {seed}: {went} of {whole}");
        assert_eq!(pictures(&meeting, now + lasts + SOON, secs(2)), 0, "seed {seed}");
        assert_eq!(told(&meeting), (None, Reason::Keyframe), "seed {seed}");
    }
}

#[test]
fn a_limit_that_lasts_a_moment_takes_no_picture_away() {
    for seed in SEEDS {
        let mut meeting = meeting(seed);
        limit(&mut meeting, Some(Bitrate::kbps(200)));
        meeting.run(ms(100));
        limit(&mut meeting, None);
        meeting.run(secs(3));
        let now = meeting.now();
        meeting.run(secs(1));
        assert!((29..=31).contains(&pictures(&meeting, now, secs(1))), "seed {seed}");
        assert_eq!(told(&meeting), (Some(2), Reason::Full), "seed {seed}");
    }
}

/// The link carries it, so there is no haste.
#[test]
fn a_view_that_became_smaller_keeps_its_picture_whole_until_the_smaller_one_is_there() {
    for seed in SEEDS {
        let mut meeting = meeting(seed);
        meeting.view(BOB, 180);
        meeting.run(secs(1));
        let now = meeting.now();
        meeting.run(secs(1));
        assert!((29..=31).contains(&pictures(&meeting, now, secs(1))), "seed {seed}");
    }
}
