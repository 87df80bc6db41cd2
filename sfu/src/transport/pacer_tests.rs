use proptest::prelude::*;

use super::*;

#[expect(clippy::disallowed_methods, reason = "any instant serves as the start of virtual time")]
fn pacer(rate: Option<Bitrate>) -> (Pacer<u32>, Instant) {
    let now = Instant::now();
    let mut pacer = Pacer::new(now);
    pacer.set_rate(rate);
    (pacer, now)
}

fn ms(ms: u64) -> Duration {
    Duration::from_millis(ms)
}

fn pop_all(pacer: &mut Pacer<u32>, now: Instant) -> Vec<u32> {
    std::iter::from_fn(|| pacer.pop(now)).collect()
}

/// Follows the pacer's own deadlines; the milliseconds of each burst with its packets.
fn bursts(pacer: &mut Pacer<u32>, start: Instant) -> Vec<(u128, usize)> {
    let mut now = start;
    let mut bursts = Vec::new();
    while let Some(deadline) = pacer.deadline() {
        now = now.max(deadline);
        bursts.push(((now - start).as_millis(), pop_all(pacer, now).len()));
    }
    bursts
}

#[test]
fn without_a_rate_everything_leaves_at_once_in_the_order_of_classes() {
    let (mut pacer, now) = pacer(None);
    let classes = [Class::Video, Class::Retransmission, Class::Audio, Class::Video];
    for (item, class) in (0..).zip(classes) {
        pacer.push(now, class, 1200, item).unwrap();
    }
    assert_eq!(pacer.queued_bytes(), 4800);
    assert_eq!((pacer.deadline(), pacer.delay(now)), (Some(now), Duration::ZERO));
    assert_eq!(pop_all(&mut pacer, now), [2, 1, 0, 3]);
    assert_eq!((pacer.deadline(), pacer.queued_bytes()), (None, 0));
}

#[test]
fn pictures_leave_in_bursts_worth_five_milliseconds() {
    // 9.6 Mbit/s are one packet of 1,200 bytes each millisecond.
    let (mut pacer, now) = pacer(Some(Bitrate::kbps(9600)));
    for item in 0..20 {
        pacer.push(now, Class::Video, 1200, item).unwrap();
    }
    assert_eq!(pacer.delay(now), ms(20));
    assert_eq!(bursts(&mut pacer, now), [(0, 5), (5, 5), (10, 5), (15, 5)]);
}

#[test]
fn where_the_link_has_room_a_burst_is_worth_twenty_milliseconds() {
    let (mut pacer, now) = pacer(Some(Bitrate::kbps(9600)));
    pacer.set_wide(true);
    for item in 0..50 {
        pacer.push(now, Class::Video, 1200, item).unwrap();
    }
    assert_eq!(bursts(&mut pacer, now), [(0, 20), (20, 20), (40, 10)]);
    // What is hurried leaves in short ones all the same: in long ones it would exceed twice the estimate.
    for item in 0..240 {
        pacer.push(now + ms(50), Class::Video, 1200, item).unwrap();
    }
    assert_eq!(bursts(&mut pacer, now + ms(50))[0], (0, 6));
}

#[test]
fn being_polled_late_is_made_good_up_to_a_burst() {
    for (late, expected) in [(2, 7), (5, 10), (400, 10)] {
        let (mut pacer, now) = pacer(Some(Bitrate::kbps(9600)));
        for item in 0..40 {
            pacer.push(now, Class::Video, 1200, item).unwrap();
        }
        assert_eq!(pop_all(&mut pacer, now).len(), 5);
        assert_eq!(pop_all(&mut pacer, now + ms(5 + late)).len(), expected);
    }
}

#[test]
fn sound_waits_for_nothing_and_counts() {
    // 1,200 bytes take 10 ms, 120 take one.
    let (mut pacer, now) = pacer(Some(Bitrate::kbps(960)));
    for item in 0..3 {
        pacer.push(now, Class::Video, 1200, item).unwrap();
    }
    assert_eq!(pop_all(&mut pacer, now), [0]);
    assert_eq!(pacer.deadline(), Some(now + ms(10)));
    pacer.push(now + ms(1), Class::Audio, 120, 9).unwrap();
    assert_eq!(pop_all(&mut pacer, now + ms(1)), [9]);
    assert_eq!(pacer.deadline(), Some(now + ms(11)));
}

#[test]
fn a_keyframe_is_hurried_and_more_is_refused() {
    // 1 Mbit/s, hurried 1.6 Mbit/s: 100,000 bytes in half a second.
    let (mut pacer, now) = pacer(Some(Bitrate::kbps(1000)));
    let taken = (0..512).take_while(|item| pacer.push(now, Class::Video, 1250, *item).is_ok());
    assert_eq!(taken.count(), 80);
    assert_eq!(pacer.delay(now), ms(500));
    assert_eq!(pacer.push(now, Class::Retransmission, 1250, 0), Ok(()));
    let (last, _) = *bursts(&mut pacer, now).last().unwrap();
    assert!((500..1250).contains(&last), "{last}");
}

/// A frame of ten times the size of a thirtieth of a second at the estimate, of which the rate is 1.1.
#[test]
fn a_keyframe_of_ten_frames_leaves_within_300_ms_and_never_faster_than_twice_the_estimate() {
    for (estimate, wide) in
        [300, 1_000, 2_500].into_iter().flat_map(|one| [(one, false), (one, true)])
    {
        let (last, bytes) = keyframe(estimate, Some(Bitrate::kbps(estimate * 11 / 10)), wide);
        assert!(last <= 300, "{last}");
        assert!(bytes <= twice(estimate), "{bytes} of {}", twice(estimate));
    }
}

/// The same without a rate, as a transport without `Part::Pacing` has none: the row above would not hold.
#[test]
fn without_pacing_a_keyframe_leaves_faster_than_twice_the_estimate() {
    for estimate in [300, 1_000, 2_500] {
        let (_, bytes) = keyframe(estimate, None, false);
        assert!(bytes > twice(estimate), "{bytes} of {}", twice(estimate));
    }
}

/// A keyframe of ten frames at `estimate` kbit/s: by which millisecond it has left, and the most bytes of it within 40 ms.
fn keyframe(estimate: u64, rate: Option<Bitrate>, wide: bool) -> (u128, usize) {
    let (mut pacer, start) = pacer(rate);
    pacer.set_wide(wide);
    let packets = u32::try_from(estimate * 1_000 / 3 / 8 / 1_000).unwrap();
    for item in 0..packets {
        pacer.push(start, Class::Video, 1_000, item).unwrap();
    }
    let bursts = bursts(&mut pacer, start);
    let (last, _) = *bursts.last().unwrap();
    let within = |at: u128| {
        let window = bursts.iter().filter(|(other, _)| (at..at + 40).contains(other));
        window.map(|(_, packets)| packets * 1_000).sum()
    };
    (last, bursts.iter().map(|(at, _)| within(*at)).max().unwrap())
}

/// Bytes of 40 ms at twice the estimate; one packet is the least that can leave.
fn twice(estimate: u64) -> usize {
    usize::try_from(estimate * 2 * 40 / 8).unwrap() + 1_000
}

#[test]
fn a_probe_takes_what_waits_and_the_rest_makes_up_for_it() {
    let (mut pacer, now) = pacer(Some(Bitrate::kbps(960)));
    for item in 0..4 {
        pacer.push(now, Class::Video, 1200, item).unwrap();
    }
    pacer.push(now, Class::Audio, 120, 9).unwrap();
    assert_eq!(pacer.take_sound(now), Some(9));
    assert_eq!(pacer.take_sound(now), None);
    assert_eq!((pacer.take(now), pacer.take(now)), (Some(0), Some(1)));
    assert_eq!(pacer.pop(now), None);
    assert!(pacer.deadline().unwrap() > now + ms(10));
}

#[test]
fn a_guessed_rate_holds_nothing_back_for_long() {
    let (mut pacer, now) = pacer(None);
    pacer.guess_rate(Bitrate::kbps(750));
    for item in 0..200 {
        pacer.push(now, Class::Video, 1_200, item).unwrap();
    }
    let bursts = bursts(&mut pacer, now);
    let (last, _) = *bursts.last().unwrap();
    assert!(bursts.len() > 10 && last < 800, "{last}");
}

#[test]
fn a_rate_of_zero_lets_only_sound_through() {
    let (mut pacer, now) = pacer(None);
    pacer.push(now, Class::Video, 1200, 0).unwrap();
    pacer.set_rate(Some(Bitrate::ZERO));
    assert_eq!(pacer.push(now, Class::Video, 1200, 1), Err(PacerFull));
    pacer.push(now, Class::Audio, 100, 2).unwrap();
    assert_eq!(pop_all(&mut pacer, now + ms(9000)), [2]);
    assert_eq!(pacer.deadline(), None);
    pacer.set_rate(None);
    assert_eq!(pop_all(&mut pacer, now + ms(9000)), [0]);
}

#[test]
fn full_queues_refuse_and_what_is_dropped_makes_room() {
    let (mut pacer, now) = pacer(None);
    for class in [Class::Audio, Class::Retransmission, Class::Video] {
        let taken = (0..10_000).take_while(|item| pacer.push(now, class, 10, *item).is_ok());
        let max = [AUDIO_MAX, RETRANSMISSIONS_MAX, VIDEO_MAX][class as usize];
        assert_eq!(taken.count(), max);
    }
    assert_eq!(pacer.oldest(Class::Video), Some(&0));
    assert_eq!(pacer.drop_where(|item| *item < 10), 30);
    assert_eq!(pacer.queued_bytes(), 10 * (64 + 256 + 512 - 30));
    assert_eq!(pacer.oldest(Class::Video), Some(&10));
    assert_eq!(pacer.push(now, Class::Video, 10, 0), Ok(()));
}

#[test]
fn a_packet_passes_without_allocating() {
    let (mut pacer, now) = pacer(Some(Bitrate::kbps(4000)));
    let round = |pacer: &mut Pacer<u32>, n| {
        let _ = pacer.push(now + ms(n), Class::Audio, 100, 0);
        let _ = pacer.push(now + ms(n), Class::Video, 1200, 0);
        pop_all_without(pacer, now + ms(n));
    };
    (0..3000).for_each(|n| round(&mut pacer, n));
    let counted = allocation_counter::measure(|| (3000..6000).for_each(|n| round(&mut pacer, n)));
    assert_eq!(counted.count_total, 0);
}

fn pop_all_without(pacer: &mut Pacer<u32>, now: Instant) {
    while pacer.pop(now).is_some() {}
}

proptest! {
    /// Whatever is added, at most the hurried rate leaves, with two bursts and a packet of slack; all of it leaves in order.
    #[test]
    fn the_rate_holds(
        kbps in 100u64..20_000,
        wide in any::<bool>(),
        steps in prop::collection::vec((0u64..30_000, 1usize..1400, 1usize..20), 1..60),
    ) {
        let rate = Bitrate::kbps(kbps);
        let (mut pacer, start) = pacer(Some(rate));
        pacer.set_wide(wide);
        let slack = BURST + if wide { BURST_WIDE } else { BURST };
        let (mut now, mut item, mut bytes, mut left) = (start, 0, 0, Vec::new());
        let mut sizes = Vec::new();
        for (wait, size, count) in steps {
            let next = now + Duration::from_micros(wait);
            while let Some(deadline) = pacer.deadline().filter(|deadline| *deadline <= next) {
                now = now.max(deadline);
                while let Some(item) = pacer.pop(now) {
                    bytes += sizes[usize::try_from(item).unwrap()];
                    left.push(item);
                }
                let most = rate.scaled(8, 5).as_bps() * u64::try_from((now - start + slack).as_micros()).unwrap() / 8_000_000;
                prop_assert!(bytes <= usize::try_from(most).unwrap() + 1400, "{bytes} of {most}");
            }
            now = next;
            for _ in 0..count {
                if pacer.push(now, Class::Video, size, item).is_ok() {
                    item += 1;
                    sizes.push(size);
                }
            }
        }
        while let Some(deadline) = pacer.deadline() {
            prop_assert!(pacer.delay(now) <= Duration::from_secs(2));
            now = now.max(deadline);
            left.extend(pop_all(&mut pacer, now));
        }
        prop_assert_eq!(left, (0..item).collect::<Vec<_>>());
    }
}
