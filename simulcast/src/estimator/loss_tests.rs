use super::super::tests::{ms, start};
use super::*;

/// Tells of one observation: 250 ms with twenty-five packets of 1,000 bytes (800 kbit/s), of which so many are lost.
fn observe(loss: &mut LossBased, now: &mut Instant, lost: u32, input: LossInput) {
    for n in 0..25 {
        *now += ms(10);
        loss.packet(*now, 1_000.0, n < lost);
    }
    loss.update(&input);
}

fn input(delay_kbps: f64, throughput_kbps: f64) -> LossInput {
    LossInput {
        delay_based: delay_kbps * 1e3,
        throughput: Some(throughput_kbps * 1e3),
        application_limited: false,
    }
}

fn new() -> (LossBased, Instant) {
    let (mut loss, start) = (LossBased::new(30e3, 100e6), start());
    // The first packet begins the first observation.
    loss.packet(start, 1_000.0, false);
    (loss, start)
}

#[test]
fn nothing_is_said_before_three_observations() {
    let (mut loss, mut now) = new();
    for seen in 0..3 {
        assert_eq!(loss.rate(), None, "{seen}");
        observe(&mut loss, &mut now, 0, input(800.0, 800.0));
    }
    assert_eq!(loss.rate(), Some(800e3));
    assert_eq!(loss.state(), LossState::Unlimited);
}

#[test]
fn less_than_an_observation_changes_nothing() {
    let (mut loss, now) = new();
    for n in 0..20 {
        loss.packet(now + ms(n * 10), 1_000.0, true);
        loss.update(&input(800.0, 100.0));
    }
    assert_eq!((loss.rate(), loss.seen), (None, 0));
}

/// Inherent loss: a link that loses 4 % whatever is sent limits nothing, since no rate explains it better.
#[test]
fn loss_that_comes_whatever_is_sent_limits_nothing() {
    let (mut loss, mut now) = new();
    for _ in 0..60 {
        observe(&mut loss, &mut now, 1, input(900.0, 770.0));
        assert!(loss.rate().is_none_or(|rate| rate > 890e3), "{:?}", loss.rate());
    }
    assert!((loss.average() - 0.04).abs() < 0.01);
}

/// With half of everything lost the instant upper bound is 100 / (0.5 − 0.05) = 222 kbit/s, but not below what arrives
/// (`CalculateInstantUpperBound`, `GetInstantLowerBound`).
#[test]
fn much_loss_lowers_the_rate_to_the_instant_bound_or_what_arrives() {
    let (mut loss, mut now) = new();
    for _ in 0..8 {
        observe(&mut loss, &mut now, 12, input(800.0, 100.0));
    }
    let bound = 100e3 / (loss.average() - 0.05);
    assert_eq!(loss.state(), LossState::Limited);
    assert!((loss.average() - 0.48).abs() < 0.02, "{}", loss.average());
    assert!(loss.rate().unwrap() <= bound + 1.0, "{:?}", loss.rate());
    let (mut loss, mut now) = new();
    for _ in 0..8 {
        observe(&mut loss, &mut now, 12, input(800.0, 400.0));
    }
    assert!((loss.rate().unwrap() - 400e3).abs() < 1.0, "{:?}", loss.rate());
}

/// `average_loss` leaves out the best and the worst: one bad observation is a spike.
#[test]
fn one_spike_is_left_out() {
    let (mut loss, mut now) = new();
    for _ in 0..6 {
        observe(&mut loss, &mut now, 0, input(800.0, 800.0));
    }
    observe(&mut loss, &mut now, 20, input(800.0, 800.0));
    assert!(loss.average() < 1e-9, "{}", loss.average());
    observe(&mut loss, &mut now, 20, input(800.0, 800.0));
    assert!(loss.average() > 0.1, "{}", loss.average());
}

#[test]
fn once_nothing_is_lost_the_rate_comes_back_to_the_delay_based() {
    let (mut loss, mut now) = new();
    for _ in 0..8 {
        observe(&mut loss, &mut now, 12, input(800.0, 300.0));
    }
    let low = loss.rate().unwrap();
    assert!(low < 310e3);
    let mut rising = false;
    let mut observations = 0;
    while loss.state() != LossState::Unlimited {
        let arrives = loss.rate().unwrap() / 1e3;
        observe(&mut loss, &mut now, 0, input(800.0, arrives));
        rising |= loss.state() == LossState::Rising;
        observations += 1;
        assert!(observations < 80, "{:?} {:?}", loss.state(), loss.rate());
    }
    assert!(rising);
    assert_eq!(loss.rate(), Some(800e3));
}

#[test]
fn a_packet_that_came_late_was_not_lost() {
    let (mut loss, mut now) = new();
    for _ in 0..8 {
        for n in 0..25 {
            now += ms(10);
            loss.packet(now, 1_000.0, n % 2 == 0);
        }
        for _ in 0..13 {
            loss.recovered(1_000.0);
        }
        loss.update(&input(800.0, 800.0));
    }
    assert!(loss.average() < 1e-9 && loss.state() == LossState::Unlimited);
}

#[test]
fn a_hold_is_twice_as_long_each_time() {
    let now = start();
    let first = Hold::NONE.again(now, 1.0);
    assert_eq!(first.until, Some(now + ms(300)));
    let second = first.again(now, 1.0);
    assert_eq!(second.until, Some(now + ms(600)));
    let late = (0..20).fold(second, |hold, _| hold.again(now, 1.0));
    assert_eq!(late.until, Some(now + ms(60_000)));
}
