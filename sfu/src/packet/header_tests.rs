use arrayvec::ArrayString;
use proptest::prelude::*;
use rtc_shared::marshal::Unmarshal;
use rtp::Packet;

use super::*;
use crate::packet::extension::Extensions;

fn id(value: u8) -> ExtensionId {
    ExtensionId::new(value).unwrap()
}

fn mid(text: &str) -> Mid {
    Mid(ArrayString::from(text).unwrap())
}

fn all_ids() -> ExtensionIds {
    (1..)
        .zip(Extension::ALL)
        .fold(ExtensionIds::default(), |ids, (value, extension)| ids.with(extension, id(value)))
}

fn fields() -> HeaderFields<'static> {
    HeaderFields {
        marker: true,
        padding: false,
        payload_type: PayloadType(96),
        sequence: SequenceNumber(0x1234),
        timestamp: RtpTimestamp(0x5678_9abc),
        csrc: Some(PublicationId(0xcafe_f00d)),
        transport_sequence: Some(0xbeef),
        absolute_send_time: Some(0x12_3456),
        passed: Passed::default(),
    }
}

// RFC 8285, section 4.2, figure: four elements of the one-byte form with padding between them.
const ONE_BYTE_EXAMPLE: [u8; 28] = [
    0x90, 96, 0, 1, 0, 0, 0, 2, 0, 0, 0, 3, // fixed part
    0xbe, 0xde, 0, 3, // profile, words
    0x10, 0xaa, // id 1, one byte
    0x21, 0xbb, 0xbc, // id 2, two bytes
    0, 0, // padding
    0x33, 0xcc, 0xcd, 0xce, 0xcf, // id 3, four bytes
];

#[test]
fn elements_of_the_one_byte_form_are_read_as_rfc_8285_draws_them() {
    let header = Header::parse(&ONE_BYTE_EXAMPLE).unwrap();
    assert_eq!(header.length, 28);
    let elements: Vec<_> = header.elements(&ONE_BYTE_EXAMPLE).collect();
    assert_eq!(
        elements,
        [(id(1), &[0xaa][..]), (id(2), &[0xbb, 0xbc][..]), (id(3), &[0xcc, 0xcd, 0xce, 0xcf][..])]
    );
}

#[test]
fn elements_of_the_two_byte_form_may_be_empty_or_long() {
    let mut packet = vec![0x90, 96, 0, 1, 0, 0, 0, 2, 0, 0, 0, 3, 0x10, 0x07, 0, 7];
    packet.extend([1, 0, 0, 2, 1, 0xbb, 200, 1, 9]); // empty; padding; one byte; an id above 14
    packet.extend([3, 17]);
    packet.extend([0xcc; 17]);
    let header = Header::parse(&packet).unwrap();
    let elements: Vec<_> = header.elements(&packet).collect();
    assert_eq!(elements, [(id(1), &[][..]), (id(2), &[0xbb][..]), (id(3), &[0xcc; 17][..])]);
}

#[test]
fn reading_stops_at_id_15_at_id_0_with_a_length_and_at_an_element_that_does_not_fit() {
    for ends in [0xf1, 0x01] {
        let mut packet = ONE_BYTE_EXAMPLE;
        packet[18] = ends;
        let header = Header::parse(&packet).unwrap();
        assert_eq!(header.elements(&packet).map(|(id, _)| id).collect::<Vec<_>>(), [id(1)]);
    }
    let mut packet = ONE_BYTE_EXAMPLE;
    packet[23] = 0x3f;
    let header = Header::parse(&packet).unwrap();
    assert_eq!(header.elements(&packet).count(), 2);
}

#[test]
fn an_unknown_profile_has_no_elements_but_counts_in_the_length() {
    let mut packet = ONE_BYTE_EXAMPLE;
    packet[12] = 0x42;
    let header = Header::parse(&packet).unwrap();
    assert_eq!((header.length, header.elements(&packet).count()), (28, 0));
}

#[test]
fn what_is_cut_short_is_refused_by_name() {
    let mut packet = ONE_BYTE_EXAMPLE;
    packet[0] |= 2;
    assert_eq!(Header::parse(&packet[..11]), Err(HeaderError::Truncated("fixed part")));
    assert_eq!(Header::parse(&packet[..19]), Err(HeaderError::Truncated("CSRC list")));
    assert_eq!(Header::parse(&packet[..22]), Err(HeaderError::Truncated("extension block")));
    assert_eq!(
        Header::parse(&ONE_BYTE_EXAMPLE[..27]),
        Err(HeaderError::Truncated("extension block"))
    );
    packet[0] = 0x50;
    assert_eq!(Header::parse(&packet), Err(HeaderError::Version(1)));
}

#[test]
fn padding_is_stripped_and_must_fit() {
    let mut packet = vec![0xa0, 96, 0, 1, 0, 0, 0, 2, 0, 0, 0, 3, 7, 7, 7, 0, 0, 3];
    let header = Header::parse(&packet).unwrap();
    assert_eq!(header.payload_length(&packet), Ok(3));
    packet[17] = 6;
    assert_eq!(header.payload_length(&packet), Ok(0));
    packet[17] = 7;
    assert_eq!(header.payload_length(&packet), Err(HeaderError::Padding(7)));
    packet[17] = 0;
    assert_eq!(header.payload_length(&packet), Err(HeaderError::Padding(0)));
    assert_eq!(header.payload_length(&packet[..12]), Err(HeaderError::Padding(0)));
}

#[test]
fn a_written_header_is_what_the_rtp_crate_reads() {
    let template = HeaderTemplate::new(Ssrc(7), mid("mid0"), &all_ids());
    let passed = Passed {
        audio_level: Some(0x9c),
        orientation: Some(3),
        playout_delay: Some([1, 2, 3]),
        capture_time: CaptureTime::parse(&[9; 8]),
        dependency_descriptor: Some(&[0x80, 0, 1]),
    };
    let mut out = [0; HeaderTemplate::LENGTH_MAX];
    let length = template.write(&mut out, &HeaderFields { passed, ..fields() }).unwrap();
    let read = Packet::unmarshal(&mut &out[..length]).unwrap().header;
    assert!(read.marker && read.extension && !read.padding);
    assert_eq!((read.payload_type, read.sequence_number), (96, 0x1234));
    assert_eq!((read.timestamp, read.ssrc, &read.csrc[..]), (0x5678_9abc, 7, &[0xcafe_f00d][..]));
    assert_eq!(read.extension_profile, 0xbede);
    let element = |extension: Extension| {
        read.get_extension(all_ids().id(extension).unwrap().value()).map(|bytes| bytes.to_vec())
    };
    assert_eq!(element(Extension::Mid), Some(b"mid0".to_vec()));
    assert_eq!(element(Extension::Rid), None);
    assert_eq!(element(Extension::TransportSequence), Some(vec![0xbe, 0xef]));
    assert_eq!(element(Extension::AbsoluteSendTime), Some(vec![0x12, 0x34, 0x56]));
    assert_eq!(element(Extension::AudioLevel), Some(vec![0x9c]));
    assert_eq!(element(Extension::Orientation), Some(vec![3]));
    assert_eq!(element(Extension::PlayoutDelay), Some(vec![1, 2, 3]));
    assert_eq!(element(Extension::AbsoluteCaptureTime), Some(vec![9; 8]));
    assert_eq!(element(Extension::DependencyDescriptor), Some(vec![0x80, 0, 1]));
}

#[test]
fn a_long_descriptor_takes_the_two_byte_form_and_the_longest_header_fits() {
    let template = HeaderTemplate::new(Ssrc(7), mid("0123456789abcdef"), &all_ids());
    let descriptor: Vec<u8> = (0..255).collect();
    let passed = Passed {
        audio_level: Some(0x9c),
        orientation: Some(3),
        playout_delay: Some([1, 2, 3]),
        capture_time: CaptureTime::parse(&[9; 16]),
        dependency_descriptor: Some(&descriptor),
    };
    let mut out = [0; HeaderTemplate::LENGTH_MAX];
    let length = template.write(&mut out, &HeaderFields { passed, ..fields() }).unwrap();
    assert_eq!(length, HeaderTemplate::LENGTH_MAX);
    let read = Packet::unmarshal(&mut &out[..length]).unwrap().header;
    assert_eq!(read.extension_profile, 0x1000);
    assert_eq!(read.get_extension(10).unwrap().to_vec(), descriptor);
    assert_eq!(read.get_extension(9).unwrap().to_vec(), [9; 16]);
    assert_eq!(template.write(&mut out[..length - 1], &HeaderFields { passed, ..fields() }), None);
}

#[test]
fn what_was_not_negotiated_is_not_written() {
    let template = HeaderTemplate::new(Ssrc(7), mid("a"), &ExtensionIds::default());
    let passed = Passed { audio_level: Some(1), ..Passed::default() };
    let mut out = [0; HeaderTemplate::LENGTH_MAX];
    let fields = HeaderFields { passed, csrc: None, marker: false, padding: true, ..fields() };
    assert_eq!(template.write(&mut out, &fields), Some(12));
    assert_eq!(out[..2], [0xa0, 96]);
}

#[test]
fn elements_of_wrong_length_count_as_absent() {
    let ids = ExtensionIds::default()
        .with(Extension::TransportSequence, id(1))
        .with(Extension::AudioLevel, id(2))
        .with(Extension::PlayoutDelay, id(3));
    let header = Header::parse(&ONE_BYTE_EXAMPLE).unwrap();
    assert_eq!(ids.read(&header, &ONE_BYTE_EXAMPLE), Extensions::default());
}

#[test]
fn merging_keeps_what_was_there_and_never_doubles_an_id() {
    let sound =
        ExtensionIds::default().with(Extension::Mid, id(4)).with(Extension::AudioLevel, id(1));
    let picture = ExtensionIds::default()
        .with(Extension::Mid, id(5))
        .with(Extension::Rid, id(6))
        .with(Extension::Orientation, id(1));
    let merged = sound.merged(&picture);
    assert_eq!(merged, sound.with(Extension::Rid, id(6)));
}

proptest! {
    #[test]
    fn reading_is_total(packet in prop::collection::vec(any::<u8>(), 0..80)) {
        if let Ok(header) = Header::parse(&packet) {
            prop_assert!(header.length <= packet.len());
            let _ = all_ids().read(&header, &packet);
            let _ = header.payload_length(&packet);
        }
    }

    #[test]
    fn what_both_read_is_the_same(first in 0x80_u8..0xc0, rest in prop::collection::vec(any::<u8>(), 11..80)) {
        let packet: Vec<u8> = [first].into_iter().chain(rest).collect();
        if let (Ok(ours), Ok(theirs)) = (Header::parse(&packet), rtp::Header::unmarshal(&mut &packet[..])) {
            prop_assert_eq!(ours.payload_type.0, theirs.payload_type);
            prop_assert_eq!(ours.sequence.0, theirs.sequence_number);
            prop_assert_eq!(ours.timestamp.0, theirs.timestamp);
            prop_assert_eq!(ours.ssrc.0, theirs.ssrc);
            prop_assert_eq!(ours.marker, theirs.marker);
            prop_assert_eq!(ours.padding, theirs.padding);
        }
    }

    /// Against the lengths that RFC 3550 (section 5.1) and RFC 8285 (sections 4.2 and 4.3) give to a header with nothing else.
    #[test]
    fn a_header_is_hardly_longer_than_the_one_that_brought_its_elements(
        level: Option<u8>, orientation: Option<u8>, delay: Option<[u8; 3]>,
        captured in prop::option::of(prop_oneof![Just(8_usize), Just(16)]),
        descriptor in prop::option::of(prop::collection::vec(any::<u8>(), 1..255)),
        mid_length in 1_usize..=16,
    ) {
        let passed = Passed {
            audio_level: level,
            orientation,
            playout_delay: delay,
            capture_time: captured.and_then(|length| CaptureTime::parse(&[9; 16][..length])),
            dependency_descriptor: descriptor.as_deref(),
        };
        let lengths = [
            level.map(|_| 1), orientation.map(|_| 1), delay.map(|_| 3), captured, descriptor.as_ref().map(Vec::len),
        ];
        let came: Vec<usize> = lengths.into_iter().flatten().collect();
        let element = if came.iter().any(|length| *length > 16) { 2 } else { 1 };
        let block: usize = came.iter().map(|length| element + length).sum();
        let shortest = 12 + if came.is_empty() { 0 } else { 4 + block.next_multiple_of(4) };
        let fields = HeaderFields {
            csrc: Some(PublicationId(1)), transport_sequence: Some(1), absolute_send_time: Some(1), passed, ..fields()
        };
        let template = HeaderTemplate::new(Ssrc(1), mid(&"m".repeat(mid_length)), &all_ids());
        let length = template.write(&mut [0; HeaderTemplate::LENGTH_MAX], &fields).unwrap();
        prop_assert!(length <= shortest + HeaderTemplate::GROWTH_MAX, "{} from {}", length, shortest);
    }

    #[test]
    fn what_is_written_is_read_again(
        level: Option<u8>, orientation: Option<u8>, delay: Option<[u8; 3]>, sequence: Option<u16>,
        descriptor in prop::option::of(prop::collection::vec(any::<u8>(), 1..200)),
        time in prop::option::of(0_u32..1 << 24),
    ) {
        let template = HeaderTemplate::new(Ssrc(1), mid("7"), &all_ids());
        let passed = Passed {
            audio_level: level,
            orientation,
            playout_delay: delay,
            capture_time: None,
            dependency_descriptor: descriptor.as_deref(),
        };
        let fields = HeaderFields { transport_sequence: sequence, absolute_send_time: time, passed, ..fields() };
        let mut out = [0; HeaderTemplate::LENGTH_MAX];
        let length = template.write(&mut out, &fields).unwrap();
        let header = Header::parse(&out[..length]).unwrap();
        prop_assert_eq!(header.length, length);
        let read = all_ids().read(&header, &out[..length]);
        prop_assert_eq!(read, Extensions {
            mid: Some("7"),
            transport_sequence: sequence,
            absolute_send_time: time,
            audio_level: level,
            orientation,
            playout_delay: delay,
            dependency_descriptor: descriptor.as_deref(),
            ..Extensions::default()
        });
    }
}
