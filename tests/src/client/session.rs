//! What a client and the server agreed on: the outcome of offer and answer, without SDP.

use std::net::{IpAddr, Ipv4Addr, SocketAddr};
use std::time::Duration;

use arrayvec::{ArrayString, ArrayVec};
use sfu::command::{IceCredentials, Join, Keying, Negotiate};
use sfu::media::{
    Encoding, Feedback, Mid, PayloadMap, PayloadType, PublicationSpec, Rid, SlotSpec, Ssrc,
};
use sfu::packet::extension::{Extension, ExtensionId, ExtensionIds};
use sfu::transport::srtp::{KeyingMaterial, MasterKey, Profile};
use sfu::{ChannelId, Format, MediaKind, ParticipantId, PublicationId, SlotId, Source};

use super::picture::svc::Svc;
use crate::codec::Codec;

/// Who takes part: a small number, from which all ids of that person follow.
#[derive(Clone, Copy, Debug, Eq, Hash, Ord, PartialEq, PartialOrd)]
pub struct Person(pub u8);

/// What somebody brings.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub struct Devices {
    /// A picture.
    pub camera: bool,
    /// What it is of: a face, or a screen that is shared.
    pub picture: Source,
    /// How much later than the lowest encoding the others of it arrive.
    pub skew: Duration,
    /// What the camera sends; any codec is received.
    pub codec: Codec,
    /// Three spatial and three temporal layers of VP9 or AV1, in place of what the codec has by itself.
    pub svc: Option<Svc>,
    /// A voice.
    pub microphone: bool,
    /// Sound is sent as redundant audio.
    pub red: bool,
    /// Sound is sent with in-band FEC.
    pub fec: bool,
    /// Sound is received as redundant audio, too.
    pub hears_red: bool,
    /// How the camera answers who asks it for a keyframe.
    pub hearing: Hearing,
    /// The only codec of pictures that is received, where not all are.
    pub decodes: Option<Codec>,
    /// Receive m-lines for sound.
    pub audio_slots: u8,
    /// Receive m-lines for pictures.
    pub video_slots: u8,
}

/// What becomes of requests for a keyframe.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub enum Hearing {
    /// The next picture is one.
    Good,
    /// They are sent and nothing comes of them.
    Deaf,
    /// No way to ask was negotiated.
    Unreachable,
}

/// Payload types: each client chooses its own, so that a header that is passed on unchanged is noticed.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub struct PayloadTypes {
    /// Below 8.
    shift: u8,
}

/// An agreed session.
#[derive(Clone, Debug)]
pub struct Session {
    /// Whose.
    pub person: Person,
    /// What is sent and received.
    pub devices: Devices,
    /// The server's credentials and the client's.
    pub credentials: (IceCredentials, IceCredentials),
    /// As the server sees them: `local` is what the server seals with.
    pub keys: KeyingMaterial,
    /// What is sent.
    pub publications: Vec<PublicationSpec>,
    /// What is received.
    pub slots: Vec<SlotSpec>,
    /// Without a request for this long the server gives the client up.
    pub consent: Duration,
}

impl Devices {
    /// Camera, microphone, three slots for sound and four for pictures.
    pub const ALL: Self = Self {
        camera: true,
        picture: Source::Camera,
        skew: Duration::ZERO,
        codec: Codec::Vp8,
        svc: None,
        microphone: true,
        red: false,
        fec: false,
        hears_red: false,
        hearing: Hearing::Good,
        decodes: None,
        audio_slots: 3,
        video_slots: 4,
    };

    /// As [`Self::ALL`] with a camera that sends `codec`.
    #[must_use]
    pub const fn sending(codec: Codec) -> Self {
        Self { codec, ..Self::ALL }
    }

    /// As [`Self::sending`] with three spatial and three temporal layers.
    #[must_use]
    pub const fn layered(codec: Codec, svc: Svc) -> Self {
        Self { svc: Some(svc), ..Self::sending(codec) }
    }

    /// As [`Self::ALL`] with `video_slots` slots for pictures.
    #[must_use]
    pub const fn with_video_slots(self, video_slots: u8) -> Self {
        Self { video_slots, ..self }
    }
}

impl Person {
    /// Their address at a place they may move between.
    #[must_use]
    pub const fn address(self, place: u8) -> SocketAddr {
        SocketAddr::new(IpAddr::V4(Ipv4Addr::new(10, place, 0, self.0)), 40_000)
    }

    /// Whether an address is theirs, at whatever place.
    #[must_use]
    pub fn address_belongs(self, address: SocketAddr) -> bool {
        let IpAddr::V4(ip) = address.ip() else { return false };
        self.address(ip.octets()[1]) == address
    }

    /// Whose id in the shard this is.
    #[must_use]
    pub fn with_id(participant: ParticipantId) -> Self {
        Self(u8::try_from(participant.0).expect("people here are numbered below 256"))
    }

    /// Their id in the shard.
    #[must_use]
    pub fn participant(self) -> ParticipantId {
        ParticipantId(u64::from(self.0))
    }

    /// Their microphone's or camera's id.
    #[must_use]
    pub fn publication(self, source: Source) -> PublicationId {
        let place = match source {
            Source::Microphone => 1,
            Source::Camera => 2,
            Source::Screen => 3,
            Source::ScreenSound => 4,
        };
        PublicationId(u32::from(self.0) * 10 + place)
    }

    /// Whose publication this is.
    #[must_use]
    pub fn of(publication: u32) -> Self {
        Self(u8::try_from(publication / 10).expect("a publication of ours"))
    }
}

impl Session {
    /// What `person` agreed on. `generation` counts ICE restarts.
    #[must_use]
    pub fn new(person: Person, devices: Devices, generation: u8) -> Self {
        let payloads = PayloadTypes::of(person);
        let mut session = Self {
            person,
            devices,
            credentials: (
                credentials("srv", person, generation),
                credentials("cli", person, generation),
            ),
            keys: keys(person),
            publications: Vec::new(),
            slots: Vec::new(),
            consent: Duration::from_secs(30),
        };
        if devices.microphone {
            session.publications.push(microphone(person, payloads, devices.red));
        }
        if devices.camera {
            session.publications.push(camera(person, payloads, devices));
        }
        let audio = (0..devices.audio_slots).map(|pair| (MediaKind::Audio, pair));
        let video = (0..devices.video_slots).map(|pair| (MediaKind::Video, pair));
        session.slots = (0..)
            .zip(audio.chain(video))
            .map(|(id, (kind, pair))| slot(person, id, kind, pair, devices))
            .collect();
        session
    }

    /// Their payload types.
    #[must_use]
    pub const fn payload_types(&self) -> PayloadTypes {
        PayloadTypes::of(self.person)
    }

    /// Their extension ids.
    #[must_use]
    pub fn extension(&self, extension: Extension) -> u8 {
        extensions(self.person).id(extension).expect("all are agreed on").value()
    }

    /// The SSRC under which they send feedback.
    #[must_use]
    pub fn own_ssrc(&self) -> u32 {
        u32::from(self.person.0) * 1_000
    }

    /// The command that lets them in.
    #[must_use]
    pub fn join(&self, channel: ChannelId) -> Join {
        Join {
            participant: self.person.participant(),
            channel,
            local: self.credentials.0.clone(),
            keying: Keying::Given(self.keys.clone()),
            consent: self.consent,
        }
    }

    /// The command that says what they send and receive.
    #[must_use]
    pub fn negotiate(&self) -> Negotiate {
        Negotiate {
            participant: self.person.participant(),
            publications: self.publications.clone(),
            slots: self.slots.clone(),
            cname: ArrayString::from("confab").expect("short"),
        }
    }
}

impl PayloadTypes {
    /// A person's.
    #[must_use]
    pub const fn of(person: Person) -> Self {
        Self { shift: person.0 % 8 }
    }

    /// Opus.
    #[must_use]
    pub const fn opus(self) -> u8 {
        self.number(0)
    }

    /// Redundant audio: one number for all, as Chromium has it.
    #[must_use]
    pub const fn red(self) -> u8 {
        63
    }

    /// Pictures.
    #[must_use]
    pub const fn picture(self, codec: Codec) -> u8 {
        self.number(1 + 2 * codec.place())
    }

    /// Retransmissions of pictures.
    #[must_use]
    pub const fn rtx(self, codec: Codec) -> u8 {
        self.number(2 + 2 * codec.place())
    }

    /// 96 to 127, another one for each of nine places.
    const fn number(self, place: u8) -> u8 {
        96 + 3 * place + self.shift
    }
}

/// RIDs of the three encodings, lowest quality first.
pub const RIDS: [&str; 3] = ["q", "h", "f"];

/// The m-line that sends the camera.
pub const CAMERA_MID: &str = "1";

/// The m-line that sends the microphone.
pub const MICROPHONE_MID: &str = "0";

/// The SSRC of somebody's microphone.
#[must_use]
pub fn microphone_ssrc(person: Person) -> u32 {
    u32::from(person.0) * 1_000 + 1
}

/// The SSRC of an encoding of somebody's camera; that of its retransmissions is ten more.
#[must_use]
pub fn camera_ssrc(person: Person, encoding: u8) -> u32 {
    u32::from(person.0) * 1_000 + 10 + u32::from(encoding)
}

fn microphone(person: Person, payloads: PayloadTypes, is_red: bool) -> PublicationSpec {
    let ssrc = Some(Ssrc(microphone_ssrc(person)));
    PublicationSpec {
        id: person.publication(Source::Microphone),
        source: Source::Microphone,
        mid: mid(MICROPHONE_MID),
        payloads: sound_maps(payloads, is_red),
        extensions: extensions(person),
        encodings: vec![Encoding { ssrc, ..Encoding::default() }],
        feedback: Feedback { transport_wide: true, ..Feedback::default() },
        active: true,
    }
}

fn camera(person: Person, payloads: PayloadTypes, devices: Devices) -> PublicationSpec {
    let codec = devices.codec;
    let can_be_asked = devices.hearing != Hearing::Unreachable;
    let encoding = |rid: &str| Encoding {
        rid: Some(Rid(ArrayString::from(rid).expect("short"))),
        ..Encoding::default()
    };
    let ssrc = camera_ssrc(person, 0);
    let only = Encoding { rid: None, ssrc: Some(Ssrc(ssrc)), rtx: Some(Ssrc(ssrc + 10)) };
    PublicationSpec {
        id: person.publication(devices.picture),
        source: devices.picture,
        mid: mid(CAMERA_MID),
        payloads: vec![picture_map(payloads, codec)],
        extensions: extensions(person),
        encodings: if codec.is_simulcast() { RIDS.map(encoding).to_vec() } else { vec![only] },
        feedback: Feedback { pli: can_be_asked, fir: can_be_asked, ..FEEDBACK },
        active: true,
    }
}

fn slot(person: Person, id: u8, kind: MediaKind, pair: u8, devices: Devices) -> SlotSpec {
    let payloads = PayloadTypes::of(person);
    let ssrc = 0x1000_0000 + u32::from(person.0) * 1_000 + u32::from(id);
    SlotSpec {
        id: SlotId(id),
        kind,
        mid: mid(&format!("{}", u32::from(id) + 2)),
        ssrc: Ssrc(ssrc),
        rtx: (kind == MediaKind::Video).then_some(Ssrc(ssrc + 500)),
        payloads: match kind {
            MediaKind::Audio => sound_maps(payloads, devices.hears_red),
            MediaKind::Video => {
                let is_decoded = |codec: &Codec| devices.decodes.is_none_or(|it| it == *codec);
                let decoded = Codec::ALL.into_iter().filter(is_decoded);
                decoded.map(|codec| picture_map(payloads, codec)).collect()
            }
        },
        extensions: extensions(person),
        pair,
        feedback: FEEDBACK,
    }
}

const FEEDBACK: Feedback =
    Feedback { nack: true, pli: true, fir: true, transport_wide: true, remb: false };

fn sound_maps(types: PayloadTypes, is_red: bool) -> Vec<PayloadMap> {
    let map = |number, format| PayloadMap { payload_type: PayloadType(number), format, rtx: None };
    let red = is_red.then(|| map(types.red(), Format::Red));
    red.into_iter().chain([map(types.opus(), Format::Opus)]).collect()
}

const fn picture_map(types: PayloadTypes, codec: Codec) -> PayloadMap {
    PayloadMap {
        payload_type: PayloadType(types.picture(codec)),
        format: codec.format(),
        rtx: Some(PayloadType(types.rtx(codec))),
    }
}

fn extensions(person: Person) -> ExtensionIds {
    let shift = person.0 % 3;
    let all = [
        Extension::Mid,
        Extension::Rid,
        Extension::RepairedRid,
        Extension::TransportSequence,
        Extension::AudioLevel,
        Extension::DependencyDescriptor,
    ];
    (1..).zip(all).fold(ExtensionIds::default(), |ids, (number, extension)| {
        ids.with(extension, ExtensionId::new(number + shift).expect("1 to 14"))
    })
}

fn mid(text: &str) -> Mid {
    Mid(ArrayString::from(text).expect("short"))
}

fn credentials(side: &str, person: Person, generation: u8) -> IceCredentials {
    let ufrag = format!("{side}{:03}{generation}", person.0);
    let password = format!("{side}-password-of-22-or-more-{:03}-{generation}", person.0);
    IceCredentials {
        ufrag: ArrayString::from(&ufrag).expect("short"),
        password: ArrayString::from(&password).expect("short"),
    }
}

fn keys(person: Person) -> KeyingMaterial {
    let key = |side: u8| MasterKey {
        key: (0..16).map(|byte| byte ^ side ^ person.0).collect(),
        salt: (0..12)
            .map(|byte| byte ^ side ^ person.0.rotate_left(3))
            .collect::<ArrayVec<u8, 14>>(),
    };
    KeyingMaterial { profile: Profile::Aes128Gcm, local: key(0x40), remote: key(0x80) }
}
