//! What a packet's first bytes say about its frame, codec by codec.

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
