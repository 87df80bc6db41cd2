//! A light native participant: what a browser does towards the server, without a codec, for a thousand of them in one process.
//!
//! ```text
//! signal: WebSocket, offer ─► answer ─► Peer: checks, DTLS, SRTP ─┬─ uplink, players: publish tracks, answer PLI and NACK
//! crowd: sockets, the clock ◄────────────────────────────────────►└─ downlink, slots: receive, ask, report ─► Heard ─► tally
//! ```
//!
//! [`Peer`] does no I/O and asks for no time: [`crowd`] does, or a simulation. It shares the server's own SRTP, DTLS and RTCP, which
//! other tests compare with independent implementations; here they are for load, not for judgement.

pub mod capture;
pub mod check;
pub mod crowd;
mod downlink;
pub mod offer;
pub mod player;
mod security;
pub mod signal;
pub mod slot;
pub mod stamp;
pub mod synthetic;
pub mod tally;
pub mod track;
mod uplink;

use std::time::{Duration, Instant};

use arrayvec::ArrayString;
use sfu::command::IceCredentials;
use sfu::demux::{Kind, classify};
use sfu::media::{MediaKind, Ssrc};
use sfu::net::batch::{Path, SendBatch};
use sfu::packet::feedback::{self, Rtcp};
use sfu::packet::header::Header;
use sfu::transport::dtls::Certificate;
use sfu::transport::srtp::KeyingMaterial;

use crate::simnet::random::Random;
use check::Ask;
use downlink::Downlink;
use offer::{Answer, Offer, Section};
use security::Security;
use tally::Heard;
use track::Track;
use uplink::Uplink;

/// What somebody brings into a channel.
#[derive(Clone, Debug, Default)]
pub struct Devices {
    /// What is published, in the order of the send m-lines.
    pub tracks: Vec<Track>,
    /// Receive m-lines for sound.
    pub audio_slots: u8,
    /// Receive m-lines for pictures.
    pub video_slots: u8,
}

impl Devices {
    /// The m-lines of an offer: what is sent, then what is received.
    #[must_use]
    pub fn sections(&self) -> Vec<Section> {
        let sent = self.tracks.iter();
        let sent = sent.map(|track| Section::Send { source: track.source, rids: track.rids() });
        let received = [(MediaKind::Audio, self.audio_slots), (MediaKind::Video, self.video_slots)];
        let received = received
            .into_iter()
            .flat_map(|(kind, count)| (0..count).map(move |_| Section::Receive(kind)));
        sent.chain(received).collect()
    }
}

/// Who somebody is before the first offer. Many may share a certificate: making one costs a millisecond.
#[derive(Clone, Debug)]
pub struct Identity {
    /// Decides SSRCs, credentials and whatever else is drawn; another one for everybody in a channel.
    pub seed: u64,
    /// Shown in the handshake.
    pub certificate: Certificate,
}

impl Identity {
    /// What this person offers.
    #[must_use]
    pub fn offer(&self, devices: &Devices) -> Offer {
        Offer {
            session: self.seed >> 1,
            ice: credentials(self.seed),
            fingerprint: self.certificate.fingerprint(),
            sections: devices.sections(),
        }
    }
}

/// Where the keys of a participant come from.
#[derive(Clone, Debug)]
pub enum Keys {
    /// A handshake that we begin.
    Dtls(Certificate),
    /// Given to both sides; `local` is what this participant seals with.
    Given(KeyingMaterial),
}

/// A participant.
#[derive(Debug)]
pub struct Peer {
    path: Path,
    checks: Checks,
    security: Security,
    uplink: Uplink,
    downlink: Downlink,
    /// From which stamps and wall time count: the same for all whose latencies are measured.
    epoch: Instant,
    next_report: Instant,
    /// Checks and records of DTLS on their way out.
    control: Vec<Vec<u8>>,
    /// RTCP that somebody wants said.
    said: Vec<Vec<u8>>,
    asked: Asked,
    attention: Attention,
}

/// How much of what comes is looked at.
#[derive(Clone, Copy, Debug, Default, Eq, PartialEq)]
pub enum Attention {
    /// Every packet is opened.
    #[default]
    Whole,
    /// Headers alone, as they came: whether they are authentic, padding and what was sent when stays unknown. Half the cost.
    Headers,
}

/// Connectivity checks, which are consent too (RFC 7675).
#[derive(Debug)]
struct Checks {
    username: String,
    password: ArrayString<64>,
    random: Random,
    next: Instant,
    answered: bool,
}

/// What the server asked of a participant, and what of its words made no sense.
#[derive(Clone, Copy, Debug, Default, Eq, PartialEq)]
pub struct Asked {
    /// Keyframes.
    pub keyframes: u64,
    /// Packets to be sent again.
    pub packets: u64,
    /// Datagrams that could not be opened or read.
    pub garbage: u64,
}

impl Peer {
    /// Somebody whose offer, made of `devices` and `seed`, was answered with `answer`. Connects at `now`, then plays its tracks.
    #[must_use]
    pub fn new(
        (now, epoch): (Instant, Instant),
        seed: u64,
        keys: &Keys,
        devices: &Devices,
        answer: &Answer,
    ) -> Option<Self> {
        let mut random = Random::new(seed);
        let [a, b, c, d, ..] = random.next().to_be_bytes();
        // Far enough from the greatest number that no stream of it wraps.
        let own = Ssrc(u32::from_be_bytes([a & 0x7f, b, c, d]) | 1);
        let username = format!("{}:{}", answer.ice.ufrag, credentials(seed).ufrag);
        let mut peer = Self {
            path: Path { local: 0, remote: *answer.candidates.first()? },
            checks: Checks {
                username,
                password: answer.ice.password,
                random,
                next: now,
                answered: false,
            },
            security: match keys {
                Keys::Dtls(certificate) => {
                    Security::handshake(certificate, answer.fingerprint, now)
                }
                Keys::Given(keys) => Security::given(keys),
            },
            uplink: Uplink::new(devices.tracks.clone(), answer, Ssrc(own.0 + 1)),
            downlink: Downlink::new(&devices.sections(), answer, own),
            epoch,
            next_report: now + REPORT,
            control: Vec::new(),
            said: Vec::new(),
            asked: Asked::default(),
            attention: Attention::Whole,
        };
        // Not all at the same moment: people do not come in step.
        peer.next_report += REPORT.mul_f64(peer.checks.random.unit());
        Some(peer)
    }

    /// Whether media can flow.
    #[must_use]
    pub const fn is_connected(&self) -> bool {
        self.checks.answered && self.security.is_open()
    }

    /// Whether the handshake failed, or the server closed the transport.
    #[must_use]
    pub const fn has_ended(&self) -> bool {
        self.security.has_ended()
    }

    /// What the server asked for so far.
    #[must_use]
    pub const fn asked(&self) -> Asked {
        self.asked
    }

    /// Packets published so far, those that were sent again not counted: sound, pictures.
    #[must_use]
    pub const fn played(&self) -> (u64, u64) {
        self.uplink.played()
    }

    /// Looks at what comes so closely from here on.
    pub const fn attend(&mut self, attention: Attention) {
        self.attention = attention;
    }

    /// Stops publishing; receives on.
    pub const fn fall_silent(&mut self) {
        self.uplink.stop();
    }

    /// Begins to publish its tracks, where it does not.
    pub fn play(&mut self, now: Instant) {
        if self.is_connected() && self.uplink.deadline().is_none() {
            self.uplink.start(now);
        }
    }

    /// Sends a compound RTCP packet of somebody's making with the next poll, once connected.
    pub fn say(&mut self, compound: Vec<u8>) {
        self.said.push(compound);
    }

    /// When [`Self::poll`] has something to do; it may be called at any time.
    #[must_use]
    pub fn deadline(&self, now: Instant) -> Instant {
        if !self.control.is_empty() || !self.said.is_empty() && self.is_connected() {
            return now;
        }
        // Until there are keys nothing is sent, however long it is due.
        let media = [Some(self.next_report), self.uplink.deadline(), self.downlink.deadline()];
        let media = media.into_iter().flatten().filter(|_| self.is_connected());
        let dtls = self.security.deadline().filter(|_| self.checks.answered);
        media.chain(dtls).fold(self.checks.next, Instant::min)
    }

    /// Writes all that is due into `out`, as far as there is room.
    pub fn poll(&mut self, now: Instant, out: &mut SendBatch) {
        if now >= self.checks.next {
            self.control.extend(self.checks.request(now));
        }
        if self.checks.answered && self.security.deadline().is_some_and(|due| due <= now) {
            self.advance(now, None);
        }
        let path = self.path;
        for datagram in self.control.drain(..) {
            let _has_room = out.write(path, |room| {
                room.get_mut(..datagram.len())?.copy_from_slice(&datagram);
                Some(datagram.len())
            });
        }
        if self.is_connected() {
            self.send_media(now, out);
        }
    }

    fn send_media(&mut self, now: Instant, out: &mut SendBatch) {
        let Some(open) = self.security.open() else { return };
        self.uplink.write((now, self.epoch), &open.sealer, self.path, out);
        let mut compound = Vec::new();
        if now >= self.next_report {
            self.next_report = now + REPORT;
            self.uplink.report(now, ntp(self.epoch, now), &mut compound);
            self.downlink.report(now, &mut compound);
        }
        if self.downlink.deadline().is_some_and(|due| due <= now) {
            self.downlink.wishes(now, &mut compound);
        }
        for compound in self.said.drain(..).chain(Some(compound)).filter(|it| !it.is_empty()) {
            let _has_room = out.write(self.path, |room| {
                room.get_mut(..compound.len())?.copy_from_slice(&compound);
                open.sealer.seal_rtcp(room, compound.len()).ok()
            });
        }
    }

    /// Takes in a datagram that came at `at`, opening it in place; `hear` is told of each packet of media, and of how many
    /// numbers lie between it and the newest before. [`Self::deadline`] may be sooner afterwards.
    pub fn handle(
        &mut self,
        now: Instant,
        at: Instant,
        datagram: &mut [u8],
        hear: &mut impl FnMut(&Heard<'_>, u64),
    ) {
        let understood = match classify(datagram) {
            Kind::Stun => self.checked(now, datagram),
            Kind::Dtls => {
                self.advance(now, Some(datagram));
                Some(())
            }
            Kind::Rtp => self.media(at, datagram, hear),
            Kind::Rtcp => self.feedback(at, datagram),
            Kind::Unknown => None,
        };
        if understood.is_none() {
            self.asked.garbage += 1;
        }
    }

    fn checked(&mut self, now: Instant, datagram: &[u8]) -> Option<()> {
        check::answer(datagram, &self.checks.password).ok()?;
        if !self.checks.answered {
            self.checks.answered = true;
            self.checks.wait(now);
            if self.security.is_open() {
                self.uplink.start(now);
            }
        }
        Some(())
    }

    fn advance(&mut self, now: Instant, record: Option<&[u8]>) {
        let was_open = self.security.is_open();
        self.security.advance(now, record, &mut self.control);
        if !was_open && self.is_connected() {
            self.uplink.start(now);
        }
    }

    fn media(
        &mut self,
        at: Instant,
        datagram: &mut [u8],
        hear: &mut impl FnMut(&Heard<'_>, u64),
    ) -> Option<()> {
        let mut header = Header::parse(datagram).ok()?;
        let open = self.security.open()?;
        let length = match self.attention {
            Attention::Whole => open.opener.open_rtp(&header, datagram).ok()?.length,
            Attention::Headers => {
                // What is padding cannot be told.
                header.padding = false;
                datagram.len()
            }
        };
        let packet = datagram.get(..length)?;
        if let Some((heard, skipped)) = self.downlink.packet(self.epoch, at, &header, packet) {
            hear(&heard, skipped);
        }
        Some(())
    }

    fn feedback(&mut self, at: Instant, datagram: &mut [u8]) -> Option<()> {
        let length = self.security.open()?.opener.open_rtcp(datagram).ok()?;
        for packet in feedback::packets(datagram.get(..length)?) {
            match packet.ok()? {
                Rtcp::Pli { media } => {
                    self.asked.keyframes += 1;
                    self.uplink.want_keyframe(media);
                }
                Rtcp::Fir(entries) => {
                    for (media, _) in entries {
                        self.asked.keyframes += 1;
                        self.uplink.want_keyframe(media);
                    }
                }
                Rtcp::Nack { media, entries } => {
                    for number in entries {
                        self.asked.packets += 1;
                        self.uplink.want_again(media, number);
                    }
                }
                Rtcp::SenderReport(report, _) => self.downlink.sender_report(at, &report),
                Rtcp::ReceiverReport { .. }
                | Rtcp::TransportWide(_)
                | Rtcp::Remb { .. }
                | Rtcp::Bye(_)
                | Rtcp::Other(_) => {}
            }
        }
        Some(())
    }
}

impl Checks {
    fn request(&mut self, now: Instant) -> Option<Vec<u8>> {
        self.wait(now);
        check::request(&self.username, &self.password, Ask::Nominate, &mut self.random).ok()
    }

    fn wait(&mut self, now: Instant) {
        // RFC 7675, section 5.1: between 0.8 and 1.2 times.
        let patient = CONSENT.mul_f64(0.8 + 0.4 * self.random.unit());
        self.next = now + if self.answered { patient } else { EAGER };
    }
}

fn credentials(seed: u64) -> IceCredentials {
    let text = format!("{seed:016x}{:016x}", seed.rotate_left(29));
    IceCredentials {
        ufrag: text.chars().take(16).collect::<String>().as_str().try_into().unwrap_or_default(),
        password: text.as_str().try_into().unwrap_or_default(),
    }
}

/// Wall time in NTP format: any will do that rises as time does.
fn ntp(epoch: Instant, now: Instant) -> u64 {
    let since = now.saturating_duration_since(epoch);
    let fraction = (u64::from(since.subsec_nanos()) << 32) / 1_000_000_000;
    (NTP_START + since.as_secs()) << 32 | fraction
}

/// NTP seconds of the epoch.
const NTP_START: u64 = 3_900_000_000;

/// Between two checks until the first answer (RFC 8445, section 14.3, asks for 500 ms and more of a busy agent).
const EAGER: Duration = Duration::from_millis(500);

/// Between two checks afterwards.
const CONSENT: Duration = Duration::from_secs(5);

/// Between two reports, as browsers send them.
const REPORT: Duration = Duration::from_secs(1);
