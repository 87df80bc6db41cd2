//! A VP8 decoder of synthetic frames: it decodes nothing, but knows what a decoder would need.

use std::collections::BTreeSet;

use crate::client::stamp::Stamp;
use crate::packet::Rtp;

/// The fields of a payload descriptor that must continue (RFC 7741, section 4.2).
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub struct Descriptor {
    /// The packet begins a partition 0: the frame.
    pub starts: bool,
    /// 15 bits.
    pub picture_id: Option<u16>,
    /// Counts frames of the lowest temporal layer.
    pub tl0_picture: Option<u8>,
    /// Temporal layer.
    pub temporal: u8,
    /// Bytes it takes.
    pub length: usize,
}

impl Descriptor {
    /// Reads the descriptor of a payload; `None` where it is cut short.
    #[must_use]
    pub fn read(payload: &[u8]) -> Option<Self> {
        let first = *payload.first()?;
        let mut at = 1;
        let mut take = || {
            let byte = payload.get(at).copied();
            at += 1;
            byte
        };
        let mut descriptor = Self {
            starts: first & 0x17 == 0x10,
            picture_id: None,
            tl0_picture: None,
            temporal: 0,
            length: 0,
        };
        if first & 0x80 != 0 {
            let flags = take()?;
            if flags & 0x80 != 0 {
                let high = take()?;
                let is_long = high & 0x80 != 0;
                descriptor.picture_id = Some(if is_long {
                    u16::from_be_bytes([high & 0x7f, take()?])
                } else {
                    u16::from(high)
                });
            }
            if flags & 0x40 != 0 {
                descriptor.tl0_picture = Some(take()?);
            }
            if flags & 0x30 != 0 {
                descriptor.temporal = take()? >> 6;
            }
        }
        descriptor.length = at;
        Some(descriptor)
    }
}

/// Whether a packet begins a keyframe: S set, partition 0, and the P bit of the frame tag clear (RFC 6386, section 9.1).
#[must_use]
pub fn starts_keyframe(payload: &[u8]) -> bool {
    Descriptor::read(payload).is_some_and(|descriptor| {
        descriptor.starts && payload.get(descriptor.length).is_some_and(|tag| tag & 1 == 0)
    })
}

/// What a decoder holds.
#[derive(Debug, Default)]
pub struct Decoder {
    /// Publication and layer of the stream being decoded.
    current: Option<(u32, u8)>,
    /// Frames of it that were decoded. Only the last few can be needed.
    decoded: BTreeSet<u32>,
    last: Option<Descriptor>,
    last_timestamp: u32,
    /// Something was lost for good: only a keyframe helps.
    is_broken: bool,
}

/// How far back a frame may reach.
const DECODED_MAX: usize = 8;

impl Decoder {
    /// Whether nothing but a keyframe can be decoded.
    #[must_use]
    pub const fn waits_for_keyframe(&self) -> bool {
        self.is_broken
    }

    /// A packet is lost for good.
    pub fn lose(&mut self) {
        self.is_broken = true;
    }

    /// Decodes the packets of one frame, all of them and in order. `None` where it is skipped since something before it
    /// was lost on the way.
    ///
    /// # Errors
    /// What a decoder would choke on though nothing was lost: the server's fault.
    pub fn frame(&mut self, packets: &[Rtp]) -> Result<Option<Stamp>, String> {
        let descriptors: Vec<Descriptor> = packets
            .iter()
            .map(|packet| Descriptor::read(&packet.payload).ok_or("a descriptor is cut short"))
            .collect::<Result<_, _>>()?;
        let first = descriptors[0];
        let is_key = starts_keyframe(&packets[0].payload);
        if self.is_broken && !is_key {
            return Ok(None);
        }
        if !first.starts {
            return Err(format!("a frame begins in its middle, at {}", packets[0].sequence));
        }
        if !packets.last().is_some_and(|packet| packet.marker) {
            return Err(format!("the frame at {} ends without a marker", packets[0].sequence));
        }
        let is_one = descriptors.iter().all(|next| {
            (next.picture_id, next.tl0_picture) == (first.picture_id, first.tl0_picture)
        });
        if !is_one || descriptors[1..].iter().any(|next| next.starts) {
            return Err(format!("the frame at {} is two: {descriptors:?}", packets[0].sequence));
        }
        let stamp = stamp(packets, &descriptors, is_key)?;
        self.check_references(stamp, is_key)?;
        self.check_numbers(first, packets[0].timestamp)?;
        if is_key {
            self.decoded.clear();
            self.current = Some((stamp.publication, stamp.layer));
            self.is_broken = false;
        }
        self.decoded.insert(stamp.number);
        if self.decoded.len() > DECODED_MAX {
            self.decoded.pop_first();
        }
        self.last = Some(first);
        self.last_timestamp = packets[0].timestamp;
        Ok(Some(stamp))
    }

    fn check_references(&self, stamp: Stamp, is_key: bool) -> Result<(), String> {
        if is_key {
            return if stamp.needs.is_none() {
                Ok(())
            } else {
                Err(format!("a keyframe that needs another: {stamp:?}"))
            };
        }
        if self.current != Some((stamp.publication, stamp.layer)) {
            return Err(format!("{stamp:?} follows {:?} without a keyframe", self.current));
        }
        match stamp.needs {
            Some(needed) if self.decoded.contains(&needed) => Ok(()),
            Some(_) | None => {
                Err(format!("{stamp:?} needs what never came; decoded: {:?}", self.decoded))
            }
        }
    }

    /// Picture ids, the numbers of base frames, and timestamps go forward, if by different steps.
    fn check_numbers(&self, next: Descriptor, timestamp: u32) -> Result<(), String> {
        let Some(last) = self.last else { return Ok(()) };
        if timestamp.wrapping_sub(self.last_timestamp).cast_signed() <= 0 {
            return Err(format!("the timestamp goes from {} to {timestamp}", self.last_timestamp));
        }
        if let (Some(from), Some(to)) = (last.picture_id, next.picture_id) {
            let step = to.wrapping_sub(from) & 0x7fff;
            if step == 0 || step >= 0x4000 {
                return Err(format!("the picture id goes from {from} to {to}"));
            }
        }
        if let (Some(from), Some(to)) = (last.tl0_picture, next.tl0_picture) {
            let step = to.wrapping_sub(from);
            let is_right = if next.temporal == 0 { (1..0x80).contains(&step) } else { step < 0x80 };
            if !is_right {
                return Err(format!(
                    "TL0PICIDX goes from {from} to {to} in temporal layer {}",
                    next.temporal
                ));
            }
        }
        Ok(())
    }
}

/// The stamp of a frame, whose every byte must be as it was sent.
fn stamp(packets: &[Rtp], descriptors: &[Descriptor], is_key: bool) -> Result<Stamp, String> {
    let mut frame = Vec::new();
    for (packet, descriptor) in packets.iter().zip(descriptors) {
        frame.extend(packet.payload.get(descriptor.length..).unwrap_or_default());
    }
    let header = if is_key { 10 } else { 3 };
    let body = frame.get(header..).unwrap_or_default();
    Stamp::check(body)
        .ok_or_else(|| format!("the frame at {} was changed on the way", packets[0].sequence))
}

#[cfg(test)]
#[path = "vp8_tests.rs"]
mod tests;
