//! Light participants, of whom load is made, against the real server: they see what they should before anything is measured with them.

use std::time::Duration;

use sfu::transport::dtls::Certificate;
use simulcast::Bitrate;
use tests::deadline::until;
use tools::peer::crowd::Crowd;
use tools::peer::signal::Signal;
use tools::peer::synthetic::{Encoding, camera, microphone};
use tools::peer::track::Track;
use tools::peer::{Devices, Identity, Keys, Peer};

use super::capture::{self, AUDIO, ENCODINGS};
use super::server::Server;

/// ICE, DTLS and all on one machine, while other tests run.
const CONNECTED: Duration = Duration::from_secs(15);

/// Lets somebody in, whose slots have these SSRCs; their WebSocket stays open beside.
async fn enter(server: &Server, crowd: &mut Crowd, seed: u64, tracks: Vec<Track>) -> Vec<u32> {
    let certificate = Certificate::generate().expect("a certificate");
    let devices = Devices { tracks, audio_slots: 3, video_slots: 4 };
    let identity = Identity { seed, certificate: certificate.clone() };
    let name = format!("Person {seed}");
    let mut signal = Signal::join(server.http, "crowd", &name).await.expect("they come in");
    let answer = signal.offer(&identity.offer(&devices)).await.expect("an answer");
    let voice = serde_json::json!({ "op": "voice", "muted": false, "deafened": false, "camera": true, "screen": false });
    signal.send(&voice).await.expect("the socket is open");
    tokio::spawn(signal.stay());
    let peer = Peer::new(crowd.now(), seed, &Keys::Dtls(certificate), &devices, &answer);
    crowd.admit(peer.expect("a candidate")).expect("a socket");
    answer.sections.iter().filter_map(|section| section.ssrc).map(|ssrc| ssrc.0).collect()
}

fn connect(crowd: &mut Crowd) {
    let end = crowd.now().0 + CONNECTED;
    let all =
        |members: &[tools::peer::crowd::Member]| members.iter().all(|one| one.peer.is_connected());
    crowd.run(end, all).expect("the poll works");
    assert!(all(crowd.members()), "everybody is connected within {CONNECTED:?}");
}

fn run(crowd: &mut Crowd, lasts: Duration) {
    let end = crowd.now().0 + lasts;
    crowd.run(end, |_| false).expect("the poll works");
}

#[tokio::test(flavor = "multi_thread")]
async fn light_participants_connect_publish_and_lose_nothing() {
    let server = Server::start().await;
    let mut crowd = Crowd::new().expect("a poll");
    let encoding = Encoding { bitrate: Bitrate::kbps(300), frame_rate: 30, pixels: (640, 360) };
    enter(&server, &mut crowd, 1, vec![microphone(20, 80), camera(&[encoding])]).await;
    for seed in 2..8 {
        enter(&server, &mut crowd, seed, Vec::new()).await;
    }
    tokio::task::block_in_place(|| {
        connect(&mut crowd);
        run(&mut crowd, Duration::from_secs(3));
    });
    let [publisher, receivers @ ..] = crowd.members_mut() else { panic!("eight of them") };
    let (sound, pictures) = publisher.peer.played();
    assert!(sound >= 100 && pictures >= 80, "{sound} {pictures}");
    assert_eq!(publisher.tally.packets, 0, "nobody else sends");
    for member in receivers {
        let tally = &mut member.tally;
        assert!(tally.packets >= 180 && tally.packets <= sound + pictures, "{}", tally.packets);
        assert_eq!((tally.missing, tally.duplicates), (0, 0));
        assert_eq!(tally.latencies.len() as u64, tally.packets, "every packet is stamped");
        assert!(tally.latency(500).is_some_and(|median| median < Duration::from_millis(100)));
        assert_eq!(member.peer.asked().garbage, 0);
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn the_capture_begins_anew_for_whoever_comes_late() {
    let server = Server::start().await;
    let mut crowd = Crowd::new().expect("a poll");
    let capture = capture::read();
    let tracks = vec![
        capture.microphone(AUDIO, 20).expect("sound"),
        capture.camera(&ENCODINGS).expect("three encodings"),
    ];
    enter(&server, &mut crowd, 1, tracks).await;
    enter(&server, &mut crowd, 2, Vec::new()).await;
    tokio::task::block_in_place(|| {
        connect(&mut crowd);
        run(&mut crowd, Duration::from_secs(2));
    });
    enter(&server, &mut crowd, 3, Vec::new()).await;
    let asked = crowd.members()[0].peer.asked().keyframes;
    tokio::task::block_in_place(|| {
        connect(&mut crowd);
        run(&mut crowd, Duration::from_secs(3));
    });
    let [publisher, first, late] = crowd.members() else { panic!("three of them") };
    assert!(publisher.peer.asked().keyframes > asked, "the late one needs a keyframe");
    // Of the highest encoding some 137 packets a second came, of sound 50: without a keyframe there would be sound alone.
    for member in [first, late] {
        assert!(member.tally.packets > 3 * 150, "{}", member.tally.packets);
        assert_eq!((member.tally.missing, member.tally.duplicates), (0, 0));
    }
}

/// What somebody can say of a slot to make a server work: asks again for a thousand packets, for a keyframe, and lowers the rate (RFC 4585,
/// sections 6.2.1 and 6.3.1; draft-alvestrand-rmcat-remb-03).
fn demands(slot: u32, first: u16) -> Vec<u8> {
    let words =
        |words: &[u32]| words.iter().flat_map(|word| word.to_be_bytes()).collect::<Vec<u8>>();
    let lost = (0..60).map(|place: u16| u32::from(first.wrapping_sub(17 * place)) << 16 | 0xffff);
    let nack: Vec<u32> = [0x81cd_003e, 1, slot].into_iter().chain(lost).collect();
    let remb = [0x8fce_0005, 1, 0, u32::from_be_bytes(*b"REMB"), 0x0100_0001, slot];
    [words(&[0x80c9_0001, 1]), words(&nack), words(&[0x81ce_0002, 1, slot]), words(&remb)].concat()
}

/// Somebody who is let in may say what they like: 2,000 times a second for three seconds that a thousand packets of each slot are
/// lost, that its picture is broken, and that the network carries next to nothing. Whoever else is there sees and hears all.
#[tokio::test(flavor = "multi_thread")]
async fn whoever_storms_with_feedback_harms_nobody_else() {
    let server = Server::start().await;
    let mut crowd = Crowd::new().expect("a poll");
    let encoding = Encoding { bitrate: Bitrate::kbps(300), frame_rate: 30, pixels: (640, 360) };
    enter(&server, &mut crowd, 1, vec![microphone(20, 80), camera(&[encoding])]).await;
    enter(&server, &mut crowd, 2, Vec::new()).await;
    let slots = enter(&server, &mut crowd, 3, Vec::new()).await;
    tokio::task::block_in_place(|| {
        connect(&mut crowd);
        run(&mut crowd, Duration::from_secs(1));
    });
    let (memory, asked) = (server.memory(), crowd.members()[0].peer.asked().keyframes);
    tokio::task::block_in_place(|| {
        for round in 0..300_u16 {
            let attacker = &mut crowd.members_mut()[2].peer;
            for (place, slot) in (0..20_u16).zip(slots.iter().cycle()) {
                attacker.say(demands(*slot, round.wrapping_mul(219).wrapping_add(place)));
            }
            run(&mut crowd, Duration::from_millis(10));
        }
    });
    let grown = server.memory().saturating_sub(memory);
    let [publisher, listener, _] = crowd.members_mut() else { panic!("three of them") };
    assert!(grown < 4 << 10, "the server grew by {grown} KiB");
    let asked = publisher.peer.asked().keyframes - asked;
    assert!((1..=8).contains(&asked), "{asked} keyframes in three seconds, one in 500 ms at most");
    let (sound, pictures) = publisher.peer.played();
    let tally = &mut listener.tally;
    assert!(tally.packets + 20 >= sound + pictures, "{} of {sound} and {pictures}", tally.packets);
    assert_eq!((tally.missing, tally.duplicates), (0, 0));
    assert!(tally.latency(990).is_some_and(|most| most < Duration::from_millis(100)));
    until("it is counted", Duration::from_secs(3), async || {
        let metrics = server.get("/metrics").await?;
        let of = |name: &str| {
            let line = metrics.lines().find_map(|line| line.strip_prefix(name))?;
            line.trim().parse::<u64>().ok()
        };
        let dropped = |reason: &str| of(&format!("confab_dropped_total{{reason=\"{reason}\"}}"));
        let refused = dropped("nack_too_many")? + dropped("repair_too_much")?;
        let asked = of("confab_keyframe_requests_total{direction=\"received\"}")?;
        (refused > 1_000_000 && asked >= 5_000).then_some(())
    })
    .await;
}
