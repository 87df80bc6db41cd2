//! The last frames of an encoding whose packets do not name the frames they need.

use super::REACH;
use crate::layer::LayerId;

/// What is known of a frame that is not long gone.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
struct Entry {
    number: u32,
    layer: LayerId,
    /// VP8: it needs nothing but frames of temporal layer 0 (Y). VP9: later frames of higher temporal layers need nothing of
    /// those layers from before it (U).
    cuts: bool,
    /// Nothing before it is needed any more.
    key: bool,
}

/// The frames of the last [`REACH`] numbers, as far as they arrived.
#[derive(Clone, Debug)]
pub(super) struct Past {
    entries: [Option<Entry>; REACH as usize],
}

impl Default for Past {
    fn default() -> Self {
        Self { entries: [None; REACH as usize] }
    }
}

/// What a frame of VP8 or VP9 says of itself.
#[derive(Clone, Copy, Debug)]
pub(super) struct Frame {
    pub(super) number: u32,
    pub(super) layer: LayerId,
    /// See [`Entry`].
    pub(super) cuts: bool,
    pub(super) key: bool,
}

impl Past {
    /// Takes a frame in; again where it is known.
    pub(super) fn add(&mut self, frame: Frame) {
        let Frame { number, layer, cuts, key } = frame;
        if let Some(place) = self.entries.get_mut((number % REACH) as usize) {
            *place = Some(Entry { number, layer, cuts, key });
        }
    }

    /// Whether the frame `number` is known as a keyframe.
    pub(super) fn is_key(&self, number: u32) -> bool {
        self.back(number, 0).is_some_and(|entry| entry.key)
    }

    fn back(&self, number: u32, distance: u32) -> Option<Entry> {
        let wanted = number.checked_sub(distance)?;
        let entry = *self.entries.get((wanted % REACH) as usize)?;
        entry.filter(|entry| entry.number == wanted)
    }

    /// What a VP8 frame may need, as bits by distance: a frame with Y the last one of temporal layer 0; another one above
    /// that also all of its own and lower layers since the last one of each with Y (RFC 7741, section 4.2).
    pub(super) fn needs_vp8(&self, frame: Frame) -> u64 {
        if frame.key {
            return 0;
        }
        let Frame { number, layer: LayerId { temporal, .. }, .. } = frame;
        let mut needs = 0;
        // Layers, as bits, of which more may be needed: all up to its own, or the lowest alone.
        let mut open: u16 = if frame.cuts { 1 } else { (2 << temporal) - 1 };
        for distance in 1..REACH {
            let Some(entry) = self.back(number, distance) else { continue };
            let own = 1_u16.checked_shl(entry.layer.temporal.into()).unwrap_or(0);
            if open & own != 0 {
                needs |= 1 << distance;
                // The last frame of the lowest layer has all that it needs before it.
                if entry.cuts || entry.layer.temporal == 0 {
                    open &= !own;
                }
            }
            if entry.key || open == 0 {
                return needs;
            }
        }
        needs | super::OLDER
    }

    /// What a VP9 frame that names none may need of earlier pictures, as bits by distance; `stride` is the distance of two
    /// pictures. The last picture of temporal layer 0, and those of layers up to its own as far back as U of a lower one
    /// allows (RFC 9628, section 4.2).
    pub(super) fn needs_vp9(&self, frame: Frame, stride: u32) -> u64 {
        let Frame { number, layer, .. } = frame;
        let (mut needs, mut lowest, mut highest) = (0, true, layer.temporal);
        for distance in (stride..REACH).step_by(stride as usize) {
            let Some(entry) = self.back(number, distance) else { continue };
            let temporal = entry.layer.temporal;
            if temporal == 0 && lowest {
                needs |= 1 << distance;
                lowest = false;
            } else if temporal > 0 && temporal <= highest {
                needs |= 1 << distance;
            }
            if entry.cuts {
                highest = highest.min(temporal);
            }
            if entry.key || (highest == 0 && !lowest) {
                return needs;
            }
        }
        needs | super::OLDER
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn frame(number: u32, temporal: u8, cuts: bool) -> Frame {
        Frame { number, layer: LayerId { spatial: 0, temporal }, cuts, key: false }
    }

    fn distances(needs: u64) -> Vec<u32> {
        (0..64).filter(|bit| needs >> bit & 1 == 1).collect()
    }

    /// libwebrtc's pattern of three temporal layers in VP8: 0 2 1 2, where the first of each layer has Y.
    #[test]
    fn a_frame_of_vp8_without_y_may_need_all_of_its_layers_since_the_last_with_y() {
        let mut past = Past::default();
        past.add(Frame { key: true, ..frame(100, 0, true) });
        for (number, temporal, cuts) in [(101, 2, true), (102, 1, true), (103, 2, false)] {
            let next = frame(number, temporal, cuts);
            let expected: &[u32] = match number {
                101 => &[1],
                102 => &[2],
                _ => &[1, 2, 3],
            };
            assert_eq!(distances(past.needs_vp8(next)), expected, "{number}");
            past.add(next);
        }
        assert_eq!(distances(past.needs_vp8(frame(104, 0, false))), [4]);
        // Beyond the key frame nothing is known and nothing is needed; beyond what is remembered something may be.
        assert_eq!(distances(Past::default().needs_vp8(frame(9, 0, false))), [0]);
    }

    /// The picture group 0 2 1 2 of libwebrtc, each with U.
    #[test]
    fn u_tells_how_far_back_a_picture_of_vp9_may_reach() {
        let mut past = Past::default();
        for (picture, temporal) in [(0, 0), (1, 2), (2, 1), (3, 2), (4, 0), (5, 2)] {
            let next = frame(400 + 4 * picture, temporal, true);
            past.add(Frame { key: picture == 0, ..next });
        }
        assert_eq!(distances(past.needs_vp9(frame(420, 2, true), 4)), [4]);
        assert_eq!(distances(past.needs_vp9(frame(412, 2, true), 4)), [4, 12]);
        assert_eq!(distances(past.needs_vp9(frame(416, 0, true), 4)), [16]);
    }
}
