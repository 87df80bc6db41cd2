//! RTP header extensions (RFC 8285): which ones Confab knows, under which id an m-line maps each, and how they are read.

use crate::packet::header::Header;

/// A header extension that Confab reads or writes.
#[derive(Clone, Copy, Debug, Eq, Hash, PartialEq)]
#[repr(u8)]
pub enum Extension {
    /// `urn:ietf:params:rtp-hdrext:sdes:mid`.
    Mid,
    /// `urn:ietf:params:rtp-hdrext:sdes:rtp-stream-id`.
    Rid,
    /// `urn:ietf:params:rtp-hdrext:sdes:repaired-rtp-stream-id`.
    RepairedRid,
    /// `http://www.ietf.org/id/draft-holmer-rmcat-transport-wide-cc-extensions-01`.
    TransportSequence,
    /// `http://www.webrtc.org/experiments/rtp-hdrext/abs-send-time`.
    AbsoluteSendTime,
    /// `urn:ietf:params:rtp-hdrext:ssrc-audio-level` (RFC 6464).
    AudioLevel,
    /// `urn:3gpp:video-orientation`.
    Orientation,
    /// `http://www.webrtc.org/experiments/rtp-hdrext/playout-delay`.
    PlayoutDelay,
    /// `http://www.webrtc.org/experiments/rtp-hdrext/abs-capture-time`.
    AbsoluteCaptureTime,
    /// `https://aomediacodec.github.io/av1-rtp-spec/#dependency-descriptor-rtp-header-extension`.
    DependencyDescriptor,
}

impl Extension {
    /// All of them, in the order of their numbers.
    pub const ALL: [Self; 10] = [
        Self::Mid,
        Self::Rid,
        Self::RepairedRid,
        Self::TransportSequence,
        Self::AbsoluteSendTime,
        Self::AudioLevel,
        Self::Orientation,
        Self::PlayoutDelay,
        Self::AbsoluteCaptureTime,
        Self::DependencyDescriptor,
    ];

    /// Its name in SDP (RFC 8285, section 5).
    #[must_use]
    pub const fn uri(self) -> &'static str {
        match self {
            Self::Mid => "urn:ietf:params:rtp-hdrext:sdes:mid",
            Self::Rid => "urn:ietf:params:rtp-hdrext:sdes:rtp-stream-id",
            Self::RepairedRid => "urn:ietf:params:rtp-hdrext:sdes:repaired-rtp-stream-id",
            Self::TransportSequence => {
                "http://www.ietf.org/id/draft-holmer-rmcat-transport-wide-cc-extensions-01"
            }
            Self::AbsoluteSendTime => "http://www.webrtc.org/experiments/rtp-hdrext/abs-send-time",
            Self::AudioLevel => "urn:ietf:params:rtp-hdrext:ssrc-audio-level",
            Self::Orientation => "urn:3gpp:video-orientation",
            Self::PlayoutDelay => "http://www.webrtc.org/experiments/rtp-hdrext/playout-delay",
            Self::AbsoluteCaptureTime => {
                "http://www.webrtc.org/experiments/rtp-hdrext/abs-capture-time"
            }
            Self::DependencyDescriptor => {
                "https://aomediacodec.github.io/av1-rtp-spec/#dependency-descriptor-rtp-header-extension"
            }
        }
    }
}

/// Under which id, 1 to 14, an m-line maps each extension.
#[derive(Clone, Copy, Debug, Default, Eq, PartialEq)]
pub struct ExtensionIds {
    ids: [Option<ExtensionId>; Extension::ALL.len()],
}

/// An id of the one-byte form, 1 to 14 (RFC 8285, section 4.2).
#[derive(Clone, Copy, Debug, Eq, Hash, PartialEq)]
pub struct ExtensionId(u8);

impl ExtensionId {
    /// `id`, where the one-byte form can carry it.
    #[must_use]
    pub const fn new(id: u8) -> Option<Self> {
        if id >= 1 && id <= 14 { Some(Self(id)) } else { None }
    }

    /// The number on the wire.
    #[must_use]
    pub const fn value(self) -> u8 {
        self.0
    }
}

impl ExtensionIds {
    /// The id of `extension`, where negotiated.
    #[must_use]
    pub fn id(&self, extension: Extension) -> Option<ExtensionId> {
        self.ids.get(extension as usize).copied().flatten()
    }

    /// Which extension `id` stands for.
    #[must_use]
    pub fn extension(&self, id: ExtensionId) -> Option<Extension> {
        Extension::ALL.into_iter().find(|extension| self.id(*extension) == Some(id))
    }

    /// These ids with `extension` under `id`.
    #[must_use]
    pub fn with(mut self, extension: Extension, id: ExtensionId) -> Self {
        if let Some(place) = self.ids.get_mut(extension as usize) {
            *place = Some(id);
        }
        self
    }
}

impl ExtensionIds {
    /// What the extension elements of `packet`, from which `header` was parsed, say.
    ///
    /// Total: an element of a wrong length counts as absent, and of two with the same id the last counts.
    #[must_use]
    pub fn read<'a>(&self, header: &Header, packet: &'a [u8]) -> Extensions<'a> {
        let mut extensions = Extensions::default();
        for (id, element) in header.elements(packet) {
            if let Some(extension) = self.extension(id) {
                extensions.take(extension, element);
            }
        }
        extensions
    }

    /// These ids, and those of `other` for extensions and ids that are unused here: m-lines that share a transport map
    /// one id to one extension (RFC 8285, section 5; RFC 9143, section 9.4), so this is what any of its packets may carry.
    #[must_use]
    pub fn merged(&self, other: &Self) -> Self {
        Extension::ALL.into_iter().fold(*self, |merged, extension| match other.id(extension) {
            Some(id) if merged.id(extension).is_none() && merged.extension(id).is_none() => {
                merged.with(extension, id)
            }
            Some(_) | None => merged,
        })
    }
}

/// The extensions of one packet, as far as Confab knows them.
#[derive(Clone, Copy, Debug, Default, Eq, PartialEq)]
pub struct Extensions<'a> {
    /// Which m-line the packet belongs to.
    pub mid: Option<&'a str>,
    /// Which simulcast encoding.
    pub rid: Option<&'a str>,
    /// Which simulcast encoding it repairs.
    pub repaired_rid: Option<&'a str>,
    /// The number of transport-wide feedback.
    pub transport_sequence: Option<u16>,
    /// When it was sent: seconds in fixed point, 6 bits before and 18 after the point.
    pub absolute_send_time: Option<u32>,
    /// Loudness: the V bit and −dBov (RFC 6464).
    pub audio_level: Option<u8>,
    /// Camera, flip and rotation.
    pub orientation: Option<u8>,
    /// Smallest and largest delay, 12 bits each in units of 10 ms.
    pub playout_delay: Option<[u8; 3]>,
    /// When its first sample was captured.
    pub capture_time: Option<CaptureTime>,
    /// The dependency descriptor, unread.
    pub dependency_descriptor: Option<&'a [u8]>,
}

impl<'a> Extensions<'a> {
    fn take(&mut self, extension: Extension, element: &'a [u8]) {
        match extension {
            Extension::Mid => self.mid = text(element),
            Extension::Rid => self.rid = text(element),
            Extension::RepairedRid => self.repaired_rid = text(element),
            Extension::TransportSequence => {
                self.transport_sequence = exactly(element).map(u16::from_be_bytes);
            }
            Extension::AbsoluteSendTime => {
                self.absolute_send_time =
                    exactly(element).map(|[a, b, c]| u32::from_be_bytes([0, a, b, c]));
            }
            Extension::AudioLevel => self.audio_level = exactly(element).map(|[level]| level),
            Extension::Orientation => {
                self.orientation = exactly(element).map(|[orientation]| orientation);
            }
            Extension::PlayoutDelay => self.playout_delay = exactly(element),
            Extension::AbsoluteCaptureTime => self.capture_time = CaptureTime::parse(element),
            Extension::DependencyDescriptor => {
                self.dependency_descriptor = (!element.is_empty()).then_some(element);
            }
        }
    }
}

/// An absolute capture time as it came: an NTP timestamp, perhaps with the sender's estimate of the clock offset.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub struct CaptureTime {
    bytes: [u8; 16],
    with_offset: bool,
}

impl CaptureTime {
    /// Reads the short form of 8 bytes or the long one of 16.
    #[must_use]
    pub fn parse(element: &[u8]) -> Option<Self> {
        if let Some(bytes) = exactly(element) {
            return Some(Self { bytes, with_offset: true });
        }
        let short: [u8; 8] = exactly(element)?;
        let mut bytes = [0; 16];
        let (time, _) = bytes.split_first_chunk_mut::<8>()?;
        *time = short;
        Some(Self { bytes, with_offset: false })
    }

    /// The element, 8 or 16 bytes.
    #[must_use]
    pub fn as_bytes(&self) -> &[u8] {
        if self.with_offset { &self.bytes } else { self.bytes.get(..8).unwrap_or_default() }
    }
}

fn exactly<const N: usize>(element: &[u8]) -> Option<[u8; N]> {
    element.try_into().ok()
}

fn text(element: &[u8]) -> Option<&str> {
    str::from_utf8(element).ok().filter(|text| !text.is_empty())
}
