//! Publishing by WHIP and playing by WHEP with the `webrtc` crate: what goes in by HTTP comes out as it was.

use std::net::SocketAddr;
use std::sync::Arc;
use std::time::Duration;

use rtc::peer_connection::configuration::media_engine::MIME_TYPE_OPUS;
use rtc::rtp::packet::Packet;
use rtc::rtp_transceiver::RTCRtpTransceiverDirection;
use rtc::rtp_transceiver::rtp_sender::RtpCodecKind;
use tests::deadline::{until, within};
use tests::packet::Rtp;
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::TcpStream;
use tokio::sync::mpsc;
use webrtc::media_stream::track_local::TrackLocal;
use webrtc::media_stream::track_local::static_rtp::TrackLocalStaticRTP;
use webrtc::peer_connection::{PeerConnection, RTCSessionDescription};

use super::capture::{self, AUDIO, ENCODINGS};
use super::forwarding::{assert_same, frame_bytes, pace};
use super::participant::{
    CONNECTED, Camera, Extensions, Handler, LEVEL, Participant, RECEIVED_MAX, Setup, connection,
    dressed, encoding, encodings, towards, track,
};
use super::server::Server;
use super::socket::Socket;

/// A client that knows nothing of Confab but a URL.
struct ByHttp {
    http: SocketAddr,
    session: String,
    connection: Arc<dyn PeerConnection>,
    tracks: Vec<Arc<TrackLocalStaticRTP>>,
    extensions: Extensions,
    received: mpsc::Receiver<(RtpCodecKind, Packet)>,
}

impl ByHttp {
    /// Publishes to `url` and waits until media can flow.
    async fn publish(http: SocketAddr, url: &str) -> Self {
        let audio = track("sound", RtpCodecKind::Audio, vec![encoding(MIME_TYPE_OPUS, AUDIO, "")]);
        let video = track("picture", RtpCodecKind::Video, encodings(Camera::One));
        Self::begin(http, url, vec![audio, video]).await
    }

    /// Plays `url`.
    async fn play(http: SocketAddr, url: &str) -> Self {
        Self::begin(http, url, Vec::new()).await
    }

    async fn begin(http: SocketAddr, url: &str, tracks: Vec<Arc<TrackLocalStaticRTP>>) -> Self {
        let (connected, mut connects) = mpsc::channel(1);
        let (receives, received) = mpsc::channel(RECEIVED_MAX);
        let connection = connection(Handler { connected, receives }, Setup::of(Camera::One)).await;
        for track in &tracks {
            let track = Arc::clone(track) as Arc<dyn TrackLocal>;
            let init = towards(RTCRtpTransceiverDirection::Sendonly);
            connection.add_transceiver_from_track(track, Some(init)).await.expect("a transceiver");
        }
        let played = if tracks.is_empty() { 1 } else { 0 };
        for kind in [RtpCodecKind::Audio, RtpCodecKind::Video].repeat(played) {
            let init = towards(RTCRtpTransceiverDirection::Recvonly);
            connection.add_transceiver_from_kind(kind, Some(init)).await.expect("a transceiver");
        }
        let offer = connection.create_offer(None).await.expect("an offer");
        let (sdp, extensions) = (offer.sdp.clone(), Extensions::of(&offer.sdp));
        connection.set_local_description(offer).await.expect("our own offer");
        let (status, head, answer) = request(http, "POST", url, &sdp).await;
        assert_eq!(status, 201, "{head}{answer}");
        let location = head.lines().find_map(|line| line.strip_prefix("location: "));
        let session = location.expect("a Location").to_owned();
        let answer = RTCSessionDescription::answer(answer).expect("an answer");
        connection.set_remote_description(answer).await.expect("the server's answer");
        within("media can flow", CONNECTED, connects.recv()).await.expect("connected");
        Self { http, session, connection, tracks, extensions, received }
    }

    async fn send(&self, packet: &Rtp) {
        let track = &self.tracks[usize::from(packet.ssrc != AUDIO)];
        let sent = dressed(packet, &self.extensions, &[(LEVEL, &[0x80 | 20])]);
        track.write_rtp(sent).await.expect("sent");
    }

    /// The payloads that came of one kind, with their numbers; the queue is empty then.
    fn received(&mut self) -> [Vec<(u16, Vec<u8>)>; 2] {
        let mut all = [Vec::new(), Vec::new()];
        while let Ok((kind, packet)) = self.received.try_recv() {
            if !packet.payload.is_empty() {
                let of_kind = &mut all[usize::from(kind == RtpCodecKind::Video)];
                of_kind.push((packet.header.sequence_number, packet.payload.to_vec()));
            }
        }
        all
    }

    /// Ends the session by its URL, and the connection.
    async fn delete(self) {
        assert_eq!(request(self.http, "DELETE", &self.session, "").await.0, 200);
        self.connection.close().await.expect("closed");
    }
}

async fn request(http: SocketAddr, method: &str, path: &str, body: &str) -> (u16, String, String) {
    let mut stream = TcpStream::connect(http).await.expect("a connection");
    let request = format!(
        "{method} {path} HTTP/1.1\r\nHost: {http}\r\nConnection: close\r\nContent-Type: application/sdp\r\nContent-Length: {}\r\n\r\n{body}",
        body.len()
    );
    stream.write_all(request.as_bytes()).await.expect("sent");
    let mut answer = String::new();
    stream.read_to_string(&mut answer).await.expect("an answer");
    let (head, body) = answer.split_once("\r\n\r\n").expect("a head and a body");
    let status = head.split(' ').nth(1).expect("a status").parse().expect("a number");
    (status, head.replace("\r\n", "\n"), body.to_owned())
}

/// Sound and pictures of the capture, as they were sent.
fn sent() -> [Vec<Vec<u8>>; 2] {
    let packets = capture::packets();
    let of = |ssrc: u32| packets.iter().filter(move |(_, packet)| packet.ssrc == ssrc);
    let audio = of(AUDIO).map(|(_, packet)| packet.payload.clone());
    let video = of(ENCODINGS[2]).map(|(_, packet)| frame_bytes(&packet.payload));
    [audio.collect(), video.collect()]
}

fn assert_all_came([audio, video]: [Vec<(u16, Vec<u8>)>; 2]) {
    let sent = sent();
    assert_same("sound", &sent[0], &audio, 450);
    let frames: Vec<(u16, Vec<u8>)> =
        video.into_iter().map(|(number, payload)| (number, frame_bytes(&payload))).collect();
    assert_same("picture", &sent[1], &frames, 1_200);
}

#[tokio::test(flavor = "multi_thread")]
async fn what_whip_publishes_whep_plays_byte_for_byte() {
    let server = Server::start().await;
    let (mut watcher, _) = Socket::join(server.http, "stage", "Mira").await;
    let mut player = ByHttp::play(server.http, "/whep/stage").await;
    let publisher = ByHttp::publish(server.http, "/whip/stage?name=Stage").await;
    let packets = capture::packets();
    let is_played = |packet: &Rtp| packet.ssrc == AUDIO || packet.ssrc == ENCODINGS[2];
    pace(&packets, is_played, async |packet| publisher.send(packet).await).await;
    assert_all_came(player.received());
    let (_, _, inside) = request(server.http, "GET", "/v1/channels/stage", "").await;
    for name in ["Mira", "whep-1", "Stage"] {
        assert!(inside.contains(&format!("\"{name}\"")), "{name} in {inside}");
    }
    publisher.delete().await;
    let left = watcher.expect("left").await;
    assert_eq!(left["reason"], "left");
    player.delete().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_player_that_chose_somebody_sees_nobody_else_and_hears_all() {
    let server = Server::start().await;
    let chosen = ByHttp::publish(server.http, "/whip/stage").await;
    // The first to come, as docs/protocol.md counts them.
    let mut player = ByHttp::play(server.http, "/whep/stage?participant=p1").await;
    let other = ByHttp::publish(server.http, "/whip/stage").await;
    let packets = capture::packets();
    let begun = packets.iter().position(|(at, _)| *at > Duration::from_secs(2)).expect("ten");
    let is_played = |packet: &Rtp| packet.ssrc == AUDIO || packet.ssrc == ENCODINGS[2];
    pace(&packets[..begun], is_played, async |packet| other.send(packet).await).await;
    let [audio, video] = player.received();
    assert!(audio.len() > 50 && video.is_empty(), "{} of sound, {}", audio.len(), video.len());
    pace(&packets[..begun], is_played, async |packet| chosen.send(packet).await).await;
    let [_, video] = player.received();
    assert!(video.len() > 50, "{} of the chosen picture", video.len());
    other.delete().await;
    chosen.delete().await;
    player.delete().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn whip_is_heard_and_seen_over_the_socket_too() {
    let server = Server::start().await;
    let mut receiver = Participant::join(server.http, "wire", "Mira", Camera::One).await;
    let publisher = ByHttp::publish(server.http, "/whip/wire").await;
    let packets = capture::packets();
    let is_played = |packet: &Rtp| packet.ssrc == AUDIO || packet.ssrc == ENCODINGS[2];
    pace(&packets, is_played, async |packet| publisher.send(packet).await).await;
    let mut all = [Vec::new(), Vec::new()];
    for (kind, packet) in receiver.received() {
        if !packet.payload.is_empty() {
            let of_kind = &mut all[usize::from(kind == RtpCodecKind::Video)];
            of_kind.push((packet.header.sequence_number, packet.payload.to_vec()));
        }
    }
    assert_all_came(all);
    publisher.delete().await;
    receiver.close().await;
}

#[tokio::test(flavor = "multi_thread")]
#[ignore = "long: consent lasts for 30 s"]
async fn a_publisher_that_vanishes_is_gone_when_its_consent_is() {
    let server = Server::start().await;
    let publisher = ByHttp::publish(server.http, "/whip/wire").await;
    publisher.connection.close().await.expect("closed");
    until("the publisher is gone", Duration::from_secs(35), async || {
        let (_, _, inside) = request(server.http, "GET", "/v1/channels/wire", "").await;
        inside.contains("\"participants\":[]").then_some(())
    })
    .await;
    assert_eq!(request(server.http, "DELETE", &publisher.session, "").await.0, 404);
}
