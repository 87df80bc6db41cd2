//! Transport-wide feedback as libwebrtc's receiver sends it: what arrived when, each 50 to 250 ms.

use std::collections::BTreeMap;
use std::time::Duration;

use rtcp::packet::marshal;
use rtcp::transport_feedbacks::transport_layer_cc::{
    PacketStatusChunk, RecvDelta, RunLengthChunk, StatusChunkTypeTcc, SymbolTypeTcc,
    TransportLayerCc,
};
use tools::simnet::UDP_OVERHEAD;
use tools::simnet::time::SimTime;

use crate::packet::Unwrapped;

/// Arrivals of which the sender was not told yet.
#[derive(Debug)]
pub struct Arrivals {
    unwrapped: Unwrapped,
    waiting: BTreeMap<i64, SimTime>,
    /// The number after the last that was told of.
    next: Option<i64>,
    count: u8,
    media: u32,
    last: SimTime,
    interval: Duration,
}

/// The shortest and the longest time between two feedbacks.
const INTERVAL: (Duration, Duration) = (Duration::from_millis(50), Duration::from_millis(250));

/// Bits a second that feedback may take: 5 % of the 300 kbit/s that libwebrtc supposes of a receiver that sends nothing else.
const BUDGET: u64 = 15_000;

/// What SRTCP adds: an index and the tag of AES-GCM (RFC 7714, section 17).
const SRTCP_OVERHEAD: usize = 20;

/// Microseconds in a unit of deltas, and of the reference time.
const DELTA_US: i64 = 250;
const REFERENCE_US: i64 = 64_000;

/// A larger delta does not fit its 16 bits: another feedback begins.
const DELTA_MAX_US: i64 = 8_000_000;

/// Packets that one feedback speaks of at most, so that it fits a datagram even where each needs a chunk and two bytes.
const PACKETS_MAX: i64 = 250;

impl Arrivals {
    /// Nothing has arrived.
    #[must_use]
    pub fn new(now: SimTime) -> Self {
        Self {
            unwrapped: Unwrapped::default(),
            waiting: BTreeMap::new(),
            next: None,
            count: 0,
            media: 0,
            last: now,
            interval: INTERVAL.0,
        }
    }

    /// A packet of the stream `media` arrived under this number.
    pub fn record(&mut self, now: SimTime, number: u16, media: u32) {
        let index = self.unwrapped.index(number);
        self.waiting.entry(index).or_insert(now);
        self.media = media;
    }

    /// When [`Self::feedback`] has something to tell.
    #[must_use]
    pub fn due(&self) -> Option<SimTime> {
        (!self.waiting.is_empty()).then(|| self.last + self.interval)
    }

    /// Tells of everything since the last packet that was told of; `own` is who tells.
    pub fn feedback(&mut self, now: SimTime, own: u32) -> Vec<Vec<u8>> {
        let mut told = Vec::new();
        while let Some(bytes) = self.one(own) {
            told.push(bytes);
        }
        self.last = now;
        if let Some(largest) = told.iter().map(Vec::len).max() {
            let bits = (largest + SRTCP_OVERHEAD) as u64 * 8 + u64::from(UDP_OVERHEAD) * 8;
            let interval = Duration::from_micros(bits * 1_000_000 / BUDGET);
            self.interval = interval.clamp(INTERVAL.0, INTERVAL.1);
        }
        told
    }

    fn one(&mut self, own: u32) -> Option<Vec<u8>> {
        let (first, at) = self.waiting.first_key_value()?;
        let micros = |at: SimTime| i64::try_from(at.elapsed().as_micros()).expect("short");
        let (base, reference) = (self.next.map_or(*first, |next| next.min(*first)), micros(*at));
        let reference = reference.div_euclid(REFERENCE_US);
        let (mut clock, mut index) = (reference * REFERENCE_US, base);
        let (mut chunks, mut deltas) = (Vec::new(), Vec::new());
        while !self.waiting.is_empty() && index - base < PACKETS_MAX {
            let symbol = match self.waiting.get(&index).copied().map(micros) {
                None => SymbolTypeTcc::PacketNotReceived,
                Some(at) => {
                    let delta = (at - clock).div_euclid(DELTA_US) * DELTA_US;
                    if delta.abs() > DELTA_MAX_US {
                        break;
                    }
                    self.waiting.remove(&index);
                    clock += delta;
                    let symbol = if (0..256 * DELTA_US).contains(&delta) {
                        SymbolTypeTcc::PacketReceivedSmallDelta
                    } else {
                        SymbolTypeTcc::PacketReceivedLargeDelta
                    };
                    deltas.push(RecvDelta { type_tcc_packet: symbol, delta });
                    symbol
                }
            };
            append(&mut chunks, symbol);
            index += 1;
        }
        self.next = Some(self.next.map_or(index, |next| next.max(index)));
        self.count = self.count.wrapping_add(1);
        let feedback = TransportLayerCc {
            sender_ssrc: own,
            media_ssrc: self.media,
            base_sequence_number: u16::try_from(base.rem_euclid(1 << 16)).expect("a remainder"),
            packet_status_count: u16::try_from(index - base).expect("few"),
            reference_time: u32::try_from(reference).expect("early"),
            fb_pkt_count: self.count.wrapping_sub(1),
            packet_chunks: chunks,
            recv_deltas: deltas,
        };
        Some(marshal(&[Box::new(feedback)]).expect("what we made can be written").to_vec())
    }
}

/// Run lengths alone: two bytes a run.
fn append(chunks: &mut Vec<PacketStatusChunk>, symbol: SymbolTypeTcc) {
    if let Some(PacketStatusChunk::RunLengthChunk(run)) = chunks.last_mut()
        && run.packet_status_symbol == symbol
    {
        run.run_length += 1;
        return;
    }
    chunks.push(PacketStatusChunk::RunLengthChunk(RunLengthChunk {
        type_tcc: StatusChunkTypeTcc::RunLengthChunk,
        packet_status_symbol: symbol,
        run_length: 1,
    }));
}

#[cfg(test)]
mod tests {
    use sfu::packet::feedback::{Rtcp, packets};

    use super::*;

    fn told(bytes: &[u8]) -> Vec<(u16, Option<i64>)> {
        let Some(Ok(Rtcp::TransportWide(feedback))) = packets(bytes).next() else { panic!() };
        feedback.arrivals().collect()
    }

    #[test]
    fn every_packet_is_told_of_once_and_what_is_missing_as_missing() {
        let at = SimTime::milliseconds;
        let mut arrivals = Arrivals::new(at(990));
        for (number, ms) in [(65_534, 1_000), (65_535, 1_010), (1, 1_100)] {
            arrivals.record(at(ms), number, 7);
        }
        assert_eq!(arrivals.due(), Some(at(1_040)), "50 ms after the last");
        let first = arrivals.feedback(at(1_100), 1);
        assert_eq!(first.len(), 1);
        let numbers = |bytes: &[u8]| -> Vec<(u16, bool)> {
            told(bytes).into_iter().map(|(number, at)| (number, at.is_some())).collect()
        };
        assert_eq!(numbers(&first[0]), [(65_534, true), (65_535, true), (0, false), (1, true)]);
        assert_eq!(arrivals.due(), None);
        arrivals.record(at(1_200), 3, 7);
        assert_eq!(numbers(&arrivals.feedback(at(1_200), 1)[0]), [(2, false), (3, true)]);
    }

    #[test]
    fn a_silence_beyond_a_delta_begins_another_feedback() {
        let at = SimTime::milliseconds;
        let mut arrivals = Arrivals::new(at(0));
        arrivals.record(at(10), 1, 7);
        arrivals.record(at(20_010), 2, 7);
        assert_eq!(arrivals.feedback(at(20_060), 1).len(), 2);
    }

    #[test]
    fn large_feedbacks_come_more_seldom() {
        let at = SimTime::milliseconds;
        let mut arrivals = Arrivals::new(at(0));
        // Every other packet is missing: 200 chunks of 2 bytes and 100 deltas of 1 are 500 bytes, which 15 kbit/s carry in 290 ms.
        for number in 0..100 {
            arrivals.record(at(10), number * 2, 7);
        }
        arrivals.feedback(at(50), 1);
        arrivals.record(at(60), 300, 7);
        assert_eq!(arrivals.due(), Some(at(300)), "250 ms at most");
    }
}
