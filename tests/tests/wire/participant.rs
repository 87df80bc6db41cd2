//! A participant by the `webrtc` crate: a stack that shares no code with ours.

use std::collections::BTreeMap;
use std::fmt;
use std::net::{IpAddr, Ipv4Addr, SocketAddr};
use std::sync::Arc;
use std::time::Duration;

use bytes::Bytes;
use rtc::media_stream::MediaStreamTrack;
use rtc::peer_connection::configuration::interceptor_registry::register_default_interceptors;
use rtc::peer_connection::configuration::media_engine::{
    MIME_TYPE_OPUS, MIME_TYPE_VP8, MediaEngine,
};
use rtc::rtp::packet::Packet;
use rtc::rtp_transceiver::rtp_sender::{
    RTCRtpCodec, RTCRtpCodingParameters, RTCRtpEncodingParameters, RTCRtpHeaderExtensionCapability,
    RtpCodecKind,
};
use rtc::rtp_transceiver::{RTCRtpTransceiverDirection, RTCRtpTransceiverInit};
use serde_json::json;
use tests::deadline::within;
use tests::packet::Rtp;
use tokio::sync::mpsc;
use webrtc::media_stream::track_local::TrackLocal;
use webrtc::media_stream::track_local::static_rtp::TrackLocalStaticRTP;
use webrtc::media_stream::track_remote::{TrackRemote, TrackRemoteEvent};
use webrtc::peer_connection::{
    PeerConnection, PeerConnectionBuilder, PeerConnectionEventHandler, RTCPeerConnectionState,
    RTCSessionDescription, Registry,
};

use super::capture::{AUDIO, ENCODINGS};
use super::socket::Socket;

/// Somebody in a channel.
pub(crate) struct Participant {
    pub(crate) socket: Socket,
    connection: Arc<dyn PeerConnection>,
    audio: Arc<TrackLocalStaticRTP>,
    video: Arc<TrackLocalStaticRTP>,
    extensions: Extensions,
    answered: String,
    received: mpsc::Receiver<(RtpCodecKind, Packet)>,
}

/// What a participant brings.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Setup {
    pub(crate) camera: Camera,
    /// Where it sends from.
    pub(crate) local: IpAddr,
    /// Header extensions beside mid, RID and level, in the order in which they get their ids.
    pub(crate) extensions: &'static [&'static str],
}

impl Setup {
    /// On the IPv4 loopback address, with no more extensions than a call needs.
    pub(crate) const fn of(camera: Camera) -> Self {
        Self { camera, local: IpAddr::V4(Ipv4Addr::LOCALHOST), extensions: &[] }
    }
}

/// Extension ids of the own offer, by URI.
#[derive(Clone, Debug)]
pub(super) struct Extensions(BTreeMap<String, u8>);

/// How the camera is sent.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub(crate) enum Camera {
    /// The highest encoding of the capture alone.
    One,
    /// All three, by RID.
    Three,
}

/// ICE, DTLS and all on one machine.
pub(super) const CONNECTED: Duration = Duration::from_secs(15);

/// More than ten seconds of a capture's packets.
pub(super) const RECEIVED_MAX: usize = 8_192;

/// RIDs of three encodings, lowest first.
const RIDS: [&str; 3] = ["q", "h", "f"];

const MID: &str = "urn:ietf:params:rtp-hdrext:sdes:mid";
const RID: &str = "urn:ietf:params:rtp-hdrext:sdes:rtp-stream-id";
pub(crate) const LEVEL: &str = "urn:ietf:params:rtp-hdrext:ssrc-audio-level";

impl Participant {
    /// Comes into a channel and waits until media can flow.
    pub(crate) async fn join(http: SocketAddr, channel: &str, name: &str, camera: Camera) -> Self {
        Self::join_with(http, channel, name, Setup::of(camera)).await
    }

    /// Comes into a channel with all that `setup` says.
    pub(crate) async fn join_with(
        http: SocketAddr,
        channel: &str,
        name: &str,
        setup: Setup,
    ) -> Self {
        let (mut socket, _) = Socket::join(http, channel, name).await;
        let (connected, mut connects) = mpsc::channel(1);
        let (receives, received) = mpsc::channel(RECEIVED_MAX);
        let connection = connection(Handler { connected, receives }, setup).await;
        let audio =
            track("microphone", RtpCodecKind::Audio, vec![encoding(MIME_TYPE_OPUS, AUDIO, "")]);
        let video = track("camera", RtpCodecKind::Video, encodings(setup.camera));
        for track in [&audio, &video] {
            let init = towards(RTCRtpTransceiverDirection::Sendonly);
            let track = Arc::clone(track) as Arc<dyn TrackLocal>;
            connection.add_transceiver_from_track(track, Some(init)).await.expect("a transceiver");
        }
        for kind in [RtpCodecKind::Audio; 3].into_iter().chain([RtpCodecKind::Video; 4]) {
            let init = towards(RTCRtpTransceiverDirection::Recvonly);
            connection.add_transceiver_from_kind(kind, Some(init)).await.expect("a transceiver");
        }
        let offer = connection.create_offer(None).await.expect("an offer");
        let extensions = Extensions::of(&offer.sdp);
        let sdp = offer.sdp.clone();
        connection.set_local_description(offer).await.expect("our own offer");
        let tracks =
            json!([{ "mid": "0", "source": "microphone" }, { "mid": "1", "source": "camera" }]);
        socket.send(&json!({ "op": "offer", "id": 1, "sdp": sdp, "tracks": tracks })).await;
        let answer = socket.expect("answer").await;
        let answered = answer["sdp"].as_str().expect("text").to_owned();
        let answer = RTCSessionDescription::answer(answered.clone()).expect("an answer");
        connection.set_remote_description(answer).await.expect("the server's answer");
        let voice = json!({ "op": "voice", "muted": false, "deafened": false, "camera": true, "screen": false });
        socket.send(&voice).await;
        within("media can flow", CONNECTED, connects.recv()).await.expect("connected");
        Self { socket, connection, audio, video, extensions, answered, received }
    }

    /// Sends a packet of the capture under the extensions that were agreed on.
    pub(crate) async fn send(&self, packet: &Rtp) {
        self.send_with(packet, &[(LEVEL, &[0x80 | 20])]).await;
    }

    /// Sends a packet of the capture, with mid, RID, and these extensions by URI, as far as its m-line has them.
    pub(crate) async fn send_with(&self, packet: &Rtp, elements: &[(&str, &[u8])]) {
        let sent = dressed(packet, &self.extensions, elements);
        let track = if packet.ssrc == AUDIO { &self.audio } else { &self.video };
        track.write_rtp(sent).await.expect("sent");
    }

    /// The id of an extension in its offer.
    pub(crate) fn id(&self, uri: &str) -> u8 {
        self.extensions.0[uri]
    }

    /// The server's answer.
    pub(crate) fn answer(&self) -> &str {
        &self.answered
    }

    /// What has arrived, oldest first; empties the queue.
    pub(crate) fn received(&mut self) -> Vec<(RtpCodecKind, Packet)> {
        std::iter::from_fn(|| self.received.try_recv().ok()).collect()
    }

    /// Ends the connection.
    pub(crate) async fn close(self) {
        self.connection.close().await.expect("closed");
    }
}

impl fmt::Debug for Participant {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Participant").field("extensions", &self.extensions).finish_non_exhaustive()
    }
}

impl Extensions {
    /// From `a=extmap` lines.
    pub(super) fn of(sdp: &str) -> Self {
        let lines = sdp.lines().filter_map(|line| line.strip_prefix("a=extmap:"));
        let pair = |line: &str| {
            let (id, uri) = line.split_once(' ').expect("an id and a URI");
            (uri.trim_end().to_owned(), id.parse().expect("an id"))
        };
        Self(lines.map(pair).collect())
    }
}

/// A packet of the capture with mid, RID, and these extensions by URI, as far as its m-line has them.
pub(super) fn dressed(packet: &Rtp, extensions: &Extensions, elements: &[(&str, &[u8])]) -> Packet {
    let is_audio = packet.ssrc == AUDIO;
    let mut sent = Packet::default();
    sent.header.version = 2;
    sent.header.marker = packet.marker;
    sent.header.payload_type = packet.payload_type;
    sent.header.sequence_number = packet.sequence;
    sent.header.timestamp = packet.timestamp;
    sent.header.ssrc = packet.ssrc;
    sent.payload = Bytes::copy_from_slice(&packet.payload);
    let mut extend = |uri: &str, value: &[u8]| {
        let value = Bytes::copy_from_slice(value);
        sent.header.set_extension(extensions.0[uri], value).expect("a short value");
    };
    extend(MID, if is_audio { b"0" } else { b"1" });
    for (uri, value) in elements.iter().filter(|(uri, _)| is_audio || *uri != LEVEL) {
        extend(uri, value);
    }
    if !is_audio {
        let place = ENCODINGS.iter().position(|ssrc| *ssrc == packet.ssrc).expect("an encoding");
        extend(RID, RIDS[place].as_bytes());
    }
    sent
}

/// Hands on what the connection says.
pub(super) struct Handler {
    pub(super) connected: mpsc::Sender<()>,
    pub(super) receives: mpsc::Sender<(RtpCodecKind, Packet)>,
}

#[async_trait::async_trait]
impl PeerConnectionEventHandler for Handler {
    async fn on_connection_state_change(&self, state: RTCPeerConnectionState) {
        if state == RTCPeerConnectionState::Connected {
            let _known = self.connected.try_send(());
        }
    }

    async fn on_track(&self, track: Arc<dyn TrackRemote>) {
        let receives = self.receives.clone();
        tokio::spawn(async move {
            let kind = track.kind().await;
            while let Some(event) = track.poll().await {
                if let TrackRemoteEvent::OnRtpPacket(packet) = event {
                    let _full = receives.try_send((kind, packet));
                }
            }
        });
    }
}

pub(super) async fn connection(handler: Handler, setup: Setup) -> Arc<dyn PeerConnection> {
    let mut engine = MediaEngine::default();
    engine.register_default_codecs().expect("codecs");
    let both = [RtpCodecKind::Audio, RtpCodecKind::Video];
    let more = setup.extensions.iter().flat_map(|uri| both.map(|kind| (*uri, kind)));
    let always = [
        (MID, RtpCodecKind::Audio),
        (MID, RtpCodecKind::Video),
        (RID, RtpCodecKind::Video),
        (LEVEL, RtpCodecKind::Audio),
    ];
    for (uri, kind) in more.chain(always) {
        let capability = RTCRtpHeaderExtensionCapability { uri: uri.to_owned() };
        engine.register_header_extension(capability, kind, None).expect("an extension");
    }
    let registry =
        register_default_interceptors(Registry::new(), &mut engine).expect("interceptors");
    let connection = PeerConnectionBuilder::new()
        .with_media_engine(engine)
        .with_interceptor_registry(registry)
        .with_handler(Arc::new(handler))
        .with_udp_addrs(vec![SocketAddr::new(setup.local, 0).to_string()])
        .build()
        .await
        .expect("a connection");
    Arc::new(connection)
}

pub(super) fn track(
    id: &str,
    kind: RtpCodecKind,
    encodings: Vec<RTCRtpEncodingParameters>,
) -> Arc<TrackLocalStaticRTP> {
    let track =
        MediaStreamTrack::new("mine".to_owned(), id.to_owned(), id.to_owned(), kind, encodings);
    Arc::new(TrackLocalStaticRTP::new(track))
}

pub(super) fn towards(direction: RTCRtpTransceiverDirection) -> RTCRtpTransceiverInit {
    RTCRtpTransceiverInit { direction, ..RTCRtpTransceiverInit::default() }
}

pub(super) fn encodings(camera: Camera) -> Vec<RTCRtpEncodingParameters> {
    match camera {
        Camera::One => vec![encoding(MIME_TYPE_VP8, ENCODINGS[2], "")],
        Camera::Three => ENCODINGS
            .into_iter()
            .zip(RIDS)
            .map(|(ssrc, rid)| encoding(MIME_TYPE_VP8, ssrc, rid))
            .collect(),
    }
}

pub(super) fn encoding(mime_type: &str, ssrc: u32, rid: &str) -> RTCRtpEncodingParameters {
    let (clock_rate, channels) =
        if mime_type == MIME_TYPE_OPUS { (48_000, 2) } else { (90_000, 0) };
    RTCRtpEncodingParameters {
        rtp_coding_parameters: RTCRtpCodingParameters {
            rid: rid.into(),
            ssrc: Some(ssrc),
            ..RTCRtpCodingParameters::default()
        },
        codec: RTCRtpCodec {
            mime_type: mime_type.to_owned(),
            clock_rate,
            channels,
            ..RTCRtpCodec::default()
        },
        ..RTCRtpEncodingParameters::default()
    }
}
