//! What does not go into a stream that backs up: pictures by whole frames, and sound only where it would be late anyway.

use std::time::{Duration, Instant};

use arrayvec::ArrayVec;

use crate::net::batch::Urgency;

/// What one connection lets through.
#[derive(Debug, Default)]
pub(super) struct Shed {
    /// Of each stream of pictures the frame that came last, the latest at the end.
    frames: ArrayVec<Frame, FRAMES_MAX>,
    drain: Drain,
}

#[derive(Clone, Copy, Debug)]
struct Frame {
    ssrc: u32,
    timestamp: u32,
    goes: bool,
}

/// How fast the stream takes what is written to it.
#[derive(Debug, Default)]
struct Drain {
    /// When the present sample began, with the bytes that had left by then.
    since: Option<(Instant, u64)>,
    /// Bytes a second of the last sample that left something waiting; since then more, or nothing again, where it left nothing.
    rate: Option<f64>,
}

impl Shed {
    /// That of `written` bytes in all, `waiting` have not left yet.
    pub(super) fn tell(&mut self, now: Instant, written: u64, waiting: u64) {
        self.drain.tell(now, written.saturating_sub(waiting), waiting);
    }

    /// Whether a datagram goes, behind so many bytes that wait.
    ///
    /// A frame of which something was left out is of no use, so the rest of it is left out too; what is sealed shows SSRC and timestamp
    /// (RFC 3711, section 3.1).
    pub(super) fn lets(&mut self, datagram: &[u8], urgency: Urgency, waiting: u64) -> bool {
        let delay = self.drain.delay(waiting);
        let named = datagram.get(4..12).and_then(|bytes| bytes.split_first_chunk::<4>());
        let (Urgency::Picture, Some((timestamp, ssrc))) = (urgency, named) else {
            return delay <= PROMPT_MAX;
        };
        let timestamp = u32::from_be_bytes(*timestamp);
        let ssrc = ssrc.first_chunk().map_or(0, |ssrc| u32::from_be_bytes(*ssrc));
        let known = self.frames.iter().position(|frame| frame.ssrc == ssrc);
        let before = known.map(|place| self.frames.remove(place));
        let goes = match before.filter(|frame| frame.timestamp == timestamp) {
            Some(frame) => frame.goes && delay <= PROMPT_MAX,
            None => delay <= PICTURE_MAX,
        };
        if self.frames.is_full() {
            self.frames.remove(0);
        }
        self.frames.push(Frame { ssrc, timestamp, goes });
        goes
    }
}

impl Drain {
    fn tell(&mut self, now: Instant, left: u64, waiting: u64) {
        let Some((since, before)) = self.since else {
            self.since = Some((now, left));
            return;
        };
        let passed = now.saturating_duration_since(since);
        if passed < SAMPLE {
            return;
        }
        self.since = Some((now, left));
        let rate = left.saturating_sub(before) as f64 / passed.as_secs_f64();
        self.rate = match self.rate {
            // It took all there was: how much more it would take is not known, but perhaps what it once took.
            known if waiting == 0 => known.map(|known| rate.max(2.0 * known.max(RATE_LEAST))),
            _ => Some(rate),
        };
        self.rate = self.rate.filter(|rate| waiting > 0 || *rate < RATE_UNKNOWN);
    }

    /// How long what waits will take. Unknown links are taken to be as fast as [`RATE_UNKNOWN`].
    fn delay(&self, waiting: u64) -> Duration {
        let rate = self.rate.unwrap_or(RATE_UNKNOWN).max(RATE_LEAST);
        Duration::try_from_secs_f64(waiting as f64 / rate).unwrap_or(Duration::MAX)
    }
}

/// Sound and control that would wait for longer are not sent: nobody would hear it in time.
const PROMPT_MAX: Duration = Duration::from_millis(200);
/// A frame is not begun behind more than this: half of what sound may wait remains for the rest of it.
const PICTURE_MAX: Duration = Duration::from_millis(100);
/// Over which the rate is measured: a few round trips of a fast link, one of a slow one.
const SAMPLE: Duration = Duration::from_millis(100);
/// In bytes a second: 2 Mbit/s.
const RATE_UNKNOWN: f64 = 250_000.0;
/// In bytes a second: 64 kbit/s, one voice. A link that stands still is not taken to do so for ever.
const RATE_LEAST: f64 = 8_000.0;
/// Pictures that one person looks at, with what is resent of them: 25 slots with two SSRCs.
const FRAMES_MAX: usize = 50;

#[cfg(test)]
mod tests {
    use super::*;
    use crate::net::clock::Clock;

    fn packet(ssrc: u32, timestamp: u32) -> [u8; 20] {
        let mut packet = [0; 20];
        packet[4..8].copy_from_slice(&timestamp.to_be_bytes());
        packet[8..12].copy_from_slice(&ssrc.to_be_bytes());
        packet
    }

    /// A stream that drains 100,000 bytes a second, always behind.
    fn slow() -> Shed {
        let (mut shed, start) = (Shed::default(), Clock::new().now());
        for tenth in 0..5_u64 {
            let at = start + Duration::from_millis(100 * tenth);
            shed.tell(at, 20_000 + 10_000 * tenth, 20_000);
        }
        shed
    }

    #[test]
    fn a_frame_goes_as_a_whole_or_not_at_all() {
        let mut shed = slow();
        // 10,000 bytes are a tenth of a second.
        assert!(shed.lets(&packet(1, 90), Urgency::Picture, 10_000));
        assert!(shed.lets(&packet(1, 90), Urgency::Picture, 19_000), "it was begun");
        assert!(!shed.lets(&packet(1, 180), Urgency::Picture, 10_100));
        assert!(!shed.lets(&packet(1, 180), Urgency::Picture, 0), "its first packet is missing");
        assert!(shed.lets(&packet(1, 270), Urgency::Picture, 0));
    }

    #[test]
    fn a_frame_that_was_begun_ends_where_sound_would_be_late() {
        let mut shed = slow();
        assert!(shed.lets(&packet(1, 90), Urgency::Picture, 0));
        assert!(!shed.lets(&packet(1, 90), Urgency::Picture, 20_100));
        assert!(!shed.lets(&packet(1, 90), Urgency::Picture, 0));
    }

    #[test]
    fn each_picture_has_a_frame_of_its_own() {
        let mut shed = slow();
        assert!(shed.lets(&packet(1, 90), Urgency::Picture, 0));
        assert!(!shed.lets(&packet(2, 90), Urgency::Picture, 15_000));
        assert!(shed.lets(&packet(1, 90), Urgency::Picture, 15_000));
        for ssrc in 3..100 {
            assert!(shed.lets(&packet(ssrc, 7), Urgency::Picture, 0));
        }
        assert!(shed.lets(&packet(2, 90), Urgency::Picture, 0), "forgotten, hence new");
    }

    #[test]
    fn sound_goes_until_it_would_be_late() {
        let mut shed = slow();
        assert!(shed.lets(&packet(9, 1), Urgency::Prompt, 20_000));
        assert!(!shed.lets(&packet(9, 1), Urgency::Prompt, 20_100));
        assert!(shed.lets(&[], Urgency::Picture, 20_000), "what has no header counts as prompt");
    }

    #[test]
    fn a_stream_that_takes_all_is_taken_to_be_fast_and_one_that_stands_still_slow() {
        let (mut shed, start) = (Shed::default(), Clock::new().now());
        shed.tell(start, 1_000, 0);
        shed.tell(start + SAMPLE, 2_000, 0);
        assert!(shed.lets(&packet(1, 90), Urgency::Picture, 25_000));
        for tenth in 2..20 {
            shed.tell(start + SAMPLE * tenth, 40_000, 38_000);
        }
        assert!(!shed.lets(&packet(1, 91), Urgency::Picture, 801));
        assert!(shed.lets(&packet(1, 92), Urgency::Picture, 800));
    }
}
