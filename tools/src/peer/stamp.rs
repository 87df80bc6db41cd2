//! When a packet was sent, within its payload: for latencies between sockets of one machine.

use std::time::{Duration, Instant};

/// Bytes of a stamp.
pub const LENGTH: usize = 12;

/// Tells a stamp from anything else that may stand in its place.
const MARK: [u8; 4] = *b"sent";

/// The bytes of a stamp: nanoseconds since `epoch`, which sender and receiver share.
#[must_use]
pub fn write(epoch: Instant, now: Instant) -> [u8; LENGTH] {
    let since = now.saturating_duration_since(epoch).as_nanos();
    let mut stamp = [0; LENGTH];
    let bytes = MARK.into_iter().chain(u64::try_from(since).unwrap_or(u64::MAX).to_be_bytes());
    stamp.iter_mut().zip(bytes).for_each(|(place, byte)| *place = byte);
    stamp
}

/// The time in the stamp that `bytes` begin with.
#[must_use]
pub fn read(epoch: Instant, bytes: &[u8]) -> Option<Instant> {
    let (mark, rest) = bytes.split_first_chunk::<4>()?;
    let (since, _) = rest.split_first_chunk::<8>()?;
    let since = Duration::from_nanos(u64::from_be_bytes(*since));
    (*mark == MARK).then(|| epoch.checked_add(since))?
}
