//! Which frames of an encoding went to one receiver, and which were left out on purpose.

use crate::frames::{OLDER, Place, REACH};
use crate::layer::{LayerId, SPATIAL_MAX};
use crate::sequence::RtpTimestamp;

/// The frames of the last [`REACH`] numbers, as far as they were decided on.
#[derive(Clone, Copy, Debug)]
pub(super) struct Track {
    /// The highest number decided on, with the timestamp of its picture.
    newest: Option<(u32, RtpTimestamp)>,
    /// Bit n is set where the frame `newest - n` went.
    sent: u64,
    /// Bit n is set where the frame `newest - n` went and is the highest that goes of its picture.
    top: u64,
    /// Bit n is set where a frame went that needs the frame `newest - n`.
    needed: u64,
    /// Bit n is set where the frame `newest - n` was left out.
    left_out: u64,
    /// Something older was left out since the last frame that needed nothing.
    left_out_before: bool,
    /// Spatial layers, as bits, of whose lowest temporal layer nothing was left out: the receiver can go on with them.
    intact: u8,
    /// Which layer flows from which picture on, the newest first: what comes late is judged by what flowed then.
    aims: [Option<(RtpTimestamp, LayerId)>; AIMS],
}

/// Changes of layer that are remembered: more do not happen within [`REACH`] frames, since targets change ten times a second at most.
const AIMS: usize = 4;

/// What becomes of a frame.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub(super) enum Fate {
    Sent,
    LeftOut,
}

impl Track {
    /// Nothing was left out yet.
    pub(super) const NEW: Self = Self {
        newest: None,
        sent: 0,
        top: 0,
        needed: 0,
        left_out: 0,
        left_out_before: false,
        intact: u8::MAX,
        aims: [None; AIMS],
    };

    /// From the picture of `timestamp` on `layer` flows.
    pub(super) const fn aim(&mut self, timestamp: RtpTimestamp, layer: LayerId) {
        let [first, second, third, _] = self.aims;
        self.aims = [Some((timestamp, layer)), first, second, third];
    }

    /// The layer that flows from some picture on, until the next.
    pub(super) const fn aims_at(&self) -> Option<LayerId> {
        match self.aims {
            [Some((_, layer)), ..] => Some(layer),
            [None, ..] => None,
        }
    }

    /// Which layer flowed at the picture of `timestamp`; `current` where no change is known.
    fn aim_at(&self, timestamp: RtpTimestamp, current: LayerId) -> LayerId {
        let mut known = self.aims.iter().flatten();
        let then = known
            .clone()
            .find(|(from, _)| timestamp.distance_from(*from) >= 0)
            .or_else(|| known.next_back());
        then.map_or(current, |(_, layer)| *layer)
    }

    /// Whether the frame `number` went and is the highest that goes of its picture.
    pub(super) fn is_top(&self, number: u32) -> bool {
        self.has(self.top, number)
    }

    /// Whether a frame went that needs the frame `number`.
    pub(super) fn is_needed(&self, number: u32) -> bool {
        self.has(self.needed, number)
    }

    fn has(&self, bits: u64, number: u32) -> bool {
        let back = self.newest.and_then(|(newest, _)| newest.checked_sub(number));
        back.and_then(|back| bits.checked_shr(back)).unwrap_or(0) & 1 == 1
    }

    /// Whether a frame would be the first of a picture after all that were decided on.
    pub(super) fn begins_picture(&self, place: &Place, timestamp: RtpTimestamp) -> bool {
        let Some((newest, last)) = self.newest else { return true };
        place.number.is_some_and(|number| number > newest) && timestamp != last
    }

    /// Whether the receiver has all that the coming frames of `layer` need.
    pub(super) const fn can_go_on(&self, layer: LayerId) -> bool {
        self.intact & spatial_bit(layer.spatial) != 0
    }

    /// Decides on a frame of spatial layer `spatial`, or remembers what was decided, while `current` flows.
    pub(super) fn meet(
        &mut self,
        place: &Place,
        timestamp: RtpTimestamp,
        spatial: u8,
        current: LayerId,
    ) -> Fate {
        let Some(number) = place.number else {
            return if place.within.contains(current) { Fate::Sent } else { Fate::LeftOut };
        };
        let (back, layer) = match self.newest {
            Some((newest, _)) if number <= newest => {
                (newest - number, self.aim_at(timestamp, current))
            }
            before => {
                self.advance(before.map_or(0, |(newest, _)| number - newest));
                self.newest = Some((number, timestamp));
                (0, current)
            }
        };
        if back >= REACH {
            return Fate::LeftOut;
        }
        let own = 1 << back;
        if self.sent & own != 0 {
            return Fate::Sent;
        }
        if self.left_out & own != 0 {
            return Fate::LeftOut;
        }
        let fate = self.decide(place, layer, back);
        if fate == Fate::Sent && spatial == layer.spatial {
            self.top |= own;
        }
        fate
    }

    fn decide(&mut self, place: &Place, layer: LayerId, back: u32) -> Fate {
        // What the frame needs, as bits counted from the newest. What is out of sight then is older.
        let needs = place.needs & !OLDER;
        let lacking = needs.checked_shl(back).unwrap_or(0) & self.left_out != 0;
        // Frames of the lowest temporal layer are needed by all others and never left out where the layer flows.
        let lowest = place.within.contains(LayerId::spatial(layer.spatial));
        let doubtful = place.needs & OLDER != 0 && self.left_out_before && !lowest;
        let goes = place.within.contains(layer) && !lacking && !doubtful;
        let own = 1 << back;
        if goes {
            self.sent |= own;
            self.needed |= needs.checked_shl(back).unwrap_or(0);
            if place.is_intra() {
                // Where others of its picture came first, those above what flows were left out.
                let above = if back == 0 { 0 } else { above(layer.spatial) };
                self.intact |= protected(place) & !above;
                if back == 0 {
                    self.left_out_before = false;
                }
            }
            Fate::Sent
        } else {
            self.left_out |= own;
            self.intact &= !protected(place);
            Fate::LeftOut
        }
    }

    fn advance(&mut self, distance: u32) {
        let kept = u64::MAX.checked_shr(distance).unwrap_or(0);
        self.left_out_before |= self.left_out & !kept != 0;
        self.sent = self.sent.checked_shl(distance).unwrap_or(0);
        self.top = self.top.checked_shl(distance).unwrap_or(0);
        self.needed = self.needed.checked_shl(distance).unwrap_or(0);
        self.left_out = self.left_out.checked_shl(distance).unwrap_or(0);
    }
}

/// Spatial layers, as bits, of whose lowest temporal layer a frame is.
fn protected(place: &Place) -> u8 {
    (0..SPATIAL_MAX)
        .filter(|spatial| place.within.contains(LayerId::spatial(*spatial)))
        .fold(0, |bits, spatial| bits | spatial_bit(spatial))
}

/// Spatial layers, as bits, above one.
const fn above(spatial: u8) -> u8 {
    !(spatial_bit(spatial) | (spatial_bit(spatial) - 1))
}

const fn spatial_bit(spatial: u8) -> u8 {
    1 << if spatial < SPATIAL_MAX { spatial } else { SPATIAL_MAX - 1 }
}
