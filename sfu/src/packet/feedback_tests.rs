use bytes::Bytes;
use proptest::prelude::*;
use rtcp::packet::unmarshal;
use rtcp::receiver_report::ReceiverReport;

use super::*;

fn all(compound: &[u8]) -> Vec<Rtcp<'_>> {
    packets(compound).collect::<Result<_, _>>().unwrap()
}

/// The packets that the library reads.
fn library(compound: &[u8]) -> Vec<Box<dyn Packet>> {
    unmarshal(&mut Bytes::copy_from_slice(compound)).unwrap()
}

fn as_library<T: Clone + 'static>(packet: &dyn Packet) -> T {
    packet.as_any().downcast_ref::<T>().unwrap().clone()
}

fn block(ssrc: u32, lost: i32) -> ReportBlock {
    ReportBlock {
        ssrc: Ssrc(ssrc),
        fraction_lost: 85,
        lost,
        highest: 0x0001_f00d,
        jitter: 273,
        last_sender_report: 0x9f36_432d,
        delay: 150_137,
    }
}

#[test]
fn a_sender_report_is_what_the_library_reads_and_we_read_again() {
    let report = SenderReport {
        ssrc: Ssrc(0x902f_9e2e),
        ntp: 0xda8b_d1fc_dddd_a05a,
        timestamp: RtpTimestamp(0xaaf4_edd5),
        packets: 7,
        octets: u32::MAX,
    };
    let mut out = Vec::new();
    write_sender_report(&mut out, &report, "confab-1");
    let theirs = library(&out);
    let read: rtcp::sender_report::SenderReport = as_library(&*theirs[0]);
    assert_eq!((read.ssrc, read.ntp_time, read.rtp_time), (0x902f_9e2e, report.ntp, 0xaaf4_edd5));
    assert_eq!((read.packet_count, read.octet_count), (7, u32::MAX));
    let names: rtcp::source_description::SourceDescription = as_library(&*theirs[1]);
    assert_eq!(names.chunks[0].source, 0x902f_9e2e);
    assert_eq!(names.chunks[0].items[0].text, "confab-1");
    let ours = all(&out);
    assert_eq!(ours.len(), 2);
    assert!(
        matches!(&ours[0], Rtcp::SenderReport(ours, blocks) if *ours == report && blocks.clone().count() == 0)
    );
    assert_eq!(ours[1], Rtcp::Other(202));
}

#[test]
fn receiver_reports_carry_31_blocks_each_and_losses_a_sign() {
    let blocks: Vec<ReportBlock> = (0..40).map(|ssrc| block(ssrc, -5)).collect();
    let mut out = Vec::new();
    write_receiver_report(&mut out, Ssrc(9), &blocks);
    let theirs = library(&out);
    let counts: Vec<usize> =
        theirs.iter().map(|packet| as_library::<ReceiverReport>(&**packet).reports.len()).collect();
    assert_eq!(counts, [31, 9]);
    let read: Vec<ReportBlock> = all(&out)
        .into_iter()
        .flat_map(|packet| {
            let Rtcp::ReceiverReport { ssrc: Ssrc(9), blocks } = packet else { panic!("a report") };
            blocks
        })
        .collect();
    assert_eq!(read, blocks);
    let mut out = Vec::new();
    write_receiver_report(&mut out, Ssrc(9), &[]);
    assert_eq!(out, [0x80, 201, 0, 1, 0, 0, 0, 9]);
    write_receiver_report(&mut out, Ssrc(9), &[block(1, i32::MAX), block(2, i32::MIN)]);
    let [_, Rtcp::ReceiverReport { blocks, .. }] = &all(&out)[..] else { panic!("two packets") };
    let lost: Vec<i32> = blocks.clone().map(|block| block.lost).collect();
    assert_eq!(lost, [0x7f_ffff, -0x80_0000]);
}

#[test]
fn requests_for_keyframes_are_read_by_both() {
    let mut out = Vec::new();
    write_pli(&mut out, Ssrc(1), Ssrc(2));
    write_fir(&mut out, Ssrc(1), Ssrc(3), 200);
    let theirs = library(&out);
    assert_eq!(as_library::<PictureLossIndication>(&*theirs[0]).media_ssrc, 2);
    let fir: FullIntraRequest = as_library(&*theirs[1]);
    assert_eq!(fir.fir, [FirEntry { ssrc: 3, sequence_number: 200 }]);
    let [Rtcp::Pli { media: Ssrc(2) }, Rtcp::Fir(entries)] = &all(&out)[..] else {
        panic!("a PLI and a FIR")
    };
    assert_eq!(entries.clone().collect::<Vec<_>>(), [(Ssrc(3), 200)]);
}

#[test]
fn a_nack_packs_seventeen_numbers_into_an_entry() {
    let lost = [65_530, 65_531, 65_535, 10, 11, 28, 28].map(SequenceNumber);
    let mut out = Vec::new();
    write_nack(&mut out, Ssrc(1), Ssrc(2), lost.into_iter());
    let theirs: TransportLayerNack = as_library(&*library(&out)[0]);
    let expected = [
        NackPair { packet_id: 65_530, lost_packets: 0b1000_0000_0001_0001 },
        NackPair { packet_id: 11, lost_packets: 0 },
        NackPair { packet_id: 28, lost_packets: 0 },
    ];
    assert_eq!((theirs.media_ssrc, &theirs.nacks[..]), (2, &expected[..]));
    let [Rtcp::Nack { media: Ssrc(2), entries }] = &all(&out)[..] else { panic!("a NACK") };
    assert_eq!(entries.clone().collect::<Vec<_>>(), lost[..6]);
    let mut out = Vec::new();
    write_nack(&mut out, Ssrc(1), Ssrc(2), std::iter::empty());
    assert!(out.is_empty());
    // Every second packet of all: more than fits.
    let many = (0..32_768).map(|number| SequenceNumber(number * 2));
    write_nack(&mut out, Ssrc(1), Ssrc(2), many);
    assert_eq!(out.len(), 12 + 4 * NACKS_MAX);
}

#[test]
fn a_remb_keeps_eighteen_bits() {
    for (bitrate, read) in
        [(0, 0), (1, 1), (262_143, 262_143), (1_500_001, 1_500_000), (8_927_168, 8_927_168)]
    {
        let mut out = Vec::new();
        write_remb(&mut out, Ssrc(1), Bitrate::bps(bitrate), &[Ssrc(5), Ssrc(6)]);
        let theirs: ReceiverEstimatedMaximumBitrate = as_library(&*library(&out)[0]);
        assert_eq!(theirs.ssrcs, [5, 6]);
        // The library reads a mantissa of 0 as 2²³.
        assert!(read == 0 || theirs.bitrate.to_string() == read.to_string());
        assert_eq!(all(&out), [Rtcp::Remb { bitrate: Bitrate::bps(read) }]);
    }
    let mut out = Vec::new();
    write_remb(&mut out, Ssrc(1), Bitrate::MAX, &[]);
    let most = [0xff; 3];
    out[17..].copy_from_slice(&most);
    assert_eq!(all(&out), [Rtcp::Remb { bitrate: Bitrate::MAX }]);
}

#[test]
fn a_bye_names_its_streams() {
    let mut out = Vec::new();
    write_bye(&mut out, &[Ssrc(4), Ssrc(5)]);
    assert_eq!(as_library::<Goodbye>(&*library(&out)[0]).sources, [4, 5]);
    let [Rtcp::Bye(sources)] = &all(&out)[..] else { panic!("a BYE") };
    assert_eq!(sources.clone().collect::<Vec<_>>(), [Ssrc(4), Ssrc(5)]);
}

#[test]
fn a_compound_is_read_up_to_its_first_error() {
    let mut out = Vec::new();
    write_pli(&mut out, Ssrc(1), Ssrc(2));
    write_pli(&mut out, Ssrc(1), Ssrc(3));
    out[12] = 0x41;
    let read: Vec<_> = packets(&out).collect();
    assert_eq!(read, [Ok(Rtcp::Pli { media: Ssrc(2) }), Err(FeedbackError::Version(1))]);
    assert_eq!(packets(&out[..15]).last(), Some(Err(FeedbackError::Truncated("header"))),);
    assert_eq!(packets(&out[..10]).last(), Some(Err(FeedbackError::Truncated("packet"))));
}

#[test]
fn padding_is_stripped_and_must_fit() {
    let mut packet = vec![0xa0, 201, 0, 2, 0, 0, 0, 9, 0, 0, 0, 4];
    assert!(matches!(all(&packet)[..], [Rtcp::ReceiverReport { .. }]));
    packet[11] = 9;
    assert_eq!(packets(&packet).last(), Some(Err(FeedbackError::Padding(9))));
    packet[11] = 0;
    assert_eq!(packets(&packet).last(), Some(Err(FeedbackError::Padding(0))));
}

#[test]
fn reading_allocates_nothing() {
    let mut out = Vec::new();
    write_receiver_report(&mut out, Ssrc(9), &[block(1, 2), block(3, 4)]);
    write_nack(&mut out, Ssrc(1), Ssrc(2), [3, 4, 90].map(SequenceNumber).into_iter());
    write_pli(&mut out, Ssrc(1), Ssrc(2));
    twcc::write(&mut out, Ssrc(1), Ssrc(2), 0, (0..100).map(|n| (n, Some(i64::from(n) * 900))));
    let counted = allocation_counter::measure(|| {
        let mut told = 0;
        for packet in packets(&out) {
            told += drain(packet.unwrap());
        }
        assert_eq!(told, 2 + 3 + 100);
    });
    assert_eq!(counted.count_total, 0);
}

proptest! {
    #[test]
    fn reading_is_total(bytes in prop::collection::vec(any::<u8>(), 0..120)) {
        for packet in packets(&bytes).flatten() {
            drain(packet);
        }
    }

    #[test]
    fn reading_behind_a_right_header_is_total(
        first in 0x80_u8..0xc0, packet_type in 200_u8..208, body in prop::collection::vec(any::<u8>(), 0..100),
    ) {
        let mut packet = vec![first, packet_type, 0, 0];
        packet.extend(body);
        packet.resize(packet.len().next_multiple_of(4), 0);
        packet[3] = u8::try_from(packet.len() / 4 - 1).unwrap();
        for packet in packets(&packet).flatten() {
            drain(packet);
        }
    }

    #[test]
    fn what_is_asked_for_is_read(mut lost in prop::collection::btree_set(0_u16..2_000, 1..150), base: u16) {
        lost.insert(0);
        let numbers: Vec<_> = lost.into_iter().map(|step| SequenceNumber(base).plus(step)).collect();
        let mut out = Vec::new();
        write_nack(&mut out, Ssrc(1), Ssrc(2), numbers.iter().copied());
        let theirs: TransportLayerNack = as_library(&*library(&out)[0]);
        let listed: Vec<_> = theirs.nacks.iter().flat_map(NackPair::packet_list).map(SequenceNumber).collect();
        prop_assert_eq!(&listed, &numbers);
        let [Rtcp::Nack { entries, .. }] = &all(&out)[..] else { panic!("a NACK") };
        prop_assert_eq!(&entries.clone().collect::<Vec<_>>(), &numbers);
    }
}

/// Reads a packet to its end; returns what there was to count.
fn drain(packet: Rtcp<'_>) -> usize {
    let counted = match packet {
        Rtcp::SenderReport(_, blocks) | Rtcp::ReceiverReport { blocks, .. } => blocks.count(),
        Rtcp::Nack { entries, .. } => entries.count(),
        Rtcp::Fir(entries) => entries.count(),
        Rtcp::TransportWide(feedback) => feedback.arrivals().count(),
        Rtcp::Bye(sources) => sources.count(),
        Rtcp::Pli { .. } | Rtcp::Remb { .. } | Rtcp::Other(_) => 0,
    };
    assert!(counted < 40_000);
    counted
}
