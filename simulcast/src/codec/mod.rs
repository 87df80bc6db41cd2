//! What a packet's first bytes say about its frame, codec by codec.
//!
//! [`inspect`] is called once per received packet, whatever the number of receivers. It is total (no input panics
//! it), allocates nothing and keeps no state: what needs more than one packet to know is not answered here.

use thiserror::Error;

use crate::layer::LayerId;

mod av1;
pub(crate) mod bits;
pub mod descriptor;
mod h264;
pub mod opus;
pub(crate) mod vp8;
pub(crate) mod vp9;

/// A codec that Confab forwards.
#[derive(Clone, Copy, Debug, Eq, Hash, PartialEq)]
pub enum Codec {
    /// RFC 7587.
    Opus,
    /// Redundant audio, RFC 2198, whose blocks are Opus.
    Red,
    /// RFC 7741.
    Vp8,
    /// RFC 9628.
    Vp9,
    /// RFC 6184.
    H264,
    /// The AV1 RTP payload format of AOMedia, version 1.0.
    Av1,
}

impl Codec {
    /// All, sound first.
    pub const ALL: [Self; 6] = [Self::Opus, Self::Red, Self::Vp8, Self::Vp9, Self::H264, Self::Av1];

    /// Its name in settings: lower case, stable.
    #[must_use]
    pub const fn name(self) -> &'static str {
        match self {
            Self::Opus => "opus",
            Self::Red => "red",
            Self::Vp8 => "vp8",
            Self::Vp9 => "vp9",
            Self::H264 => "h264",
            Self::Av1 => "av1",
        }
    }
}

/// What one packet tells of itself.
#[derive(Clone, Copy, Debug, Default, Eq, PartialEq)]
#[expect(
    clippy::struct_excessive_bools,
    reason = "four independent flags of the wire, in any combination"
)]
pub struct PacketInfo {
    /// It is the first packet of a frame. H264 says so of each packet of parameter sets in front of a picture too.
    pub starts_frame: bool,
    /// It is the first packet of a frame from which decoding can begin. Every packet of sound is.
    pub starts_keyframe: bool,
    /// It is the last packet of a frame, of all its spatial layers: the RTP marker.
    pub ends_frame: bool,
    /// The layer within this encoding: its temporal id, and its spatial id in an SVC stream.
    pub layer: LayerId,
    /// A receiver may begin to take this temporal layer with this frame.
    pub temporal_switch_up: bool,
    /// Width and height of the picture in pixels where this packet tells them; of the largest layer in an SVC stream.
    pub height: Option<(u16, u16)>,
    /// Numbers that the payload gives its frame, which must go on across a switch.
    pub numbers: FrameNumbers,
    /// The frame number of the dependency descriptor, where the packet carries one. It may do so beside `numbers`.
    pub frame_number: Option<u16>,
}

/// The numbers that a payload descriptor gives a frame.
#[derive(Clone, Copy, Debug, Default, Eq, PartialEq)]
pub enum FrameNumbers {
    /// The payload format has none, or this packet carries none.
    #[default]
    None,
    /// RFC 7741, section 4.2.
    Vp8 {
        /// PictureID.
        picture_id: Option<PictureId>,
        /// TL0PICIDX.
        tl0: Option<u8>,
    },
    /// RFC 9628, section 4.2.
    Vp9 {
        /// Picture ID.
        picture_id: Option<PictureId>,
        /// TL0PICIDX; absent in flexible mode.
        tl0: Option<u8>,
    },
}

impl FrameNumbers {
    /// The picture id, where there is one.
    #[must_use]
    pub const fn picture_id(self) -> Option<PictureId> {
        match self {
            Self::None => None,
            Self::Vp8 { picture_id, .. } | Self::Vp9 { picture_id, .. } => picture_id,
        }
    }

    /// The number of the last frame of temporal layer 0, where there is one.
    #[must_use]
    pub const fn tl0(self) -> Option<u8> {
        match self {
            Self::None => None,
            Self::Vp8 { tl0, .. } | Self::Vp9 { tl0, .. } => tl0,
        }
    }
}

/// A picture id of VP8 or VP9 in the width that the publisher chose.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub enum PictureId {
    /// 7 bits.
    Short(u8),
    /// 15 bits.
    Long(u16),
}

/// Marks a picture id of 15 bits (M in RFC 7741 and RFC 9628).
const LONG_PICTURE_ID: u8 = 0x80;

impl PictureId {
    fn parse(rest: &mut &[u8]) -> Result<Self, DescriptorError> {
        let high = take(rest, "PictureID")?;
        Ok(if high & LONG_PICTURE_ID == 0 {
            Self::Short(high)
        } else {
            let low = take(rest, "PictureID, second byte")?;
            Self::Long(u16::from_be_bytes([high & !LONG_PICTURE_ID, low]))
        })
    }
}

/// Why the start of a payload cannot be read. Always the peer's fault.
#[derive(Clone, Copy, Debug, Eq, Error, PartialEq)]
pub enum DescriptorError {
    /// The payload ends before this field, which its flags announce (names as in the RFC of the format).
    #[error("payload ends before {0}")]
    Truncated(&'static str),
    /// The field has a value that its format forbids, or that was not negotiated.
    #[error("payload has an impossible {0}")]
    Invalid(&'static str),
}

/// Reads what the first bytes of `payload` say.
///
/// `payload` is without RTP padding; `marker` is the RTP marker; `dependency_descriptor` is the data of that header
/// extension, where the packet has it.
///
/// # Errors
/// [`DescriptorError`] where the bytes break their format, which an empty payload does for every codec but Opus: the
/// peer's fault. Packets of padding alone are the caller's to keep away.
pub fn inspect(
    codec: Codec,
    payload: &[u8],
    marker: bool,
    dependency_descriptor: Option<&[u8]>,
) -> Result<PacketInfo, DescriptorError> {
    let descriptor = dependency_descriptor.map(descriptor::Descriptor::parse).transpose()?;
    let info = match codec {
        Codec::Opus => SOUND,
        Codec::Red => opus::primary(payload).map(|_| SOUND)?,
        Codec::Vp8 => vp8::Descriptor::parse(payload)?.info(),
        Codec::Vp9 => vp9::Descriptor::parse(payload)?.info(),
        Codec::H264 => h264::inspect(payload)?,
        Codec::Av1 => av1::inspect(payload, descriptor)?,
    };
    Ok(PacketInfo {
        ends_frame: marker || info.ends_frame,
        frame_number: descriptor.map(|descriptor| descriptor.frame_number),
        ..info
    })
}

/// Each packet of sound is a frame, and decoding may begin with any. (RTP's marker means the start of talk there.)
const SOUND: PacketInfo = PacketInfo {
    starts_frame: true,
    starts_keyframe: true,
    ends_frame: true,
    layer: LayerId::spatial(0),
    temporal_switch_up: false,
    height: None,
    numbers: FrameNumbers::None,
    frame_number: None,
};

/// Takes the next byte, which is the one of `field`.
fn take(rest: &mut &[u8], field: &'static str) -> Result<u8, DescriptorError> {
    let (first, tail) = rest.split_first().ok_or(DescriptorError::Truncated(field))?;
    *rest = tail;
    Ok(*first)
}

/// Takes the next `count` bytes, which are those of `field`.
fn take_slice<'a>(
    rest: &mut &'a [u8],
    count: usize,
    field: &'static str,
) -> Result<&'a [u8], DescriptorError> {
    let (taken, tail) = rest.split_at_checked(count).ok_or(DescriptorError::Truncated(field))?;
    *rest = tail;
    Ok(taken)
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    const ALL: [Codec; 6] =
        [Codec::Opus, Codec::Red, Codec::Vp8, Codec::Vp9, Codec::H264, Codec::Av1];

    #[test]
    fn an_info_stays_small_because_every_packet_carries_one() {
        assert!(size_of::<PacketInfo>() <= 32, "{}", size_of::<PacketInfo>());
    }

    #[test]
    fn an_empty_picture_payload_is_the_peers_mistake() {
        for codec in [Codec::Red, Codec::Vp8, Codec::Vp9, Codec::H264, Codec::Av1] {
            assert!(inspect(codec, &[], true, None).is_err(), "{codec:?}");
        }
        assert!(inspect(Codec::Opus, &[], true, None).is_ok());
    }

    #[test]
    fn a_descriptor_beside_vp8_gives_both_numbers() {
        let payload = [0x90, 0xe0, 0x81, 0xbf, 0xcd, 0x40, 0x31];
        let info = inspect(Codec::Vp8, &payload, false, Some(&[0x80, 0x12, 0x34])).unwrap();
        assert_eq!(info.numbers.picture_id(), Some(PictureId::Long(0x1bf)));
        assert_eq!(info.frame_number, Some(0x1234));
    }

    proptest! {
        #![proptest_config(ProptestConfig::with_cases(2_000))]

        #[test]
        fn no_bytes_panic_it(
            payload in proptest::collection::vec(any::<u8>(), 0..80),
            marker: bool,
            descriptor in proptest::option::of(proptest::collection::vec(any::<u8>(), 0..8)),
        ) {
            for codec in ALL {
                if let Ok(info) = inspect(codec, &payload, marker, descriptor.as_deref()) {
                    prop_assert!(info.ends_frame || !marker);
                    prop_assert!(!info.starts_keyframe || info.starts_frame);
                }
            }
        }
    }
}
