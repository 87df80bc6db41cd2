//! str0m 0.25.0 as an application sees it: sender and receiver, RTP mode, its estimate events followed by the source.
//!
//! It calibrates the model, for its figures in it are known, and stands beside ours in the table for good.

mod epoch;
pub mod keys;
pub mod peer;

use std::time::Duration;

use str0m::media::{KeyframeRequestKind, MediaKind, Mid, Pt};
use str0m::rtp::{RtpWrite, Ssrc};
use tools::simnet::RouteId;
use tools::simnet::random::Random;
use tools::simnet::time::SimTime;

use super::case::{FlowPlan, Picture};
use super::ledger::{Ledger, PART_LENGTH, Part};
use super::record::FlowRecord;
use super::source::audio::{self, Audio};
use super::source::simulcast::{Choice, LAYERS, wire_rate};
use super::source::video::{self, Video};
use super::source::{FLOW_MAX, START_KBPS};
use super::world::{Load, Outbox, Ways};
use crate::client::feedback::{Feedback, Request};
use peer::{Heard, Peer};
use tools::simnet::UDP_OVERHEAD;

/// A flow: both ends, and what is sent.
#[derive(Debug)]
pub struct Flow {
    plan: FlowPlan,
    start: SimTime,
    ways: Ways,
    random: Random,
    ends: Option<Box<Ends>>,
    audio: Audio,
    video: Video,
    choice: Choice,
    ledger: Ledger,
    video_number: u64,
    estimates: Vec<(SimTime, f64)>,
    layers: Vec<(SimTime, Option<u8>)>,
    sound: (u64, u64),
}

#[derive(Debug)]
struct Ends {
    sender: Peer,
    receiver: Peer,
    types: (Pt, Pt),
}

const SOUND_MID: &str = "aud";
const PICTURE_MID: &str = "vid";
const AUDIO_SSRC: u32 = 1_001;
const VIDEO_SSRC: u32 = 1_002;
const RTX_SSRC: u32 = 1_003;

/// What of its estimate an application of str0m sends, and what its sound takes of that, in bits a second.
const SHARE: f64 = 0.95;
const SOUND: f64 = 34_000.0;

impl Flow {
    /// A flow that begins at `start`.
    #[must_use]
    pub fn new(plan: &FlowPlan, start: SimTime, ways: Ways, random: Random) -> Self {
        Self {
            plan: plan.clone(),
            start,
            ways,
            random,
            ends: None,
            audio: Audio::new(start),
            video: Video::new(start),
            choice: Choice::default(),
            ledger: Ledger::default(),
            video_number: 0,
            estimates: Vec::new(),
            layers: Vec::new(),
            sound: (0, 0),
        }
    }

    /// When [`Self::poll`] has something to do.
    #[must_use]
    pub fn next_event(&self) -> Option<SimTime> {
        let Some(ends) = &self.ends else { return Some(self.start) };
        let media = self.audio.next().min(self.video.next());
        [Some(media), ends.sender.next_event(), ends.receiver.next_event()]
            .into_iter()
            .flatten()
            .min()
    }

    /// Does what is due.
    pub fn poll(&mut self, now: SimTime, out: &mut Outbox) {
        if self.ends.is_none() {
            self.ends = Some(Box::new(Ends::connect(now)));
        }
        self.want(now);
        self.make(now);
        let Some(ends) = &mut self.ends else { return };
        ends.sender.run(now);
        ends.receiver.run(now);
        self.exchange(now, out);
    }

    /// A datagram arrives at one of the ends.
    pub fn handle(&mut self, now: SimTime, route: RouteId, bytes: &[u8], out: &mut Outbox) {
        let Some(ends) = &mut self.ends else { return };
        if route == self.ways.forward {
            ends.receiver.receive(now, bytes);
        } else {
            ends.sender.receive(now, bytes);
        }
        self.exchange(now, out);
    }

    /// Puts what was seen into the record.
    pub fn finish(self, record: &mut FlowRecord) {
        record.frames = self.ledger.finish();
        record.estimates = self.estimates;
        record.layers = self.layers;
        record.sound = self.sound;
    }

    /// Tells the estimator what could be used.
    fn want(&mut self, now: SimTime) {
        let Some(ends) = &mut self.ends else { return };
        let desired = match &self.plan.picture {
            // Many are no case of the reference's.
            Picture::Adaptive | Picture::Many(_) => FLOW_MAX,
            Picture::Simulcast { .. } => wire_rate(LAYERS[usize::from(self.plan.wanted(now))]),
        };
        ends.sender.desire(desired);
    }

    /// Makes what is due of sound and picture.
    fn make(&mut self, now: SimTime) {
        if !self.plan.is_active(self.start, now) {
            self.audio.skip(now + Duration::from_nanos(1));
            self.video.skip(now + Duration::from_nanos(1));
            return;
        }
        while let Some(number) = self.audio.poll(now) {
            self.sound.0 += 1;
            let time = number.wrapping_mul(960);
            let payload = vec![0; audio::PAYLOAD];
            self.write(now, AUDIO_SSRC, u64::from(number), time, payload, true);
        }
        if let Picture::Simulcast { .. } = self.plan.picture {
            let room = SHARE * (self.estimates.last().map_or(START, |(_, rate)| *rate) - SOUND);
            let layer = self.choice.at(now, room, self.plan.wanted(now));
            if self.layers.last().is_none_or(|(_, last)| *last != Some(layer)) {
                self.layers.push((now, Some(layer)));
                let rate = LAYERS[usize::from(layer)];
                self.video = Video::constant(self.video.next(), rate);
            }
        }
        while let Some(size) = self.video.poll(now, &mut self.random) {
            self.frame(now, size);
        }
    }

    fn frame(&mut self, now: SimTime, size: usize) {
        let sizes: Vec<usize> = video::packets(size).collect();
        let frame = self.ledger.make(now, sizes.len());
        let count = u16::try_from(sizes.len()).expect("a frame has few packets");
        let time = u32::try_from(now.elapsed().as_nanos() * 9 / 100_000 % (1 << 32));
        let time = time.expect("a remainder");
        for (place, size) in (0..).zip(sizes) {
            let mut payload = Part { frame, place, count }.write().to_vec();
            payload.resize(size.max(PART_LENGTH), 0);
            let number = self.video_number;
            self.video_number += 1;
            self.write(now, VIDEO_SSRC, number, time, payload, place + 1 == count);
        }
    }

    fn write(
        &mut self,
        now: SimTime,
        ssrc: u32,
        number: u64,
        time: u32,
        payload: Vec<u8>,
        marker: bool,
    ) {
        let Some(ends) = &mut self.ends else { return };
        let is_video = ssrc == VIDEO_SSRC;
        let payload_type = if is_video { ends.types.1 } else { ends.types.0 };
        let wallclock = ends.sender.instant(now);
        let packet = RtpWrite::new(payload_type, number.into(), time, wallclock, payload)
            .marker(marker && is_video)
            .nackable(is_video);
        ends.sender.write(ssrc.into(), packet);
    }

    /// Hands on what the ends sent and heard, until both are quiet.
    fn exchange(&mut self, now: SimTime, out: &mut Outbox) {
        let Some(ends) = &mut self.ends else { return };
        loop {
            let checks = ends.sender.take_checks();
            let answers = ends.receiver.take_checks();
            if checks.is_empty() && answers.is_empty() {
                break;
            }
            checks.iter().for_each(|bytes| ends.receiver.receive(now, bytes));
            answers.iter().for_each(|bytes| ends.sender.receive(now, bytes));
        }
        for (peer, route) in
            [(&mut ends.sender, self.ways.forward), (&mut ends.receiver, self.ways.backward)]
        {
            for bytes in peer.take_sent() {
                let size = u32::try_from(bytes.len()).expect("a datagram is short") + UDP_OVERHEAD;
                out.push(route, size, Load::Media(bytes));
            }
        }
        for heard in ends.sender.take_heard() {
            if let Heard::Estimate(estimate) = heard {
                self.estimates.push((now, estimate));
                if self.plan.picture == Picture::Adaptive {
                    self.video.follow(now, SHARE * (estimate - SOUND));
                }
            }
        }
        for heard in ends.receiver.take_heard() {
            match heard {
                Heard::Packet { ssrc: VIDEO_SSRC, payload } => {
                    if let Some(part) = Part::read(&payload) {
                        self.ledger.arrive(now, part);
                    }
                }
                Heard::Packet { ssrc: AUDIO_SSRC, .. } => self.sound.1 += 1,
                Heard::Packet { .. } | Heard::Estimate(_) | Heard::Wall(_) => {}
            }
        }
    }
}

/// One in four is right: a hundred that are wrong are no chance.
const TRIES_MAX: usize = 100;

#[expect(clippy::cast_precision_loss, reason = "a small number")]
const START: f64 = START_KBPS as f64 * 1_000.0;

impl Ends {
    /// Two peers that know each other; all this takes place before `now` and beside the network.
    ///
    /// str0m keeps its streams in hash maps, whose order decides now and then what happens first and is another in each process. So
    /// peers are made until sound comes first on both sides.
    fn connect(now: SimTime) -> Self {
        let mut tries = std::iter::repeat_with(|| Self::meet(now)).take(TRIES_MAX);
        let found = tries.find_map(|mut ends| ends.has_sound_first(now).then_some(ends));
        found.expect("one of four is right")
    }

    /// Whether both sides go through sound first: asked for keyframes of both, the receiver writes its requests in that order, and
    /// the sender hands them on in its own.
    fn has_sound_first(&mut self, now: SimTime) -> bool {
        for ssrc in [AUDIO_SSRC, VIDEO_SSRC] {
            let mut direct = self.receiver.direct();
            let stream = direct.stream_rx(&ssrc.into()).expect("expected");
            stream.request_keyframe(KeyframeRequestKind::Pli);
        }
        self.receiver.run(now);
        let mut cipher = keys::cipher();
        let mut asked = Vec::new();
        for bytes in self.receiver.take_sent() {
            let plain = cipher.open_rtcp(&bytes).expect("these are its keys");
            asked.extend(Feedback::read(&plain).expect("RTCP").into_iter().filter_map(|request| {
                if let Request::Keyframe { ssrc } = request { Some(ssrc) } else { None }
            }));
            self.sender.receive(now, &bytes);
        }
        // What else the sender did meanwhile belongs to the flow, which begins now.
        let heard = self.sender.take_keyframes();
        asked == [AUDIO_SSRC, VIDEO_SSRC] && heard == [SOUND_MID.into(), PICTURE_MID.into()]
    }

    fn meet(now: SimTime) -> Self {
        let (mut sender, mut receiver) = peer::connect(now);
        let (sound, picture): (Mid, Mid) = (SOUND_MID.into(), PICTURE_MID.into());
        let (audio, video, rtx): (Ssrc, Ssrc, Ssrc) =
            (AUDIO_SSRC.into(), VIDEO_SSRC.into(), RTX_SSRC.into());
        for peer in [&mut sender, &mut receiver] {
            let mut direct = peer.direct();
            direct.declare_media(sound, MediaKind::Audio);
            direct.declare_media(picture, MediaKind::Video);
            direct.enable_twcc_feedback();
        }
        let mut direct = sender.direct();
        direct.declare_stream_tx(audio, None, sound, None);
        direct.declare_stream_tx(video, Some(rtx), picture, None);
        let mut direct = receiver.direct();
        direct.expect_stream_rx(audio, None, sound, None);
        direct.expect_stream_rx(video, Some(rtx), picture, None);
        let types = sender.payload_types();
        Self { sender, receiver, types }
    }
}
