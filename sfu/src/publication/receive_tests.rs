use std::collections::HashSet;

use proptest::prelude::*;

use super::*;

#[expect(clippy::disallowed_methods, reason = "any instant serves as the start of virtual time")]
fn video() -> (Receive, Instant) {
    (Receive::new(Ssrc(7), 90_000), Instant::now())
}

fn ms(ms: u64) -> Duration {
    Duration::from_millis(ms)
}

fn take(receive: &mut Receive, now: Instant, sequence: u16, how: How) -> Arrived {
    receive.packet(now, SequenceNumber(sequence), RtpTimestamp(0), 1200, how)
}

fn media(receive: &mut Receive, now: Instant, sequence: u16) -> Arrival {
    take(receive, now, sequence, How::Media).kind
}

fn asked(receive: &mut Receive, now: Instant, round_trip: Duration) -> Vec<u16> {
    let mut out = ArrayVec::new();
    receive.nacks(now, round_trip, &mut out);
    out.into_iter().map(|sequence: SequenceNumber| sequence.0).collect()
}

#[test]
fn packets_are_new_late_or_duplicate_over_the_wrap() {
    let (mut receive, now) = video();
    let first = take(&mut receive, now, 65_534, How::Media);
    assert_eq!(first, Arrived { index: first.index, kind: Arrival::New, lost: false });
    let after = take(&mut receive, now, 1, How::Media);
    assert_eq!((after.index, after.kind), (first.index + 3, Arrival::New));
    let late = take(&mut receive, now, 65_535, How::Retransmission);
    assert_eq!((late.index, late.kind), (first.index + 1, Arrival::Late));
    assert_eq!(media(&mut receive, now, 65_535), Arrival::Duplicate);
    assert_eq!(media(&mut receive, now, 1), Arrival::Duplicate);
    let before_the_first = take(&mut receive, now, 65_533, How::Media);
    assert_eq!((before_the_first.index, before_the_first.kind), (first.index - 1, Arrival::Late));
}

#[test]
fn a_jump_counts_only_when_the_next_packet_follows_it() {
    let (mut receive, now) = video();
    let first = take(&mut receive, now, 100, How::Media);
    assert_eq!(media(&mut receive, now, 40_000), Arrival::TooOld);
    assert_eq!(media(&mut receive, now, 101), Arrival::New);
    // RFC 3550, A.1: the number after the last odd one confirms it.
    assert_eq!(media(&mut receive, now, 40_001), Arrival::TooOld);
    let restarted = take(&mut receive, now, 40_002, How::Media);
    assert_eq!(restarted, Arrived { index: first.index + 39_902, kind: Arrival::New, lost: true });
    let report = receive.report(now).unwrap();
    assert_eq!((report.highest, report.lost), (40_002, 0));
}

#[test]
fn a_restart_with_lower_numbers_goes_on_with_higher_indexes() {
    let (mut receive, now) = video();
    let first = take(&mut receive, now, 20_000, How::Media);
    media(&mut receive, now, 10);
    let restarted = take(&mut receive, now, 11, How::Media);
    assert_eq!(restarted.kind, Arrival::New);
    assert_eq!(restarted.index, first.index + 65_536 - 19_989);
    assert_eq!(media(&mut receive, now, 12), Arrival::New);
}

#[test]
fn a_retransmission_never_restarts_a_stream() {
    let (mut receive, now) = video();
    media(&mut receive, now, 20_000);
    for sequence in 10..20 {
        assert_eq!(take(&mut receive, now, sequence, How::Retransmission).kind, Arrival::TooOld);
    }
    assert_eq!(media(&mut receive, now, 20_001), Arrival::New);
}

#[test]
fn a_gap_is_asked_for_after_ten_milliseconds_or_three_packets() {
    let (mut receive, now) = video();
    media(&mut receive, now, 1);
    media(&mut receive, now, 4);
    assert_eq!(receive.nack_deadline(), Some(now + ms(10)));
    assert_eq!(asked(&mut receive, now + ms(9), ms(50)), []);
    media(&mut receive, now + ms(9), 3);
    assert_eq!(asked(&mut receive, now + ms(10), ms(50)), [2]);

    let (mut receive, now) = video();
    let _ = [1, 3, 4].map(|sequence| media(&mut receive, now, sequence));
    assert_eq!(asked(&mut receive, now, ms(50)), []);
    media(&mut receive, now, 5);
    assert_eq!(receive.nack_deadline(), Some(now));
    assert_eq!(asked(&mut receive, now, ms(50)), [2]);
    take(&mut receive, now + ms(1), 2, How::Retransmission);
    assert_eq!(receive.nack_deadline(), None);
}

#[test]
fn questions_are_repeated_with_growing_pauses_and_then_given_up() {
    let (mut receive, now) = video();
    media(&mut receive, now, 1);
    media(&mut receive, now, 3);
    let times: Vec<u64> =
        (0..1000).filter(|at| asked(&mut receive, now + ms(*at), ms(100)) == [2]).collect();
    // 150, 225, 337.5 ms; the next would be later than a second after the gap was noticed.
    assert_eq!(times, [10, 160, 385, 723]);
    let mut out = ArrayVec::new();
    assert_eq!(receive.nacks(now + ms(999), ms(100), &mut out), 0);
    assert_eq!(receive.nack_deadline(), Some(now + ms(1000)));
    assert_eq!(receive.nacks(now + ms(1000), ms(100), &mut out), 1);
    assert_eq!((receive.nack_deadline(), out.len()), (None, 0));
    assert_eq!(take(&mut receive, now, 2, How::Retransmission).kind, Arrival::Late);
}

#[test]
fn a_gap_that_is_too_wide_is_lost() {
    let (mut receive, now) = video();
    media(&mut receive, now, 0);
    media(&mut receive, now, 2);
    let after = take(&mut receive, now, 2 + 258, How::Media);
    assert_eq!((after.kind, after.lost), (Arrival::New, true));
    assert_eq!(receive.nack_deadline(), None);
    let narrower = take(&mut receive, now, 260 + 257, How::Media);
    assert!(!narrower.lost);
    let mut out = ArrayVec::new();
    receive.nacks(now + ms(10), ms(20), &mut out);
    assert_eq!((out.len(), out[0]), (64, SequenceNumber(261)));
    // The rest is still due.
    assert_eq!(asked(&mut receive, now + ms(10), ms(20))[0], 261 + 64);
}

#[test]
fn a_report_follows_appendix_a() {
    let (mut receive, now) = video();
    assert_eq!(receive.report(now), None);
    for sequence in (65_530..=65_535).chain(0..4).filter(|sequence| sequence % 5 != 0) {
        media(&mut receive, now, sequence);
    }
    // 65,531 comes first: nine are expected, 65,535 and 0 are missing.
    let first = receive.report(now).unwrap();
    assert_eq!((first.ssrc, first.highest, first.lost), (Ssrc(7), 0x1_0003, 2));
    assert_eq!(first.fraction_lost, 56); // 2 of 9: floor(512 / 9)
    assert_eq!((first.last_sender_report, first.delay), (0, 0));
    assert_eq!(receive.report(now), None);

    // One expected, three received: a negative loss is reported as none, and counts in all.
    let _ = [65_535, 0, 4].map(|sequence| media(&mut receive, now, sequence));
    let second = receive.report(now).unwrap();
    assert_eq!((second.lost, second.fraction_lost), (0, 0));
    media(&mut receive, now, 4);
    assert_eq!(receive.report(now).unwrap().lost, -1);

    // What only a retransmission brought stays lost.
    take(&mut receive, now, 6, How::Media);
    take(&mut receive, now, 5, How::Retransmission);
    let third = receive.report(now).unwrap();
    assert_eq!((third.lost, third.fraction_lost), (0, 128));
}

#[test]
fn jitter_follows_appendix_a8() {
    // 90 ticks are a millisecond; packets are sent 20 ms apart and come 5 ms late, early, late.
    let (mut receive, now) = video();
    let mut jitter = 0;
    let mut expected = 0u32;
    for (n, late) in (0u16..40).zip([5u64, 0].into_iter().cycle()) {
        let timestamp = RtpTimestamp(u32::from(n) * 1800).plus(u32::MAX - 4000);
        let arrival = now + ms(u64::from(n) * 20 + late);
        receive.packet(arrival, SequenceNumber(n), timestamp, 100, How::Media);
        if n > 0 {
            // The RFC's own line: s->jitter += d - ((s->jitter + 8) >> 4).
            expected = expected + 450 - ((expected + 8) >> 4);
        }
        jitter = receive.report(arrival).unwrap().jitter;
    }
    assert_eq!(jitter, expected >> 4);
    // It tends to |D| itself.
    assert!((400..=450).contains(&jitter), "{jitter}");
}

#[test]
fn sender_reports_are_echoed_and_map_timestamps() {
    let (mut receive, now) = video();
    media(&mut receive, now, 1);
    assert_eq!(receive.capture(RtpTimestamp(5), now), Capture::Arrival(now));
    // RFC 3550, section 6.4.1, figure 2: LSR b705:2000, DLSR 5.250 s.
    receive.sender_report(now, 0xb44d_b705_2000_0000, RtpTimestamp(1000));
    let report = receive.report(now + ms(5250)).unwrap();
    assert_eq!((report.last_sender_report, report.delay), (0xb705_2000, 0x0005_4000));
    // 90,000 ticks are a second, half of them 2³¹ of NTP.
    let at = |timestamp| receive.capture(RtpTimestamp(timestamp), now);
    assert_eq!(at(91_000), Capture::Publisher(0xb44d_b706_2000_0000));
    assert_eq!(at(46_000), Capture::Publisher(0xb44d_b705_a000_0000));
    assert_eq!(at(1000u32.wrapping_sub(45_000)), Capture::Publisher(0xb44d_b704_a000_0000));
}

#[test]
fn only_media_makes_a_stream_active_and_costs() {
    let (mut receive, now) = video();
    assert!(!receive.is_active(now));
    take(&mut receive, now, 1, How::Padding);
    assert!(!receive.is_active(now));
    assert_eq!(receive.bitrate(now), Bitrate::ZERO);
    take(&mut receive, now, 2, How::Media);
    let once = receive.bitrate(now);
    take(&mut receive, now, 2, How::Media);
    assert_eq!(receive.bitrate(now), once);
    assert!(receive.is_active(now + ms(1499)));
    assert!(!receive.is_active(now + ms(1500)));
}

#[test]
fn a_packet_is_received_without_allocating() {
    let (mut receive, now) = video();
    let mut out = ArrayVec::new();
    let counted = allocation_counter::measure(|| {
        for n in (0..20_000u16).filter(|n| n % 7 != 0) {
            let now = now + ms(n.into());
            media(&mut receive, now, n);
            out.clear();
            receive.nacks(now, ms(40), &mut out);
            receive.report(now);
        }
    });
    assert_eq!(counted.count_total, 0);
}

proptest! {
    /// Whatever is lost, repeated, reordered or restarted, no index is to be forwarded twice, and new ones rise.
    #[test]
    fn an_index_is_forwarded_at_most_once(
        first in any::<u16>(),
        steps in prop::collection::vec(
            (prop_oneof![9 => 0u16..6, 1 => 0u16..2000, 1 => any::<u16>()], 0u16..2000, 0u8..10),
            1..500,
        ),
    ) {
        let (mut receive, now) = video();
        let (mut newest, mut highest, mut forwarded) = (first, 0, HashSet::new());
        for (ahead, back, which) in steps {
            let (sequence, how) = match which {
                0 => (newest.wrapping_sub(back), How::Retransmission),
                1 => (newest.wrapping_sub(back), How::Media),
                _ => {
                    newest = newest.wrapping_add(ahead);
                    (newest, How::Media)
                }
            };
            let arrived = take(&mut receive, now, sequence, how);
            match arrived.kind {
                Arrival::New | Arrival::Late => {
                    prop_assert!(forwarded.insert(arrived.index));
                    prop_assert_eq!(arrived.index & 0xffff, u64::from(sequence));
                    if arrived.kind == Arrival::New {
                        prop_assert!(arrived.index > highest);
                        highest = arrived.index;
                    }
                }
                Arrival::Duplicate => prop_assert!(forwarded.contains(&arrived.index)),
                Arrival::TooOld => prop_assert!(!arrived.lost),
            }
        }
    }

    /// A stream that is only delayed by a few places loses nothing: each packet is forwarded exactly once.
    #[test]
    fn reordering_loses_nothing(first in any::<u16>(), delays in prop::collection::vec(0usize..40, 1..300)) {
        let mut order: Vec<(usize, u16)> = delays
            .iter()
            .zip(0u16..)
            .map(|(delay, n)| (usize::from(n) + delay, first.wrapping_add(n)))
            .collect();
        order.sort_by_key(|(place, _)| *place);
        let (mut receive, now) = video();
        for (_, sequence) in order {
            prop_assert!(matches!(media(&mut receive, now, sequence), Arrival::New | Arrival::Late));
        }
    }
}
