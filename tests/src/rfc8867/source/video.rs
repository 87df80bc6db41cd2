//! An encoder that follows a target, as section "sources" of the model has it: 30 frames a second, 150 kbit/s to 1.5 Mbit/s.

use std::collections::VecDeque;
use std::time::Duration;

use tools::simnet::random::Random;
use tools::simnet::time::SimTime;

use super::{FRAME_RATE, PACKET_MAX};

/// The lowest target, in bits a second; also the first.
pub const TARGET_MIN: f64 = 150_000.0;

/// The highest target, in bits a second.
pub const TARGET_MAX: f64 = 1_500_000.0;

/// From a change of the estimate until the encoder follows.
pub const REACTION: Duration = Duration::from_millis(100);

/// An encoder at work.
#[derive(Clone, Debug)]
pub struct Video {
    start: SimTime,
    frames: u64,
    target: f64,
    /// Targets that will hold later, in order of time.
    coming: VecDeque<(SimTime, f64)>,
    range: (f64, f64),
}

impl Video {
    /// An encoder that makes its first frame at `start` and begins with the lowest target.
    #[must_use]
    pub const fn new(start: SimTime) -> Self {
        Self {
            start,
            frames: 0,
            target: TARGET_MIN,
            coming: VecDeque::new(),
            range: (TARGET_MIN, TARGET_MAX),
        }
    }

    /// An encoder of one fixed rate.
    #[must_use]
    pub const fn constant(start: SimTime, target: f64) -> Self {
        Self { start, frames: 0, target, coming: VecDeque::new(), range: (target, target) }
    }

    /// Lets the encoder follow another target, in bits a second, after [`REACTION`]; clamped to what it can.
    pub fn follow(&mut self, now: SimTime, target: f64) {
        self.coming.push_back((now + REACTION, target.clamp(self.range.0, self.range.1)));
    }

    /// When the next frame is due.
    #[must_use]
    pub fn next(&self) -> SimTime {
        self.start + Duration::from_nanos(self.frames * 1_000_000_000 / FRAME_RATE)
    }

    /// The target of the moment, in bits a second.
    #[must_use]
    pub const fn target(&self) -> f64 {
        self.target
    }

    /// The size in bytes of the frame that is due at `now`, if one is.
    pub fn poll(&mut self, now: SimTime, random: &mut Random) -> Option<usize> {
        if now < self.next() {
            return None;
        }
        self.frames += 1;
        self.settle(now);
        Some(frame_size(self.target, random))
    }

    /// Frames that were due until `now` are never made.
    pub fn skip(&mut self, now: SimTime) {
        while self.next() < now {
            self.frames += 1;
        }
        self.settle(now);
    }

    fn settle(&mut self, now: SimTime) {
        while let Some((_, target)) = self.coming.pop_front_if(|(from, _)| *from <= now) {
            self.target = target;
        }
    }
}

/// Bytes of one frame at `target` bits a second: a thirtieth of it, normally distributed by 10 %, at most 25 % off.
#[must_use]
#[expect(
    clippy::cast_possible_truncation,
    clippy::cast_sign_loss,
    clippy::cast_precision_loss,
    reason = "between 400 and 10,000 bytes"
)]
pub fn frame_size(target: f64, random: &mut Random) -> usize {
    let variation = (random.normal() * 0.1).clamp(-0.25, 0.25);
    (target / 8.0 / FRAME_RATE as f64 * (1.0 + variation)).round() as usize
}

/// The payload sizes of the packets of a frame of `size` bytes: as few as can be, as even as can be, none above [`PACKET_MAX`].
pub fn packets(size: usize) -> impl Iterator<Item = usize> {
    let count = size.div_ceil(PACKET_MAX).max(1);
    (0..count).map(move |place| size * (place + 1) / count - size * place / count)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn second(video: &mut Video, random: &mut Random, from: SimTime) -> usize {
        let mut bytes = 0;
        while video.next() < from + Duration::from_secs(1) {
            let now = video.next();
            bytes += video.poll(now, random).expect("due");
        }
        bytes
    }

    #[test]
    fn thirty_frames_a_second_follow_the_target_after_100_ms() {
        let (mut video, mut random) = (Video::new(SimTime::ZERO), Random::new(1));
        let first = second(&mut video, &mut random, SimTime::ZERO);
        assert!((17_500..20_000).contains(&first), "150 kbit/s are 18,750 bytes: {first}");
        video.follow(SimTime::milliseconds(1_000), 900_000.0);
        let now = video.next();
        assert_eq!(now, SimTime::milliseconds(1_000));
        assert!(video.poll(now, &mut random).expect("due") < 800, "not yet");
        video.skip(SimTime::milliseconds(1_099));
        assert!((video.target() - TARGET_MIN).abs() < 1.0);
        let now = video.next();
        assert_eq!(now, SimTime::milliseconds(1_100));
        assert!(video.poll(now, &mut random).expect("due") > 2_800, "900 kbit/s are 3,750 a frame");
    }

    #[test]
    fn targets_stay_within_what_the_encoder_can() {
        let (mut video, mut random) = (Video::new(SimTime::ZERO), Random::new(1));
        video.follow(SimTime::ZERO, 9e9);
        video.skip(SimTime::milliseconds(200));
        assert!((video.target() - TARGET_MAX).abs() < 1.0);
        video.follow(SimTime::milliseconds(200), -5.0);
        let now = SimTime::milliseconds(400);
        video.skip(now);
        assert!(video.poll(now, &mut random).is_some());
        assert!((video.target() - TARGET_MIN).abs() < 1.0);
    }

    #[test]
    fn frames_vary_by_a_tenth_and_never_by_more_than_a_quarter() {
        let mut random = Random::new(2);
        let sizes: Vec<usize> = (0..20_000).map(|_| frame_size(240_000.0, &mut random)).collect();
        let mean = sizes.iter().sum::<usize>() / sizes.len();
        assert!((998..=1_002).contains(&mean), "240 kbit/s are 1,000 bytes a frame: {mean}");
        assert!(sizes.iter().all(|size| (750..=1_250).contains(size)));
        let within = sizes.iter().filter(|size| (900..=1_100).contains(*size)).count();
        assert!((13_400..14_000).contains(&within), "68 % lie within one deviation: {within}");
    }

    #[test]
    fn a_frame_is_cut_into_even_packets() {
        assert_eq!(packets(1_100).collect::<Vec<_>>(), [1_100]);
        assert_eq!(packets(1_101).collect::<Vec<_>>(), [550, 551]);
        assert_eq!(packets(6_250).collect::<Vec<_>>(), [1_041, 1_042, 1_042, 1_041, 1_042, 1_042]);
        assert_eq!(packets(0).collect::<Vec<_>>(), [0]);
    }
}
