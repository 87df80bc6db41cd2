//! A real simulcast of three VP8 encodings, switched at its keyframes.

use std::time::Duration;

use super::{Beginning, Capture, Input, Prefix, Rewrite, Rewriter};
use crate::codec::{Codec, PacketInfo, PictureId, inspect};
use crate::frames::Place;
use crate::layer::LayerId;
use crate::layer::Spread;
use crate::selector::{Packet as Selected, Selector, Verdict};
use crate::sequence::{RtpTimestamp, SequenceNumber};

/// A packet of Chromium: arrival in µs, encoding (lowest first), sequence number, marker, timestamp, beginning of the payload.
type Packet = (u64, u8, u16, bool, u32, &'static [u8]);

/// From tests/data/chromium-vp8-simulcast-opus-10s.pcap: the three keyframes of its beginning and the two frames behind each.
const PACKETS: &[Packet] = &[
    (
        544056,
        2,
        18997,
        false,
        4084341208,
        &[
            0x90, 0xe0, 0x81, 0xc3, 0xcf, 0x20, 0xd0, 0x0d, 0x01, 0x9d, 0x01, 0x2a, 0x00, 0x05,
            0xd0, 0x02,
        ],
    ),
    (544805, 2, 18998, false, 4084341208, &[0x80, 0xe0, 0x81, 0xc3, 0xcf, 0x20, 0x4b]),
    (544853, 2, 18999, false, 4084341208, &[0x80, 0xe0, 0x81, 0xc3, 0xcf, 0x20, 0xa6]),
    (544871, 2, 19000, false, 4084341208, &[0x80, 0xe0, 0x81, 0xc3, 0xcf, 0x20, 0x92]),
    (545429, 2, 19001, true, 4084341208, &[0x80, 0xe0, 0x81, 0xc3, 0xcf, 0x20, 0x04]),
    (
        545550,
        1,
        27075,
        false,
        873148656,
        &[
            0x90, 0xe0, 0xa4, 0xa7, 0xed, 0x20, 0xf0, 0x55, 0x00, 0x9d, 0x01, 0x2a, 0x80, 0x02,
            0x68, 0x01,
        ],
    ),
    (545746, 1, 27076, true, 873148656, &[0x80, 0xe0, 0xa4, 0xa7, 0xed, 0x20, 0x26]),
    (
        546239,
        0,
        25577,
        true,
        1641835117,
        &[
            0x90, 0xe0, 0xa4, 0xa8, 0xee, 0x20, 0xd0, 0x23, 0x00, 0x9d, 0x01, 0x2a, 0x40, 0x01,
            0xb4, 0x00,
        ],
    ),
    (
        575905,
        2,
        19002,
        false,
        4084344718,
        &[
            0xb0, 0xe0, 0x81, 0xc4, 0xcf, 0xa0, 0x31, 0x81, 0x00, 0x2b, 0x1c, 0x24, 0x0c, 0x2c,
            0x2c, 0x44,
        ],
    ),
    (576006, 2, 19003, false, 4084344718, &[0xa0, 0xe0, 0x81, 0xc4, 0xcf, 0xa0, 0x69]),
    (576019, 2, 19004, false, 4084344718, &[0xa0, 0xe0, 0x81, 0xc4, 0xcf, 0xa0, 0x7f]),
    (576884, 2, 19005, false, 4084344718, &[0xa0, 0xe0, 0x81, 0xc4, 0xcf, 0xa0, 0xa8]),
    (576944, 2, 19006, false, 4084344718, &[0xa0, 0xe0, 0x81, 0xc4, 0xcf, 0xa0, 0x89]),
    (576957, 2, 19007, false, 4084344718, &[0xa0, 0xe0, 0x81, 0xc4, 0xcf, 0xa0, 0xf3]),
    (576970, 2, 19008, false, 4084344718, &[0xa0, 0xe0, 0x81, 0xc4, 0xcf, 0xa0, 0xd4]),
    (577295, 2, 19009, true, 4084344718, &[0xa0, 0xe0, 0x81, 0xc4, 0xcf, 0xa0, 0xee]),
    (
        577337,
        1,
        27077,
        false,
        873152166,
        &[
            0xb0, 0xe0, 0xa4, 0xa8, 0xed, 0xa0, 0xb1, 0x51, 0x00, 0x31, 0x1c, 0x24, 0x0c, 0x2c,
            0x2c, 0x44,
        ],
    ),
    (577634, 1, 27078, false, 873152166, &[0xa0, 0xe0, 0xa4, 0xa8, 0xed, 0xa0, 0xf3]),
    (577649, 1, 27079, true, 873152166, &[0xa0, 0xe0, 0xa4, 0xa8, 0xed, 0xa0, 0x3e]),
    (
        577669,
        0,
        25578,
        true,
        1641838627,
        &[
            0xb0, 0xe0, 0xa4, 0xa9, 0xee, 0xa0, 0xb1, 0x16, 0x00, 0x20, 0x1c, 0x24, 0x0c, 0x2c,
            0x2c, 0x44,
        ],
    ),
    (
        605744,
        2,
        19010,
        false,
        4084347328,
        &[
            0x90, 0xe0, 0x81, 0xc5, 0xcf, 0x60, 0x71, 0x4d, 0x00, 0x1f, 0x1c, 0x24, 0x0c, 0x2c,
            0x2c, 0x44,
        ],
    ),
    (606154, 2, 19011, false, 4084347328, &[0x80, 0xe0, 0x81, 0xc5, 0xcf, 0x60, 0xb6]),
    (606213, 2, 19012, false, 4084347328, &[0x80, 0xe0, 0x81, 0xc5, 0xcf, 0x60, 0x34]),
    (606228, 2, 19013, false, 4084347328, &[0x80, 0xe0, 0x81, 0xc5, 0xcf, 0x60, 0x67]),
    (606238, 2, 19014, false, 4084347328, &[0x80, 0xe0, 0x81, 0xc5, 0xcf, 0x60, 0xe0]),
    (606247, 2, 19015, false, 4084347328, &[0x80, 0xe0, 0x81, 0xc5, 0xcf, 0x60, 0xfb]),
    (606273, 2, 19016, false, 4084347328, &[0x80, 0xe0, 0x81, 0xc5, 0xcf, 0x60, 0x3d]),
    (606287, 2, 19017, false, 4084347328, &[0x80, 0xe0, 0x81, 0xc5, 0xcf, 0x60, 0xf6]),
    (606300, 2, 19018, true, 4084347328, &[0x80, 0xe0, 0x81, 0xc5, 0xcf, 0x60, 0x76]),
    (
        606545,
        1,
        27080,
        false,
        873154776,
        &[
            0x90, 0xe0, 0xa4, 0xa9, 0xed, 0x60, 0xb1, 0x29, 0x00, 0x20, 0x1c, 0x24, 0x0c, 0x2c,
            0x2c, 0x44,
        ],
    ),
    (606579, 1, 27081, false, 873154776, &[0x80, 0xe0, 0xa4, 0xa9, 0xed, 0x60, 0xde]),
    (606588, 1, 27082, false, 873154776, &[0x80, 0xe0, 0xa4, 0xa9, 0xed, 0x60, 0x50]),
    (606596, 1, 27083, true, 873154776, &[0x80, 0xe0, 0xa4, 0xa9, 0xed, 0x60, 0x4b]),
    (
        606613,
        0,
        25579,
        true,
        1641841237,
        &[
            0x90, 0xe0, 0xa4, 0xaa, 0xee, 0x60, 0x51, 0x15, 0x00, 0x22, 0x1c, 0x24, 0x0c, 0x2c,
            0x2c, 0x44,
        ],
    ),
];

/// What a receiver gets that wants the largest picture first, and the next smaller one as soon as each flows.
fn switched_down() -> Vec<(Packet, bool, PacketInfo, Rewrite)> {
    let mut rewriter = Rewriter::new(SequenceNumber(65_533), RtpTimestamp(u32::MAX - 100));
    let mut selector = Selector::paused(Spread::Encodings);
    selector.set_target(Some(LayerId::spatial(2)));
    let mut sent = Vec::new();
    for &packet in PACKETS {
        let (arrival_us, layer, sequence, marker, timestamp, payload) = packet;
        let info = inspect(Codec::Vp8, payload, marker, None).unwrap();
        let place = Place::WHOLE.of_encoding(layer);
        let selected = Selected {
            encoding: layer,
            timestamp: RtpTimestamp(timestamp),
            info: &info,
            place: &place,
        };
        let switch = match selector.packet(selected) {
            Verdict::Drop(_) => continue,
            Verdict::Forward => false,
            Verdict::ForwardAsSwitch => true,
        };
        let rewrite = rewriter.forward(Input {
            switch,
            index: u64::from(sequence),
            timestamp: RtpTimestamp(timestamp),
            clock_rate: 90_000,
            capture: Capture::Unknown,
            arrival: Duration::from_micros(arrival_us),
            info: &info,
        });
        sent.push((packet, switch, info, rewrite.unwrap()));
        if info.ends_frame && layer > 0 {
            selector.set_target(Some(LayerId::spatial(layer - 1)));
        }
    }
    sent
}

#[test]
fn three_encodings_make_one_stream() {
    let sent = switched_down();
    let switches: Vec<_> = sent.iter().filter(|one| one.1).map(|one| one.2.height).collect();
    assert_eq!(switches, [Some((1280, 720)), Some((640, 360)), Some((320, 180))]);
    for pair in sent.windows(2) {
        let ((before, _, old, last), (after, switch, new, next)) = (pair[0], pair[1]);
        assert_eq!(next.sequence, last.sequence.next());
        // A frame's packets share its numbers; another frame has the next.
        let same_frame = !switch && after.4 == before.4;
        assert_eq!(same_frame, !before.3, "the marker ends each frame");
        let step = u16::from(!same_frame);
        assert_eq!(next.picture_id, last.picture_id + step);
        let tl0_moved = new.numbers.tl0() != old.numbers.tl0() || switch;
        assert_eq!(next.tl0, last.tl0 + u8::from(tl0_moved));
        // At a switch what passed since the last frame; the three were captured at once. Else what the publisher says.
        let advance = next.timestamp.distance_from(last.timestamp);
        if switch {
            assert!((1..=3_000).contains(&advance), "{advance}");
        } else {
            assert_eq!(advance.cast_unsigned(), after.4 - before.4);
        }
    }
}

#[test]
fn payloads_read_as_before_but_for_their_numbers() {
    for ((.., payload), _, info, rewrite) in switched_down() {
        let mut out = [0; Prefix::MAX];
        let Prefix { written, consumed } =
            Beginning::new(Codec::Vp8, payload).write(&rewrite, &mut out);
        assert_eq!((written, consumed), (5, 5));
        let mut whole = out[..written].to_vec();
        whole.extend(&payload[consumed..]);
        let after = inspect(Codec::Vp8, &whole, info.ends_frame, None).unwrap();
        assert_eq!(after.numbers.picture_id(), Some(PictureId::Long(rewrite.picture_id)));
        assert_eq!(after.numbers.tl0(), Some(rewrite.tl0));
        assert_eq!(PacketInfo { numbers: info.numbers, ..after }, info);
    }
}
