//! VP8: payload descriptors by RFC 7741, section 4.2, frame headers by RFC 6386, section 9.1.

use tools::simnet::random::Random;

use super::{PAYLOAD_MAX, Payload, Picture};
use crate::client::stamp::Stamp;

/// The numbers of one encoding.
#[derive(Clone, Copy, Debug)]
pub struct Packetizer {
    picture_id: u16,
    tl0_picture: u8,
}

impl Packetizer {
    pub(super) fn new(random: &mut Random) -> Self {
        let [picture_high, picture_low, tl0_picture, ..] = random.next().to_be_bytes();
        let picture_id = u16::from_be_bytes([picture_high, picture_low]) & 0x7fff;
        Self { picture_id, tl0_picture }
    }

    pub(super) fn payloads(&mut self, picture: &Picture) -> Vec<Payload> {
        if !picture.is_odd {
            self.tl0_picture = self.tl0_picture.wrapping_add(1);
        }
        let frame = frame(picture);
        let payload = |(place, chunk): (usize, &[u8])| {
            let mut bytes = self.descriptor(place == 0, picture.is_odd);
            bytes.extend(chunk);
            Payload::plain(bytes)
        };
        let payloads = frame.chunks(PAYLOAD_MAX).enumerate().map(payload).collect();
        self.picture_id = (self.picture_id + 1) & 0x7fff;
        payloads
    }

    /// X and I, L, T set, K not; N on odd frames, which nothing needs; a picture id of 15 bits.
    fn descriptor(&self, starts: bool, is_odd: bool) -> Vec<u8> {
        let [id_high, id_low] = self.picture_id.to_be_bytes();
        let first = 0x80 | (u8::from(is_odd) << 5) | (u8::from(starts) << 4);
        let temporal = (u8::from(is_odd) << 6) | 0x20;
        vec![first, 0b1110_0000, 0x80 | id_high, id_low, self.tl0_picture, temporal]
    }
}

/// A frame header, then the stamp. The first partition is said to reach to the end.
fn frame(picture: &Picture) -> Vec<u8> {
    let header = if picture.is_key() { 10 } else { 3 };
    let length = picture.size.saturating_sub(header).max(Stamp::LENGTH);
    let body = picture.stamp(picture.encoding).fill(length);
    let partition = u32::try_from(body.len()).expect("a frame is short");
    let tag = (partition << 5) | 0x10 | u32::from(!picture.is_key());
    let [low, middle, high, _] = tag.to_le_bytes();
    let mut frame = vec![low, middle, high];
    if picture.is_key() {
        let (width, height) = picture.pixels;
        frame.extend([0x9d, 0x01, 0x2a]);
        frame.extend(width.to_le_bytes());
        frame.extend(height.to_le_bytes());
    }
    frame.extend(body);
    frame
}
