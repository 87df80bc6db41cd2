//! What was sent in the last second, by what it was for.

use std::time::{Duration, Instant};

use simulcast::Bitrate;

/// Bytes on the wire of the last second, in tenths of it.
#[derive(Debug)]
pub(super) struct Spent {
    start: Instant,
    buckets: [Bucket; BUCKETS],
    /// The bucket being filled, counted from `start`.
    current: u64,
    /// Bytes sent again in the bucket whose place that one took.
    repair_before: u32,
}

/// What a packet is for.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub enum Spending {
    /// A voice.
    Sound,
    /// A picture.
    Picture,
    /// A packet that was lost.
    Repair,
    /// Finding out what the link carries.
    Padding,
}

#[derive(Clone, Copy, Debug, Default)]
struct Bucket {
    wire: [u32; 4],
    /// Of pictures, without headers.
    payload: u32,
}

impl Spent {
    pub(super) const fn new(start: Instant) -> Self {
        let empty = Bucket { wire: [0; 4], payload: 0 };
        Self { start, buckets: [empty; BUCKETS], current: 0, repair_before: 0 }
    }

    #[inline]
    pub(super) fn add(&mut self, now: Instant, spending: Spending, wire: usize, payload: usize) {
        let bucket = self.bucket(now);
        if bucket != self.current {
            self.advance(bucket);
        }
        let [bytes, payload] =
            [wire, payload].map(|count| u32::try_from(count).unwrap_or(u32::MAX));
        let Some(bucket) = self.buckets.get_mut(place(self.current)) else { return };
        if let Some(wire) = bucket.wire.get_mut(spending as usize) {
            *wire = wire.saturating_add(bytes);
        }
        if spending == Spending::Picture {
            bucket.payload = bucket.payload.saturating_add(payload);
        }
    }

    /// Over the last second.
    pub(super) fn rate(&self, now: Instant, spending: Spending) -> Bitrate {
        let of = |bucket: &Bucket| bucket.wire.get(spending as usize).copied().unwrap_or(0);
        self.rate_of(now, self.recent(now).map(of))
    }

    /// Bytes sent again in the last second, and in up to a tenth before it: no second has more.
    pub(super) fn repair_bytes(&self, now: Instant) -> u64 {
        let passed = self.bucket(now).saturating_sub(self.current);
        let kept = u64::try_from(BUCKETS + 1).unwrap_or(0).saturating_sub(passed);
        let bytes = |age: u64| match self.current.checked_sub(age) {
            Some(_) if age == BUCKETS as u64 => self.repair_before,
            Some(bucket) => self.buckets.get(place(bucket)).map_or(0, Bucket::repair),
            None => 0,
        };
        (0..kept).map(|age| u64::from(bytes(age))).sum()
    }

    /// Of everything, over the last second.
    pub(super) fn all(&self, now: Instant) -> Bitrate {
        self.rate_of(now, self.recent(now).flat_map(|bucket| bucket.wire))
    }

    /// What is left of a rate on the wire for the payload of pictures.
    pub(super) fn without_headers(&self, rate: Bitrate) -> Bitrate {
        let (payload, wire) = self.pictures();
        rate.scaled(payload, wire)
    }

    /// What the payload of pictures takes on the wire.
    pub(super) fn with_headers(&self, rate: Bitrate) -> Bitrate {
        let (payload, wire) = self.pictures();
        rate.scaled(wire, payload)
    }

    /// Bytes of pictures: payload, and the same on the wire. A guess where too few were sent of late to tell.
    fn pictures(&self) -> (u64, u64) {
        let sum = |of: fn(&Bucket) -> u32| self.buckets.iter().map(of).map(u64::from).sum::<u64>();
        let payload = sum(|bucket| bucket.payload);
        let wire = sum(|bucket| {
            let [_, pictures, _, _] = bucket.wire;
            pictures
        });
        // Small packets have more headers, but whoever steps up gets larger ones.
        if payload < ENOUGH { GUESS } else { (payload, wire.clamp(payload, payload * 5 / 4)) }
    }

    fn rate_of(&self, now: Instant, bytes: impl Iterator<Item = u32>) -> Bitrate {
        let bits = bytes.map(u64::from).sum::<u64>().saturating_mul(8);
        let since = now.saturating_duration_since(self.start).as_millis();
        let since = u64::try_from(since).unwrap_or(u64::MAX);
        // The present bucket is not full yet; nor are the others in the first second.
        let covered = (since % BUCKET_MS + BUCKET_MS * (BUCKETS as u64 - 1)).min(since);
        Bitrate::bps(bits).scaled(1_000, covered.max(COVERED_MIN_MS))
    }

    /// The buckets of the last second: the full ones, and the present one in place of the oldest.
    fn recent(&self, now: Instant) -> impl Iterator<Item = &Bucket> {
        let passed = self.bucket(now).saturating_sub(self.current);
        let kept = u64::try_from(BUCKETS).unwrap_or(0).saturating_sub(passed);
        (0..kept).filter_map(move |age| self.buckets.get(place(self.current.checked_sub(age)?)))
    }

    fn bucket(&self, now: Instant) -> u64 {
        let since = now.saturating_duration_since(self.start);
        u64::try_from(since.as_millis() / BUCKET.as_millis()).unwrap_or(u64::MAX)
    }

    fn advance(&mut self, bucket: u64) {
        if bucket.saturating_sub(self.current) > BUCKETS as u64 {
            self.buckets = [Bucket::default(); BUCKETS];
            (self.current, self.repair_before) = (bucket, 0);
        }
        while self.current < bucket {
            self.current += 1;
            if let Some(oldest) = self.buckets.get_mut(place(self.current)) {
                self.repair_before = oldest.repair();
                *oldest = Bucket::default();
            }
        }
    }
}

impl Bucket {
    fn repair(&self) -> u32 {
        self.wire.get(Spending::Repair as usize).copied().unwrap_or(0)
    }
}

#[expect(clippy::cast_possible_truncation, reason = "the remainder is below BUCKETS")]
const fn place(bucket: u64) -> usize {
    (bucket % BUCKETS as u64) as usize
}

const BUCKET: Duration = Duration::from_millis(BUCKET_MS);
const BUCKET_MS: u64 = 100;
/// In its first moments a rate is that of half a second.
const COVERED_MIN_MS: u64 = 500;
const BUCKETS: usize = 10;
/// Payload and wire of full packets: 1,100 bytes with header, extensions, tag, UDP and IP.
const GUESS: (u64, u64) = (1_100, 1_180);
/// Bytes of payload, with which the share of headers is measured: of the lowest layer in half a second.
const ENOUGH: u64 = 10_000;

#[cfg(test)]
mod tests {
    use super::*;

    #[expect(
        clippy::disallowed_methods,
        reason = "any instant serves as the start of virtual time"
    )]
    fn spent() -> (Spent, Instant) {
        let now = Instant::now();
        (Spent::new(now), now)
    }

    fn ms(ms: u64) -> Duration {
        Duration::from_millis(ms)
    }

    #[test]
    fn a_second_is_counted_by_what_it_was_for_and_then_forgotten() {
        let (mut spent, start) = spent();
        for n in 0..100 {
            spent.add(start + ms(n * 20), Spending::Sound, 100, 50);
            spent.add(start + ms(n * 20), Spending::Picture, 1_000, 900);
        }
        let now = start + ms(1_999);
        let kbps = |rate: Bitrate| rate.as_bps() / 1_000;
        assert_eq!(kbps(spent.rate(now, Spending::Sound)), 40);
        assert_eq!(spent.rate(now, Spending::Repair), Bitrate::ZERO);
        assert_eq!(kbps(spent.all(now)), 440);
        assert_eq!(kbps(spent.rate(now - ms(50), Spending::Sound)), 42, "a bucket that fills");
        assert_eq!(kbps(spent.rate(now + ms(500), Spending::Sound)), 20);
        assert_eq!(spent.rate(now + ms(1_001), Spending::Sound), Bitrate::ZERO);
    }

    #[test]
    fn no_second_has_more_repair_than_is_told() {
        let (mut spent, start) = spent();
        spent.add(start + ms(99), Spending::Repair, 500, 0);
        spent.add(start + ms(150), Spending::Picture, 9_000, 9_000);
        spent.add(start + ms(999), Spending::Repair, 70, 0);
        assert_eq!(spent.repair_bytes(start + ms(999)), 570);
        // Looked at before and after the next packet: what was sent 901 ms ago counts.
        assert_eq!(spent.repair_bytes(start + ms(1_000)), 570);
        spent.add(start + ms(1_000), Spending::Repair, 8, 0);
        assert_eq!(spent.repair_bytes(start + ms(1_000)), 578);
        assert_eq!(spent.repair_bytes(start + ms(1_100)), 78);
        assert_eq!(spent.repair_bytes(start + ms(2_050)), 8);
        assert_eq!(spent.repair_bytes(start + ms(2_100)), 0);
        spent.add(start + ms(9_000), Spending::Repair, 3, 0);
        assert_eq!(spent.repair_bytes(start + ms(9_000)), 3);
    }

    #[test]
    fn headers_cost_what_they_did_of_late() {
        let (mut spent, now) = spent();
        assert_eq!(spent.without_headers(Bitrate::kbps(1_180)), Bitrate::kbps(1_100));
        for n in 0..20 {
            spent.add(now + ms(n), Spending::Picture, 1_000, 900);
        }
        assert_eq!(spent.without_headers(Bitrate::kbps(1_000)), Bitrate::kbps(900));
        assert_eq!(spent.with_headers(Bitrate::kbps(900)), Bitrate::kbps(1_000));
    }
}
