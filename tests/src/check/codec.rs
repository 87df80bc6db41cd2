//! What a payload's first bytes say, codec by codec, beside the `rtp` crate's depacketizers where they read as much.

use bytes::Bytes;
use rtp::codec::h264::H264Packet;
use rtp::codec::vp8::Vp8Packet;
use rtp::codec::vp9::Vp9Packet;
use rtp::packetizer::Depacketizer;
use simulcast::codec::descriptor::{Descriptor, rewrite_descriptor};
use simulcast::codec::{Codec, FrameNumbers, PacketInfo, PictureId, inspect, opus};
use simulcast::frames::{Frames, OLDER, REACH};
use simulcast::rewriter::{Beginning, Prefix, Rewrite};

use super::supply::Supply;
use crate::oracle::descriptor::Descriptor as Theirs;
use crate::packet::be16;

/// VP8: the descriptor as the `rtp` crate reads it, keyframes as RFC 7741, section 4.3 tells them, and a rewrite that changes the
/// numbers alone.
///
/// # Panics
/// Where that is not so.
pub fn check_vp8(data: &[u8]) {
    let Ok(ours) = inspect(Codec::Vp8, data, false, None) else { return };
    check_prefix(Codec::Vp8, data, &ours);
    let mut theirs = Vp8Packet::default();
    let Ok(frame) = theirs.depacketize(&Bytes::copy_from_slice(data)) else { return };
    let starts = theirs.s == 1 && theirs.pid == 0;
    assert_eq!(ours.starts_frame, starts);
    assert_eq!(ours.starts_keyframe, starts && frame[0] & 1 == 0);
    let FrameNumbers::Vp8 { picture_id, tl0 } = ours.numbers else { panic!("of another codec") };
    assert_eq!(picture_id.map(value), (theirs.i == 1).then_some(theirs.picture_id));
    assert_eq!(tl0, (theirs.l == 1).then_some(theirs.tl0_pic_idx));
    assert_eq!((ours.layer.temporal, ours.temporal_switch_up), (theirs.tid, theirs.y == 1));
    if ours.starts_keyframe && frame.get(3..6) == Some(&[0x9d, 0x01, 0x2a]) && frame.len() >= 10 {
        let size = |at: usize| u16::from_le_bytes([frame[at], frame[at + 1]]) & 0x3fff;
        assert_eq!(ours.height, Some((size(6), size(8))));
    }
}

/// VP9: the descriptor as the `rtp` crate reads it, and a rewrite that changes the numbers alone.
///
/// # Panics
/// Where that is not so.
pub fn check_vp9(data: &[u8]) {
    let Ok(ours) = inspect(Codec::Vp9, data, false, None) else { return };
    check_prefix(Codec::Vp9, data, &ours);
    let mut theirs = Vp9Packet::default();
    // It takes five spatial layers at most, and two references instead of three.
    let Ok(_) = theirs.depacketize(&Bytes::copy_from_slice(data)) else { return };
    assert_eq!(ours.starts_frame, theirs.b);
    assert_eq!(ours.starts_keyframe, theirs.b && !theirs.p && theirs.sid == 0);
    assert_eq!((ours.layer.spatial, ours.layer.temporal), (theirs.sid, theirs.tid));
    assert_eq!(ours.temporal_switch_up, theirs.u);
    let FrameNumbers::Vp9 { picture_id, tl0 } = ours.numbers else { panic!("of another codec") };
    assert_eq!(picture_id.map(value), theirs.i.then_some(theirs.picture_id));
    assert_eq!(tl0, (theirs.l && !theirs.f).then_some(theirs.tl0picidx));
    let mut sizes = theirs.width.iter().copied().zip(theirs.height.iter().copied());
    assert_eq!(ours.height, sizes.next_back());
}

/// H264: units as the `rtp` crate cuts them, and what each starts.
///
/// # Panics
/// Where that is not so.
pub fn check_h264(data: &[u8]) {
    let Ok(ours) = inspect(Codec::H264, data, false, None) else { return };
    assert!(ours.starts_frame || !ours.starts_keyframe);
    let mut packet = data.to_vec();
    let is_fragment = data[0] & 0x1f == 28;
    if is_fragment {
        if data[1] & 0x80 == 0 {
            assert!(!ours.starts_frame, "not the first fragment");
            return;
        }
        // Complete, so that the library gives it out.
        packet[1] |= 0x40;
    }
    let mut library = H264Packet::default();
    library.is_avc = true;
    let Ok(units) = library.depacketize(&Bytes::from(packet)) else { return };
    let (mut starts_frame, mut starts_keyframe) = (false, false);
    let mut rest = units.as_ref();
    while let Some((length, after)) = rest.split_first_chunk::<4>() {
        let length = usize::try_from(u32::from_be_bytes(*length)).expect("64 bits");
        let (unit, after) = after.split_at(if is_fragment { after.len() } else { length });
        rest = after;
        let Some((header, body)) = unit.split_first() else { continue };
        // H.264, table 7-1: slices, SEI, parameter sets, delimiter.
        match header & 0x1f {
            1 | 5 => starts_frame |= body.first().is_some_and(|byte| byte & 0x80 != 0),
            6 | 8 | 9 => starts_frame = true,
            7 => (starts_frame, starts_keyframe) = (true, true),
            _ => {}
        }
    }
    assert_eq!((ours.starts_frame, ours.starts_keyframe), (starts_frame, starts_keyframe));
}

/// AV1: the first OBU element says the same with its length and without, alone and in front of another.
///
/// # Panics
/// Where that is not so.
pub fn check_av1(data: &[u8]) {
    let _any = inspect(Codec::Av1, data, false, None);
    let Some((&flags, element)) = data.split_first() else { return };
    let element = &element[..element.len().min(16_000)];
    let new_sequence = flags & 0x08;
    let whole = [&[0x10 | new_sequence], element].concat();
    let length = if element.len() < 128 {
        vec![u8::try_from(element.len()).expect("short")]
    } else {
        let [high, low] = u16::try_from(element.len()).expect("short").to_be_bytes();
        vec![0x80 | low & 0x7f, high << 1 | low >> 7]
    };
    let counted = [&[new_sequence], length.as_slice(), element].concat();
    let in_front = [&[0x20 | new_sequence], length.as_slice(), element, &[0x30, 0x00]].concat();
    let expected = inspect(Codec::Av1, &whole, true, None);
    assert_eq!(inspect(Codec::Av1, &counted, true, None), expected);
    assert_eq!(inspect(Codec::Av1, &in_front, true, None), expected);
    if let Ok(info) = expected {
        assert!(info.starts_frame || !info.starts_keyframe);
        assert_eq!(info.starts_keyframe, new_sequence != 0 || obu_type(element) == Some(1));
        // The rest of an OBU starts nothing, whatever its bytes.
        let rest = inspect(Codec::Av1, &[&[0x90], element].concat(), true, None);
        assert!(rest.is_ok_and(|info| !info.starts_frame));
    }
}

fn obu_type(element: &[u8]) -> Option<u8> {
    element.first().map(|header| header >> 3 & 0x0f)
}

/// RED: the primary block is what lies behind the blocks that were put in front of it (RFC 2198, section 3).
///
/// # Panics
/// Where that is not so.
pub fn check_red(data: &[u8]) {
    if let Ok(primary) = opus::primary(data) {
        assert!(data.ends_with(primary));
    }
    let mut out = [0; 64];
    if let Some(headers) = opus::renumber(data, (111, 96), &mut out) {
        assert!(headers <= data.len());
    }
    let mut supply = Supply::new(data);
    let (mut headers, mut blocks) = (Vec::new(), Vec::new());
    for _ in 0..supply.byte() % 8 {
        let length = usize::from(supply.byte());
        let block = supply.slice(length);
        let offset = supply.short() & 0x3fff;
        let length = u32::try_from(block.len()).expect("short");
        let header = u32::from(0x80 | 111_u8) << 24 | u32::from(offset) << 10 | length;
        headers.extend(header.to_be_bytes());
        blocks.extend(block);
    }
    headers.push(111);
    let primary = supply.rest();
    let packet = [headers.as_slice(), blocks.as_slice(), primary].concat();
    assert_eq!(opus::primary(&packet), Ok(primary));
    // Nothing but the number of each block changes, there and back.
    assert_eq!(opus::renumber(&packet, (111, 96), &mut out), Some(headers.len()));
    let changed = [&out[..headers.len()], &packet[headers.len()..]].concat();
    assert_eq!(opus::primary(&changed), Ok(primary));
    assert_eq!(opus::renumber(&changed, (96, 111), &mut out), Some(headers.len()));
    assert_eq!(out[..headers.len()], packet[..headers.len()]);
    assert!(inspect(Codec::Red, &packet, false, None).is_ok_and(|info| info.starts_keyframe));
}

/// The dependency descriptor: a rewrite changes the frame number alone, and what it says of the frame counts beside AV1.
///
/// # Panics
/// Where that is not so.
pub fn check_descriptor(data: &[u8]) {
    let Ok(ours) = Descriptor::parse(data) else {
        assert!(data.len() < 3);
        return;
    };
    assert_eq!(ours.frame_number, be16(data, 1));
    let rewrite =
        Rewrite { frame_number: ours.frame_number.wrapping_add(0x1234), ..Rewrite::default() };
    let mut out = vec![0; data.len()];
    assert_eq!(rewrite_descriptor(data, &rewrite, None, &mut out), data.len());
    let again = Descriptor::parse(&out).expect("still one");
    assert_eq!(again, Descriptor { frame_number: rewrite.frame_number, ..ours });
    assert_eq!((out[0], &out[3..]), (data[0], &data[3..]));
    assert_eq!(rewrite_descriptor(data, &rewrite, None, &mut out[1..]), 0);
    check_template(data);
    if let Ok(info) = inspect(Codec::Av1, &[0x10, 0x30], false, Some(data)) {
        assert_eq!(info.starts_frame, ours.starts_frame);
        assert_eq!(info.frame_number, Some(ours.frame_number));
    }
}

/// What a descriptor with a structure says of its frame, beside the oracle's reading.
fn check_template(data: &[u8]) {
    let read = Frames::default().read(Codec::Av1, &[0x10, 0x30], false, Some(data));
    let Ok((info, place)) = read else { return };
    let theirs = Theirs::read(data, None);
    let template = theirs.as_ref().and_then(|theirs| {
        let structure = theirs.structure.as_ref()?;
        Some((theirs, structure, structure.template(theirs.template_id)?))
    });
    let Some(place) = place else { return };
    let (theirs, structure, template) = template.expect("ours knows its frame");
    assert_eq!((info.layer.spatial, info.layer.temporal), (template.spatial, template.temporal));
    assert_eq!(place.ends, theirs.ends);
    let needs =
        theirs.differences(structure).expect("known").iter().fold(0, |needs, back| {
            needs | if u32::from(*back) < REACH { 1 << back } else { OLDER }
        });
    assert_eq!(place.needs, needs);
}

fn value(id: PictureId) -> u16 {
    match id {
        PictureId::Short(id) => id.into(),
        PictureId::Long(id) => id,
    }
}

/// The payload with new numbers says the same but for them.
fn check_prefix(codec: Codec, payload: &[u8], info: &PacketInfo) {
    let rewrite = Rewrite { picture_id: 0x1234, tl0: 0x56, ..Rewrite::default() };
    let mut out = [0; Prefix::MAX];
    let Prefix { written, consumed } = Beginning::new(codec, payload).write(&rewrite, &mut out);
    let again = [&out[..written], &payload[consumed..]].concat();
    let found = inspect(codec, &again, false, None).expect("still readable");
    let (picture_id, tl0) = (found.numbers.picture_id(), found.numbers.tl0());
    assert_eq!(picture_id, info.numbers.picture_id().map(|_| PictureId::Long(0x1234)));
    assert_eq!(tl0, info.numbers.tl0().map(|_| 0x56));
    assert_eq!(PacketInfo { numbers: info.numbers, ..found }, *info);
}
