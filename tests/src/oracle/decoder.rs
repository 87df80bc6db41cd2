//! A decoder of synthetic pictures: it decodes nothing, but knows what a decoder would need.

use std::collections::BTreeSet;

use super::{av1, h264, vp8, vp9};
use crate::client::stamp::Stamp;
use crate::codec::Codec;
use crate::packet::Rtp;

/// What a decoder holds.
#[derive(Debug)]
pub struct Decoder {
    /// Under which extension id dependency descriptors come.
    descriptor_id: u8,
    reader: Option<Reader>,
    /// The publication being decoded.
    current: Option<u32>,
    /// Frames of it that were decoded since the last keyframe, by picture and layer. Only the last few can be needed.
    decoded: BTreeSet<(u32, u8)>,
    last_timestamp: Option<u32>,
    state: State,
}

#[derive(Clone, Copy, Debug, Eq, PartialEq)]
enum State {
    /// The next picture can be decoded.
    Whole,
    /// The picture that began with this packet was never ended: the server may do that where it switches, and only there.
    Unfinished(u16),
    /// Something was lost for good: only a keyframe helps.
    Broken,
}

/// What a codec's packets say of the pictures before; begins anew with another codec, as a decoder does.
#[derive(Clone, Debug)]
enum Reader {
    Vp8(vp8::Reader),
    /// Has no numbers.
    H264,
    Vp9(vp9::Reader),
    Av1(av1::Reader),
}

/// A picture whose packets fit together.
#[derive(Clone, Debug, Eq, PartialEq)]
pub struct Whole {
    /// It needs nothing of before.
    pub is_key: bool,
    /// Of its frames, one for each spatial layer, lowest first.
    pub stamps: Vec<Stamp>,
}

/// How many frames are remembered: eight pictures of three layers.
pub(super) const DECODED_MAX: usize = 24;

impl Decoder {
    /// A decoder that has seen nothing.
    #[must_use]
    pub const fn new(descriptor_id: u8) -> Self {
        Self {
            descriptor_id,
            reader: None,
            current: None,
            decoded: BTreeSet::new(),
            last_timestamp: None,
            state: State::Whole,
        }
    }

    /// Whether nothing but a keyframe can be decoded.
    #[must_use]
    pub fn waits_for_keyframe(&self) -> bool {
        self.state == State::Broken
    }

    /// A packet is lost for good.
    pub const fn lose(&mut self) {
        self.state = State::Broken;
    }

    /// Decodes the packets of one picture, all that there are and in order. `None` where it is skipped: something before
    /// it was lost on the way, or it has no end. Else what is shown.
    ///
    /// # Errors
    /// What a decoder would choke on though nothing was lost: the server's fault.
    pub fn picture(&mut self, codec: Codec, packets: &[Rtp]) -> Result<Option<Stamp>, String> {
        let (first, last) = (&packets[0], &packets[packets.len() - 1]);
        let is_key = starts_keyframe(codec, &first.payload);
        match self.state {
            State::Broken if !is_key => return Ok(None),
            State::Unfinished(sequence) if !is_key => {
                return Err(format!(
                    "the picture at {sequence} has no end, and no keyframe follows"
                ));
            }
            State::Whole | State::Unfinished(_) | State::Broken => {}
        }
        if !last.marker {
            self.state = State::Unfinished(first.sequence);
            return Ok(None);
        }
        let same = self.reader.clone().filter(|reader| reader.codec() == codec);
        let mut reader = same.unwrap_or_else(|| Reader::new(codec, self.descriptor_id));
        let whole = reader.read(packets).map_err(|what| {
            format!("{codec:?} at {} ({} packets): {what}", first.sequence, packets.len())
        })?;
        self.check_references(&whole)?;
        self.check_time(first.timestamp)?;
        self.take(&whole);
        self.reader = Some(reader);
        self.last_timestamp = Some(first.timestamp);
        Ok(whole.stamps.last().copied())
    }

    fn check_references(&self, whole: &Whole) -> Result<(), String> {
        let first = whole.stamps[0];
        let mut below: Option<u8> = None;
        for stamp in &whole.stamps {
            if (stamp.publication, stamp.number) != (first.publication, first.number) {
                return Err(format!("one picture of two: {:?}", whole.stamps));
            }
            let is_decodable = match stamp.needs {
                None => whole.is_key,
                Some(needed) => !whole.is_key && self.decoded.contains(&(needed, stamp.layer)),
            };
            let lacks = stamp.needs_below && below.is_none_or(|below| below + 1 != stamp.layer);
            below = Some(stamp.layer);
            if !is_decodable || lacks {
                let (is_key, decoded) = (whole.is_key, &self.decoded);
                return Err(format!("{stamp:?} (keyframe: {is_key}) needs other than {decoded:?}"));
            }
        }
        if !whole.is_key && self.current != Some(first.publication) {
            return Err(format!("{first:?} follows {:?} without a keyframe", self.current));
        }
        Ok(())
    }

    fn check_time(&self, timestamp: u32) -> Result<(), String> {
        match self.last_timestamp {
            Some(last) if timestamp.wrapping_sub(last).cast_signed() <= 0 => {
                Err(format!("the timestamp goes from {last} to {timestamp}"))
            }
            Some(_) | None => Ok(()),
        }
    }

    fn take(&mut self, whole: &Whole) {
        let first = whole.stamps[0];
        if whole.is_key {
            self.decoded.clear();
            self.current = Some(first.publication);
            self.state = State::Whole;
        }
        self.decoded.extend(whole.stamps.iter().map(|stamp| (stamp.number, stamp.layer)));
        while self.decoded.len() > DECODED_MAX {
            self.decoded.pop_first();
        }
    }
}

impl Reader {
    fn new(codec: Codec, descriptor_id: u8) -> Self {
        match codec {
            Codec::Vp8 => Self::Vp8(vp8::Reader::default()),
            Codec::H264 => Self::H264,
            Codec::Vp9 => Self::Vp9(vp9::Reader::default()),
            Codec::Av1 => Self::Av1(av1::Reader::new(descriptor_id)),
        }
    }

    const fn codec(&self) -> Codec {
        match self {
            Self::Vp8(_) => Codec::Vp8,
            Self::H264 => Codec::H264,
            Self::Vp9(_) => Codec::Vp9,
            Self::Av1(_) => Codec::Av1,
        }
    }

    fn read(&mut self, packets: &[Rtp]) -> Result<Whole, String> {
        match self {
            Self::Vp8(reader) => reader.read(packets),
            Self::H264 => h264::read(packets),
            Self::Vp9(reader) => reader.read(packets),
            Self::Av1(reader) => reader.read(packets),
        }
    }
}

/// Whether a packet is the first of a picture from which decoding can begin.
#[must_use]
pub fn starts_keyframe(codec: Codec, payload: &[u8]) -> bool {
    match codec {
        Codec::Vp8 => vp8::starts_keyframe(payload),
        Codec::H264 => h264::starts_keyframe(payload),
        Codec::Vp9 => vp9::starts_keyframe(payload),
        Codec::Av1 => av1::starts_keyframe(payload),
    }
}

/// The stamp of a frame, whose every byte must be as it was sent.
pub(super) fn stamp_of(body: &[u8]) -> Result<Stamp, String> {
    Stamp::check(body).ok_or_else(|| "the frame was changed on the way".to_owned())
}

#[cfg(test)]
#[path = "decoder_tests.rs"]
mod tests;
