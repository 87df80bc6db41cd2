//! Synthetic pictures as RTP payloads, one file a codec, by hand from the RFCs.
//!
//! But for [`svc`], all codecs have two temporal layers: an even picture, counted from the last keyframe, needs the even one before it,
//! an odd one too, and nothing needs an odd one. Behind the headers that a server or a depacketizer reads there is a
//! [`Stamp`] instead of a picture.

mod av1;
mod h264;
pub mod svc;
mod vp8;
mod vp9;

use tools::simnet::random::Random;

use super::stamp::Stamp;
use crate::codec::Codec;
use svc::Svc;

/// A picture that is to be sent.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub struct Picture {
    /// Whose camera.
    pub publication: u32,
    /// Which encoding of it.
    pub encoding: u8,
    /// Counts pictures of the camera from 0, sent in this encoding or not.
    pub number: u32,
    /// The picture without which this one cannot be decoded; a keyframe needs none.
    pub needs: Option<u32>,
    /// Counted from the last keyframe.
    pub since_key: u32,
    /// Of the upper temporal layer: nothing needs it.
    pub is_odd: bool,
    /// Bytes, near enough.
    pub size: usize,
    /// Width and height.
    pub pixels: (u16, u16),
}

/// What a packet of a picture carries. The last one gets the marker.
#[derive(Clone, Debug, Default, Eq, PartialEq)]
pub struct Payload {
    /// The RTP payload.
    pub bytes: Vec<u8>,
    /// The dependency descriptor beside it, where the encoder writes one.
    pub descriptor: Option<Vec<u8>>,
}

/// Makes payloads of one encoding's pictures.
#[derive(Clone, Debug)]
pub enum Packetizer {
    /// RFC 7741.
    Vp8(vp8::Packetizer),
    /// RFC 6184: nothing to remember, but where dependency descriptors come beside it.
    H264(Option<av1::Packetizer>),
    /// RFC 9628.
    Vp9(vp9::Packetizer),
    /// The AV1 RTP payload format.
    Av1(av1::Packetizer),
    /// VP9 or AV1 in three spatial and three temporal layers.
    Svc(svc::Packetizer),
}

impl Picture {
    /// Whether it needs no other.
    #[must_use]
    pub const fn is_key(&self) -> bool {
        self.needs.is_none()
    }

    /// What its payload carries, for a spatial layer or the encoding.
    #[must_use]
    pub const fn stamp(&self, layer: u8) -> Stamp {
        let Self { publication, number, needs, .. } = *self;
        Stamp { publication, layer, number, needs, needs_below: false }
    }
}

impl Packetizer {
    /// A packetizer whose numbers begin anywhere. Both ways in which a codec's encoders differ are met: `odd` ones write
    /// VP9 in flexible mode, and a dependency descriptor beside AV1 and H264.
    #[must_use]
    pub fn new(codec: Codec, svc: Option<Svc>, odd: bool, random: &mut Random) -> Self {
        if let Some(svc) = svc {
            return Self::Svc(svc::Packetizer::new(codec, svc, random));
        }
        match codec {
            Codec::Vp8 => Self::Vp8(vp8::Packetizer::new(random)),
            Codec::H264 => Self::H264(odd.then(|| av1::Packetizer::new(true, random))),
            Codec::Vp9 => Self::Vp9(vp9::Packetizer::new(odd, random)),
            Codec::Av1 => Self::Av1(av1::Packetizer::new(odd, random)),
        }
    }

    /// The payloads of the next picture.
    pub fn payloads(&mut self, picture: &Picture) -> Vec<Payload> {
        match self {
            Self::Vp8(packetizer) => packetizer.payloads(picture),
            Self::H264(descriptors) => {
                let mut payloads = h264::payloads(picture);
                if let Some(descriptors) = descriptors {
                    let beside = descriptors.beside(picture, payloads.len());
                    for (payload, descriptor) in payloads.iter_mut().zip(beside) {
                        payload.descriptor = Some(descriptor);
                    }
                }
                payloads
            }
            Self::Vp9(packetizer) => packetizer.payloads(picture),
            Self::Av1(packetizer) => packetizer.payloads(picture),
            Self::Svc(packetizer) => packetizer.payloads(picture),
        }
    }
}

impl Payload {
    const fn plain(bytes: Vec<u8>) -> Self {
        Self { bytes, descriptor: None }
    }
}

/// Payload bytes of a packet, the codec's descriptor not counted.
const PAYLOAD_MAX: usize = 1100;
