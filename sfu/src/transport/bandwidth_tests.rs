use simulcast::estimator::{Fate, Parts, Probes};

use super::*;

#[expect(clippy::disallowed_methods, reason = "any instant serves as the start of virtual time")]
fn start() -> Instant {
    Instant::now()
}

fn ms(ms: u64) -> Duration {
    Duration::from_millis(ms)
}

/// At a constant estimate.
fn constant(parts: Parts, kbps: u64) -> Settings {
    let parts = parts.without(Part::Estimate);
    Settings { start: Bitrate::kbps(kbps), parts, ..Settings::default() }
}

fn answer(bandwidth: &mut Bandwidth, now: Instant) {
    let fate = Fate::Arrived { at_us: 5, was_lost: false };
    bandwidth.feedback(now, std::iter::once(Told { sent: now, bytes: 1_000, probe: None, fate }));
}

fn send(bandwidth: &mut Bandwidth, now: Instant, spending: Spending, wire: usize, payload: usize) {
    bandwidth.sent(now, &Departure { spending, wire, payload, counted: true });
}

#[test]
fn nothing_is_allocated_before_something_comes_back() {
    let now = start();
    let counted = allocation_counter::measure(|| {
        let mut bandwidth = Bandwidth::new(Settings::default());
        send(&mut bandwidth, now, Spending::Sound, 100, 60);
        assert_eq!((bandwidth.estimate(), bandwidth.deadline()), (None, None));
        assert_eq!(bandwidth.pacing(now), Pace::Guessed(Bitrate::kbps(750)));
        let budget = |least| bandwidth.budget(now, Bitrate::ZERO, Bitrate::kbps(least));
        assert_eq!(budget(0), Bitrate::kbps(300));
        assert_eq!(budget(8_000), Bitrate::kbps(8_000));
        assert_eq!(budget(20_000), Bitrate::kbps(10_000));
    });
    assert_eq!(counted.count_total, 0);
    assert!(size_of::<Bandwidth>() <= 48);
    assert!(size_of::<Watch>() <= 4_096, "{}", size_of::<Watch>());
}

#[test]
fn the_budget_is_the_estimate_less_sound_and_repair_without_headers() {
    for (parts, expected) in [(Parts::ALL, 720), (Parts::ALL.without(Part::Repair), 810)] {
        let (mut bandwidth, mut now) = (Bandwidth::new(constant(parts, 1_000)), start());
        answer(&mut bandwidth, now);
        for _ in 0..200 {
            now += ms(10);
            // 100 kbit/s each of sound and repair; a tenth of the pictures is headers.
            send(&mut bandwidth, now, Spending::Sound, 125, 60);
            send(&mut bandwidth, now, Spending::Repair, 125, 60);
            send(&mut bandwidth, now, Spending::Picture, 500, 450);
        }
        let budget = bandwidth.budget(now, Bitrate::ZERO, Bitrate::ZERO).as_bps() / 1_000;
        assert!(budget.abs_diff(expected) <= 10, "{budget}, not {expected}");
    }
}

/// A quarter of a second of 100 kbit/s is 3,125 bytes; of 1 Mbit/s, 31,250.
#[test]
fn repair_has_room_for_a_quarter_of_the_estimate_and_of_a_limit() {
    let (mut bandwidth, now) = (Bandwidth::new(constant(Parts::ALL, 1_000)), start());
    assert_eq!(bandwidth.repair_room(now, None), usize::MAX, "nothing is known");
    answer(&mut bandwidth, now);
    send(&mut bandwidth, now, Spending::Repair, 1_250, 1_100);
    assert_eq!(bandwidth.repair_room(now, None), usize::MAX);
    assert_eq!(bandwidth.repair_room(now, Some(Bitrate::kbps(100))), 1_875);
    for _ in 0..24 {
        send(&mut bandwidth, now, Spending::Repair, 1_250, 1_100);
    }
    for limit in [None, Some(Bitrate::kbps(100)), Some(Bitrate::kbps(5_000))] {
        assert_eq!(bandwidth.repair_room(now + ms(900), limit), 0, "{limit:?}");
    }
    let later = now + ms(1_100);
    assert_eq!(bandwidth.repair_room(later, None), usize::MAX);
    assert_eq!(bandwidth.repair_room(later, Some(Bitrate::kbps(1_000))), 31_250);
}

/// Losses that limited the estimate and may not any more are looked for with padding, but not beyond what the person wants.
#[test]
fn nobody_is_sent_padding_beyond_what_they_want() {
    let start = start();
    let is_padded = |limit: Bitrate| {
        let mut bandwidth = Bandwidth::new(Settings::default());
        let mut padded = 0;
        for n in 0..3_000_u64 {
            let now = start + ms(n * 10);
            send(&mut bandwidth, now, Spending::Picture, 1_200, 1_100);
            let at_us = i64::try_from(n).unwrap() * 10_000;
            let fate = match n % 10 {
                0 if n % 1_000 < 500 => Fate::Lost,
                _ => Fate::Arrived { at_us, was_lost: false },
            };
            let told = Told { sent: now, bytes: 1_200, probe: None, fate };
            bandwidth.feedback(now + ms(50), std::iter::once(told));
            bandwidth.allocated(now, &Targets::default(), Bitrate::ZERO, limit);
            padded += u32::from(bandwidth.padding_due().is_some());
        }
        padded
    };
    assert!(is_padded(Bitrate::MAX) > 0);
    assert_eq!(is_padded(Bitrate::kbps(20)), 0);
}

#[test]
fn a_link_is_told_of_once_a_second_and_only_what_is_news() {
    let (mut bandwidth, now) = (Bandwidth::new(constant(Parts::ALL, 1_000)), start());
    assert_eq!(bandwidth.outlook(now), None);
    answer(&mut bandwidth, now);
    let first = bandwidth.outlook(now).unwrap();
    assert_eq!((first.estimate, first.used), (Bitrate::kbps(1_000), Bitrate::ZERO));
    send(&mut bandwidth, now, Spending::Picture, 10_000, 9_000);
    assert_eq!(bandwidth.outlook(now + ms(999)), None);
    assert_eq!(bandwidth.outlook(now + ms(1_000)), None, "forgotten by then");
    send(&mut bandwidth, now + ms(1_599), Spending::Picture, 10_000, 9_000);
    let second = bandwidth.outlook(now + ms(1_599)).unwrap();
    assert_eq!(second.used.as_bps() / 1_000, 80);
    assert_eq!(bandwidth.outlook(now + ms(2_400)), None);
}

#[test]
fn probes_wait_until_something_is_wanted() {
    let (mut bandwidth, now) = (Bandwidth::new(Settings::default()), start());
    answer(&mut bandwidth, now);
    send(&mut bandwidth, now, Spending::Picture, 1_000, 900);
    assert!(bandwidth.burst().is_none());
    let mut targets = Targets::default();
    targets.desired = Bitrate::kbps(1_500);
    bandwidth.allocated(now, &targets, Bitrate::ZERO, Bitrate::MAX);
    assert!(bandwidth.burst().is_some());
    assert_eq!(bandwidth.count_probes(), Probes { made: 2, ..Probes::default() });
    assert_eq!(bandwidth.count_probes(), Probes::default());
    // Nothing is probed beyond what the person wants.
    let (mut bandwidth, now) = (Bandwidth::new(Settings::default()), start());
    answer(&mut bandwidth, now);
    send(&mut bandwidth, now, Spending::Picture, 1_000, 900);
    bandwidth.allocated(now, &targets, Bitrate::ZERO, Bitrate::ZERO);
    assert!(bandwidth.burst().is_none());
}

/// Long before the first second is over.
#[test]
fn packets_leave_faster_than_by_the_guess_once_a_probe_has_found_more() {
    let (mut bandwidth, start) = (Bandwidth::new(Settings::default()), start());
    answer(&mut bandwidth, start);
    send(&mut bandwidth, start, Spending::Picture, 1_000, 900);
    let mut targets = Targets::default();
    targets.desired = Bitrate::kbps(1_500);
    bandwidth.allocated(start, &targets, Bitrate::ZERO, Bitrate::MAX);
    let (mut now, mut told) = (start + ms(1), Vec::new());
    while let Some(burst) = bandwidth.burst() {
        now = burst.due().map_or(now, |due| due.max(now));
        burst.sent(now, 1_200);
        let probe = Some(burst.id());
        send(&mut bandwidth, now, Spending::Padding, 1_200, 0);
        let at_us = i64::try_from((now - start).as_micros()).unwrap() + 20_000;
        let fate = Fate::Arrived { at_us, was_lost: false };
        told.push(Told { sent: now, bytes: 1_200, probe, fate });
    }
    assert_eq!(bandwidth.pacing(now), Pace::Guessed(Bitrate::kbps(750)));
    now += ms(40);
    bandwidth.feedback(now, told.into_iter());
    let found = bandwidth.estimate().unwrap();
    assert!(found > Bitrate::kbps(750) && now - start < UNKNOWN_MAX, "{found:?}");
    assert_eq!(bandwidth.pacing(now), Pace::Guessed(found.scaled(11, 10)));
}

#[test]
fn sending_and_feedback_allocate_nothing() {
    let (mut bandwidth, start) = (Bandwidth::new(Settings::default()), start());
    let mut round = |n: u64| {
        let now = start + ms(n * 10);
        send(&mut bandwidth, now, Spending::Picture, 1_200, 1_100);
        let at_us = i64::try_from(n).unwrap() * 10_000;
        let fate = match n % 20 {
            0 => Fate::Lost,
            1 => Fate::Unreported,
            _ => Fate::Arrived { at_us, was_lost: false },
        };
        let told = Told { sent: now, bytes: 1_200, probe: None, fate };
        bandwidth.feedback(now + ms(50), std::iter::once(told));
        bandwidth.timeout(now + ms(50));
        let _probe = bandwidth.burst().map(|burst| burst.id());
        let _outlook = bandwidth.outlook(now + ms(50));
    };
    (0..100).for_each(&mut round);
    let counted = allocation_counter::measure(|| (100..3_000).for_each(&mut round));
    assert_eq!(counted.count_total, 0);
}
