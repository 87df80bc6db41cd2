//! A receive m-line of a participant: what came in it, what is missing, what to ask the server for.

use std::time::{Duration, Instant};

use arrayvec::ArrayVec;
use sfu::media::{MediaKind, Mid, Ssrc};
use sfu::packet::feedback::{self, ReportBlock};
use sfu::packet::header::Header;
use sfu::publication::receive::{Arrival, How, NACK_MAX, Receive};
use simulcast::SequenceNumber;
use simulcast::codec::{self, Codec};

use super::stamp;
use super::synthetic::{AUDIO_STAMP, VIDEO_STAMP};
use super::tally::Heard;

/// A slot.
#[derive(Debug)]
pub struct Slot {
    mid: Mid,
    kind: MediaKind,
    ssrc: Ssrc,
    rtx: Option<Ssrc>,
    /// Made with the first packet: most slots of most participants stay empty.
    receive: Option<Box<Receive>>,
    highest: Option<u64>,
    /// When a keyframe is asked for, where one is needed.
    keyframe: Option<Instant>,
}

impl Slot {
    /// The slot `mid` that receives `ssrc`, and what is sent again as `rtx`.
    #[must_use]
    pub const fn new(mid: Mid, kind: MediaKind, ssrc: Ssrc, rtx: Option<Ssrc>) -> Self {
        Self { mid, kind, ssrc, rtx, receive: None, highest: None, keyframe: None }
    }

    /// Whether packets of `ssrc` belong to it.
    #[must_use]
    pub fn carries(&self, ssrc: Ssrc) -> bool {
        self.ssrc == ssrc || self.rtx == Some(ssrc)
    }

    /// Takes in an opened packet of this slot, which came at `at`; also returns how many numbers it passes over.
    pub fn packet<'a>(
        &mut self,
        epoch: Instant,
        at: Instant,
        header: &Header,
        packet: &'a [u8],
    ) -> Option<(Heard<'a>, u64)> {
        let length = header.payload_length(packet).ok()?;
        let whole = packet.get(header.length..header.length + length)?;
        let repaired = self.rtx == Some(header.ssrc);
        let (sequence, payload, how) = match (repaired, whole) {
            // Padding that probes: its numbers are of the repair stream, and nobody misses them.
            (true, []) => return None,
            (true, [high, low, payload @ ..]) => {
                (SequenceNumber(u16::from_be_bytes([*high, *low])), payload, How::Retransmission)
            }
            (true, [_]) => return None,
            (false, []) => (header.sequence, whole, How::Padding),
            (false, _) => (header.sequence, whole, How::Media),
        };
        let rate = if self.kind == MediaKind::Audio { 48_000 } else { 90_000 };
        let ssrc = self.ssrc;
        let receive = self.receive.get_or_insert_with(|| Box::new(Receive::new(ssrc, rate)));
        let arrived = receive.packet(at, sequence, header.timestamp, packet.len(), how);
        let mut skipped = 0;
        if arrived.kind == Arrival::New {
            let expected = self.highest.map_or(arrived.index, |highest| highest + 1);
            skipped = arrived.index.saturating_sub(expected);
            self.highest = Some(arrived.index);
        }
        if arrived.lost && self.kind == MediaKind::Video {
            self.keyframe.get_or_insert(at);
        }
        if self.kind == MediaKind::Video && starts_keyframe(payload) {
            self.keyframe = None;
        }
        let stamp_at = if self.kind == MediaKind::Audio { AUDIO_STAMP } else { VIDEO_STAMP };
        let sent = payload.get(stamp_at..).and_then(|bytes| stamp::read(epoch, bytes));
        let heard = Heard {
            mid: self.mid,
            kind: self.kind,
            at,
            index: arrived.index,
            arrival: arrived.kind,
            repaired,
            publication: source(packet),
            payload,
            sent,
        };
        Some((heard, skipped))
    }

    /// A sender report of this slot arrived.
    pub fn sender_report(&mut self, at: Instant, report: &feedback::SenderReport) {
        if let Some(receive) = &mut self.receive {
            receive.sender_report(at, report.ntp, report.timestamp);
        }
    }

    /// Appends what to ask for now: packets that are missing, a keyframe where they were given up.
    pub fn wish(&mut self, now: Instant, own: Ssrc, out: &mut Vec<u8>) {
        let Some(receive) = &mut self.receive else { return };
        if self.kind == MediaKind::Audio {
            return;
        }
        let mut numbers = ArrayVec::<SequenceNumber, NACK_MAX>::new();
        if receive.nacks(now, ROUND_TRIP, &mut numbers) > 0 {
            self.keyframe.get_or_insert(now);
        }
        if !numbers.is_empty() {
            feedback::write_nack(out, own, self.ssrc, numbers.into_iter());
        }
        if self.keyframe.is_some_and(|due| due <= now) {
            self.keyframe = Some(now + KEYFRAME_AGAIN);
            feedback::write_pli(out, own, self.ssrc);
        }
    }

    /// When [`Self::wish`] may have something to ask for.
    #[must_use]
    pub fn deadline(&self) -> Option<Instant> {
        if self.kind == MediaKind::Audio {
            return None;
        }
        let nack = self.receive.as_ref().and_then(|receive| receive.nack_deadline());
        nack.into_iter().chain(self.keyframe).min()
    }

    /// What a report says of the time since the last one.
    pub fn report(&mut self, now: Instant) -> Option<ReportBlock> {
        let reception = self.receive.as_mut()?.report(now)?;
        Some(ReportBlock {
            ssrc: reception.ssrc,
            fraction_lost: reception.fraction_lost,
            lost: reception.lost,
            highest: reception.highest,
            jitter: reception.jitter,
            last_sender_report: reception.last_sender_report,
            delay: reception.delay,
        })
    }
}

/// The publication that the first CSRC of a packet names.
fn source(packet: &[u8]) -> Option<u32> {
    let first = packet.first()?;
    let csrc = packet.get(12..)?.first_chunk()?;
    (first & 0x0f > 0).then(|| u32::from_be_bytes(*csrc))
}

/// Whether a payload of VP8 begins a keyframe.
fn starts_keyframe(payload: &[u8]) -> bool {
    codec::inspect(Codec::Vp8, payload, false, None).is_ok_and(|info| info.starts_keyframe)
}

/// Of the loopback and of local networks; what comes later is asked for again.
const ROUND_TRIP: Duration = Duration::from_millis(20);

/// Between two requests for a keyframe: libwebrtc's is 200 ms and more.
const KEYFRAME_AGAIN: Duration = Duration::from_millis(300);
