//! Transport-wide feedback, beside the `rtcp` crate.

use rtc_shared::marshal::Unmarshal;
use rtcp::transport_feedbacks::transport_layer_cc::{
    PacketStatusChunk, SymbolTypeTcc, TransportLayerCc,
};
use sfu::media::Ssrc;
use sfu::packet::feedback::{Rtcp, packets};
use sfu::packet::twcc::{self, Feedback};

/// Reads `data` as what follows the two SSRCs of a feedback packet. What is read is what the `rtcp` crate reads, and the
/// arrivals written again are the same arrivals.
///
/// # Panics
/// Where the two differ.
pub fn check_twcc(data: &[u8]) {
    let packet = framed(data);
    let Some(Ok(Rtcp::TransportWide(ours))) = packets(&packet).next() else { return };
    let arrivals: Vec<(u16, Option<i64>)> = ours.arrivals().collect();
    assert_eq!(arrivals.len(), usize::from(ours.statuses));
    check_library(&ours, &arrivals, &packet);
    check_written(&arrivals);
}

fn framed(data: &[u8]) -> Vec<u8> {
    let data = &data[..data.len().min(1_400)];
    let mut packet = vec![0x8f, 205, 0, 0, 0, 0, 0, 1, 0, 0, 0, 2];
    packet.extend(data);
    packet.resize(packet.len().next_multiple_of(4), 0);
    let words = u16::try_from(packet.len() / 4 - 1).expect("short");
    packet[2..4].copy_from_slice(&words.to_be_bytes());
    packet
}

fn check_library(ours: &Feedback<'_>, arrivals: &[(u16, Option<i64>)], packet: &[u8]) {
    // It wants a delta for each symbol of the last chunk, even behind the last status.
    let Ok(theirs) = TransportLayerCc::unmarshal(&mut &packet[..]) else { return };
    assert_eq!(
        (ours.base, ours.statuses),
        (theirs.base_sequence_number, theirs.packet_status_count)
    );
    assert_eq!(ours.count, theirs.fb_pkt_count);
    // 24 bits with a sign, which the library leaves to its caller.
    let reference = i64::from((theirs.reference_time << 8).cast_signed() >> 8) * 64_000;
    assert_eq!(ours.reference_us, reference);
    let mut clock = reference;
    let mut deltas = theirs.recv_deltas.iter();
    let mut symbols = theirs.packet_chunks.iter().flat_map(symbols);
    for (_, arrival) in arrivals {
        let expected = match symbols.next().expect("a symbol for each status") {
            SymbolTypeTcc::PacketNotReceived => None,
            SymbolTypeTcc::PacketReceivedSmallDelta | SymbolTypeTcc::PacketReceivedLargeDelta => {
                clock += deltas.next().expect("a delta for each arrival").delta;
                Some(clock)
            }
            SymbolTypeTcc::PacketReceivedWithoutDelta => panic!("we refuse the reserved symbol"),
        };
        assert_eq!(*arrival, expected);
    }
}

fn symbols(chunk: &PacketStatusChunk) -> Vec<SymbolTypeTcc> {
    match chunk {
        PacketStatusChunk::RunLengthChunk(run) => {
            vec![run.packet_status_symbol; usize::from(run.run_length)]
        }
        PacketStatusChunk::StatusVectorChunk(vector) => vector.symbol_list.clone(),
    }
}

/// After so long the reference time, 24 bits of 64 ms, begins anew: what is written with one number may be read with the other.
const REFERENCE_ROUND_US: i64 = 64_000 << 24;

fn check_written(arrivals: &[(u16, Option<i64>)]) {
    // The writer's clock begins at zero.
    let least = arrivals.iter().filter_map(|(_, arrival)| *arrival).min().unwrap_or_default();
    let shifted: Vec<(u16, Option<i64>)> =
        arrivals.iter().map(|(number, at)| (*number, at.map(|at| at - least.min(0)))).collect();
    let mut rest = shifted.as_slice();
    while !rest.is_empty() {
        let mut out = Vec::new();
        let told = twcc::write(&mut out, Ssrc(1), Ssrc(2), 3, rest.iter().copied());
        assert!(told > 0, "no progress");
        assert!(out.len() <= twcc::LENGTH_MAX);
        let (now, after) = rest.split_at(told);
        rest = after;
        if out.is_empty() {
            assert!(now.iter().all(|(_, arrival)| arrival.is_none()));
            continue;
        }
        let Some(Ok(Rtcp::TransportWide(again))) = packets(&out).next() else {
            panic!("we cannot read what we wrote")
        };
        let told = |arrivals: &[(u16, Option<i64>)]| -> Vec<(u16, Option<i64>)> {
            let within = |at: i64| at.rem_euclid(REFERENCE_ROUND_US);
            arrivals.iter().map(|(number, at)| (*number, at.map(within))).collect()
        };
        assert_eq!(told(&again.arrivals().collect::<Vec<_>>()), told(now));
        TransportLayerCc::unmarshal(&mut out.as_slice()).expect("the rtcp crate reads it too");
    }
}
