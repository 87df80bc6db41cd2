//! Streams as the server sends them, seen between the server and any network: only header fields that SRTP leaves plain.

use std::collections::{BTreeMap, BTreeSet};
use std::time::Duration;

use tools::simnet::time::SimTime;

use crate::packet::{Kind, Unwrapped, be16, be32};

/// Everything one participant was sent.
#[derive(Debug, Default)]
pub struct Streams {
    streams: BTreeMap<u32, Stream>,
}

/// One SSRC.
#[derive(Debug, Default)]
pub struct Stream {
    unwrapped: Unwrapped,
    /// By unwrapped sequence number: when it was sent, and its timestamp.
    sent: BTreeMap<i64, (SimTime, u32)>,
    /// When packets were sent, in that order.
    times: Vec<SimTime>,
    duplicates: u32,
}

/// A number that was left out may still be sent for this long: what a publisher's link lost is on its way again.
const STILL_COMING: Duration = Duration::from_secs(1);

/// How far a timestamp may run ahead of or behind the time that passed between two packets: the encoder's and the
/// pacer's jitter, and what waits for a retransmission.
const TIMESTAMP_SLACK: Duration = Duration::from_secs(2);

impl Streams {
    /// Takes in a datagram at the moment of its sending. Returns the SSRC of RTP.
    pub fn watch(&mut self, now: SimTime, datagram: &[u8]) -> Option<u32> {
        if Kind::of(datagram) != Kind::Rtp {
            return None;
        }
        let ssrc = be32(datagram, 8);
        self.streams.entry(ssrc).or_default().watch(now, be16(datagram, 2), be32(datagram, 4));
        Some(ssrc)
    }

    /// One stream; `None` where nothing of it was sent.
    #[must_use]
    pub fn stream(&self, ssrc: u32) -> Option<&Stream> {
        self.streams.get(&ssrc)
    }

    /// The first number sent on an SSRC.
    #[must_use]
    pub fn first(&self, ssrc: u32) -> Option<u16> {
        let (first, _) = self.streams.get(&ssrc)?.sent.first_key_value()?;
        u16::try_from(first.rem_euclid(1 << 16)).ok()
    }

    /// What is wrong with any of them at `now`, in words. `clock_rate` tells that of an SSRC; none for one of
    /// retransmissions, whose timestamps are those of the packets they repeat. Numbers may be left out where
    /// publishers' packets were lost on their way to the server: then `is_clean` is false.
    #[must_use]
    pub fn complaints(
        &self,
        now: SimTime,
        is_clean: bool,
        clock_rate: impl Fn(u32) -> Option<u32>,
    ) -> Vec<String> {
        let mut complaints = Vec::new();
        for (ssrc, stream) in &self.streams {
            let mut wrong = stream.complaints(clock_rate(*ssrc));
            let left_out = stream.left_out(now);
            if let Some(first) = left_out.first().filter(|_| is_clean) {
                wrong.push(format!("{} numbers were left out, the first {first}", left_out.len()));
            }
            complaints.extend(wrong.into_iter().map(|what| format!("{ssrc:x}: {what}")));
        }
        complaints
    }
}

impl Stream {
    fn watch(&mut self, now: SimTime, sequence: u16, timestamp: u32) {
        let index = self.unwrapped.index(sequence);
        if self.sent.insert(index, (now, timestamp)).is_some() {
            self.duplicates += 1;
        }
        self.times.push(now);
    }

    /// Numbers that were left out and are not on their way any more at `now`.
    #[must_use]
    pub fn left_out(&self, now: SimTime) -> Vec<i64> {
        let mut left_out = Vec::new();
        let mut previous: Option<i64> = None;
        for (index, (sent, _)) in &self.sent {
            if let Some(previous) = previous
                && now.since(*sent) >= STILL_COMING
            {
                left_out.extend(previous + 1..*index);
            }
            previous = Some(*index);
        }
        left_out
    }

    /// The longest time between two packets, counted from `from`, and up to `now` after the last.
    #[must_use]
    pub fn longest_gap(&self, from: SimTime, now: SimTime) -> Duration {
        let times = self.times.iter().copied().filter(|time| *time >= from).chain([now]);
        let mut last = from;
        let mut longest = Duration::ZERO;
        for time in times {
            longest = longest.max(time.since(last));
            last = time;
        }
        longest
    }

    /// By how much later than the promptest of them the packets sent since `from` left, measured by their timestamps at `clock_rate`;
    /// shortest first. What comes from a publisher without jitter waited so long in the server.
    #[must_use]
    pub fn waits(&self, from: SimTime, clock_rate: u32) -> Vec<Duration> {
        let sent = || self.sent.values().filter(|(at, _)| *at >= from);
        let Some((start, zero)) = sent().next() else { return Vec::new() };
        let late = |at: SimTime, timestamp: u32| {
            let captured = i64::from(timestamp.wrapping_sub(*zero).cast_signed()) * 1_000_000;
            let left = i64::try_from(at.since(*start).as_micros()).expect("short");
            left - captured / i64::from(clock_rate)
        };
        let mut late: Vec<i64> = sent().map(|(at, timestamp)| late(*at, *timestamp)).collect();
        late.sort_unstable();
        let first = late.first().copied().unwrap_or_default();
        late.into_iter().map(|it| Duration::from_micros((it - first).unsigned_abs())).collect()
    }

    /// When the packet with the highest number was sent, and that number.
    #[must_use]
    pub fn newest(&self) -> Option<(SimTime, u16)> {
        let (index, (at, _)) = self.sent.last_key_value()?;
        Some((*at, u16::try_from(index.rem_euclid(1 << 16)).ok()?))
    }

    /// How many pictures packets were sent of between `from` and `to`, the first included.
    #[must_use]
    pub fn pictures(&self, from: SimTime, to: SimTime) -> usize {
        let sent = self.sent.values().filter(|(at, _)| (from..to).contains(at));
        sent.map(|(_, timestamp)| timestamp).collect::<BTreeSet<_>>().len()
    }

    /// How many packets were sent since `from`.
    #[must_use]
    pub fn sent_since(&self, from: SimTime) -> usize {
        self.times.iter().filter(|time| **time >= from).count()
    }

    fn complaints(&self, clock_rate: Option<u32>) -> Vec<String> {
        let mut complaints = Vec::new();
        if self.duplicates > 0 {
            complaints.push(format!("{} numbers were used twice", self.duplicates));
        }
        complaints
            .extend(clock_rate.map(|rate| self.timestamp_complaints(rate)).into_iter().flatten());
        complaints
    }

    fn timestamp_complaints(&self, clock_rate: u32) -> Vec<String> {
        let mut complaints = Vec::new();
        let mut previous: Option<(SimTime, u32)> = None;
        for (index, (sent, timestamp)) in &self.sent {
            if let Some((before, from)) = previous {
                let step = i64::from(timestamp.wrapping_sub(from).cast_signed());
                let passed = i64::try_from(sent.since(before).as_millis()).expect("short")
                    * i64::from(clock_rate)
                    / 1_000;
                let slack = i64::try_from(TIMESTAMP_SLACK.as_millis()).expect("short")
                    * i64::from(clock_rate)
                    / 1_000;
                if step < 0 {
                    complaints.push(format!("the timestamp of {index} jumps back by {}", -step));
                } else if step > passed + slack {
                    complaints.push(format!(
                        "the timestamp of {index} leaps by {step} ticks in {passed}"
                    ));
                }
            }
            previous = Some((*sent, *timestamp));
        }
        complaints
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_left_later_than_its_timestamp_says_has_waited() {
        // At 0, 20 and 40 ms by their timestamps.
        let stream = stream(&[(5, 1, 0), (28, 2, 960), (45, 3, 1_920)]);
        let waits = stream.waits(SimTime::ZERO, 48_000);
        assert_eq!(waits, [0, 0, 3].map(Duration::from_millis));
    }

    const fn ms(milliseconds: u64) -> SimTime {
        SimTime::milliseconds(milliseconds)
    }

    fn stream(packets: &[(u64, u16, u32)]) -> Stream {
        let mut stream = Stream::default();
        for (at, sequence, timestamp) in packets {
            stream.watch(ms(*at), *sequence, *timestamp);
        }
        stream
    }

    #[test]
    fn a_number_left_out_is_noticed_once_it_cannot_come_any_more() {
        let gap = stream(&[(0, 65_535, 0), (20, 1, 1800), (40, 2, 3600)]);
        assert!(gap.left_out(ms(500)).is_empty());
        assert_eq!(gap.left_out(ms(1100)).len(), 1);
        let filled = stream(&[(0, 65_535, 0), (20, 1, 1800), (300, 0, 900)]);
        assert_eq!(filled.left_out(ms(5000)), Vec::<i64>::new());
    }

    #[test]
    fn a_number_used_twice_is_noticed() {
        assert_eq!(
            stream(&[(0, 7, 0), (20, 7, 0)]).complaints(Some(48_000)),
            ["1 numbers were used twice"]
        );
    }

    #[test]
    fn a_timestamp_that_jumps_back_or_leaps_is_noticed() {
        assert_eq!(stream(&[(0, 1, 1800), (20, 2, 0)]).complaints(Some(90_000)).len(), 1);
        assert_eq!(stream(&[(0, 1, 0), (20, 2, 300_000)]).complaints(Some(90_000)).len(), 1);
        assert!(stream(&[(0, 1, u32::MAX - 5), (20, 2, 1794)]).complaints(Some(90_000)).is_empty());
    }

    #[test]
    fn the_longest_gap_counts_the_silence_after_the_last_packet() {
        let stream = stream(&[(0, 1, 0), (20, 2, 960), (140, 3, 1920)]);
        assert_eq!(stream.longest_gap(ms(0), ms(150)), Duration::from_millis(120));
        assert_eq!(stream.longest_gap(ms(0), ms(900)), Duration::from_millis(760));
        assert_eq!(stream.longest_gap(ms(100), ms(150)), Duration::from_millis(40));
    }
}
