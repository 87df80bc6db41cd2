//! How packets of changing layers and publications continue one stream, whose receiver sees no seam.
//!
//! ```text
//!   layer 0   ── 41 42 43 ──────────────┐
//!   layer 2   ───────── 907 908 909 ────┼──► 7 8 9 │ 10 11 12      sequence numbers, timestamps, picture ids,
//!                        ▲ switch       │          ▲               TL0PICIDX, frame numbers: one line each
//! ```
//!
//! A *run* is what flows between two switches. Within a run every number keeps a constant distance from the one that came in,
//! so that holes which the network made stay holes, and a late packet gets the number of its hole. At a switch each number
//! goes on behind the highest that was sent; what the last run still lacks may fill its holes later ([`Rewriter::late`]).
//!
//! A switch may cut the last frame of the old layer: its rest is not sent, nor its marker. No receiver waits for it.
//! libwebrtc's packet buffer begins a frame at any packet that its codec marks as a first one, and for H264 at any change of
//! timestamp, whatever was before (`modules/video_coding/packet_buffer.cc`); a keyframe put together lets it forget all that is
//! missing before, and its frame buffer decodes a keyframe without what came before. So the cut frame is not shown, and the
//! keyframe of the same moment is. The same goes for holes of the old run that are never filled.
//!
//! What is left out on purpose leaves no hole: the sequence number goes to the next packet, and so does the picture id of VP8,
//! whose receivers take a missing one for a lost picture (libwebrtc's `rtp_vp8_ref_finder.cc`). Picture ids of VP9 and frame
//! numbers keep their distances, since frames name by them what they need.
//!
//! Not here, on purpose: which packet is forwarded ([`Selector`](crate::selector::Selector)), and resending.

use std::time::Duration;

use crate::codec::{FrameNumbers, PacketInfo, PictureId};
use crate::sequence::{RtpTimestamp, SequenceNumber};

mod beginning;
mod counter;
mod numbering;
mod timeline;

pub use beginning::{Beginning, Prefix};
use counter::Counter;
use numbering::Numbering;
use timeline::{Moment, Timeline};

/// Continues one stream to one receiver over all switches.
#[derive(Clone, Debug)]
pub struct Rewriter {
    numbering: Numbering,
    timeline: Timeline,
    picture_id: Counter,
    tl0: Counter,
    frame_number: Counter,
    /// The run before this one.
    before: Option<Ended>,
}

/// What is kept of a run that has ended, so that its holes can be filled.
#[derive(Clone, Copy, Debug)]
struct Ended {
    numbering: Numbering,
    offset: u32,
    picture_id: Counter,
    tl0: Counter,
    frame_number: Counter,
}

/// A packet to be forwarded.
#[derive(Clone, Copy, Debug)]
pub struct Input<'a> {
    /// It is the first of another layer or another publication. The first packet of all counts as that anyway.
    pub switch: bool,
    /// Its incoming sequence number, unwrapped ([`Unwrapper`](crate::sequence::Unwrapper)), of its own encoding.
    pub index: u64,
    /// Its incoming timestamp.
    pub timestamp: RtpTimestamp,
    /// Ticks of that timestamp in a second; the same for everything that one rewriter continues.
    pub clock_rate: u32,
    /// When its frame was captured.
    pub capture: Capture,
    /// When it arrived, since a moment that is the same for all packets.
    pub arrival: Duration,
    /// What its payload says.
    pub info: &'a PacketInfo,
}

/// When a frame was captured, by a clock that all layers of a publication share.
#[derive(Clone, Copy, Debug, Default, Eq, PartialEq)]
pub enum Capture {
    /// No sender report has told yet; arrival must do.
    #[default]
    Unknown,
    /// By the publisher's sender reports (RFC 3550, section 6.4.1) for the packet's timestamp.
    Known {
        /// Whose clock: times of different clocks are not compared. One publisher's publications may share one.
        clock: u32,
        /// Seconds since 1900 in the upper 32 bits.
        ntp: u64,
    },
}

/// What a forwarded packet gets in place of what it came with.
#[derive(Clone, Copy, Debug, Default, Eq, PartialEq)]
pub struct Rewrite {
    /// Its timestamp.
    pub timestamp: RtpTimestamp,
    /// Its sequence number.
    pub sequence: SequenceNumber,
    /// Its picture id of 15 bits, where its payload has one ([`Beginning`]).
    pub picture_id: u16,
    /// Its frame number, where it has a dependency descriptor
    /// ([`rewrite_descriptor`](crate::codec::descriptor::rewrite_descriptor)).
    pub frame_number: u16,
    /// Its TL0PICIDX, where its payload has one.
    pub tl0: u8,
    /// How much of it goes.
    pub form: Form,
}

/// In which form a packet goes.
#[derive(Clone, Copy, Debug, Default, Eq, PartialEq)]
pub enum Form {
    /// With its marker as it came.
    #[default]
    AsItCame,
    /// With the marker: it is the last that the receiver gets of its picture.
    EndsPicture,
    /// Without payload: it fills the hole of a packet that was left out too late.
    Empty,
}

impl Rewrite {
    /// The picture id in its form of two bytes.
    pub(crate) const fn picture_id_bytes(&self) -> [u8; 2] {
        (self.picture_id | LONG_PICTURE_ID).to_be_bytes()
    }
}

/// M in front of a picture id of 15 bits (RFC 7741 and RFC 9628, section 4.2).
const LONG_PICTURE_ID: u16 = 0x8000;
const SHORT_ID_MASK: u16 = 0x007f;
const LONG_ID_MASK: u16 = 0x7fff;
const TL0_MASK: u16 = 0x00ff;
const FRAME_NUMBER_MASK: u16 = 0xffff;

impl Rewriter {
    /// A stream whose first packet gets these numbers.
    #[must_use]
    pub const fn new(first_sequence: SequenceNumber, first_timestamp: RtpTimestamp) -> Self {
        Self {
            numbering: Numbering::new(first_sequence),
            timeline: Timeline::new(first_timestamp),
            picture_id: Counter::new(LONG_ID_MASK),
            tl0: Counter::new(TL0_MASK),
            frame_number: Counter::new(FRAME_NUMBER_MASK),
            before: None,
        }
    }

    /// The numbers of a packet to be forwarded, or `None` where it can have none: it is from before the switch, it was skipped,
    /// or it is older than a skipped packet that is forgotten (more than 128 packets back).
    ///
    /// The same packet twice gets the same numbers twice; the caller has sorted duplicates out.
    pub fn forward(&mut self, input: Input<'_>) -> Option<Rewrite> {
        let moment =
            Moment { clock_rate: input.clock_rate, capture: input.capture, arrival: input.arrival };
        let starts_run = input.switch || !self.timeline.has_begun();
        let (sequence, timestamp, newest) = if starts_run {
            self.before = self.timeline.has_begun().then_some(Ended {
                numbering: self.numbering,
                offset: self.timeline.offset(),
                picture_id: self.picture_id,
                tl0: self.tl0,
                frame_number: self.frame_number,
            });
            self.picture_id.end_run();
            self.tl0.end_run();
            self.frame_number.end_run();
            let sequence = self.numbering.start_run(input.index);
            (sequence, self.timeline.start_run(input.timestamp, moment), true)
        } else {
            let newest = input.index > self.numbering.highest();
            let sequence = self.numbering.number(input.index)?;
            (sequence, self.timeline.continue_run(input.timestamp, moment), newest)
        };
        let picture_id = match input.info.numbers.picture_id() {
            Some(PictureId::Short(id)) => self.picture_id.next(id.into(), SHORT_ID_MASK, newest),
            Some(PictureId::Long(id)) => self.picture_id.next(id, LONG_ID_MASK, newest),
            None => self.picture_id.highest,
        };
        let tl0 = match input.info.numbers.tl0() {
            Some(index) => self.tl0.next(index.into(), TL0_MASK, newest),
            None => self.tl0.highest,
        };
        let frame_number = match input.info.frame_number {
            Some(number) => self.frame_number.next(number, FRAME_NUMBER_MASK, newest),
            None => self.frame_number.highest,
        };
        let [_, tl0] = tl0.to_be_bytes();
        Some(Rewrite { sequence, timestamp, picture_id, frame_number, tl0, form: Form::AsItCame })
    }

    /// Nothing more comes of what flows, and the packets with the numbers in `unsent` will never be sent: they leave no hole
    /// in front of the next packet, which must be a switch.
    pub fn end_run(&mut self, unsent: &mut [SequenceNumber]) {
        self.numbering.end_run(unsent);
    }

    /// The numbers of a packet of the run before this one that was overtaken by the switch: it fills a hole that the receiver
    /// would ask for. `None` where there is no such hole: it is newer than all that was sent of that run, or was left out.
    #[must_use]
    pub fn late(&self, index: u64, timestamp: RtpTimestamp, info: &PacketInfo) -> Option<Rewrite> {
        let before = self.before.as_ref()?;
        let sequence = before.numbering.given(index)?;
        let picture_id = match info.numbers.picture_id() {
            Some(PictureId::Short(id)) => before.picture_id.before(id.into(), SHORT_ID_MASK),
            Some(PictureId::Long(id)) => before.picture_id.before(id, LONG_ID_MASK),
            None => before.picture_id.highest,
        };
        let tl0 = info.numbers.tl0().map(|index| before.tl0.before(index.into(), TL0_MASK));
        let [_, tl0] = tl0.unwrap_or(before.tl0.highest).to_be_bytes();
        let frame_number =
            info.frame_number.map(|number| before.frame_number.before(number, FRAME_NUMBER_MASK));
        Some(Rewrite {
            sequence,
            timestamp: timestamp.plus(before.offset),
            picture_id,
            tl0,
            frame_number: frame_number.unwrap_or(before.frame_number.highest),
            form: Form::AsItCame,
        })
    }

    /// Leaves out a packet of what flows: padding (without an `info`), or a layer that the receiver does not get. Its number goes to the
    /// next packet, so that no hole appears.
    ///
    /// That cannot be done for a packet which comes late, when later ones have their numbers. Then an empty packet is
    /// returned that fills the hole: its receiver would ask for it, and take the picture before it for broken.
    #[must_use]
    pub fn skip(
        &mut self,
        index: u64,
        timestamp: RtpTimestamp,
        info: Option<&PacketInfo>,
    ) -> Option<Rewrite> {
        if !self.timeline.has_begun() {
            return None;
        }
        let newest = index > self.numbering.highest();
        if let Some(FrameNumbers::Vp8 { picture_id: Some(id), .. }) = info.map(|info| info.numbers)
        {
            match id {
                PictureId::Short(id) => self.picture_id.skip(id.into(), SHORT_ID_MASK, newest),
                PictureId::Long(id) => self.picture_id.skip(id, LONG_ID_MASK, newest),
            }
        }
        let sequence = self.numbering.skip(index)?;
        Some(Rewrite {
            sequence,
            timestamp: timestamp.plus(self.timeline.offset()),
            form: Form::Empty,
            ..Rewrite::default()
        })
    }
}

#[cfg(test)]
#[path = "rewriter_tests.rs"]
mod tests;

#[cfg(test)]
mod capture_tests;
