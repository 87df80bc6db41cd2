//! Wrong input of every kind, while two people talk and notice nothing.

use std::collections::BTreeMap;
use std::time::Duration;

use rtc::rtp_transceiver::rtp_sender::RtpCodecKind;
use serde_json::{Value, json};
use tests::deadline::until;
use tests::packet::Unwrapped;
use tokio::time::interval;
use tools::simnet::random::Random;

use super::capture::{self, AUDIO, Timed};
use super::forwarding::play;
use super::participant::{Camera, Participant};
use super::server::Server;
use super::socket::Socket;
use super::{storm, streams};

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

/// What a browser offers, as it was recorded for the tests of signaling.
const OFFER: &str = include_str!("../../../signaling/tests/data/sdp/chromium_call.sdp");

/// How long the two talk.
const TALK: Duration = Duration::from_secs(5);

/// At 10,000 a second this ends shortly before the talk does.
const FORGERIES: u32 = 45_000;

/// Lengths of frames that are tried, each over a connection of its own.
const LENGTHS: u16 = 2_048;

/// Kibibytes by which the server may grow meanwhile: what Eve's joins and messages need, some pages of every thread's, and nothing that
/// grows with a storm of 30 MB.
const GROWTH_MAX: usize = 8 << 10;

/// The offer with lines left out, repeated, cut, or with a byte changed.
fn broken(random: &mut Random) -> String {
    let mut lines: Vec<String> = OFFER.lines().map(str::to_owned).collect();
    for _ in 0..=random.below(3) {
        let place = usize::try_from(random.below(lines.len() as u64)).expect("short");
        match random.below(4) {
            0 => drop(lines.remove(place)),
            1 => lines.insert(place, lines[place].clone()),
            2 => lines.truncate(place.max(1)),
            _ => {
                let line = &mut lines[place];
                let cut = usize::try_from(random.below(line.len() as u64 + 1)).expect("short");
                line.truncate(cut);
                line.push(char::from(b' ' + u8::try_from(random.below(95)).expect("small")));
            }
        }
    }
    lines.join("\r\n") + "\r\n"
}

/// Comes in, offers what cannot be answered and what barely can, and goes again: each offer gets its answer or a typed refusal.
async fn broken_offers(server: &Server, seed: u64) {
    let mut random = Random::new(seed);
    let mut tick = interval(Duration::from_millis(50));
    for _ in 0..3 {
        let (mut socket, _) = Socket::join(server.http, "wire", "Eve").await;
        for id in 0..20 {
            tick.tick().await;
            let offer =
                json!({ "op": "offer", "id": id, "sdp": broken(&mut random), "tracks": [] });
            socket.send(&offer).await;
            let outcome = loop {
                let message = socket.next().await.expect("the socket stays");
                if message["id"] == id {
                    break message;
                }
            };
            let codes = [json!("bad_sdp"), json!("unsupported")];
            let is_refusal = outcome["op"] == "error" && codes.contains(&outcome["code"]);
            assert!(outcome["op"] == "answer" || is_refusal, "{outcome}");
        }
        socket.send(&json!({ "op": "leave" })).await;
        assert_eq!(socket.expect_close().await, Some(1000));
    }
}

/// Wrong messages on new sockets, one too long on each; and once more messages than anybody needs.
async fn wrong_messages(server: &Server) {
    let mut tick = interval(Duration::from_millis(100));
    for round in 0..30 {
        tick.tick().await;
        let mut socket = Socket::open(server.http).await;
        for (text, code) in [("nonsense", "bad_json"), (r#"{"op":"dance"}"#, "unknown_op")] {
            assert_eq!(error_of(&mut socket, text).await["code"], code);
        }
        socket.send_text("x".repeat(131_073 + round)).await;
        assert_eq!(socket.expect("error").await["code"], "too_large");
        assert_eq!(socket.expect_close().await, Some(1009));
    }
    let mut socket = Socket::open(server.http).await;
    for _ in 0..201 {
        socket.send_text(r#"{"op":"pong","id":1}"#.to_owned()).await;
    }
    assert_eq!(socket.expect("error").await["code"], "too_many");
    assert_eq!(socket.expect_close().await, Some(4008));
}

/// The numbers of a metric, by what its only label says.
async fn counts(server: &Server, metric: &str) -> BTreeMap<String, u64> {
    let metrics = server.get("/metrics").await.expect("metrics");
    let counts = metrics.lines().filter_map(|line| {
        let (label, count) = line.strip_prefix(metric)?.strip_prefix('{')?.split_once("\"} ")?;
        Some((label.split_once('"')?.1.to_owned(), count.parse().ok()?))
    });
    counts.collect()
}

/// The sound that came is what was sent from its first packet to its last, without a hole.
fn assert_no_loss(receiver: &mut Participant, sent: usize) {
    let mut unwrapped = Unwrapped::default();
    let mut heard: Vec<i64> = receiver
        .received()
        .iter()
        .filter(|(kind, packet)| *kind == RtpCodecKind::Audio && !packet.payload.is_empty())
        .map(|(_, packet)| unwrapped.index(packet.header.sequence_number))
        .collect();
    heard.sort_unstable();
    let (first, last) = (heard.first().expect("sound"), heard.last().expect("sound"));
    let span = usize::try_from(last - first + 1).expect("rising");
    assert_eq!(heard.len(), span, "no hole in what was heard");
    // A voice is assigned to a slot with its first packets.
    assert!(heard.len() * 100 >= sent * 97, "{} of {sent} packets came", heard.len());
}

#[tokio::test(flavor = "multi_thread")]
async fn two_who_talk_notice_nothing_of_what_others_send() {
    let mut server = Server::start().await;
    let mut receiver = Participant::join(server.http, "wire", "Mira", Camera::One).await;
    let mut sender = Participant::join(server.http, "wire", "Sam", Camera::One).await;
    let packets: Vec<Timed> =
        capture::packets().into_iter().take_while(|(at, _)| *at < TALK).collect();
    let before = counts(&server, "confab_dropped_total").await;
    let memory = server.memory();
    tokio::join!(
        play(&sender, &packets, |packet| packet.ssrc == AUDIO),
        storm::rage(&server, FORGERIES, 1),
        broken_offers(&server, 2),
        wrong_messages(&server),
    );
    assert!(server.is_alive());
    let grown = server.memory().saturating_sub(memory);
    assert!(grown <= GROWTH_MAX, "the server grew by {grown} KiB");
    let sent = packets.iter().filter(|(_, packet)| packet.ssrc == AUDIO).count();
    assert_no_loss(&mut receiver, sent);
    // The media thread tells its counters once a second. The talk itself is dropped for none of these reasons.
    until("every forgery is counted", Duration::from_secs(5), async || {
        let after = counts(&server, "confab_dropped_total").await;
        let grown = storm::REASONS.map(|reason| after[reason] - before[reason]);
        let is_all = grown.iter().sum::<u64>() == u64::from(FORGERIES);
        (is_all && grown.iter().all(|count| *count > 0)).then_some(())
    })
    .await;
    for participant in [&mut receiver, &mut sender] {
        let told = participant.socket.waiting().await;
        let others: Vec<&Value> = told
            .iter()
            .filter(|message| message["op"] == "error" || message["op"] == "bye")
            .collect();
        assert!(others.is_empty(), "{others:?}");
    }
    sender.close().await;
    receiver.close().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn two_who_talk_notice_nothing_of_what_comes_over_tcp() {
    let mut server = Server::start().await;
    let mut receiver = Participant::join(server.http, "tcp", "Mira", Camera::One).await;
    let sender = Participant::join(server.http, "tcp", "Sam", Camera::One).await;
    let packets: Vec<Timed> =
        capture::packets().into_iter().take_while(|(at, _)| *at < TALK).collect();
    let memory = server.memory();
    let ((), too_long) = tokio::join!(
        play(&sender, &packets, |packet| packet.ssrc == AUDIO),
        streams::rage(&server, LENGTHS, 1),
    );
    assert!(server.is_alive());
    let grown = server.memory().saturating_sub(memory);
    assert!(grown <= GROWTH_MAX, "the server grew by {grown} KiB");
    let sent = packets.iter().filter(|(_, packet)| packet.ssrc == AUDIO).count();
    assert_no_loss(&mut receiver, sent);
    until("every frame that is too long is counted", Duration::from_secs(5), async || {
        let ended = counts(&server, "confab_tcp_connections_ended_total").await;
        (ended["too_long"] == too_long).then_some(())
    })
    .await;
    sender.close().await;
    receiver.close().await;
}
