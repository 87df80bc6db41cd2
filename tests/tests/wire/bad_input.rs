//! Wrong input of every kind, while two people talk and notice nothing.

use std::time::Duration;

use serde_json::{Value, json};
use tokio::net::UdpSocket;
use tools::simnet::random::Random;

use super::capture::{self, AUDIO};
use super::forwarding::play;
use super::participant::{Camera, Participant};
use super::server::Server;
use super::socket::Socket;

/// Sends text and gives the error that answers it.
async fn error_of(socket: &mut Socket, text: &str) -> Value {
    socket.send_text(text.to_owned()).await;
    socket.expect("error").await
}

#[tokio::test(flavor = "multi_thread")]
async fn every_wrong_message_is_answered_with_its_code() {
    let mut server = Server::start().await;
    let mut socket = Socket::open(server.http).await;
    for (text, code) in [
        ("{", "bad_json"),
        ("[]", "bad_json"),
        ("\"join\"", "bad_json"),
        (r#"{"op":"join","channel":7,"name":"Sam","resume":null}"#, "bad_json"),
        (r#"{"op":"dance"}"#, "unknown_op"),
        (
            r#"{"op":"voice","muted":true,"deafened":false,"camera":true,"screen":false}"#,
            "not_joined",
        ),
        (r#"{"op":"join","channel":"wire","name":"  ","resume":null}"#, "bad_name"),
        (r#"{"op":"join","channel":"a b","name":"Sam","resume":null}"#, "bad_channel"),
    ] {
        let error = error_of(&mut socket, text).await;
        assert_eq!(error["code"], code, "{text}: {error}");
        assert_eq!(error["fault"], "peer", "{text}: {error}");
    }
    socket.send(&json!({ "op": "join", "channel": "wire", "name": "Sam", "resume": null })).await;
    socket.expect("welcome").await;
    for (message, code) in [
        (
            json!({ "op": "join", "channel": "wire", "name": "Sam", "resume": null }),
            "already_joined",
        ),
        (json!({ "op": "offer", "id": 1, "sdp": "", "tracks": [] }), "bad_sdp"),
        (json!({ "op": "offer", "id": 2, "sdp": "v=0\r\nnonsense", "tracks": [] }), "bad_sdp"),
        (
            json!({ "op": "view", "slots": [{ "mid": "77", "width": 1, "height": 1, "priority": 1 }] }),
            "bad_view",
        ),
    ] {
        let error = error_of(&mut socket, &message.to_string()).await;
        assert_eq!(error["code"], code, "{message}: {error}");
        assert_eq!(error["id"], message["id"], "{message}: {error}");
    }
    let oversized =
        json!({ "op": "join", "channel": "x".repeat(200_000), "name": "Sam", "resume": null });
    let mut other = Socket::open(server.http).await;
    other.send(&oversized).await;
    assert_eq!(other.expect_close().await, Some(1009));
    assert!(server.is_alive());
}

/// Random datagrams, and ones that begin like each kind the server knows.
async fn storm(server: &Server, seed: u64) {
    let socket = UdpSocket::bind("127.0.0.1:0").await.expect("a socket");
    let mut random = Random::new(seed);
    for number in 0_u64..20_000 {
        let length = usize::try_from(random.below(1_400)).expect("short");
        let mut datagram: Vec<u8> = (0..length).map(|_| random.next().to_be_bytes()[0]).collect();
        let begins = [0x00, 0x16, 0x80, 0x90, 0x40];
        if let (Some(first), Some(begin)) =
            (datagram.first_mut(), begins.get(usize::try_from(number % 7).expect("small")))
        {
            *first = *begin;
        }
        let _unreachable = socket.send_to(&datagram, server.media).await;
        if number % 64 == 0 {
            tokio::task::yield_now().await;
        }
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn two_who_talk_notice_nothing_of_what_others_send() {
    let mut server = Server::start().await;
    let mut receiver = Participant::join(server.http, "wire", "Mira", Camera::One).await;
    let sender = Participant::join(server.http, "wire", "Sam", Camera::One).await;
    let packets: Vec<_> =
        capture::packets().into_iter().take_while(|(at, _)| *at < Duration::from_secs(5)).collect();
    let nonsense = async {
        storm(&server, 1).await;
        for round in 0..20 {
            let mut socket = Socket::open(server.http).await;
            error_of(&mut socket, "nonsense").await;
            socket.send_text("x".repeat(round * 1_000)).await;
        }
    };
    tokio::join!(play(&sender, &packets, |packet| packet.ssrc == AUDIO), nonsense);
    let sent = packets.iter().filter(|(_, packet)| packet.ssrc == AUDIO).count();
    let heard = receiver.received().len();
    assert!(heard * 100 >= sent * 97, "{heard} of {sent} packets came");
    assert!(server.is_alive());
    let metrics = server.get("/metrics").await.expect("metrics");
    assert!(metrics.contains("drop"), "drops are counted: {metrics}");
    sender.close().await;
    receiver.close().await;
}
