//! How often somebody may do something in a second, by address.
//!
//! Addresses share a fixed number of places, chosen by a hash that a stranger cannot foresee: no memory grows with who comes, and no
//! lock is held. Two addresses in one place are counted together; of a thousand busy ones a hundredth has to share.

use std::hash::{DefaultHasher, Hash, Hasher};
use std::net::IpAddr;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};

use tokio::time::Instant;

/// Counts by address and second; cheap to clone.
#[derive(Clone, Debug)]
pub struct Throttle {
    /// Each the second in the upper half and the count in the lower.
    places: Arc<[AtomicU64]>,
    start: Instant,
    seed: u64,
    most: u32,
}

/// 512 KiB of counts: enough that busy addresses seldom share one.
const PLACES: usize = 65_536;

impl Throttle {
    /// At most `most` a second. `seed` is drawn, so that nobody knows who shares a place with whom.
    #[must_use]
    pub fn new(most: u32, seed: u64) -> Self {
        let places = (0..PLACES).map(|_| AtomicU64::new(0)).collect();
        Self { places, start: Instant::now(), seed, most }
    }

    /// Whether `address` may once more at `now`; it is counted.
    #[must_use]
    pub fn admits(&self, address: IpAddr, now: Instant) -> bool {
        // From 1, so that an untouched place is of no second. Seconds wrap after 136 years.
        let second = now.saturating_duration_since(self.start).as_secs().saturating_add(1) << 32;
        let counted = |before: u64| {
            let same = before & (u64::MAX << 32) == second;
            Some(if same { before.saturating_add(1) } else { second | 1 })
        };
        let Some(place) = self.places.get(self.place(address)) else { return true };
        // Counting more than 2³² within a second is beyond any machine: the upper half stays whole.
        let before = place.fetch_update(Ordering::Relaxed, Ordering::Relaxed, counted);
        let before = before.unwrap_or_else(|before| before);
        let count =
            if before & (u64::MAX << 32) == second { before & u64::from(u32::MAX) } else { 0 };
        count < u64::from(self.most)
    }

    fn place(&self, address: IpAddr) -> usize {
        let mut hasher = DefaultHasher::new();
        self.seed.hash(&mut hasher);
        match address.to_canonical() {
            IpAddr::V4(address) => address.octets().hash(&mut hasher),
            // One person has a whole /64 (RFC 6177).
            IpAddr::V6(address) => (address.to_bits() >> 64).hash(&mut hasher),
        }
        usize::try_from(hasher.finish()).unwrap_or(0) % PLACES
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::time::Duration;

    #[tokio::test(start_paused = true)]
    async fn so_many_a_second_are_admitted_from_each_address() {
        let throttle = Throttle::new(3, 7);
        let (start, second) = (Instant::now(), Duration::from_secs(1));
        let of = |text: &str| text.parse::<IpAddr>().unwrap();
        for now in [start, start + second, start + 60 * second] {
            let admitted =
                |address: &str| (0..5).filter(|_| throttle.admits(of(address), now)).count();
            assert_eq!(admitted("192.0.2.1"), 3);
            assert_eq!(admitted("192.0.2.2"), 3, "another address");
            assert_eq!(admitted("2001:db8::1"), 3);
            assert_eq!(admitted("2001:db8::2"), 0, "of the same /64");
            assert_eq!(admitted("::ffff:192.0.2.1"), 0, "written otherwise");
        }
    }
}
