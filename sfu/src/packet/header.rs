//! The header of an RTP packet (RFC 3550, section 5.1): read where it lies, and written from a slot's template.
//!
//! A header on its way out is never an incoming one patched: every client chose its own payload types and extension
//! ids, so a [`HeaderTemplate`] made from the m-line writes it from the fields that differ by packet.

use simulcast::{RtpTimestamp, SequenceNumber};
use thiserror::Error;

use crate::fault::Fault;
use crate::media::{Mid, PayloadType, PublicationId, Ssrc};
use crate::packet::extension::{CaptureTime, Extension, ExtensionId, ExtensionIds};
use crate::packet::writer::Writer;

/// What the header of a packet says. It stays readable while the payload is still encrypted.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub struct Header {
    /// The M bit: the end of a frame of video, the start of a talk spurt.
    pub marker: bool,
    /// Which format the payload has.
    pub payload_type: PayloadType,
    /// The sequence number.
    pub sequence: SequenceNumber,
    /// The timestamp, in ticks of the format's clock.
    pub timestamp: RtpTimestamp,
    /// The stream.
    pub ssrc: Ssrc,
    /// The P bit: the plaintext ends in padding.
    pub padding: bool,
    /// Bytes of the whole header, with CSRCs and extension block.
    pub length: usize,
    block: Option<Block>,
}

/// Where the extension elements lie: within the first `Header::length` bytes of the packet.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
struct Block {
    form: Form,
    start: usize,
}

/// How extension elements are laid out (RFC 8285, sections 4.2 and 4.3).
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
enum Form {
    OneByte,
    TwoByte,
}

/// Why bytes are no RTP header, or a payload not what its header says.
#[derive(Clone, Copy, Debug, Eq, Error, PartialEq)]
pub enum HeaderError {
    /// The packet ends within this part.
    #[error("RTP packet ends within its {0}")]
    Truncated(&'static str),
    /// The version is not 2.
    #[error("RTP version {0}, not 2")]
    Version(u8),
    /// The padding counts no byte, or more than the payload has.
    #[error("RTP padding of {0} bytes does not fit the payload")]
    Padding(u8),
}

impl HeaderError {
    /// Always the sender's.
    #[must_use]
    pub const fn fault(self) -> Fault {
        match self {
            Self::Truncated(_) | Self::Version(_) | Self::Padding(_) => Fault::Peer,
        }
    }
}

impl Header {
    /// Reads the header of `packet`, whose payload may be encrypted.
    ///
    /// CSRCs are skipped: nobody who sends to an SFU has mixed anything. An extension block of an unknown profile counts
    /// as a block without elements (RFC 3550, section 5.3.1).
    ///
    /// # Errors
    /// Where the packet is too short for what it announces, or of another version: the peer's fault.
    pub fn parse(packet: &[u8]) -> Result<Self, HeaderError> {
        let Some((fixed, rest)) = packet.split_first_chunk::<FIXED>() else {
            return Err(HeaderError::Truncated("fixed part"));
        };
        let [first, second, s0, s1, t0, t1, t2, t3, c0, c1, c2, c3] = *fixed;
        if first >> 6 != VERSION {
            return Err(HeaderError::Version(first >> 6));
        }
        let csrcs = usize::from(first & 0x0f) * 4;
        let after_csrcs = rest.get(csrcs..).ok_or(HeaderError::Truncated("CSRC list"))?;
        let mut length = FIXED + csrcs;
        let mut block = None;
        if first & EXTENSION_BIT != 0 {
            let Some(([p0, p1, w0, w1], words)) = after_csrcs.split_first_chunk::<4>() else {
                return Err(HeaderError::Truncated("extension block"));
            };
            let bytes = usize::from(u16::from_be_bytes([*w0, *w1])) * 4;
            if words.len() < bytes {
                return Err(HeaderError::Truncated("extension block"));
            }
            block = Form::of(u16::from_be_bytes([*p0, *p1]))
                .map(|form| Block { form, start: length + 4 });
            length += 4 + bytes;
        }
        Ok(Self {
            marker: second & MARKER_BIT != 0,
            payload_type: PayloadType(second & !MARKER_BIT),
            sequence: SequenceNumber(u16::from_be_bytes([s0, s1])),
            timestamp: RtpTimestamp(u32::from_be_bytes([t0, t1, t2, t3])),
            ssrc: Ssrc(u32::from_be_bytes([c0, c1, c2, c3])),
            padding: first & PADDING_BIT != 0,
            length,
            block,
        })
    }

    /// The extension elements of `packet`, from which this header was parsed, in their order.
    ///
    /// Reading ends quietly at the first element that does not fit the block, and where the one-byte form says it must
    /// (id 15, or id 0 with a length: RFC 8285, section 4.2). Elements with ids above 14 are skipped: Confab accepts none.
    #[must_use]
    pub fn elements<'a>(&self, packet: &'a [u8]) -> Elements<'a> {
        match self.block {
            Some(Block { form, start }) => {
                Elements { form, rest: packet.get(start..self.length).unwrap_or_default() }
            }
            None => Elements { form: Form::OneByte, rest: &[] },
        }
    }

    /// Bytes of payload in `packet`, decrypted and with this header, without its padding; 0 for padding alone.
    ///
    /// # Errors
    /// Where the padding does not fit: the peer's fault.
    pub fn payload_length(&self, packet: &[u8]) -> Result<usize, HeaderError> {
        let Some(payload) = packet.get(self.length..) else {
            return Err(HeaderError::Truncated("header"));
        };
        if !self.padding {
            return Ok(payload.len());
        }
        let count = payload.last().copied().unwrap_or(0);
        match payload.len().checked_sub(usize::from(count)) {
            Some(length) if count > 0 => Ok(length),
            Some(_) | None => Err(HeaderError::Padding(count)),
        }
    }
}

impl Form {
    fn of(profile: u16) -> Option<Self> {
        match profile {
            ONE_BYTE_PROFILE => Some(Self::OneByte),
            // The low four bits are for applications, and ignored.
            _ if profile & 0xfff0 == TWO_BYTE_PROFILE => Some(Self::TwoByte),
            _ => None,
        }
    }
}

/// The extension elements of one packet.
#[derive(Clone, Debug)]
pub struct Elements<'a> {
    form: Form,
    rest: &'a [u8],
}

impl<'a> Iterator for Elements<'a> {
    type Item = (ExtensionId, &'a [u8]);

    fn next(&mut self) -> Option<Self::Item> {
        loop {
            let (&first, rest) = self.rest.split_first()?;
            self.rest = rest;
            if first == 0 {
                continue;
            }
            let (id, length) = match self.form {
                Form::OneByte => (first >> 4, usize::from(first & 0x0f) + 1),
                Form::TwoByte => {
                    let (&length, rest) = self.rest.split_first()?;
                    self.rest = rest;
                    (first, usize::from(length))
                }
            };
            if self.form == Form::OneByte && (id == 0 || id == 15) {
                self.rest = &[];
                return None;
            }
            let (element, rest) = self.rest.split_at_checked(length)?;
            self.rest = rest;
            if let Some(id) = ExtensionId::new(id) {
                return Some((id, element));
            }
        }
    }
}

/// What all headers of one stream towards one receiver have in common.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub struct HeaderTemplate {
    ssrc: Ssrc,
    mid: Mid,
    ids: ExtensionIds,
}

/// What differs by packet.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub struct HeaderFields<'a> {
    /// The M bit.
    pub marker: bool,
    /// The P bit: whoever writes the payload ends it in padding.
    pub padding: bool,
    /// As the receiver's m-line maps it.
    pub payload_type: PayloadType,
    /// The sequence number.
    pub sequence: SequenceNumber,
    /// The timestamp.
    pub timestamp: RtpTimestamp,
    /// Which publication the packet is from; `None` for padding alone.
    pub csrc: Option<PublicationId>,
    /// The number of transport-wide feedback.
    pub transport_sequence: Option<u16>,
    /// When it is sent: seconds in fixed point, 6 bits before and 18 after the point. Higher bits are cut off.
    pub absolute_send_time: Option<u32>,
    /// What the publisher's packet carried and the receiver may want.
    pub passed: Passed<'a>,
}

/// Extensions that go through from publisher to receiver as they came.
#[derive(Clone, Copy, Debug, Default, Eq, PartialEq)]
pub struct Passed<'a> {
    /// Loudness: the V bit and −dBov (RFC 6464).
    pub audio_level: Option<u8>,
    /// Camera, flip and rotation (3GPP TS 26.114, section 7.4.5).
    pub orientation: Option<u8>,
    /// Smallest and largest delay, 12 bits each in units of 10 ms.
    pub playout_delay: Option<[u8; 3]>,
    /// When the first sample was captured.
    pub capture_time: Option<CaptureTime>,
    /// The dependency descriptor, rewritten or as it came; empty or above 255 bytes it is left out.
    pub dependency_descriptor: Option<&'a [u8]>,
}

impl HeaderTemplate {
    /// The longest header there can be: fixed part, one CSRC, and every extension at its longest in the two-byte form,
    /// rounded up to words.
    pub const LENGTH_MAX: usize = FIXED + 4 + 4 + ELEMENTS_MAX.div_ceil(4) * 4;

    /// Headers of the stream `ssrc` in the m-line `mid`, whose receiver negotiated `ids`.
    #[must_use]
    pub const fn new(ssrc: Ssrc, mid: Mid, ids: &ExtensionIds) -> Self {
        Self { ssrc, mid, ids: *ids }
    }

    /// Writes the header into `out` and returns its length, at most [`Self::LENGTH_MAX`]; `None` where it does not fit.
    ///
    /// An extension is written where `fields` has it and the receiver negotiated it, the mid always. The one-byte form
    /// is used unless an element is longer than it can carry; a receiver that negotiated the dependency descriptor
    /// understands both (RFC 8285, section 4.1.2, `extmap-allow-mixed`; Chrome and Firefox read both unasked).
    pub fn write(&self, out: &mut [u8], fields: &HeaderFields<'_>) -> Option<usize> {
        let id = |extension| self.ids.id(extension);
        let passed = &fields.passed;
        let descriptor =
            passed.dependency_descriptor.filter(|bytes| (1..=255).contains(&bytes.len()));
        let descriptor = id(Extension::DependencyDescriptor).zip(descriptor);
        // Nothing else can be too long: the mid has at most 16 bytes.
        let long = descriptor.is_some_and(|(_, bytes)| bytes.len() > ONE_BYTE_ELEMENT_MAX);
        let mut writer = Writer::new(out);
        self.write_fixed(&mut writer, fields)?;
        let mut block = BlockWriter {
            start: writer.length(),
            form: if long { Form::TwoByte } else { Form::OneByte },
            writer,
        };
        if let Some(id) = id(Extension::Mid).filter(|_| !self.mid.0.is_empty()) {
            block.put(id, self.mid.0.as_bytes())?;
        }
        if let Some((id, number)) = id(Extension::TransportSequence).zip(fields.transport_sequence)
        {
            block.put(id, &number.to_be_bytes())?;
        }
        if let Some((id, time)) = id(Extension::AbsoluteSendTime).zip(fields.absolute_send_time) {
            let [_, time @ ..] = time.to_be_bytes();
            block.put(id, &time)?;
        }
        if let Some((id, level)) = id(Extension::AudioLevel).zip(passed.audio_level) {
            block.put(id, &[level])?;
        }
        if let Some((id, orientation)) = id(Extension::Orientation).zip(passed.orientation) {
            block.put(id, &[orientation])?;
        }
        if let Some((id, delay)) = id(Extension::PlayoutDelay).zip(passed.playout_delay) {
            block.put(id, &delay)?;
        }
        if let Some((id, time)) =
            id(Extension::AbsoluteCaptureTime).zip(passed.capture_time.as_ref())
        {
            block.put(id, time.as_bytes())?;
        }
        if let Some((id, bytes)) = descriptor {
            block.put(id, bytes)?;
        }
        block.end()
    }

    #[inline]
    fn write_fixed(&self, writer: &mut Writer<'_>, fields: &HeaderFields<'_>) -> Option<()> {
        let mut first = VERSION << 6 | u8::from(fields.csrc.is_some());
        if fields.padding {
            first |= PADDING_BIT;
        }
        let marker = if fields.marker { MARKER_BIT } else { 0 };
        let second = marker | fields.payload_type.0 & !MARKER_BIT;
        let [s0, s1] = fields.sequence.0.to_be_bytes();
        let [t0, t1, t2, t3] = fields.timestamp.0.to_be_bytes();
        let [c0, c1, c2, c3] = self.ssrc.0.to_be_bytes();
        let fixed: [u8; FIXED] = [first, second, s0, s1, t0, t1, t2, t3, c0, c1, c2, c3];
        writer.put(&fixed)?;
        match fields.csrc {
            Some(PublicationId(csrc)) => writer.put_u32(csrc),
            None => Some(()),
        }
    }
}

/// An extension block in the making; there is none before its first element.
struct BlockWriter<'a> {
    writer: Writer<'a>,
    start: usize,
    form: Form,
}

impl BlockWriter<'_> {
    /// Adds an element of at most 16 bytes in the one-byte form, 255 in the other.
    #[inline]
    fn put(&mut self, id: ExtensionId, bytes: &[u8]) -> Option<()> {
        if self.writer.length() == self.start {
            let [p0, p1] = match self.form {
                Form::OneByte => ONE_BYTE_PROFILE.to_be_bytes(),
                Form::TwoByte => TWO_BYTE_PROFILE.to_be_bytes(),
            };
            self.writer.put(&[p0, p1, 0, 0])?;
        }
        let length = u8::try_from(bytes.len()).ok()?;
        match self.form {
            Form::OneByte => self.writer.put(&[id.value() << 4 | length.checked_sub(1)?])?,
            Form::TwoByte => self.writer.put(&[id.value(), length])?,
        }
        self.writer.put(bytes)
    }

    /// Ends the block, and with it the header; returns the header's length.
    #[inline]
    fn end(mut self) -> Option<usize> {
        if self.writer.length() > self.start {
            self.writer.pad_to_word()?;
            let words = (self.writer.length() - self.start) / 4 - 1;
            self.writer.set_u16(self.start + 2, u16::try_from(words).ok()?)?;
            self.writer.set_bits(0, EXTENSION_BIT)?;
        }
        Some(self.writer.length())
    }
}

/// RFC 3550, section 5.1.
const VERSION: u8 = 2;
/// Bytes before the CSRC list (RFC 3550, section 5.1).
const FIXED: usize = 12;
const PADDING_BIT: u8 = 0x20;
const EXTENSION_BIT: u8 = 0x10;
const MARKER_BIT: u8 = 0x80;
/// RFC 8285, section 4.2.
const ONE_BYTE_PROFILE: u16 = 0xbede;
/// RFC 8285, section 4.3.
const TWO_BYTE_PROFILE: u16 = 0x1000;
/// RFC 8285, section 4.2: four bits of length, less one.
const ONE_BYTE_ELEMENT_MAX: usize = 16;
/// Mid 16, transport sequence 2, send time 3, level 1, orientation 1, playout delay 3, capture time 16, descriptor 255,
/// each with two bytes of id and length.
const ELEMENTS_MAX: usize = 16 + 2 + 3 + 1 + 1 + 3 + 16 + 255 + 8 * 2;

#[cfg(test)]
#[path = "header_tests.rs"]
mod tests;
