//! H264 as a depacketizer reads it (RFC 6184, packetization-mode 1): every NAL unit whole, and a keyframe with all it
//! needs, since no parameter sets are handed over in SDP.

use super::decoder::{Whole, stamp_of};
use crate::packet::{Rtp, be16};

/// A NAL unit put together again.
#[derive(Clone, Debug, Eq, PartialEq)]
struct Unit {
    /// `nal_unit_type` (H.264, table 7-1).
    kind: u8,
    body: Vec<u8>,
}

const SLICE: u8 = 1;
const IDR_SLICE: u8 = 5;
const SEQUENCE_PARAMETERS: u8 = 7;
const PICTURE_PARAMETERS: u8 = 8;
const STAP_A: u8 = 24;
const FU_A: u8 = 28;

/// Bytes between a slice's NAL unit header and its stamp.
const SLICE_HEADER: usize = 2;

/// Puts a picture together from its packets, the last of which has the marker.
///
/// # Errors
/// What a depacketizer or a decoder would choke on.
pub fn read(packets: &[Rtp]) -> Result<Whole, String> {
    let units = units(packets)?;
    let kinds: Vec<u8> = units.iter().map(|unit| unit.kind).collect();
    let slices: Vec<&Unit> =
        units.iter().filter(|unit| matches!(unit.kind, SLICE | IDR_SLICE)).collect();
    let Some(first) = slices.first() else { return Err(format!("no picture in {kinds:?}")) };
    if slices.iter().any(|slice| slice.kind != first.kind) {
        return Err(format!("an IDR picture and another are one: {kinds:?}"));
    }
    // first_mb_in_slice is 0, whose code is a single 1, in the first slice and no other (sections 7.3.3 and 9.1).
    let begins = |slice: &&Unit| slice.body.first().is_some_and(|byte| byte & 0x80 != 0);
    if !begins(first) || slices.iter().skip(1).any(begins) {
        return Err(format!("slices do not make one picture: {kinds:?}"));
    }
    let is_key = first.kind == IDR_SLICE;
    let before = kinds.iter().take_while(|kind| !matches!(**kind, SLICE | IDR_SLICE));
    let (mut has_sequence, mut has_picture) = (false, false);
    for kind in before {
        has_sequence |= *kind == SEQUENCE_PARAMETERS;
        has_picture |= *kind == PICTURE_PARAMETERS && has_sequence;
    }
    if is_key && !(has_sequence && has_picture) {
        return Err(format!("an IDR picture without its parameter sets: {kinds:?}"));
    }
    let body: Vec<u8> = slices
        .iter()
        .flat_map(|slice| slice.body.get(SLICE_HEADER..).unwrap_or_default())
        .copied()
        .collect();
    Ok(Whole { is_key, stamps: vec![stamp_of(&body)?] })
}

/// Whether a packet is the first of a keyframe: it has the sequence parameter set.
#[must_use]
pub fn starts_keyframe(payload: &[u8]) -> bool {
    let first = match payload {
        [header, _, _, inner, ..] if header & 0x1f == STAP_A => *inner,
        [header, ..] => *header,
        [] => return false,
    };
    first & 0x1f == SEQUENCE_PARAMETERS
}

fn units(packets: &[Rtp]) -> Result<Vec<Unit>, String> {
    let mut units = Vec::new();
    let mut open: Option<Unit> = None;
    for packet in packets {
        let payload = packet.payload.as_slice();
        let [header, rest @ ..] = payload else { return Err("an empty payload".to_owned()) };
        if header & 0x80 != 0 {
            return Err("the forbidden bit is set".to_owned());
        }
        if header & 0x1f == FU_A {
            fragment(&mut units, &mut open, rest)?;
            continue;
        }
        if let Some(open) = open {
            return Err(format!("fragments of a unit of type {} have no end", open.kind));
        }
        match header & 0x1f {
            STAP_A => aggregate(&mut units, rest)?,
            kind @ 1..STAP_A => units.push(Unit { kind, body: rest.to_vec() }),
            kind => return Err(format!("type {kind} is not of packetization-mode 1")),
        }
    }
    match open {
        Some(open) => Err(format!("the last fragment of a unit of type {} is missing", open.kind)),
        None => Ok(units),
    }
}

/// Section 5.7.1: a size of 16 bits in front of each unit.
fn aggregate(units: &mut Vec<Unit>, mut rest: &[u8]) -> Result<(), String> {
    while !rest.is_empty() {
        let size = rest.get(..2).map(|size| usize::from(be16(size, 0)));
        let unit = size.and_then(|size| rest.get(2..2 + size)).ok_or("a STAP-A is cut short")?;
        let (header, body) = unit.split_first().ok_or("an empty unit in a STAP-A")?;
        units.push(Unit { kind: header & 0x1f, body: body.to_vec() });
        rest = &rest[2 + unit.len()..];
    }
    Ok(())
}

/// Section 5.8: S begins a unit, E ends it, and both together are forbidden.
fn fragment(units: &mut Vec<Unit>, open: &mut Option<Unit>, rest: &[u8]) -> Result<(), String> {
    let (header, part) = rest.split_first().ok_or("a fragment without its header")?;
    let (starts, ends, kind) = (header & 0x80 != 0, header & 0x40 != 0, header & 0x1f);
    if starts && ends {
        return Err("a fragment that is the whole unit".to_owned());
    }
    if starts {
        if open.is_some() {
            return Err("a unit begins inside another".to_owned());
        }
        *open = Some(Unit { kind, body: Vec::new() });
    }
    let unit = open.as_mut().ok_or("a unit begins in its middle")?;
    if unit.kind != kind {
        return Err(format!("a fragment of type {kind} in a unit of type {}", unit.kind));
    }
    unit.body.extend(part);
    if ends {
        units.extend(open.take());
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::client::stamp::Stamp;

    fn rtp(payload: Vec<u8>) -> Rtp {
        Rtp { payload, ..Rtp::default() }
    }

    fn body() -> Vec<u8> {
        Stamp { publication: 12, layer: 0, number: 3, needs: None, needs_below: false }.fill(60)
    }

    /// STAP-A with both parameter sets, and an IDR slice in three fragments, by the figures of sections 5.7.1 and 5.8.
    fn keyframe() -> Vec<Rtp> {
        let body = body();
        let part = |header: u8, bytes: &[u8]| {
            let mut payload = vec![0x7c, header];
            payload.extend(bytes);
            rtp(payload)
        };
        let mut first = vec![0x88, 0x80];
        first.extend(&body[..20]);
        vec![
            rtp(vec![0x78, 0, 2, 0x67, 66, 0, 2, 0x68, 0xce]),
            part(0x85, &first),
            part(0x05, &body[20..40]),
            part(0x45, &body[40..]),
        ]
    }

    #[test]
    fn a_keyframe_is_its_parameter_sets_and_every_fragment() {
        let whole = read(&keyframe()).expect("whole");
        assert!(whole.is_key && starts_keyframe(&keyframe()[0].payload));
        assert_eq!(whole.stamps[0].number, 3);
        for missing in 0..4 {
            let mut packets = keyframe();
            packets.remove(missing);
            assert!(read(&packets).is_err(), "without packet {missing}");
        }
        let mut packets = keyframe();
        packets.swap(1, 2);
        assert!(read(&packets).is_err());
        let mut packets = keyframe();
        packets[0].payload.truncate(5);
        assert!(read(&packets).is_err(), "without its picture parameter set");
    }

    #[test]
    fn slices_of_one_picture_are_all_there_and_no_others() {
        let body = body();
        let slice = |header: u8, first: u8, bytes: &[u8]| {
            let mut payload = vec![header, first, 0];
            payload.extend(bytes);
            rtp(payload)
        };
        let (one, two) = (slice(0x61, 0x9a, &body[..30]), slice(0x61, 0x4d, &body[30..]));
        let whole = read(&[one.clone(), two.clone()]).expect("whole");
        assert!(!whole.is_key && !starts_keyframe(&one.payload));
        assert!(read(std::slice::from_ref(&two)).is_err(), "the first slice is missing");
        assert!(read(&[one.clone(), one.clone()]).is_err(), "two pictures");
        assert!(read(&[one.clone(), slice(0x65, 0x4d, &body[30..])]).is_err(), "half an IDR");
        assert!(read(&[one, rtp(vec![0x1d, 0x80])]).is_err(), "FU-B is of mode 2");
    }
}
