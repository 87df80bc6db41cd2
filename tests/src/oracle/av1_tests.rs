use super::*;
use crate::client::stamp::Stamp;

const ID: u8 = 6;

/// Two temporal layers as appendix A.8 writes them: templates 0 (keyframe), 1 (needs what is two back), 2 (one back).
const STRUCTURE: [u8; 8] = [0x80, 0x01, 0x1e, 0xa8, 0x51, 0x41, 0x01, 0x08];

fn body(number: u32, needs: Option<u32>) -> Vec<u8> {
    Stamp { publication: 12, layer: 0, number, needs, needs_below: false }.fill(60)
}

fn packet(payload: &[&[u8]], descriptor: &[u8]) -> Rtp {
    let extensions =
        if descriptor.is_empty() { Vec::new() } else { vec![(ID, descriptor.to_vec())] };
    Rtp { payload: payload.concat(), extensions, ..Rtp::default() }
}

/// A sequence header and a frame in two packets: W = 2, N, Y; then Z, W = 1.
fn key(number: u32) -> Vec<Rtp> {
    let body = body(number, None);
    vec![
        packet(&[&[0x68, 3, 0x08, 1, 2, 0x34, 0x00, 0x10], &body[..30]], &[]),
        packet(&[&[0x90], &body[30..]], &[]),
    ]
}

/// A frame in one packet: W = 1.
fn inter(number: u32, needs: u32, descriptor: &[u8]) -> Vec<Rtp> {
    vec![packet(&[&[0x10, 0x34, 0x00, 0x30], &body(number, Some(needs))], descriptor)]
}

fn described(frame_number: u16, template: u8) -> [u8; 3] {
    let [high, low] = frame_number.to_be_bytes();
    [0xc0 | template, high, low]
}

/// [`key`] with descriptors beside it.
fn described_key(frame_number: u16) -> Vec<Rtp> {
    let [high, low] = frame_number.to_be_bytes();
    let mut packets = key(5);
    let mut first = vec![0x80, high, low];
    first.extend(STRUCTURE);
    packets[0].extensions.push((ID, first));
    packets[1].extensions.push((ID, vec![0x40, high, low]));
    packets
}

#[test]
fn obus_are_put_together_over_packets() {
    let mut reader = Reader::new(ID);
    let whole = reader.read(&key(5)).expect("whole");
    assert!(whole.is_key && whole.stamps[0].number == 5);
    assert!(!reader.read(&inter(6, 5, &[])).expect("whole").is_key);
    // Without W every element has a length: 62 bytes of OBU.
    let with_length = packet(&[&[0x00, 63, 0x34, 0x00, 0x30], &body(7, Some(5))], &[]);
    assert!(reader.read(&[with_length]).is_ok());
}

#[test]
fn what_is_missing_or_does_not_fit_is_noticed() {
    let read = |packets: &[Rtp]| Reader::new(ID).read(packets);
    assert!(read(&key(5)[..1]).is_err(), "the OBU has no end");
    assert!(read(&key(5)[1..]).is_err(), "the OBU has no beginning");
    for (packet, byte, bits, what) in [
        (0, 0, 0x08, "no N in front of a sequence header"),
        (1, 0, 0x08, "N inside a temporal unit"),
        (0, 0, 0x40, "no Y where an OBU continues"),
        (1, 0, 0x80, "no Z where an OBU continues"),
        (0, 0, 0x10, "W of three with two elements"),
        (0, 2, 0x18, "a temporal delimiter"),
        (0, 5, 0x02, "a size inside an OBU"),
        (0, 7, 0x20, "an inter frame behind a sequence header"),
        (1, 9, 0x01, "a changed byte"),
    ] {
        let mut packets = key(5);
        packets[packet].payload[byte] ^= bits;
        assert!(read(&packets).is_err(), "{what}");
    }
    let mut started = inter(6, 5, &[]);
    started[0].payload[0] |= 0x08;
    assert!(read(&started).is_err(), "N in front of an inter frame");
}

#[test]
fn descriptors_say_what_a_frame_needs() {
    let mut reader = Reader::new(ID);
    reader.read(&described_key(0xffff)).expect("whole");
    assert!(reader.clone().read(&inter(6, 5, &described(0, 1))).is_err(), "two back is nothing");
    assert!(reader.read(&inter(6, 5, &described(0, 2))).is_ok(), "one back is the keyframe");
    assert!(reader.read(&inter(7, 5, &described(1, 1))).is_ok());
    assert!(reader.clone().read(&inter(8, 7, &described(1, 2))).is_err(), "the number stands");
    assert!(reader.clone().read(&inter(8, 7, &described(2, 3))).is_err(), "no such template");
    assert!(reader.clone().read(&inter(8, 7, &[])).is_err(), "the descriptor is missing");
    assert!(reader.read(&inter(8, 7, &[0x82, 0, 2])).is_err(), "the frame has no end");
}

#[test]
fn a_coded_video_sequence_begins_with_a_structure() {
    let mut packets = described_key(7);
    packets[0].extensions[0].1.truncate(3);
    assert!(Reader::new(ID).read(&packets).is_err());
    let mut packets = described_key(7);
    packets[1].extensions.clear();
    assert!(Reader::new(ID).read(&packets).is_err(), "half the packets have one");
}
