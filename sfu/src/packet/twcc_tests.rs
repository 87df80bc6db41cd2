use proptest::prelude::*;
use rtc_shared::marshal::{Marshal, Unmarshal};
use rtcp::transport_feedbacks::transport_layer_cc::{
    PacketStatusChunk, RecvDelta, RunLengthChunk, StatusChunkTypeTcc, StatusVectorChunk,
    SymbolSizeTypeTcc, SymbolTypeTcc, TransportLayerCc,
};

use super::*;
use crate::packet::feedback::{Rtcp, packets};

type Statuses = Vec<(u16, Option<i64>)>;

fn read(packet: &[u8]) -> Result<Feedback<'_>, FeedbackError> {
    let mut all = packets(packet);
    let Rtcp::TransportWide(feedback) = all.next().unwrap()? else { panic!("another packet") };
    assert!(all.next().is_none());
    Ok(feedback)
}

fn written(statuses: &Statuses) -> (Vec<u8>, usize) {
    let mut out = Vec::new();
    let count = write(&mut out, Ssrc(1), Ssrc(2), 7, statuses.iter().copied());
    (out, count)
}

/// What the library reads, spelled out number by number.
fn library_statuses(feedback: &TransportLayerCc) -> Statuses {
    let symbols = feedback.packet_chunks.iter().flat_map(|chunk| match chunk {
        PacketStatusChunk::RunLengthChunk(RunLengthChunk {
            packet_status_symbol,
            run_length,
            ..
        }) => {
            vec![*packet_status_symbol; usize::from(*run_length)]
        }
        PacketStatusChunk::StatusVectorChunk(StatusVectorChunk { symbol_list, .. }) => {
            symbol_list.clone()
        }
    });
    let mut deltas = feedback.recv_deltas.iter();
    let mut clock = i64::from(feedback.reference_time << 8).wrapping_shl(32) >> 40;
    clock *= 64_000;
    symbols
        .take(usize::from(feedback.packet_status_count))
        .enumerate()
        .map(|(step, symbol)| {
            let number = feedback.base_sequence_number.wrapping_add(u16::try_from(step).unwrap());
            let arrival = (symbol != SymbolTypeTcc::PacketNotReceived).then(|| {
                clock += deltas.next().unwrap().delta;
                clock
            });
            (number, arrival)
        })
        .collect()
}

fn library_reads(packet: &[u8]) -> TransportLayerCc {
    TransportLayerCc::unmarshal(&mut &packet[..]).unwrap()
}

fn rounded(statuses: &Statuses) -> Statuses {
    statuses.iter().map(|(number, at)| (*number, at.map(|at| at.div_euclid(250) * 250))).collect()
}

#[test]
fn a_packet_of_the_librarys_making_is_read() {
    let delta = |type_tcc_packet, delta| RecvDelta { type_tcc_packet, delta };
    let (lost, small, large) = (
        SymbolTypeTcc::PacketNotReceived,
        SymbolTypeTcc::PacketReceivedSmallDelta,
        SymbolTypeTcc::PacketReceivedLargeDelta,
    );
    let feedback = TransportLayerCc {
        sender_ssrc: 1,
        media_ssrc: 2,
        base_sequence_number: 65_534,
        packet_status_count: 7,
        // 24 bits of −2.
        reference_time: 0xff_fffe,
        fb_pkt_count: 200,
        packet_chunks: vec![
            PacketStatusChunk::RunLengthChunk(RunLengthChunk {
                type_tcc: StatusChunkTypeTcc::RunLengthChunk,
                packet_status_symbol: small,
                run_length: 2,
            }),
            PacketStatusChunk::StatusVectorChunk(StatusVectorChunk {
                type_tcc: StatusChunkTypeTcc::StatusVectorChunk,
                symbol_size: SymbolSizeTypeTcc::TwoBit,
                symbol_list: vec![lost, large, small, lost, large, lost, lost],
            }),
        ],
        recv_deltas: vec![
            delta(small, 63_750),
            delta(small, 0),
            delta(large, -8_192_000),
            delta(small, 250),
            delta(large, 8_191_750),
        ],
    };
    let packet = feedback.marshal().unwrap();
    let ours = read(&packet).unwrap();
    assert_eq!((ours.base, ours.statuses, ours.count), (65_534, 7, 200));
    assert_eq!(ours.reference_us, -128_000);
    assert_eq!(
        ours.arrivals().collect::<Vec<_>>(),
        [
            (65_534, Some(-64_250)),
            (65_535, Some(-64_250)),
            (0, None),
            (1, Some(-8_256_250)),
            (2, Some(-8_256_000)),
            (3, None),
            (4, Some(-64_250)),
        ]
    );
}

#[test]
fn a_short_story_is_written_as_the_draft_says() {
    let statuses = vec![(10, Some(64_000)), (11, None), (12, Some(64_500)), (13, Some(1_000_000))];
    let (packet, count) = written(&statuses);
    assert_eq!(count, 4);
    assert_eq!(
        packet,
        [
            0xaf,
            205,
            0,
            6,
            0,
            0,
            0,
            1,
            0,
            0,
            0,
            2, // header, SSRCs
            0,
            10,
            0,
            4,
            0,
            0,
            1,
            7, // base, statuses, reference of 64 ms, count
            0b1101_0001,
            0b1000_0000, // small, lost, small, large
            0,
            2,
            0x0e,
            0x9e, // 0, 0.5 and 935.5 ms
            0,
            2 // padding
        ]
    );
    assert_eq!(read(&packet).unwrap().arrivals().collect::<Vec<_>>(), statuses);
}

#[test]
fn a_vector_that_cannot_take_a_large_delta_is_cut_at_seven() {
    let mut statuses: Statuses = (0..7).map(|number| (number, None)).collect();
    statuses.extend([(7, Some(100_000_000)), (8, Some(100_064_000))]);
    let (packet, _) = written(&statuses);
    assert_eq!(library_statuses(&library_reads(&packet)), statuses);
    assert_eq!(read(&packet).unwrap().arrivals().collect::<Vec<_>>(), statuses);
}

#[test]
fn long_losses_cost_two_bytes_each_8191() {
    let mut statuses: Statuses = (0..20_000).map(|number| (number, None)).collect();
    statuses.push((20_000, Some(5_000_000)));
    let (packet, count) = written(&statuses);
    assert_eq!((packet.len(), count), (32, 20_001));
    assert_eq!(read(&packet).unwrap().arrivals().collect::<Vec<_>>(), statuses);
    assert_eq!(library_statuses(&library_reads(&packet)), statuses);
}

#[test]
fn losses_alone_are_counted_but_not_written() {
    let statuses: Statuses = (65_000..=65_100).map(|number| (number, None)).collect();
    assert_eq!(written(&statuses), (Vec::new(), 101));
    assert_eq!(written(&Vec::new()), (Vec::new(), 0));
}

#[test]
fn a_packet_ends_before_an_arrival_that_is_too_far() {
    for gap in [-9_000_000, 9_000_000] {
        let statuses = vec![(1, Some(20_000_000)), (2, None), (3, Some(20_000_000 + gap))];
        let (packet, count) = written(&statuses);
        assert_eq!(count, 2);
        assert_eq!(read(&packet).unwrap().arrivals().collect::<Vec<_>>(), statuses[..2]);
    }
}

#[test]
fn a_packet_ends_before_it_is_too_long_and_the_next_goes_on() {
    // Small, large and lost by turns: the least that packs.
    let statuses: Statuses = (0..3_000_u16)
        .map(|number| {
            let at = i64::from(number / 3) * 200_000;
            let arrival = [Some(at), Some(at + 100_000), None][usize::from(number % 3)];
            (number, arrival)
        })
        .collect();
    let mut rest = &statuses[..];
    let mut told = Vec::new();
    while !rest.is_empty() {
        let mut out = vec![0xee; 3];
        let count = write(&mut out, Ssrc(1), Ssrc(2), 0, rest.iter().copied());
        assert!(count > 0 && out.len() - 3 <= LENGTH_MAX);
        assert_eq!(out[..3], [0xee; 3]);
        assert!(count == rest.len() || out.len() - 3 > LENGTH_MAX - 16, "{}", out.len());
        told.extend(read(&out[3..]).unwrap().arrivals());
        rest = &rest[count..];
    }
    assert_eq!(told, statuses);
}

#[test]
fn what_contradicts_itself_is_refused() {
    let of = |body: &[u8]| Feedback::parse(body).err();
    assert_eq!(of(&[0; 7]), Some(FeedbackError::Truncated("transport-wide feedback")));
    // One status, no chunk; one small delta announced, none there; a run of none.
    assert_eq!(
        of(&[0, 0, 0, 1, 0, 0, 0, 0]),
        Some(FeedbackError::Truncated("chunks of transport-wide feedback"))
    );
    assert_eq!(
        of(&[0, 0, 0, 1, 0, 0, 0, 0, 0x20, 1]),
        Some(FeedbackError::Truncated("deltas of transport-wide feedback"))
    );
    assert_eq!(
        of(&[0, 0, 0, 1, 0, 0, 0, 0, 0, 0]),
        Some(FeedbackError::Malformed("empty run of transport-wide feedback"))
    );
    assert_eq!(
        of(&[0, 0, 0, 1, 0, 0, 0, 0, 0x60, 1]),
        Some(FeedbackError::Malformed("reserved symbol of transport-wide feedback"))
    );
    assert_eq!(
        of(&[0, 0, 0x80, 1, 0, 0, 0, 0, 0, 0]),
        Some(FeedbackError::TooMany("statuses of transport-wide feedback"))
    );
}

fn any_statuses() -> impl Strategy<Value = Statuses> {
    // Runs of one kind, so that every form of chunk occurs.
    let kind = prop_oneof![
        (1_usize..40).prop_map(|length| vec![None; length]),
        prop::collection::vec((0_i64..60_000).prop_map(Some), 1..40),
        prop::collection::vec((-2_000_000_i64..4_000_000).prop_map(Some), 1..5),
        prop::collection::vec(prop::option::of(0_i64..70_000), 1..20),
    ];
    (any::<u16>(), prop::collection::vec(kind, 1..10)).prop_map(|(base, runs)| {
        let mut clock = 100_000_000;
        (0..)
            .zip(runs.into_iter().flatten())
            .map(|(step, gap)| {
                let arrival = gap.map(|gap| {
                    clock += gap;
                    clock
                });
                (base.wrapping_add(step), arrival)
            })
            .collect()
    })
}

proptest! {
    #[test]
    fn reading_is_total(body in prop::collection::vec(any::<u8>(), 0..60)) {
        if let Ok(feedback) = Feedback::parse(&body) {
            prop_assert_eq!(feedback.arrivals().count(), usize::from(feedback.statuses));
        }
    }

    #[test]
    fn what_is_written_is_read_by_both(statuses in any_statuses()) {
        let (packet, count) = written(&statuses);
        prop_assert_eq!(count, statuses.len());
        if statuses.iter().any(|(_, arrival)| arrival.is_some()) {
            prop_assert_eq!(read(&packet).unwrap().arrivals().collect::<Vec<_>>(), rounded(&statuses));
            prop_assert_eq!(library_statuses(&library_reads(&packet)), rounded(&statuses));
        }
    }

    #[test]
    fn whatever_both_accept_they_read_alike(
        chunks in prop::collection::vec(any::<u16>().prop_filter("reserved symbols", |word| {
            word >> 13 != 0b011 && (word >> 14 != 0b11 || (0..7).all(|pair| word >> (2 * pair) & 0b11 != 0b11))
        }), 1..6),
        deltas in prop::collection::vec(any::<u8>(), 40..60),
        statuses in 1_u16..60,
    ) {
        let mut packet = vec![0x8f, 205, 0, 0, 0, 0, 0, 1, 0, 0, 0, 2, 0, 9];
        packet.extend(statuses.to_be_bytes());
        packet.extend([0, 0, 9, 0]);
        packet.extend(chunks.iter().flat_map(|word| word.to_be_bytes()));
        packet.extend(deltas);
        packet.resize(packet.len().next_multiple_of(4), 0);
        let words = u16::try_from(packet.len() / 4 - 1).unwrap();
        packet[2..4].copy_from_slice(&words.to_be_bytes());
        if let (Ok(ours), Ok(theirs)) = (read(&packet), TransportLayerCc::unmarshal(&mut &packet[..])) {
            prop_assert_eq!(ours.arrivals().collect::<Vec<_>>(), library_statuses(&theirs));
        }
    }
}
