//! The estimate, over any feedback and times.

use std::time::{Duration, Instant};

use simulcast::Bitrate;
use simulcast::estimator::{Estimator, Fate, Part, Parts, ProbeId, Settings, Told, Wanted};

use super::supply::Supply;
use crate::clock::Clock;

/// More in a row tells nothing new.
const STEPS_MAX: u32 = 4_096;

const PARTS: [Part; 7] = [
    Part::Estimate,
    Part::Delay,
    Part::Loss,
    Part::Probing,
    Part::ApplicationLimited,
    Part::FeedbackLoss,
    Part::QueueGuard,
];

/// Sends, tells, waits and changes its mind. The estimate is always within its bounds, times and rates that it asks for make sense, and
/// in the end, when a second of honest feedback says that all is well, it rises again: it is never stuck at nothing.
///
/// # Panics
/// Where that is not so.
pub fn check_estimator(data: &[u8]) {
    let mut supply = Supply::new(data);
    let begin =
        Clock::new().instant(tools::simnet::time::SimTime::ZERO) + Duration::from_secs(1_000);
    let settings = settings(&mut supply);
    let mut estimator = Estimator::new(settings);
    let mut now = begin;
    for _ in 0..STEPS_MAX {
        if !supply.has_more() {
            break;
        }
        step(&mut estimator, &mut now, &mut supply);
        check_bounds(&estimator, &settings);
        while let Some(probe) = estimator.poll_probe() {
            assert!(probe.rate <= settings.max.max(settings.start), "{probe:?}");
            assert!(probe.packets > 0);
        }
    }
    check_recovery(&mut estimator, now, &settings);
}

fn settings(supply: &mut Supply<'_>) -> Settings {
    let flags = supply.byte();
    let mut parts = Parts::ALL;
    for (place, part) in PARTS.into_iter().enumerate() {
        if flags >> place & 1 == 1 {
            parts = parts.without(part);
        }
    }
    let min = Bitrate::bps(u64::from(supply.short()) + 1_000);
    let start = min + Bitrate::bps(u64::from(supply.short()) * 64);
    let max = start + Bitrate::bps(supply.word().into());
    Settings { start, min, max, parts }
}

fn step(estimator: &mut Estimator, now: &mut Instant, supply: &mut Supply<'_>) {
    let what = supply.byte();
    *now += Duration::from_micros(u64::from(supply.byte()).pow(u32::from(what >> 6) + 1));
    match what & 7 {
        0 => estimator.sent(*now, supply.short().into()),
        1 | 2 => {
            let mut packets = Vec::new();
            for _ in 0..supply.byte() {
                if supply.has_more() {
                    packets.push(told(*now, supply));
                }
            }
            estimator.feedback(*now, packets.into_iter());
        }
        3 => {
            let rate = |supply: &mut Supply<'_>| Bitrate::bps(supply.word().into());
            let (desired, next_step, most) = (rate(supply), rate(supply), rate(supply));
            estimator.want(*now, Wanted { desired, next_step, most });
        }
        4 => estimator.remb(*now, Bitrate::bps(supply.word().into())),
        5 => estimator.report(*now, supply.byte()),
        6 => estimator.route_changed(*now),
        _ => estimator.timeout(*now),
    }
}

fn told(now: Instant, supply: &mut Supply<'_>) -> Told {
    let what = supply.byte();
    let ago = Duration::from_micros(supply.word().into());
    let at_us = i64::from(supply.word().cast_signed()) << (what >> 3 & 31);
    Told {
        sent: if what & 4 == 0 { now - ago.min(Duration::from_secs(900)) } else { now + ago },
        bytes: u32::from(supply.short()) << (what >> 5),
        probe: ProbeId::new(supply.byte()),
        fate: match what & 3 {
            0 => Fate::Lost,
            1 => Fate::Unreported,
            _ => Fate::Arrived { at_us, was_lost: what & 1 == 1 },
        },
    }
}

fn check_bounds(estimator: &Estimator, settings: &Settings) {
    let estimate = estimator.estimate();
    assert!(estimate >= settings.min.min(settings.max), "{estimate:?} below {settings:?}");
    assert!(estimate <= settings.max, "{estimate:?} above {settings:?}");
    assert!((0.0..=1.0).contains(&estimator.loss()), "{}", estimator.loss());
    if let Some(padding) = estimator.padding() {
        assert!(padding <= settings.max);
    }
}

/// A minute of 400 kbit/s that all arrive: the estimate is then at least a good part of it.
fn check_recovery(estimator: &mut Estimator, begin: Instant, settings: &Settings) {
    estimator.remb(begin, Bitrate::ZERO);
    let mut now = begin + Duration::from_secs(5);
    let mut at_us = 5_000_000;
    for _ in 0..600 {
        let mut told = Vec::new();
        for _ in 0..5 {
            now += Duration::from_millis(20);
            at_us += 20_000;
            estimator.sent(now, 1_000);
            let fate = Fate::Arrived { at_us, was_lost: false };
            told.push(Told { sent: now, bytes: 1_000, probe: None, fate });
        }
        estimator.feedback(now, told.into_iter());
        estimator.timeout(now);
        while estimator.poll_probe().is_some() {}
        check_bounds(estimator, settings);
    }
    let expected = Bitrate::kbps(200).min(settings.max);
    let estimate = estimator.estimate();
    assert!(estimate >= expected || !settings.parts.has(Part::Estimate), "stuck at {estimate:?}");
}
