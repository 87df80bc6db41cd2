use super::*;
use crate::client::stamp::Stamp;

/// A descriptor by hand: first byte, picture id of 15 bits, layer byte, and what follows.
fn packet(first: u8, id: u16, layer: u8, more: &[u8], frame: &[u8]) -> Rtp {
    let [high, low] = id.to_be_bytes();
    let mut payload = vec![first, 0x80 | high, low, layer];
    payload.extend(more);
    payload.extend(frame);
    Rtp { payload, ..Rtp::default() }
}

fn frame(header: u8, layer: u8, number: u32, needs: Option<u32>) -> Vec<u8> {
    let mut frame = vec![header];
    frame.extend(Stamp { publication: 12, layer, number, needs, needs_below: layer > 0 }.fill(40));
    frame
}

/// N_S 1, Y, G: two sizes, then a group of two pictures (figure 6 of RFC 9628's shape).
const STRUCTURE: [u8; 14] = [0x38, 1, 64, 0, 180, 2, 128, 1, 104, 2, 0x04, 2, 0x34, 1];

/// I L B E V, then I L B E Z with SID 1 and D; TL0PICIDX in both.
fn key(id: u16, tl0: u8) -> Vec<Rtp> {
    let mut more = vec![tl0];
    more.extend(STRUCTURE);
    vec![
        packet(0xae, id, 0x00, &more, &frame(0x82, 0, 5, None)),
        packet(0xad, id, 0x03, &[tl0], &frame(0x86, 1, 5, None)),
    ]
}

/// The same with P; TID 1 with U in every other picture.
fn inter(id: u16, tl0: u8, odd: bool, number: u32, needs: u32) -> Vec<Rtp> {
    let layer = if odd { 0x30 } else { 0x00 };
    vec![
        packet(0xec, id, layer, &[tl0], &frame(0x86, 0, number, Some(needs))),
        packet(0xed, id, layer | 3, &[tl0], &frame(0x86, 1, number, Some(needs))),
    ]
}

#[test]
fn pictures_are_read_with_what_their_group_says_they_need() {
    let mut reader = Reader::default();
    let whole = reader.read(&key(0x7fff, 255)).expect("whole");
    assert!(whole.is_key && starts_keyframe(&key(1, 1)[0].payload));
    assert_eq!(whole.stamps.iter().map(|stamp| stamp.layer).collect::<Vec<_>>(), [0, 1]);
    assert!(!reader.read(&inter(0, 255, true, 6, 5)).expect("whole").is_key);
    assert!(reader.read(&inter(1, 0, false, 7, 5)).is_ok());
    assert!(!starts_keyframe(&inter(1, 0, false, 7, 5)[0].payload));
    assert!(!starts_keyframe(&key(1, 1)[1].payload));
}

#[test]
fn a_picture_that_never_came_is_noticed() {
    let mut reader = Reader::default();
    reader.read(&key(9, 1)).expect("whole");
    // Picture 11 is left out; 12 may only need it, 13 needs it.
    assert!(reader.clone().read(&inter(12, 1, true, 8, 7)).is_err());
    assert!(reader.read(&inter(13, 2, false, 9, 7)).is_err());
    assert!(Reader::default().read(&inter(13, 2, false, 9, 7)).is_err(), "no keyframe at all");
}

#[test]
fn layers_flags_and_numbers_that_do_not_fit_are_noticed() {
    let read = |packets: &[Rtp]| {
        let mut reader = Reader::default();
        reader.read(&key(9, 1)).expect("whole");
        reader.read(packets)
    };
    let good = inter(10, 1, true, 6, 5);
    assert!(read(&good).is_ok());
    assert!(read(&good[1..]).is_err(), "D without the layer below");
    let changed = |packet: usize, byte: usize, bits: u8| {
        let mut packets = good.clone();
        packets[packet].payload[byte] ^= bits;
        read(&packets)
    };
    for (packet, byte, bits, what) in [
        (0, 0, 0x40, "P"),
        (0, 0, 0x08, "B"),
        (1, 0, 0x04, "E"),
        (0, 0, 0x01, "Z, and yet the layer above needs it"),
        (0, 3, 0x01, "D in the lowest layer"),
        (0, 3, 0x10, "U"),
        (1, 3, 0x02, "SID"),
        (1, 2, 0x01, "a picture id of its own"),
        (1, 4, 0x01, "a TL0PICIDX of its own"),
    ] {
        assert!(changed(packet, byte, bits).is_err(), "{what}");
    }
    assert!(read(&inter(10, 2, true, 6, 5)).is_err(), "TL0PICIDX goes on at TID 1");
    assert!(read(&inter(9, 1, true, 6, 5)).is_err(), "the picture id stands");
    let mut without = key(10, 2);
    without[0].payload.drain(5..5 + STRUCTURE.len());
    without[0].payload[0] ^= 0x02;
    assert!(read(&without).is_err(), "a keyframe without its structure");
}

#[test]
fn in_flexible_mode_each_frame_says_what_it_needs() {
    let flexible = |id, differences: &[u8]| {
        vec![packet(0xfc, id, 0x00, differences, &frame(0x86, 0, 6, Some(5)))]
    };
    let mut reader = Reader::default();
    // I L F B E V; a structure without group.
    let start = packet(0xbe, 300, 0x00, &[0x10, 2, 128, 1, 104], &frame(0x82, 0, 5, None));
    reader.read(&[start]).expect("whole");
    assert!(reader.clone().read(&flexible(302, &[2 << 1])).is_ok());
    assert!(reader.clone().read(&flexible(302, &[1 << 1])).is_err());
    assert!(reader.read(&flexible(303, &[3 << 1 | 1, 1 << 1])).is_err(), "one of two is lacking");
}
