//! Which packets of a stream are missing, and when the publisher is asked for each (NACK, RFC 4585, section 6.2.1).

use std::time::{Duration, Instant};

use arrayvec::ArrayVec;
use simulcast::SequenceNumber;

/// The gaps in one stream, oldest first.
#[derive(Debug, Default)]
pub(super) struct Missing {
    packets: ArrayVec<Packet, MISSING_MAX>,
}

#[derive(Clone, Copy, Debug)]
struct Packet {
    index: u64,
    noticed: Instant,
    due: Instant,
    tries: u8,
}

impl Missing {
    /// Packets `from..to` were skipped by one that arrived now. False where packets were given up for it: a gap that is
    /// too wide to ask for takes all older ones with it, as nothing can be decoded without a keyframe any more.
    #[must_use]
    pub(super) fn skipped(&mut self, now: Instant, from: u64, to: u64) -> bool {
        let count = usize::try_from(to.saturating_sub(from)).unwrap_or(usize::MAX);
        let complete = count <= self.packets.remaining_capacity();
        if !complete {
            self.packets.clear();
        }
        if count <= MISSING_MAX {
            let due = now + REORDERING;
            self.packets.extend((from..to).map(|index| Packet {
                index,
                noticed: now,
                due,
                tries: 0,
            }));
        }
        complete
    }

    /// A packet arrived, whether or not it was missing.
    pub(super) fn arrived(&mut self, index: u64) {
        if let Ok(place) = self.packets.binary_search_by_key(&index, |packet| packet.index) {
            self.packets.remove(place);
        }
    }

    /// The newest packet is `highest`: what lies far enough before it is not just late.
    pub(super) fn advanced(&mut self, now: Instant, highest: u64) {
        let untried = self
            .packets
            .iter_mut()
            .rev()
            .skip_while(|packet| packet.index + REORDERING_PACKETS > highest);
        untried.take_while(|packet| packet.due > now && packet.tries == 0).for_each(|packet| {
            packet.due = now;
        });
    }

    /// Adds to `out`, while it has room, what to ask for now. Returns how many packets were given up.
    pub(super) fn ask(
        &mut self,
        now: Instant,
        round_trip: Duration,
        out: &mut ArrayVec<SequenceNumber, NACK_MAX>,
    ) -> usize {
        let before = self.packets.len();
        self.packets.retain(|packet| {
            let over = packet.tries >= TRIES && packet.due <= now;
            !over && now < packet.noticed + AGE_MAX
        });
        let given_up = before - self.packets.len();
        for packet in self.packets.iter_mut().filter(|packet| packet.due <= now) {
            if out.try_push(SequenceNumber((packet.index & 0xffff) as u16)).is_err() {
                break;
            }
            packet.tries += 1;
            let pause = (0..packet.tries)
                .fold(round_trip.max(ROUND_TRIP_MIN), |pause, _| (pause * 3 / 2).min(AGE_MAX));
            packet.due = (now + pause).min(packet.noticed + AGE_MAX);
        }
        given_up
    }

    /// When [`Self::ask`] has something to do next.
    pub(super) fn deadline(&self) -> Option<Instant> {
        self.packets.iter().map(|packet| packet.due).min()
    }

    /// Since when the oldest is known to be missing.
    pub(super) fn since(&self) -> Option<Instant> {
        self.packets.first().map(|packet| packet.noticed)
    }

    pub(super) fn clear(&mut self) {
        self.packets.clear();
    }
}

/// Packets that are missing at once: a quarter of a second of 10 Mbit/s. Where more are lost, a keyframe is cheaper.
const MISSING_MAX: usize = 256;

/// Sequence numbers of one NACK: all that one lost burst of a router's queue takes; at worst 64 pairs of 4 bytes.
pub const NACK_MAX: usize = 64;

/// How long a packet may be overtaken before it is asked for: wireless links reorder within about this.
const REORDERING: Duration = Duration::from_millis(10);

/// A packet overtaken by three is lost (as TCP and RFC 9002, section 6.1.1, take it).
const REORDERING_PACKETS: u64 = 3;

/// The first question is repeated no sooner than 1.5 times this, where the round trip is shorter: an encoder's host
/// answers from a thread that wakes each few milliseconds.
const ROUND_TRIP_MIN: Duration = Duration::from_millis(20);

/// How often a packet is asked for: each pause is 1.5 times the last, so that a link without capacity is left alone.
const TRIES: u8 = 10;

/// What arrives later than this is of no use to anybody who talks.
const AGE_MAX: Duration = Duration::from_secs(1);
