//! VP9 by RFC 9628, section 4.2: two spatial layers in each picture, the upper one predicted from the lower one, and two
//! temporal ones. In flexible mode each frame names what it needs; otherwise the structure in front of a keyframe does.

use tools::simnet::random::Random;

use super::{PAYLOAD_MAX, Payload, Picture};
use crate::client::stamp::Stamp;

/// The numbers of one stream.
#[derive(Clone, Copy, Debug)]
pub struct Packetizer {
    flexible: bool,
    picture_id: u16,
    tl0_picture: u8,
}

/// A packet's place in its picture.
#[derive(Clone, Copy, Debug)]
struct Place {
    spatial: u8,
    starts: bool,
    ends: bool,
}

// First byte: I P L F B E V Z.
const HAS_PICTURE_ID: u8 = 0x80;
const HAS_LAYER: u8 = 0x20;

/// The upper spatial layer.
const UPPER: u8 = 1;

/// The lower spatial layer's part of a picture's bytes.
const LOWER_PART: usize = 4;

impl Packetizer {
    pub(super) fn new(flexible: bool, random: &mut Random) -> Self {
        let [picture_high, picture_low, tl0_picture, ..] = random.next().to_be_bytes();
        let picture_id = u16::from_be_bytes([picture_high, picture_low]) & 0x7fff;
        Self { flexible, picture_id, tl0_picture }
    }

    pub(super) fn payloads(&mut self, picture: &Picture) -> Vec<Payload> {
        if !picture.is_odd {
            self.tl0_picture = self.tl0_picture.wrapping_add(1);
        }
        let mut payloads = Vec::new();
        for spatial in 0..=UPPER {
            let frame = frame(picture, spatial);
            let count = frame.chunks(PAYLOAD_MAX).len();
            for (place, chunk) in frame.chunks(PAYLOAD_MAX).enumerate() {
                let place = Place { spatial, starts: place == 0, ends: place + 1 == count };
                let mut bytes = self.descriptor(picture, place);
                bytes.extend(chunk);
                payloads.push(Payload::plain(bytes));
            }
        }
        self.picture_id = (self.picture_id + 1) & 0x7fff;
        payloads
    }

    fn descriptor(&self, picture: &Picture, place: Place) -> Vec<u8> {
        let is_upper = place.spatial == UPPER;
        let has_structure = picture.is_key() && !is_upper && place.starts;
        let first = HAS_PICTURE_ID
            | HAS_LAYER
            | u8::from(!picture.is_key()) << 6
            | u8::from(self.flexible) << 4
            | u8::from(place.starts) << 3
            | u8::from(place.ends) << 2
            | u8::from(has_structure) << 1
            | u8::from(is_upper);
        let [id_high, id_low] = self.picture_id.to_be_bytes();
        // TID, U (nothing of the upper temporal layer is ever needed, whatever comes before), SID, D.
        let odd = u8::from(picture.is_odd);
        let layer = odd << 5 | 1 << 4 | place.spatial << 1 | u8::from(is_upper);
        let mut descriptor = vec![first, 0x80 | id_high, id_low, layer];
        if !self.flexible {
            descriptor.push(self.tl0_picture);
        } else if let Some(needs) = picture.needs {
            // P_DIFF in seven bits, and no other reference.
            descriptor.push(u8::try_from(picture.number - needs).expect("two at most") << 1);
        }
        if has_structure {
            descriptor.extend(self.structure(picture.pixels));
        }
        descriptor
    }

    /// N_S, Y and G; two sizes; and but for flexible mode a group of two pictures: TID 0 with U that needs what is two before it,
    /// TID 1 with U that needs the one before it.
    fn structure(&self, (width, height): (u16, u16)) -> Vec<u8> {
        let mut structure = vec![UPPER << 5 | 0x10 | u8::from(!self.flexible) << 3];
        for (width, height) in [(width / 2, height / 2), (width, height)] {
            structure.extend(width.to_be_bytes());
            structure.extend(height.to_be_bytes());
        }
        if !self.flexible {
            structure.extend([2, 0b0001_0100, 2, 0b0011_0100, 1]);
        }
        structure
    }
}

/// Frame marker, profile 0, frame type (0 where nothing else is needed), show_frame; then the stamp.
fn frame(picture: &Picture, spatial: u8) -> Vec<u8> {
    let size = picture.size / LOWER_PART;
    let size = if spatial == UPPER { picture.size - size } else { size };
    let is_key = picture.is_key() && spatial == 0;
    let mut frame = vec![0x82 | u8::from(!is_key) << 2];
    let stamp = Stamp { needs_below: spatial == UPPER, ..picture.stamp(spatial) };
    frame.extend(stamp.fill(size));
    frame
}
