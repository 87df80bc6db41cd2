//! AV1 as a depacketizer reads it (AV1 RTP payload format, section 4.4): every OBU of a temporal unit whole, a coded video
//! sequence that begins with its header, and, by the dependency descriptor, every frame it needs forwarded before.

use std::collections::VecDeque;

use super::decoder::{DECODED_MAX, Whole, stamp_of};
use super::descriptor::{Descriptor, Structure};
use crate::packet::Rtp;

// Aggregation header: Z Y W W N.
const CONTINUES: u8 = 0x80;
const CONTINUED: u8 = 0x40;
const STARTS_SEQUENCE: u8 = 0x08;

// OBU types (AV1 specification, section 6.2.2).
const SEQUENCE_HEADER: u8 = 1;
const TEMPORAL_DELIMITER: u8 = 2;
const FRAME: u8 = 6;
const TILE_LIST: u8 = 8;

/// An OBU put together again.
#[derive(Clone, Debug, Eq, PartialEq)]
struct Unit {
    kind: u8,
    body: Vec<u8>,
}

/// What came before.
#[derive(Clone, Debug)]
pub struct Reader {
    descriptor_id: u8,
    /// Of the coded video sequence, where descriptors come beside it: then beside each packet.
    structure: Option<Structure>,
    /// The decode targets that can be decoded, as was told last.
    active: u32,
    /// The last few frame numbers since the last keyframe.
    forwarded: VecDeque<u16>,
    last: Option<u16>,
}

impl Reader {
    /// A reader of descriptors that come under this extension id.
    #[must_use]
    pub const fn new(descriptor_id: u8) -> Self {
        Self {
            descriptor_id,
            structure: None,
            active: u32::MAX,
            forwarded: VecDeque::new(),
            last: None,
        }
    }

    /// Puts a temporal unit together from its packets, the last of which has the marker: a frame, or one for each spatial layer.
    ///
    /// # Errors
    /// What a depacketizer or a decoder would choke on.
    pub fn read(&mut self, packets: &[Rtp]) -> Result<Whole, String> {
        let units = units(packets)?;
        let kinds: Vec<u8> = units.iter().map(|unit| unit.kind).collect();
        if kinds.iter().any(|kind| matches!(*kind, TEMPORAL_DELIMITER | TILE_LIST)) {
            return Err(format!("an OBU that must not be sent is among {kinds:?}"));
        }
        let (is_key, frames) = match units.as_slice() {
            [header, frames @ ..] if header.kind == SEQUENCE_HEADER => (true, frames),
            frames => (false, frames),
        };
        if frames.is_empty() || frames.iter().any(|frame| frame.kind != FRAME) {
            return Err(format!("no temporal unit of an encoder here: {kinds:?}"));
        }
        let starts = starts_keyframe(&packets[0].payload);
        if starts != is_key {
            return Err(format!("N is {starts} in front of {kinds:?}"));
        }
        let mut stamps = Vec::new();
        for (place, frame) in frames.iter().enumerate() {
            // show_existing_frame 0, frame_type (KEY_FRAME 0, INTER_FRAME 1), show_frame 1.
            let (header, body) = frame.body.split_first().ok_or("an empty frame")?;
            if header >> 4 != if is_key && place == 0 { 0b0001 } else { 0b0011 } {
                return Err(format!("a frame header of {header:#x} among {kinds:?}"));
            }
            stamps.push(stamp_of(body)?);
        }
        self.read_descriptors(packets, is_key, frames.len())?;
        Ok(Whole { is_key, stamps })
    }

    fn read_descriptors(
        &mut self,
        packets: &[Rtp],
        is_key: bool,
        frames: usize,
    ) -> Result<(), String> {
        let data: Vec<&[u8]> =
            packets.iter().filter_map(|packet| packet.extension(self.descriptor_id)).collect();
        let expected = if is_key { !data.is_empty() } else { self.structure.is_some() };
        if is_key {
            self.structure = None;
            self.forwarded.clear();
        }
        if !expected && data.is_empty() {
            return Ok(());
        }
        if data.len() != packets.len() {
            return Err(format!("{} of {} packets have a descriptor", data.len(), packets.len()));
        }
        let mut described: Vec<Descriptor> = Vec::new();
        let mut is_open = false;
        for (place, data) in data.iter().enumerate() {
            let next = Descriptor::read(data, self.structure.as_ref());
            let next = next.ok_or("a descriptor cannot be read")?;
            if next.structure.is_some() != (is_key && place == 0) {
                let has = next.structure.is_some();
                return Err(format!("structure: {has}, packet {place}, keyframe: {is_key}"));
            }
            if next.structure.is_some() {
                self.active = u32::MAX;
            }
            self.structure = next.structure.clone().or_else(|| self.structure.take());
            self.active = next.active.unwrap_or(self.active);
            if next.starts == is_open {
                return Err(format!("packet {place}: {next:?}"));
            }
            is_open = !next.ends;
            match described.last() {
                Some(first) if !next.starts => {
                    let number = |it: &Descriptor| (it.frame_number, it.template_id);
                    if number(&next) != number(first) {
                        return Err(format!("two frames: {first:?}, {next:?}"));
                    }
                }
                Some(_) | None => described.push(next),
            }
        }
        if is_open || described.len() != frames {
            return Err(format!("{frames} frames, by their descriptors {described:?}"));
        }
        self.check_targets(&described, is_key)?;
        self.check_chain(&described)?;
        described.iter().try_for_each(|frame| self.check_frame(frame))
    }

    /// Every frame is of use for an active decode target; a keyframe comes in as many sizes as these need.
    fn check_targets(&self, described: &[Descriptor], is_key: bool) -> Result<(), String> {
        let structure = self.structure.as_ref().ok_or("no structure is known")?;
        let useless = described.iter().find(|it| !structure.is_needed(it.template_id, self.active));
        if let Some(frame) = useless {
            return Err(format!("of use for none of {:b}: {frame:?}", self.active));
        }
        let sizes = described.iter().filter_map(|it| structure.template(it.template_id));
        let (largest, told) = (sizes.map(|it| it.spatial).max(), structure.highest(self.active));
        if is_key && largest != told {
            return Err(format!(
                "a keyframe up to {largest:?}, of {:b} told: {told:?}",
                self.active
            ));
        }
        Ok(())
    }

    /// The chain of the highest layer that is sent has no frame missing: with one that began with this temporal unit, or with
    /// one whose last frame before it was forwarded (section A.4's purpose of chains).
    fn check_chain(&self, described: &[Descriptor]) -> Result<(), String> {
        let structure = self.structure.as_ref().ok_or("no structure is known")?;
        let (first, top) = match described {
            [first, .., top] => (first, top),
            [only] => (only, only),
            [] => return Err("no frame".to_owned()),
        };
        let spatial = structure.template(top.template_id).ok_or("no such template")?.spatial;
        let Some(difference) = first.chain_difference(structure, spatial) else { return Ok(()) };
        let last = first.frame_number.wrapping_sub(difference);
        if difference > 0 && !self.forwarded.contains(&last) {
            return Err(format!("frame {last} of the chain of layer {spatial} never came"));
        }
        Ok(())
    }

    fn check_frame(&mut self, frame: &Descriptor) -> Result<(), String> {
        let number = frame.frame_number;
        if let Some(last) = self.last
            && number.wrapping_sub(last).cast_signed() <= 0
        {
            return Err(format!("the frame number goes from {last} to {number}"));
        }
        let differences =
            self.structure.as_ref().and_then(|structure| frame.differences(structure));
        for difference in differences.ok_or("no such template")? {
            let needed = number.wrapping_sub(*difference);
            if !self.forwarded.contains(&needed) {
                return Err(format!("frame {number} needs {needed}, which never came"));
            }
        }
        self.forwarded.push_back(number);
        if self.forwarded.len() > DECODED_MAX {
            self.forwarded.pop_front();
        }
        self.last = Some(number);
        Ok(())
    }
}

/// Whether a packet is the first of a coded video sequence: N.
#[must_use]
pub fn starts_keyframe(payload: &[u8]) -> bool {
    payload.first().is_some_and(|header| header & STARTS_SEQUENCE != 0)
}

/// The OBUs of a temporal unit. Only its first packet may have N.
fn units(packets: &[Rtp]) -> Result<Vec<Unit>, String> {
    let mut units: Vec<Vec<u8>> = Vec::new();
    let mut is_open = false;
    for (place, packet) in packets.iter().enumerate() {
        let (header, rest) = packet.payload.split_first().ok_or("an empty payload")?;
        if header & 0x07 != 0 {
            return Err(format!("reserved bits are set in {header:#x}"));
        }
        if header & STARTS_SEQUENCE != 0 && place > 0 {
            return Err("a coded video sequence begins inside a temporal unit".to_owned());
        }
        if (header & CONTINUES != 0) != is_open {
            return Err(format!("Z is {} after Y was {is_open}", header & CONTINUES != 0));
        }
        for (place, element) in elements(*header, rest)?.into_iter().enumerate() {
            match units.last_mut() {
                Some(open) if is_open && place == 0 => open.extend(element),
                Some(_) | None => units.push(element.to_vec()),
            }
        }
        is_open = header & CONTINUED != 0;
    }
    if is_open {
        return Err("the last OBU has no end".to_owned());
    }
    units.iter().map(|unit| Unit::read(unit)).collect()
}

/// The OBU elements of a packet: W says how many there are, of which the last has no length; 0 that all have one.
fn elements(header: u8, mut rest: &[u8]) -> Result<Vec<&[u8]>, String> {
    let count = usize::from(header >> 4 & 3);
    let mut elements = Vec::new();
    while !rest.is_empty() {
        if count > 0 && elements.len() + 1 == count {
            elements.push(rest);
            return Ok(elements);
        }
        let (size, used) = leb128(rest).ok_or("a length is cut short")?;
        elements.push(rest.get(used..used + size).ok_or("an element is cut short")?);
        rest = &rest[used + size..];
    }
    if count > 0 || elements.is_empty() {
        return Err(format!("W is {count} with {} elements", elements.len()));
    }
    Ok(elements)
}

/// AV1 specification, section 4.10.5: the value, and the bytes it takes.
fn leb128(bytes: &[u8]) -> Option<(usize, usize)> {
    let mut value = 0;
    for (place, byte) in bytes.iter().take(8).enumerate() {
        value |= usize::from(byte & 0x7f) << (7 * place);
        if byte & 0x80 == 0 {
            return Some((value, place + 1));
        }
    }
    None
}

impl Unit {
    /// Section 5.3 of the AV1 specification; sizes inside OBUs should not be sent (section 4.4 of the payload format).
    fn read(unit: &[u8]) -> Result<Self, String> {
        let header = *unit.first().ok_or("an empty OBU")?;
        if header & 0x80 != 0 || header & 0x02 != 0 {
            return Err(format!("an OBU header of {header:#x}"));
        }
        let begins = if header & 0x04 != 0 { 2 } else { 1 };
        let body = unit.get(begins..).ok_or("an OBU is cut short")?;
        Ok(Self { kind: header >> 3 & 0x0f, body: body.to_vec() })
    }
}

#[cfg(test)]
#[path = "av1_tests.rs"]
mod tests;
