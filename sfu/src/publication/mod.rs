//! One uploaded track: its encodings, what arrived of them, and the last packets in plaintext.
//!
//! ```text
//! opened packet ─► Streams: whose is it? ─► Receive: new? late? ─► codec::inspect ─► History ─► subscribers
//!                                             │ gaps: NACK                │ keyframe: KeyframeDemand satisfied
//! ```
//!
//! A publication knows who subscribes to it, but nothing of how they send: subscriptions see only its
//! [`History`] and what [`Publication::receive`] returns.

pub mod cap;
pub mod clock;
pub mod demand;
mod encoding;
mod frame_rate;
pub mod hindrance;
pub mod history;
pub mod layers;
mod missing;
mod rate;
pub mod receive;
pub mod streams;
pub mod uplink;

use std::time::{Duration, Instant};

use arrayvec::ArrayVec;
use simulcast::codec::descriptor::Targets;
use simulcast::codec::{Codec, PacketInfo};
use simulcast::frames::Place;
use simulcast::rewriter::Beginning;
use simulcast::{Layer, LayerId, RtpTimestamp, SequenceNumber, Spread};

use crate::channel::participant::ParticipantKey;
use crate::channel::{ChannelKey, VoiceKey};
use crate::drop::DropReason;
use crate::media::{
    MediaKind, ParticipantId, PayloadMap, PayloadType, PublicationSpec, SlotId, Ssrc,
};
use crate::packet::extension::Extensions;
use crate::relay::ShardIndex;
use clock::PublisherClock;
use demand::{Demand, LayerDemand};
pub use encoding::LAYERS_MAX;
use encoding::{EARLY_MAX, EncodingState};
use hindrance::Hindrance;
use history::{History, HistoryKey, Meta, Recorded};
use missing::NACK_MAX;
use receive::{Arrival, Arrived, Capture, Receive};

slotmap::new_key_type! {
    /// A publication within its shard.
    pub struct PublicationKey;
}

/// One uploaded track.
#[derive(Debug)]
pub struct Publication {
    /// Who uploads it.
    pub owner: ParticipantId,
    /// In which channel.
    pub channel: ChannelKey,
    /// Where its packets come from.
    pub feed: Feed,
    /// What was negotiated for it.
    pub spec: PublicationSpec,
    /// The last packets, for all receivers.
    pub history: History,
    /// Whether its owner has it switched on and a packet has arrived: only then it takes a slot.
    pub live: bool,
    /// Whether somebody who may has silenced it for everybody, whatever its owner says.
    pub silenced: bool,
    /// What its publisher, or the way from there, makes it less than it could be.
    pub hindrance: Hindrance,
    layer_demand: LayerDemand,
    /// What other shards want of it; of a mirror, under its own shard's index, what that shard was told.
    elsewhere: Vec<(ShardIndex, Demand)>,
    encodings: ArrayVec<EncodingState, ENCODINGS_MAX>,
    subscribers: Vec<Subscriber>,
}

/// Where a publication's packets come from.
#[derive(Clone, Copy, Debug)]
pub enum Feed {
    /// A transport of this shard.
    Received {
        /// Whose.
        from: ParticipantKey,
    },
    /// Another shard, over a relay.
    Mirrored {
        /// Which.
        shard: ShardIndex,
        /// Its key there.
        publication: PublicationKey,
        /// The publisher's clock, as that shard knows it.
        clock: PublisherClock,
    },
}

/// A slot that carries a publication.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub struct Subscriber {
    /// Whose slot.
    pub participant: ParticipantKey,
    /// Which of its slots.
    pub slot: SlotId,
}

/// A packet that was opened, and whose it is.
#[derive(Clone, Copy, Debug)]
pub struct Incoming<'a> {
    /// Its encoding's place in the publication.
    pub encoding: u8,
    /// The SSRC of the encoding's media stream, also for retransmissions.
    pub ssrc: Ssrc,
    /// The original number, also for retransmissions.
    pub sequence: SequenceNumber,
    /// Media time.
    pub timestamp: RtpTimestamp,
    /// The original payload type, also for retransmissions.
    pub payload_type: PayloadType,
    /// The RTP marker.
    pub marker: bool,
    /// Without the retransmission's header, without padding; empty for padding alone.
    pub payload: &'a [u8],
    /// Its header extensions.
    pub extensions: Extensions<'a>,
    /// Whether it came as a retransmission.
    pub retransmitted: bool,
    /// By the kernel.
    pub arrival: Instant,
}

impl Incoming<'_> {
    /// What the history keeps of it beside its bytes.
    fn meta(
        &self,
        (payload, codec): (u8, Codec),
        sequence: u64,
        info: PacketInfo,
        place: Place,
    ) -> Meta {
        let extensions = &self.extensions;
        Meta {
            encoding: self.encoding,
            payload,
            marker: self.marker,
            sequence,
            timestamp: self.timestamp,
            arrival: self.arrival,
            audio_level: extensions.audio_level,
            orientation: extensions.orientation,
            playout_delay: extensions.playout_delay,
            capture_time: extensions.capture_time,
            info,
            place,
            beginning: Beginning::new(codec, self.payload),
        }
    }
}

/// What a packet did to its publication.
#[derive(Clone, Copy, Debug)]
pub enum Received {
    /// It is in the history now and goes to the subscribers.
    Packet {
        /// Where it stands in the history.
        key: HistoryKey,
        /// Later ones of its stream are here already.
        late: bool,
        /// It tells the frames of packets that came before it: [`Publication::take_up`] has those.
        explains: bool,
    },
    /// It is in the history, but which frame it belongs to will be told by a packet that it overtook.
    Early,
    /// Padding alone: nothing to forward, but its number must not look like a loss.
    Padding {
        /// Its full sequence number.
        index: u64,
    },
}

impl Incoming<'_> {
    /// Everything of it that has a fixed size. The parts that told whose packet it is are left out: they have served.
    #[must_use]
    pub const fn without_bytes(&self) -> Incoming<'static> {
        let Extensions {
            transport_sequence,
            absolute_send_time,
            audio_level,
            orientation,
            playout_delay,
            capture_time,
            ..
        } = self.extensions;
        Incoming {
            encoding: self.encoding,
            ssrc: self.ssrc,
            sequence: self.sequence,
            timestamp: self.timestamp,
            payload_type: self.payload_type,
            marker: self.marker,
            payload: &[],
            extensions: Extensions {
                mid: None,
                rid: None,
                repaired_rid: None,
                transport_sequence,
                absolute_send_time,
                audio_level,
                orientation,
                playout_delay,
                capture_time,
                dependency_descriptor: None,
            },
            retransmitted: self.retransmitted,
            arrival: self.arrival,
        }
    }
}

impl Publication {
    /// A publication from which nothing has arrived yet.
    #[must_use]
    pub fn new(
        owner: ParticipantId,
        channel: ChannelKey,
        feed: Feed,
        spec: PublicationSpec,
    ) -> Self {
        let encodings =
            spec.encodings.iter().take(ENCODINGS_MAX).map(|_| EncodingState::new()).collect();
        let (bytes, packets) = match spec.source.kind() {
            MediaKind::Audio => (history::AUDIO_BYTES, history::AUDIO_PACKETS),
            MediaKind::Video => (history::VIDEO_BYTES, history::VIDEO_PACKETS),
        };
        Self {
            owner,
            channel,
            feed,
            spec,
            history: History::new(bytes, packets),
            live: false,
            silenced: false,
            hindrance: Hindrance::default(),
            layer_demand: LayerDemand::default(),
            elsewhere: Vec::new(),
            encodings,
            subscribers: Vec::new(),
        }
    }

    /// Takes in a packet of one of its encodings.
    ///
    /// # Errors
    /// The reason for which it goes no further: a duplicate, too old, a payload type that was not
    /// negotiated or a payload that cannot be read. All are the publisher's fault or its network's.
    pub fn receive(&mut self, now: Instant, packet: &Incoming<'_>) -> Result<Received, DropReason> {
        let (payload, map) = self.payload_map(packet.payload_type)?;
        let spread = self.spread();
        let encoding = self.encodings.get_mut(usize::from(packet.encoding));
        let encoding = encoding.ok_or(DropReason::UnknownStream)?;
        let clock_rate = map.format.clock_rate();
        let Arrived { index, kind, .. } =
            encoding.arrive(now, packet, packet.payload.len(), clock_rate)?;
        if packet.payload.is_empty() {
            return Ok(Received::Padding { index });
        }
        let descriptor = packet.extensions.dependency_descriptor;
        let (codec, length) = (map.format.codec(), packet.payload.len());
        let before = encoding.frames.sequence();
        let (info, place) = encoding
            .frames
            .read(codec, packet.payload, packet.marker, descriptor)
            .map_err(|_| DropReason::DescriptorMalformed)?;
        if let Some(place) = &place {
            encoding.note(packet.arrival, &info, place, length);
        }
        let explains = !encoding.early.is_empty() && encoding.frames.sequence() != before;
        let spread_place =
            place.map_or(Place::UNKNOWN, |place| place.spread(spread, packet.encoding));
        let meta = packet.meta((payload, codec), index, info, spread_place);
        let key = self
            .history
            .push(meta, descriptor.unwrap_or_default(), packet.payload)
            .ok_or(DropReason::DatagramTooLong)?;
        if place.is_none() {
            encoding.put_aside(key);
            return Ok(Received::Early);
        }
        Ok(Received::Packet { key, late: kind == Arrival::Late, explains })
    }

    /// A packet of a mirror that stayed at the other shard, with so many bytes of payload: it counts as arrived, and is in no history.
    ///
    /// # Errors
    /// As for [`Self::receive`].
    pub fn pass(
        &mut self,
        now: Instant,
        packet: &Incoming<'_>,
        payload: usize,
    ) -> Result<(), DropReason> {
        let (_, map) = self.payload_map(packet.payload_type)?;
        let encoding = self.encodings.get_mut(usize::from(packet.encoding));
        let encoding = encoding.ok_or(DropReason::UnknownStream)?;
        encoding.arrive(now, packet, payload, map.format.clock_rate()).map(|_| ())
    }

    /// The packets of `encoding` that were [`Received::Early`] and whose frames are known now, as they came.
    #[cold]
    pub fn take_up(&mut self, encoding: u8) -> ArrayVec<HistoryKey, EARLY_MAX> {
        let (spread, number) = (self.spread(), encoding);
        let mut known = ArrayVec::new();
        let Some(encoding) = self.encodings.get_mut(usize::from(number)) else { return known };
        for key in std::mem::take(&mut encoding.early) {
            let Some(Recorded { meta, descriptor, payload }) = self.history.get(key) else {
                continue;
            };
            let map = self.spec.payloads.get(usize::from(meta.payload));
            let Some(codec) = map.map(|map| map.format.codec()) else { continue };
            let read = encoding.frames.read(codec, payload, meta.marker, Some(descriptor));
            match read {
                Ok((info, Some(place))) => {
                    encoding.note(meta.arrival, &info, &place, payload.len());
                    self.history.amend(key, info, place.spread(spread, number));
                    known.push(key);
                }
                Ok((_, None)) => encoding.put_aside(key),
                Err(_) => {}
            }
        }
        known
    }

    /// Takes over what a new answer says. What has arrived stays.
    pub fn renegotiate(&mut self, spec: PublicationSpec) {
        while self.encodings.len() < spec.encodings.len().min(ENCODINGS_MAX) {
            self.encodings.push(EncodingState::new());
        }
        self.spec = spec;
    }

    /// The decode targets that remain of a packet's frame for a receiver of `layer`.
    #[must_use]
    pub fn targets(&self, meta: &Meta, layer: LayerId) -> Option<Targets> {
        let encoding = self.encodings.get(usize::from(meta.encoding))?;
        // All spatial layers within one of several encodings are forwarded.
        let layer = match self.spread() {
            Spread::Encodings => LayerId { spatial: u8::MAX, ..layer },
            Spread::Layers => layer,
        };
        encoding.frames.targets(&meta.place, layer)
    }

    /// Ticks a second of the clock of one of the negotiated payload maps, by its place among them.
    #[must_use]
    pub fn clock_rate(&self, payload: u8) -> Option<u32> {
        self.spec.payloads.get(usize::from(payload)).map(|map| map.format.clock_rate())
    }

    /// When a packet was captured, NTP in the publisher's clock, once a sender report was seen.
    #[must_use]
    pub fn capture_ntp(
        &self,
        encoding: u8,
        timestamp: RtpTimestamp,
        arrival: Instant,
    ) -> Option<u64> {
        let stream = self.encodings.get(usize::from(encoding))?.stream.as_ref()?;
        match stream.capture(timestamp, arrival) {
            Capture::Publisher(ntp) => Some(ntp),
            Capture::Arrival(_) => None,
        }
    }

    fn payload_map(&self, payload_type: PayloadType) -> Result<(u8, PayloadMap), DropReason> {
        let found =
            self.spec.payloads.iter().zip(0..).find(|(map, _)| map.payload_type == payload_type);
        found.map(|(map, place)| (place, *map)).ok_or(DropReason::PayloadTypeNotNegotiated)
    }

    /// What the spatial ids of its layers stand for: its encodings, or the spatial layers of its only one.
    #[must_use]
    pub const fn spread(&self) -> Spread {
        if self.encodings.len() > 1 { Spread::Encodings } else { Spread::Layers }
    }

    /// Its layers as the allocator wants them, with measured rates. An encoding that tells nothing of its layers is one.
    #[must_use]
    pub fn layers(&self, now: Instant) -> ArrayVec<Layer, LAYERS_MAX> {
        let mut layers = ArrayVec::new();
        for (encoding, place) in self.encodings.iter().zip(0u8..) {
            encoding.describe(now, place, self.spread(), &mut layers);
        }
        layers
    }

    /// What to tell its publisher now that `demand` is wanted of its encodings; `None` where that is no news.
    ///
    /// Of one that is told to sleep the last layers are remembered, so that it can be wanted again.
    pub fn tell_demand(&mut self, now: Instant, demand: Demand) -> Option<Demand> {
        let before = self.layer_demand.told();
        let count = u8::try_from(self.encodings.len()).unwrap_or(u8::MAX);
        let flowing = (0u8..).zip(&self.encodings).filter(|(_, encoding)| encoding.flows(now));
        let flowing = flowing.fold(Demand::NONE, |flowing, (place, _)| flowing.with(place));
        let told = self.layer_demand.poll(now, demand, flowing, count)?;
        self.follow(now, before, told);
        Some(told)
    }

    /// Of a mirror: its publisher was told to send these encodings and no others.
    pub fn learn_told(&mut self, now: Instant, told: Demand) {
        let before = self.layer_demand.learn(told);
        self.follow(now, before, told);
    }

    fn follow(&mut self, now: Instant, before: Demand, told: Demand) {
        let spread = self.spread();
        for (encoding, place) in self.encodings.iter_mut().zip(0u8..) {
            match (before.wants(place), told.wants(place)) {
                (true, false) => encoding.fall_asleep(now, place, spread),
                (false, true) => encoding.wake(now),
                (true, true) | (false, false) => {}
            }
        }
    }

    /// What its publisher was told to send.
    #[must_use]
    pub const fn told(&self) -> Demand {
        self.layer_demand.told()
    }

    /// What a shard wants of it, or was told that is wanted; `None` before that was said.
    #[must_use]
    pub fn wanted_by(&self, shard: ShardIndex) -> Option<Demand> {
        self.elsewhere.iter().find(|(known, _)| *known == shard).map(|(_, demand)| *demand)
    }

    /// Takes over what a shard wants of it.
    pub fn set_wanted_by(&mut self, shard: ShardIndex, demand: Demand) {
        self.elsewhere.retain(|(known, _)| *known != shard);
        self.elsewhere.push((shard, demand));
    }

    /// Whether `demand` wants an encoding that its publisher was told not to send.
    #[must_use]
    pub fn lacks(&self, demand: Demand) -> bool {
        demand.merged(self.layer_demand.told()) != self.layer_demand.told()
    }

    /// How many encodings it has.
    #[must_use]
    pub const fn encoding_count(&self) -> usize {
        self.encodings.len()
    }

    /// Whether a keyframe of `encoding` cannot be had by asking: no way to ask was negotiated, or nothing came of it.
    #[must_use]
    pub fn is_deaf(&self, encoding: u8) -> bool {
        let (encoding, how) = (self.encodings.get(usize::from(encoding)), self.spec.feedback);
        !(how.pli || how.fir) || encoding.is_some_and(|encoding| encoding.demand.is_deaf())
    }

    /// The stream of an encoding, once a packet of it has arrived.
    pub fn stream(&mut self, encoding: u8) -> Option<&mut Receive> {
        self.encodings.get_mut(usize::from(encoding))?.stream.as_mut()
    }

    /// All streams from which something has arrived.
    pub fn streams(&mut self) -> impl Iterator<Item = &mut Receive> {
        self.encodings.iter_mut().filter_map(|encoding| encoding.stream.as_mut())
    }

    /// The packets to ask the publisher for now, by stream.
    ///
    /// What is given up is asked for no more; pictures then need a keyframe, and it is wanted from here on.
    pub fn losses(
        &mut self,
        now: Instant,
        round_trip: Duration,
    ) -> impl Iterator<Item = (Ssrc, Missing)> {
        self.encodings.iter_mut().filter_map(move |encoding| {
            let stream = encoding.stream.as_mut()?;
            let mut missing = Missing::new();
            if stream.nacks(now, round_trip, &mut missing) > 0 {
                encoding.loss.is_broken = true;
                encoding.demand.want(now);
            }
            Some((stream.ssrc(), missing)).filter(|(_, missing)| !missing.is_empty())
        })
    }

    /// Somebody needs a keyframe of `encoding`.
    pub fn want_keyframe(&mut self, now: Instant, encoding: u8) {
        if let Some(encoding) = self.encodings.get_mut(usize::from(encoding)) {
            encoding.demand.want(now);
        }
    }

    /// The media SSRCs from which a keyframe is to be asked now, each with the number of this request.
    pub fn keyframe_requests(&mut self, now: Instant) -> impl Iterator<Item = (Ssrc, u8)> {
        self.encodings.iter_mut().filter_map(move |encoding| {
            let ssrc = encoding.stream.as_ref()?.ssrc();
            encoding.demand.poll(now).then(|| {
                encoding.requests = encoding.requests.wrapping_add(1);
                (ssrc, encoding.requests)
            })
        })
    }

    /// The encodings of which a keyframe is to be asked of another shard now.
    pub fn keyframes_wanted(&mut self, now: Instant) -> impl Iterator<Item = u8> {
        let wanted = self.encodings.iter_mut().zip(0u8..);
        wanted.filter_map(move |(encoding, place)| encoding.demand.poll(now).then_some(place))
    }

    /// When [`Self::keyframe_requests`] or [`Self::losses`] have something to say.
    #[must_use]
    pub fn deadline(&self) -> Option<Instant> {
        let begun = || self.encodings.iter().filter(|encoding| encoding.stream.is_some());
        let demands = begun().filter_map(|encoding| encoding.demand.deadline());
        let losses = begun().filter_map(|encoding| encoding.stream.as_ref()?.nack_deadline());
        demands.chain(losses.filter(|_| self.spec.feedback.nack)).min()
    }

    /// The heights of its encodings, lowest first; 0 where unknown.
    #[must_use]
    pub fn heights(&self) -> [u16; ENCODINGS_MAX] {
        let mut heights = [0; ENCODINGS_MAX];
        for (height, encoding) in heights.iter_mut().zip(&self.encodings) {
            *height = encoding.height;
        }
        heights
    }

    /// Takes over what another shard has learnt of its encodings: heights, layers, and which of them are sent.
    pub fn learn(
        &mut self,
        now: Instant,
        heights: [u16; ENCODINGS_MAX],
        layers: &[Layer],
        told: Demand,
    ) {
        let spread = self.spread();
        self.layer_demand.learn(told);
        for ((encoding, height), place) in self.encodings.iter_mut().zip(heights).zip(0u8..) {
            encoding.height = height;
            let own = layers.iter().copied();
            let own = own.filter(|layer| layer.active && spread.encoding(layer.id) == place);
            encoding.learn(now, own.take(LAYERS_MAX).collect(), told.wants(place));
        }
    }

    /// Its place among the voices of its channel.
    #[must_use]
    pub const fn voice(&self, key: PublicationKey) -> VoiceKey {
        VoiceKey { id: self.spec.id, key }
    }

    /// The slots that carry it.
    #[must_use]
    pub fn subscribers(&self) -> &[Subscriber] {
        &self.subscribers
    }

    /// Adds a slot that carries it.
    pub fn subscribe(&mut self, subscriber: Subscriber) {
        if !self.subscribers.contains(&subscriber) {
            self.subscribers.push(subscriber);
        }
    }

    /// Removes a slot that carried it.
    pub fn unsubscribe(&mut self, subscriber: Subscriber) {
        self.subscribers.retain(|existing| *existing != subscriber);
    }

    /// Forgets the stream of `ssrc`, whose sender said goodbye or restarted.
    pub fn end_stream(&mut self, ssrc: Ssrc) {
        for encoding in &mut self.encodings {
            if encoding.stream.as_ref().is_some_and(|stream| stream.ssrc() == ssrc) {
                encoding.stream = None;
            }
        }
    }
}

/// Numbers of packets that one NACK asks for.
type Missing = ArrayVec<SequenceNumber, NACK_MAX>;

/// Encodings of one publication: three is what browsers send and what the layers of a call need.
pub const ENCODINGS_MAX: usize = 3;

#[cfg(test)]
#[path = "publication_tests.rs"]
mod tests;
