//! From a packet in the history to a packet for one receiver.

use std::num::NonZeroU8;
use std::time::{Duration, Instant};

use simulcast::codec::PacketInfo;
use simulcast::frames::Place;
use simulcast::rewriter::{Capture, Form, Input, Rewrite};
use simulcast::selector::{Packet, Verdict};
use simulcast::{LayerId, RtpTimestamp, SequenceNumber};

use super::slot::Slot;
use crate::drop::DropReason;
use crate::media::{MediaKind, PublicationId, SlotId};
use crate::publication::Publication;
use crate::publication::clock::{PublisherClock, ntp_units};
use crate::publication::history::{HistoryKey, Recorded};
use crate::transport::pacer::Class;

/// A packet as its publication offers it to its subscribers.
#[derive(Clone, Copy, Debug)]
pub struct Offered {
    /// From which publication.
    pub publication: PublicationId,
    /// Where it stands in the history.
    pub key: HistoryKey,
    /// Which encoding it belongs to.
    pub encoding: u8,
    /// Index into the publication's payload maps.
    pub payload: u8,
    /// Its full sequence number.
    pub index: u64,
    /// Media time.
    pub timestamp: RtpTimestamp,
    /// Ticks a second of its clock.
    pub clock_rate: u32,
    /// What its payload says.
    pub info: PacketInfo,
    /// The place of its frame.
    pub place: Place,
    /// When it was captured: NTP in our clock where a sender report told, else when it arrived.
    pub capture: Capture,
    /// When it arrived, since the shard's start.
    pub arrival: Duration,
    /// When it was captured, or arrived where that is unknown, in our NTP clock.
    pub capture_ntp: u64,
    /// Bytes of its payload.
    pub length: usize,
    /// What it is to a pacer.
    pub class: Class,
}

/// A packet for one receiver, on its way through the pacer.
#[derive(Clone, Copy, Debug)]
pub struct Outgoing {
    /// Which slot sends it.
    pub slot: SlotId,
    /// Whether it was sent before and is repeated on the retransmission stream.
    pub resend: bool,
    /// The layer that flowed when it was chosen; `None` where that is no longer known.
    pub layer: Option<FlowingLayer>,
    /// In whose history it stands.
    pub publication: PublicationId,
    /// Where.
    pub key: HistoryKey,
    /// Its numbers towards this receiver.
    pub rewrite: Rewrite,
}

/// A layer in a byte, so that a packet in a pacer's queue is no longer for it.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub struct FlowingLayer(NonZeroU8);

impl FlowingLayer {
    /// Of a layer: ids beyond 7 count as that, of which there are none.
    #[must_use]
    pub fn of(layer: LayerId) -> Self {
        let LayerId { spatial, temporal } = layer;
        Self(MARK | (spatial.min(ID_MAX) << 3 | temporal.min(ID_MAX)))
    }

    /// The layer.
    #[must_use]
    pub const fn layer(self) -> LayerId {
        let ids = self.0.get();
        LayerId { spatial: ids >> 3 & ID_MAX, temporal: ids & ID_MAX }
    }
}

/// A packet that a slot takes.
#[derive(Clone, Copy, Debug)]
pub struct Taken {
    /// To be sent.
    pub outgoing: Outgoing,
    /// What it is to the slot.
    pub course: Course,
}

/// What a packet is to the slot that takes it.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub enum Course {
    /// It is of what flows.
    Continued,
    /// It is the first of another layer. What follows it may be here already, and was refused until now.
    Switched,
    /// It fills a hole: of what flowed before the last switch, or without its payload, where it was left out too late.
    Late,
}

/// What tells when a publisher's packets were captured.
#[derive(Clone, Copy, Debug)]
pub struct Clocks {
    /// The shard's start.
    pub start: Instant,
    /// The same in our NTP clock.
    pub start_ntp: u64,
    /// The publisher's clock in ours.
    pub publisher: PublisherClock,
}

impl Offered {
    /// A packet of a publication's history; `None` where it has been overwritten, or its frame is not known yet.
    #[must_use]
    pub fn new(source: &Publication, key: HistoryKey, clocks: &Clocks) -> Option<Self> {
        let Recorded { meta, payload, .. } = source.history.get(key)?;
        if meta.place == Place::UNKNOWN {
            return None;
        }
        let arrival = meta.arrival.saturating_duration_since(clocks.start);
        let arrival_ntp = clocks.start_ntp.wrapping_add(ntp_units(arrival));
        let theirs = source.capture_ntp(meta.encoding, meta.timestamp, meta.arrival);
        let ours = theirs.and_then(|theirs| clocks.publisher.ours(theirs));
        Some(Self {
            publication: source.spec.id,
            key,
            encoding: meta.encoding,
            payload: meta.payload,
            index: meta.sequence,
            timestamp: meta.timestamp,
            clock_rate: source.clock_rate(meta.payload)?,
            info: meta.info,
            place: meta.place,
            capture: ours
                .map_or(Capture::Unknown, |ntp| Capture::Known { clock: source.spec.id.0, ntp }),
            arrival,
            capture_ntp: ours.unwrap_or(arrival_ntp),
            length: payload.len(),
            class: match source.spec.source.kind() {
                MediaKind::Audio => Class::Audio,
                MediaKind::Video => Class::Video,
            },
        })
    }
}

impl Slot {
    /// Decides whether this slot sends the packet, and under which numbers.
    ///
    /// # Errors
    /// The reason why not. Nothing is anybody's fault: other layers, pictures that wait for a keyframe.
    pub fn offer(&mut self, offered: &Offered) -> Result<Taken, DropReason> {
        let subscription = self.subscription.as_mut().ok_or(DropReason::SlotChanged)?;
        if subscription.carriage(offered.payload).is_none() {
            return Err(DropReason::NoCommonCodec);
        }
        let Offered { encoding, timestamp, ref info, ref place, .. } = *offered;
        let packet = Packet { encoding, timestamp, info, place };
        let flowed = subscription.selector.flowing_encoding();
        let course = match subscription.selector.packet(packet) {
            Verdict::Forward => Course::Continued,
            Verdict::ForwardAsSwitch => Course::Switched,
            Verdict::Drop(reason) => {
                let rewrite = self.late(offered).or_else(|| self.leave_out(offered));
                let rewrite = rewrite.ok_or(reason)?;
                return Ok(Taken {
                    outgoing: self.outgoing(offered, rewrite),
                    course: Course::Late,
                });
            }
        };
        let input = Input {
            switch: course == Course::Switched || !subscription.started,
            index: offered.index,
            timestamp: offered.timestamp,
            clock_rate: offered.clock_rate,
            capture: offered.capture,
            arrival: offered.arrival,
            info: &offered.info,
        };
        let mut rewrite = self.rewriter.forward(input).ok_or(DropReason::BeforeSwitch)?;
        if subscription.selector.ends_picture(packet) {
            rewrite.form = Form::EndsPicture;
        }
        subscription.started = true;
        if course == Course::Switched {
            subscription.before = flowed;
        }
        self.report.forwarded(rewrite.timestamp, offered.capture_ntp);
        Ok(Taken { outgoing: self.outgoing(offered, rewrite), course })
    }

    /// Nothing more comes of what it carries, nor are the packets with these numbers sent.
    pub fn end_run(&mut self, unsent: &mut [SequenceNumber]) {
        self.rewriter.end_run(unsent);
    }

    /// The numbers of a packet that the last switch overtook.
    fn late(&self, offered: &Offered) -> Option<Rewrite> {
        let subscription = self.subscription.as_ref()?;
        subscription.selector.current()?;
        (subscription.before == Some(offered.encoding))
            .then(|| self.rewriter.late(offered.index, offered.timestamp, &offered.info))?
    }

    /// Leaves out a packet of what flows: another one gets its number. Where it comes too late for that, an empty packet goes in its
    /// place.
    fn leave_out(&mut self, offered: &Offered) -> Option<Rewrite> {
        let subscription = self.subscription.as_ref()?;
        let selector = &subscription.selector;
        let flows = selector.flowing_encoding() == Some(offered.encoding);
        (subscription.started && flows && !selector.is_needed(&offered.place))
            .then(|| self.rewriter.skip(offered.index, offered.timestamp, Some(&offered.info)))?
    }

    fn outgoing(&self, offered: &Offered, rewrite: Rewrite) -> Outgoing {
        let Offered { publication, key, .. } = *offered;
        let flows = self.subscription.as_ref().and_then(|it| it.selector.current());
        let layer = flows.map(FlowingLayer::of);
        Outgoing { slot: self.spec.id, resend: false, layer, publication, key, rewrite }
    }

    /// Tells the rewriter of a packet of padding, so that its number leaves no gap. One that comes late leaves its hole: it is
    /// in no history from which it could be filled.
    pub fn skip(&mut self, encoding: u8, index: u64) {
        let Some(subscription) = &self.subscription else { return };
        if subscription.started && subscription.selector.flowing_encoding() == Some(encoding) {
            let _hole = self.rewriter.skip(index, RtpTimestamp::default(), None);
        }
    }
}

/// Makes a byte that is never zero.
const MARK: NonZeroU8 = NonZeroU8::MIN.saturating_add(0x7f);
/// Spatial and temporal ids have three bits (AV1 has two and three, VP9 three each).
const ID_MAX: u8 = 7;

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_layer_comes_out_of_its_byte_as_it_went_in() {
        for layer in
            (0..8).flat_map(|spatial| (0..8).map(move |temporal| LayerId { spatial, temporal }))
        {
            assert_eq!(FlowingLayer::of(layer).layer(), layer);
        }
        assert_eq!(size_of::<Option<FlowingLayer>>(), 1);
        assert_eq!(size_of::<Outgoing>(), 24, "a packet in a pacer's queue is as short as it was");
    }
}
