//! One slot as a receiver sees it: puts packets in order, asks for what is lacking, and lets the oracles judge.

use std::collections::{BTreeMap, BTreeSet};
use std::time::Duration;

use rtcp::reception_report::ReceptionReport;
use sfu::MediaKind;
use sfu::media::Ssrc;
use tools::simnet::time::SimTime;

use super::feedback::Wish;
use super::stamp::Stamp;
use crate::oracle::vp8::{self, Decoder};
use crate::packet::{Rtp, Unwrapped, be16};

/// A slot.
#[derive(Debug)]
pub struct Incoming {
    kind: MediaKind,
    ssrc: u32,
    rtx: Option<Ssrc>,
    unwrapped: Unwrapped,
    /// Arrived, not yet decoded: pictures only.
    waiting: BTreeMap<i64, Rtp>,
    /// The next packet the decoder needs.
    next: Option<i64>,
    newest: i64,
    missing: BTreeMap<i64, Missing>,
    decoder: Decoder,
    last_wish: Option<SimTime>,
    received: u32,
    first: i64,
    reported: (u32, i64),
    /// With which number the server began, where known.
    pub first_sent: Option<u16>,
    /// What was decoded or heard, and when.
    pub played: Vec<(SimTime, Stamp)>,
    /// Payload bytes that arrived, resent ones included, and when.
    arrived: Vec<(SimTime, usize)>,
    /// Packets that came as retransmissions.
    pub repaired: u32,
}

#[derive(Clone, Copy, Debug)]
struct Missing {
    since: SimTime,
    asked: Option<SimTime>,
}

/// A packet that is late by no more than this may have been overtaken.
const OVERTAKEN: Duration = Duration::from_millis(15);

/// Between two requests for the same packet: a round trip of most links here.
const ASK_AGAIN: Duration = Duration::from_millis(120);

/// After this the decoder goes on without the packet, from the next keyframe.
const GIVE_UP: Duration = Duration::from_millis(600);

/// Between two requests for a keyframe.
const KEYFRAME_AGAIN: Duration = Duration::from_millis(300);

impl Incoming {
    /// A slot that has received nothing.
    #[must_use]
    pub fn new(kind: MediaKind, ssrc: u32, rtx: Option<Ssrc>) -> Self {
        Self {
            kind,
            ssrc,
            rtx,
            unwrapped: Unwrapped::default(),
            waiting: BTreeMap::new(),
            next: None,
            newest: 0,
            missing: BTreeMap::new(),
            decoder: Decoder::default(),
            last_wish: None,
            received: 0,
            first: 0,
            reported: (0, 0),
            first_sent: None,
            played: Vec::new(),
            arrived: Vec::new(),
            repaired: 0,
        }
    }

    /// Sound or picture.
    #[must_use]
    pub const fn kind(&self) -> MediaKind {
        self.kind
    }

    /// Under which SSRC it receives.
    #[must_use]
    pub const fn ssrc(&self) -> u32 {
        self.ssrc
    }

    /// Whether packets of this SSRC belong to it.
    #[must_use]
    pub fn carries(&self, ssrc: u32) -> bool {
        self.ssrc == ssrc || self.rtx == Some(Ssrc(ssrc))
    }

    /// Payload bytes that arrived since `from`, resent ones included.
    #[must_use]
    pub fn bytes_since(&self, from: SimTime) -> u64 {
        self.arrived.iter().filter(|(at, _)| *at >= from).map(|(_, bytes)| *bytes as u64).sum()
    }

    /// Takes in a packet. Returns what is wrong with it, in words.
    pub fn handle(&mut self, now: SimTime, mut packet: Rtp) -> Option<String> {
        self.arrived.push((now, packet.payload.len()));
        if packet.ssrc != self.ssrc {
            if packet.payload.len() < 2 {
                return None; // padding that probes the link
            }
            packet.sequence = be16(&packet.payload, 0);
            packet.payload.drain(..2);
            self.repaired += 1;
        }
        let index = self.unwrapped.index(packet.sequence);
        if self.next.is_none() {
            (self.next, self.newest, self.first, self.reported.1) =
                (Some(index), index, index, index - 1);
        }
        if self.received == 0 && self.first_sent.is_some_and(|first| first != packet.sequence) {
            self.decoder.lose();
        }
        for lacking in self.newest + 1..index {
            self.missing.insert(lacking, Missing { since: now, asked: None });
        }
        self.newest = self.newest.max(index);
        let was_missing = self.missing.remove(&index).is_some();
        if was_missing || packet.ssrc == self.ssrc {
            self.received += 1;
        }
        match self.kind {
            MediaKind::Audio => self.hear(now, &packet),
            MediaKind::Video => {
                if self.next.is_some_and(|next| index >= next) {
                    self.waiting.insert(index, packet);
                }
                self.decode(now)
            }
        }
    }

    fn hear(&mut self, now: SimTime, packet: &Rtp) -> Option<String> {
        let body = packet.payload.get(1..)?;
        let Some(stamp) = Stamp::check(body) else {
            return Some(format!("a voice was changed on the way: {:?}", packet.payload));
        };
        self.played.push((now, stamp));
        source_complaint(packet, stamp)
    }

    /// Decodes all frames that are whole and next.
    fn decode(&mut self, now: SimTime) -> Option<String> {
        while let Some(next) = self.next {
            let Some(packet) = self.waiting.get(&next) else { break };
            if packet.payload.is_empty() {
                self.waiting.remove(&next);
                self.next = Some(next + 1);
                continue;
            }
            let Some(end) = self.frame_end(next) else { break };
            let packets: Vec<Rtp> =
                (next..=end).filter_map(|index| self.waiting.remove(&index)).collect();
            self.next = Some(end + 1);
            match self.decoder.frame(&packets) {
                Ok(Some(stamp)) => {
                    self.played.push((now, stamp));
                    if let Some(complaint) = source_complaint(&packets[0], stamp) {
                        return Some(complaint);
                    }
                }
                Ok(None) => {}
                Err(complaint) => return Some(complaint),
            }
        }
        None
    }

    /// The last packet of the frame that begins at `start`, if all of it is here.
    fn frame_end(&self, start: i64) -> Option<i64> {
        let timestamp = self.waiting.get(&start)?.timestamp;
        let mut index = start;
        loop {
            let packet = self.waiting.get(&index)?;
            if packet.timestamp != timestamp {
                return Some(index - 1); // the marker is missing; the decoder will say what that means
            }
            if packet.marker {
                return Some(index);
            }
            index += 1;
        }
    }

    /// What to ask for now: packets that are late, or a keyframe where they came too late.
    pub fn wish(&mut self, now: SimTime) -> Option<Wish> {
        if self.kind == MediaKind::Audio {
            return None;
        }
        self.give_up(now);
        if self.decoder.waits_for_keyframe()
            && self.last_wish.is_none_or(|last| now.since(last) >= KEYFRAME_AGAIN)
        {
            self.last_wish = Some(now);
            return Some(Wish::Keyframe);
        }
        let mut numbers = Vec::new();
        for (index, missing) in &mut self.missing {
            let is_due = missing.asked.is_none_or(|asked| now.since(asked) >= ASK_AGAIN);
            if is_due && now.since(missing.since) >= OVERTAKEN {
                missing.asked = Some(now);
                numbers.push(u16::try_from(index.rem_euclid(1 << 16)).expect("a remainder"));
            }
        }
        (!numbers.is_empty()).then_some(Wish::Packets(numbers))
    }

    /// Forgets packets that are too late, and goes on from the next keyframe that is whole.
    fn give_up(&mut self, now: SimTime) {
        let late: BTreeSet<i64> = self
            .missing
            .iter()
            .filter(|(_, missing)| now.since(missing.since) >= GIVE_UP)
            .map(|(index, _)| *index)
            .collect();
        self.missing.retain(|index, _| !late.contains(index));
        let Some(next) = self.next else { return };
        if late.iter().any(|index| *index >= next) {
            self.decoder.lose();
        }
        if self.decoder.waits_for_keyframe() {
            let starts = |packet: &Rtp| vp8::starts_keyframe(&packet.payload);
            let whole = |index: &i64| self.frame_end(*index).is_some();
            let start = self
                .waiting
                .iter()
                .find(|(index, packet)| starts(packet) && whole(index))
                .map(|(index, _)| *index);
            if let Some(start) = start {
                self.waiting.retain(|index, _| *index >= start);
                self.missing.retain(|index, _| *index >= start);
                self.next = Some(start);
                let complaint = self.decode(now);
                debug_assert_eq!(complaint, None, "a whole keyframe can be decoded");
            }
        }
    }

    /// What a receiver report says about this slot; `None` before the first packet (RFC 3550, appendix A.3).
    pub fn report(&mut self) -> Option<ReceptionReport> {
        self.next?;
        let (last_received, last_newest) = self.reported;
        let expected = u32::try_from(self.newest - last_newest).unwrap_or(0);
        let lost = expected.saturating_sub(self.received.saturating_sub(last_received));
        let all_expected = u32::try_from(self.newest - self.first + 1).unwrap_or(0);
        self.reported = (self.received, self.newest);
        Some(ReceptionReport {
            ssrc: self.ssrc,
            fraction_lost: u8::try_from((lost * 256).checked_div(expected).unwrap_or(0))
                .unwrap_or(255),
            total_lost: all_expected.saturating_sub(self.received),
            last_sequence_number: u32::try_from(self.newest.rem_euclid(1 << 32))
                .expect("a remainder"),
            ..ReceptionReport::default()
        })
    }
}

/// The CSRC of each packet must name what it carries.
fn source_complaint(packet: &Rtp, stamp: Stamp) -> Option<String> {
    (packet.csrcs != [stamp.publication]).then(|| {
        format!("a packet of {} names {:?} as its source", stamp.publication, packet.csrcs)
    })
}
