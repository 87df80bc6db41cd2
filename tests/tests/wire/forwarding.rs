//! What one publishes is what another receives, byte for byte.

use std::time::Duration;

use rtc::rtp::packet::Packet;
use rtc::rtp_transceiver::rtp_sender::RtpCodecKind;
use tests::oracle::vp8::Descriptor;
use tests::packet::{Rtp, Unwrapped};
use tokio::time::{Instant, interval};

use super::capture::{self, AUDIO, ENCODINGS, Timed};
use super::participant::{Camera, Participant};
use super::server::Server;

/// Plays the packets that `is_played` at the pace of the capture.
pub(crate) async fn play(
    participant: &Participant,
    packets: &[Timed],
    is_played: impl Fn(&Rtp) -> bool,
) {
    let start = Instant::now();
    let mut tick = interval(Duration::from_millis(1));
    let mut rest = packets.iter().filter(|(_, packet)| is_played(packet)).peekable();
    while rest.peek().is_some() {
        tick.tick().await;
        while let Some((_, packet)) = rest.next_if(|(at, _)| *at <= start.elapsed()) {
            participant.send(packet).await;
        }
    }
}

/// What follows the descriptor, whose numbers a switch may change.
pub(crate) fn frame_bytes(payload: &[u8]) -> Vec<u8> {
    Descriptor::read(payload)
        .map(|descriptor| payload[descriptor.length..].to_vec())
        .unwrap_or_default()
}

/// From some packet on, what was sent came as it was, number by number: what is missing is a hole of the network's, and
/// no number was given away or left out.
pub(crate) fn assert_same(kind: &str, sent: &[Vec<u8>], received: &[(u16, Vec<u8>)], least: usize) {
    assert!(received.len() >= least, "{kind}: {} of {} packets came", received.len(), sent.len());
    let mut unwrapped = Unwrapped::default();
    let indexed: Vec<(i64, &Vec<u8>)> =
        received.iter().map(|(sequence, payload)| (unwrapped.index(*sequence), payload)).collect();
    let (first, payload) = indexed[0];
    let matches_from = |start: usize| {
        let place = |index: i64| usize::try_from(index - first).ok().map(|ahead| start + ahead);
        let is_same = |(index, payload): &&(i64, &Vec<u8>)| {
            place(*index).and_then(|place| sent.get(place)) == Some(*payload)
        };
        indexed.iter().filter(is_same).count()
    };
    // Packets of silence are all alike: any of them may be the first that came.
    let starts = (0..sent.len()).filter(|place| sent[*place] == *payload);
    let best = starts.map(matches_from).max();
    assert_eq!(best, Some(received.len()), "{kind}: packets that came as they were sent");
}

fn payloads(received: &[(RtpCodecKind, Packet)], kind: RtpCodecKind) -> Vec<(u16, Vec<u8>)> {
    let of_kind = received.iter().filter(|(of, packet)| *of == kind && !packet.payload.is_empty());
    of_kind.map(|(_, packet)| (packet.header.sequence_number, packet.payload.to_vec())).collect()
}

#[tokio::test(flavor = "multi_thread")]
async fn the_capture_comes_out_as_it_went_in() {
    comes_out_as_it_went_in(Server::start().await).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn the_capture_crosses_from_one_media_thread_to_another_as_it_is() {
    comes_out_as_it_went_in(Server::start_spread().await).await;
}

async fn comes_out_as_it_went_in(server: Server) {
    let mut receiver = Participant::join(server.http, "wire", "Mira", Camera::One).await;
    let sender = Participant::join(server.http, "wire", "Sam", Camera::One).await;
    let packets = capture::packets();
    play(&sender, &packets, |packet| packet.ssrc == AUDIO || packet.ssrc == ENCODINGS[2]).await;
    let slots = receiver.socket.expect("slots").await;
    assert!(
        slots["slots"].to_string().contains("\"camera\"")
            || slots["slots"].to_string().contains("\"microphone\"")
    );
    let received = receiver.received();
    let of = |ssrc: u32| {
        packets
            .iter()
            .filter(move |(_, packet)| packet.ssrc == ssrc)
            .map(|(_, packet)| &packet.payload)
    };
    let audio: Vec<Vec<u8>> = of(AUDIO).cloned().collect();
    assert_same("sound", &audio, &payloads(&received, RtpCodecKind::Audio), 450);
    let video: Vec<Vec<u8>> = of(ENCODINGS[2]).map(|payload| frame_bytes(payload)).collect();
    let seen: Vec<(u16, Vec<u8>)> = payloads(&received, RtpCodecKind::Video)
        .into_iter()
        .map(|(sequence, payload)| (sequence, frame_bytes(&payload)))
        .collect();
    assert_same("picture", &video, &seen, 1_200);
    sender.close().await;
    receiver.close().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn of_three_encodings_the_highest_comes_out_as_it_went_in() {
    let server = Server::start().await;
    let mut receiver = Participant::join(server.http, "wire", "Mira", Camera::One).await;
    let sender = Participant::join(server.http, "wire", "Sam", Camera::Three).await;
    let packets = capture::packets();
    play(&sender, &packets, |_| true).await;
    let all: Vec<Vec<Vec<u8>>> = ENCODINGS
        .iter()
        .map(|ssrc| {
            packets
                .iter()
                .filter(|(_, packet)| packet.ssrc == *ssrc)
                .map(|(_, packet)| frame_bytes(&packet.payload))
                .collect()
        })
        .collect();
    let mut counts = [0; 3];
    for (sequence, payload) in payloads(&receiver.received(), RtpCodecKind::Video) {
        let frame = frame_bytes(&payload);
        let layer = all.iter().position(|sent| sent.contains(&frame));
        counts[layer.unwrap_or_else(|| panic!("{sequence} is nothing that was sent"))] += 1;
    }
    assert!(counts[2] > 600, "mostly the highest: {counts:?}");
    sender.close().await;
    receiver.close().await;
}
