//! What somebody received, counted.

use std::ops::AddAssign;
use std::time::{Duration, Instant};

use sfu::media::{MediaKind, Mid};
use sfu::publication::receive::Arrival;

/// A packet that came to a participant, opened.
#[derive(Clone, Copy, Debug)]
pub struct Heard<'a> {
    /// In which m-line.
    pub mid: Mid,
    /// Sound or picture.
    pub kind: MediaKind,
    /// When, by the kernel where it tells.
    pub at: Instant,
    /// The number of the packet with its rollovers; of the original, where it was repaired.
    pub index: u64,
    /// In which order.
    pub arrival: Arrival,
    /// Sent a second time.
    pub repaired: bool,
    /// Which publication it names.
    pub publication: Option<u32>,
    /// What it carries, padding taken off; empty for padding alone.
    pub payload: &'a [u8],
    /// When it was sent, where its payload says so.
    pub sent: Option<Instant>,
}

/// Counts of one participant, or of many.
#[derive(Clone, Debug, Default, Eq, PartialEq)]
pub struct Tally {
    /// Packets with media, duplicates not counted.
    pub packets: u64,
    /// Their payload.
    pub bytes: u64,
    /// Packets that came after a later one.
    pub late: u64,
    /// Packets that had come before, on the same stream.
    pub duplicates: u64,
    /// Packets that came when they were sent a second time.
    pub repaired: u64,
    /// Packets of padding alone, and those that came again on the retransmission stream though they had come.
    pub padding: u64,
    /// Numbers that were passed over and have not come so far; they may be sent again.
    pub missing: i64,
    /// From the sender's socket to the receiver's, of each stamped packet, in the order of arrival.
    pub latencies: Vec<Duration>,
}

impl Tally {
    /// Counts a packet; `skipped` numbers lie between it and the newest before.
    pub fn note(&mut self, heard: &Heard<'_>, skipped: u64) {
        match heard.arrival {
            Arrival::New | Arrival::Late => {}
            // What comes a second time as a retransmission finds out what the link carries.
            Arrival::Duplicate | Arrival::TooOld if heard.repaired => {
                self.padding += 1;
                return;
            }
            Arrival::Duplicate | Arrival::TooOld => {
                self.duplicates += 1;
                return;
            }
        }
        self.missing += i64::try_from(skipped).unwrap_or(i64::MAX);
        if heard.arrival == Arrival::Late {
            self.missing -= 1;
            self.late += 1;
        }
        if heard.payload.is_empty() {
            self.padding += 1;
            return;
        }
        self.packets += 1;
        self.bytes += heard.payload.len() as u64;
        self.repaired += u64::from(heard.repaired);
        if let Some(sent) = heard.sent.filter(|_| !heard.repaired) {
            self.latencies.push(heard.at.saturating_duration_since(sent));
        }
    }

    /// The latency that so many per mille of the packets stay below or at; `None` where nothing was stamped. Sorts them.
    pub fn latency(&mut self, per_mille: usize) -> Option<Duration> {
        self.latencies.sort_unstable();
        let last = self.latencies.len().checked_sub(1)?;
        self.latencies.get(last * per_mille.min(1_000) / 1_000).copied()
    }
}

impl AddAssign<&Self> for Tally {
    fn add_assign(&mut self, other: &Self) {
        self.packets += other.packets;
        self.bytes += other.bytes;
        self.late += other.late;
        self.duplicates += other.duplicates;
        self.repaired += other.repaired;
        self.padding += other.padding;
        self.missing += other.missing;
        self.latencies.extend_from_slice(&other.latencies);
    }
}
