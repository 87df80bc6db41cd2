//! Delay that varies without changing the order (RFC 8868, sections 4.5.2 and 4.5.3).

use std::time::Duration;

use super::random::Random;
use super::time::SimTime;

/// Added to a route's delay: `abs(clamp(N(0, deviation), ±limit))`, drawn for each packet.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub struct Jitter {
    /// Of the normal distribution.
    pub deviation: Duration,
    /// No more than this.
    pub limit: Duration,
}

impl Jitter {
    /// 5 ms, at most 15: what the evaluation criteria for interactive media ask for.
    pub const STANDARD: Self =
        Self { deviation: Duration::from_millis(5), limit: Duration::from_millis(15) };

    /// For one packet.
    pub(super) fn draw(self, random: &mut Random) -> Duration {
        let seconds = self.deviation.as_secs_f64() * random.normal().abs();
        Duration::try_from_secs_f64(seconds).unwrap_or(self.limit).min(self.limit)
    }
}

/// Keeps a flow in order: arrival n is never before arrival n−1 and the time that packet took on the bottleneck.
#[derive(Clone, Copy, Debug, Default)]
pub(super) struct Order {
    earliest: SimTime,
}

impl Order {
    /// When a packet arrives that would arrive at `wanted` and took `serialisation` to send.
    pub(super) fn arrival(&mut self, wanted: SimTime, serialisation: Duration) -> SimTime {
        let arrival = wanted.max(self.earliest);
        self.earliest = arrival + serialisation;
        arrival
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn jitter_is_never_negative_and_never_above_its_limit() {
        let mut random = Random::new(3);
        let draws: Vec<Duration> =
            (0..100_000).map(|_| Jitter::STANDARD.draw(&mut random)).collect();
        let beyond = draws.iter().filter(|draw| **draw == Duration::from_millis(15)).count();
        assert!(draws.iter().all(|draw| *draw <= Duration::from_millis(15)));
        assert!((170..380).contains(&beyond), "0.27 % lie beyond three deviations: {beyond}");
        let mean = draws.iter().sum::<Duration>() / 100_000;
        let expected = Duration::from_micros(3_989); // 5 ms · √(2/π)
        assert!(mean.abs_diff(expected) < Duration::from_micros(60), "{mean:?}");
    }

    #[test]
    fn an_early_packet_waits_for_the_one_before_it_and_its_serialisation() {
        let ms = SimTime::milliseconds;
        let mut order = Order::default();
        let took = Duration::from_millis(12);
        assert_eq!(order.arrival(ms(65), took), ms(65));
        assert_eq!(order.arrival(ms(62), took), ms(77), "65 + 12");
        assert_eq!(order.arrival(ms(100), took), ms(100));
    }
}
