//! Frames of a flow: when each was made, and when its last packet was there.

use tools::simnet::time::SimTime;

use super::record::Frame;

/// What a packet says of its frame: the first bytes of its payload.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub struct Part {
    /// Which frame, counted from 0.
    pub frame: u32,
    /// Which packet of it.
    pub place: u16,
    /// Of how many.
    pub count: u16,
}

/// Bytes of a written [`Part`].
pub const PART_LENGTH: usize = 8;

impl Part {
    /// As bytes.
    #[must_use]
    pub fn write(self) -> [u8; PART_LENGTH] {
        let mut bytes = [0; PART_LENGTH];
        bytes[..4].copy_from_slice(&self.frame.to_be_bytes());
        bytes[4..6].copy_from_slice(&self.place.to_be_bytes());
        bytes[6..].copy_from_slice(&self.count.to_be_bytes());
        bytes
    }

    /// From the first bytes of `payload`.
    #[must_use]
    pub fn read(payload: &[u8]) -> Option<Self> {
        let [a, b, c, d, e, f, g, h] = *payload.first_chunk::<PART_LENGTH>()?;
        Some(Self {
            frame: u32::from_be_bytes([a, b, c, d]),
            place: u16::from_be_bytes([e, f]),
            count: u16::from_be_bytes([g, h]),
        })
    }
}

/// All frames of a flow.
#[derive(Clone, Debug, Default)]
pub struct Ledger {
    frames: Vec<Frame>,
    /// Of each frame, which packets are missing.
    missing: Vec<Vec<bool>>,
}

impl Ledger {
    /// A frame of `packets` packets is made. Returns its number.
    ///
    /// # Panics
    /// After four billion frames.
    pub fn make(&mut self, now: SimTime, packets: usize) -> u32 {
        self.frames.push(Frame { made: now, whole: None });
        self.missing.push(vec![true; packets]);
        u32::try_from(self.frames.len() - 1).expect("a run is shorter than a year")
    }

    /// A packet arrives; once more does not matter. Returns whether its frame is whole by it.
    pub fn arrive(&mut self, now: SimTime, part: Part) -> bool {
        let place = usize::try_from(part.frame).unwrap_or(usize::MAX);
        let Some(missing) = self.missing.get_mut(place) else { return false };
        let Some(missing_part) = missing.get_mut(usize::from(part.place)) else { return false };
        let is_new = std::mem::take(missing_part);
        let is_whole = is_new && !missing.contains(&true);
        if is_whole {
            *missing = Vec::new();
            self.frames[place].whole = Some(now);
        }
        is_whole
    }

    /// When a frame was made.
    #[must_use]
    pub fn made(&self, frame: u32) -> Option<SimTime> {
        self.frames.get(usize::try_from(frame).ok()?).map(|frame| frame.made)
    }

    /// All frames, in the order in which they were made.
    #[must_use]
    pub fn finish(self) -> Vec<Frame> {
        self.frames
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_frame_is_whole_with_its_last_packet_whatever_the_order() {
        let ms = SimTime::milliseconds;
        let mut ledger = Ledger::default();
        assert_eq!(ledger.make(ms(0), 2), 0);
        assert_eq!(ledger.make(ms(33), 1), 1);
        let part = |frame, place, count| Part { frame, place, count };
        assert!(!ledger.arrive(ms(60), part(0, 1, 2)));
        assert!(ledger.arrive(ms(83), part(1, 0, 1)));
        assert!(!ledger.arrive(ms(84), part(0, 1, 2)), "a copy is no second packet");
        assert!(ledger.arrive(ms(90), part(0, 0, 2)));
        assert!(!ledger.arrive(ms(95), part(0, 0, 2)), "it is whole already");
        assert!(!ledger.arrive(ms(95), part(7, 0, 2)), "nobody made it");
        let wholes: Vec<_> = ledger.finish().iter().map(|frame| frame.whole).collect();
        assert_eq!(wholes, [Some(ms(90)), Some(ms(83))]);
    }

    #[test]
    fn a_part_survives_its_writing() {
        let part = Part { frame: 70_000, place: 3, count: 6 };
        assert_eq!(Part::read(&part.write()), Some(part));
        assert_eq!(Part::read(&[0; 7]), None);
    }
}
