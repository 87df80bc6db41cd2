//! VP9 as a depacketizer reads it (RFC 9628, section 4.2): every layer frame of a picture whole, and every picture it
//! needs forwarded before, by its own references in flexible mode, else by the picture group of the last structure.

use std::collections::VecDeque;

use super::decoder::{DECODED_MAX, Whole, stamp_of};
use crate::packet::Rtp;

/// A payload descriptor.
#[derive(Clone, Debug, Default, Eq, PartialEq)]
pub struct Descriptor {
    /// P: the frame needs frames of other pictures.
    pub inter: bool,
    /// F.
    pub flexible: bool,
    /// B.
    pub starts: bool,
    /// E.
    pub ends: bool,
    /// Z: no upper spatial layer needs it.
    pub is_not_needed_above: bool,
    /// 7 or 15 bits.
    pub picture_id: u16,
    /// TID.
    pub temporal: u8,
    /// U.
    pub is_switching_point: bool,
    /// SID.
    pub spatial: u8,
    /// D: it needs the spatial layer below.
    pub needs_below: bool,
    /// Counts pictures of the lowest temporal layer; none in flexible mode.
    pub tl0_picture: Option<u8>,
    /// P_DIFF, of flexible mode.
    pub differences: Vec<u16>,
    /// The scalability structure: a group's pictures, none in flexible mode.
    pub structure: Option<Vec<GroupPicture>>,
    /// Bytes it takes.
    pub length: usize,
}

/// A picture of a picture group.
#[derive(Clone, Debug, Eq, PartialEq)]
pub struct GroupPicture {
    temporal: u8,
    is_switching_point: bool,
    differences: Vec<u16>,
}

impl Descriptor {
    /// Reads the descriptor of a payload; `None` where it is cut short, or has no picture id or layer, which every
    /// encoder here writes.
    #[must_use]
    pub fn read(payload: &[u8]) -> Option<Self> {
        let mut rest = payload.iter().copied();
        let first = rest.next()?;
        let has = |bit: u8| first >> bit & 1 == 1;
        if !has(7) || !has(5) {
            return None;
        }
        let high = rest.next()?;
        let picture_id = if high & 0x80 == 0 {
            u16::from(high)
        } else {
            u16::from_be_bytes([high & 0x7f, rest.next()?])
        };
        let layer = rest.next()?;
        let mut descriptor = Self {
            inter: has(6),
            flexible: has(4),
            starts: has(3),
            ends: has(2),
            is_not_needed_above: has(0),
            picture_id,
            temporal: layer >> 5,
            is_switching_point: layer >> 4 & 1 == 1,
            spatial: layer >> 1 & 7,
            needs_below: layer & 1 == 1,
            ..Self::default()
        };
        if !descriptor.flexible {
            descriptor.tl0_picture = Some(rest.next()?);
        }
        if descriptor.flexible && descriptor.inter {
            loop {
                let difference = rest.next()?;
                descriptor.differences.push(u16::from(difference >> 1));
                if difference & 1 == 0 {
                    break;
                }
            }
        }
        if has(1) {
            descriptor.structure = Some(structure(&mut rest)?);
        }
        descriptor.length = payload.len() - rest.count();
        Some(descriptor)
    }
}

fn structure(rest: &mut impl Iterator<Item = u8>) -> Option<Vec<GroupPicture>> {
    let first = rest.next()?;
    if first & 0x10 != 0 {
        for _ in 0..4 * (usize::from(first >> 5) + 1) {
            rest.next()?;
        }
    }
    let mut group = Vec::new();
    if first & 0x08 != 0 {
        for _ in 0..rest.next()? {
            let picture = rest.next()?;
            let differences = (0..picture >> 2 & 3).map(|_| rest.next().map(u16::from));
            group.push(GroupPicture {
                temporal: picture >> 5,
                is_switching_point: picture >> 4 & 1 == 1,
                differences: differences.collect::<Option<Vec<u16>>>()?,
            });
        }
    }
    Some(group)
}

/// What came before.
#[derive(Clone, Debug, Default)]
pub struct Reader {
    /// Picture id and TL0PICIDX of the last picture.
    last: Option<(u16, Option<u8>)>,
    /// The last few since the last keyframe, each with its spatial layers.
    forwarded: VecDeque<(u16, Vec<u8>)>,
    /// The group of the last structure, and the picture that carried it.
    group: Vec<GroupPicture>,
    group_start: u16,
}

impl Reader {
    /// Puts a picture together from its packets, the last of which has the marker.
    ///
    /// # Errors
    /// What a depacketizer or a decoder would choke on.
    pub fn read(&mut self, packets: &[Rtp]) -> Result<Whole, String> {
        let descriptors: Vec<Descriptor> = packets
            .iter()
            .map(|packet| Descriptor::read(&packet.payload).ok_or("a descriptor cannot be read"))
            .collect::<Result<_, _>>()?;
        let first = descriptors.first().cloned().ok_or("no packet")?;
        let number = |next: &Descriptor| (next.picture_id, next.tl0_picture, next.temporal);
        if descriptors.iter().any(|next| number(next) != number(&first)) {
            return Err("it is two pictures".to_owned());
        }
        let frames = frames(packets, &descriptors)?;
        let is_key = !first.inter;
        if let Some(group) = first.structure.clone() {
            (self.group, self.group_start) = (group, first.picture_id);
        } else if is_key {
            return Err("a keyframe without its structure".to_owned());
        }
        let mut stamps = Vec::new();
        for (descriptor, frame) in &frames {
            // Bit 2 of a frame header, behind marker, profile and show_existing_frame: 0 in a keyframe.
            let (header, body) = frame.split_first().ok_or("an empty frame")?;
            if (header & 0x04 == 0) != (is_key && descriptor.spatial == 0) {
                return Err(format!("P is {} in front of {header:#x}", descriptor.inter));
            }
            if !is_key {
                self.check_references(descriptor)?;
            }
            stamps.push(stamp_of(body)?);
        }
        self.check_numbers(&first)?;
        if is_key {
            self.forwarded.clear();
        }
        let layers = frames.iter().map(|(descriptor, _)| descriptor.spatial).collect();
        self.forwarded.push_back((first.picture_id, layers));
        if self.forwarded.len() > DECODED_MAX {
            self.forwarded.pop_front();
        }
        self.last = Some((first.picture_id, first.tl0_picture));
        Ok(Whole { is_key, stamps })
    }

    fn check_references(&self, frame: &Descriptor) -> Result<(), String> {
        let differences = if frame.flexible {
            &frame.differences
        } else {
            let place = usize::from(frame.picture_id.wrapping_sub(self.group_start) & 0x7fff);
            let place = place.checked_rem(self.group.len()).ok_or("no picture group is known")?;
            let described = &self.group[place];
            let is = (frame.temporal, frame.is_switching_point);
            if is != (described.temporal, described.is_switching_point) {
                return Err(format!("TID and U are {is:?} at place {place} of its group"));
            }
            &described.differences
        };
        for difference in differences {
            let needed = frame.picture_id.wrapping_sub(*difference) & 0x7fff;
            let is_there = |(picture, layers): &(u16, Vec<u8>)| {
                *picture == needed && layers.contains(&frame.spatial)
            };
            if !self.forwarded.iter().any(is_there) {
                return Err(format!(
                    "layer {} of picture {} needs {needed}, which never came",
                    frame.spatial, frame.picture_id
                ));
            }
        }
        Ok(())
    }

    /// Picture ids go forward, if by different steps; TL0PICIDX with each picture of the lowest temporal layer, and only then.
    fn check_numbers(&self, next: &Descriptor) -> Result<(), String> {
        let Some((id, tl0)) = self.last else { return Ok(()) };
        let step = next.picture_id.wrapping_sub(id) & 0x7fff;
        if step == 0 || step >= 0x4000 {
            return Err(format!("the picture id goes from {id} to {}", next.picture_id));
        }
        if let (Some(from), Some(to)) = (tl0, next.tl0_picture) {
            let step = to.wrapping_sub(from);
            let is_right = if next.temporal == 0 { (1..0x80).contains(&step) } else { step == 0 };
            if !is_right {
                return Err(format!("TL0PICIDX goes from {from} to {to} at TID {}", next.temporal));
            }
        }
        Ok(())
    }
}

/// The layer frames of a picture, lowest first: each from B to E, none missing that the next one needs.
fn frames(packets: &[Rtp], all: &[Descriptor]) -> Result<Vec<(Descriptor, Vec<u8>)>, String> {
    let mut frames: Vec<(Descriptor, Vec<u8>)> = Vec::new();
    let mut is_open = false;
    for (packet, descriptor) in packets.iter().zip(all) {
        if descriptor.starts {
            let below = frames.last().map(|(below, _)| below);
            let spatial = descriptor.spatial;
            if is_open || below.is_some_and(|below| below.spatial >= spatial) {
                return Err(format!("layer {spatial} begins where it should not"));
            }
            let is_there =
                |below: &Descriptor| below.spatial + 1 == spatial && !below.is_not_needed_above;
            if descriptor.needs_below && !below.is_some_and(is_there) {
                return Err(format!("layer {spatial} needs one below, which is not there"));
            }
            frames.push((descriptor.clone(), Vec::new()));
        } else if !is_open {
            return Err("a layer frame begins in its middle".to_owned());
        }
        let (frame, bytes) = frames.last_mut().expect("one is open");
        if (frame.spatial, frame.inter) != (descriptor.spatial, descriptor.inter) {
            return Err("a layer frame is two".to_owned());
        }
        bytes.extend(&packet.payload[descriptor.length..]);
        is_open = !descriptor.ends;
    }
    if is_open { Err("the last layer frame has no end".to_owned()) } else { Ok(frames) }
}

/// Whether a packet is the first of a keyframe: B without P in the lowest layer.
#[must_use]
pub fn starts_keyframe(payload: &[u8]) -> bool {
    Descriptor::read(payload)
        .is_some_and(|descriptor| descriptor.starts && !descriptor.inter && descriptor.spatial == 0)
}

#[cfg(test)]
#[path = "vp9_tests.rs"]
mod tests;
