//! What arrived when, by the number that runs over all streams: what transport-wide feedback tells.

use std::collections::BTreeMap;
use std::time::Duration;

use rtcp::packet::marshal;
use rtcp::transport_feedbacks::transport_layer_cc::{
    PacketStatusChunk, RecvDelta, RunLengthChunk, StatusChunkTypeTcc, SymbolTypeTcc,
    TransportLayerCc,
};
use tools::simnet::time::SimTime;

use crate::packet::Unwrapped;

/// Arrivals of which the server was not told yet.
#[derive(Debug, Default)]
pub struct Arrivals {
    unwrapped: Unwrapped,
    waiting: BTreeMap<i64, SimTime>,
    /// The number after the last that was told of.
    next: Option<i64>,
    count: u8,
    media: u32,
    due: Option<SimTime>,
}

/// Between two feedbacks while packets come: that of libwebrtc's receiver at most rates (50 to 250 ms).
const INTERVAL: Duration = Duration::from_millis(100);

/// Microseconds in a unit of deltas, and of the reference time.
const DELTA_US: i64 = 250;
const REFERENCE_US: i64 = 64_000;

impl Arrivals {
    /// A packet of the stream `media` arrived under this number.
    pub fn record(&mut self, now: SimTime, number: u16, media: u32) {
        let index = self.unwrapped.index(number);
        self.waiting.entry(index).or_insert(now);
        self.media = media;
        self.due.get_or_insert(now + INTERVAL);
    }

    /// When [`Self::feedback`] has something to tell.
    #[must_use]
    pub const fn due(&self) -> Option<SimTime> {
        self.due
    }

    /// Tells of everything from the last packet that was told of on; `own` is who tells.
    pub fn feedback(&mut self, own: u32) -> Option<Vec<u8>> {
        self.due = None;
        let (first, _) = self.waiting.first_key_value()?;
        let (last, _) = self.waiting.last_key_value()?;
        let (base, end) = (self.next.map_or(*first, |next| next.min(*first)), last + 1);
        let waiting = std::mem::take(&mut self.waiting);
        self.next = Some(self.next.map_or(end, |next| next.max(end)));
        let micros = |at: &SimTime| i64::try_from(at.elapsed().as_micros()).expect("short");
        let reference = waiting.values().next().map(micros)?.div_euclid(REFERENCE_US);
        let mut clock = reference * REFERENCE_US;
        let (mut chunks, mut deltas) = (Vec::new(), Vec::new());
        for index in base..end {
            let symbol = match waiting.get(&index).map(micros) {
                None => SymbolTypeTcc::PacketNotReceived,
                Some(at) => {
                    let delta = (at - clock).div_euclid(DELTA_US) * DELTA_US;
                    clock += delta;
                    let small = (0..256 * DELTA_US).contains(&delta);
                    let type_tcc_packet = if small {
                        SymbolTypeTcc::PacketReceivedSmallDelta
                    } else {
                        SymbolTypeTcc::PacketReceivedLargeDelta
                    };
                    deltas.push(RecvDelta { type_tcc_packet, delta });
                    type_tcc_packet
                }
            };
            match chunks.last_mut() {
                Some(PacketStatusChunk::RunLengthChunk(run))
                    if run.packet_status_symbol == symbol =>
                {
                    run.run_length += 1;
                }
                Some(_) | None => chunks.push(PacketStatusChunk::RunLengthChunk(RunLengthChunk {
                    type_tcc: StatusChunkTypeTcc::RunLengthChunk,
                    packet_status_symbol: symbol,
                    run_length: 1,
                })),
            }
        }
        let feedback = TransportLayerCc {
            sender_ssrc: own,
            media_ssrc: self.media,
            base_sequence_number: u16::try_from(base.rem_euclid(1 << 16)).expect("a remainder"),
            packet_status_count: u16::try_from(end - base).expect("few"),
            reference_time: u32::try_from(reference).expect("early"),
            fb_pkt_count: self.count,
            packet_chunks: chunks,
            recv_deltas: deltas,
        };
        self.count = self.count.wrapping_add(1);
        Some(marshal(&[Box::new(feedback)]).expect("what we made can be written").to_vec())
    }
}

#[cfg(test)]
mod tests {
    use sfu::packet::feedback::{Rtcp, packets};

    use super::*;

    #[test]
    fn every_packet_is_told_of_once_and_what_is_missing_as_missing() {
        let mut arrivals = Arrivals::default();
        let at = |ms| SimTime::ZERO + Duration::from_millis(ms);
        for (number, ms) in [(65_534, 1_000), (65_535, 1_010), (1, 1_100)] {
            arrivals.record(at(ms), number, 7);
        }
        assert_eq!(arrivals.due(), Some(at(1_100)));
        let told = |bytes: &[u8]| {
            let Some(Ok(Rtcp::TransportWide(feedback))) = packets(bytes).next() else { panic!() };
            feedback.arrivals().collect::<Vec<_>>()
        };
        let first = told(&arrivals.feedback(1).unwrap());
        let expected =
            [(65_534, Some(1_000_000)), (65_535, Some(1_010_000)), (0, None), (1, Some(1_100_000))];
        assert_eq!(first, expected);
        assert_eq!(arrivals.feedback(1), None);
        arrivals.record(at(1_200), 3, 7);
        assert_eq!(told(&arrivals.feedback(1).unwrap()), [(2, None), (3, Some(1_200_000))]);
    }
}
