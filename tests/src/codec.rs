//! The codecs of pictures that clients send and judges read.

use sfu::Format;
use sfu::media::H264Profile;

/// A codec of pictures.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub enum Codec {
    /// RFC 7741; three encodings (simulcast).
    Vp8,
    /// RFC 6184, packetization-mode 1; three encodings (simulcast).
    H264,
    /// RFC 9628; one encoding of two spatial and two temporal layers.
    Vp9,
    /// The AV1 RTP payload format; one encoding of two temporal layers.
    Av1,
}

impl Codec {
    /// All of them.
    pub const ALL: [Self; 4] = [Self::Vp8, Self::H264, Self::Vp9, Self::Av1];

    /// As the server calls it.
    #[must_use]
    pub const fn format(self) -> Format {
        match self {
            Self::Vp8 => Format::Vp8,
            Self::H264 => Format::H264(H264Profile::ConstrainedBaseline),
            Self::Vp9 => Format::Vp9(0),
            Self::Av1 => Format::Av1(0),
        }
    }

    /// Whether a camera sends it in three encodings rather than one.
    #[must_use]
    pub const fn is_simulcast(self) -> bool {
        match self {
            Self::Vp8 | Self::H264 => true,
            Self::Vp9 | Self::Av1 => false,
        }
    }

    /// Its place among [`Self::ALL`].
    #[must_use]
    pub const fn place(self) -> u8 {
        match self {
            Self::Vp8 => 0,
            Self::H264 => 1,
            Self::Vp9 => 2,
            Self::Av1 => 3,
        }
    }
}
