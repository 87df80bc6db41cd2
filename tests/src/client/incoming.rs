//! One slot as a receiver sees it: puts packets in order, asks for what is lacking, and lets the oracles judge.

use std::collections::BTreeMap;
use std::time::Duration;

use rtcp::reception_report::ReceptionReport;
use sfu::MediaKind;
use sfu::media::{SlotSpec, Ssrc};
use sfu::packet::extension::Extension;
use tools::simnet::time::SimTime;

use super::feedback::Wish;
use super::microphone;
use super::session::{PayloadTypes, Session};
use super::stamp::Stamp;
use crate::codec::Codec;
use crate::oracle::decoder::{Decoder, starts_keyframe};
use crate::packet::{Rtp, Unwrapped, be16};

/// A slot.
#[derive(Debug)]
pub struct Incoming {
    kind: MediaKind,
    ssrc: u32,
    rtx: Option<Ssrc>,
    types: PayloadTypes,
    hears_red: bool,
    unwrapped: Unwrapped,
    /// Arrived, not yet decoded: pictures only.
    waiting: BTreeMap<i64, (Codec, Rtp)>,
    /// The next packet the decoder needs.
    next: Option<i64>,
    newest: i64,
    missing: BTreeMap<i64, Missing>,
    decoder: Decoder,
    last_wish: Option<SimTime>,
    received: u32,
    first: i64,
    reported: (u32, i64),
    /// The middle of the last sender report's NTP time, and when it came.
    sender_report: Option<(u32, SimTime)>,
    /// With which number the server began, where known.
    pub first_sent: Option<u16>,
    /// What was decoded or heard, and when.
    pub played: Vec<(SimTime, Stamp)>,
    /// The RTP timestamp of each of these.
    pub timestamps: Vec<u32>,
    /// Packets of sound that repeated the one before as in-band FEC.
    pub with_fec: u32,
    /// What came once more as a redundant block, and when.
    pub again: Vec<(SimTime, Stamp)>,
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
    pub fn new(session: &Session, slot: &SlotSpec) -> Self {
        Self {
            kind: slot.kind,
            ssrc: slot.ssrc.0,
            rtx: slot.rtx,
            types: session.payload_types(),
            hears_red: session.devices.hears_red,
            unwrapped: Unwrapped::default(),
            waiting: BTreeMap::new(),
            next: None,
            newest: 0,
            missing: BTreeMap::new(),
            decoder: Decoder::new(session.extension(Extension::DependencyDescriptor)),
            last_wish: None,
            received: 0,
            first: 0,
            reported: (0, 0),
            sender_report: None,
            first_sent: None,
            played: Vec::new(),
            timestamps: Vec::new(),
            with_fec: 0,
            again: Vec::new(),
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
        let is_resent = packet.ssrc != self.ssrc;
        let Ok(codec) = self.codec(packet.payload_type, is_resent) else {
            return Some(format!("payload type {} is not of this slot", packet.payload_type));
        };
        if is_resent {
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
        if was_missing || !is_resent {
            self.received += 1;
        }
        let Some(codec) = codec else { return self.hear(now, &packet) };
        if self.next.is_some_and(|next| index >= next) {
            self.waiting.insert(index, (codec, packet));
        }
        self.decode(now)
    }

    /// What a payload type stands for in this slot: none for sound.
    fn codec(&self, payload_type: u8, is_resent: bool) -> Result<Option<Codec>, ()> {
        let number = |codec: &Codec| {
            if is_resent { self.types.rtx(*codec) } else { self.types.picture(*codec) }
        };
        match self.kind {
            MediaKind::Audio => {
                let is_red = self.hears_red && payload_type == self.types.red();
                (!is_resent && (is_red || payload_type == self.types.opus()))
                    .then_some(None)
                    .ok_or(())
            }
            MediaKind::Video => {
                let codec = Codec::ALL.into_iter().find(|codec| number(codec) == payload_type);
                codec.map(Some).ok_or(())
            }
        }
    }

    fn hear(&mut self, now: SimTime, packet: &Rtp) -> Option<String> {
        let blocks = if packet.payload_type == self.types.red() {
            redundant_blocks(&packet.payload, self.types.opus())
        } else {
            Some(vec![packet.payload.as_slice()])
        };
        // Each has a stamp, the present one the last.
        let stamp = |block: &&[u8]| microphone::opened(block).and_then(|(it, _)| Stamp::check(it));
        let stamps: Option<Vec<Stamp>> = blocks.and_then(|it| it.iter().map(stamp).collect());
        let Some((stamp, again)) = stamps.as_deref().and_then(<[Stamp]>::split_last) else {
            return Some(format!("a voice was changed on the way: {:?}", packet.payload));
        };
        self.again.extend(again.iter().map(|stamp| (now, *stamp)));
        self.played.push((now, *stamp));
        self.timestamps.push(packet.timestamp);
        self.with_fec += u32::from(microphone::opened(&packet.payload).is_some_and(|(_, fec)| fec));
        source_complaint(packet, *stamp)
    }

    /// Decodes all pictures that are whole and next. Where something is missing, a whole keyframe behind it is next: what
    /// is before it is needed no more, as for libwebrtc's frame buffer.
    fn decode(&mut self, now: SimTime) -> Option<String> {
        while let Some(next) = self.next {
            if self.waiting.get(&next).is_some_and(|(_, packet)| packet.payload.is_empty()) {
                self.waiting.remove(&next);
                self.next = Some(next + 1);
                continue;
            }
            let Some(end) = self.picture_end(next) else {
                let start = self.whole_keyframe()?;
                self.waiting = self.waiting.split_off(&start);
                self.missing = self.missing.split_off(&start);
                self.next = Some(start);
                continue;
            };
            let (codecs, packets): (Vec<Codec>, Vec<Rtp>) =
                (next..=end).filter_map(|index| self.waiting.remove(&index)).unzip();
            self.next = Some(end + 1);
            if codecs.iter().any(|codec| *codec != codecs[0]) {
                return Some(format!("one picture of two codecs: {codecs:?}"));
            }
            match self.decoder.picture(codecs[0], &packets) {
                Ok(Some(stamp)) => {
                    self.played.push((now, stamp));
                    self.timestamps.push(packets[0].timestamp);
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

    /// The last packet of the picture that begins at `start`, if all of it is here.
    fn picture_end(&self, start: i64) -> Option<i64> {
        let timestamp = self.waiting.get(&start)?.1.timestamp;
        let mut index = start;
        loop {
            let (_, packet) = self.waiting.get(&index)?;
            if packet.timestamp != timestamp {
                return Some(index - 1); // the marker is missing; the decoder will say what that means
            }
            if packet.marker {
                return Some(index);
            }
            index += 1;
        }
    }

    /// Where the first keyframe begins that is here with its end.
    fn whole_keyframe(&self) -> Option<i64> {
        let is_whole = |index: i64| {
            let end = self.picture_end(index).and_then(|end| self.waiting.get(&end));
            end.is_some_and(|(_, packet)| packet.marker)
        };
        let mut starts = self
            .waiting
            .iter()
            .filter(|(_, (codec, packet))| starts_keyframe(*codec, &packet.payload))
            .map(|(index, _)| *index);
        starts.find(|index| is_whole(*index))
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

    /// Forgets packets that are too late: without them only a keyframe helps.
    fn give_up(&mut self, now: SimTime) {
        let next = self.next;
        let decoder = &mut self.decoder;
        self.missing.retain(|index, missing| {
            let is_late = now.since(missing.since) >= GIVE_UP;
            if is_late && next.is_some_and(|next| *index >= next) {
                decoder.lose();
            }
            !is_late
        });
    }

    /// The server's sender report about this slot came.
    pub fn sender_report(&mut self, now: SimTime, ntp: u64) {
        let middle = u32::try_from(ntp >> 16 & 0xffff_ffff).expect("32 bits");
        self.sender_report = Some((middle, now));
    }

    /// What a receiver report says about this slot; `None` before the first packet (RFC 3550, appendix A.3).
    pub fn report(&mut self, now: SimTime) -> Option<ReceptionReport> {
        self.next?;
        let (last_sender_report, delay) = self.sender_report.map_or((0, 0), |(middle, at)| {
            let delay = now.since(at).as_micros() * 65_536 / 1_000_000;
            (middle, u32::try_from(delay).expect("reports come each second"))
        });
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
            last_sender_report,
            delay,
            ..ReceptionReport::default()
        })
    }
}

/// The blocks of redundant audio (RFC 2198, section 3), oldest first; `None` where one is not of payload type `opus`, or not there.
fn redundant_blocks(payload: &[u8], opus: u8) -> Option<Vec<&[u8]>> {
    let mut rest = payload;
    let mut lengths = Vec::new();
    while rest.first()? & 0x80 != 0 {
        let (header, behind) = rest.split_at_checked(4)?;
        lengths.push((header[0] & 0x7f, usize::from(be16(header, 2) & 0x3ff)));
        rest = behind;
    }
    let (primary, mut rest) = rest.split_first()?;
    let mut blocks = Vec::new();
    for (number, length) in lengths {
        let (block, behind) = rest.split_at_checked(length)?;
        blocks.push((number, block));
        rest = behind;
    }
    blocks.push((*primary, rest));
    blocks.into_iter().map(|(number, block)| (number == opus).then_some(block)).collect()
}

/// The CSRC of each packet must name what it carries.
fn source_complaint(packet: &Rtp, stamp: Stamp) -> Option<String> {
    (packet.csrcs != [stamp.publication]).then(|| {
        format!("a packet of {} names {:?} as its source", stamp.publication, packet.csrcs)
    })
}
