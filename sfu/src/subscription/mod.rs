//! A publication in a slot: which layer, how it continues, what is resent and reported.
//!
//! ```text
//! publication ─► Slot::offer: Selector (Forward or Drop), Rewriter ─► Outgoing ─► pacer ─► Slot::write ─► sealed
//! ```

pub mod descent;
pub mod forward;
pub mod padding;
pub mod report;
pub mod slot;

use std::time::{Duration, Instant};

use arrayvec::ArrayVec;
use simulcast::allocator::{self, Target};
use simulcast::codec::descriptor::Descriptor;
use simulcast::selector::Selector;
use simulcast::{LayerId, Spread};

use crate::event::{Outcome, Reason};
use crate::media::{
    Format, MediaKind, ParticipantId, PayloadMap, PayloadType, PublicationId, SlotSpec,
};
use crate::publication::demand::Demand;
use crate::publication::hindrance::{Lack, Shortage};
use crate::publication::{Publication, PublicationKey};
use descent::Descent;
use forward::FlowingLayer;

/// A publication assigned to a slot.
#[derive(Debug)]
pub struct Subscription {
    /// Which track.
    pub publication: PublicationKey,
    /// The same, as signaling and receivers know it.
    pub id: PublicationId,
    /// Whose track.
    pub publisher: ParticipantId,
    /// Which layer of it.
    pub selector: Selector,
    /// Whether a packet of it was forwarded yet: the first one is a switch.
    pub started: bool,
    /// What its receiver gets of it, and why.
    pub outcome: Outcome,
    /// Which of its encodings the receiver wants, or may soon.
    pub demand: Demand,
    /// The encoding that flowed before the last switch, straight into which it led: its late packets may still go.
    pub before: Option<u8>,
    /// How it is let go of, where its link does not carry it.
    pub descent: Descent,
    carriages: ArrayVec<Option<Carriage>, PAYLOADS_MAX>,
}

/// How a payload type of the publication travels in the slot.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub struct Carriage {
    /// The receiver's number for it.
    pub payload_type: PayloadType,
    /// The receiver's number for its retransmissions.
    pub rtx: Option<PayloadType>,
    /// What part of the payload travels.
    pub part: Part,
}

/// What part of a payload a receiver gets.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub enum Part {
    /// All of it.
    Whole,
    /// The primary block of redundant audio: the receiver did not negotiate RED (RFC 2198).
    Primary,
    /// All of redundant audio, whose blocks have another payload type with this receiver than with their publisher.
    Renumbered {
        /// The publisher's.
        from: PayloadType,
        /// The receiver's.
        to: PayloadType,
    },
}

impl Subscription {
    /// A publication in a slot with this receiver's payload types. `keyframes` tells whether pictures begin with one, as they do in a
    /// server.
    #[must_use]
    pub fn new(
        key: PublicationKey,
        publication: &Publication,
        slot: &SlotSpec,
        keyframes: bool,
    ) -> Self {
        let selector = match slot.kind {
            // Sound has one layer and no keyframes: it flows at once.
            MediaKind::Audio => Selector::flowing(),
            MediaKind::Video if keyframes => Selector::paused(publication.spread()),
            MediaKind::Video => Selector::impatient(publication.spread()),
        };
        // Whatever a picture's layers, an allocation says which are wanted.
        let demand = match slot.kind {
            MediaKind::Audio => Demand::ALL,
            MediaKind::Video => Demand::NONE,
        };
        let carriages = Self::carriages(publication, slot);
        let (id, publisher) = (publication.spec.id, publication.owner);
        let is_carried = carriages.iter().any(Option::is_some);
        let reason = match slot.kind {
            _ if !is_carried => Reason::Codec,
            MediaKind::Audio => Reason::Full,
            MediaKind::Video => Reason::Starting,
        };
        Self {
            publication: key,
            id,
            publisher,
            selector,
            started: false,
            outcome: Outcome::of(reason),
            demand,
            before: None,
            descent: Descent::default(),
            carriages,
        }
    }

    /// Takes over payload types that a new answer changed on either side; what flows goes on.
    pub fn renegotiate(&mut self, publication: &Publication, slot: &SlotSpec) {
        self.carriages = Self::carriages(publication, slot);
    }

    fn carriages(
        publication: &Publication,
        slot: &SlotSpec,
    ) -> ArrayVec<Option<Carriage>, PAYLOADS_MAX> {
        let offered = publication.spec.payloads.iter().take(PAYLOADS_MAX);
        let opus = Self::number_of_opus(&publication.spec.payloads);
        offered.map(|map| Carriage::of(map.format, opus, &slot.payloads)).collect()
    }

    fn number_of_opus(payloads: &[PayloadMap]) -> Option<PayloadType> {
        payloads.iter().find(|map| map.format == Format::Opus).map(|map| map.payload_type)
    }

    /// Whether its receiver can decode any of its formats.
    #[must_use]
    pub fn is_carried(&self) -> bool {
        self.carriages.iter().any(Option::is_some)
    }

    /// Takes over what was decided for it, and tells what comes of it for a view of so many lines of somebody at such a distance.
    pub fn aim(
        &mut self,
        now: Instant,
        target: &Target,
        publication: &Publication,
        lines: u16,
        round_trip: Duration,
    ) -> Outcome {
        self.selector.set_target(target.layer);
        let is_urgent = target.reason == allocator::Reason::Budget;
        self.descent.follow(now, &mut self.selector, is_urgent, round_trip);
        let flows = self.selector.current();
        let wanted = [target.layer, target.next, flows];
        self.demand = wanted
            .into_iter()
            .flatten()
            .fold(Demand::NONE, |demand, layer| demand.with(self.selector.encoding_of(layer)));
        // Whoever has all that there is may lack what its publisher does not send.
        let lack = if target.reason == allocator::Reason::Full {
            publication.lack(now, target.wanted, lines)
        } else {
            Lack::Nothing
        };
        let spatial = |layer: Option<LayerId>| layer.map(|layer| layer.spatial);
        let (layer, mut wanted) = (spatial(flows), spatial(target.wanted));
        if let Lack::Larger { encoding } = lack
            && publication.spread() == Spread::Encodings
        {
            // It is to be sent as soon as it can be, and nobody else may ask for it.
            self.demand = self.demand.with(encoding);
            if publication.hindrance.shortage.is_some() {
                wanted = Some(encoding);
            }
        }
        let reason = self.reason(target, publication, lack);
        Outcome { reason, layer, wanted, short_by: target.short_by }
    }

    /// Why it gets what it gets: what keeps it from beginning, then what keeps it from going on, then what keeps it small.
    fn reason(&self, target: &Target, publication: &Publication, lack: Lack) -> Reason {
        let in_vain = |layer| publication.is_deaf(self.selector.encoding_of(layer));
        if self.descent.has_given_up() || self.selector.wants_keyframe().is_some_and(in_vain) {
            return Reason::Keyframe;
        }
        if self.selector.flowing_encoding().is_some_and(|flows| publication.is_lossy(flows)) {
            return Reason::Loss;
        }
        match (lack, publication.hindrance.shortage) {
            (Lack::Larger { .. } | Lack::Lines, Some(Shortage::Upload)) => Reason::Upload,
            (Lack::Larger { .. } | Lack::Lines, Some(Shortage::Device)) => Reason::Busy,
            (Lack::Lines, None) => Reason::Source,
            (Lack::Nothing, _) | (Lack::Larger { .. }, None) => target.reason.into(),
        }
    }

    /// The layer of which a packet's `descriptor` tells that it flows, chosen while `chosen` did.
    ///
    /// By now another one may flow. Of what is sent again it is no longer known: its frame's neighbours have told it, but where a sequence
    /// begins it must stand (AV1 RTP payload format, appendix A).
    #[must_use]
    pub fn told_layer(&self, chosen: Option<FlowingLayer>, descriptor: &[u8]) -> Option<LayerId> {
        let begins = || Descriptor::parse(descriptor).is_ok_and(|it| it.has_structure);
        match chosen {
            Some(layer) => Some(layer.layer()),
            None if !descriptor.is_empty() && begins() => self.selector.current(),
            None => None,
        }
    }

    /// How a packet of the publication's payload map `payload` travels; `None` where the receiver can't decode it.
    #[must_use]
    pub fn carriage(&self, payload: u8) -> Option<Carriage> {
        self.carriages.get(usize::from(payload)).copied().flatten()
    }
}

impl Carriage {
    /// `opus` is the publisher's number for what blocks of redundant audio hold.
    fn of(format: Format, opus: Option<PayloadType>, accepted: &[PayloadMap]) -> Option<Self> {
        let find = |format| accepted.iter().find(|map| map.format == format);
        let carry =
            |map: &PayloadMap, part| Self { payload_type: map.payload_type, rtx: map.rtx, part };
        match (find(format), format) {
            (Some(map), Format::Red) => {
                let part = match (opus, Subscription::number_of_opus(accepted)) {
                    (Some(from), Some(to)) if from != to => Part::Renumbered { from, to },
                    _ => Part::Whole,
                };
                Some(carry(map, part))
            }
            (Some(map), _) => Some(carry(map, Part::Whole)),
            (None, Format::Red) => find(Format::Opus).map(|map| carry(map, Part::Primary)),
            (
                None,
                Format::Opus | Format::Vp8 | Format::Vp9(_) | Format::H264(_) | Format::Av1(_),
            ) => None,
        }
    }
}

/// Payload maps of one m-line: Chromium offers 14 for pictures.
pub const PAYLOADS_MAX: usize = 24;
