//! Pictures in three spatial and three temporal layers in one stream, as the modes `L3T3` and `L3T3_KEY` of the WebRTC-SVC
//! specification have them: VP9 by RFC 9628, AV1 with the dependency descriptor.
//!
//! Temporal layers come in the order 0 2 1 2. In `L3T3` each layer of a picture needs the one below it; in `L3T3_KEY` only those of a
//! keyframe do, so that between keyframes nobody needs more than one.

use tools::simnet::random::Random;

use super::{PAYLOAD_MAX, Payload, Picture, av1};
use crate::bits::BitWriter;
use crate::client::stamp::Stamp;
use crate::codec::Codec;

/// How the spatial layers of a picture depend on each other.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub enum Svc {
    /// `L3T3`. VP9 does not name what it needs (it is not in flexible mode).
    Full,
    /// `L3T3_KEY`. VP9 is in flexible mode, as in Chromium.
    Key,
}

/// The numbers of one stream.
#[derive(Clone, Copy, Debug)]
pub struct Packetizer {
    codec: Codec,
    svc: Svc,
    picture_id: u16,
    tl0_picture: u8,
    frame_number: u16,
    /// `template_id_offset`, another one in each coded video sequence.
    offset: u8,
}

/// A frame: one spatial layer of a picture.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
struct Frame {
    is_key: bool,
    /// The picture's place in the pattern of four.
    place: u32,
    spatial: u32,
}

/// How many spatial layers, and how many temporal ones.
const LAYERS: u32 = 3;
/// Temporal ids of the four places of the pattern.
const TEMPORAL: [u32; 4] = [0, 2, 1, 2];
/// How many pictures back those of each place reach.
const BACK: [u32; 4] = [4, 1, 2, 1];
/// Parts of a picture's bytes in each layer, of eight.
const PARTS: [usize; 3] = [1, 2, 5];
/// `decode_target_indication`.
const NOT_PRESENT: u32 = 0;
const DISCARDABLE: u32 = 1;
const SWITCH: u32 = 2;
const REQUIRED: u32 = 3;

/// How many pictures back the picture lies that one needs which comes so long after its keyframe.
#[must_use]
pub const fn back(since_key: u32) -> u32 {
    BACK[since_key as usize % BACK.len()]
}

impl Packetizer {
    pub(super) fn new(codec: Codec, svc: Svc, random: &mut Random) -> Self {
        let [a, b, c, d, tl0_picture, offset, ..] = random.next().to_be_bytes();
        Self {
            codec,
            svc,
            picture_id: u16::from_be_bytes([a, b]) & 0x7fff,
            tl0_picture,
            frame_number: u16::from_be_bytes([c, d]),
            offset: offset & 0x3f,
        }
    }

    pub(super) fn payloads(&mut self, picture: &Picture) -> Vec<Payload> {
        let is_key = picture.is_key();
        let place = picture.since_key % 4;
        if place == 0 {
            self.tl0_picture = self.tl0_picture.wrapping_add(1);
        }
        if is_key {
            self.offset = (self.offset + TEMPLATES_A_LAYER * 3) & 0x3f;
        }
        let mut payloads = Vec::new();
        for spatial in 0..LAYERS {
            let frame = Frame { is_key, place, spatial };
            payloads.extend(match self.codec {
                Codec::Vp9 => self.vp9(picture, frame),
                Codec::Av1 => self.av1(picture, frame),
                Codec::Vp8 | Codec::H264 => panic!("{:?} has no spatial layers", self.codec),
            });
            self.frame_number = self.frame_number.wrapping_add(1);
        }
        self.picture_id = (self.picture_id + 1) & 0x7fff;
        payloads
    }

    /// What stands in place of a frame's picture.
    fn body(self, picture: &Picture, frame: Frame) -> Vec<u8> {
        let layer = u8::try_from(frame.spatial).expect("three");
        let stamp = Stamp { needs_below: frame.needs_below(self.svc), ..picture.stamp(layer) };
        stamp.fill(picture.size * PARTS[usize::from(layer)] / 8)
    }

    fn vp9(self, picture: &Picture, frame: Frame) -> Vec<Payload> {
        // Frame marker, profile 0, frame type, show_frame.
        let is_intra = frame.is_key && frame.spatial == 0;
        let mut body = vec![0x82 | u8::from(!is_intra) << 2];
        body.extend(self.body(picture, frame));
        let count = body.chunks(PAYLOAD_MAX).len();
        let payload = |(place, chunk): (usize, &[u8])| {
            let mut bytes = self.vp9_descriptor(picture, frame, place == 0, place + 1 == count);
            bytes.extend(chunk);
            Payload::plain(bytes)
        };
        body.chunks(PAYLOAD_MAX).enumerate().map(payload).collect()
    }

    /// RFC 9628, section 4.2.
    fn vp9_descriptor(self, picture: &Picture, frame: Frame, starts: bool, ends: bool) -> Vec<u8> {
        let flexible = self.svc == Svc::Key;
        let has_structure = frame.is_key && frame.spatial == 0 && starts;
        let is_needed_above = frame.spatial + 1 < LAYERS && frame.needs_below_at(2, self.svc);
        // I P L F B E V Z.
        let first = 0xa0
            | u8::from(!frame.is_key) << 6
            | u8::from(flexible) << 4
            | u8::from(starts) << 3
            | u8::from(ends) << 2
            | u8::from(has_structure) << 1
            | u8::from(!is_needed_above);
        let [high, low] = self.picture_id.to_be_bytes();
        // TID, U (what comes later needs nothing of upper temporal layers from before), SID, D.
        let layer = frame.temporal() << 5
            | 1 << 4
            | frame.spatial << 1
            | u32::from(frame.needs_below(self.svc));
        let mut out = vec![first, 0x80 | high, low, u8::try_from(layer).expect("a byte")];
        if !flexible {
            out.push(self.tl0_picture);
        } else if !frame.is_key {
            out.push(u8::try_from(BACK[frame.place as usize]).expect("short") << 1);
        }
        if has_structure {
            // N_S, Y, G.
            out.push(2 << 5 | 0x10 | u8::from(!flexible) << 3);
            for (width, height) in sizes(picture.pixels) {
                out.extend(width.to_be_bytes());
                out.extend(height.to_be_bytes());
            }
            if !flexible {
                out.push(4);
                for (temporal, back) in TEMPORAL.into_iter().zip(BACK) {
                    // TID, U, one reference.
                    out.push(u8::try_from(temporal << 5 | 1 << 4 | 1 << 2).expect("a byte"));
                    out.push(u8::try_from(back).expect("short"));
                }
            }
        }
        out
    }

    fn av1(self, picture: &Picture, frame: Frame) -> Vec<Payload> {
        // A frame OBU with extension, no size; show_existing_frame 0, frame_type, show_frame 1.
        let extension = frame.temporal() << 5 | frame.spatial << 3;
        let header = if frame.is_key && frame.spatial == 0 { 0x10 } else { 0x30 };
        let mut obu = vec![0x34, u8::try_from(extension).expect("a byte"), header];
        obu.extend(self.body(picture, frame));
        let starts_sequence = frame.is_key && frame.spatial == 0;
        let mut units = Vec::new();
        if starts_sequence {
            units.push(av1::sequence_header(picture.pixels));
        }
        units.push(obu);
        let packets = av1::packets(&units, starts_sequence, picture.is_odd);
        let count = packets.len();
        let payload = |(place, bytes)| Payload {
            bytes,
            descriptor: Some(self.descriptor(picture, frame, place == 0, place + 1 == count)),
        };
        packets.into_iter().enumerate().map(payload).collect()
    }

    fn descriptor(self, picture: &Picture, frame: Frame, starts: bool, ends: bool) -> Vec<u8> {
        let template = frame.template();
        let mut out = BitWriter::default();
        out.bits(1, u32::from(starts)).bits(1, u32::from(ends));
        out.bits(6, u32::from((self.offset + template) & 0x3f));
        out.bits(16, u32::from(self.frame_number));
        if frame.is_key && frame.spatial == 0 && starts {
            out.bits(5, 0b10000);
            self.structure(&mut out, picture.pixels);
        }
        out.bytes()
    }

    /// Nine decode targets, fifteen templates, three chains.
    fn structure(self, out: &mut BitWriter, pixels: (u16, u16)) {
        out.bits(6, self.offset.into()).bits(5, LAYERS * LAYERS - 1);
        let templates: Vec<Frame> = (0..LAYERS).flat_map(templates).collect();
        for (place, frame) in templates.iter().enumerate() {
            out.bits(
                2,
                match templates.get(place + 1) {
                    None => 3,
                    Some(next) if next.spatial > frame.spatial => 2,
                    Some(next) if next.temporal() > frame.temporal() => 1,
                    Some(_) => 0,
                },
            );
        }
        for frame in &templates {
            for target in 0..LAYERS * LAYERS {
                out.bits(2, frame.indication(self.svc, target / LAYERS, target % LAYERS));
            }
        }
        for frame in &templates {
            for difference in frame.differences(self.svc) {
                out.bits(1, 1).bits(4, difference - 1);
            }
            out.bits(1, 0);
        }
        // chain_cnt of 0 to 9 in ns(10): 3 is `011`. Each target's chain in ns(3): 0, 10, 11.
        out.bits(3, 0b011).bits(3, 0).bits(6, 0b10_1010).bits(6, 0b11_1111);
        for frame in &templates {
            for chain in 0..LAYERS {
                out.bits(4, frame.chain_difference(self.svc, chain));
            }
        }
        out.bits(1, 1);
        for (width, height) in sizes(pixels) {
            out.bits(16, u32::from(width) - 1).bits(16, u32::from(height) - 1);
        }
    }
}

/// Keyframe, 0, 1, and 2 at both its places.
const TEMPLATES_A_LAYER: u8 = 5;

fn templates(spatial: u32) -> [Frame; TEMPLATES_A_LAYER as usize] {
    [(true, 0), (false, 0), (false, 2), (false, 1), (false, 3)].map(|(is_key, place)| Frame {
        is_key,
        place,
        spatial,
    })
}

fn sizes((width, height): (u16, u16)) -> [(u16, u16); 3] {
    [(width / 4, height / 4), (width / 2, height / 2), (width, height)]
}

impl Frame {
    const fn temporal(self) -> u32 {
        TEMPORAL[self.place as usize]
    }

    fn template(self) -> u8 {
        let own = templates(self.spatial).iter().position(|frame| *frame == self);
        let own = u8::try_from(own.expect("one of them")).expect("five");
        own + TEMPLATES_A_LAYER * u8::try_from(self.spatial).expect("three")
    }

    /// Whether a frame of its picture in an upper layer needs the one below it.
    const fn needs_below_at(self, spatial: u32, svc: Svc) -> bool {
        spatial > 0 && (self.is_key || matches!(svc, Svc::Full))
    }

    const fn needs_below(self, svc: Svc) -> bool {
        self.needs_below_at(self.spatial, svc)
    }

    fn differences(self, svc: Svc) -> Vec<u32> {
        let earlier = (!self.is_key).then_some(LAYERS * BACK[self.place as usize]);
        let below = self.needs_below(svc).then_some(1);
        earlier.into_iter().chain(below).collect()
    }

    const fn indication(self, svc: Svc, spatial: u32, temporal: u32) -> u32 {
        let is_above = spatial > self.spatial;
        if spatial < self.spatial
            || temporal < self.temporal()
            || is_above && !self.needs_below_at(spatial, svc)
        {
            NOT_PRESENT
        } else if is_above {
            if self.is_key { SWITCH } else { REQUIRED }
        } else if temporal == self.temporal() && temporal > 0 {
            DISCARDABLE
        } else {
            SWITCH
        }
    }

    /// How far back the last frame of a chain lies: chain n has the frames of temporal layer 0 that spatial layer n needs.
    const fn chain_difference(self, svc: Svc, chain: u32) -> u32 {
        let Self { is_key, place, spatial } = self;
        let all = is_key || matches!(svc, Svc::Full);
        if place == 0 && spatial > 0 && (all || chain < spatial) {
            // In the same picture: the highest one below that the chain has.
            return spatial - if chain < spatial { chain } else { spatial - 1 };
        }
        if is_key {
            return 0;
        }
        let pictures = if place == 0 { BACK[0] } else { place };
        LAYERS * pictures + spatial - chain
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::oracle::descriptor::Descriptor;

    /// libwebrtc's `scalability_structure_l3t3.cc`, for the lowest and the highest layer.
    #[test]
    fn indications_and_chains_are_those_of_libwebrtc() {
        let row = |is_key, place, spatial| {
            let frame = Frame { is_key, place, spatial };
            let letter = |target: u32| {
                char::from(b"-DSR"[frame.indication(Svc::Full, target / 3, target % 3) as usize])
            };
            let chains = [0, 1, 2].map(|chain| frame.chain_difference(Svc::Full, chain));
            ((0..9).map(letter).collect::<String>(), chains)
        };
        assert_eq!(row(true, 0, 0), ("SSSSSSSSS".to_owned(), [0, 0, 0]));
        assert_eq!(row(true, 0, 1), ("---SSSSSS".to_owned(), [1, 1, 1]));
        assert_eq!(row(true, 0, 2), ("------SSS".to_owned(), [2, 1, 1]));
        assert_eq!(row(false, 1, 0), ("--D--R--R".to_owned(), [3, 2, 1]));
        assert_eq!(row(false, 1, 1), ("-----D--R".to_owned(), [4, 3, 2]));
        assert_eq!(row(false, 2, 0), ("-DS-RR-RR".to_owned(), [6, 5, 4]));
        assert_eq!(row(false, 2, 2), ("-------DS".to_owned(), [8, 7, 6]));
    }

    #[test]
    fn a_structure_is_read_as_it_was_meant() {
        let mut random = Random::new(5);
        let packetizer = Packetizer::new(Codec::Av1, Svc::Key, &mut random);
        let picture = Picture {
            publication: 12,
            encoding: 0,
            number: 0,
            needs: None,
            since_key: 0,
            is_odd: false,
            size: 900,
            pixels: (1280, 720),
        };
        let frame = Frame { is_key: true, place: 0, spatial: 0 };
        let data = packetizer.descriptor(&picture, frame, true, true);
        let read = Descriptor::read(&data, None).expect("whole");
        let structure = read.structure.expect("there");
        for frame in (0..3).flat_map(templates) {
            let id = (packetizer.offset + frame.template()) & 0x3f;
            let template = structure.template(id).expect("known");
            assert_eq!(u32::from(template.temporal), frame.temporal());
            assert_eq!(u32::from(template.spatial), frame.spatial);
        }
    }
}
