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
    /// Bit n is set where the frame `newest - n` was left out.
    left_out: u64,
    /// Something older was left out since the last frame that needed nothing.
    left_out_before: bool,
    /// Spatial layers, as bits, of whose lowest temporal layer nothing was left out: the receiver can go on with them.
    intact: u8,
}

/// What becomes of a frame.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub(super) enum Fate {
    Sent,
    LeftOut,
}

impl Track {
    /// Nothing was left out yet.
    pub(super) const NEW: Self =
        Self { newest: None, sent: 0, left_out: 0, left_out_before: false, intact: u8::MAX };

    /// Whether a frame would be the first of a picture after all that were decided on.
    pub(super) fn begins_picture(&self, place: &Place, timestamp: RtpTimestamp) -> bool {
        let Some((newest, last)) = self.newest else { return true };
        place.number.is_some_and(|number| number > newest) && timestamp != last
    }

    /// Whether the receiver has all that the coming frames of `layer` need.
    pub(super) const fn can_go_on(&self, layer: LayerId) -> bool {
        self.intact & spatial_bit(layer.spatial) != 0
    }

    /// Decides on a frame, or remembers what was decided, for a receiver of `layer`.
    pub(super) fn meet(&mut self, place: &Place, timestamp: RtpTimestamp, layer: LayerId) -> Fate {
        let Some(number) = place.number else {
            return if place.within.contains(layer) { Fate::Sent } else { Fate::LeftOut };
        };
        let back = match self.newest {
            Some((newest, _)) if number <= newest => newest - number,
            Some((newest, _)) => {
                self.advance(number - newest);
                self.newest = Some((number, timestamp));
                0
            }
            None => {
                self.newest = Some((number, timestamp));
                0
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
        self.decide(place, layer, back)
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
            if place.is_intra() {
                self.intact |= protected(place);
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
        self.left_out = self.left_out.checked_shl(distance).unwrap_or(0);
    }
}

/// Spatial layers, as bits, of whose lowest temporal layer a frame is.
fn protected(place: &Place) -> u8 {
    (0..SPATIAL_MAX)
        .filter(|spatial| place.within.contains(LayerId::spatial(*spatial)))
        .fold(0, |bits, spatial| bits | spatial_bit(spatial))
}

const fn spatial_bit(spatial: u8) -> u8 {
    1 << if spatial < SPATIAL_MAX { spatial } else { SPATIAL_MAX - 1 }
}
