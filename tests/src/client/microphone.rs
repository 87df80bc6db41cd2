//! A voice: one packet each 20 ms, with its loudness beside it.

use std::time::Duration;

use sfu::Source;
use sfu::packet::extension::Extension;
use tools::simnet::random::Random;
use tools::simnet::time::SimTime;

use super::feedback;
use super::outgoing::Outgoing;
use super::session::{MICROPHONE_MID, Session, microphone_ssrc};
use super::stamp::Stamp;
use crate::packet::Rtp;

/// A microphone.
#[derive(Debug)]
pub struct Microphone {
    publication: u32,
    stream: Outgoing,
    level_id: u8,
    /// In −dBov: 127 is silence.
    pub level: u8,
    /// When the next packet is due.
    pub next_packet: SimTime,
    number: u32,
    /// Each packet repeats the last one within itself.
    has_fec: bool,
    /// The last frame, where each packet repeats it.
    repeated: Option<Vec<u8>>,
    opus: u8,
}

/// Between two packets.
const PACKET: Duration = Duration::from_millis(20);

/// Bytes of a packet: 32 kbit/s.
const PAYLOAD: usize = 80;

/// Fullband, 20 ms, mono, one frame (RFC 6716, section 3.1: configuration 31, code 0).
const TOC: [u8; 1] = [31 << 3];

/// The same of the hybrid kind (configuration 15), whose frame begins with two bits: this one has a voice, and the last one once more, as
/// in-band FEC (RFC 6716, section 4.2.3 and 4.2.4).
const TOC_WITH_FEC: [u8; 2] = [15 << 3, 0b1100_0000];

/// The stamp of an Opus packet and what fills it up, and whether it is whole and repeats the last one as in-band FEC; `None` where it is
/// too short.
#[must_use]
pub fn opened(packet: &[u8]) -> Option<(&[u8], bool)> {
    let (toc, rest) = packet.split_first()?;
    if *toc == TOC_WITH_FEC[0] {
        let (flags, stamp) = rest.split_first()?;
        return Some((stamp, *flags == TOC_WITH_FEC[1] && packet.len() == PAYLOAD));
    }
    Some((rest, false))
}

/// Redundant audio (RFC 2198): the last frame, where there is one, 20 ms back, then the present one.
fn redundant(opus: u8, last: &[u8], frame: &[u8]) -> Vec<u8> {
    let mut out = Vec::new();
    if !last.is_empty() {
        // F, block payload type, timestamp offset of 14 bits, block length of 10.
        let length = u32::try_from(last.len()).expect("short");
        let header = 1 << 31 | u32::from(opus) << 24 | 960 << 10 | length;
        out.extend(header.to_be_bytes());
    }
    out.push(opus);
    out.extend(last);
    out.extend(frame);
    out
}

impl Microphone {
    /// A microphone that is on, in a quiet room.
    #[must_use]
    pub fn new(now: SimTime, session: &Session, random: &mut Random) -> Self {
        let mid = (session.extension(Extension::Mid), MICROPHONE_MID.as_bytes().to_vec());
        let types = session.payload_types();
        let is_red = session.devices.red;
        let payload_type = if is_red { types.red() } else { types.opus() };
        Self {
            publication: session.person.publication(Source::Microphone).0,
            stream: Outgoing::new(microphone_ssrc(session.person), payload_type, vec![mid], random),
            level_id: session.extension(Extension::AudioLevel),
            level: 127,
            next_packet: now,
            number: 0,
            has_fec: session.devices.fec,
            repeated: is_red.then(Vec::new),
            opus: types.opus(),
        }
    }

    /// The packet that is due.
    pub fn packets(&mut self, now: SimTime, mut send: impl FnMut(Rtp)) {
        if now < self.next_packet {
            return;
        }
        let (publication, number) = (self.publication, self.number);
        let stamp = Stamp { publication, layer: 0, number, needs: None, needs_below: false };
        let mut payload = if self.has_fec { TOC_WITH_FEC.to_vec() } else { TOC.to_vec() };
        payload.extend(stamp.fill(PAYLOAD - payload.len()));
        if let Some(last) = &mut self.repeated {
            let redundant = redundant(self.opus, last, &payload);
            *last = std::mem::replace(&mut payload, redundant);
        }
        let has_voice = u8::from(self.level < 60) << 7;
        let level = [(self.level_id, vec![has_voice | self.level])];
        let ticks = u32::try_from(now.elapsed().as_nanos() * 3 / 62_500)
            .expect("a run is shorter than a day");
        send(self.stream.packet(ticks, false, &level, payload));
        self.number += 1;
        self.next_packet = now + PACKET;
    }

    /// A sender report.
    #[must_use]
    pub fn report(&self, now: SimTime) -> Vec<u8> {
        feedback::sender_reports(now, 48_000, std::iter::once(&self.stream))
    }
}
