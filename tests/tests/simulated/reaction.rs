//! How soon a decision shows in what is sent and asked for: within 50 ms.

use std::time::Duration;

use sfu::command::{Command, Pictures};
use sfu::event::Reason;
use sfu::{Event, MediaKind};
use simulcast::Bitrate;
use tests::client::Devices;
use tests::client::feedback::{self, Request};
use tests::client::session::camera_ssrc;
use tests::meeting::Meeting;
use tests::plan::{Link, WIDE, ms, secs};
use tools::simnet::time::SimTime;

use super::{ALICE, BOB, CAROL, SEEDS};

/// More than the largest picture costs with its headers, a silent voice beside it, and a tenth to spare.
const ROOM: Bitrate = Bitrate::kbps(2_000);

/// Within so much.
const SOON: Duration = ms(50);

/// Everybody sees the camera of Alice, which all links carry in its largest size.
fn meeting(seed: u64) -> Meeting {
    let eyes = Devices { camera: false, microphone: false, ..Devices::ALL };
    let mut meeting = Meeting::new(seed);
    meeting.join(ALICE, Devices::ALL, WIDE, WIDE);
    meeting.join(BOB, eyes, WIDE, WIDE);
    meeting.join(CAROL, eyes, WIDE, WIDE);
    meeting.run(secs(4));
    assert!(sent_since(&meeting, SimTime::ZERO) > 100, "seed {seed}: pictures flow");
    meeting
}

/// Packets of pictures that were sent to Bob since then.
fn sent_since(meeting: &Meeting, from: SimTime) -> usize {
    let seat = meeting.seat(BOB);
    let pictures = seat.client.slots().iter().filter(|slot| slot.kind() == MediaKind::Video);
    let streams = pictures.filter_map(|slot| seat.sent.stream(slot.ssrc()));
    streams.map(|stream| stream.sent_since(from)).sum()
}

/// Whether Bob was told that the picture is paused.
fn is_paused(meeting: &Meeting) -> bool {
    let told = meeting.events.iter().rev().find_map(|(_, event)| {
        if let Event::Assigned(participant, all) = event
            && *participant == BOB.participant()
        {
            Some(all)
        } else {
            None
        }
    });
    told.is_some_and(|all| all.iter().any(|it| it.outcome.reason == Reason::Paused))
}

#[test]
fn what_is_hidden_or_unaffordable_is_not_sent_any_more() {
    for seed in SEEDS {
        let hides = |meeting: &mut Meeting| meeting.view(BOB, 0);
        let saves = |meeting: &mut Meeting| {
            let (participant, budget) = (BOB.participant(), Some(Bitrate::kbps(50)));
            meeting.command(Command::Prefer { participant, budget, pictures: Pictures::Automatic });
        };
        for change in [hides as fn(&mut Meeting), saves] {
            let mut meeting = meeting(seed);
            let now = meeting.now();
            assert!(sent_since(&meeting, now) == 0, "seed {seed}: nothing after now");
            change(&mut meeting);
            meeting.run(secs(2));
            assert_eq!(sent_since(&meeting, now + SOON), 0, "seed {seed}");
        }
    }
}

/// On a link that becomes too narrow for any picture: from the moment at which the estimate is what pauses the picture.
#[test]
fn an_estimate_that_falls_too_low_ends_the_picture_at_once() {
    for seed in SEEDS {
        let mut meeting = meeting(seed);
        meeting.change_downlink(BOB, Link { kbps: 90, ..WIDE });
        let mut past = Vec::new();
        while !is_paused(&meeting) {
            assert!(past.len() < 20_000, "seed {seed}: never paused");
            meeting.run(ms(1));
            past.push((meeting.now(), meeting.estimate(BOB).expect("known after 4 s")));
        }
        let (paused, last) = past[past.len() - 1];
        let low = past.iter().find(|(_, estimate)| *estimate <= last);
        let (low, _) = low.expect("the last is one");
        assert!(paused.since(*low) <= SOON, "seed {seed}: {:?}", paused.since(*low));
        meeting.run(ms(500));
        assert_eq!(sent_since(&meeting, *low + SOON), 0, "seed {seed}");
    }
}

/// Bob's receiver says that it would take no more than so much, whatever the link carries: that bounds the estimate when it comes, which
/// is the moment returned.
fn bound(meeting: &mut Meeting, kbps: u16) -> SimTime {
    let client = &meeting.seat(BOB).client;
    let slots = client.slots().iter().map(|slot| slot.ssrc()).collect();
    let remb = feedback::remb(client.session().own_ssrc(), slots, f32::from(kbps) * 1_000.0);
    meeting.say(BOB, &remb);
    meeting.now() + WIDE.delay
}

/// The numbers of the pictures that Bob was sent from then on.
fn numbers_since(meeting: &Meeting, from: SimTime) -> Vec<u32> {
    let slots = meeting.seat(BOB).client.slots().iter().filter(|it| it.kind() == MediaKind::Video);
    let played = slots.flat_map(|slot| &slot.played);
    let since = played.filter(|(at, _)| *at >= from + WIDE.delay);
    since.map(|(_, stamp)| stamp.number).collect()
}

#[test]
fn an_estimate_that_says_so_ends_a_picture_at_once() {
    for seed in SEEDS {
        let mut meeting = meeting(seed);
        let before = meeting.now();
        meeting.run(ms(100));
        let known = bound(&mut meeting, 50);
        meeting.run(secs(2));
        assert!(is_paused(&meeting), "seed {seed}");
        assert!(sent_since(&meeting, before) > 0, "seed {seed}");
        assert_eq!(sent_since(&meeting, known + SOON), 0, "seed {seed}");
    }
}

/// Of the smallest picture, which then comes half as often.
#[test]
fn an_estimate_that_says_so_ends_a_frame_rate_at_once() {
    for seed in SEEDS {
        let mut meeting = meeting(seed);
        meeting.view(BOB, 180);
        meeting.run(secs(2));
        let settled = meeting.now();
        meeting.run(secs(1));
        let before = numbers_since(&meeting, settled);
        assert!(before.windows(2).all(|pair| pair[1] == pair[0] + 1), "seed {seed}: {before:?}");
        let known = bound(&mut meeting, 200);
        meeting.run(secs(2));
        let after = numbers_since(&meeting, known + SOON);
        assert!(after.len() > 25, "seed {seed}: {after:?}");
        assert!(after.windows(2).all(|pair| pair[1] == pair[0] + 2), "seed {seed}: {after:?}");
    }
}

/// Up goes whoever has had room for two seconds, which is looked at ten times a second.
#[test]
fn an_estimate_that_has_room_for_a_step_asks_for_its_keyframe_at_once() {
    for seed in SEEDS {
        let mut meeting = meeting(seed);
        meeting.run(secs(10));
        bound(&mut meeting, 800);
        meeting.run(secs(5));
        let known = bound(&mut meeting, 10_000);
        while meeting.estimate(BOB) < Some(ROOM) {
            assert!(meeting.now().elapsed() < secs(30), "seed {seed}: never has room");
            meeting.run(ms(1));
        }
        let room = meeting.now();
        meeting.run(secs(4));
        let largest = camera_ssrc(ALICE, 2);
        let of_largest =
            |it: &Request| matches!(it, Request::Keyframe { ssrc } if *ssrc == largest);
        let mut asked = meeting.seat(ALICE).asked.iter();
        let asked = asked.find(|(at, it)| *at >= known && of_largest(it));
        let (at, _) = asked.unwrap_or_else(|| panic!("seed {seed}: never asked"));
        let after = at.since(room);
        assert!((ms(1_999)..=ms(2_100) + SOON).contains(&after), "seed {seed}: {after:?}");
    }
}

/// Carol keeps the largest encoding awake, so that it sends no keyframe by itself.
#[test]
fn a_step_up_asks_for_its_keyframe_at_once() {
    for seed in SEEDS {
        let mut meeting = meeting(seed);
        meeting.view(BOB, 180);
        meeting.run(secs(3));
        let now = meeting.now();
        let largest = camera_ssrc(ALICE, 2);
        let asked = |meeting: &Meeting| {
            let asked = meeting.seat(ALICE).asked.iter();
            let since = asked.filter(|(at, _)| *at >= now);
            since
                .filter(|(_, it)| matches!(it, Request::Keyframe { ssrc } if *ssrc == largest))
                .count()
        };
        meeting.view(BOB, 720);
        meeting.run(SOON);
        assert_eq!(asked(&meeting), 1, "seed {seed}");
    }
}
