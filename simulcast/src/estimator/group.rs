//! Packets that were sent together, and by how much the next ones arrived later than they were sent later.

use std::time::Instant;

/// Cuts packets into groups by when they were sent, 5 ms each, and compares the ends of neighbouring groups: one packet's delay says
/// nothing while it waits behind another of the same burst (libwebrtc, `goog_cc/inter_arrival_delta.cc`).
#[derive(Debug, Default)]
pub(super) struct Groups {
    current: Option<Group>,
    previous: Option<Group>,
    reordered: u8,
}

#[derive(Clone, Copy, Debug)]
struct Group {
    first_sent: Instant,
    last_sent: Instant,
    first_arrival_us: i64,
    last_arrival_us: i64,
    told: Instant,
}

/// From the end of one group to the end of the next.
#[derive(Clone, Copy, Debug, PartialEq)]
pub(super) struct Delta {
    /// Milliseconds between the last packets' departures.
    pub(super) sent_ms: f64,
    /// Milliseconds between their arrivals.
    pub(super) arrived_ms: f64,
    /// The later arrival, on the receiver's clock.
    pub(super) at_us: i64,
}

impl Groups {
    /// Takes in a packet of which feedback told at `now`; returns the difference between the last two complete groups where it
    /// begins another.
    pub(super) fn packet(&mut self, now: Instant, sent: Instant, at_us: i64) -> Option<Delta> {
        let Some(current) = &mut self.current else {
            self.current = Some(Group::new(now, sent, at_us));
            return None;
        };
        if sent < current.first_sent {
            return None;
        }
        if !current.ends_before(sent, at_us) {
            current.last_sent = current.last_sent.max(sent);
            current.last_arrival_us = at_us;
            current.told = now;
            return None;
        }
        let (complete, previous) = (*current, self.previous);
        let delta = previous.map(|previous| complete.since(&previous));
        match delta {
            Some(Err(Broken::Clock)) => {
                *self = Self::default();
                return None;
            }
            Some(Err(Broken::Order)) => {
                self.reordered += 1;
                if self.reordered >= REORDERED_MAX {
                    *self = Self::default();
                }
                return None;
            }
            Some(Ok(_)) => self.reordered = 0,
            None => {}
        }
        self.previous = self.current.replace(Group::new(now, sent, at_us));
        delta.and_then(Result::ok)
    }
}

/// Why two groups cannot be compared.
enum Broken {
    /// The receiver's clock jumped.
    Clock,
    /// The later one arrived first.
    Order,
}

impl Group {
    const fn new(now: Instant, sent: Instant, at_us: i64) -> Self {
        Self {
            first_sent: sent,
            last_sent: sent,
            first_arrival_us: at_us,
            last_arrival_us: at_us,
            told: now,
        }
    }

    /// Whether a packet sent at `sent` belongs to the next group.
    fn ends_before(&self, sent: Instant, at_us: i64) -> bool {
        let is_later = micros(self.first_sent, sent) > LENGTH_US;
        is_later && !self.was_held_up_with(sent, at_us)
    }

    /// Whether a packet arrived in one burst with the last one: it was sent further behind than it arrived.
    fn was_held_up_with(&self, sent: Instant, at_us: i64) -> bool {
        let arrived = at_us.saturating_sub(self.last_arrival_us);
        let departed = micros(self.last_sent, sent);
        departed == 0
            || arrived < departed
                && arrived <= BURST_GAP_US
                && at_us.saturating_sub(self.first_arrival_us) < BURST_MAX_US
    }

    fn since(&self, previous: &Self) -> Result<Delta, Broken> {
        let arrived = self.last_arrival_us.saturating_sub(previous.last_arrival_us);
        if arrived.saturating_sub(micros(previous.told, self.told)) >= JUMP_US {
            return Err(Broken::Clock);
        }
        if arrived < 0 {
            return Err(Broken::Order);
        }
        Ok(Delta {
            sent_ms: micros(previous.last_sent, self.last_sent) as f64 / 1e3,
            arrived_ms: arrived as f64 / 1e3,
            at_us: self.last_arrival_us,
        })
    }
}

/// From `earlier` to `later`, negative where it is the other way round.
pub(super) fn micros(earlier: Instant, later: Instant) -> i64 {
    let whole =
        |duration: std::time::Duration| i64::try_from(duration.as_micros()).unwrap_or(i64::MAX);
    match later.checked_duration_since(earlier) {
        Some(duration) => whole(duration),
        None => -whole(earlier.saturating_duration_since(later)),
    }
}

/// Of a group, by departure (libwebrtc, `delay_based_bwe.cc`).
const LENGTH_US: i64 = 5_000;
/// Between arrivals of one burst (libwebrtc, `inter_arrival_delta.h`).
const BURST_GAP_US: i64 = 5_000;
/// Of a burst by arrival (libwebrtc, `inter_arrival_delta.h`).
const BURST_MAX_US: i64 = 100_000;
/// A clock that goes ahead of ours by this much was set (libwebrtc, `inter_arrival_delta.h`).
const JUMP_US: i64 = 3_000_000;
/// So many groups in the wrong order are a clock that was set back (libwebrtc, `inter_arrival_delta.h`).
const REORDERED_MAX: u8 = 3;

#[cfg(test)]
mod tests {
    use super::super::tests::{ms, start};
    use super::*;

    #[test]
    fn groups_are_compared_by_their_last_packets() {
        let (mut groups, start) = (Groups::default(), start());
        let mut packet = |sent: u64, arrival_ms: i64| {
            groups.packet(start + ms(sent + 50), start + ms(sent), arrival_ms * 1000)
        };
        assert_eq!(packet(0, 1_000), None);
        assert_eq!(packet(4, 1_008), None, "the same group");
        assert_eq!(packet(20, 1_030), None, "only one group is complete");
        assert_eq!(packet(24, 1_040), None);
        let delta = packet(40, 1_060).unwrap();
        assert_eq!(delta, Delta { sent_ms: 20.0, arrived_ms: 32.0, at_us: 1_040_000 });
    }

    #[test]
    fn what_was_held_up_together_is_one_group() {
        let (mut groups, start) = (Groups::default(), start());
        let mut packet = |sent: u64, arrival_ms: i64| {
            groups.packet(start + ms(sent + 90), start + ms(sent), arrival_ms * 1000)
        };
        assert_eq!(packet(0, 1_000), None);
        assert_eq!(packet(20, 1_080), None);
        assert_eq!(packet(40, 1_081), None, "arrives 1 ms after what was sent 20 ms before");
        let delta = packet(60, 1_100).unwrap();
        assert_eq!(delta, Delta { sent_ms: 40.0, arrived_ms: 81.0, at_us: 1_081_000 });
    }

    #[test]
    fn a_packet_that_was_overtaken_is_left_out() {
        let (mut groups, start) = (Groups::default(), start());
        let mut packet = |sent: u64, arrival_ms: i64| {
            groups.packet(start + ms(sent + 90), start + ms(sent), arrival_ms * 1000)
        };
        packet(0, 1_000);
        packet(20, 1_020);
        assert_eq!(packet(10, 1_021), None);
        let delta = packet(40, 1_040).unwrap();
        assert_eq!(delta, Delta { sent_ms: 20.0, arrived_ms: 20.0, at_us: 1_020_000 });
    }

    #[test]
    fn a_clock_that_jumps_compares_nothing_across_the_jump() {
        let (mut groups, start) = (Groups::default(), start());
        let mut packet = |sent: u64, arrival_ms: i64| {
            groups.packet(start + ms(sent + 90), start + ms(sent), arrival_ms * 1000)
        };
        packet(0, 1_000);
        packet(20, 1_020);
        packet(40, 100_040);
        assert_eq!(packet(60, 100_060), None);
        packet(80, 100_080);
        packet(100, 100_100);
        assert_eq!(packet(120, 100_120).map(|delta| delta.arrived_ms), Some(20.0));
    }
}
