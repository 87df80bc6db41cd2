//! VP8 as a depacketizer reads it (RFC 7741): a picture's packets belong together, and its numbers go on.

use super::decoder::{Whole, stamp_of};
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

/// The numbers of the last picture.
#[derive(Clone, Copy, Debug, Default)]
pub struct Reader {
    last: Option<Descriptor>,
}

impl Reader {
    /// Puts a picture together from its packets, the last of which has the marker.
    ///
    /// # Errors
    /// What a depacketizer would choke on.
    pub fn read(&mut self, packets: &[Rtp]) -> Result<Whole, String> {
        let descriptors: Vec<Descriptor> = packets
            .iter()
            .map(|packet| Descriptor::read(&packet.payload).ok_or("a descriptor is cut short"))
            .collect::<Result<_, _>>()?;
        let first = descriptors[0];
        if !first.starts {
            return Err("it begins in its middle".to_owned());
        }
        let is_one = descriptors.iter().all(|next| {
            (next.picture_id, next.tl0_picture) == (first.picture_id, first.tl0_picture)
        });
        if !is_one || descriptors[1..].iter().any(|next| next.starts) {
            return Err(format!("it is two: {descriptors:?}"));
        }
        let mut frame = Vec::new();
        for (packet, descriptor) in packets.iter().zip(&descriptors) {
            frame.extend(packet.payload.get(descriptor.length..).unwrap_or_default());
        }
        let is_key = starts_keyframe(&packets[0].payload);
        let header = if is_key { 10 } else { 3 };
        let stamp = stamp_of(frame.get(header..).unwrap_or_default())?;
        self.check_numbers(first, is_key)?;
        self.last = Some(first);
        Ok(Whole { is_key, stamps: vec![stamp] })
    }

    /// Picture ids go forward one by one: libwebrtc takes a missing one for a lost picture, and waits for it. Only a keyframe may
    /// leave some out, and the numbers of base frames go forward by any steps.
    fn check_numbers(&self, next: Descriptor, is_key: bool) -> Result<(), String> {
        let Some(last) = self.last else { return Ok(()) };
        if let (Some(from), Some(to)) = (last.picture_id, next.picture_id) {
            let step = to.wrapping_sub(from) & 0x7fff;
            if step == 0 || step >= 0x4000 || step != 1 && !is_key {
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

#[cfg(test)]
mod tests {
    use super::*;

    /// RFC 7741, section 4.5.1's layouts: no extension at all, and a picture id of 7 bits.
    #[test]
    fn short_descriptors_are_read() {
        let plain = Descriptor::read(&[0x10, 0xaa]).expect("whole");
        assert_eq!((plain.starts, plain.picture_id, plain.length), (true, None, 1));
        let short = Descriptor::read(&[0x90, 0x80, 0x11, 0xaa]).expect("whole");
        assert_eq!((short.picture_id, short.length), (Some(0x11), 3));
        assert_eq!(Descriptor::read(&[0x90, 0x80]), None);
    }
}
