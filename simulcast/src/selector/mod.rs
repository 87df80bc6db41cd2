//! Which layer of a publication flows to one receiver, packet by packet.
//!
//! ```text
//!            set_target(a)             keyframe of a               set_target(b)
//!   Paused ───────────────► Waiting a ───────────────► Flowing a ───────────────► Switching a, b
//!                                                          ▲                            │
//!                                                          └── b ◄── b can go on ───────┤
//!                                                          └── a ◄── set_target(a) ─────┘
//! ```
//!
//! From everywhere `set_target(None)` leads to `Paused`, and another target replaces the one waited for. `interrupt` leads back to
//! `Waiting`.
//!
//! Another encoding goes on with a keyframe of its own; until that comes, what flows may be thinned out to its lowest temporal layer.
//! Within one encoding layers change at the beginning of a picture: down at once where nothing is lacking of what the lower one needs, up
//! in space with a keyframe (or while nothing of the lowest temporal layer is lacking yet), up in time at once. A frame goes if its
//! receivers need it and if nothing that it needs was left out, so that frames of a higher temporal layer begin to flow where the encoder
//! lets them. No reference is ever broken by what is left out here.

mod track;

use crate::codec::PacketInfo;
use crate::frames::Place;
use crate::layer::{LayerId, Spread};
use crate::sequence::RtpTimestamp;
use track::{Fate, Track};

/// What flows to one receiver, and what is waited for.
#[derive(Clone, Copy, Debug)]
pub struct Selector {
    spread: Spread,
    /// Whether it waits for keyframes.
    is_patient: bool,
    state: State,
    /// The frames of the encoding that flows.
    track: Track,
}

/// What flows, and what is waited for.
#[derive(Clone, Copy, Debug, Default, Eq, PartialEq)]
enum State {
    /// Nothing is wanted.
    #[default]
    Paused,
    /// Nothing flows until a keyframe of `next`.
    Waiting { next: LayerId },
    /// What is wanted flows.
    Flowing { current: LayerId },
    /// `current` flows on, until `next` can.
    Switching { current: LayerId, next: LayerId },
}

/// A packet as a selector sees it.
#[derive(Clone, Copy, Debug)]
pub struct Packet<'a> {
    /// The place of its encoding in the publication.
    pub encoding: u8,
    /// Its timestamp, which all frames of a picture share.
    pub timestamp: RtpTimestamp,
    /// What its payload says.
    pub info: &'a PacketInfo,
    /// Its frame's place; of a simulcast publication by [`Place::of_encoding`].
    pub place: &'a Place,
}

/// What to do with a packet.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
#[must_use]
pub enum Verdict {
    /// It continues what flows.
    Forward,
    /// It is the first of another layer, or of the first layer: the rewriter joins it to what went before.
    ForwardAsSwitch,
    /// The receiver does not get it.
    Drop(DropReason),
}

/// Why a receiver does not get a packet of a publication that it subscribes to.
#[derive(Clone, Copy, Debug, Eq, Hash, PartialEq)]
pub enum DropReason {
    /// Nothing is wanted.
    Paused,
    /// It is of the layer wanted, which cannot be joined in the middle.
    NotAKeyframe,
    /// It is of a layer that is not wanted, or needs a frame of one.
    OtherLayer,
}

impl Selector {
    /// Nothing is wanted yet of a publication whose spatial ids stand for `spread`.
    #[must_use]
    pub const fn paused(spread: Spread) -> Self {
        Self { spread, is_patient: true, state: State::Paused, track: Track::NEW }
    }

    /// The same, but another encoding goes on with any frame of its own, which cannot be decoded: a test proves by it that such frames
    /// are seen.
    #[must_use]
    pub const fn impatient(spread: Spread) -> Self {
        Self { is_patient: false, ..Self::paused(spread) }
    }

    /// All flows at once: sound, which has one layer and no keyframes.
    #[must_use]
    pub const fn flowing() -> Self {
        let current = LayerId::spatial(0);
        Self { state: State::Flowing { current }, ..Self::paused(Spread::Layers) }
    }

    /// Wants `target` from here on; `None` for nothing.
    ///
    /// What flows goes on until `target` can, and goes on as before if `target` is what flows. While switching, the
    /// target may be changed at any time: for one whose keyframe never comes, because its encoding fell silent, the
    /// caller sets another.
    pub fn set_target(&mut self, target: Option<LayerId>) {
        self.state = match (self.state, target) {
            (_, None) => State::Paused,
            (State::Paused | State::Waiting { .. }, Some(next)) => State::Waiting { next },
            (State::Flowing { current } | State::Switching { current, .. }, Some(next)) => {
                if current == next {
                    State::Flowing { current }
                } else {
                    State::Switching { current, next }
                }
            }
        };
    }

    /// Whether a smaller encoding is waited for than the one that flows.
    #[must_use]
    pub fn descends(&self) -> bool {
        match self.state {
            State::Switching { current, next } => {
                self.spread.encoding(next) < self.spread.encoding(current)
            }
            State::Paused | State::Waiting { .. } | State::Flowing { .. } => false,
        }
    }

    /// Whether nothing flows until a keyframe comes.
    #[must_use]
    pub const fn waits(&self) -> bool {
        matches!(self.state, State::Waiting { .. })
    }

    /// Of the encoding that flows only the lowest temporal layer goes on, from the next picture on, until the target can.
    pub const fn thin_out(&mut self) {
        if let State::Switching { current, next } = self.state {
            self.state = State::Switching { current: LayerId::spatial(current.spatial), next };
        }
    }

    /// What flowed did not reach the receiver whole: it begins anew, with a keyframe.
    pub const fn interrupt(&mut self) {
        if let Some(next) = self.target() {
            self.state = State::Waiting { next };
        }
    }

    /// Decides on a packet. All packets of a frame share its fate, however late.
    pub fn packet(&mut self, packet: Packet<'_>) -> Verdict {
        if self.state == State::Paused {
            return Verdict::Drop(DropReason::Paused);
        }
        match self.current() {
            Some(current) if self.spread.encoding(current) == packet.encoding => {
                self.follow(packet, current)
            }
            Some(_) | None => self.join(packet),
        }
    }

    /// A packet of an encoding that does not flow.
    fn join(&mut self, packet: Packet<'_>) -> Verdict {
        let Some(next) = self.target() else { return Verdict::Drop(DropReason::Paused) };
        if self.spread.encoding(next) != packet.encoding {
            return Verdict::Drop(DropReason::OtherLayer);
        }
        let is_intra = packet.place.is_intra() || !self.is_patient;
        let starts = packet.info.starts_keyframe || packet.info.starts_frame && is_intra;
        if !starts || !packet.place.within.contains(next) {
            return Verdict::Drop(DropReason::NotAKeyframe);
        }
        self.begin(packet, next)
    }

    fn begin(&mut self, packet: Packet<'_>, next: LayerId) -> Verdict {
        self.state = State::Flowing { current: next };
        self.track = Track::NEW;
        self.track.aim(packet.timestamp, next);
        let spatial = packet.info.layer.spatial;
        let _forwarded = self.track.meet(packet.place, packet.timestamp, spatial, next);
        Verdict::ForwardAsSwitch
    }

    /// A packet of the encoding that flows.
    fn follow(&mut self, packet: Packet<'_>, current: LayerId) -> Verdict {
        let place = packet.place;
        let begins = self.track.begins_picture(place, packet.timestamp);
        let mut flows = current;
        if begins && self.track.aims_at() != Some(current) {
            self.track.aim(packet.timestamp, current);
        }
        if let State::Switching { next, .. } = self.state
            && self.spread.encoding(next) == packet.encoding
        {
            let restarts = place.within.contains(next) && place.is_intra();
            if place.number.is_none() || begins {
                // A larger picture may lack frames of its upper temporal layers, but none of its lowest one.
                let joins = next.spatial <= current.spatial
                    || place.within.contains(LayerId::spatial(next.spatial));
                if place.number.is_none() || restarts || joins && self.track.can_go_on(next) {
                    self.state = State::Flowing { current: next };
                    flows = next;
                    self.track.aim(packet.timestamp, next);
                }
            } else if restarts && packet.info.starts_frame && !place.within.contains(current) {
                // A picture of a layer that needs no other, behind one that has been sent.
                return self.begin(packet, next);
            }
        }
        match self.track.meet(place, packet.timestamp, packet.info.layer.spatial, flows) {
            Fate::Sent => Verdict::Forward,
            Fate::LeftOut => Verdict::Drop(DropReason::OtherLayer),
        }
    }

    /// The layer of which a keyframe must be asked for, if any: one that is waited for and cannot go on from what was sent, or
    /// the one that flows, where its references were left out.
    #[must_use]
    pub fn wants_keyframe(&self) -> Option<LayerId> {
        match self.state {
            State::Waiting { next } => Some(next),
            State::Switching { current, next } => {
                let same = self.spread.encoding(current) == self.spread.encoding(next);
                (!same || !self.track.can_go_on(next)).then_some(next)
            }
            State::Flowing { current } => (!self.track.can_go_on(current)).then_some(current),
            State::Paused => None,
        }
    }

    /// The layer that flows, if any.
    #[must_use]
    pub const fn current(&self) -> Option<LayerId> {
        match self.state {
            State::Flowing { current } | State::Switching { current, .. } => Some(current),
            State::Paused | State::Waiting { .. } => None,
        }
    }

    /// The encoding that flows, if any.
    #[must_use]
    pub fn flowing_encoding(&self) -> Option<u8> {
        self.current().map(|current| self.spread.encoding(current))
    }

    /// The place of the encoding that `layer` belongs to.
    #[must_use]
    pub const fn encoding_of(&self, layer: LayerId) -> u8 {
        self.spread.encoding(layer)
    }

    /// The layer wanted last, if any: what flows, or what is waited for.
    #[must_use]
    pub const fn target(&self) -> Option<LayerId> {
        match self.state {
            State::Flowing { current: layer }
            | State::Waiting { next: layer }
            | State::Switching { next: layer, .. } => Some(layer),
            State::Paused => None,
        }
    }

    /// Whether a frame went that needs this packet's, which was left out all the same: it came late, and needs itself what was left out.
    /// Then the receiver must not be told that nothing is missing.
    #[must_use]
    pub fn is_needed(&self, place: &Place) -> bool {
        place.number.is_some_and(|number| self.track.is_needed(number))
    }

    /// Whether a forwarded packet is the last that the receiver gets of its picture, though it may not be its publisher's.
    #[must_use]
    pub fn ends_picture(&self, packet: Packet<'_>) -> bool {
        let is_top = |number| self.track.is_top(number);
        self.spread == Spread::Layers
            && packet.place.ends
            && packet.place.number.is_some_and(is_top)
    }
}

#[cfg(test)]
#[path = "selector_tests.rs"]
mod tests;
