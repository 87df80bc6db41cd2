//! A shard with one publisher and many receivers, each with keys of its own, in virtual time.

use std::net::SocketAddr;
use std::time::{Duration, Instant};

use arrayvec::{ArrayString, ArrayVec};
use rtc_stun::attributes as types;
use rtc_stun::crypto::default_provider;
use rtc_stun::fingerprint::FINGERPRINT;
use rtc_stun::integrity::MessageIntegrity;
use rtc_stun::message::{BINDING_REQUEST, Message, Setter};
use sfu::command::{Command, CommandId, IceCredentials, Join, Keying, Negotiate, Voice};
use sfu::config::{Limits, ShardConfig};
use sfu::media::{
    Encoding, Feedback, Mid, PayloadMap, PayloadType, PublicationSpec, SlotSpec, Ssrc,
};
use sfu::net::batch::{Ecn, Fill, Path, RecvBatch, SendBatch};
use sfu::packet::extension::{Extension, ExtensionId, ExtensionIds};
use sfu::transport::dtls::Certificate;
use sfu::transport::srtp::{KeyingMaterial, MasterKey, Profile, Sealer};
use sfu::{ChannelId, Format, MediaKind, ParticipantId, PublicationId, Shard, SlotId, Source};
use simulcast::Bitrate;
use simulcast::estimator::Settings;

/// Everybody.
pub(crate) struct Room {
    shard: Shard,
    now: Instant,
    publisher: Sealer,
    sequence: u16,
    received: RecvBatch,
    sending: SendBatch,
}

/// Datagrams of a stranger at a time.
pub(crate) const STRANGERS: usize = sfu::net::batch::RECV_MAX;

/// Bytes of an RTP packet of the publisher before it is sealed.
pub(crate) const PACKET_BYTES: usize = 1_200;

impl Room {
    /// Lets everybody in and connects them.
    pub(crate) fn new(now: Instant, receivers: u32) -> Self {
        let certificate = Certificate::generate().expect("a certificate can be made");
        let config = ShardConfig {
            start: now,
            start_ntp: 0xe000_0000_0000_0000,
            hash_seed: 7,
            certificate,
            limits: Limits::default(),
        };
        let publisher = Sealer::new(PROFILE, &keys(0).remote).expect("the key fits");
        let mut room = Self {
            // Nobody here answers, and what is measured is sending: at a rate that keeps nothing back.
            shard: Shard::new(config).with_estimator(Settings {
                start: Bitrate::kbps(100_000_000),
                max: Bitrate::kbps(100_000_000),
                ..Settings::default()
            }),
            now,
            publisher,
            sequence: 0,
            received: RecvBatch::new(),
            sending: SendBatch::new(),
        };
        for id in 0..=receivers {
            room.enter(id);
        }
        room.transmit();
        room
    }

    fn enter(&mut self, id: u32) {
        let participant = ParticipantId(id.into());
        let (publications, slots) =
            if id == 0 { (vec![camera()], Vec::new()) } else { (Vec::new(), vec![slot(id)]) };
        let join = Join {
            participant,
            channel: ChannelId(1),
            local: credentials(id),
            keying: Keying::Given(keys(id)),
            consent: Duration::from_secs(3_600),
        };
        let cname = ArrayString::from("confab").expect("short");
        self.tell(Command::Join(Box::new(join)));
        self.tell(Command::Negotiate(Box::new(Negotiate {
            participant,
            publications,
            slots,
            cname,
        })));
        self.tell(Command::Voice { participant, voice: Voice::default() });
        let request = nomination(&credentials(id));
        self.arrive(id, &request);
    }

    fn tell(&mut self, command: Command) {
        self.shard.handle_command(self.now, CommandId(0), command);
        while self.shard.poll_event().is_some() {}
    }

    fn arrive(&mut self, id: u32, data: &[u8]) {
        assert!(self.received.push(path(id), self.now, Ecn::NotCapable, data), "room for one");
        self.shard.handle_batch(self.now, &mut self.received);
        self.received.clear();
    }

    fn transmit(&mut self) -> u64 {
        let mut written = 0;
        while self.shard.poll_transmit(self.now, &mut self.sending) == Fill::Full {
            written += self.sending.len() as u64;
            self.sending.clear();
        }
        written += self.sending.len() as u64;
        self.sending.clear();
        written
    }

    /// A millisecond passes; what is due by time is done.
    pub(crate) fn wait(&mut self) {
        self.now += Duration::from_millis(1);
        if self.shard.poll_timeout().is_some_and(|due| due <= self.now) {
            self.shard.handle_timeout(self.now);
        }
        self.transmit();
    }

    /// The publisher sends one packet; how many datagrams that led to.
    pub(crate) fn forward(&mut self) -> u64 {
        let mut sealed = [0; PACKET_BYTES + 16];
        let length = self.seal(&mut sealed);
        self.arrive(0, sealed.get(..length).expect("it was written"));
        let written = self.transmit();
        while self.shard.poll_event().is_some() {}
        written
    }

    /// A packet a millisecond, with what is due by time.
    pub(crate) fn next(&mut self) -> u64 {
        self.wait();
        self.forward()
    }

    /// A stranger sends a batch of one datagram, again and again; nobody answers for it.
    pub(crate) fn strange(&mut self, datagram: &[u8]) {
        let stranger = Path { local: 0, remote: SocketAddr::from(([192, 0, 2, 1], 4_000)) };
        for _ in 0..STRANGERS {
            assert!(
                self.received.push(stranger, self.now, Ecn::NotCapable, datagram),
                "room for all"
            );
        }
        self.shard.handle_batch(self.now, &mut self.received);
        self.received.clear();
        assert_eq!(self.transmit(), 0, "no answer to a stranger");
    }

    /// One frame a packet, some of them keyframes: a VP8 payload of RFC 7741 whose picture id goes on.
    fn seal(&mut self, out: &mut [u8]) -> usize {
        let sequence = self.sequence;
        self.sequence = sequence.wrapping_add(1);
        let [high, low] = sequence.to_be_bytes();
        let timestamp = u32::from(sequence).wrapping_mul(90).to_be_bytes();
        let [p0, p1] = ((sequence & 0x7fff) | 0x8000).to_be_bytes();
        let not_key = u8::from(!sequence.is_multiple_of(KEYFRAMES));
        let head = [0x80, 0x80 | PAYLOAD_TYPE, high, low];
        let payload = [0x90, 0x80, p0, p1, not_key, 0, 0, 0x9d, 0x01, 0x2a, 0x00, 0x05, 0xd0, 0x02];
        out[..4].copy_from_slice(&head);
        out[4..8].copy_from_slice(&timestamp);
        out[8..12].copy_from_slice(&CAMERA.0.to_be_bytes());
        out[12..12 + payload.len()].copy_from_slice(&payload);
        let body = [0x55; PACKET_BYTES - 12 - 14];
        self.publisher.seal_rtp(sequence.into(), out, 12, payload.len(), &body).expect("it fits")
    }
}

/// What forwarding cannot do without: the same packets sealed for as many receivers into the same kind of batch.
pub(crate) struct Bare {
    sealers: Vec<Sealer>,
    sending: SendBatch,
    sequence: u16,
}

impl Bare {
    /// As many keys.
    pub(crate) fn new(receivers: u32) -> Self {
        let sealer = |id| Sealer::new(PROFILE, &keys(id).local).expect("the key fits");
        Self {
            sealers: (1..=receivers).map(sealer).collect(),
            sending: SendBatch::new(),
            sequence: 0,
        }
    }

    /// Seals one packet for everybody.
    pub(crate) fn seal(&mut self) -> u64 {
        let payload = [0x55; PACKET_BYTES - 12];
        let [high, low] = self.sequence.to_be_bytes();
        let head = [0x80, PAYLOAD_TYPE, high, low, 0, 0, 0, 0, 0, 0, 0, 7];
        for (id, sealer) in (1..).zip(&self.sealers) {
            if !self.sending.has_room() {
                self.sending.clear();
            }
            let _ = self.sending.write(path(id), |room| {
                room[..12].copy_from_slice(&head);
                sealer.seal_rtp(self.sequence.into(), room, 12, 0, &payload).ok()
            });
        }
        self.sequence = self.sequence.wrapping_add(1);
        self.sealers.len() as u64
    }
}

/// A datagram of each kind that a stranger may send.
pub(crate) fn strangers() -> [(&'static str, Vec<u8>); 5] {
    let with = |head: &[u8]| {
        let mut datagram = vec![0x55; PACKET_BYTES];
        datagram[..head.len()].copy_from_slice(head);
        datagram
    };
    [
        ("STUN", nomination(&credentials(u32::MAX))),
        ("DTLS", with(&[22, 0xfe, 0xfd])),
        ("RTP", with(&[0x80, PAYLOAD_TYPE])),
        ("RTCP", with(&[0x80, 200])),
        ("noise", with(&[0xff])),
    ]
}

fn path(id: u32) -> Path {
    let [_, a, b, c] = id.to_be_bytes();
    Path { local: 0, remote: SocketAddr::from(([10, a, b, c], 4_000)) }
}

fn camera() -> PublicationSpec {
    PublicationSpec {
        id: PublicationId(1),
        source: Source::Camera,
        mid: mid("0"),
        payloads: vec![vp8()],
        extensions: ExtensionIds::default(),
        encodings: vec![Encoding { ssrc: Some(CAMERA), ..Encoding::default() }],
        feedback: FEEDBACK,
        active: true,
    }
}

fn slot(id: u32) -> SlotSpec {
    let extension = |number| ExtensionId::new(number).expect("1 to 14");
    SlotSpec {
        id: SlotId(0),
        kind: MediaKind::Video,
        mid: mid("0"),
        ssrc: Ssrc(0x2000_0000 + id),
        rtx: Some(Ssrc(0x3000_0000 + id)),
        payloads: vec![vp8()],
        extensions: ExtensionIds::default()
            .with(Extension::Mid, extension(1))
            .with(Extension::TransportSequence, extension(2)),
        pair: 0,
        feedback: FEEDBACK,
    }
}

fn vp8() -> PayloadMap {
    PayloadMap {
        payload_type: PayloadType(PAYLOAD_TYPE),
        format: Format::Vp8,
        rtx: Some(PayloadType(PAYLOAD_TYPE + 1)),
    }
}

fn mid(text: &str) -> Mid {
    Mid(ArrayString::from(text).expect("short"))
}

fn credentials(id: u32) -> IceCredentials {
    IceCredentials {
        ufrag: ArrayString::from(&format!("user{id}")).expect("short"),
        password: ArrayString::from(&format!("a password of 22 and more {id}")).expect("short"),
    }
}

fn keys(id: u32) -> KeyingMaterial {
    let key = |side: u8| {
        let mut key: ArrayVec<u8, 32> = (0..16).map(|byte| byte ^ side).collect();
        key[..4].copy_from_slice(&id.to_be_bytes());
        let salt: ArrayVec<u8, 14> = (0..12).map(|byte| byte ^ side).collect();
        MasterKey::new(PROFILE, &key, &salt).expect("the lengths of the profile")
    };
    KeyingMaterial { profile: PROFILE, local: key(0x40), remote: key(0x80) }
}

/// A binding request that nominates, as a client sends it.
fn nomination(server: &IceCredentials) -> Vec<u8> {
    let provider = default_provider().expect("a provider");
    let mut request = Message::new();
    request.set_type(BINDING_REQUEST);
    request.write_header();
    request.add(types::ATTR_USERNAME, format!("{}:them", server.ufrag).as_bytes());
    request.add(types::ATTR_ICE_CONTROLLING, &[1; 8]);
    request.add(types::ATTR_USE_CANDIDATE, &[]);
    let password = MessageIntegrity::new_raw_integrity_with_provider(
        server.password.as_str(),
        provider.crypto(),
    );
    password.add_to(&mut request).expect("it fits");
    FINGERPRINT.add_to(&mut request).expect("it fits");
    request.raw
}

/// What browsers and dimpl agree on first that costs least.
const PROFILE: Profile = Profile::Aes128Gcm;
const PAYLOAD_TYPE: u8 = 96;
const CAMERA: Ssrc = Ssrc(7);
const FEEDBACK: Feedback =
    Feedback { nack: true, pli: true, fir: false, transport_wide: true, remb: false };
/// Packets from one keyframe to the next: this publisher is deaf to requests.
const KEYFRAMES: u16 = 250;
