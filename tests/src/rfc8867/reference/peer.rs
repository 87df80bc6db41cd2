//! One end of a str0m connection in virtual time.

use std::fmt;
use std::net::{Ipv4Addr, SocketAddr};
use std::time::{Duration, Instant, SystemTime};

use str0m::bwe::{Bitrate, BweKind};
use str0m::change::DirectApi;
use str0m::format::Codec;
use str0m::media::{Mid, Pt};
use str0m::net::{Protocol, Receive};
use str0m::rtp::rtcp::Rtcp;
use str0m::rtp::{RawPacket, RtpWrite, Ssrc};
use str0m::{Candidate, Event, Input, Output, Rtc, RtcConfig};
use tools::simnet::time::SimTime;

use super::{epoch, keys};
use crate::packet::Kind;
use crate::rfc8867::source::START_KBPS;

/// A peer with what it has sent and heard.
pub struct Peer {
    rtc: Rtc,
    /// Which instant moment 0 is.
    base: Instant,
    address: SocketAddr,
    other: SocketAddr,
    timeout: Option<SimTime>,
    desired: Option<u64>,
    sent: Vec<Vec<u8>>,
    checks: Vec<Vec<u8>>,
    heard: Vec<Heard>,
    keyframes: Vec<Mid>,
}

/// What an application learns.
#[derive(Debug)]
pub enum Heard {
    /// Bits a second.
    Estimate(f64),
    /// What the wall clock said when a sender report was made, where raw packets are asked for.
    Wall(SystemTime),
    /// A packet, for the first time.
    Packet {
        /// Of which stream.
        ssrc: u32,
        /// What it carries.
        payload: Vec<u8>,
    },
}

/// A moment that str0m names again as its next one comes after this: its own resolution is finer than anything it waits for.
const STEP: Duration = Duration::from_micros(50);

/// More rounds than this mean that two peers do not find each other.
const ROUNDS_MAX: u32 = 2_000;

/// Two peers that have found each other shortly before `now`, and have sent nothing over the network for it.
///
/// # Panics
/// If they do not.
#[must_use]
pub fn connect(now: SimTime) -> (Peer, Peer) {
    connect_on(epoch::base(), now, RtcConfig::new())
}

/// As [`connect`], where moment 0 is `base`; the sender is made by `config`.
pub(super) fn connect_on(base: Instant, now: SimTime, config: RtcConfig) -> (Peer, Peer) {
    let before = base + now.elapsed() - CONNECTING;
    let addresses = [1, 2].map(|last| SocketAddr::from((Ipv4Addr::new(10, 0, 0, last), 5_000)));
    let start = Some(Bitrate::kbps(START_KBPS));
    let mut sender = Peer::new(base, before, addresses, config.enable_bwe(start));
    let mut receiver = Peer::new(base, before, [addresses[1], addresses[0]], RtcConfig::new());
    sender.meet(&mut receiver, true);
    receiver.meet(&mut sender, false);
    let mut at = before;
    for _ in 0..ROUNDS_MAX {
        sender.advance(at);
        receiver.advance(at);
        for bytes in sender.take_checks() {
            receiver.take_in(at, &bytes);
        }
        for bytes in receiver.take_checks() {
            sender.take_in(at, &bytes);
        }
        if sender.rtc.is_connected() && receiver.rtc.is_connected() {
            sender.forget();
            receiver.forget();
            return (sender, receiver);
        }
        at += Duration::from_millis(1);
    }
    panic!("two peers without a network between them do not connect");
}

/// How long before a flow its peers are made: longer than they take to find each other.
const CONNECTING: Duration = Duration::from_secs(5);

impl Peer {
    fn new(base: Instant, now: Instant, addresses: [SocketAddr; 2], config: RtcConfig) -> Self {
        let [address, other] = addresses;
        let rtc = config.set_crypto_provider(keys::provider()).set_rtp_mode(true).build(now);
        Self {
            rtc,
            base,
            address,
            other,
            timeout: None,
            desired: None,
            sent: Vec::new(),
            checks: Vec::new(),
            heard: Vec::new(),
            keyframes: Vec::new(),
        }
    }

    fn meet(&mut self, other: &mut Self, is_controlling: bool) {
        let local = Candidate::host(self.address, "udp").expect("an address");
        let remote = Candidate::host(self.other, "udp").expect("an address");
        self.rtc.add_local_candidate(local);
        self.rtc.add_remote_candidate(remote);
        let credentials = other.direct().local_ice_credentials();
        let fingerprint = other.direct().local_dtls_fingerprint().clone();
        let mut direct = self.direct();
        direct.set_remote_ice_credentials(credentials);
        direct.set_remote_fingerprint(fingerprint);
        direct.set_ice_controlling(is_controlling);
        direct.start_dtls(is_controlling).expect("keys are given");
    }

    /// The instant of a moment.
    #[must_use]
    pub fn instant(&self, now: SimTime) -> Instant {
        self.base + now.elapsed()
    }

    /// str0m's own interface for streams.
    pub fn direct(&mut self) -> DirectApi<'_> {
        self.rtc.direct_api()
    }

    /// Payload types of sound and picture.
    ///
    /// # Panics
    /// Without Opus or VP8, which are in str0m's defaults.
    #[must_use]
    pub fn payload_types(&self) -> (Pt, Pt) {
        let of = |codec| {
            let all = self.rtc.codec_config();
            all.find(|params| params.spec().codec == codec).expect("in the defaults").pt()
        };
        (of(Codec::Opus), of(Codec::Vp8))
    }

    /// Tells the estimator what could be used, in bits a second.
    #[expect(clippy::cast_possible_truncation, clippy::cast_sign_loss, reason = "a rate")]
    pub fn desire(&mut self, rate: f64) {
        let rate = rate as u64;
        if self.desired != Some(rate) {
            self.desired = Some(rate);
            self.rtc.bwe().set_bitrate(Bitrate::ZERO, rate.into());
        }
    }

    /// Hands a packet over for sending.
    ///
    /// # Panics
    /// Where no such stream was declared.
    pub fn write(&mut self, ssrc: Ssrc, packet: RtpWrite) {
        self.direct().stream_tx(&ssrc).expect("declared").write_rtp(packet);
    }

    /// When [`Self::run`] has something to do.
    #[must_use]
    pub const fn next_event(&self) -> Option<SimTime> {
        self.timeout
    }

    /// Lets time pass.
    pub fn run(&mut self, now: SimTime) {
        self.advance(self.instant(now));
    }

    /// A datagram arrives.
    pub fn receive(&mut self, now: SimTime, bytes: &[u8]) {
        self.take_in(self.instant(now), bytes);
    }

    /// Media and its feedback, sent since the last call.
    pub fn take_sent(&mut self) -> Vec<Vec<u8>> {
        std::mem::take(&mut self.sent)
    }

    /// STUN, sent since the last call: it goes beside the network, whose load it is no part of.
    pub fn take_checks(&mut self) -> Vec<Vec<u8>> {
        std::mem::take(&mut self.checks)
    }

    /// What the application heard since the last call.
    pub fn take_heard(&mut self) -> Vec<Heard> {
        std::mem::take(&mut self.heard)
    }

    /// Of which m-lines keyframes were wanted since the last call.
    pub fn take_keyframes(&mut self) -> Vec<Mid> {
        std::mem::take(&mut self.keyframes)
    }

    fn forget(&mut self) {
        self.sent.clear();
        self.checks.clear();
        self.heard.clear();
    }

    fn advance(&mut self, now: Instant) {
        self.rtc.handle_input(Input::Timeout(now)).expect("time passes");
        self.drain(now);
    }

    fn take_in(&mut self, now: Instant, bytes: &[u8]) {
        let receive = Receive::new(Protocol::Udp, self.other, self.address, bytes);
        let receive = receive.expect("what a peer sent is a datagram");
        self.rtc.handle_input(Input::Receive(now, receive)).expect("the peer is right");
        self.drain(now);
    }

    fn drain(&mut self, now: Instant) {
        loop {
            match self.rtc.poll_output().expect("a connection that stands") {
                Output::Timeout(at) => {
                    let at = at.max(now + STEP).saturating_duration_since(self.base);
                    self.timeout = Some(SimTime::ZERO + at);
                    return;
                }
                Output::Transmit(transmit) => {
                    let bytes = transmit.contents.to_vec();
                    match Kind::of(&bytes) {
                        Kind::Stun => self.checks.push(bytes),
                        Kind::Rtp | Kind::Rtcp | Kind::Other => self.sent.push(bytes),
                    }
                }
                Output::Event(event) => self.hear(event),
            }
        }
    }

    fn hear(&mut self, event: Event) {
        if let Event::EgressBitrateEstimate(BweKind::Twcc { estimate, .. }) = event {
            self.heard.push(Heard::Estimate(estimate.as_f64()));
        } else if let Event::RtpPacket(packet) = event {
            let (ssrc, payload) = (*packet.header.ssrc, packet.payload.to_vec());
            self.heard.push(Heard::Packet { ssrc, payload });
        } else if let Event::KeyframeRequest(request) = event {
            self.keyframes.push(request.mid);
        } else if let Event::RawPacket(packet) = event
            && let RawPacket::RtcpTx(Rtcp::SenderReport(report)) = *packet
        {
            self.heard.push(Heard::Wall(report.sender_info.ntp_time));
        }
    }
}

impl fmt::Debug for Peer {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Peer").field("address", &self.address).finish_non_exhaustive()
    }
}
