//! One encoding of a publication: its stream, its frames, what its layers cost, and whether it sleeps.

use std::time::{Duration, Instant};

use arrayvec::ArrayVec;
use simulcast::codec::PacketInfo;
use simulcast::frames::{Frames, Place};
use simulcast::layer::{SPATIAL_MAX, TEMPORAL_MAX};
use simulcast::{Bitrate, Layer, LayerId, Spread};

use super::Incoming;
use super::demand::KeyframeDemand;
use super::frame_rate::FrameRate;
use super::hindrance::Loss;
use super::history::HistoryKey;
use super::layers::{Layers, TEMPORAL_ALL};
use super::receive::{Arrival, Arrived, How, Receive};
use crate::drop::DropReason;

/// What is known of one encoding.
#[derive(Debug)]
pub(super) struct EncodingState {
    pub(super) stream: Option<Receive>,
    pub(super) demand: KeyframeDemand,
    /// Keyframes asked for, modulo 256: the numbers of FIR.
    pub(super) requests: u8,
    pub(super) height: u16,
    pub(super) frames: Frames,
    frame_rate: Option<FrameRate>,
    pub(super) layers: Box<Layers>,
    /// Packets whose frame is not known yet, the oldest first.
    pub(super) early: ArrayVec<HistoryKey, EARLY_MAX>,
    pub(super) loss: Loss,
    asleep: Option<Asleep>,
}

/// An encoding that its publisher was told not to send: what it can be had for.
#[derive(Debug)]
struct Asleep {
    /// As they were when it was sent last.
    layers: ArrayVec<Layer, LAYERS_MAX>,
    /// From when on it counts as gone if nothing has come; `None` while it is not asked for.
    given_up: Option<Instant>,
}

impl EncodingState {
    pub(super) fn new() -> Self {
        Self {
            stream: None,
            demand: KeyframeDemand::default(),
            requests: 0,
            height: 0,
            frames: Frames::default(),
            frame_rate: None,
            layers: Box::new(Layers::new()),
            early: ArrayVec::new(),
            loss: Loss::default(),
            asleep: None,
        }
    }
}

impl EncodingState {
    /// Counts a packet of its stream with so many bytes of payload, ticks of `clock_rate` a second.
    ///
    /// # Errors
    /// It was here before, or is too old.
    pub(super) fn arrive(
        &mut self,
        now: Instant,
        packet: &Incoming<'_>,
        payload: usize,
        clock_rate: u32,
    ) -> Result<Arrived, DropReason> {
        let how = match (payload, packet.retransmitted) {
            (0, _) => How::Padding,
            (1.., true) => How::Retransmission,
            (1.., false) => How::Media,
        };
        let stream = self.stream.get_or_insert_with(|| Receive::new(packet.ssrc, clock_rate));
        let arrived =
            stream.packet(packet.arrival, packet.sequence, packet.timestamp, payload, how);
        if arrived.lost {
            self.break_off(now);
        }
        match arrived.kind {
            Arrival::New | Arrival::Late => Ok(arrived),
            Arrival::Duplicate => Err(DropReason::Duplicate),
            Arrival::TooOld => Err(DropReason::TooOld),
        }
    }

    /// Adds its layers: as they are, or, of a simulcast publication, the temporal ones of its largest picture as its own.
    pub(super) fn describe(
        &self,
        now: Instant,
        place: u8,
        spread: Spread,
        out: &mut ArrayVec<Layer, LAYERS_MAX>,
    ) {
        let stream = self.stream.as_ref().filter(|stream| stream.is_active(now));
        let active = stream.is_some();
        let whole = Layer {
            id: LayerId { spatial: place, temporal: TEMPORAL_ALL },
            height: self.height,
            frame_rate: self.frame_rate.map_or(0, |frames| frames.rate()),
            bitrate: self.stream.as_ref().map_or(Bitrate::ZERO, |stream| stream.bitrate(now)),
            active,
        };
        let all: ArrayVec<Layer, LAYERS_MAX> = self.layers.all(now, &self.frames).collect();
        let largest = all.iter().map(|layer| layer.id.spatial).max();
        let of_largest =
            |layer: &&Layer| spread == Spread::Layers || Some(layer.id.spatial) == largest;
        let before = out.len();
        if let Some(asleep) = self.asleep.as_ref()
            && !active
            && asleep.given_up.is_none_or(|until| now < until)
        {
            let _room = out.try_extend_from_slice(&asleep.layers);
            return;
        }
        for layer in all.iter().filter(of_largest) {
            let id = match spread {
                Spread::Layers => layer.id,
                Spread::Encodings => LayerId { spatial: place, ..layer.id },
            };
            let is_top = Some(layer.id.spatial) == largest;
            let height = if is_top { self.height } else { layer.height };
            let active = active && layer.active;
            let _room = out.try_push(Layer { id, height, active, ..*layer });
        }
        if out.len() == before {
            // Until a keyframe has told of its layers here, those that another shard knew of: counted as one it may cost more than
            // anybody has room for, and then nobody asks for a keyframe.
            let learnt = self.asleep.as_ref().filter(|learnt| learnt.layers.len() > 1);
            let learnt = learnt.filter(|_| spread == Spread::Layers);
            let layers =
                learnt.map_or_else(|| std::slice::from_ref(&whole), |learnt| &learnt.layers[..]);
            for layer in layers {
                let _room = out.try_push(Layer { active, ..*layer });
            }
        }
        // One that has just woken is not yet measured, nor has each of its layers been seen again.
        let awake = self.asleep.as_ref().filter(|it| it.given_up.is_some_and(|until| now < until));
        let known = awake.map_or(&[][..], |awake| awake.layers.as_slice());
        for layer in out.iter_mut().skip(before) {
            if let Some(known) = known.iter().find(|known| known.id == layer.id) {
                layer.bitrate = layer.bitrate.max(known.bitrate);
                layer.active |= active;
            }
        }
    }
}

impl EncodingState {
    /// Remembers what it was sent as, if it was.
    pub(super) fn fall_asleep(&mut self, now: Instant, place: u8, spread: Spread) {
        self.asleep = None;
        let mut layers = ArrayVec::new();
        self.describe(now, place, spread, &mut layers);
        layers.retain(|layer| layer.active);
        self.asleep = (!layers.is_empty()).then_some(Asleep { layers, given_up: None });
    }
}

impl EncodingState {
    /// It is asked for again.
    pub(super) fn wake(&mut self, now: Instant) {
        if let Some(asleep) = &mut self.asleep {
            asleep.given_up = Some(now + WAKING_MAX);
        }
    }

    /// Takes over what another shard knows of its layers: as if it slept, and had been woken just now unless it is told to sleep.
    pub(super) fn learn(&mut self, now: Instant, layers: ArrayVec<Layer, LAYERS_MAX>, awake: bool) {
        let given_up = awake.then(|| now + WAKING_MAX);
        self.asleep = (!layers.is_empty()).then_some(Asleep { layers, given_up });
    }
}

impl EncodingState {
    /// Takes in what a packet of `bytes` bytes of payload says of its frame.
    pub(super) fn note(
        &mut self,
        arrival: Instant,
        info: &PacketInfo,
        place: &Place,
        bytes: usize,
    ) {
        self.layers.packet(arrival, info, place, self.frames.offered(), bytes);
        if info.starts_frame {
            self.frame_rate.get_or_insert_with(|| FrameRate::new(arrival)).add(arrival);
        }
        if info.starts_keyframe {
            self.loss.is_broken = false;
            self.demand.keyframe_arrived();
        }
        if let Some((_, height)) = info.height {
            self.height = height;
        }
    }

    /// So much was lost that nothing of it goes on without a keyframe.
    pub(super) fn break_off(&mut self, now: Instant) {
        self.loss.is_broken = true;
        self.demand.want(now);
    }

    /// Whether media of it arrives.
    pub(super) fn flows(&self, now: Instant) -> bool {
        self.stream.as_ref().is_some_and(|stream| stream.is_active(now))
    }

    /// Whether it has a spatial layer above `spatial`, whether or not that arrives.
    pub(super) fn has_larger(&self, now: Instant, spatial: u8) -> bool {
        self.layers.all(now, &self.frames).any(|layer| layer.id.spatial > spatial)
    }

    /// The lines of its spatial layer `spatial`, or of its largest one where it is one of several encodings; 0 where unknown.
    pub(super) fn lines(&self, now: Instant, spatial: u8, spread: Spread) -> u16 {
        if spread == Spread::Encodings || !self.has_larger(now, spatial) {
            return self.height;
        }
        let own = self.layers.all(now, &self.frames).filter(|layer| layer.id.spatial == spatial);
        own.map(|layer| layer.height).max().unwrap_or(0)
    }

    /// Keeps a packet whose frame is not known yet; the oldest goes where there are too many.
    pub(super) fn put_aside(&mut self, key: HistoryKey) {
        if self.early.is_full() {
            self.early.remove(0);
        }
        self.early.push(key);
    }
}

/// Packets of one encoding that wait for the packet that tells their frames: those of the fifth of a second in which it is asked for
/// again, at 6 Mbit/s. Of more, the oldest are given up.
pub(super) const EARLY_MAX: usize = 128;

/// Layers of one publication: those of one encoding, or the temporal ones of three.
pub const LAYERS_MAX: usize = SPATIAL_MAX as usize * TEMPORAL_MAX as usize;

/// An encoding that was told to wake sends within a round trip and an encoder's start; after this its publisher has other reasons
/// not to send it.
const WAKING_MAX: Duration = Duration::from_secs(3);
