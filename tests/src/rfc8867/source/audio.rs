//! A voice: 20 kbit/s whatever the network does.

use std::time::Duration;

use tools::simnet::time::SimTime;

/// Payload bytes of a packet: 20 kbit/s at 50 packets a second.
pub const PAYLOAD: usize = 50;

/// Between two packets.
pub const INTERVAL: Duration = Duration::from_millis(20);

/// A voice at work.
#[derive(Clone, Copy, Debug)]
pub struct Audio {
    next: SimTime,
    number: u32,
}

impl Audio {
    /// A voice whose first packet is due at `start`.
    #[must_use]
    pub const fn new(start: SimTime) -> Self {
        Self { next: start, number: 0 }
    }

    /// When the next packet is due.
    #[must_use]
    pub const fn next(&self) -> SimTime {
        self.next
    }

    /// The number of the packet that is due at `now`, if one is.
    pub fn poll(&mut self, now: SimTime) -> Option<u32> {
        (now >= self.next).then(|| {
            self.next = self.next + INTERVAL;
            self.number += 1;
            self.number - 1
        })
    }

    /// What was due until `now` is never made.
    pub fn skip(&mut self, now: SimTime) {
        while self.next < now {
            self.next = self.next + INTERVAL;
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_second_of_sound_is_50_packets_of_50_bytes() {
        let mut audio = Audio::new(SimTime::milliseconds(5));
        let mut numbers = Vec::new();
        while audio.next() < SimTime::milliseconds(1_005) {
            let now = audio.next();
            numbers.extend(audio.poll(now));
        }
        assert_eq!(numbers, (0..50).collect::<Vec<u32>>());
        assert_eq!(numbers.len() * PAYLOAD * 8, 20_000);
        assert_eq!(audio.poll(SimTime::milliseconds(1_004)), None);
    }

    #[test]
    fn after_a_pause_sound_goes_on_without_making_up_for_it() {
        let mut audio = Audio::new(SimTime::ZERO);
        audio.skip(SimTime::milliseconds(111));
        assert_eq!(audio.next(), SimTime::milliseconds(120));
    }
}
