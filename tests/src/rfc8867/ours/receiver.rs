//! Who receives, behind the network: tells what arrived, asks for what is missing, reports, as libwebrtc's receiver does.

use std::collections::BTreeMap;
use std::time::Duration;

use rtcp::reception_report::ReceptionReport;
use sfu::MediaKind;
use sfu::packet::extension::Extension;
use tools::simnet::time::SimTime;

use super::publisher::Part;
use crate::client::Session;
use crate::client::arrivals::Arrivals;
use crate::client::cipher::Cipher;
use crate::client::feedback::{self, Feedback, Request, Wish};
use crate::packet::{Kind, Rtp, Unwrapped, be16, be32};

/// A receiver.
#[derive(Debug)]
pub struct Receiver {
    cipher: Cipher,
    own: u32,
    transport_sequence: u8,
    streams: Vec<Stream>,
    arrivals: Arrivals,
    next_report: SimTime,
    /// When something missing is asked for next.
    next_ask: Option<SimTime>,
    round_trip: Duration,
}

/// What came.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub enum Arrival {
    /// A packet of a picture, for the first time or again.
    Picture {
        /// In which slot, pictures' slots counted from 0.
        slot: usize,
        /// What it says of itself.
        part: Part,
    },
    /// A packet of sound.
    Sound,
}

/// A slot.
#[derive(Debug)]
struct Stream {
    kind: MediaKind,
    ssrc: u32,
    rtx: Option<u32>,
    unwrapped: Unwrapped,
    newest: Option<i64>,
    first: i64,
    missing: BTreeMap<i64, Missing>,
    received: u32,
    reported: (u32, i64),
    /// The middle of the last sender report's time, and when it came.
    sender_report: Option<(u32, SimTime)>,
}

#[derive(Clone, Copy, Debug, Default)]
struct Missing {
    asked: Option<SimTime>,
    times: u8,
}

/// How often something is asked for again: libwebrtc's `NackRequester` looks each 20 ms.
const ASK: Duration = Duration::from_millis(20);

/// So often a packet is asked for (`kMaxNackRetries`).
const ASK_MAX: u8 = 10;

/// What is supposed of the round trip before one was seen (`kDefaultRttMs`).
const ROUND_TRIP: Duration = Duration::from_millis(100);

/// More missing packets than these are not waited for (`kMaxNackPackets`).
const MISSING_MAX: usize = 1_000;

/// Between two receiver reports.
const REPORT: Duration = Duration::from_secs(1);

impl Receiver {
    /// A receiver to which nothing has come.
    #[must_use]
    pub fn new(now: SimTime, session: &Session) -> Self {
        Self {
            cipher: Cipher::of_client(&session.keys),
            own: session.own_ssrc(),
            transport_sequence: session.extension(Extension::TransportSequence),
            streams: session
                .slots
                .iter()
                .map(|slot| Stream::new(slot.kind, slot.ssrc.0, slot.rtx.map(|rtx| rtx.0)))
                .collect(),
            arrivals: Arrivals::new(now),
            next_report: now + REPORT,
            next_ask: None,
            round_trip: ROUND_TRIP,
        }
    }

    /// When [`Self::poll`] has something to do.
    #[must_use]
    pub fn next_event(&self) -> Option<SimTime> {
        [Some(self.next_report), self.next_ask, self.arrivals.due()].into_iter().flatten().min()
    }

    /// The shard sent this: the first number of each stream is learnt by it, so that a loss of its first packets is known as one.
    pub fn expect(&mut self, bytes: &[u8]) {
        if Kind::of(bytes) == Kind::Rtp {
            let ssrc = be32(bytes, 8);
            let unseen = self.streams.iter_mut().find(|it| it.ssrc == ssrc && it.newest.is_none());
            if let Some(stream) = unseen {
                stream.begin(be16(bytes, 2));
            }
        }
    }

    /// A datagram arrives.
    ///
    /// # Panics
    /// Where the shard wrote something that cannot be read.
    pub fn handle(&mut self, now: SimTime, bytes: &[u8]) -> Option<Arrival> {
        match Kind::of(bytes) {
            Kind::Rtp => {
                let plain = self.cipher.open(bytes).expect("the shard seals rightly");
                self.rtp(now, Rtp::read(&plain).expect("the shard writes rightly"))
            }
            Kind::Rtcp => {
                let plain = self.cipher.open_rtcp(bytes).expect("the shard seals rightly");
                for request in Feedback::read(&plain).expect("the shard writes rightly") {
                    self.told(now, &request);
                }
                None
            }
            Kind::Stun | Kind::Other => None,
        }
    }

    fn rtp(&mut self, now: SimTime, packet: Rtp) -> Option<Arrival> {
        if let Some(&[high, low]) = packet.extension(self.transport_sequence) {
            self.arrivals.record(now, u16::from_be_bytes([high, low]), packet.ssrc);
        }
        let is_ours =
            |stream: &Stream| stream.ssrc == packet.ssrc || stream.rtx == Some(packet.ssrc);
        let place = self.streams.iter().position(is_ours).expect("a stream of ours");
        let stream = &mut self.streams[place];
        let is_resent = stream.ssrc != packet.ssrc;
        let mut payload = packet.payload.as_slice();
        let mut sequence = packet.sequence;
        if is_resent {
            let (number, rest) = payload.split_first_chunk::<2>()?;
            (sequence, payload) = (u16::from_be_bytes(*number), rest);
        }
        if let Some(waited) = stream.receive(now, sequence, is_resent) {
            // An eighth of what is new, as round trips are smoothed everywhere.
            self.round_trip = (self.round_trip * 7 + waited) / 8;
        }
        match stream.kind {
            MediaKind::Audio => Some(Arrival::Sound),
            MediaKind::Video => {
                if stream.missing.values().any(|missing| missing.asked.is_none()) {
                    self.next_ask = Some(now);
                }
                let sounds = self.streams.iter().filter(|it| it.kind == MediaKind::Audio).count();
                Part::read(payload).map(|part| Arrival::Picture { slot: place - sounds, part })
            }
        }
    }

    fn told(&mut self, now: SimTime, request: &Request) {
        if let Request::Sent { ssrc, ntp, .. } = request
            && let Some(stream) = self.streams.iter_mut().find(|stream| stream.ssrc == *ssrc)
        {
            let middle = u32::try_from((ntp >> 16) & 0xffff_ffff).expect("32 bits");
            stream.sender_report = Some((middle, now));
        }
    }

    /// Everything that is due, sealed.
    pub fn poll(&mut self, now: SimTime) -> Vec<Vec<u8>> {
        let mut plain = Vec::new();
        if self.next_ask.is_some_and(|next| next <= now) {
            for stream in &mut self.streams {
                let numbers = stream.wanted(now, self.round_trip);
                if !numbers.is_empty() {
                    plain.push(feedback::wish(self.own, stream.ssrc, &Wish::Packets(numbers)));
                }
            }
            let is_any = self.streams.iter().any(|stream| !stream.missing.is_empty());
            self.next_ask = is_any.then(|| now + ASK);
        }
        if self.arrivals.due().is_some_and(|due| due <= now) {
            plain.extend(self.arrivals.feedback(now, self.own));
        }
        if self.next_report <= now {
            self.next_report = now + REPORT;
            let reports: Vec<_> =
                self.streams.iter_mut().filter_map(|stream| stream.report(now)).collect();
            for some in reports.chunks(feedback::REPORTS_MAX) {
                plain.push(feedback::receiver_report(self.own, some));
            }
        }
        plain.iter().map(|plain| self.cipher.seal_rtcp(plain)).collect()
    }
}

impl Stream {
    fn new(kind: MediaKind, ssrc: u32, rtx: Option<u32>) -> Self {
        Self {
            kind,
            ssrc,
            rtx,
            unwrapped: Unwrapped::default(),
            newest: None,
            first: 0,
            missing: BTreeMap::new(),
            received: 0,
            reported: (0, 0),
            sender_report: None,
        }
    }

    /// The first packet has this number; it has not come yet.
    fn begin(&mut self, number: u16) {
        let index = self.unwrapped.index(number);
        self.newest = Some(index - 1);
        self.first = index;
        self.reported.1 = index - 1;
    }

    /// A packet came. Returns how long after it was first asked for, if it was asked for once.
    fn receive(&mut self, now: SimTime, number: u16, is_resent: bool) -> Option<Duration> {
        if self.newest.is_none() {
            self.begin(number);
        }
        let index = self.unwrapped.index(number);
        let newest = self.newest.unwrap_or(index);
        for lacking in newest + 1..index {
            self.missing.insert(lacking, Missing::default());
        }
        while self.missing.len() > MISSING_MAX {
            self.missing.pop_first();
        }
        self.newest = Some(newest.max(index));
        let was_missing = self.missing.remove(&index);
        // A copy of what is here already, sent as padding, is no packet of the stream.
        if was_missing.is_some() || index > newest {
            self.received += 1;
        }
        let once = was_missing.filter(|missing| is_resent && missing.times == 1);
        once.and_then(|missing| missing.asked).map(|asked| now.since(asked))
    }

    /// What is to be asked for now.
    fn wanted(&mut self, now: SimTime, round_trip: Duration) -> Vec<u16> {
        if self.kind == MediaKind::Audio {
            self.missing.clear();
        }
        let mut numbers = Vec::new();
        self.missing.retain(|index, missing| {
            if missing.asked.is_none_or(|asked| now.since(asked) >= round_trip) {
                if missing.times == ASK_MAX {
                    return false;
                }
                missing.asked = Some(now);
                missing.times += 1;
                numbers.push(u16::try_from(index.rem_euclid(1 << 16)).expect("a remainder"));
            }
            true
        });
        numbers
    }

    /// RFC 3550, section 6.4.1 and appendix A.3.
    fn report(&mut self, now: SimTime) -> Option<ReceptionReport> {
        let newest = self.newest.filter(|_| self.received > 0)?;
        let (last_received, last_newest) = self.reported;
        let expected = u32::try_from(newest - last_newest).unwrap_or(0);
        let lost = expected.saturating_sub(self.received - last_received);
        let all = u32::try_from(newest - self.first + 1).unwrap_or(0);
        self.reported = (self.received, newest);
        let (last_sender_report, delay) = self.sender_report.map_or((0, 0), |(middle, came)| {
            let units = now.since(came).as_micros() * 65_536 / 1_000_000;
            (middle, u32::try_from(units).unwrap_or(u32::MAX))
        });
        Some(ReceptionReport {
            ssrc: self.ssrc,
            fraction_lost: u8::try_from((lost * 256).checked_div(expected).unwrap_or(0))
                .unwrap_or(255),
            total_lost: all.saturating_sub(self.received),
            last_sequence_number: u32::try_from(newest.rem_euclid(1 << 32)).expect("a remainder"),
            last_sender_report,
            delay,
            ..ReceptionReport::default()
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const fn ms(milliseconds: u64) -> SimTime {
        SimTime::milliseconds(milliseconds)
    }

    #[test]
    fn what_is_missing_is_asked_for_at_once_and_again_after_a_round_trip() {
        let mut stream = Stream::new(MediaKind::Video, 1, Some(2));
        assert_eq!(stream.receive(ms(0), 10, false), None);
        stream.receive(ms(10), 13, false);
        assert_eq!(stream.wanted(ms(10), ROUND_TRIP), [11, 12]);
        assert_eq!(stream.wanted(ms(109), ROUND_TRIP), Vec::<u16>::new());
        assert_eq!(stream.receive(ms(70), 11, true), Some(Duration::from_millis(60)));
        assert_eq!(stream.wanted(ms(110), ROUND_TRIP), [12]);
        assert_eq!(
            stream.receive(ms(150), 12, true),
            None,
            "asked for twice: nobody knows which was answered"
        );
        assert!(stream.missing.is_empty());
        assert_eq!(stream.received, 4);
        stream.receive(ms(160), 12, true);
        assert_eq!(stream.received, 4, "a copy");
    }

    #[test]
    fn a_packet_is_given_up_after_ten_times() {
        let mut stream = Stream::new(MediaKind::Video, 1, Some(2));
        stream.receive(ms(0), 1, false);
        stream.receive(ms(0), 3, false);
        let asked = (0..20).filter(|time| !stream.wanted(ms(time * 100), ROUND_TRIP).is_empty());
        assert_eq!(asked.count(), 10);
        assert!(stream.missing.is_empty());
    }

    #[test]
    fn a_report_has_the_share_that_is_missing_and_the_sender_s_time() {
        let mut stream = Stream::new(MediaKind::Video, 1, None);
        stream.begin(100);
        assert_eq!(stream.report(ms(0)), None);
        for number in 101..=103 {
            stream.receive(ms(5), number, false);
        }
        stream.sender_report = Some((77, ms(500)));
        let report = stream.report(ms(1_000)).expect("something came");
        assert_eq!(report.fraction_lost, 64, "the first of four");
        assert_eq!((report.total_lost, report.last_sender_report, report.delay), (1, 77, 32_768));
    }
}
