//! A participant in virtual time: sends a camera and a microphone, receives slots, answers and asks as a browser would.
//!
//! Its SRTP keys are given, so that a run repeats byte for byte. Sealing, opening and STUN are done by `rtc-srtp` and
//! `rtc-stun`; headers, payload descriptors and frames are written here, apart from the code under test.

pub mod arrivals;
pub mod camera;
pub mod cipher;
pub mod consent;
pub mod feedback;
pub mod incoming;
pub mod microphone;
pub mod outgoing;
pub mod picture;
pub mod session;
pub mod stamp;

use std::net::SocketAddr;
use std::time::Duration;

use sfu::MediaKind;
use sfu::packet::extension::Extension;
use tools::simnet::random::Random;
use tools::simnet::time::SimTime;

use crate::packet::{Kind, Rtp, be16};
use arrivals::Arrivals;
use camera::Camera;
use cipher::Cipher;
use consent::Consent;
use feedback::{Feedback, Request};
use incoming::Incoming;
use microphone::Microphone;
pub use session::{Devices, Hearing, Person, Session};

/// A participant.
#[derive(Debug)]
pub struct Client {
    session: Session,
    address: SocketAddr,
    cipher: Cipher,
    consent: Consent,
    camera: Option<Camera>,
    microphone: Option<Microphone>,
    /// One for each slot, in order of the slots.
    slots: Vec<Incoming>,
    arrivals: Arrivals,
    feedbacks: u32,
    random: Random,
    next_tick: SimTime,
    next_report: SimTime,
    /// Switched off: neither sends nor receives, as if the machine were gone.
    is_silent: bool,
    /// Asks for nothing that it lacks.
    is_patient: bool,
    /// What was wrong with what came, in words.
    pub complaints: Vec<String>,
}

/// How often a client looks for what it lacks: fine enough for any delay that matters here.
const TICK: Duration = Duration::from_millis(10);

/// How often it reports (RFC 3550 asks for 5 s or less at these rates; browsers do it each second).
const REPORT: Duration = Duration::from_secs(1);

impl Client {
    /// Somebody who has just agreed on a session and knows nothing yet of whether the server hears.
    #[must_use]
    pub fn new(now: SimTime, session: Session, seed: u64) -> Self {
        let mut random = Random::new(seed);
        let camera = session.devices.camera.then(|| Camera::new(now, &session, &mut random));
        let microphone =
            session.devices.microphone.then(|| Microphone::new(now, &session, &mut random));
        Self {
            address: session.person.address(0),
            cipher: Cipher::of_client(&session.keys),
            consent: Consent::new(now, &session),
            slots: session.slots.iter().map(|slot| Incoming::new(&session, slot)).collect(),
            arrivals: Arrivals::new(now),
            feedbacks: 0,
            camera,
            microphone,
            session,
            next_tick: now,
            next_report: now + REPORT,
            random,
            is_silent: false,
            is_patient: false,
            complaints: Vec::new(),
        }
    }

    /// What was agreed on.
    #[must_use]
    pub const fn session(&self) -> &Session {
        &self.session
    }

    /// Where it sends from at present.
    #[must_use]
    pub const fn address(&self) -> SocketAddr {
        self.address
    }

    /// What it received in each slot.
    #[must_use]
    pub fn slots(&self) -> &[Incoming] {
        &self.slots
    }

    /// How many transport-wide feedbacks it has sent.
    #[must_use]
    pub const fn feedbacks(&self) -> u32 {
        self.feedbacks
    }

    /// Ticks a second of an SSRC's timestamps; `None` for retransmissions.
    #[must_use]
    pub fn clock_rate(&self, ssrc: u32) -> Option<u32> {
        let slot = self.slots.iter().find(|slot| slot.ssrc() == ssrc)?;
        Some(match slot.kind() {
            MediaKind::Audio => 48_000,
            MediaKind::Video => 90_000,
        })
    }

    /// Learns with which number the server began a stream, so that a loss of its first packets is known as one.
    pub fn expect_first(&mut self, ssrc: u32, sequence: u16) {
        if let Some(slot) = self.slots.iter_mut().find(|slot| slot.ssrc() == ssrc) {
            slot.first_sent.get_or_insert(sequence);
        }
    }

    /// Whether the server has answered a request.
    #[must_use]
    pub const fn is_connected(&self) -> bool {
        self.consent.is_granted()
    }

    /// How loudly it speaks from now on, in −dBov.
    pub fn speak(&mut self, level: u8) {
        if let Some(microphone) = &mut self.microphone {
            microphone.level = level;
        }
    }

    /// Sends these encodings of the camera and no others.
    pub fn want(&mut self, encodings: impl Iterator<Item = bool>) {
        if let Some(camera) = &mut self.camera {
            camera.want(encodings);
        }
    }

    /// Sends no more than the lowest `most` encodings of the camera, as a browser that is short of something.
    pub fn hold_back(&mut self, most: usize) {
        if let Some(camera) = &mut self.camera {
            camera.hold_back(most);
        }
    }

    /// Makes no keyframe from now on, whoever asks.
    pub const fn fall_deaf(&mut self) {
        self.session.devices.hearing = Hearing::Deaf;
    }

    /// The camera looks at something that does not move from now on.
    pub const fn hold_still(&mut self) {
        if let Some(camera) = &mut self.camera {
            camera.hold_still();
        }
    }

    /// All that the camera sees changes at `now`, once, into a frame of so many bytes. Returns its number; `None` without a camera.
    pub fn change_slide(&mut self, now: SimTime, bytes: usize) -> Option<u32> {
        self.camera.as_mut().map(|camera| camera.change_slide(now, bytes))
    }

    /// Of each encoding of the camera, whether a picture was sent since `from`.
    #[must_use]
    pub fn sent_since(&self, from: SimTime) -> Vec<bool> {
        self.camera.as_ref().map_or_else(Vec::new, |camera| camera.sent_since(from))
    }

    /// Takes another local address without telling anybody, as a phone does between two networks.
    pub fn move_to(&mut self, place: u8) {
        self.address = self.session.person.address(place);
    }

    /// Uses other ICE credentials from now on and nominates anew.
    pub fn restart_ice(&mut self, now: SimTime, session: Session) {
        self.consent = Consent::new(now, &session);
        self.session = session;
    }

    /// Vanishes without a word.
    pub fn fall_silent(&mut self) {
        self.is_silent = true;
    }

    /// Asks for nothing any more that it lacks, since a test does.
    pub const fn ask_for_nothing(&mut self) {
        self.is_patient = true;
    }

    /// When [`Client::poll`] has something to do.
    #[must_use]
    pub fn next_event(&self) -> Option<SimTime> {
        if self.is_silent {
            return None;
        }
        let media = self.is_connected().then(|| {
            let camera = self.camera.as_ref().map(Camera::next_event);
            let microphone = self.microphone.as_ref().map(|microphone| microphone.next_packet);
            let arrivals = self.arrivals.due();
            [camera, microphone, arrivals, Some(self.next_tick), Some(self.next_report)]
                .into_iter()
                .flatten()
                .min()
        });
        [Some(self.consent.next_request), media.flatten()].into_iter().flatten().min()
    }

    /// Everything that is due, as datagrams to the server.
    pub fn poll(&mut self, now: SimTime) -> Vec<Vec<u8>> {
        let mut out = Vec::new();
        if self.is_silent {
            return out;
        }
        if now >= self.consent.next_request {
            out.push(self.consent.request(now, &mut self.random));
        }
        if !self.is_connected() {
            return out;
        }
        self.send_media(now, &mut out);
        self.send_feedback(now, &mut out);
        out
    }

    fn send_media(&mut self, now: SimTime, out: &mut Vec<Vec<u8>>) {
        if let Some(camera) = &mut self.camera {
            camera.frames(now, &mut self.random, |packet| out.push(self.cipher.seal(packet)));
        }
        if let Some(microphone) = &mut self.microphone {
            microphone.packets(now, |packet| out.push(self.cipher.seal(packet)));
        }
    }

    fn send_feedback(&mut self, now: SimTime, out: &mut Vec<Vec<u8>>) {
        if now >= self.next_tick {
            self.next_tick = now + TICK;
            let slots = self.slots.iter_mut().filter(|_| !self.is_patient);
            for slot in slots {
                if let Some(wish) = slot.wish(now) {
                    out.push(self.cipher.seal_rtcp(&feedback::wish(
                        self.session.own_ssrc(),
                        slot.ssrc(),
                        &wish,
                    )));
                }
            }
        }
        if self.arrivals.due().is_some_and(|due| now >= due) {
            for told in self.arrivals.feedback(now, self.session.own_ssrc()) {
                out.push(self.cipher.seal_rtcp(&told));
                self.feedbacks += 1;
            }
        }
        if now >= self.next_report {
            self.next_report = now + REPORT;
            let senders = [
                self.microphone.as_ref().map(|microphone| microphone.report(now)),
                self.camera.as_ref().and_then(|camera| camera.reports(now)),
            ];
            for sender in senders.into_iter().flatten() {
                out.push(self.cipher.seal_rtcp(&sender));
            }
            let received: Vec<_> =
                self.slots.iter_mut().filter_map(|slot| slot.report(now)).collect();
            for some in received.chunks(feedback::REPORTS_MAX) {
                out.push(
                    self.cipher
                        .seal_rtcp(&feedback::receiver_report(self.session.own_ssrc(), some)),
                );
            }
        }
    }

    /// Takes in a datagram from the server; may answer at once.
    pub fn handle(&mut self, now: SimTime, datagram: &[u8]) -> Vec<Vec<u8>> {
        if self.is_silent {
            return Vec::new();
        }
        match Kind::of(datagram) {
            Kind::Stun => {
                let answer = self.consent.handle(now, datagram, self.address);
                self.complaints.extend(answer.err());
                Vec::new()
            }
            Kind::Rtp => {
                match self.cipher.open(datagram) {
                    Ok(plain) => self.handle_rtp(now, &plain),
                    Err(error) => self.complain(now, &format!("RTP cannot be opened: {error}")),
                }
                Vec::new()
            }
            Kind::Rtcp => match self.cipher.open_rtcp(datagram) {
                Ok(plain) => self.handle_rtcp(now, &plain),
                Err(error) => {
                    self.complain(now, &format!("RTCP cannot be opened: {error}"));
                    Vec::new()
                }
            },
            Kind::Other => {
                self.complain(now, "a datagram that is none of ours");
                Vec::new()
            }
        }
    }

    fn handle_rtp(&mut self, now: SimTime, plain: &[u8]) {
        let Some(packet) = Rtp::read(plain) else {
            return self.complain(now, "RTP cannot be read");
        };
        let number = packet.extension(self.session.extension(Extension::TransportSequence));
        if let Some(number) = number.filter(|number| number.len() == 2) {
            self.arrivals.record(now, be16(number, 0), packet.ssrc);
        }
        let Some(slot) = self.slots.iter_mut().find(|slot| slot.carries(packet.ssrc)) else {
            return self.complain(now, &format!("RTP of a stranger: {}", packet.ssrc));
        };
        let complaint = slot.handle(now, packet);
        if let Some(complaint) = complaint {
            self.complain(now, &complaint);
        }
    }

    fn handle_rtcp(&mut self, now: SimTime, plain: &[u8]) -> Vec<Vec<u8>> {
        let requests = match Feedback::read(plain) {
            Ok(requests) => requests,
            Err(error) => {
                self.complain(now, &format!("RTCP cannot be read: {error}"));
                return Vec::new();
            }
        };
        let mut out = Vec::new();
        for request in requests {
            if let Request::Sent { ssrc, ntp, .. } = request
                && let Some(slot) = self.slots.iter_mut().find(|slot| slot.ssrc() == ssrc)
            {
                slot.sender_report(now, ntp);
            }
            if let Some(camera) = &mut self.camera {
                match &request {
                    Request::Keyframe { ssrc } => {
                        if self.session.devices.hearing == Hearing::Good {
                            camera.want_keyframe(*ssrc);
                        }
                    }
                    Request::Resend { ssrc, numbers } => {
                        camera.resend(*ssrc, numbers, |packet| out.push(self.cipher.seal(packet)));
                    }
                    Request::Congestion { .. }
                    | Request::Bitrate(_)
                    | Request::Report { .. }
                    | Request::Sent { .. } => {}
                }
            }
        }
        out
    }

    /// Seals RTCP that a test writes itself.
    pub fn say(&mut self, rtcp: &[u8]) -> Vec<u8> {
        self.cipher.seal_rtcp(rtcp)
    }

    fn complain(&mut self, now: SimTime, what: &str) {
        self.complaints.push(format!("{:?} at {:?}: {what}", self.session.person, now.elapsed()));
    }
}
