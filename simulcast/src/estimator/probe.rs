//! What probes found: the rate at which a burst of packets arrived.

use std::num::NonZeroU8;
use std::time::Instant;

use arrayvec::ArrayVec;

use super::group::micros;
use crate::units::Bitrate;

/// Names a probe within its transport: 1 to 15, so that a log has room for it. Wraps; by then the first of its name is long over.
#[derive(Clone, Copy, Debug, Eq, Hash, PartialEq)]
pub struct ProbeId(NonZeroU8);

impl ProbeId {
    /// The first.
    pub const FIRST: Self = Self(NonZeroU8::MIN);
    /// How many there are.
    pub const COUNT: u8 = 15;

    /// The one of this number.
    #[must_use]
    pub fn new(number: u8) -> Option<Self> {
        NonZeroU8::new(number).filter(|number| number.get() <= Self::COUNT).map(Self)
    }

    /// Its number.
    #[must_use]
    pub const fn number(self) -> u8 {
        self.0.get()
    }

    /// The one after it.
    #[must_use]
    pub fn next(self) -> Self {
        Self::new(self.number() + 1).unwrap_or(Self::FIRST)
    }
}

/// Packets to be sent at a given rate, to find out whether they arrive at it: what there is to send, and padding for the rest.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub struct Probe {
    /// Its name, with which [`Fate`](super::Fate) comes back.
    pub id: ProbeId,
    /// The rate to send at.
    pub rate: Bitrate,
    /// Bytes on the wire that it takes, at least.
    pub bytes: u32,
    /// Packets that it takes, at least.
    pub packets: u8,
}

/// How many probes there were, and what they found. Those that found nothing, since too little of them arrived, or together, are
/// the rest.
#[derive(Clone, Copy, Debug, Default, Eq, PartialEq)]
pub struct Probes {
    /// Decided on.
    pub made: u32,
    /// Found that the link carries more than was believed.
    pub more: u32,
    /// Found what was believed, or less.
    pub less: u32,
}

impl Probes {
    /// So many probes found a rate.
    pub(super) const fn find(&mut self, probes: u32, more: bool) {
        let count = if more { &mut self.more } else { &mut self.less };
        *count = count.wrapping_add(probes);
    }

    /// Those that came after `before`.
    #[must_use]
    pub const fn since(self, before: Self) -> Self {
        Self {
            made: self.made.wrapping_sub(before.made),
            more: self.more.wrapping_sub(before.more),
            less: self.less.wrapping_sub(before.less),
        }
    }
}

/// The last probes, as far as feedback has told of them (libwebrtc, `goog_cc/probe_bitrate_estimator.cc`).
#[derive(Debug, Default)]
pub(super) struct ProbeResults {
    clusters: ArrayVec<Cluster, CLUSTERS>,
    found: Option<f64>,
    /// Probes that found something for the first time, since this was last asked.
    answered: u32,
}

#[derive(Clone, Copy, Debug)]
struct Cluster {
    id: ProbeId,
    packets_min: u32,
    bytes_min: f64,
    packets: u32,
    bytes: f64,
    is_answered: bool,
    span: Option<Span>,
}

#[derive(Clone, Copy, Debug)]
struct Span {
    first_sent: Instant,
    last_sent: Instant,
    last_sent_bytes: f64,
    first_us: i64,
    first_bytes: f64,
    last_us: i64,
}

impl ProbeResults {
    /// A probe was decided on.
    pub(super) fn expect(&mut self, probe: &Probe) {
        if self.clusters.is_full() {
            self.clusters.remove(0);
        }
        self.clusters.push(Cluster {
            id: probe.id,
            packets_min: u32::from(probe.packets) * 4 / 5,
            bytes_min: f64::from(probe.bytes) * RECEIVED,
            packets: 0,
            bytes: 0.0,
            is_answered: false,
            span: None,
        });
    }

    /// A packet of a probe arrived.
    pub(super) fn arrived(&mut self, id: ProbeId, sent: Instant, at_us: i64, bytes: f64) {
        let Some(cluster) = self.clusters.iter_mut().rev().find(|cluster| cluster.id == id) else {
            return;
        };
        cluster.packet(sent, at_us, bytes);
        if let Some(rate) = cluster.rate() {
            self.found = Some(rate);
            self.answered += u32::from(!std::mem::replace(&mut cluster.is_answered, true));
        }
    }

    /// Bits per second that the last complete probe found; told once.
    pub(super) const fn take(&mut self) -> Option<f64> {
        self.found.take()
    }

    /// Probes that found something for the first time, since this was last asked: more packets of one may tell more.
    pub(super) const fn take_answered(&mut self) -> u32 {
        std::mem::replace(&mut self.answered, 0)
    }
}

impl Cluster {
    fn packet(&mut self, sent: Instant, at_us: i64, bytes: f64) {
        self.packets = self.packets.saturating_add(1);
        self.bytes += bytes;
        let Some(span) = &mut self.span else {
            self.span = Some(Span {
                first_sent: sent,
                last_sent: sent,
                last_sent_bytes: bytes,
                first_us: at_us,
                first_bytes: bytes,
                last_us: at_us,
            });
            return;
        };
        span.first_sent = span.first_sent.min(sent);
        if sent > span.last_sent {
            (span.last_sent, span.last_sent_bytes) = (sent, bytes);
        }
        if at_us < span.first_us {
            (span.first_us, span.first_bytes) = (at_us, bytes);
        }
        span.last_us = span.last_us.max(at_us);
    }

    /// The lower one of the rates at which it was sent and at which it arrived; a little less than the second where that is much
    /// less than the first: then it is what the link carries.
    fn rate(&self) -> Option<f64> {
        let span = self
            .span
            .filter(|_| self.packets >= self.packets_min && self.bytes >= self.bytes_min)?;
        let sent_us = micros(span.first_sent, span.last_sent);
        let arrived_us = span.last_us.saturating_sub(span.first_us);
        let valid = 1..=INTERVAL_MAX_US;
        if !valid.contains(&sent_us) || !valid.contains(&arrived_us) {
            return None;
        }
        // The time that the last packet takes to be sent, and the first to arrive, is in neither.
        let sent = (self.bytes - span.last_sent_bytes) * 8e6 / sent_us as f64;
        let arrived = (self.bytes - span.first_bytes) * 8e6 / arrived_us as f64;
        if sent <= 0.0 || arrived <= 0.0 || arrived / sent > RATIO_MAX {
            return None;
        }
        Some(if arrived < UNSATURATED * sent { UTILIZATION * arrived } else { sent.min(arrived) })
    }
}

/// Probes that are remembered: those of a second, and more.
const CLUSTERS: usize = 6;
/// Of packets and bytes that must have arrived (libwebrtc).
const RECEIVED: f64 = 0.8;
/// Between the first and the last packet of a probe (libwebrtc).
const INTERVAL_MAX_US: i64 = 1_000_000;
/// Arrived over sent: above this the packets were held up together on the way (libwebrtc).
const RATIO_MAX: f64 = 2.0;
/// Arrived over sent: from here on the link carries all that was sent (libwebrtc).
const UNSATURATED: f64 = 0.9;
/// Of what the link carries, to be sent (libwebrtc).
const UTILIZATION: f64 = 0.95;

#[cfg(test)]
mod tests {
    use super::super::tests::{ms, start};
    use super::*;

    /// The packets of one probe, as (bytes, sent at, arrived at) in milliseconds; 5 packets and 5,000 bytes at least, as in
    /// libwebrtc's `probe_bitrate_estimator_unittest.cc`, whose cases and figures these are.
    fn found(packets: &[(u32, u64, i64)]) -> Option<f64> {
        found_of(5_000, packets)
    }

    fn found_of(bytes: u32, packets: &[(u32, u64, i64)]) -> Option<f64> {
        let (mut results, start) = (ProbeResults::default(), start());
        let id = ProbeId::FIRST;
        results.expect(&Probe { id, rate: Bitrate::ZERO, bytes, packets: 5 });
        let mut found = None;
        for (bytes, sent, arrived) in packets {
            results.arrived(id, start + ms(*sent), arrived * 1_000, f64::from(*bytes));
            found = results.take();
        }
        found
    }

    /// The packet number `n`, sent and delivered each 10 ms.
    fn packet(bytes: u32, n: u32) -> (u32, u64, i64) {
        (bytes, u64::from(n) * 10, (i64::from(n) + 1) * 10)
    }

    fn assert_rate(found: Option<f64>, expected: f64) {
        assert!((found.unwrap() - expected).abs() < 1.0, "{found:?}, not {expected}");
    }

    #[test]
    fn a_probe_that_arrives_as_it_was_sent_finds_its_rate() {
        assert_rate(
            found(&[(1000, 0, 10), (1000, 10, 20), (1000, 20, 30), (1000, 30, 40)]),
            800_000.0,
        );
        let small: Vec<_> = (0..6_u32).map(|n| packet(150, n)).collect();
        assert_rate(found_of(1_000, &small), 120_000.0);
        let fast = [(1000, 0, 15), (1000, 10, 30), (1000, 20, 35), (1000, 30, 40)];
        assert_rate(found(&fast), 800_000.0);
    }

    #[test]
    fn too_little_of_a_probe_finds_nothing() {
        assert_eq!(found(&[(2000, 0, 10), (2000, 10, 20), (2000, 20, 30)]), None);
        let small: Vec<_> = (0..5_u32).map(|n| packet(800, n)).collect();
        assert_eq!(found_of(6_000, &small), None);
    }

    #[test]
    fn what_arrives_much_slower_is_what_the_link_carries() {
        let slow = [(1000, 0, 10), (1000, 10, 40), (1000, 20, 70), (1000, 30, 85)];
        assert_rate(found(&slow), 0.95 * 320_000.0);
    }

    #[test]
    fn what_arrives_together_says_nothing() {
        let fast = [(1000, 0, 19), (1000, 10, 22), (1000, 20, 25), (1000, 40, 27)];
        assert_eq!(found(&fast), None);
        assert_eq!(found(&[(1000, 0, 50), (1000, 10, 50), (1000, 20, 50), (1000, 40, 50)]), None);
    }

    #[test]
    fn the_last_to_be_sent_and_the_first_to_arrive_do_not_count() {
        let last = [0, 1, 2, 3].map(|n| packet(1000, n));
        let last: Vec<_> = last.into_iter().chain([(1500, 40, 50)]).collect();
        assert_rate(found(&last), 800_000.0);
        let first = [(1500, 0, 10), packet(1000, 1), packet(1000, 2), packet(1000, 3)];
        assert_rate(found(&first), 0.95 * 800_000.0);
    }

    #[test]
    fn names_wrap_after_fifteen() {
        let names = std::iter::successors(Some(ProbeId::FIRST), |name| Some(name.next()));
        let numbers: Vec<u8> = names.take(17).map(ProbeId::number).collect();
        assert_eq!(numbers[13..], [14, 15, 1, 2]);
        assert_eq!((ProbeId::new(0), ProbeId::new(16)), (None, None));
    }

    #[test]
    fn packets_of_an_unknown_probe_are_left_out() {
        let mut results = ProbeResults::default();
        results.arrived(ProbeId::FIRST, start(), 0, 1_000.0);
        assert_eq!(results.take(), None);
    }
}
