//! Networks as they are: IPv6, a server behind NAT, a NAT that forgets, paths that take only so much; and what goes through
//! from publisher to receiver beside the media.

use std::net::{IpAddr, Ipv4Addr, Ipv6Addr};
use std::time::Duration;

use rtc::rtp::packet::Packet;
use rtc::rtp_transceiver::rtp_sender::RtpCodecKind;
use sfu::subscription::slot::GROWTH_MAX;
use sfu::transport::OWN_MAX;
use tests::deadline::until;
use tests::packet::Rtp;

use super::capture::{self, AUDIO, ENCODINGS, Timed};
use super::forwarding::{pace, play};
use super::nat::{Kind, Nat};
use super::participant::{Camera, LEVEL, Participant, Setup};
use super::server::Server;
use super::tunnel::Tunnel;

const INNER: IpAddr = IpAddr::V4(Ipv4Addr::LOCALHOST);
/// Another address of this machine, on which the server does not listen.
const OUTER: IpAddr = IpAddr::V4(Ipv4Addr::new(127, 0, 0, 2));

/// Packets of sound that a receiver has.
fn sound(received: &[(RtpCodecKind, Packet)]) -> usize {
    received.iter().filter(|(kind, _)| *kind == RtpCodecKind::Audio).count()
}

/// The first `seconds` of the capture's sound and its highest encoding.
fn part(packets: &[Timed], seconds: u64) -> Vec<Timed> {
    let is_in = |(at, packet): &&Timed| {
        *at < Duration::from_secs(seconds) && (packet.ssrc == AUDIO || packet.ssrc == ENCODINGS[2])
    };
    packets.iter().filter(is_in).cloned().collect()
}

/// The capture's first packet of sound again and again, numbered on.
struct Voice {
    packet: Rtp,
}

impl Voice {
    fn of_the_capture() -> Self {
        let mut sound = capture::packets().into_iter().map(|(_, packet)| packet);
        Self { packet: sound.find(|packet| packet.ssrc == AUDIO).expect("it has sound") }
    }

    /// The next packets, one each 20 ms.
    fn next(&mut self, count: u32) -> Vec<Timed> {
        let next = |place| {
            self.packet.sequence = self.packet.sequence.wrapping_add(1);
            self.packet.timestamp = self.packet.timestamp.wrapping_add(960);
            (Duration::from_millis(20) * place, self.packet.clone())
        };
        (0..count).map(next).collect()
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn over_ipv6_alone_media_flows() {
    let server = Server::start_with(Ipv6Addr::LOCALHOST.into(), &[]).await;
    let setup = Setup { local: Ipv6Addr::LOCALHOST.into(), ..Setup::of(Camera::One) };
    let mut receiver = Participant::join_with(server.http, "six", "Mira", setup).await;
    let sender = Participant::join_with(server.http, "six", "Sam", setup).await;
    let candidate = format!("udp 2130706431 ::1 {} typ host", server.media.port());
    assert!(sender.answer().contains(&candidate), "{}", sender.answer());
    play(&sender, &part(&capture::packets(), 3), |_| true).await;
    let received = receiver.received();
    let pictures = received.len() - sound(&received);
    assert!(sound(&received) > 120 && pictures > 250, "{} and {pictures}", sound(&received));
    sender.close().await;
    receiver.close().await;
}

/// Behind one-to-one NAT clients are told the outer address alone, and reach the server there. When the NAT gives them other
/// ports in the middle of the call, it goes on without anybody's new offer.
#[tokio::test(flavor = "multi_thread")]
async fn behind_nat_the_call_goes_by_the_external_address_and_outlives_its_ports() {
    let server = Server::start_with(INNER, &["--external", "127.0.0.1=127.0.0.2"]).await;
    let nat = Nat::start(OUTER, server.media).await;
    let mut receiver = Participant::join(server.http, "nat", "Mira", Camera::One).await;
    let sender = Participant::join(server.http, "nat", "Sam", Camera::One).await;
    let port = server.media.port();
    let candidates: Vec<&str> =
        sender.answer().lines().filter(|line| line.starts_with("a=candidate:")).collect();
    assert_eq!(
        candidates,
        [
            format!("a=candidate:1 1 udp 2130706431 127.0.0.2 {port} typ host"),
            format!("a=candidate:2 1 tcp 1520435199 127.0.0.2 {port} typ host tcptype passive"),
        ]
    );
    let (mut voice, mut received) = (Voice::of_the_capture(), 0);
    play(&sender, &voice.next(150), |_| true).await;
    let before = sound(&receiver.received());
    assert!(before > 120, "{before} of 150 packets");
    assert!(nat.longest_down(Kind::Rtp) > 0, "they came through the NAT");

    nat.forget().await;
    // A client's next check tells where it is: the library's come every few seconds.
    until("sound again", Duration::from_secs(20), async || {
        play(&sender, &voice.next(20), |_| true).await;
        received += sound(&receiver.received());
        (received > 0).then_some(())
    })
    .await;
    play(&sender, &voice.next(150), |_| true).await;
    let after = sound(&receiver.received());
    assert!(after > 120, "{after} of 150 packets");
    sender.close().await;
    receiver.close().await;
}

/// Everything goes over TCP: the handshake, sound, and pictures in three layers.
#[tokio::test(flavor = "multi_thread")]
async fn over_tcp_alone_media_flows() {
    let server = Server::start_with(INNER, &["--external", "127.0.0.1=127.0.0.2"]).await;
    let tunnel = Tunnel::start(OUTER, server.media).await;
    let mut receiver = Participant::join(server.http, "tcp", "Mira", Camera::One).await;
    let sender = Participant::join(server.http, "tcp", "Sam", Camera::One).await;
    play(&sender, &part(&capture::packets(), 3), |_| true).await;
    let received = receiver.received();
    let pictures = received.len() - sound(&received);
    assert!(sound(&received) > 120 && pictures > 250, "{} and {pictures}", sound(&received));
    assert_eq!(tunnel.connections(), 2);
    let metrics = server.get("/metrics").await.expect("metrics");
    assert!(metrics.contains("confab_tcp_connections_accepted_total"), "{metrics}");
    sender.close().await;
    receiver.close().await;
}

/// What is ours is short enough for any path, and what we forward hardly longer than it came.
#[tokio::test(flavor = "multi_thread")]
async fn no_datagram_of_ours_is_too_long_for_its_path() {
    let server = Server::start_with(INNER, &["--external", "127.0.0.1=127.0.0.2"]).await;
    let nat = Nat::start(OUTER, server.media).await;
    let receiver = Participant::join(server.http, "mtu", "Mira", Camera::One).await;
    let sender = Participant::join(server.http, "mtu", "Sam", Camera::Three).await;
    play(&sender, &capture::packets(), |_| true).await;
    for kind in [Kind::Stun, Kind::Dtls, Kind::Rtcp] {
        let length = nat.longest_down(kind);
        assert!((1..=OWN_MAX).contains(&length), "{kind:?}: {length} bytes");
    }
    let (came, went) = (nat.longest_up(Kind::Rtp), nat.longest_down(Kind::Rtp));
    assert!(came > 1_000 && went > 1_000, "{came} and {went} bytes");
    assert!(went <= came + GROWTH_MAX, "{went} bytes from {came}");
    sender.close().await;
    receiver.close().await;
}

const ORIENTATION: &str = "urn:3gpp:video-orientation";
const PLAYOUT: &str = "http://www.webrtc.org/experiments/rtp-hdrext/playout-delay";
const CAPTURED: &str = "http://www.webrtc.org/experiments/rtp-hdrext/abs-capture-time";

/// Each packet's own: its orientation (3GPP TS 26.114, section 7.4.5: camera, flip, rotation), playout delay (two times 12 bits),
/// capture time (long form), and level with the V bit (RFC 6464), all of them from its sequence number.
fn elements(sequence: u16) -> [(&'static str, Vec<u8>); 4] {
    let [high, low] = sequence.to_be_bytes();
    let mut captured = vec![0xe8, 0xa1, high, low, 0x80, 0, 0, 1];
    captured.extend([0, 0, 0, 0, 0x10, 0, high, low]);
    [
        (ORIENTATION, vec![low & 0x0f]),
        (PLAYOUT, vec![high, low, 0xf0]),
        (CAPTURED, captured),
        (LEVEL, vec![low]),
    ]
}

/// Publisher and receiver give the extensions different ids.
#[tokio::test(flavor = "multi_thread")]
async fn what_a_publisher_says_of_a_packet_beside_its_media_reaches_the_receiver() {
    let server = Server::start().await;
    let mine = Setup { extensions: &[CAPTURED, PLAYOUT, ORIENTATION], ..Setup::of(Camera::One) };
    let yours = Setup { extensions: &[ORIENTATION, CAPTURED, PLAYOUT], ..Setup::of(Camera::One) };
    let mut receiver = Participant::join_with(server.http, "say", "Mira", yours).await;
    let sender = Participant::join_with(server.http, "say", "Sam", mine).await;
    assert_ne!(sender.id(CAPTURED), receiver.id(CAPTURED));
    let packets = part(&capture::packets(), 3);
    let all = |_: &Rtp| true;
    pace(&packets, all, async |packet| {
        let own = elements(packet.sequence);
        let own = own.each_ref().map(|(uri, bytes)| (*uri, bytes.as_slice()));
        sender.send_with(packet, &own).await;
    })
    .await;
    let mut counts = [0; 2];
    for (kind, packet) in
        receiver.received().iter().filter(|(_, packet)| !packet.payload.is_empty())
    {
        let is_audio = *kind == RtpCodecKind::Audio;
        let element = |uri| packet.header.get_extension(receiver.id(uri)).map(|it| it.to_vec());
        let captured = element(CAPTURED).expect("a capture time");
        // By the number within it, it is known which packet this was.
        let sequence = u16::from_be_bytes([captured[2], captured[3]]);
        let (_, sent) = packets
            .iter()
            .find(|(_, sent)| sent.sequence == sequence && (sent.ssrc == AUDIO) == is_audio)
            .expect("a packet that was sent");
        assert!(packet.payload.ends_with(&sent.payload[sent.payload.len().saturating_sub(20)..]));
        for (uri, bytes) in elements(sequence) {
            if is_audio || uri != LEVEL {
                assert_eq!(element(uri), Some(bytes), "{uri} of {kind:?} {sequence}");
            }
        }
        counts[usize::from(is_audio)] += 1;
    }
    assert!(counts[0] > 250 && counts[1] > 120, "pictures and sound: {counts:?}");
    sender.close().await;
    receiver.close().await;
}
