//! A camera at 30 pictures a second: three encodings of VP8 or H264, or one of VP9 or AV1, each with two temporal layers; or one of
//! VP9 or AV1 with three spatial and three temporal layers.

use std::collections::VecDeque;
use std::time::Duration;

use sfu::packet::extension::Extension;
use tools::simnet::random::Random;
use tools::simnet::time::SimTime;

use super::feedback;
use super::outgoing::Outgoing;
use super::picture::svc::{self, Svc};
use super::picture::{Packetizer, Picture};
use super::session::{CAMERA_MID, Devices, RIDS, Session, camera_ssrc};
use crate::packet::Rtp;

/// Bits a second of the three encodings, as browsers send 320×180, 640×360 and 1280×720. One alone is as the last.
pub const BITRATES: [u32; 3] = [150_000, 500_000, 1_500_000];

/// Their sizes.
const SIZES: [(u16, u16); 3] = [(320, 180), (640, 360), (1280, 720)];

/// Frames a second.
const FRAME_RATE: u32 = 30;

/// Between two frames.
const FRAME: Duration = Duration::from_nanos(1_000_000_000 / 30);

/// Between two frames of what does not move, and their bytes: an encoder of a screen shows nothing new and repeats it seldom.
const STILL: (Duration, usize) = (Duration::from_secs(1), 200);

/// How much larger a keyframe is than another frame.
const KEYFRAME_FACTOR: u32 = 3;

/// A camera.
#[derive(Debug)]
pub struct Camera {
    publication: u32,
    /// Lowest quality first.
    encodings: Vec<Encoder>,
    next_frame: SimTime,
    /// Frames made so far.
    frames: u32,
    transport_sequence: u8,
    /// What it looks at does not move.
    is_still: bool,
    /// How much later than the lowest encoding the others leave, and what of them has not left.
    skew: Duration,
    late: VecDeque<(SimTime, Rtp)>,
}

#[derive(Debug)]
struct Encoder {
    place: u8,
    bitrate: u32,
    pixels: (u16, u16),
    stream: Outgoing,
    packetizer: Packetizer,
    svc: Option<Svc>,
    descriptor_id: u8,
    wants_keyframe: bool,
    is_active: bool,
    /// Whatever is wanted, its publisher has no room for it.
    is_held_back: bool,
    /// When it made its last picture.
    last: Option<SimTime>,
    /// Counts pictures of this encoding; restarts nowhere.
    number: u32,
    last_keyframe: u32,
    last_even: u32,
    /// Bytes of the next frame, where they are not what is usual.
    next_size: Option<usize>,
}

impl Camera {
    /// A camera that makes its first frame at `now`, a keyframe.
    #[must_use]
    pub fn new(now: SimTime, session: &Session, random: &mut Random) -> Self {
        let encodings = if session.devices.codec.is_simulcast() {
            let named = (0..).zip(RIDS);
            named.map(|(place, rid)| Encoder::new(session, place, Some(rid), random)).collect()
        } else {
            vec![Encoder::new(session, 0, None, random)]
        };
        Self {
            publication: session.person.publication(session.devices.picture).0,
            encodings,
            next_frame: now,
            frames: 0,
            transport_sequence: session.extension(Extension::TransportSequence),
            is_still: false,
            skew: session.devices.skew,
            late: VecDeque::new(),
        }
    }

    /// When [`Self::frames`] has something to do.
    #[must_use]
    pub fn next_event(&self) -> SimTime {
        self.late.front().map_or(self.next_frame, |(due, _)| self.next_frame.min(*due))
    }

    /// The next frame of an encoding shall be a keyframe.
    pub fn want_keyframe(&mut self, ssrc: u32) {
        for encoder in self.encodings.iter_mut().filter(|encoder| encoder.stream.ssrc() == ssrc) {
            encoder.wants_keyframe = true;
        }
    }

    /// Sends these encodings and no others; one that comes back begins with a keyframe.
    pub fn want(&mut self, encodings: impl Iterator<Item = bool>) {
        for (encoder, is_active) in self.encodings.iter_mut().zip(encodings) {
            encoder.wants_keyframe |= is_active && !encoder.is_active;
            encoder.is_active = is_active;
        }
    }

    /// Sends no more than the lowest `most` encodings, whatever is wanted.
    pub fn hold_back(&mut self, most: usize) {
        for (encoder, place) in self.encodings.iter_mut().zip(0..) {
            let is_held_back = place >= most;
            encoder.wants_keyframe |= encoder.is_held_back && !is_held_back;
            encoder.is_held_back = is_held_back;
        }
    }

    /// Looks at something that does not move from now on.
    pub const fn hold_still(&mut self) {
        self.is_still = true;
    }

    /// All that is seen changes at `now`, once: a frame of so many bytes in each encoding. Returns its number.
    pub fn change_slide(&mut self, now: SimTime, bytes: usize) -> u32 {
        for encoder in &mut self.encodings {
            encoder.next_size = Some(bytes);
        }
        self.next_frame = now;
        self.frames
    }

    /// Of each encoding, whether a picture was sent since `from`.
    #[must_use]
    pub fn sent_since(&self, from: SimTime) -> Vec<bool> {
        let encoders = self.encodings.iter();
        encoders.map(|encoder| encoder.last.is_some_and(|last| last >= from)).collect()
    }

    /// Packets sent earlier, again.
    pub fn resend(&mut self, ssrc: u32, numbers: &[u16], mut send: impl FnMut(Rtp)) {
        for encoder in self.encodings.iter_mut().filter(|encoder| encoder.stream.ssrc() == ssrc) {
            numbers.iter().filter_map(|number| encoder.stream.resent(*number)).for_each(&mut send);
        }
    }

    /// The frames that are due, in all encodings. Frames of a time in which nothing could be sent were never taken.
    pub fn frames(&mut self, now: SimTime, random: &mut Random, mut send: impl FnMut(Rtp)) {
        while let Some((_, packet)) = self.late.pop_front_if(|(due, _)| *due <= now) {
            send(packet);
        }
        if now < self.next_frame {
            return;
        }
        let ticks = u32::try_from(now.elapsed().as_nanos() * 9 / 100_000)
            .expect("a run is shorter than 13 hours");
        for encoder in &mut self.encodings {
            if self.is_still && encoder.next_size.is_none() && !encoder.wants_keyframe {
                encoder.next_size = Some(STILL.1);
            }
            if encoder.is_active && !encoder.is_held_back {
                let (late, due) = (&mut self.late, now + self.skew);
                if encoder.place == 0 || self.skew.is_zero() {
                    encoder.frame(self.publication, ticks, random, &mut send);
                } else {
                    let mut later = |packet| late.push_back((due, packet));
                    encoder.frame(self.publication, ticks, random, &mut later);
                }
                encoder.last = Some(now);
            }
            encoder.number += 1;
        }
        self.frames += 1;
        self.next_frame = now + if self.is_still { STILL.0 } else { FRAME };
    }

    /// Sender reports of all encodings; `None` before the first frame.
    #[must_use]
    pub fn reports(&self, now: SimTime) -> Option<Vec<u8>> {
        (self.frames > 0).then(|| {
            let streams = self.encodings.iter().map(|encoder| &encoder.stream);
            feedback::sender_reports(now, 90_000, streams)
        })
    }

    /// The extension id under which this camera would number packets for transport-wide feedback.
    #[must_use]
    pub const fn transport_sequence(&self) -> u8 {
        self.transport_sequence
    }
}

impl Encoder {
    fn new(session: &Session, place: u8, rid: Option<&str>, random: &mut Random) -> Self {
        let ssrc = camera_ssrc(session.person, place);
        let types = session.payload_types();
        let Devices { codec, svc, .. } = session.devices;
        let mid = (session.extension(Extension::Mid), CAMERA_MID.as_bytes().to_vec());
        let named =
            |extension| rid.map(|rid| (session.extension(extension), rid.as_bytes().to_vec()));
        let with = |name| [Some(mid.clone()), named(name)].into_iter().flatten().collect();
        let stream = Outgoing::new(ssrc, types.picture(codec), with(Extension::Rid), random);
        let quality = if rid.is_some() { usize::from(place) } else { BITRATES.len() - 1 };
        Self {
            place,
            bitrate: BITRATES[quality],
            pixels: SIZES[quality],
            stream: stream.with_repair(ssrc + 10, types.rtx(codec), with(Extension::RepairedRid)),
            packetizer: Packetizer::new(codec, svc, session.person.0 % 2 == 1, random),
            svc,
            descriptor_id: session.extension(Extension::DependencyDescriptor),
            wants_keyframe: true,
            is_active: true,
            is_held_back: false,
            last: None,
            number: 0,
            last_keyframe: 0,
            last_even: 0,
            next_size: None,
        }
    }

    fn frame(
        &mut self,
        publication: u32,
        ticks: u32,
        random: &mut Random,
        send: &mut impl FnMut(Rtp),
    ) {
        let is_key = std::mem::take(&mut self.wants_keyframe);
        if is_key {
            self.last_keyframe = self.number;
        }
        let since_key = self.number - self.last_keyframe;
        let is_odd = since_key % 2 == 1;
        let needs = match self.svc {
            None => self.last_even,
            Some(_) => self.number.saturating_sub(svc::back(since_key)),
        };
        let payloads = self.packetizer.payloads(&Picture {
            publication,
            encoding: self.place,
            number: self.number,
            needs: (!is_key).then_some(needs),
            since_key,
            is_odd,
            size: self.next_size.take().unwrap_or_else(|| self.size(is_key, random)),
            pixels: self.pixels,
        });
        let count = payloads.len();
        for (place, payload) in payloads.into_iter().enumerate() {
            let more = payload.descriptor.map(|descriptor| (self.descriptor_id, descriptor));
            send(self.stream.packet(ticks, place + 1 == count, more.as_slice(), payload.bytes));
        }
        if !is_odd {
            self.last_even = self.number;
        }
    }

    /// Bytes of a frame: a thirtieth of the bitrate, ±25 % at most, normally distributed.
    fn size(&self, is_key: bool, random: &mut Random) -> usize {
        let mean = self.bitrate / 8 / FRAME_RATE;
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
}
