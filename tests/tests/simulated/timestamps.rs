//! Timestamps over switches of layer: by the captures, never back. Each encoding's begin anywhere, and the truth is the moment at which the
//! scenario's camera took the picture.

use std::time::Duration;

use sfu::MediaKind;
use tests::client::Devices;
use tests::client::feedback::{NTP_START, Request};
use tests::client::incoming::Incoming;
use tests::meeting::Meeting;
use tests::plan::{WIDE, ms, secs};
use tools::simnet::time::SimTime;

use super::{ALICE, BOB, CAROL, SEEDS};

const EYES: Devices = Devices { camera: false, microphone: false, ..Devices::ALL };

/// Ticks from one picture to the next.
const FRAME: i64 = 3_000;

/// Ticks from Alice to the server.
const WAY: i64 = 20 * 90;

/// Rounding: of NTP times, and of 33.3 ms to ticks.
const ROUNDING: i64 = 10;

/// Bob looks at Alice in all sizes, over again; the larger ones arrive later by `skew`. Carol keeps the largest awake.
fn meeting(seed: u64, skew: Duration) -> Meeting {
    let mut meeting = Meeting::new(seed);
    let alice = Devices { microphone: false, skew, ..Devices::ALL };
    meeting.join(ALICE, alice, WIDE, WIDE);
    meeting.join(CAROL, EYES, WIDE, WIDE);
    meeting.join(BOB, EYES, WIDE, WIDE);
    meeting.run(secs(3));
    for _ in 0..4 {
        for height in [180, 720, 360, 720, 360, 180] {
            meeting.view(BOB, height);
            meeting.run(ms(1_700));
        }
    }
    meeting
}

fn slot(meeting: &Meeting) -> &Incoming {
    let mut slots = meeting.seat(BOB).client.slots().iter();
    let seen = slots.find(|slot| slot.kind() == MediaKind::Video && !slot.played.is_empty());
    seen.expect("Bob sees Alice")
}

#[test]
fn at_a_switch_the_timestamp_advances_as_the_captures_did() {
    for seed in SEEDS {
        for skew in [ms(0), ms(20), ms(30)] {
            let meeting = meeting(seed, skew);
            let slot = slot(&meeting);
            let stamps = slot.played.iter().map(|(_, stamp)| stamp);
            let shown: Vec<_> = stamps.zip(&slot.timestamps).collect();
            let (first, zero) = shown[0];
            let (mut ups, mut downs) = (0, 0);
            for pair in shown.windows(2) {
                let ((last, before), (next, after)) = (pair[0], pair[1]);
                let where_ = format!("seed {seed}, {skew:?}: {last:?}, then {next:?}");
                let advance = i64::from(after.wrapping_sub(*before).cast_signed());
                let captured = (i64::from(next.number) - i64::from(last.number)) * FRAME;
                assert!(advance > 0, "{where_}: {advance}");
                // Nor does it add up over the switches.
                let all = i64::from(after.wrapping_sub(*zero).cast_signed());
                let all_captured = (i64::from(next.number) - i64::from(first.number)) * FRAME;
                assert!((advance - captured).abs() <= FRAME + ROUNDING, "{where_}: {advance}");
                assert!((all - all_captured).abs() <= FRAME + ROUNDING, "{where_}: {all} in all");
                ups += u32::from(next.layer > last.layer);
                downs += u32::from(next.layer < last.layer);
            }
            assert!(ups >= 8 && downs >= 12, "seed {seed}, {skew:?}: {ups} up, {downs} down");
            assert_eq!(meeting.complaints(), Vec::<String>::new(), "seed {seed}, {skew:?}");
        }
    }
}

/// What the server's sender reports say of a picture's timestamp, which is what a player puts sound and picture together by: the moment
/// at which it was taken, and the way to the server, whatever layer flows.
#[test]
fn sender_reports_tell_when_a_picture_was_taken_whatever_layer_flows() {
    for seed in SEEDS {
        for skew in [ms(0), ms(20), ms(30)] {
            let meeting = meeting(seed, skew);
            let slot = slot(&meeting);
            let reports: Vec<_> = reports(&meeting, slot.ssrc()).collect();
            assert!(reports.len() > 30, "{}", reports.len());
            for ((at, stamp), timestamp) in slot.played.iter().zip(&slot.timestamps) {
                let Some((ntp, zero)) = reports.iter().rev().find(|it| it.0 <= *at).map(|it| it.1)
                else {
                    continue;
                };
                let ticks = i64::from(timestamp.wrapping_sub(zero).cast_signed());
                let since_start = (i128::from(ntp - NTP_START) * 90_000) >> 32;
                let told = i64::try_from(since_start).expect("short") + ticks;
                // The camera begins when the server has answered for the first time.
                let taken = i64::from(stamp.number) * FRAME + 2 * WAY;
                let way = told - taken;
                let where_ = format!("seed {seed}, {skew:?}: {stamp:?} at {at:?}");
                assert!((way - WAY).abs() <= FRAME + ROUNDING, "{where_}: {way} later");
            }
        }
    }
}

/// When Bob got each sender report of a slot, with its NTP time and timestamp.
fn reports(meeting: &Meeting, slot: u32) -> impl Iterator<Item = (SimTime, (u64, u32))> {
    meeting.seat(BOB).asked.iter().filter_map(move |(at, request)| {
        let Request::Sent { ssrc, ntp, timestamp } = request else { return None };
        (*ssrc == slot).then_some((*at + WIDE.delay, (*ntp, *timestamp)))
    })
}
