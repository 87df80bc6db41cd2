//! One incoming RTP stream: which packet is which, what is missing, what reports say about it, and what it costs.

use std::time::{Duration, Instant};

use arrayvec::ArrayVec;
use simulcast::{Bitrate, RtpTimestamp, SequenceNumber};

use super::missing::Missing;
pub use super::missing::NACK_MAX;
use super::rate::PeakRate;
use crate::media::Ssrc;

/// The receiving side of one RTP stream (RFC 3550, appendix A), with its gaps and its rate.
///
/// Left out on purpose: the probation of A.1 for a new source. SRTP has authenticated every packet, so the first one
/// counts; two in sequence are asked for only after a jump.
#[derive(Debug)]
pub struct Receive {
    ssrc: Ssrc,
    clock_rate: u32,
    stream: Option<Stream>,
    missing: Missing,
    sender_report: Option<SenderReport>,
    fraction_lost: u8,
}

/// How a packet came.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub enum How {
    /// In the stream itself.
    Media,
    /// As a retransmission (RFC 4588): it fills a gap, but says nothing about the network's losses and jitter.
    Retransmission,
    /// In the stream, without payload: it takes a number and nothing else.
    Padding,
}

/// What an incoming packet is.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub struct Arrived {
    /// Its sequence number with the rollovers counted; rises over a restart of the sender too. Without meaning where
    /// `kind` is [`Arrival::TooOld`].
    pub index: u64,
    /// What to do with it.
    pub kind: Arrival,
    /// Packets before it are lost for good: pictures need a keyframe.
    pub lost: bool,
}

/// Whether a packet is to be forwarded.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub enum Arrival {
    /// The newest so far.
    New,
    /// It fills a gap.
    Late,
    /// It was here before.
    Duplicate,
    /// So far from the newest that it belongs to nothing; where the next one follows it, the sender has restarted.
    TooOld,
}

/// The fields of a reception report block (RFC 3550, section 6.4.1).
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub struct Reception {
    /// Of which stream.
    pub ssrc: Ssrc,
    /// Lost since the last report, in 1/256 of what was expected.
    pub fraction_lost: u8,
    /// Lost in all, clamped to 24 bits; negative where duplicates arrived.
    pub lost: i32,
    /// Rollovers in the upper, highest sequence number in the lower 16 bits.
    pub highest: u32,
    /// Interarrival jitter in ticks of the stream's clock.
    pub jitter: u32,
    /// The middle 32 bits of the last sender report's NTP time; 0 where there was none.
    pub last_sender_report: u32,
    /// Time since that report arrived, in 1/65,536 s; 0 where there was none.
    pub delay: u32,
}

/// When a packet's content was captured.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub enum Capture {
    /// By the publisher's own clock: NTP format, seconds in the upper 32 bits. Comparable within one participant.
    Publisher(u64),
    /// No sender report has come: the arrival is all there is.
    Arrival(Instant),
}

/// What is known once the first packet has come.
#[derive(Debug)]
struct Stream {
    first: Instant,
    /// The newest index.
    highest: u64,
    /// Which of the [`WINDOW`] indexes up to `highest` have arrived: a bit for each, at `index % WINDOW`.
    arrived: [u64; WINDOW_WORDS],
    /// The number that would confirm a restart of the sender.
    restart: Option<SequenceNumber>,
    counts: Counts,
    /// Arrival minus timestamp of the last packet, in ticks.
    transit: Option<u32>,
    /// 16 times the jitter, as A.8 keeps it.
    jitter: u32,
    last_media: Option<Instant>,
    rate: PeakRate,
}

/// The counters of A.1 and A.3, in indexes.
#[derive(Clone, Copy, Debug)]
struct Counts {
    /// The index of number 0 in the first cycle.
    cycle: u64,
    base: u64,
    received: u64,
    expected_prior: u64,
    received_prior: u64,
}

#[derive(Clone, Copy, Debug)]
struct SenderReport {
    arrival: Instant,
    ntp: u64,
    timestamp: RtpTimestamp,
}

impl Receive {
    /// The stream `ssrc`, whose timestamps count `clock_rate` ticks a second.
    #[must_use]
    pub fn new(ssrc: Ssrc, clock_rate: u32) -> Self {
        Self {
            ssrc,
            clock_rate: clock_rate.max(1),
            stream: None,
            missing: Missing::default(),
            sender_report: None,
            fraction_lost: 0,
        }
    }

    /// Which stream it is.
    #[must_use]
    pub const fn ssrc(&self) -> Ssrc {
        self.ssrc
    }

    /// What the last report said was lost, in 1/256 of what was expected.
    #[must_use]
    pub const fn fraction_lost(&self) -> u8 {
        self.fraction_lost
    }

    /// Takes in a packet of `bytes` bytes; a retransmission with the original's number and timestamp.
    pub fn packet(
        &mut self,
        arrival: Instant,
        sequence: SequenceNumber,
        timestamp: RtpTimestamp,
        bytes: usize,
        how: How,
    ) -> Arrived {
        let stream = self.stream.get_or_insert_with(|| Stream::new(arrival, sequence));
        let (index, kind) = stream.place(sequence, how);
        let mut lost = false;
        match kind {
            Placed::Next { skipped_from } => {
                lost = !self.missing.skipped(arrival, skipped_from, index);
                self.missing.advanced(arrival, index);
            }
            Placed::Restart => {
                self.missing.clear();
                lost = true;
            }
            Placed::Gap => self.missing.arrived(index),
            Placed::Duplicate | Placed::Outside => {}
        }
        let kind = match kind {
            Placed::Next { .. } | Placed::Restart => Arrival::New,
            Placed::Gap => Arrival::Late,
            Placed::Duplicate => Arrival::Duplicate,
            Placed::Outside => Arrival::TooOld,
        };
        stream.count(arrival, timestamp, bytes, how, kind, self.clock_rate);
        Arrived { index, kind, lost }
    }

    /// Adds to `out` the numbers to ask the publisher for now: each after 10 ms or three later packets, then after
    /// growing pauses of at least 1.5 round trips, at most 10 times and within 1 s. What finds no room in `out` stays due.
    ///
    /// Returns how many packets were given up: pictures need a keyframe then.
    pub fn nacks(
        &mut self,
        now: Instant,
        round_trip: Duration,
        out: &mut ArrayVec<SequenceNumber, NACK_MAX>,
    ) -> usize {
        self.missing.ask(now, round_trip, out)
    }

    /// When [`Self::nacks`] has something to do next.
    #[must_use]
    pub fn nack_deadline(&self) -> Option<Instant> {
        self.missing.deadline()
    }

    /// Since when something of it is missing that is being asked for.
    #[must_use]
    pub fn missing_since(&self) -> Option<Instant> {
        self.missing.since()
    }

    /// A sender report of the stream arrived (RFC 3550, section 6.4.1): `ntp` and `timestamp` are the same moment.
    pub const fn sender_report(&mut self, arrival: Instant, ntp: u64, timestamp: RtpTimestamp) {
        self.sender_report = Some(SenderReport { arrival, ntp, timestamp });
    }

    /// What to report about the time since the last call; `None` where nothing arrived in it, as RFC 3550 asks.
    ///
    /// Retransmissions count as lost: the sender learns what its network does.
    pub fn report(&mut self, now: Instant) -> Option<Reception> {
        let stream = self.stream.as_mut()?;
        let counts = &mut stream.counts;
        let expected = stream.highest + 1 - counts.base;
        if counts.received == counts.received_prior {
            return None;
        }
        let expected_interval = expected.saturating_sub(counts.expected_prior);
        let received_interval = counts.received - counts.received_prior;
        counts.expected_prior = expected;
        counts.received_prior = counts.received;
        let lost_interval = expected_interval.saturating_sub(received_interval);
        let fraction = (lost_interval << 8).checked_div(expected_interval).unwrap_or(0);
        let lost = i64::try_from(expected).ok()? - i64::try_from(counts.received).ok()?;
        let report = self.sender_report;
        self.fraction_lost = u8::try_from(fraction).unwrap_or(u8::MAX);
        Some(Reception {
            ssrc: self.ssrc,
            fraction_lost: self.fraction_lost,
            lost: i32::try_from(lost.clamp(LOST_MIN, LOST_MAX)).ok()?,
            highest: low(stream.highest - counts.cycle),
            jitter: stream.jitter >> 4,
            last_sender_report: report.map_or(0, |report| low(report.ntp >> 16)),
            delay: report.map_or(0, |report| {
                low(ticks(now.saturating_duration_since(report.arrival), 1 << 16))
            }),
        })
    }

    /// When what `timestamp` stands for was captured, for a packet that came at `arrival`.
    #[must_use]
    pub fn capture(&self, timestamp: RtpTimestamp, arrival: Instant) -> Capture {
        let Some(report) = self.sender_report else { return Capture::Arrival(arrival) };
        let rate = i64::from(self.clock_rate);
        let ticks = i64::from(timestamp.distance_from(report.timestamp));
        let (seconds, rest) = (ticks.div_euclid(rate), ticks.rem_euclid(rate));
        let since = (seconds << 32) + (rest << 32) / rate;
        Capture::Publisher(report.ntp.wrapping_add_signed(since))
    }

    /// The measured rate: the highest second of late, decaying over some 5 s. Each packet counts once, padding not.
    #[must_use]
    pub fn bitrate(&self, now: Instant) -> Bitrate {
        self.stream.as_ref().map_or(Bitrate::ZERO, |stream| stream.rate.peak(now))
    }

    /// Whether media of it has arrived within [`ACTIVE`].
    #[must_use]
    pub fn is_active(&self, now: Instant) -> bool {
        let last = self.stream.as_ref().and_then(|stream| stream.last_media);
        last.is_some_and(|last| now.saturating_duration_since(last) < ACTIVE)
    }
}

/// Where a packet lies.
enum Placed {
    /// After the newest; those from `skipped_from` up to it are missing.
    Next {
        skipped_from: u64,
    },
    /// First of a sender that began anew.
    Restart,
    /// Among the last, and missing until now.
    Gap,
    Duplicate,
    Outside,
}

impl Stream {
    /// A stream whose first packet, with number `sequence`, is about to be placed.
    fn new(now: Instant, sequence: SequenceNumber) -> Self {
        // From 65,536 on, so that what was sent before the first packet has an index too.
        let index = (1 << 16) | u64::from(sequence.0);
        Self {
            first: now,
            highest: index - 1,
            arrived: [0; WINDOW_WORDS],
            restart: None,
            counts: Counts::new(index),
            transit: None,
            jitter: 0,
            last_media: None,
            rate: PeakRate::new(now),
        }
    }

    /// The index of a packet and where it lies; from now on it has arrived there (RFC 3550, A.1).
    fn place(&mut self, sequence: SequenceNumber, how: How) -> (u64, Placed) {
        let newest = SequenceNumber((self.highest & 0xffff) as u16);
        let ahead = sequence.distance_from(newest);
        let index = self.highest.saturating_add_signed(ahead.into());
        let behind = usize::from(ahead.unsigned_abs());
        if ahead > 0 && ahead < DROPOUT_MAX {
            let skipped_from = self.highest + 1;
            self.advance_to(index);
            (index, Placed::Next { skipped_from })
        } else if ahead <= 0 && behind < WINDOW {
            let kind = if self.has(index) { Placed::Duplicate } else { Placed::Gap };
            self.mark(index);
            (index, kind)
        } else if how == How::Retransmission {
            (index, Placed::Outside)
        } else if self.restart == Some(sequence) {
            // The next index whose lower half is this number, so that none comes twice.
            let index = self.highest + u64::from(sequence.0.wrapping_sub(newest.0));
            self.arrived = [0; WINDOW_WORDS];
            self.advance_to(index);
            self.counts = Counts::new(index);
            self.transit = None;
            (index, Placed::Restart)
        } else {
            self.restart = Some(sequence.next());
            (index, Placed::Outside)
        }
    }

    /// Jitter (A.8), counts and rate of a packet that was placed.
    fn count(
        &mut self,
        arrival: Instant,
        timestamp: RtpTimestamp,
        bytes: usize,
        how: How,
        kind: Arrival,
        clock_rate: u32,
    ) {
        if kind == Arrival::TooOld {
            return;
        }
        if how != How::Retransmission {
            self.counts.received += 1;
        }
        if how == How::Padding || kind == Arrival::Duplicate {
            return;
        }
        self.rate.add(arrival, bytes);
        self.last_media = Some(arrival);
        if how == How::Media {
            let since_first = ticks(arrival.saturating_duration_since(self.first), clock_rate);
            let transit = low(since_first).wrapping_sub(timestamp.0);
            if let Some(last) = self.transit.replace(transit) {
                let change = transit.wrapping_sub(last).cast_signed().unsigned_abs();
                let decayed = self.jitter - ((self.jitter + 8) >> 4);
                self.jitter = decayed.saturating_add(change).min(JITTER_MAX);
            }
        }
    }

    fn advance_to(&mut self, index: u64) {
        let cleared = (self.highest + 1).max((index + 1).saturating_sub(WINDOW as u64));
        for skipped in cleared..=index {
            if let Some(word) = self.arrived.get_mut(word_of(skipped)) {
                *word &= !(1 << (skipped % 64));
            }
        }
        self.highest = index;
        self.restart = None;
        self.mark(index);
    }

    fn has(&self, index: u64) -> bool {
        self.arrived.get(word_of(index)).is_some_and(|word| word & (1 << (index % 64)) != 0)
    }

    fn mark(&mut self, index: u64) {
        if let Some(word) = self.arrived.get_mut(word_of(index)) {
            *word |= 1 << (index % 64);
        }
    }
}

impl Counts {
    /// As after `init_seq` of A.1, with `index` as the first packet.
    const fn new(index: u64) -> Self {
        let cycle = index & !0xffff;
        Self { cycle, base: index, received: 0, expected_prior: 0, received_prior: 0 }
    }
}

/// A duration in ticks of a clock.
fn ticks(duration: Duration, rate: u32) -> u64 {
    let rate = u64::from(rate);
    let seconds = duration.as_secs().wrapping_mul(rate);
    seconds.wrapping_add(u64::from(duration.subsec_nanos()) * rate / 1_000_000_000)
}

/// The lower 32 bits.
const fn low(value: u64) -> u32 {
    (value & 0xffff_ffff) as u32
}

#[expect(clippy::cast_possible_truncation, reason = "the remainder is below WINDOW")]
const fn word_of(index: u64) -> usize {
    (index % WINDOW as u64) as usize / 64
}

/// Without media for so long a stream counts as inactive. A shared screen that stands still sends one frame a second, and
/// silent Opus (DTX) one packet in 0.4 s; half a second more is for jitter and one loss.
pub const ACTIVE: Duration = Duration::from_millis(1500);

/// Packets that a sender may be ahead before it counts as restarted (RFC 3550, A.1): 11 s of 2.5 Mbit/s.
const DROPOUT_MAX: i16 = 3000;

/// Packets behind the newest that still fill their gap, a power of two. RFC 3550 has 100; a retransmission may come a
/// second late, at 10 Mbit/s 1,000 packets.
const WINDOW: usize = 1024;

const WINDOW_WORDS: usize = WINDOW / 64;

/// The range of a signed number of 24 bits.
const LOST_MIN: i64 = -0x80_0000;
const LOST_MAX: i64 = 0x7f_ffff;

/// Keeps A.8's arithmetic within 32 bits where timestamps are absurd.
const JITTER_MAX: u32 = u32::MAX - 8;

#[cfg(test)]
#[path = "receive_tests.rs"]
mod tests;
