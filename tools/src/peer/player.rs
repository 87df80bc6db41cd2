//! Plays a layer as one RTP stream: on time, again and again, from its keyframe when asked to, and packets of it a second time.

use std::collections::VecDeque;
use std::sync::Arc;
use std::time::{Duration, Instant};

use arrayvec::ArrayVec;
use sfu::media::{MediaKind, Ssrc};
use sfu::packet::feedback::SenderReport;
use sfu::transport::srtp::Sealer;
use simulcast::{RtpTimestamp, SequenceNumber};

use super::offer;
use super::stamp;
use super::track::{Layer, Packet};

/// A layer being played.
#[derive(Debug)]
pub struct Player {
    layer: Arc<Layer>,
    stream: Stream,
    repair: Option<Stream>,
    /// The place of the next packet.
    next: usize,
    round: Round,
    /// When the first round began, which timestamps count from.
    start: Instant,
    /// The numbers of the newest frame.
    newest: Stamped,
    wants_keyframe: bool,
    /// The latest packets, oldest first; at most [`SENT_MAX`].
    sent: VecDeque<(u16, usize, Stamped)>,
    packets: u32,
    octets: u32,
}

/// What is added to the numbers of a layer's packets until it begins anew.
#[derive(Clone, Copy, Debug)]
struct Round {
    /// When its first packet is due.
    begin: Instant,
    timestamp: u32,
    picture: u16,
    tl0: u8,
}

/// The numbers a packet was sent with.
#[derive(Clone, Copy, Debug, Default)]
struct Stamped {
    timestamp: u32,
    picture: u16,
    tl0: u8,
}

/// An SSRC with what its headers have in common.
#[derive(Clone, Debug)]
pub struct Stream {
    /// Its SSRC.
    pub ssrc: Ssrc,
    /// Its payload type.
    pub payload_type: u8,
    /// Extension elements of every packet: ids with their values.
    pub names: ArrayVec<(u8, ArrayVec<u8, 16>), 2>,
    /// The index of the next packet: its sequence number and the rollovers before it.
    pub index: u64,
}

/// What surrounds a packet being written.
#[derive(Debug)]
pub struct Outlet<'a> {
    /// By the transport's key.
    pub sealer: &'a Sealer,
    /// The next number of transport-wide feedback, where it was negotiated.
    pub transport_sequence: Option<&'a mut u16>,
    /// From which stamps count.
    pub epoch: Instant,
    /// The time.
    pub now: Instant,
}

/// What browsers keep: about a second of the largest encoding.
const SENT_MAX: usize = 512;

impl Player {
    /// Plays `layer` from `start` on as `stream`; `repair` carries what is asked for again.
    #[must_use]
    pub fn new(layer: Arc<Layer>, start: Instant, stream: Stream, repair: Option<Stream>) -> Self {
        // Any numbers will do to begin with; these differ from stream to stream.
        let timestamp = stream.ssrc.0.wrapping_mul(0x9e37_79b9);
        let picture = (stream.ssrc.0 & 0x7fff) as u16;
        let round = Round { begin: start, timestamp, picture, tl0: 0 };
        Self {
            layer,
            stream,
            repair,
            next: 0,
            round,
            start,
            newest: Stamped { timestamp, picture, tl0: 0 },
            wants_keyframe: false,
            sent: VecDeque::new(),
            packets: 0,
            octets: 0,
        }
    }

    /// Of the stream itself.
    #[must_use]
    pub const fn ssrc(&self) -> Ssrc {
        self.stream.ssrc
    }

    /// Sound or picture: their clocks differ.
    #[must_use]
    pub fn kind(&self) -> MediaKind {
        if self.layer.clock_rate == 48_000 { MediaKind::Audio } else { MediaKind::Video }
    }

    /// When [`Self::write`] has the next packet.
    #[must_use]
    pub fn deadline(&self) -> Instant {
        match self.layer.packets.get(self.next) {
            Some(packet) => self.round.begin + packet.at,
            None => self.round.begin + self.layer.length,
        }
    }

    /// Asks for a keyframe: the layer begins anew with its next frame.
    pub const fn want_keyframe(&mut self) {
        self.wants_keyframe = true;
    }

    /// Goes on after a pause, with a keyframe at `now`.
    pub fn resume(&mut self, now: Instant) {
        self.begin(now);
    }

    /// Writes the next packet into `room`, sealed, where one is due; returns its length.
    pub fn write(&mut self, outlet: &mut Outlet<'_>, room: &mut [u8]) -> Option<usize> {
        let now = outlet.now;
        if now < self.deadline() {
            return None;
        }
        let ended = self.next.checked_sub(1).and_then(|last| self.layer.packets.get(last));
        let between_frames = ended.is_none_or(|last| last.marker || last.numbers.is_none());
        if self.next >= self.layer.packets.len() {
            self.begin(self.round.begin + self.layer.length);
        } else if self.wants_keyframe && between_frames {
            self.begin(now);
        }
        let place = self.next;
        let layer = Arc::clone(&self.layer);
        let packet = layer.packets.get(place)?;
        let stamped = self.round.stamp(packet);
        let index = self.stream.index;
        let length = self.stream.write(packet, stamped, None, outlet, room)?;
        self.next += 1;
        self.newest = stamped;
        self.packets = self.packets.wrapping_add(1);
        let payload = packet.head.len() + packet.body.len();
        self.octets = self.octets.wrapping_add(u32::try_from(payload).unwrap_or(0));
        if self.repair.is_some() {
            if self.sent.len() >= SENT_MAX {
                self.sent.pop_front();
            }
            self.sent.push_back(((index & 0xffff) as u16, place, stamped));
        }
        Some(length)
    }

    /// Begins the layer at `begin`, going on with all numbers.
    fn begin(&mut self, begin: Instant) {
        self.wants_keyframe = false;
        self.next = 0;
        let rate = self.layer.clock_rate;
        let since = begin.saturating_duration_since(self.start);
        let first = self.stream.ssrc.0.wrapping_mul(0x9e37_79b9).wrapping_add(ticks(since, rate));
        // A packet may have been sent late: time goes on by a hundredth of a second at least.
        let least = self.newest.timestamp.wrapping_add(rate / 100);
        let is_later = RtpTimestamp(first).distance_from(RtpTimestamp(least)) > 0;
        self.round = Round {
            begin,
            timestamp: if is_later { first } else { least },
            picture: self.newest.picture.wrapping_add(1) & 0x7fff,
            tl0: self.newest.tl0.wrapping_add(1),
        };
    }

    /// Writes a packet that was sent as `sequence` a second time (RFC 4588); `None` where it is not kept any more.
    pub fn resend(
        &mut self,
        sequence: SequenceNumber,
        outlet: &mut Outlet<'_>,
        room: &mut [u8],
    ) -> Option<usize> {
        let (_, place, stamped) = self.sent.iter().rev().find(|sent| sent.0 == sequence.0)?;
        let packet = self.layer.packets.get(*place)?;
        self.repair.as_mut()?.write(packet, *stamped, Some(sequence), outlet, room)
    }

    /// A sender report for now, whose wall time in NTP format is `ntp`; `None` before the first packet.
    #[must_use]
    pub fn report(&self, now: Instant, ntp: u64) -> Option<SenderReport> {
        let round = self.round;
        let since = ticks(now.saturating_duration_since(round.begin), self.layer.clock_rate);
        (self.packets > 0).then_some(SenderReport {
            ssrc: self.stream.ssrc,
            ntp,
            timestamp: RtpTimestamp(round.timestamp.wrapping_add(since)),
            packets: self.packets,
            octets: self.octets,
        })
    }
}

impl Round {
    fn stamp(&self, packet: &Packet) -> Stamped {
        let numbers = packet.numbers;
        let picture = numbers.map_or(0, |numbers| numbers.picture);
        let tl0 = numbers.and_then(|numbers| numbers.tl0).unwrap_or_default();
        Stamped {
            timestamp: self.timestamp.wrapping_add(packet.ticks),
            picture: self.picture.wrapping_add(picture) & 0x7fff,
            tl0: self.tl0.wrapping_add(tl0),
        }
    }
}

impl Stream {
    /// Writes `packet` as the next one of this stream, or as the repair of `original`.
    fn write(
        &mut self,
        packet: &Packet,
        stamped: Stamped,
        original: Option<SequenceNumber>,
        outlet: &mut Outlet<'_>,
        room: &mut [u8],
    ) -> Option<usize> {
        let mut written = ArrayVec::<u8, WRITTEN_MAX>::new();
        self.write_header(packet, stamped, outlet, &mut written)?;
        let header = written.len();
        if let Some(original) = original {
            written.try_extend_from_slice(&original.0.to_be_bytes()).ok()?;
        }
        let payload = written.len();
        written.try_extend_from_slice(&packet.head).ok()?;
        if let Some(numbers) = packet.numbers {
            let [high, low] = (stamped.picture | 0x8000).to_be_bytes();
            *written.get_mut(payload + 2)? = high;
            *written.get_mut(payload + 3)? = low;
            if numbers.tl0.is_some() {
                *written.get_mut(payload + 4)? = stamped.tl0;
            }
        }
        if packet.stamped {
            written.try_extend_from_slice(&stamp::write(outlet.epoch, outlet.now)).ok()?;
        }
        room.get_mut(..written.len())?.copy_from_slice(&written);
        let prefix = written.len() - header;
        let sealed = outlet.sealer.seal_rtp(self.index, room, header, prefix, &packet.body).ok()?;
        self.index += 1;
        Some(sealed)
    }

    fn write_header(
        &self,
        packet: &Packet,
        stamped: Stamped,
        outlet: &mut Outlet<'_>,
        out: &mut ArrayVec<u8, WRITTEN_MAX>,
    ) -> Option<()> {
        let marker = if packet.marker { 0x80 } else { 0 };
        let [.., s0, s1] = self.index.to_be_bytes();
        let [t0, t1, t2, t3] = stamped.timestamp.to_be_bytes();
        let [c0, c1, c2, c3] = self.ssrc.0.to_be_bytes();
        let fixed = [0x90, marker | self.payload_type, s0, s1, t0, t1, t2, t3, c0, c1, c2, c3];
        out.try_extend_from_slice(&fixed).ok()?;
        out.try_extend_from_slice(&[0xbe, 0xde, 0, 0]).ok()?;
        let mut element = |id: u8, value: &[u8]| {
            let length = u8::try_from(value.len().checked_sub(1)?).ok()?;
            out.try_push(id << 4 | length & 0x0f).ok()?;
            out.try_extend_from_slice(value).ok()
        };
        for (id, value) in &self.names {
            element(*id, value)?;
        }
        if let Some(number) = outlet.transport_sequence.as_deref_mut() {
            element(offer::TRANSPORT_SEQUENCE, &number.to_be_bytes())?;
            *number = number.wrapping_add(1);
        }
        if let Some(level) = packet.level {
            element(offer::LEVEL, &[level])?;
        }
        while !out.len().is_multiple_of(4) {
            out.try_push(0).ok()?;
        }
        let words = u8::try_from((out.len() - 16) / 4).ok()?;
        *out.get_mut(15)? = words;
        Some(())
    }
}

/// Header of 12 and 4 bytes, four extensions of up to 17, two bytes of a repair, head and stamp.
const WRITTEN_MAX: usize = 128;

/// `time` on a clock of `rate`, modulo 2³².
fn ticks(time: Duration, rate: u32) -> u32 {
    let whole = time.as_nanos() * u128::from(rate) / 1_000_000_000;
    (whole & 0xffff_ffff) as u32
}

#[cfg(test)]
#[path = "player_tests.rs"]
mod tests;
