//! A camera in three VP8 encodings of synthetic frames at 30 frames a second.
//!
//! Two temporal layers: an even frame needs the even one before it, an odd frame the even one before it, and nothing
//! needs an odd frame. Payload descriptors are written by hand from RFC 7741, section 4.2.

use std::time::Duration;

use sfu::Source;
use sfu::packet::extension::Extension;
use tools::simnet::random::Random;
use tools::simnet::time::SimTime;

use super::feedback;
use super::outgoing::Outgoing;
use super::session::{CAMERA_MID, RIDS, Session};
use super::stamp::Stamp;
use crate::packet::Rtp;

/// Bits a second of the three encodings, as browsers send 320×180, 640×360 and 1280×720.
pub const BITRATES: [u32; 3] = [150_000, 500_000, 1_500_000];

/// Their sizes.
const SIZES: [(u16, u16); 3] = [(320, 180), (640, 360), (1280, 720)];

/// Frames a second.
const FRAME_RATE: u32 = 30;

/// Between two frames.
const FRAME: Duration = Duration::from_nanos(1_000_000_000 / 30);

/// How much larger a keyframe is than another frame.
const KEYFRAME_FACTOR: u32 = 3;

/// Payload bytes of a packet, descriptor not counted.
const PAYLOAD_MAX: usize = 1100;

/// A camera.
#[derive(Debug)]
pub struct Camera {
    publication: u32,
    encodings: [Encoder; 3],
    next_frame: SimTime,
    /// Frames made so far.
    frames: u32,
    transport_sequence: u8,
}

#[derive(Debug)]
struct Encoder {
    layer: u8,
    stream: Outgoing,
    wants_keyframe: bool,
    /// Of this encoding; restarts nowhere.
    number: u32,
    last_even: u32,
    picture_id: u16,
    tl0_picture: u8,
    key_index: u8,
}

impl Camera {
    /// A camera that makes its first frame at `now`, a keyframe.
    #[must_use]
    pub fn new(now: SimTime, session: &Session, random: &mut Random) -> Self {
        let mut layer = 0_u8;
        let encodings = RIDS.map(|rid| {
            let encoder = Encoder::new(session, layer, rid, random);
            layer += 1;
            encoder
        });
        Self {
            publication: session.person.publication(Source::Camera).0,
            encodings,
            next_frame: now,
            frames: 0,
            transport_sequence: session.extension(Extension::TransportSequence),
        }
    }

    /// When the next frame is due.
    #[must_use]
    pub const fn next_frame(&self) -> SimTime {
        self.next_frame
    }

    /// The next frame of an encoding shall be a keyframe.
    pub fn want_keyframe(&mut self, ssrc: u32) {
        for encoder in self.encodings.iter_mut().filter(|encoder| encoder.stream.ssrc() == ssrc) {
            encoder.wants_keyframe = true;
        }
    }

    /// Packets sent earlier, again.
    pub fn resend(&mut self, ssrc: u32, numbers: &[u16], mut send: impl FnMut(Rtp)) {
        for encoder in self.encodings.iter_mut().filter(|encoder| encoder.stream.ssrc() == ssrc) {
            numbers.iter().filter_map(|number| encoder.stream.resent(*number)).for_each(&mut send);
        }
    }

    /// The frames that are due, in all encodings. Frames of a time in which nothing could be sent were never taken.
    pub fn frames(&mut self, now: SimTime, random: &mut Random, mut send: impl FnMut(Rtp)) {
        if now < self.next_frame {
            return;
        }
        let ticks = u32::try_from(now.elapsed().as_nanos() * 9 / 100_000)
            .expect("a run is shorter than 13 hours");
        for encoder in &mut self.encodings {
            encoder.frame(self.publication, self.frames, ticks, random, &mut send);
        }
        self.frames += 1;
        self.next_frame = now + FRAME;
    }

    /// Sender reports of all encodings; `None` before the first frame.
    #[must_use]
    pub fn reports(&self, now: SimTime) -> Option<Vec<u8>> {
        (self.frames > 0).then(|| {
            feedback::sender_reports(now, self.encodings.iter().map(|encoder| &encoder.stream))
        })
    }

    /// The extension id under which this camera would number packets for transport-wide feedback.
    #[must_use]
    pub const fn transport_sequence(&self) -> u8 {
        self.transport_sequence
    }
}

impl Encoder {
    fn new(session: &Session, layer: u8, rid: &str, random: &mut Random) -> Self {
        let ssrc = session.own_ssrc() + 10 + u32::from(layer);
        let types = session.payload_types();
        let mid = (session.extension(Extension::Mid), CAMERA_MID.as_bytes().to_vec());
        let named = (session.extension(Extension::Rid), rid.as_bytes().to_vec());
        let repaired = (session.extension(Extension::RepairedRid), rid.as_bytes().to_vec());
        let stream = Outgoing::new(ssrc, types.vp8, vec![mid.clone(), named], random);
        let [picture_high, picture_low, tl0_picture, ..] = random.next().to_be_bytes();
        Self {
            layer,
            stream: stream.with_repair(ssrc + 10, types.vp8_rtx, vec![mid, repaired]),
            wants_keyframe: true,
            number: 0,
            last_even: 0,
            picture_id: u16::from_be_bytes([picture_high, picture_low]) & 0x7fff,
            tl0_picture,
            key_index: 0,
        }
    }

    fn frame(
        &mut self,
        publication: u32,
        frames: u32,
        ticks: u32,
        random: &mut Random,
        send: &mut impl FnMut(Rtp),
    ) {
        let is_key = std::mem::take(&mut self.wants_keyframe);
        let is_odd = frames % 2 == 1 && !is_key;
        let needs = (!is_key).then_some(self.last_even);
        let stamp = Stamp { publication, layer: self.layer, number: self.number, needs };
        let frame = vp8_frame(stamp, is_key, self.size(is_key, random));
        if !is_odd {
            self.last_even = self.number;
            self.tl0_picture = self.tl0_picture.wrapping_add(1);
        }
        let count = frame.chunks(PAYLOAD_MAX).len();
        for (place, chunk) in frame.chunks(PAYLOAD_MAX).enumerate() {
            let mut payload = self.descriptor(place == 0, is_odd);
            payload.extend(chunk);
            send(self.stream.packet(ticks, place + 1 == count, &[], payload));
        }
        self.number += 1;
        self.picture_id = (self.picture_id + 1) & 0x7fff;
        self.key_index = (self.key_index + u8::from(is_key)) & 0x1f;
    }

    /// Bytes of a frame: a thirtieth of the bitrate, ±25 % at most, normally distributed.
    fn size(&self, is_key: bool, random: &mut Random) -> usize {
        let mean = BITRATES[usize::from(self.layer)] / 8 / FRAME_RATE;
        let mean = if is_key { mean * KEYFRAME_FACTOR } else { mean };
        let variation = (random.normal() * 0.1).clamp(-0.25, 0.25);
        #[expect(
            clippy::cast_possible_truncation,
            clippy::cast_sign_loss,
            reason = "between 400 and 24,000 bytes"
        )]
        let size = (f64::from(mean) * (1.0 + variation)) as usize;
        size
    }

    /// X and I, L, T set, K not; N on odd frames, which nothing needs; a picture id of 15 bits.
    fn descriptor(&self, starts: bool, is_odd: bool) -> Vec<u8> {
        let [id_high, id_low] = self.picture_id.to_be_bytes();
        let first = 0x80 | (u8::from(is_odd) << 5) | (u8::from(starts) << 4);
        let temporal = (u8::from(is_odd) << 6) | 0x20;
        vec![first, 0b1110_0000, 0x80 | id_high, id_low, self.tl0_picture, temporal]
    }
}

/// A frame header by RFC 6386, section 9.1, then the stamp. The first partition is said to reach to the end.
fn vp8_frame(stamp: Stamp, is_key: bool, size: usize) -> Vec<u8> {
    let header = if is_key { 10 } else { 3 };
    let body = stamp.fill(size.saturating_sub(header).max(Stamp::LENGTH));
    let partition = u32::try_from(body.len()).expect("a frame is short");
    let tag = (partition << 5) | 0x10 | u32::from(!is_key);
    let [low, middle, high, _] = tag.to_le_bytes();
    let mut frame = vec![low, middle, high];
    if is_key {
        let (width, height) = SIZES[usize::from(stamp.layer)];
        frame.extend([0x9d, 0x01, 0x2a]);
        frame.extend(width.to_le_bytes());
        frame.extend(height.to_le_bytes());
    }
    frame.extend(body);
    frame
}
